"""The real data of the chapters on people who differ, analysed here and in R."""

import numpy as np
import pandas as pd
import pytest
from conftest import BOBYQA, ROOT, r_frame

from mlmlearn import compare, fit

pytestmark = pytest.mark.needs_r

STUDIES = {
    "trial": ("bdi ~ month * program", "patient", "month"),
    "rats": ("weight ~ Time * diet", "Rat", "Time"),
}


@pytest.fixture(scope="module")
def data():
    """Both data sets as the chapters use them; R has them under the same names."""
    trial = pd.read_csv(ROOT / "book/data/beat_the_blues.csv")
    trial["program"] = (trial["treatment"] == "BtheB").astype(int)
    rats = pd.read_csv(ROOT / "book/data/body_weight.csv").query("Diet != 2")
    rats = rats.assign(diet=(rats["Diet"] == 3).astype(int))
    return {"trial": trial, "rats": rats}


def in_r(code, data, name):
    """Evaluate R code about `df`, which gives a data frame with a row a coefficient."""
    from rpy2 import robjects

    _, group, _ = STUDIES[name]
    frame = data[name].select_dtypes("number")
    columns = {column: robjects.FloatVector(frame[column].astype(float)) for column in frame}
    robjects.globalenv["df"] = robjects.r["data.frame"](**columns)
    robjects.r(f"df${group} <- factor(df${group})")
    return r_frame(code)


def needs(package):
    from rpy2 import robjects

    if not robjects.r(f'nzchar(system.file(package = "{package}"))')[0]:
        pytest.skip(f"needs the R package {package}")


def test_the_trial_is_the_packages():
    needs("HSAUR3")
    ours = pd.read_csv(ROOT / "book/data/beat_the_blues.csv")
    theirs = r_frame("HSAUR3::BtheB")
    visits = {"bdi.pre": 0, "bdi.2m": 2, "bdi.3m": 3, "bdi.5m": 5, "bdi.8m": 8}
    long = theirs.assign(patient=np.arange(1, 101)).melt(
        ["patient", "drug", "length", "treatment"], list(visits), "month", "bdi"
    )
    long["month"] = long["month"].map(visits)
    long = long.query("bdi > -1").sort_values(["patient", "month"], ignore_index=True)
    for column in ours:
        assert ours[column].tolist() == long[column].tolist(), column


def test_the_rats_are_the_packages():
    ours = pd.read_csv(ROOT / "book/data/body_weight.csv")
    theirs = r_frame("nlme::BodyWeight")
    for column in ("weight", "Time"):
        assert ours[column].tolist() == theirs[column].tolist()
    for column in ("Rat", "Diet"):
        assert ours[column].astype(str).tolist() == theirs[column].astype(str).tolist()


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("strategy", ["mlm_full", "mlm_intercept"])
def test_multilevel_models_are_lme4s_and_nlmes(data, name, strategy):
    formula, group, within = STUDIES[name]
    found = fit(strategy, formula, data[name], group=group).coefs
    random = within if strategy == "mlm_full" else "1"
    model = f"{formula} + ({random} | {group}), df, control = {BOBYQA}"
    lme4 = in_r(f"coef(summary(lmerTest::lmer({model})))", data, name)
    np.testing.assert_allclose(found["estimate"], lme4["Estimate"], rtol=1e-3)
    np.testing.assert_allclose(found["se"], lme4["Std. Error"], rtol=2e-3)
    np.testing.assert_allclose(found["df"], lme4["df"], rtol=5e-3)
    # nlme searches in its own way; its degrees of freedom are others.
    nlme = in_r(
        f"summary(nlme::lme({formula}, random = ~ {random} | {group}, df))$tTable", data, name
    )
    np.testing.assert_allclose(found["estimate"], nlme["Value"], rtol=1e-3)
    np.testing.assert_allclose(found["se"], nlme["Std.Error"], rtol=2e-3)


@pytest.mark.parametrize("name", STUDIES)
def test_cr2_is_clubsandwichs(data, name):
    needs("clubSandwich")
    formula, group, _ = STUDIES[name]
    found = fit("cluster_robust_cr2", formula, data[name], group=group).coefs
    club = in_r(
        "suppressMessages(as.data.frame(clubSandwich::coef_test("
        f'lm({formula}, df), vcov = "CR2", cluster = df${group})))',
        data, name,
    )  # fmt: skip
    np.testing.assert_allclose(found["estimate"], club["beta"], rtol=1e-8)
    np.testing.assert_allclose(found["se"], club["SE"], rtol=1e-7)
    np.testing.assert_allclose(
        found["df"], club["df_Satt" if "df_Satt" in club else "df"], rtol=1e-6
    )


# In R: each rat's own slope, and its diet.
RATS_GAINS = (
    "own <- sapply(split(df, df$Rat), function(d) coef(lm(weight ~ Time, d))[[2]]);"
    "diet <- sapply(split(df, df$Rat), function(d) d$diet[1]);"
)


def test_two_stage_is_a_t_test_of_the_rats_gains(data):
    formula, group, _ = STUDIES["rats"]
    found = fit("two_stage", formula, data["rats"], group=group).coefs.loc["Time:diet"]
    test = in_r(
        f"local({{ {RATS_GAINS}"
        "test <- t.test(own[diet == 1], own[diet == 0], var.equal = TRUE);"
        "data.frame(t = test$statistic, df = test$parameter, p = test$p.value) })",
        data, "rats",
    )  # fmt: skip
    for column in ("t", "df", "p"):
        assert found[column] == pytest.approx(test[column].item(), rel=1e-8)
    # CR2's standard error is that of the t test with unequal variances.
    own = fit("cluster_robust_cr2", formula, data["rats"], group=group).coefs.loc["Time:diet"]
    welch = in_r(
        f"local({{ {RATS_GAINS}"
        "test <- t.test(own[diet == 1], own[diet == 0]);"
        "data.frame(t = test$statistic) })",
        data, "rats",
    )  # fmt: skip
    assert own["t"] == pytest.approx(welch["t"].item(), rel=1e-8)


def test_the_baseline_as_covariate_is_nlmes(data):
    trial = data["trial"]
    baseline = trial[trial["month"] == 0].set_index("patient")["bdi"]
    later = trial[trial["month"] > 0].copy()
    later["baseline"] = later["patient"].map(baseline) - baseline.mean()
    found = compare("bdi ~ month + program + baseline", later, group="patient",
                    strategies=["mlm_full"]).set_index("term")  # fmt: skip
    nlme = in_r(
        "summary(nlme::lme(bdi ~ month + program + baseline, df, ~ month | patient))$tTable",
        {"trial": later}, "trial",
    )  # fmt: skip
    np.testing.assert_allclose(found["estimate"], nlme["Value"], rtol=1e-3)
    np.testing.assert_allclose(found["se"], nlme["Std.Error"], rtol=2e-3)


def test_flipping_signs_is_what_pymer4_permutes(data):
    from pymer4.models import Lm2

    # The rats of diet 1, whose mean gain is far from zero, and their gains less most of it.
    rats = data["rats"].query("diet == 0").assign(Rat=lambda all: all["Rat"].astype(str))
    rats["weight"] = rats["weight"] - 0.3 * rats["Time"]
    model = Lm2("weight ~ Time", data=rats.reset_index(drop=True), group="Rat")
    np.random.seed(0)  # noqa: NPY002
    model.fit(permute=1999, summarize=False, verbose=False)
    p = model.coefs.loc["Time", "Perm-P-val"]
    gains = [np.polyfit(own["Time"], own["weight"], 1)[0] for _, own in rats.groupby("Rat")]
    patterns = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T
    exact = np.mean(np.abs(patterns @ gains) >= abs(np.sum(gains)) * (1 - 1e-12))
    assert 0.005 < exact < 0.2
    assert abs(p - exact) < 4 * np.sqrt(exact * (1 - exact) / 1999) + 1 / 2000
