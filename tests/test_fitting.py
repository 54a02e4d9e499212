"""What `fit` and `compare` give back, most of it through lme4 and pymer4."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import FORMULA

import mlmlearn
from mlmlearn import (
    POST_STRATEGIES,
    Condition,
    FitError,
    InputError,
    StrategyError,
    engine_pymer4,
    simulate,
)

pytestmark = pytest.mark.needs_r

# Unless a test names another engine.
fit, compare = (partial(function, engine="pymer4") for function in (mlmlearn.fit, mlmlearn.compare))

SLEEP = "Reaction ~ Days"
SLOPES = ["IV1", "IV2", "IV3"]

# Published values (lme4's documentation and papers), as the book prints them.
PUBLISHED = {
    "mlm_full": [(251.4051, 6.8246, 17.00), (10.46729, 1.54579, 17.00)],
    "mlm_intercept": [(251.4051, 9.7467, 22.81), (10.46729, 0.80422, 161)],
    "cluster_robust": [(251.4051, 6.8628, 16), (10.46729, 1.55445, 16)],
    "two_stage": [(251.4051, 6.8246, 17), (10.46729, 1.54579, 17)],
}
HALF_A_LAST_DIGIT = {
    "Intercept": (0.00005, 0.00005, 0.005),
    "Days": (0.000005, 0.000005, 0.005),
}


@pytest.fixture(scope="module")
def sleepstudy_fits(sleepstudy):
    return {
        strategy: fit(strategy, SLEEP, sleepstudy, group="Subject") for strategy in POST_STRATEGIES
    }


@pytest.fixture(scope="module")
def sleepstudy_table(sleepstudy):
    return compare(SLEEP, sleepstudy, group="Subject")


# Names and types are read before any strategy comes in, so the slowest need not see each.
FAST = ["mlm_intercept", "cluster_robust", "two_stage"]


def assert_same_numbers(table, expected):
    """The same bit for bit, names of terms and groups aside."""
    columns = ["strategy", "estimate", "se", "df", "t", "p", "ci_low", "ci_high", "singular"]
    rows = expected["strategy"].isin(table["strategy"])
    expected = expected.loc[rows, columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(table[columns], expected, check_exact=True)


@pytest.mark.parametrize("strategy", POST_STRATEGIES)
def test_sleepstudy_gives_the_published_values(sleepstudy_fits, strategy):
    result = sleepstudy_fits[strategy]
    assert result.coefs.index.tolist() == ["Intercept", "Days"]
    for term, published in zip(result.coefs.index, PUBLISHED[strategy], strict=True):
        found = result.coefs.loc[term, ["estimate", "se", "df"]]
        for value, stated, tolerance in zip(found, published, HALF_A_LAST_DIGIT[term], strict=True):
            assert abs(value - stated) <= tolerance * 1.0001
    assert (result.n_rows, result.n_groups) == (180, 18)
    assert (result.strategy, result.engine) == (strategy, "pymer4")
    assert result.converged
    assert not result.singular
    assert result.messages == ()


def test_sleepstudys_full_model_has_the_published_variance_components(sleepstudy_fits):
    # As printed by lme4 for Reaction ~ Days + (Days | Subject).
    result = sleepstudy_fits["mlm_full"]
    sd = np.sqrt(np.diag(result.random_cov))
    assert sd.round(3).tolist() == [24.741, 5.922]
    assert round(result.random_cov.loc["Intercept", "Days"] / sd.prod(), 2) == 0.07
    assert round(result.residual_sd, 3) == 25.592
    assert round(result.reml_deviance, 1) == 1743.6
    assert result.random_cov.columns.tolist() == ["Intercept", "Days"]


def test_a_printed_fit_tells_how_much_groups_differ(sleepstudy_fits):
    # As printed by lme4, to the digits that both print.
    said = str(sleepstudy_fits["mlm_full"])
    assert "SDs between groups: Intercept 24.74, Days 5.922" in said
    assert "residual SD 25.59" in said
    assert "SDs between" not in str(sleepstudy_fits["cluster_robust"])


def test_what_a_strategy_does_not_have_is_missing(sleepstudy_fits):
    assert sleepstudy_fits["cluster_robust"].group_coefs is None
    for strategy in ("cluster_robust", "two_stage"):
        result = sleepstudy_fits[strategy]
        assert result.random_cov is None
        assert np.isnan([result.residual_sd, result.reml_deviance, result.max_gradient]).all()
    assert sleepstudy_fits["mlm_intercept"].random_cov.shape == (1, 1)


def test_group_coefficients_are_indexed_by_the_users_labels(sleepstudy, sleepstudy_fits):
    for strategy in ("mlm_full", "mlm_intercept", "two_stage"):
        group_coefs = sleepstudy_fits[strategy].group_coefs
        assert group_coefs.index.name == "Subject"
        assert group_coefs.index.tolist() == sorted(sleepstudy["Subject"].unique())
        assert group_coefs.columns.tolist() == ["Intercept", "Days"]
    by_hand = np.polyfit(
        *sleepstudy.query("Subject == '335'")[["Days", "Reaction"]].T.to_numpy(), 1
    )
    found = sleepstudy_fits["two_stage"].group_coefs.loc["335"]
    np.testing.assert_allclose(found, by_hand[::-1], rtol=1e-10)


# Order and index.


def duplicated_index(df):
    return df.set_axis(np.zeros(len(df), int))


REORDERED = {
    "shuffled": lambda df: df.sample(frac=1, random_state=3),
    "shuffled, index renumbered": lambda df: df.sample(frac=1, random_state=3, ignore_index=True),
    "reversed": lambda df: df[::-1],
    "string index": lambda df: df.set_axis([f"row {i % 50}" for i in range(len(df))]),
    "one index value": duplicated_index,
    "group as index too": lambda df: df.set_index("Subject", drop=False),
    "columns reversed": lambda df: df[df.columns[::-1]],
}


@pytest.mark.parametrize("change", REORDERED)
def test_the_order_and_the_index_of_the_rows_change_nothing(sleepstudy, sleepstudy_table, change):
    assert_same_numbers(
        compare(SLEEP, REORDERED[change](sleepstudy), group="Subject"), sleepstudy_table
    )


def test_bare_pymer4_is_wrong_on_shuffled_rows(sleepstudy, sleepstudy_table):
    # The reason why rows are sorted and renumbered. Should this fail one day, pymer4 was
    # repaired, and the book's warning about it must go.
    from pymer4.models import Lm

    def standard_error(df):
        model = Lm("Reaction ~ Days", data=df)
        model.fit(robust="cluster", cluster="Subject", summarize=False)
        return model.coefs.loc["Days", "SE"]

    right = sleepstudy_table.query("strategy == 'cluster_robust' and term == 'Days'")["se"].item()
    assert standard_error(sleepstudy) == pytest.approx(right, rel=1e-10)
    shuffled = sleepstudy.sample(frac=1, random_state=3)
    assert abs(standard_error(shuffled) / right - 1) > 0.2


# Names and types.


def quoted(name):
    return str(name) if str(name).isidentifier() and name != "if" else f"`{name}`"


@pytest.mark.parametrize(
    ("outcome", "predictor", "group"),
    [
        ("y", "signal", "sigma"),
        ("my score (z)", "a:b", "person id"),
        ("1 + x", "x ~ y | z", "g (1 | h)"),
        ("Größe", "時間", "π"),
        ("log(y)", "I(x)", "C(g)"),
        (("a", "y"), ("a", "x"), ("b", "g")),
        ("g", "y", "x1"),
        ("TRUE", "if", "Intercept"),
    ],
)
def test_columns_may_have_any_name(sleepstudy, sleepstudy_table, outcome, predictor, group):
    columns = [outcome, predictor, group]
    renamed = sleepstudy[["Reaction", "Days", "Subject"]].set_axis(columns, axis=1)
    formula = f"{quoted(outcome)} ~ {quoted(predictor)}"
    found = compare(formula, renamed, group=group, strategies=FAST)
    assert found["term"].unique().tolist() == ["Intercept", str(predictor)]
    assert_same_numbers(found, sleepstudy_table)


LABELS = {
    "integers": lambda s: s.astype(int),
    "nullable integers": lambda s: s.astype("Int64"),
    "floats": lambda s: s.astype(float) / 7,
    "strings": lambda s: "person " + s,
    "pandas strings": lambda s: s.astype("string"),
    "categories, some unused": lambda s: s.astype("category").cat.add_categories(["000", "999"]),
    "mixed": lambda s: s.map(lambda label: int(label) if label < "340" else label),
    "dates": lambda s: pd.Timestamp("2020-01-01") + pd.to_timedelta(s.astype(int), unit="D"),
    "tuples": lambda s: s.map(lambda label: ("school", label)),
}


@pytest.mark.parametrize("kind", LABELS)
def test_group_labels_may_have_any_type(sleepstudy, sleepstudy_table, kind):
    relabelled = sleepstudy.assign(Subject=LABELS[kind](sleepstudy["Subject"]))
    assert_same_numbers(
        compare(SLEEP, relabelled, group="Subject", strategies=FAST), sleepstudy_table
    )
    labels = fit("two_stage", SLEEP, relabelled, group="Subject").group_coefs.index
    assert set(labels) == set(relabelled["Subject"])


def test_groups_are_matched_to_their_labels_whatever_their_order(sleepstudy, sleepstudy_fits):
    # Categories sort by their own order, here backwards.
    labels = sorted(sleepstudy["Subject"].unique(), reverse=True)
    backwards = sleepstudy.assign(Subject=pd.Categorical(sleepstudy["Subject"], labels))
    for strategy, tolerance in (("two_stage", 1e-12), ("mlm_full", 1e-5)):
        found = fit(strategy, SLEEP, backwards, group="Subject").group_coefs
        assert found.index.tolist() == labels
        expected = sleepstudy_fits[strategy].group_coefs.loc[labels]
        np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize("dtype", ["int8", "float32", "Int64", "Float64", "Sparse[float]"])
def test_predictors_may_have_any_numeric_type(sleepstudy, sleepstudy_table, dtype):
    changed = sleepstudy.assign(Days=sleepstudy["Days"].astype(dtype))
    assert_same_numbers(compare(SLEEP, changed, group="Subject", strategies=FAST), sleepstudy_table)


@pytest.mark.parametrize("dtype", [bool, "boolean", "bool[pyarrow]", object])
def test_a_boolean_predictor_counts_as_zero_and_one(sleepstudy, dtype):
    late = sleepstudy["Days"] > 4
    as_float, found = (
        compare(SLEEP, sleepstudy.assign(Days=late.astype(kind)), group="Subject", strategies=FAST)
        for kind in (float, dtype)
    )
    assert_same_numbers(found, as_float)


def test_the_order_of_the_predictors_is_that_of_the_terms(simulated):
    for strategy, tolerance in (("two_stage", 1e-11), ("mlm_intercept", 1e-5)):
        found = fit(strategy, "DV ~ IV3 + IV2 + IV1", simulated.data, group="Group").coefs
        assert found.index.tolist() == ["Intercept", "IV3", "IV2", "IV1"]
        expected = fit(strategy, simulated).coefs.loc[found.index]
        np.testing.assert_allclose(
            found[["estimate", "se"]], expected[["estimate", "se"]], tolerance
        )


# Units.


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])  # exact, so only lmerTest can differ
def test_results_follow_the_unit_of_the_outcome(simulated, scale):
    # lmerTest alone would give degrees of freedom that are wrong by any factor here.
    data = simulated.data
    for strategy in POST_STRATEGIES:
        expected = fit(strategy, FORMULA, data, group="Group")
        found = fit(strategy, FORMULA, data.assign(DV=scale * data["DV"]), group="Group")
        assert found.messages == ()
        pd.testing.assert_frame_equal(
            found.coefs.div([scale, scale, 1, 1, 1, scale, scale]), expected.coefs, rtol=1e-5
        )
        if expected.group_coefs is not None:
            pd.testing.assert_frame_equal(
                found.group_coefs / scale, expected.group_coefs, rtol=1e-5
            )
        if expected.random_cov is not None:
            pd.testing.assert_frame_equal(
                found.random_cov / scale**2, expected.random_cov, rtol=1e-5
            )
            assert found.residual_sd / scale == pytest.approx(expected.residual_sd, rel=1e-5)
            shift = 2 * (len(data) - 4) * np.log(scale)
            assert found.reml_deviance - shift == pytest.approx(expected.reml_deviance, rel=1e-8)


@pytest.mark.parametrize("scale", [1e-9, 1e9, 1e14])
@pytest.mark.parametrize("strategy", ["cluster_robust", "two_stage"])
def test_ols_results_follow_the_unit_of_a_predictor(simulated, strategy, scale):
    # pymer4's pseudo-inverses would drop the columns that are small beside others.
    data = simulated.data
    expected = fit(strategy, FORMULA, data, group="Group").coefs
    found = fit(strategy, FORMULA, data.assign(IV2=scale * data["IV2"]), group="Group").coefs
    found.loc["IV2", ["estimate", "se", "ci_low", "ci_high"]] *= scale
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize("strategy", ["cluster_robust", "two_stage"])
def test_ols_slopes_do_not_depend_on_the_origin_of_a_predictor(simulated, strategy):
    # A predictor such as a date, far from zero: pymer4 alone gives an SE 10,000 times too small.
    data = simulated.data
    slopes = SLOPES
    expected = fit(strategy, FORMULA, data, group="Group").coefs.loc[slopes]
    found = fit(strategy, FORMULA, data.assign(IV2=data["IV2"] + 1e4), group="Group").coefs.loc[
        slopes
    ]
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ["pymer4", "batch"])
@pytest.mark.parametrize("strategy", POST_STRATEGIES)
def test_a_predictor_far_from_zero_moves_the_intercept_alone(simulated, strategy, engine):
    # lme4 alone stops short, or finds the predictors linearly dependent; pymer4's OLS gets lost.
    near = fit(strategy, FORMULA, simulated.data, group="Group", engine=engine)
    for shift in (2010.0, 3e8):
        moved = simulated.data.assign(IV2=simulated.data["IV2"] + shift)
        far = fit(strategy, FORMULA, moved, group="Group", engine=engine)
        # The column itself has lost digits: 3e8 leaves eight of them.
        bound = 1e-5 if shift > 1e8 else 1e-6 if engine == "batch" else 1e-4
        slopes = SLOPES
        pd.testing.assert_frame_equal(
            far.coefs.loc[slopes, ["estimate", "se"]], near.coefs.loc[slopes, ["estimate", "se"]],
            rtol=max(bound, 1e-4 if engine == "pymer4" else 0),
        )  # fmt: skip
        np.testing.assert_allclose(far.coefs["df"][slopes], near.coefs["df"][slopes], rtol=1e-3)
        expected = near.coefs["estimate"]["Intercept"] - shift * near.coefs["estimate"]["IV2"]
        assert far.coefs["estimate"]["Intercept"] == pytest.approx(expected, rel=1e-4)
        # So far away, the intercept is as uncertain as the slope that leads there.
        if shift > 1e8:
            expected = shift * near.coefs["se"]["IV2"]
            assert far.coefs["se"]["Intercept"] == pytest.approx(expected, rel=1e-3)
            assert far.coefs["df"]["Intercept"] == pytest.approx(near.coefs["df"]["IV2"], rel=0.01)
        if near.random_cov is not None:
            assert far.reml_deviance == pytest.approx(near.reml_deviance, abs=1e-3)
            assert not far.singular
            assert far.converged


@pytest.mark.parametrize("strategy", POST_STRATEGIES)
def test_an_intercept_at_another_zero_is_what_the_batch_engine_says(sleepstudy, strategy):
    year = sleepstudy.assign(Days=sleepstudy["Days"] + 2010)
    lme4s, ours = (
        fit(strategy, SLEEP, year, group="Subject", engine=engine) for engine in ("pymer4", "batch")
    )
    numbers = ["estimate", "se", "df"]
    pd.testing.assert_frame_equal(lme4s.coefs[numbers], ours.coefs[numbers], rtol=1e-4)
    if ours.random_cov is not None:
        np.testing.assert_allclose(lme4s.random_cov, ours.random_cov, rtol=1e-3)
    if ours.group_coefs is not None:
        # Thousands of milliseconds at day 0 of the calendar: compare what they say of day 2015.
        at = np.array([1, 2015])[: lme4s.group_coefs.shape[1]]
        np.testing.assert_allclose(lme4s.group_coefs @ at, ours.group_coefs @ at, rtol=1e-4)


# Small and perfect data.


def test_two_groups_and_one_row_groups_are_enough_for_some(simulated):
    two = simulated.data[simulated.data["Group"] <= 2]
    table = compare("DV ~ IV1", two, group="Group")
    failed = table.groupby("strategy")["estimate"].agg(lambda column: column.isna().all())
    assert failed[failed].index.tolist() == ["cluster_robust"]
    one_row = simulated.data[(simulated.data["Group"] > 1) | (simulated.data.index == 0)]
    table = compare(FORMULA, one_row, group="Group")
    failed = table.groupby("strategy")["estimate"].agg(lambda column: column.isna().all())
    assert failed[failed].index.tolist() == ["two_stage"]


def test_two_stage_on_groups_without_a_spare_row_still_tests_the_mean(simulated):
    rows = simulated.data.groupby("Group").head(4)
    result = fit("two_stage", FORMULA, rows, group="Group")
    exact = [
        np.linalg.solve(np.column_stack([np.ones(4), part[SLOPES]]), part["DV"])
        for _, part in rows.groupby("Group")
    ]
    np.testing.assert_allclose(result.group_coefs, exact, rtol=1e-9)
    np.testing.assert_allclose(result.coefs["estimate"], np.mean(exact, axis=0), rtol=1e-9)


def test_a_perfect_fit_is_an_error_or_says_so():
    with pytest.raises(InputError, match=r"^the predictors determine the outcome 'DV' exactly"):
        fit("two_stage", simulate(Condition(10, 8, 0, noise_sd=0)))
    # Every person on a line of their own: two_stage can do it, mlm_full has no noise to find.
    lines = simulate(Condition(10, 8, 1, noise_sd=0))
    np.testing.assert_allclose(fit("two_stage", lines).group_coefs, lines.group_coefs, rtol=1e-9)
    for engine in ("pymer4", "batch"):
        with pytest.raises(StrategyError, match=r"^mlm_full could not be fitted: .* without any"):
            fit("mlm_full", lines, engine=engine)
    # The same slopes for all, without noise: the intercept has an SE and the slopes have none.
    data = lines.data
    data["DV"] = 2 * data["IV1"] - data["IV2"] + data["Group"]
    for engine in ("pymer4", "batch"):
        found = fit("two_stage", FORMULA, data, group="Group", engine=engine)
        assert found.messages == (
            "mlmlearn: no usable standard error for IV1, IV2, IV3; is the fit perfect, or do all "
            "groups have the same coefficient?",
        )
        assert found.coefs["se"].isna().tolist() == [False, True, True, True]
        with pytest.raises(StrategyError, match=r"^mlm_intercept could not be .* without any"):
            fit("mlm_intercept", FORMULA, data, group="Group", engine=engine)


# Compare.


def test_compare_is_tidy_and_keeps_the_order_asked_for(sleepstudy, sleepstudy_fits):
    chosen = ["two_stage", "mlm_intercept", "cluster_robust"]
    table = compare(SLEEP, sleepstudy, group="Subject", strategies=iter(chosen))
    assert table.columns.tolist() == [
        *["strategy", "term", "estimate", "se", "df", "t", "p", "ci_low", "ci_high"],
        *["converged", "singular", "message"],
    ]
    assert table["strategy"].tolist() == [name for name in chosen for _ in range(2)]
    assert table["term"].tolist() == ["Intercept", "Days"] * 3
    assert table["message"].eq("").all()
    for strategy, rows in table.groupby("strategy"):
        expected = sleepstudy_fits[strategy].coefs
        pd.testing.assert_frame_equal(
            rows.set_index("term")[list(expected.columns)], expected, check_exact=True
        )


def test_compare_takes_one_strategy_by_name(sleepstudy):
    table = compare(SLEEP, sleepstudy, group="Subject", strategies="two_stage")
    assert table["strategy"].unique().tolist() == ["two_stage"]


def test_compare_needs_no_names_for_simulated_data_and_adds_the_truth(simulated):
    table = compare(simulated)
    assert table.columns.tolist()[:4] == ["strategy", "term", "truth", "estimate"]
    assert table["strategy"].unique().tolist() == list(POST_STRATEGIES)
    assert table["truth"].tolist() == [*simulated.betas] * 4
    expected = compare(FORMULA, simulated.data, group="Group")
    pd.testing.assert_frame_equal(table.drop(columns="truth"), expected, check_exact=True)


def test_simulated_data_bring_everything_along(simulated):
    message = r"^simulated data know their formula and group; give nothing else, or a formula and"
    for call in (
        lambda: fit("two_stage", simulated, simulated.data),
        lambda: compare(simulated, group="Group"),
    ):
        with pytest.raises(InputError, match=message):
            call()
    part = compare("DV ~ IV3 + IV1", simulated.data, group="Group", strategies=["two_stage"])
    assert part["term"].tolist() == ["Intercept", "IV3", "IV1"]
    assert "truth" not in part


def test_a_strategy_that_cannot_analyse_the_data_keeps_its_rows_with_the_reason(simulated):
    few = simulated.data.groupby("Group").head(3)
    table = compare(FORMULA, few, group="Group").set_index("strategy")
    assert table.groupby(level=0, sort=False).size().to_dict() == dict.fromkeys(POST_STRATEGIES, 4)
    numbers = ["estimate", "se", "df", "t", "p", "ci_low", "ci_high"]
    for strategy, reason in (("two_stage", "needs at least 4 rows"), ("mlm_full", "needs more")):
        rows = table.loc[strategy]
        assert rows[numbers].isna().all(axis=None)
        assert rows["term"].tolist() == ["Intercept", "IV1", "IV2", "IV3"]
        assert not rows["converged"].any()
        assert rows["message"].str.contains(reason).all()
    assert table.loc[["mlm_intercept", "cluster_robust"], numbers].notna().all(axis=None)


def test_a_fit_that_r_gives_up_keeps_its_rows_with_the_reason(simulated, monkeypatch):
    from rpy2 import robjects

    stopping = robjects.r("function(...) stop('the matrix is not positive definite')")
    monkeypatch.setattr(engine_pymer4, "_inspector", lambda: stopping)
    message = r"^mlm_full could not be fitted; R says: .* not positive definite"
    with pytest.raises(FitError, match=message):
        fit("mlm_full", simulated, engine="pymer4")
    table = compare(simulated, engine="pymer4").set_index("strategy")
    assert table.loc["mlm_full", "estimate"].isna().all()
    assert table.loc["mlm_full", "message"].str.contains(message).all()
    assert table.loc[["cluster_robust", "two_stage"], "estimate"].notna().all()


def test_fitting_leaves_the_data_and_the_screen_alone(simulated, capfd):
    before = simulated.data.copy()
    compare(FORMULA, simulated.data, group="Group")
    compare(simulate(Condition(10, 5, 0.1), seed=2, replication=1))
    pd.testing.assert_frame_equal(simulated.data, before)
    assert capfd.readouterr() == ("", "")
