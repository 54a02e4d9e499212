"""Small data that went wrong once, here or in other programs, and what is right."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlmlearn import POST_STRATEGIES, InputError, compare, fit

ENGINES = ["batch", pytest.param("pymer4", marks=pytest.mark.needs_r)]
pytestmark = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture(scope="module")
def sleep():
    return pd.read_csv("book/data/sleepstudy.csv")


@pytest.fixture(scope="module")
def one_treated():
    """One treated group of eight."""
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(8), 5)
    x = rng.normal(size=40)
    y = 0.8 * rng.normal(size=8)[g] + (0.1 + 0.4 * rng.normal(size=8)[g]) * x
    return pd.DataFrame({"g": g, "treated": g == 0, "x": x, "y": y + rng.normal(size=40)})


@pytest.mark.parametrize(
    ("days", "unit"),
    [(lambda day: day + 2010, 1), (lambda day: 86_400 * day, 86_400),
     (lambda day: 86_400 * (day + 2010), 86_400)],
    ids=["calendar", "seconds", "seconds of a calendar"],
)  # fmt: skip
def test_the_sleep_study_in_another_unit_or_from_another_zero(sleep, engine, days, unit):
    moved = sleep.assign(Days=days(sleep["Days"]))
    found = fit("mlm_full", "Reaction ~ Days", moved, group="Subject", engine=engine)
    slope = found.coefs.loc["Days"]
    assert slope["estimate"] * unit == pytest.approx(10.46729, abs=1e-4)
    assert slope["se"] * unit == pytest.approx(1.54579, abs=2e-5)
    assert slope["df"] == pytest.approx(17, abs=0.01)
    assert found.converged
    assert not found.singular
    assert found.messages == ()


def test_a_calendar_year_as_predictor(engine):
    # Twenty-five clinics whose trends differ: lme4 alone halves the standard error and says that
    # it converged, above the deviance of the model that is nested in this one.
    rng = np.random.default_rng(7)
    clinic, year = np.repeat(np.arange(25), 8), np.tile(np.arange(2012, 2020), 25)
    score = 50 + 6 * rng.normal(size=25)[clinic] + rng.normal(0.6, 1, 25)[clinic] * (year - 2015.5)
    data = pd.DataFrame({"clinic": clinic, "year": year, "score": score + 2 * rng.normal(size=200)})
    full, nested, two_stage = (
        fit(strategy, "score ~ year", data, group="clinic", engine=engine)
        for strategy in ("mlm_full", "mlm_intercept", "two_stage")
    )
    assert full.converged
    assert full.reml_deviance < nested.reml_deviance - 10
    # Balanced, so the slope is that of two-stage OLS.
    for column in ("estimate", "se", "df"):
        expected = two_stage.coefs.loc["year", column]
        assert full.coefs.loc["year", column] == pytest.approx(expected, rel=1e-4)


def test_one_treated_group_leaves_its_random_effect_open(one_treated, engine):
    asked = "y ~ treated + x + (treated + x | g)"
    found = fit("mlm_full", asked, one_treated, engine=engine)
    sure = fit("mlm_full", "y ~ treated + x", one_treated, group="g", engine=engine)
    # A random effect of one group's own changes nothing but its coefficient's standard error.
    assert found.reml_deviance == pytest.approx(sure.reml_deviance, abs=1e-5)
    assert not found.converged
    assert any("standard error of 'treated' is arbitrary" in text for text in found.messages)
    assert sure.converged
    assert not any("arbitrary" in text for text in sure.messages)
    assert sure.random == ("Intercept", "x")


def test_a_binary_predictor_of_people_leaves_open_what_does_not_matter(engine):
    rng = np.random.default_rng(5)
    g, x = np.repeat(np.arange(60), 6), np.tile(np.arange(6.0), 60)
    treat = g % 2
    y = 10 + rng.normal(size=60)[g] * (1 + treat) + (0.5 + 0.5 * rng.normal(size=60)[g]) * x
    data = pd.DataFrame({"g": g, "x": x, "treat": treat, "y": y + treat + rng.normal(size=360)})
    found = fit("mlm_full", "y ~ x + treat + (x + treat | g)", data, engine=engine)
    assert not any("arbitrary" in text for text in found.messages)
    if engine == "batch":  # lme4 says of such data that its Hessian is degenerate
        assert found.converged
        assert found.messages == ()
    # However the engines divide what is open, they agree on all else.
    ours = fit("mlm_full", "y ~ x + treat + (x + treat | g)", data)
    np.testing.assert_allclose(found.coefs["estimate"], ours.coefs["estimate"], rtol=1e-3)
    np.testing.assert_allclose(found.coefs["se"], ours.coefs["se"], rtol=1e-3)
    assert found.reml_deviance == pytest.approx(ours.reml_deviance, abs=1e-4)
    sure = fit("mlm_full", "y ~ x + treat", data, group="g", engine=engine)
    assert sure.converged
    assert sure.random == ("Intercept", "x")


@pytest.mark.parametrize("strategy", POST_STRATEGIES)
def test_an_outcome_of_people_is_refused(engine, strategy):
    data = pd.DataFrame({"g": np.repeat(range(6), 4), "x": np.tile(range(4), 6)})
    data["y"] = np.repeat([110.0, 97, 88, 105, 119, 102], 4)
    with pytest.raises(InputError, match=r"^the outcome 'y' never varies within a group, so that"):
        fit(strategy, "y ~ x", data, group="g", engine=engine)


def test_two_stage_on_six_rows(engine):
    data = pd.DataFrame({"g": [1, 1, 1, 2, 2, 2], "x": [0, 1, 2] * 2, "y": [1, 3, 3, 5, 7, 7.0]})
    found = fit("two_stage", "y ~ x", data, group="g", engine=engine)
    intercept, slope = found.coefs.loc["Intercept"], found.coefs.loc["x"]
    assert intercept["estimate"] == pytest.approx(10 / 3)
    assert intercept["se"] == pytest.approx(2)
    assert intercept["df"] == 1
    assert slope["estimate"] == pytest.approx(1)
    assert np.isnan(slope["se"])
    assert "all groups have the same coefficient" in found.messages[0]


def test_a_boolean_of_arrow_is_a_boolean(sleep, engine):
    late = sleep["Days"] > 4
    tables = [
        compare("Reaction ~ late", sleep.assign(late=late.astype(dtype)), group="Subject",
                engine=engine, strategies=["mlm_intercept", "two_stage"])
        for dtype in (bool, "bool[pyarrow]")
    ]  # fmt: skip
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_an_outcome_far_from_zero_is_fitted_or_a_matter_of_precision(sleep, engine):
    for strategy, shift in itertools.product(POST_STRATEGIES, (1e6, 1e9)):
        near, far = (
            fit(strategy, "Reaction ~ Days", sleep.assign(Reaction=sleep["Reaction"] + by),
                group="Subject", engine=engine)
            for by in (0, shift)
        )  # fmt: skip
        # Of nine digits before the point, six behind it are left.
        for name in ("estimate", "se", "df"):
            expected = near.coefs.loc["Days", name]
            assert far.coefs.loc["Days", name] == pytest.approx(expected, rel=1e-5)
        for name, by in (("estimate", shift), ("ci_low", shift), ("se", 0)):
            expected = near.coefs.loc["Intercept", name]
            assert far.coefs.loc["Intercept", name] - by == pytest.approx(expected, rel=1e-4)
        t = far.coefs["estimate"] / far.coefs["se"]
        np.testing.assert_allclose(far.coefs["p"], 2 * stats.t.sf(abs(t), far.coefs["df"]))
        assert far.reml_deviance == pytest.approx(near.reml_deviance, abs=1e-4, nan_ok=True)
        if near.group_coefs is not None:
            moved = (far.group_coefs - near.group_coefs)["Intercept"]
            np.testing.assert_allclose(moved - shift, 0, atol=1e-2)
    with pytest.raises(InputError, match=r"^the outcome 'Reaction' varies so little .* subtract"):
        fit("mlm_full", "Reaction ~ Days", sleep.assign(Reaction=sleep["Reaction"] + 1e12),
            group="Subject", engine=engine)  # fmt: skip


def test_the_group_in_the_index_dates_and_text(sleep, engine):
    indexed = sleep.set_index("Subject")
    expected = compare("Reaction ~ Days", sleep, group="Subject", engine=engine)
    found = compare("Reaction ~ Days", indexed, group="Subject", engine=engine)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    dated = sleep.assign(Days=pd.Timestamp("2024-01-01") + pd.to_timedelta(sleep["Days"], "D"))
    with pytest.raises(InputError, match=r"^'Days' holds dates or times; count time from a start"):
        fit("mlm_full", "Reaction ~ Days", dated, group="Subject", engine=engine)
    t = pd.to_datetime(dated["Days"])
    counted = sleep.assign(Days=(t - t.min()) / pd.Timedelta(days=1))
    found = compare("Reaction ~ Days", counted, group="Subject", engine=engine)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    half = sleep.assign(half=np.where(sleep["Days"] < 5, "first", "second"))
    text = fit("two_stage", "Reaction ~ half", half, group="Subject", engine=engine).coefs
    own = half.pivot_table("Reaction", "Subject", "half")
    change = own["second"] - own["first"]
    assert text.loc["half[T.second]", "estimate"] == pytest.approx(change.mean())
    assert text.loc["half[T.second]", "se"] == pytest.approx(change.std() / np.sqrt(18))
