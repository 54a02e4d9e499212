"""The claims of the 2019 post as comparisons over a run, and the verdict that follows.

A claim has comparisons at its core, which must all hold for it to hold at all, and wider
ones, which hold if it does so without limits. The chapter `conclusions` tells their numbers;
`tests/test_claims.py` holds the verdicts.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mlmlearn import POST_STRATEGIES

CONDITION = ["n_groups", "n_obs", "group_sd"]
DATA_SET = [*CONDITION, "replication"]

# A difference counts when it is this many Monte Carlo standard errors from where it would
# not; two strategies are alike when they differ by less than ALIKE percent for certain.
CERTAIN, ALIKE = 3, 10


@dataclass(frozen=True)
class Comparison:
    """One number, its Monte Carlo standard error, and whether it is as claimed."""

    value: float
    mcse: float
    holds: bool


@dataclass(frozen=True)
class Claim:
    """What was claimed, and the comparisons that judge it, by name."""

    text: str
    core: dict[str, Comparison]
    wider: dict[str, Comparison] = field(default_factory=dict)

    @property
    def verdict(self):
        """Say "holds", "holds with limits" or "does not hold"."""
        if not all(comparison.holds for comparison in self.core.values()):
            return "does not hold"
        if not all(comparison.holds for comparison in self.wider.values()):
            return "holds with limits"
        return "holds"


def above(value, mcse, bound=0):
    """Claim that a value lies above a bound."""
    return Comparison(value, mcse, bool(value - CERTAIN * mcse > bound))


def below(value, mcse, bound=0):
    """Claim that a value lies below a bound."""
    return Comparison(value, mcse, bool(value + CERTAIN * mcse < bound))


def alike(value, mcse):
    """Claim that a difference in percent is small."""
    return Comparison(value, mcse, bool(abs(value) + CERTAIN * mcse < ALIKE))


class Run:
    """A run's three summaries per data set, as logarithms, a column a strategy."""

    def __init__(self, results):
        """Take the tables of a run, such as the reference run."""
        summaries = results.recovery()
        self.log = {
            name: np.log(summaries.pivot(index=DATA_SET, columns="strategy", values=name))
            for name in ("coef_abs_error", "se_sum", "t_sum")
        }
        self.diagnostics = results.diagnostics.set_index("strategy")
        significant = results.fits.assign(significant=results.fits["p"] < 0.05)
        self.significant = significant.pivot(
            index=[*DATA_SET, "term"], columns="strategy", values="significant"
        ).astype(bool)

    def ratio(self, summary, first, second, where):
        """Typical excess of one strategy over another on the same data sets, in percent."""
        log = self.log[summary].query(where)
        difference = log[first] - log[second]
        ratio = np.exp(difference.mean())
        return 100 * (ratio - 1), 100 * ratio * difference.sem()

    def gain(self, summary, strategy, start, end, where):
        """Typical logarithm of the factor from one size of study to another, over the rest."""
        log = self.log[summary][strategy].to_frame("value").query(where)["value"]
        sides = [log.xs(value, level=name) for name, value in (start, end)]
        grouped = [side.groupby([n for n in CONDITION if n != start[0]]) for side in sides]
        means = grouped[1].mean() - grouped[0].mean()
        variance = grouped[0].sem() ** 2 + grouped[1].sem() ** 2
        return means.mean(), np.sqrt(variance.sum()) / len(means)

    def gains_apart(self, summary, first, second, ends, where):
        """Difference between two strategies' gains from the one end of a size to the other."""
        return apart(*(self.gain(summary, name, *ends, where) for name in (first, second)))

    def rate(self, happened):
        """A share in percent and its Monte Carlo standard error."""
        p = happened.mean()
        return 100 * p, 100 * np.sqrt(p * (1 - p) / len(happened))


def apart(first, second):
    """Subtract one estimate from another, given as pairs of value and MCSE.

    Treats them as independent. Strategies that saw the same data sets vary together, so that
    for them the MCSE is on the safe side.
    """
    return first[0] - second[0], float(np.hypot(first[1], second[1]))


def others(strategy):
    """Name the strategies but one."""
    return [name for name in POST_STRATEGIES if name != strategy]


# The ends of each size of the grid.
PEOPLE = ("n_groups", 10), ("n_groups", 100)
OBSERVATIONS = ("n_obs", 5), ("n_obs", 100)
SDS = (0.1, 0.25, 1.0, 2.0, 4.0)
SIZES = (5, 25, 100)
FEW = "n_obs == 5"


def judge(results):
    """Judge every claim on a run of the book's grid, by name."""
    run = Run(results)
    return recovery_claims(run) | certainty_claims(run) | failure_claims(run)


def recovery_claims(run):
    """Judge what was said about finding the truth."""
    error = "coef_abs_error"
    much = "n_groups == 100 and n_obs == 100 and group_sd < 0.5"
    medium = run.ratio(error, "cluster_robust", "mlm_full", "n_groups == 30 and n_obs == 25")
    both = PEOPLE, OBSERVATIONS

    def each_sd(first, second, each):
        return {
            f"{first}_{sd}": run.ratio(
                error, first, second, f"n_obs == {each} and group_sd == {sd}"
            )
            for sd in SDS
        }

    limits = each_sd("two_stage", "cluster_robust", 5) | each_sd("cluster_robust", "mlm_full", 5)
    return {
        "much_data": Claim(
            "With much data and little variance all strategies recover alike.",
            {s: alike(*run.ratio(error, s, "mlm_full", much)) for s in others("mlm_full")},
        ),
        "people": Claim(
            "Where people differ much, more people help more than more observations.",
            {
                s: below(*apart(*(run.gain(error, s, *ends, "group_sd >= 2") for ends in both)))
                for s in POST_STRATEGIES
            },
        ),
        "few_observations": Claim(
            "Few observations a person hurt two-stage OLS most and favour the full model most.",
            {
                f"two_stage_{s}": above(*run.ratio(error, "two_stage", s, FEW))
                for s in others("two_stage")
            }
            | {s: above(*run.ratio(error, s, "mlm_full", FEW)) for s in others("mlm_full")},
            {name: above(*ratio) for name, ratio in limits.items()},
        ),
        "medium": Claim(
            "In medium data cluster-robust OLS recovers slightly worse.",
            {"worse": above(*medium), "slightly": below(*medium, bound=15)},
        ),
        "many_observations": Claim(
            "With many observations a person all strategies recover alike.",
            {
                name: alike(*ratio)
                for s in others("mlm_full")
                for name, ratio in each_sd(s, "mlm_full", 100).items()
            },
        ),
    }


def certainty_claims(run):
    """Judge what was said about standard errors and t statistics."""

    def climb(name, strategy, low, high, each):
        ends = ("group_sd", low), ("group_sd", high)
        where = f"n_obs == {each}"
        return {
            f"{name}_se": above(*run.gain("se_sum", strategy, *ends, where)),
            f"{name}_t": below(*run.gain("t_sum", strategy, *ends, where)),
        }

    variance = Claim(
        "More variance between people raises standard errors and lowers t for everyone.", {}, {}
    )
    for s in POST_STRATEGIES:
        for each in SIZES:
            variance.core.update(climb(f"{s}_{each}", s, SDS[0], SDS[-1], each))
            for low, high in pairwise(SDS):
                variance.wider.update(climb(f"{s}_{each}_{low}_{high}", s, low, high, each))

    two_stage = Claim(
        "With few observations two-stage OLS has larger standard errors and smaller t, and "
        "gains least from more people.",
        {},
        {},
    )
    for s in others("two_stage"):
        pair = "two_stage", s
        two_stage.core[f"se_{s}"] = above(*run.ratio("se_sum", *pair, FEW))
        two_stage.core[f"t_{s}"] = below(*run.ratio("t_sum", *pair, FEW))
        two_stage.core[f"gain_{s}"] = above(*run.gains_apart("se_sum", *pair, PEOPLE, FEW))
        for sd in SDS:
            where = f"{FEW} and group_sd == {sd}"
            two_stage.wider[f"se_{s}_{sd}"] = above(*run.ratio("se_sum", *pair, where))
            gains = run.gains_apart("se_sum", *pair, PEOPLE, where)
            two_stage.wider[f"gain_{s}_{sd}"] = above(*gains)

    intercept = Claim(
        "Once variance is medium or high, the random-intercept model has the smallest standard "
        "errors and the largest t, and gains most from more observations.",
        {},
    )
    large = "group_sd >= 1"
    for s in others("mlm_intercept"):
        pair = "mlm_intercept", s
        for each in SIZES:
            where = f"{large} and n_obs == {each}"
            intercept.core[f"se_{s}_{each}"] = below(*run.ratio("se_sum", *pair, where))
            intercept.core[f"t_{s}_{each}"] = above(*run.ratio("t_sum", *pair, where))
        gains = run.gains_apart("se_sum", *pair, OBSERVATIONS, large)
        intercept.core[f"gain_{s}"] = below(*gains)

    agree = run.significant["cluster_robust"] == run.significant["mlm_full"]
    by_data_set = 100 * agree.groupby(DATA_SET).mean()
    same = Claim(
        "Cluster-robust OLS and the full model lead to much the same inferences.",
        {"decisions": above(by_data_set.mean(), by_data_set.sem(), bound=90)},
        {
            f"se_{each}_{sd}": alike(
                *run.ratio(
                    "se_sum", "cluster_robust", "mlm_full", f"n_obs == {each} and group_sd == {sd}"
                )
            )
            for each in SIZES
            for sd in SDS
        },
    )
    return {
        "variance": variance,
        "two_stage": two_stage,
        "random_intercept": intercept,
        "same_inference": same,
    }


def failure_claims(run):
    """Judge what was said about fits that fail."""
    full = run.diagnostics.loc["mlm_full"]
    warned = ~full["singular"] & (full["messages"] != "")

    def difference(happened, first, second):
        return apart(run.rate(happened[full.eval(first)]), run.rate(happened[full.eval(second)]))

    halves = {
        "variance": ("group_sd < 0.5", "group_sd > 0.5"),
        "observations": ("n_obs == 5", "n_obs == 100"),
    }
    intercept = run.diagnostics.loc["mlm_intercept"]
    failed = run.rate(~intercept["converged"])
    singular = run.rate(intercept["singular"])
    return {
        "failures": Claim(
            "The full model fails most where variance is low or observations are few.",
            {name: above(*difference(full["singular"], *ends)) for name, ends in halves.items()},
            {f"warned_{name}": above(*difference(warned, *ends)) for name, ends in halves.items()},
        ),
        "never_fails": Claim(
            "The random-intercept model never fails.",
            {"failed": Comparison(*failed, bool(failed[0] == 0))},
            {"singular": Comparison(*singular, bool(singular[0] == 0))},
        ),
    }
