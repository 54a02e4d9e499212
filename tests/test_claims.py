"""The verdicts on the claims of the 2019 post, over the stored study and the reference run."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claims import CERTAIN, CONDITION, Claim, Means, above, alike, below, judge, never
from study import load_study
from summaries import with_summaries

from mlmlearn import Grid, Results, load_reference, run

VERDICTS = {
    "much_data": "holds",
    "people": "holds",
    "few_observations": "holds with limits",
    "medium": "holds",
    "many_observations": "holds",
    "variance": "holds",
    "two_stage": "holds with limits",
    "random_intercept": "holds",
    "same_inference": "holds with limits",
    "failures": "holds with limits",
    "never_fails": "holds with limits",
}


@pytest.fixture(scope="module")
def reference():
    return load_reference()


@pytest.fixture(scope="module")
def study():
    return load_study("post_grid")


@pytest.fixture(scope="module")
def claims(study, reference):
    return judge(study, reference)


@pytest.mark.parametrize("name", VERDICTS)
def test_a_claim_has_the_verdict_that_the_chapter_explains(claims, name):
    assert claims[name].verdict == VERDICTS[name], claims[name]


def test_the_chapter_takes_up_every_claim(claims):
    assert set(claims) == set(VERDICTS)
    text = (Path(__file__).parent.parent / "book/verdicts.md").read_text(encoding="utf-8")
    for name, claim in claims.items():
        assert f"**{claim.text}** *{{glue:text}}`verdict_{name}`.*" in text


def test_no_verdict_would_flip_with_another_seed(claims):
    # Another run differs from this one by the root of two Monte Carlo standard errors.
    near = {name: claim.flip for name, claim in claims.items() if claim.flip[1] < 4}
    assert not near


def renamed(study, reference, first, second):
    """Exchange the names of two strategies."""
    names = {first: second, second: first}
    ends = {
        f"{kind}_with_{name}": f"{kind}_with_{other}"
        for name, other in names.items()
        for kind in ("log_error", "log_se", "log_t", "agree")
    }
    ends |= {f"{name}_var": f"{other}_var" for name, other in ends.items() if "agree" in name}
    tables = [
        table.assign(strategy=table["strategy"].replace(names))
        for table in (study.rename(columns=ends), reference.fits, reference.diagnostics)
    ]
    return tables[0], Results(*tables[1:], reference.manifest)


@pytest.mark.parametrize(
    ("first", "second", "broken"),
    [
        ("mlm_full", "two_stage", {"few_observations", "two_stage", "failures", "same_inference"}),
        ("mlm_intercept", "mlm_full", {"random_intercept", "never_fails", "same_inference"}),
        ("cluster_robust", "two_stage", {"two_stage", "few_observations"}),
    ],
)
def test_a_claim_about_a_strategy_fails_for_another(study, reference, first, second, broken):
    found = judge(*renamed(study, reference, first, second))
    assert {name for name in broken if found[name].verdict != "does not hold"} == set()


def test_the_claim_about_people_fails_when_people_and_observations_are_exchanged(study, reference):
    sizes = dict(zip((10, 30, 100), (5, 25, 100), strict=True))
    back = {value: key for key, value in sizes.items()}
    table = study.assign(n_groups=study["n_obs"].map(back), n_obs=study["n_groups"].map(sizes))
    assert judge(table, reference)["people"].verdict == "does not hold"


def test_without_certainty_nothing_is_larger_and_nothing_alike():
    assert above(1, 0.3).holds
    assert not above(1, 0.4).holds
    assert below(-1, 0.3).holds
    assert not below(-1, 0.4).holds
    assert alike(2, 2).holds
    assert not alike(2, 3).holds
    assert alike(-20, 3).contrary
    assert not alike(-20, 4).contrary


def test_only_what_is_contrary_for_certain_limits_a_claim():
    core = {"core": above(10, 1)}
    assert Claim("", core, {"open": above(-2, 1)}).verdict == "holds"
    assert Claim("", core, {"contrary": above(-4, 1)}).verdict == "holds with limits"
    assert Claim("", {"open": above(2, 1)}).verdict == "does not hold"


def test_a_verdict_knows_what_would_flip_it():
    core = {"far": above(10, 1), "near": below(-5, 1)}
    assert Claim("", core).flip == ("near", 5 - CERTAIN)
    assert Claim("", core, {"open": above(-2, 1)}).flip == ("open", CERTAIN - 2)
    limits = {"little": above(-3.1, 1), "much": above(-4, 1)}
    assert Claim("", core, limits).flip == ("much", 4 - CERTAIN)


def test_what_never_happens_is_refuted_by_one_fit():
    assert never(np.zeros(1000, dtype=bool)).holds
    assert never(np.arange(1000) < 20).contrary
    assert not never(np.arange(1000) < 1).holds


SMALL = Grid(n_groups=[8, 12], n_obs=[6, 9], group_sd=[0.5, 2], replications=40)


@pytest.fixture(scope="module")
def small():
    """A run with every fit at hand, and what a study would keep of it."""
    fits, kept = [], []
    for condition in SMALL.conditions():
        sizes = {name: getattr(condition, name) for name in ("n_groups", "n_obs", "group_sd")}
        results = run(Grid(**sizes, replications=40), seed=3, progress=False)
        fits.append(results.fits)
        kept.append(with_summaries(results).assign(**sizes))
    return pd.concat(fits), Means(pd.concat(kept))


def sums(fits, size):
    """Logarithm of the post's sum of absolute errors (SEs, |t|), by loops over rows."""
    found = {}
    for (*key, strategy), rows in fits.groupby([*CONDITION, "replication", "strategy"]):
        records = rows.to_dict("records")
        found.setdefault(strategy, {})[tuple(key)] = {
            "log_error": np.log(sum(abs(r["estimate"] - r["truth"]) for r in records)),
            "log_se": np.log(sum(r["se"] for r in records)),
            "log_t": np.log(sum(abs(r["t"]) for r in records)),
        }[size]
    return pd.DataFrame(found)


@pytest.mark.parametrize("size", ["log_error", "log_se", "log_t"])
def test_a_ratio_is_the_geometric_mean_over_data_sets(small, size):
    fits, means = small
    wide = sums(fits, size)
    difference = (wide["two_stage"] - wide["cluster_robust"]).xs(6, level=1)
    value, mcse = means.ratio(size, "two_stage", "cluster_robust", "n_obs == 6")
    assert value == pytest.approx(100 * (np.exp(difference.mean()) - 1), rel=1e-9)
    # Conditions are fixed: only the spread within them is error.
    within = difference.groupby(level=[0, 1]).sem()
    expected = np.exp(difference.mean()) * np.sqrt((within**2).sum()) / len(within)
    assert mcse == pytest.approx(100 * expected, rel=1e-9)


def test_gains_apart_take_the_pairing_of_strategies_into_account(small):
    fits, means = small
    wide = sums(fits, "log_se")
    apart = (wide["mlm_full"] - wide["mlm_intercept"]).groupby(level=[0, 1, 2])
    mean, sem = apart.mean(), apart.sem()
    ends = ("n_groups", 8), ("n_groups", 12)
    value, mcse = means.gains_apart("log_se", "mlm_full", "mlm_intercept", ends, "group_sd > 1")
    big, sem = mean.xs(2, level=2), sem.xs(2, level=2)
    assert value == pytest.approx((big.xs(12) - big.xs(8)).mean(), rel=1e-9)
    assert mcse == pytest.approx(np.sqrt((sem**2).sum()) / 2, rel=1e-9)
    alone = [means.gain("log_se", s, *ends, "group_sd > 1")[1] for s in ("mlm_full",) * 2]
    assert mcse < np.hypot(*alone)


def test_agreement_counts_tests_that_decide_alike(small):
    fits, means = small
    decided = fits.assign(yes=fits["p"] < 0.05).pivot_table(
        "yes", index=[*CONDITION, "replication", "term"], columns="strategy", aggfunc="first"
    )
    same = decided["two_stage"] == decided["mlm_full"]
    value, mcse = means.agreement("two_stage", "mlm_full", "n_obs > 0")
    assert value == pytest.approx(100 * same.mean(), rel=1e-9)
    by_set = same.groupby(level=[0, 1, 2, 3]).mean().groupby(level=[0, 1, 2]).sem()
    assert mcse == pytest.approx(100 * np.sqrt((by_set**2).sum()) / 8, rel=1e-9)


def test_slopes_are_covered_as_counted_by_hand(small):
    fits, means = small
    slopes = fits[(fits["term"] != "Intercept") & (fits["strategy"] == "mlm_full")]
    inside = (slopes["ci_low"] <= slopes["truth"]) & (slopes["truth"] <= slopes["ci_high"])
    one = inside[(slopes["n_groups"] == 12) & (slopes["n_obs"] == 9) & (slopes["group_sd"] == 0.5)]
    row = means.table.loc[(12, 9, 0.5, "mlm_full")]
    assert row["slopes_covered"] == pytest.approx(one.mean())
    parts = row["share_singular"], 1 - row["share_singular"]
    covered = row["slopes_covered_singular"], row["slopes_covered_regular"]
    assert 0 < parts[0] < 1
    assert np.dot(parts, covered) == pytest.approx(one.mean())


def test_failures_are_counted_on_lme4s_fits(reference, claims):
    singular = reference.diagnostics.query("strategy == 'mlm_full'")
    few, many = (singular[singular["n_obs"] == n]["singular"].mean() for n in (5, 100))
    found = claims["failures"].core["observations"]
    assert found.value == pytest.approx(100 * (few - many), rel=1e-9)
    assert found.mcse == pytest.approx(
        100 * np.sqrt(few * (1 - few) / 750 + many * (1 - many) / 750), rel=1e-9
    )


def test_lme4s_fifty_say_what_the_study_says(reference, study):
    """Another engine, other data sets: every ratio of typical errors within its error."""
    log = np.log(
        reference.recovery().pivot_table(
            "coef_abs_error",
            index=["n_groups", "n_obs", "group_sd", "replication"],
            columns="strategy",
        )
    )
    means, z = Means(study), []
    for strategy in ("mlm_intercept", "cluster_robust", "two_stage"):
        fifty = (log[strategy] - log["mlm_full"]).groupby(["n_obs", "group_sd"])
        for (n_obs, sd), value in fifty.mean().items():
            where = f"n_obs == {n_obs} and group_sd == {sd}"
            percent, mcse = means.ratio("log_error", strategy, "mlm_full", where)
            error = np.hypot(fifty.sem()[n_obs, sd], mcse / 100)
            z.append((value - np.log1p(percent / 100)) / error)
    assert len(z) == 45
    assert np.abs(z).max() < 4
    assert 0.4 < np.mean(np.square(z)) < 2


def test_no_verdict_is_written_by_hand():
    text = (Path(__file__).parent.parent / "book/verdicts.md").read_text(encoding="utf-8")
    after = text[text.index("## Finding the truth") : text.index("## What to take away")]
    assert not re.search(r"\*(holds|does not hold)", after)
