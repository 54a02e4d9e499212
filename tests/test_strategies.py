"""The strategies: a file each, and right on data that are small, unequal and of both levels."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from conftest import r_frame

from mlmlearn import (
    POST_STRATEGIES,
    STRATEGIES,
    Condition,
    Grid,
    InputError,
    Strategy,
    StrategyError,
    compare,
    fit,
    performance,
    register,
    run,
    simulate,
    strategies,
)
from mlmlearn.batch import Batch, no_texts
from mlmlearn.engines import fit_batch
from mlmlearn.formulas import read
from mlmlearn.strategies import Fitted, get_strategy, wild_bootstrap

ROLES = {"group": "Group", "engine": "batch"}


def formula(predictors):
    return f"DV ~ {' + '.join(predictors)}"


def unequal(seed=3, n_groups=14, treated=4):
    """Groups of 1 to 9 rows, with a covariate and a treatment of theirs and cross-products."""
    rng = np.random.default_rng(seed)
    data = simulate(Condition(n_groups, 9, 0.6), seed=seed).data
    keep = data.groupby("Group").cumcount() < rng.integers(4, 10, n_groups)[data["Group"] - 1]
    data = data[keep & ((data["Group"] != 2) | (data.groupby("Group").cumcount() == 0))]
    data["age"] = rng.normal(50, 10, n_groups)[data["Group"] - 1]
    data["treated"] = (data["Group"] > n_groups - treated).astype(int)
    data["treated_IV1"] = data["treated"] * data["IV1"]
    return data.sample(frac=1, random_state=seed)


@pytest.mark.parametrize("predictors", [[], ["IV1"], ["IV1", "age"]], ids=len)
def test_nothing_is_read_beyond_the_end_of_an_array(monkeypatch, predictors):
    # einsum (NumPy 2.4) multiplies by what lies behind an empty array in memory, 0 times: where
    # that happens to be no number, the sum of nothing is none either.
    def watched(subscripts, *operands):
        assert all(np.size(operand) for operand in operands), subscripts
        return einsum(subscripts, *operands)

    einsum = np.einsum
    monkeypatch.setattr(np, "einsum", watched)
    data = unequal()
    data = data[data["Group"] != 2]  # whose one row has no regression of its own
    text = formula(predictors or ["1"])
    found = compare(text, data, group="Group", strategies=list(STRATEGIES))
    assert found["estimate"].notna().all(), found["message"]


# The registry.


def test_the_posts_four_are_the_default():
    assert list(POST_STRATEGIES) == ["mlm_full", "mlm_intercept", "cluster_robust", "two_stage"]
    others = set(STRATEGIES) - set(POST_STRATEGIES)
    assert others == {
        "mlm_uncorrelated", "cluster_robust_cr2", "wild_bootstrap", "mlm_selected", "mlm_penalised",
    }  # fmt: skip
    assert all(key == strategy.id for key, strategy in STRATEGIES.items())
    assert len({strategy.label for strategy in STRATEGIES.values()}) == len(STRATEGIES)
    shown = compare(formula(["IV1"]), unequal(), **ROLES)
    assert shown["strategy"].unique().tolist() == list(POST_STRATEGIES)


@pytest.mark.parametrize("unknown", ["mlm-full", 3, None, ["mlm_full"]])
def test_an_unknown_strategy_is_named_beside_the_known_ones(unknown):
    known = ", ".join(STRATEGIES)
    message = re.escape(f"unknown strategy {unknown!r}; the known ones are {known}")
    with pytest.raises(InputError, match=f"^{message}$"):
        get_strategy(unknown)


def test_pymer4_says_what_it_cannot_fit():
    unable = "cluster_robust_cr2, wild_bootstrap, mlm_selected, mlm_penalised"
    message = f'^pymer4 cannot fit {unable}; use engine="batch" for that$'
    for call in (
        lambda: compare(formula(["IV1"]), unequal(), strategies=list(STRATEGIES),
                        **ROLES | {"engine": "pymer4"}),
        lambda: run(Grid(replications=1), strategies=list(STRATEGIES), engine="pymer4"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            call()


# A strategy of one's own.


def ols(batch):
    """One OLS over all rows that knows nothing of groups."""
    data = batch.standardised
    # In standardised columns X'X is N I, and the residual SD is one.
    sizes = np.linalg.norm(np.linalg.inv(data.A), axis=2)
    se = sizes * (data.scale / np.sqrt(data.n_rows))[:, None]
    df = np.repeat((data.n_rows - batch.n_fixed)[:, None], batch.n_fixed, axis=1)
    return Fitted(data.ols, se, df)


def too_large(batch):
    found = no_texts(len(batch))
    found[batch.n_groups > 20] = "this strategy is for small studies"
    return found


@pytest.fixture
def mine():
    strategy = register(Strategy("ols", "OLS", "OLS that ignores groups", too_large, ols))
    yield strategy
    del STRATEGIES["ols"]


def test_a_strategy_of_ones_own_goes_all_the_way(mine):
    data = unequal()
    X = np.column_stack([np.ones(len(data)), data["IV1"], data["age"]])
    found = fit("ols", formula(["IV1", "age"]), data, **ROLES)
    expected, (rest,), *_ = np.linalg.lstsq(X, data["DV"], rcond=None)
    covariance = np.linalg.inv(X.T @ X) * rest / (len(data) - 3)
    np.testing.assert_allclose(found.coefs["estimate"], expected, rtol=1e-9)
    np.testing.assert_allclose(found.coefs["se"], np.sqrt(np.diag(covariance)), rtol=1e-9)
    assert (found.coefs["df"] == len(data) - 3).all()
    table = compare(formula(["IV1"]), data, strategies=["ols", "two_stage"], **ROLES)
    assert table["estimate"].notna().sum() == 2  # one group has a single row
    grid = Grid([10, 25], [5], [0, 2], 40)
    results = run(grid, engine="batch", strategies=["mlm_full", "ols"], progress=False)
    rates = performance(results.fits, ["n_groups", "group_sd", "strategy"]).set_index(
        ["n_groups", "group_sd", "strategy"]
    )
    # Right where people are alike, lost where they differ, and refused where it refuses.
    assert rates.loc[(10, 0.0, "ols"), "coverage"] > 0.9
    lost = rates.loc[(10, 2.0, "mlm_full"), "coverage"] - rates.loc[(10, 2.0, "ols"), "coverage"]
    assert lost > 0.1
    assert rates.loc[25].xs("ols", level="strategy")["n_failed"].eq(160).all()
    refused = results.diagnostics.query("n_groups == 25 and strategy == 'ols'")["messages"]
    assert (refused == "failed: this strategy is for small studies").all()


# Batches.


def test_data_sets_of_unequal_sizes_stand_side_by_side():
    frames = [unequal(seed, treated=4).query("Group != 2") for seed in (1, 2, 3, 4)]
    predictors = ["IV1", "age", "treated", "treated_IV1"]
    alone = [Batch.of_one(read(formula(predictors), f, "Group")) for f in frames]
    g = 16  # more than any has: what is missing is zeros
    k = alone[0].n_fixed
    R, sizes = np.zeros((4, k + 1, k + 1, g)), np.zeros((4, g), dtype=int)
    for i, one in enumerate(alone):
        places = np.random.default_rng(i).permutation(g)[: one.R.shape[3]]
        R[i][..., places], sizes[i, places] = one.R[0], one.sizes[0]
    labels = pd.RangeIndex(g)
    one = alone[0]
    together = Batch(one.terms, one.random, one.within, R, sizes, labels, None, [0] * 4, "DV")
    for name, strategy in STRATEGIES.items():
        found = fit_batch(strategy, together, "batch")
        assert (found.problem == "").all(), name
        for i, one in enumerate(alone):
            expected = fit_batch(strategy, one, "batch")
            names = ["estimate", "se"] + ["df"] * (name != "wild_bootstrap")
            for what in names:
                np.testing.assert_allclose(
                    getattr(found, what)[i], getattr(expected, what)[0], rtol=2e-6
                )


# CR2.

CR2_DATA = {
    "unequal groups, one of a single row": (unequal(), ["IV1", "age"]),
    "three treated of fourteen": (unequal(treated=3), ["IV1", "treated", "treated_IV1"]),
    "six groups": (unequal(n_groups=6, treated=2), ["IV1", "treated"]),
    "a column for a group": (
        unequal().assign(third=lambda d: (d["Group"] == 3) * 1), ["IV1", "third"],
    ),
}  # fmt: skip


@pytest.mark.needs_r
@pytest.mark.parametrize("case", CR2_DATA)
def test_cr2_is_clubsandwichs(case):
    from rpy2 import robjects

    if not robjects.r('nzchar(system.file(package = "clubSandwich"))')[0]:
        pytest.skip("needs the R package clubSandwich")
    data, predictors = CR2_DATA[case]
    robjects.globalenv["d"] = robjects.r["data.frame"](
        **{name: robjects.FloatVector(data[name].to_numpy(float)) for name in data}
    )
    theirs = r_frame(
        "suppressMessages(as.data.frame(clubSandwich::coef_test("
        f"lm(DV ~ {' + '.join(predictors)}, d), vcov = 'CR2', cluster = d$Group, "
        "test = 'Satterthwaite')))"
    )
    ours = fit("cluster_robust_cr2", formula(predictors), data, **ROLES).coefs
    usable = ours["se"].notna().to_numpy()  # a column for one group has a residual of zero
    assert usable.sum() >= 2
    np.testing.assert_allclose(ours["estimate"], theirs["beta"], rtol=1e-9)
    np.testing.assert_allclose(ours["se"][usable], theirs["SE"][usable], rtol=1e-8)
    np.testing.assert_allclose(ours["df"][usable], theirs["df_Satt"][usable], rtol=1e-6)


def test_cr2_of_balanced_means_is_the_one_sample_t_test():
    # The intercept alone varies: each group counts once, and J - 1 is exact.
    data = simulate(Condition(9, 5, 1), seed=1).data
    data["IV1"] = np.tile([-2.0, -1, 0, 1, 2], 9)
    means = data.groupby("Group")["DV"].mean()
    found = fit("cluster_robust_cr2", formula(["IV1"]), data, **ROLES).coefs.loc["Intercept"]
    assert found["estimate"] == pytest.approx(means.mean(), rel=1e-12)
    assert found["se"] == pytest.approx(means.std(ddof=1) / 3, rel=1e-12)
    assert found["df"] == pytest.approx(8, rel=1e-9)


# The wild bootstrap.


def by_rows(data, predictors, j, null, weights):
    """The restricted wild cluster bootstrap with rows and nothing else: p for beta_j = null."""
    X = np.column_stack([np.ones(len(data)), data[predictors]])
    y, (codes, labels) = data["DV"].to_numpy(), pd.factorize(data["Group"], sort=True)
    n, k, g = len(y), X.shape[1], len(labels)

    def t_of(y):
        beta = np.linalg.lstsq(X, y, rcond=None)[0]
        B, e = np.linalg.inv(X.T @ X), y - X @ beta
        S = np.stack([X[codes == c].T @ e[codes == c] for c in range(g)])
        V = g / (g - 1) * n / (n - k) * B @ S.T @ S @ B
        return (beta[j] - null) / np.sqrt(V[j, j])

    others = np.delete(X, j, axis=1)
    restricted = others @ np.linalg.lstsq(others, y - null * X[:, j], rcond=None)[0]
    restricted = restricted + null * X[:, j]
    residuals = y - restricted
    t = abs(t_of(y))
    stars = np.array([abs(t_of(restricted + w[codes] * residuals)) for w in weights])
    return np.mean(stars >= t * (1 - 1e-9))


@pytest.mark.parametrize(("n_groups", "points"), [(8, 6), (14, 2)])
def test_the_wild_bootstrap_is_the_one_by_rows(n_groups, points):
    data, predictors = unequal(n_groups=n_groups, treated=3), ["IV1", "treated"]
    weights = np.concatenate(list(wild_bootstrap._weights(n_groups, 0)))
    assert len(np.unique(weights.round(9))) == points
    assert weights.shape == (999, n_groups)
    result = fit("wild_bootstrap", formula(predictors), data, **ROLES).coefs
    for j, (_, row) in enumerate(result.iterrows()):
        assert row["p"] == pytest.approx(by_rows(data, predictors, j, 0, weights), abs=1e-12)
        # The interval holds what the test does not reject.
        for end in (row["ci_low"], row["ci_high"]):
            width = row["ci_high"] - row["ci_low"]
            outwards = np.sign(end - row["estimate"]) * 1e-4 * width
            assert by_rows(data, predictors, j, end - outwards, weights) >= 0.05
            assert by_rows(data, predictors, j, end + outwards, weights) < 0.05
    robust = fit("cluster_robust", formula(predictors), data, **ROLES).coefs
    pd.testing.assert_frame_equal(result[["estimate", "se"]], robust[["estimate", "se"]])


def test_the_wild_bootstrap_draws_by_the_address_of_a_data_set():
    grid = Grid([8], [5], [0.5], 6)
    two = [
        run(grid, engine="batch", strategies=["wild_bootstrap"], seed=4, progress=False, n_jobs=n)
        for n in (1, 2)
    ]
    pd.testing.assert_frame_equal(two[0].fits, two[1].fits)
    p = two[0].fits["p"].to_numpy()
    assert ((p * 999).round(6) % 1 == 0).all()
    signs = [np.concatenate(list(wild_bootstrap._weights(8, (4, i)))) for i in (0, 1)]
    assert (signs[0] != signs[1]).any()


# No correlations.


@pytest.mark.needs_r
@pytest.mark.parametrize("case", ["balanced", "unequal", "with predictors of people"])
def test_uncorrelated_random_effects_are_lme4s_double_bar(case):
    from rpy2 import robjects

    data = (
        simulate(Condition(25, 8, 0.7), seed=6).data if case == "balanced" else unequal(n_groups=25)
    )
    predictors = {"balanced": ["IV1", "IV2"], "unequal": ["IV1", "IV3"]}.get(
        case, ["IV1", "treated", "treated_IV1"]
    )
    random = " + ".join(name for name in predictors if name.startswith("IV"))
    robjects.globalenv["d"] = robjects.r["data.frame"](
        **{name: robjects.FloatVector(data[name].to_numpy(float)) for name in data}
    )
    robjects.r(f"m <- lmerTest::lmer(DV ~ {' + '.join(predictors)} + ({random} || Group), d)")
    theirs = r_frame("coef(summary(m))")
    for engine, rtol in (("batch", 1e-4), ("pymer4", 1e-4)):
        ours = fit("mlm_uncorrelated", formula(predictors), data, **ROLES | {"engine": engine})
        for name, column in (("estimate", "Estimate"), ("se", "Std. Error"), ("df", "df")):
            np.testing.assert_allclose(ours.coefs[name], theirs[column], rtol=10 * rtol)
        assert ours.reml_deviance == pytest.approx(
            float(robjects.r("lme4::REMLcrit(m)")[0]), abs=1e-5
        )
        off = ours.random_cov.to_numpy()[~np.eye(len(ours.random_cov), dtype=bool)]
        np.testing.assert_allclose(off, 0, atol=1e-12)


def test_without_correlations_the_deviance_lies_between_the_other_two():
    for seed in range(6):
        data = simulate(Condition(12, 7, 0.3), seed=seed).data
        deviance = {
            name: fit(name, formula(["IV1", "IV2"]), data, **ROLES).reml_deviance
            for name in ("mlm_full", "mlm_uncorrelated", "mlm_intercept")
        }
        assert deviance["mlm_full"] <= deviance["mlm_uncorrelated"] + 1e-7
        assert deviance["mlm_uncorrelated"] <= deviance["mlm_intercept"] + 1e-7


def test_without_correlations_the_zero_of_a_predictor_matters_and_its_unit_does_not():
    sleep = pd.read_csv("book/data/sleepstudy.csv")
    roles = {"formula": "Reaction ~ Days", "group": "Subject"}
    # facts.md: with zero at day 0, 4.5 and 9 the slope's SE is 1.56, 1.55, 1.41.
    found = [
        fit("mlm_uncorrelated", data=sleep.assign(Days=sleep["Days"] - zero), **roles).coefs.loc[
            "Days"
        ]
        for zero in (0, 4.5, 9)
    ]
    assert [round(row["se"], 2) for row in found] == [1.56, 1.55, 1.41]
    hours = fit("mlm_uncorrelated", data=sleep.assign(Days=24 * sleep["Days"]), **roles).coefs.loc[
        "Days"
    ]
    assert 24 * hours["se"] == pytest.approx(found[0]["se"], rel=1e-8)


# Predictors of people.


@pytest.mark.needs_r
@pytest.mark.parametrize("engine", ["batch", "pymer4"])
def test_what_is_constant_within_people_gets_no_random_effect(engine):
    from rpy2 import robjects

    data, predictors = unequal(n_groups=25, treated=9), ["age", "IV1", "treated", "treated_IV1"]
    robjects.globalenv["d"] = robjects.r["data.frame"](
        **{name: robjects.FloatVector(data[name].to_numpy(float)) for name in data}
    )
    theirs = r_frame(
        "coef(summary(lmerTest::lmer(DV ~ age + IV1 + treated + treated_IV1 + (IV1 | Group), d)))"
    )
    ours = fit("mlm_full", formula(predictors), data, **ROLES | {"engine": engine})
    coefs = ours.coefs.loc[["Intercept", *predictors]]
    for name, column in (("estimate", "Estimate"), ("se", "Std. Error"), ("df", "df")):
        np.testing.assert_allclose(coefs[name], theirs[column], rtol=2e-3)
    assert list(ours.random_cov.columns) == ["Intercept", "IV1"]


def second_stage(data, within, of_people):
    """An OLS per group, and one over the groups for each of its coefficients, by hand."""
    groups = data.groupby("Group")
    own = pd.DataFrame(
        {
            g: np.linalg.lstsq(np.column_stack([np.ones(len(d)), d[within]]), d["DV"], rcond=None)[
                0
            ]
            for g, d in groups
        },
        index=["Intercept", *within],
    ).T
    rows = {}
    for name, (explaining, terms) in of_people.items():
        design = np.column_stack([np.ones(len(own)), groups[explaining].first()])
        beta, (rest,), *_ = np.linalg.lstsq(design, own[name], rcond=None)
        df = len(own) - design.shape[1]
        se = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rest / df)
        rows |= {t: (b, s, df) for t, b, s in zip([name, *terms], beta, se, strict=True)}
    return pd.DataFrame(rows, index=["estimate", "se", "df"]).T


@pytest.mark.parametrize("engine", ["batch", pytest.param("pymer4", marks=pytest.mark.needs_r)])
@pytest.mark.parametrize("balanced", [True, False])
def test_the_second_stage_regresses_coefficients_on_what_is_of_people(balanced, engine):
    data = unequal(n_groups=20, treated=8)
    data = data[data["Group"] != 2]
    if balanced:
        data = data.groupby("Group").head(4)
    data["age_IV2"] = data["age"] * data["IV2"]
    predictors = ["age", "IV1", "treated", "treated_IV1", "IV2", "age_IV2"]
    found = fit("two_stage", formula(predictors), data, **ROLES | {"engine": engine}).coefs
    expected = second_stage(
        data,
        ["IV1", "IV2"],
        {
            "Intercept": (["age", "treated"], ["age", "treated"]),
            "IV1": (["treated"], ["treated_IV1"]),
            "IV2": (["age"], ["age_IV2"]),
        },
    )
    columns = ["estimate", "se", "df"]
    pd.testing.assert_frame_equal(
        found[columns], expected.loc[found.index, columns], rtol=1e-7, check_names=False
    )


def test_two_stage_says_what_it_cannot_explain():
    data = unequal(n_groups=20).query("Group != 2")
    data["both"] = data["age"] * (data["IV1"] + 3)
    with pytest.raises(StrategyError, match=r"explains each coefficient .* but 'both' would"):
        fit("two_stage", formula(["IV1", "both"]), data, **ROLES)
    few = data[data["Group"].isin([5, 18, 19])]
    with pytest.raises(StrategyError, match=r"needs at least 4 groups, but there are 3; use fewer"):
        fit("two_stage", formula(["IV1", "age", "treated"]), few, **ROLES)


def test_order_and_names_of_terms_are_the_users(monkeypatch):
    data = unequal(n_groups=20).query("Group != 2")
    for order in itertools.permutations(["age", "IV1", "treated"]):
        for strategy in ("mlm_full", "two_stage", "cluster_robust"):
            coefs = fit(strategy, formula(list(order)), data, **ROLES).coefs
            assert coefs.index.tolist() == ["Intercept", *order]
    assert strategies.STRATEGIES is STRATEGIES


# A coefficient that few decide.


def treated(n_treated, n_groups):
    data = simulate(Condition(n_groups, 6, 0.5), seed=1).data
    return data.assign(treated=(data["Group"] <= n_treated) * 1)


@pytest.mark.parametrize("engine", ["batch", pytest.param("pymer4", marks=pytest.mark.needs_r)])
@pytest.mark.parametrize(
    ("n_treated", "n_groups", "warned"),
    [(1, 8, True), (2, 10, True), (2, 30, True), (3, 14, False), (5, 10, False)],
)
def test_a_coefficient_that_rests_on_one_or_two_groups_is_named(
    n_treated, n_groups, warned, engine
):
    data = treated(n_treated, n_groups)
    found = fit("cluster_robust", "DV ~ IV1 + treated", data, group="Group", engine=engine)
    said = [text for text in found.messages if "rests on one or two groups" in text]
    assert len(said) == warned
    assert all(text.startswith("mlmlearn: treated rests on") for text in said)
    # It is the clustered standard errors that mislead; a mixed model counts the groups.
    full = fit("mlm_full", "DV ~ IV1 + treated", data, group="Group")
    assert not any("rests on" in text for text in full.messages)


def test_a_warning_is_not_cried_where_predictors_are_everybodys():
    results = run(Grid([10], [5], [1], 200), strategies=["cluster_robust"], progress=False)
    assert (results.diagnostics["messages"] == "").all()
