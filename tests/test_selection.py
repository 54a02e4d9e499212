"""Which random effects: chosen by tests, held off zero by a prior, read by their components."""

import numpy as np
import pandas as pd
import pytest
from conftest import r_frame
from power import (
    at_equal_size,
    ideal_effect,
    mixture_p,
    mixture_point,
    noticed,
    with_effect,
    with_power,
)
from scipy import optimize, stats

from mlmlearn import STRATEGIES, Condition, Grid, InputError, fit, performance, run, simulate
from mlmlearn.strategies import mlm_selected

SLEEP = pd.read_csv("book/data/sleepstudy.csv")


def data_set(seed, slopes, n_groups=30, n_obs=8):
    condition = Condition(n_groups, n_obs, (0.7, *slopes))
    return simulate(condition, seed=seed)


# Chosen by tests.

CASES = {
    "sleepstudy": (SLEEP, "Reaction ~ Days", "Subject"),
    "no slopes": (data_set(1, (0, 0)).data, "DV ~ IV1 + IV2", "Group"),
    "one slope": (data_set(2, (0.5, 0)).data, "DV ~ IV1 + IV2", "Group"),
    "the other slope": (data_set(3, (0, 0.6)).data, "DV ~ IV1 + IV2", "Group"),
    "two slopes": (data_set(3, (0.5, 0.5)).data, "DV ~ IV1 + IV2", "Group"),
    "all correlated": (
        data_set(5, (0.6, 0.5)).data.assign(DV=lambda d: d["DV"] + d.groupby("Group")["DV"]
                                            .transform("mean") * (d["IV1"] + d["IV2"])),
        "DV ~ IV1 + IV2",
        "Group",
    ),
}  # fmt: skip
KEPT = {
    "sleepstudy": ("Intercept", "Days"),
    "no slopes": ("Intercept",),
    "one slope": ("Intercept", "IV1"),
    "the other slope": ("Intercept", "IV2"),
    "two slopes": ("Intercept", "IV1", "IV2"),
    "all correlated": ("Intercept", "IV1", "IV2"),
}


@pytest.mark.needs_r
@pytest.mark.parametrize("case", CASES)
def test_selection_goes_the_way_of_anova_on_lme4s_fits(case):
    from rpy2 import robjects

    data, formula, group = CASES[case]
    columns = {name: robjects.FloatVector(data[name].to_numpy(float)) for name in data}
    robjects.globalenv["d"] = robjects.r["data.frame"](**columns)
    slopes = formula.split(" ~ ")[1].split(" + ")

    def lmer(name, random):
        robjects.r(
            f"{name} <- lmerTest::lmer({formula} + {random}, d, control = "
            'lme4::lmerControl(optimizer = "bobyqa", calc.derivs = FALSE))'
        )

    def p_value(larger, smaller):
        test = f'anova({larger}, {smaller}, refit = FALSE)[["Pr(>Chisq)"]][2]'
        return float(robjects.r(f"suppressMessages({test})")[0])

    def uncorrelated(name, kept):
        lmer(name, f"({' + '.join(kept)} || {group})" if kept else f"(1 | {group})")

    lmer("found", f"({' + '.join(slopes)} | {group})")
    uncorrelated("smaller", slopes)
    correlated = p_value("found", "smaller") <= mlm_selected.ALPHA
    while not correlated:
        robjects.r("found <- smaller")
        if not slopes:
            break
        deviances = []
        for slope in slopes:
            uncorrelated("smaller", [one for one in slopes if one != slope])
            deviances.append(float(robjects.r("lme4::REMLcrit(smaller)")[0]))
        fewer = [one for i, one in enumerate(slopes) if i != np.argmin(deviances)]
        uncorrelated("smaller", fewer)
        if p_value("found", "smaller") <= mlm_selected.ALPHA:
            break
        slopes = fewer
    theirs = r_frame("coef(summary(found))")
    ours = fit("mlm_selected", formula, data, group=group)
    assert ours.random == ("Intercept", *slopes) == KEPT[case]
    said = f"mlmlearn: kept random effects of {', '.join(ours.random)}"
    if slopes:
        said += f", {'with' if correlated else 'without'} correlations"
    assert ours.messages[0] == said
    assert correlated == (case == "all correlated")
    for name, column in (("estimate", "Estimate"), ("se", "Std. Error"), ("df", "df")):
        np.testing.assert_allclose(ours.coefs[name], theirs[column], rtol=2e-3, err_msg=name)
    assert ours.reml_deviance == pytest.approx(
        float(robjects.r("lme4::REMLcrit(found)")[0]), abs=1e-4
    )


def test_what_is_selected_is_one_of_the_fits_it_is_selected_from():
    simulated = [data_set(seed, (0.2, 0.2), n_groups=15) for seed in range(12)]
    seen = set()
    for one in simulated:
        found = fit("mlm_selected", one)
        if len(found.random) == 1:
            other = fit("mlm_intercept", one)
        elif "with correlations" in found.messages[0]:
            other = fit("mlm_full", one)
        else:
            slopes = " + ".join(found.random[1:])
            formula = f"{one.formula} + ({slopes} || Group)"
            other = fit("mlm_uncorrelated", formula, one.data)
        pd.testing.assert_frame_equal(found.coefs, other.coefs, rtol=1e-6)
        assert found.reml_deviance == pytest.approx(other.reml_deviance, abs=1e-7)
        seen.add(found.messages[0])
    assert len(seen) > 3


def test_each_data_set_of_a_batch_goes_its_own_way():
    grid = Grid([15], [8], [(0.7, 0.2)], 30, n_predictors=2)
    results = run(grid, strategies=["mlm_selected"], progress=False)
    assert results.diagnostics["messages"].nunique() > 3
    for row in results.diagnostics.iloc[::5].to_dict("records"):
        alone = fit("mlm_selected", results.dataset(row))
        assert "; ".join(alone.messages) == row["messages"]
        assert alone.reml_deviance == pytest.approx(row["reml_deviance"], abs=1e-7)


def test_without_slopes_there_is_nothing_to_select():
    data = data_set(1, (0, 0)).data
    found = fit("mlm_selected", "DV ~ 1", data, group="Group")
    assert found.messages == ("mlmlearn: kept random effects of Intercept",)


# A prior.


def directly(data, columns, m):
    """Find the mode over all entries of a Cholesky factor, from the rows and their n x n matrix."""
    X = np.column_stack([np.ones(len(data)), data[columns]])
    y, codes = data["DV"].to_numpy(), data["Group"].to_numpy()
    n, k = X.shape
    same, entries = codes[:, None] == codes, np.tril_indices(m)

    def at(theta):
        L = np.zeros((m, m))
        L[entries] = theta
        Z = X[:, :m] @ L
        inverse = np.linalg.inv(V := np.eye(n) + Z @ Z.T * same)
        information = X.T @ inverse @ X
        beta = np.linalg.solve(information, X.T @ inverse @ y)
        s2 = (y - X @ beta) @ inverse @ (y - X @ beta) / (n - k)
        deviance = sum(np.linalg.slogdet(M)[1] for M in (V, information))
        deviance += (n - k) * (1 + np.log(2 * np.pi * s2))
        se = np.sqrt(s2 * np.diag(np.linalg.inv(information)))
        return deviance, beta, se, s2 * L @ L.T, deviance - np.linalg.slogdet(L @ L.T)[1]

    tries = [
        optimize.minimize(
            lambda theta: at(theta)[-1], size * np.eye(m)[entries], options={"gtol": 1e-7}
        )
        for size in (0.2, 1)
    ]
    return at(min(tries, key=lambda one: one.fun).x)


@pytest.mark.parametrize(
    ("seed", "slopes"), [(1, (0, 0)), (2, (0.4, 0)), (3, (0.1, 0.5)), (4, (1, 1))]
)
def test_the_penalised_fit_is_the_mode_that_a_direct_search_finds(seed, slopes):
    data = data_set(seed, slopes, n_groups=10, n_obs=6).data
    data = data[data.groupby("Group").cumcount() < 3 + data["Group"] % 4]
    data["age"] = (data["Group"] * 7 % 10).astype(float)
    deviance, beta, se, cov, _ = directly(data, ["IV1", "IV2", "age"], 3)
    found = fit("mlm_penalised", "DV ~ IV1 + IV2 + age", data, group="Group")
    assert found.reml_deviance == pytest.approx(deviance, abs=1e-5)
    np.testing.assert_allclose(found.coefs["estimate"], beta, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.coefs["se"], se, rtol=1e-5)
    np.testing.assert_allclose(found.random_cov, cov, rtol=1e-3, atol=1e-5)
    assert found.random == ("Intercept", "IV1", "IV2")
    assert found.converged
    assert not found.singular


def test_with_an_intercept_alone_the_prior_is_a_line_of_algebra():
    # Balanced data: |V| and s^2 depend on sums of squares within and between people alone.
    data = data_set(7, (0, 0), n_groups=9, n_obs=5).data
    means = data.groupby("Group")["DV"].transform("mean")
    within = ((data["DV"] - means) ** 2).sum()
    between = ((means - data["DV"].mean()) ** 2).sum()

    def penalised(log_ratio):
        spread = 1 + 5 * np.exp(log_ratio)
        return 8 * np.log(spread) + 44 * np.log(within + between / spread) - log_ratio

    ratio = np.exp(optimize.minimize_scalar(penalised, bounds=(-9, 9), method="bounded").x)
    found = fit("mlm_penalised", "DV ~ 1", data, group="Group")
    s2 = (within + between / (1 + 5 * ratio)) / 44
    assert found.random_cov.iloc[0, 0] == pytest.approx(s2 * ratio, rel=1e-4)
    assert found.coefs.loc["Intercept", "se"] == pytest.approx(
        np.sqrt(s2 * (ratio + 1 / 5) / 9), rel=1e-5
    )


def test_the_prior_knows_neither_zero_nor_unit_and_keeps_every_dimension():
    found = [
        fit("mlm_penalised", "Reaction ~ Days", SLEEP.assign(Days=days), group="Subject")
        for days in (SLEEP["Days"], SLEEP["Days"] + 2010, 24 * SLEEP["Days"])
    ]
    t = [one.coefs.loc["Days", ["t", "df"]].to_numpy(float) for one in found]
    np.testing.assert_allclose(t[1:], t[:1] * 2, rtol=1e-6)
    small = run(
        Grid([5, 10], [5], [(0, 0), (1, 0)], 100), strategies=["mlm_full", "mlm_penalised"],
        progress=False,
    ).diagnostics  # fmt: skip
    small = small.set_index("strategy")
    assert small.loc["mlm_penalised", "converged"].all()
    assert small.loc["mlm_full", "singular"].mean() > 0.9
    assert not small.loc["mlm_penalised", "singular"].any()
    above = (
        small.loc["mlm_penalised", "reml_deviance"].to_numpy()
        - small.loc["mlm_full", "reml_deviance"].to_numpy()
    )
    assert above.min() > 0
    one = fit("mlm_penalised", data_set(3, (0, 0), n_groups=6))
    assert one.random_pca()["sd"].min() > 0.02


# Principal components.


@pytest.mark.needs_r
def test_components_are_those_of_repca():
    from rpy2 import robjects

    data = data_set(4, (0.5, 0.5)).data
    columns = {name: robjects.FloatVector(data[name].to_numpy(float)) for name in data}
    robjects.globalenv["d"] = robjects.r["data.frame"](**columns)
    robjects.r("m <- lme4::lmer(DV ~ IV1 + IV2 + (IV1 + IV2 | Group), d)")
    sd = np.array(robjects.r("lme4::rePCA(m)$Group$sdev"))
    rotation = np.array(robjects.r("lme4::rePCA(m)$Group$rotation"))
    ours = fit("mlm_full", "DV ~ IV1 + IV2", data, group="Group").random_pca()
    np.testing.assert_allclose(ours["sd"], sd, rtol=1e-3)
    np.testing.assert_allclose(ours["share"], sd**2 / (sd**2).sum(), rtol=1e-3)
    loadings = ours[["Intercept", "IV1", "IV2"]].to_numpy()
    np.testing.assert_allclose(np.abs(loadings), np.abs(rotation.T), atol=2e-3)


def test_a_lost_dimension_is_a_component_of_no_size():
    lost = simulate(Condition(n_groups=10, n_obs=5, group_sd=0.1), replication=1)
    found = fit("mlm_full", lost)
    components = found.random_pca()
    assert found.singular
    assert (components["sd"] < 1e-3).sum() == 1
    assert components["share"].sum() == pytest.approx(1)
    loadings, sd = components[list(found.random)].to_numpy(), components["sd"].to_numpy()
    again = loadings.T @ np.diag((sd * found.residual_sd) ** 2) @ loadings
    np.testing.assert_allclose(again, found.random_cov, atol=1e-12)
    with pytest.raises(InputError, match=r"^two_stage has no random effects, and so no components"):
        fit("two_stage", lost).random_pca()


# Power.


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_added_effect_moves_the_estimate_and_nothing_else(strategy):
    simulated = simulate(Condition(12, 6, (0.8, 0.3), betas=(0, 0)), seed=3)
    with_one = simulated.data.assign(DV=simulated.data["DV"] + 0.4 * simulated.data["IV1"])
    without = fit(strategy, "DV ~ IV1", simulated.data, group="Group").coefs.loc["IV1"]
    found = fit(strategy, "DV ~ IV1", with_one, group="Group").coefs.loc["IV1"]
    moved = with_effect(pd.DataFrame([without.to_dict() | {"truth": 0.0}]), 0.4).iloc[0]
    names = ["estimate", "se", "df", "ci_low", "ci_high", "t", "p"]
    if strategy == "wild_bootstrap":
        names = names[:2] + names[3:6]
        assert np.isnan(moved["p"])
    np.testing.assert_allclose(found[names].astype(float), moved[names].astype(float), rtol=1e-5)


def test_at_equal_size_two_tests_that_differ_in_size_alone_have_the_same_power():
    rng = np.random.default_rng(8)
    z = rng.standard_normal(20_000)
    for inflated in (0.7, 1, 1.5):
        null_p, effect_p = (2 * stats.norm.sf(np.abs(inflated * x)) for x in (z, z + 2))
        found, mcse = at_equal_size(null_p, effect_p)
        expected = stats.norm.sf(1.96 - 2) + stats.norm.cdf(-1.96 - 2)
        assert abs(found - expected) < 4 * mcse
    assert np.isnan(at_equal_size(null_p[:19], effect_p[:19])).all()


def test_the_error_of_power_at_equal_size_is_that_of_repeated_studies():
    rng = np.random.default_rng(4)
    found = []
    for z in rng.standard_normal((400, 500)):
        null_p, effect_p = (2 * stats.norm.sf(np.abs(x)) for x in (z, z + 2.5))
        found.append(at_equal_size(null_p, effect_p))
    power, mcse = np.transpose(found)
    # The SD of 400 studies is itself known to 3.5 %; a binomial's is half as large.
    assert np.sqrt((mcse**2).mean()) == pytest.approx(power.std(ddof=1), rel=0.12)


def test_the_ideal_effect_is_found_in_eighty_of_a_hundred_where_its_standard_error_is_known():
    condition = Condition(40, 8, (1, 0.5), betas=(0, 0))
    effect = ideal_effect(condition)
    se = effect / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert se == pytest.approx(np.sqrt((0.25 + 1 / 8) / 40))
    assert stats.norm.sf(1.96 - effect / se) == pytest.approx(0.8, abs=1e-4)


def test_power_is_that_of_data_drawn_with_the_effect():
    keys = {"n_groups": [15], "n_obs": [6], "group_sd": [(1, 0.3)], "replications": 1500}
    strategies = ["mlm_full", "two_stage"]
    null, one = (
        run(Grid(betas=(0, b), **keys), strategies=strategies, seed=2, progress=False).fits
        for b in (0, 0.3)
    )
    ours = with_power(null[null["term"] == "IV1"], 0.3).set_index("strategy")
    other = performance(one[one["term"] == "IV1"], "strategy").set_index("strategy")
    for name in strategies:
        apart = np.hypot(ours["power_mcse"][name], other["power_mcse"][name])
        assert abs(ours["power"][name] - other["power"][name]) < 3.5 * apart
        assert ours["type_1_error"][name] == pytest.approx(1 - ours["coverage"][name])


def test_the_test_of_a_slope_has_a_mixture_for_its_reference():
    point = mixture_point()
    assert point == pytest.approx(5.14, abs=0.005)  # as in Snijders & Bosker (2012), section 6.2.1
    assert mixture_p(point) == pytest.approx(0.05)
    results = run(
        Grid([50], [10], [(1, 0)], 1500, n_predictors=1, betas=(0, 0)),
        strategies=["mlm_full", "mlm_intercept"], progress=False,
    )  # fmt: skip
    share = noticed(results.diagnostics)
    assert abs(share - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 1500)
    assert np.isnan(noticed(results.diagnostics.query("strategy == 'mlm_full'")))
