"""The strategies against R called directly (reference.R), on the user's own rows and names."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import FORMULA, r_frame

from mlmlearn import Condition, engine_pymer4, fit, simulate

pytestmark = pytest.mark.needs_r

OLS = ("cluster_robust", "two_stage")
TESTS = ["estimate", "se", "df", "t", "p", "ci_low", "ci_high"]


def balanced():
    return simulate(Condition(20, 10, 0.5), seed=5).data, "DV", ["IV1", "IV2", "IV3"], "Group"


def unbalanced():
    """Groups of 4 to 15 rows, shuffled, named by strings that sort otherwise than by number."""
    data = simulate(Condition(25, 15, 1.0, n_predictors=2, noise_sd=2.0), seed=2).data
    keep = data.groupby("Group").cumcount() < 4 + data["Group"] * 7 % 12
    data = data[keep].sample(frac=1, random_state=1)
    data["Group"] = "person " + data["Group"].astype(str)
    return (
        data.rename(columns={"IV1": "my score (z)", "IV2": "a:b"}),
        "DV",
        [
            "my score (z)",
            "a:b",
        ],
        "Group",
    )


def orthodont():
    return r_frame("nlme::Orthodont"), "distance", ["age"], "Subject"


def chickweight():
    """Fifty chicks, some of which died early: 2 to 12 rows each."""
    chicks = r_frame("datasets::ChickWeight")
    return chicks.assign(Time=chicks["Time"] - 10), "weight", ["Time"], "Chick"


def oxboys():
    return r_frame("nlme::Oxboys"), "height", ["age"], "Subject"


def sleepstudy():
    return r_frame("lme4::sleepstudy"), "Reaction", ["Days"], "Subject"


DATA = (balanced, unbalanced, orthodont, chickweight, oxboys, sleepstudy)
# Rounding decides on ChickWeight, so the order of its rows, whether lme4's search for the full
# model ends with a gradient below or above its tolerance.
CLEAN = [
    (data, strategy)
    for data in DATA
    for strategy in ("mlm_full", "mlm_intercept")
    if (data, strategy) != (chickweight, "mlm_full")
]


def name(value):
    return getattr(value, "__name__", value)


@pytest.fixture
def as_they_are(monkeypatch):
    """Hand predictors to lme4 without centring and scaling them first."""

    def nothing(data):
        k = len(data.terms)
        return np.zeros(k), np.ones(k)

    # In the same columns lme4 must say the same, to the digits that its summary keeps.
    monkeypatch.setattr(engine_pymer4, "_standardising", nothing)


@pytest.fixture(scope="module", params=DATA, ids=name)
def data(request):
    return request.param()


@pytest.fixture(scope="module")
def pair_of(data, in_r):
    """Each strategy by mlmlearn and by R, when asked for."""
    df, outcome, predictors, group = data

    def pair(strategy):
        formula = f"{outcome} ~ {' + '.join(f'`{name}`' for name in predictors)}"
        result = fit(strategy, formula, df, group=group, engine="pymer4")
        return result, in_r(strategy, df, outcome, predictors, group)

    return pair


def assert_same_groups(result, expected, rtol):
    """Group by group, as R orders its labels in its own way."""
    by_label = pd.DataFrame(expected.group_coefs, index=expected.labels)
    ours = result.group_coefs.set_axis(result.group_coefs.index.astype(str))
    assert set(ours.index) == set(by_label.index)
    scale = np.abs(by_label).max(axis=0).to_numpy()
    difference = np.abs(ours.to_numpy() - by_label.loc[ours.index].to_numpy())
    assert (difference / scale).max() < rtol


@pytest.mark.parametrize("strategy", OLS)
def test_ols_strategies_equal_r(pair_of, strategy):
    result, expected = pair_of(strategy)
    np.testing.assert_allclose(result.coefs[TESTS], expected.coefs, rtol=1e-8)
    if strategy == "two_stage":
        assert_same_groups(result, expected, 1e-8)


@pytest.mark.parametrize(("data", "strategy"), CLEAN, indirect=["data"], ids=name)
def test_multilevel_models_equal_lme4_and_lmertest(as_they_are, pair_of, strategy):
    result, expected = pair_of(strategy)
    assert not expected.messages
    assert result.messages == ()
    assert result.converged
    expected_coefs = pd.DataFrame(expected.coefs, result.coefs.index, TESTS)
    for column in ("estimate", "se", "df", "t", "ci_low", "ci_high"):
        np.testing.assert_allclose(result.coefs[column], expected_coefs[column], rtol=1e-5)
    # A p value of 1e-30 magnifies the last digits of its t statistic, hence on a log scale.
    np.testing.assert_allclose(np.log(result.coefs["p"]), np.log(expected.p), rtol=1e-5)
    assert result.reml_deviance == pytest.approx(expected.reml_deviance.item(), rel=1e-8)
    assert result.residual_sd == pytest.approx(expected.residual_sd.item(), rel=1e-5)
    sd = np.sqrt(np.diag(expected.random_cov))
    difference = np.abs(result.random_cov.to_numpy() - expected.random_cov)
    assert (difference / np.outer(sd, sd)).max() < 1e-5
    assert_same_groups(result, expected, 1e-5)


def test_a_singular_fit_is_reported_as_lme4_reports_it(in_r):
    # Singular, at this deviance, in eight orders of its rows: not by rounding.
    df = simulate(Condition(10, 8, 0.1), seed=2, replication=1).data
    result = fit("mlm_full", FORMULA, df, group="Group", engine="pymer4")
    expected = in_r("mlm_full", df, "DV", ["IV1", "IV2", "IV3"], "Group")
    assert expected.singular.item()
    assert result.singular
    assert result.converged  # singular, and yet at an optimum
    said = [text for text in result.messages if not text.startswith("lmerTest: ")]
    assert said == [f"lme4: {text}" for text in expected.messages]
    assert result.reml_deviance == pytest.approx(expected.reml_deviance.item(), abs=1e-5)
    assert np.linalg.eigvalsh(result.random_cov).min() == pytest.approx(0, abs=1e-6)


def test_lmertests_warning_about_its_hessian_is_kept():
    from rpy2 import robjects

    simulated = simulate(Condition(10, 5, 0.1), seed=2, replication=1)
    robjects.globalenv["d"] = robjects.DataFrame(
        {name: robjects.FloatVector(column) for name, column in simulated.data.items()}
    )
    warnings = robjects.r("""
        said <- character()
        withCallingHandlers(
            suppressMessages(lmerTest::lmer(DV ~ IV1 + IV2 + IV3 + (IV1 + IV2 + IV3 | Group), d)),
            warning = function(w) {
                said <<- c(said, conditionMessage(w)); invokeRestart("muffleWarning")
            }
        )
        said
    """)
    expected = [" ".join(text.split()) for text in warnings]
    assert expected
    result = fit("mlm_full", simulated, engine="pymer4")
    kept = [message for message in result.messages if message.startswith("lmerTest: ")]
    assert kept == [f"lmerTest: {text}" for text in expected]


def test_predictors_are_centred_where_lme4_would_lose_its_way():
    trees = r_frame("MASS::Sitka")  # days since planting lie far from zero
    lme4s, ours = (
        fit("mlm_full", "size ~ Time", trees, group="tree", engine=e) for e in ("pymer4", "batch")
    )
    assert lme4s.converged
    assert lme4s.messages == ()
    assert lme4s.reml_deviance == pytest.approx(ours.reml_deviance, abs=1e-4)
    np.testing.assert_allclose(lme4s.coefs["se"], ours.coefs["se"], rtol=1e-3)


def test_a_search_that_ends_on_a_slope_is_not_converged_by_lme4s_own_measure(as_they_are):
    trees = r_frame("MASS::Sitka")
    result = fit("mlm_full", "size ~ Time", trees, group="tree", engine="pymer4")
    assert not result.converged
    assert not result.singular
    stated = re.search(r"^lme4: .* max\|grad\| = (\S+) \(tol", "\n".join(result.messages), re.M)
    assert stated[1] == f"{result.max_gradient:.6g}"
