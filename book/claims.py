"""The claims of the 2019 post as comparisons over its grid, and the verdict that follows.

What was said about strategies is judged on the stored study `post_grid`, thousands of data sets
in each of the post's conditions, fitted by the batch engine; what was said about failing fits on
lme4's fifty, the reference run. A claim has comparisons at its core, which must all hold for it
to hold at all, and wider ones: where one of them is contrary for certain, the claim has limits.
The chapter `verdicts` tells their numbers; `tests/test_claims.py` holds the verdicts.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mlmlearn import POST_STRATEGIES

CONDITION = ["n_groups", "n_obs", "group_sd"]

# A difference counts when it is this many Monte Carlo standard errors from where it would
# not; two strategies are alike when they differ by less than ALIKE percent for certain.
CERTAIN, ALIKE = 3, 10


@dataclass(frozen=True)
class Comparison:
    """A number, its Monte Carlo standard error, and how far on the claimed side of a bound it is.

    `room` is in the number's own units, and negative on the other side.
    """

    value: float
    mcse: float
    room: float

    @property
    def steps(self):
        """How many Monte Carlo standard errors the number is on the claimed side."""
        if self.mcse > 0 and np.isfinite(self.room):
            return self.room / self.mcse
        return np.inf if self.room > 0 else -np.inf

    @property
    def holds(self):
        """Say whether it is as claimed, for certain."""
        return bool(self.steps > CERTAIN)

    @property
    def contrary(self):
        """Say whether it is not as claimed, for certain."""
        return bool(self.steps < -CERTAIN)


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
        if any(comparison.contrary for comparison in self.wider.values()):
            return "holds with limits"
        return "holds"

    @property
    def flip(self):
        """What is nearest to changing the verdict, given that the claim holds: name and steps.

        Steps are Monte Carlo standard errors that this comparison would have to move.
        """
        ways = {name: one.steps - CERTAIN for name, one in self.core.items()}
        if self.verdict == "holds":
            ways |= {name: one.steps + CERTAIN for name, one in self.wider.items()}
        else:  # limits stay as long as one of them does
            name = min(self.wider, key=lambda name: self.wider[name].steps)
            ways[name] = -self.wider[name].steps - CERTAIN
        name = min(ways, key=ways.__getitem__)
        return name, ways[name]

    def __getitem__(self, name):
        """Find a comparison by its name."""
        return {**self.core, **self.wider}[name]

    @property
    def open(self):
        """Names of the wider comparisons that are neither as claimed nor contrary for certain."""
        return [name for name, one in self.wider.items() if not one.holds and not one.contrary]


def above(value, mcse, bound=0):
    """Claim that a value lies above a bound."""
    return Comparison(value, mcse, value - bound)


def below(value, mcse, bound=0):
    """Claim that a value lies below a bound."""
    return Comparison(value, mcse, bound - value)


def alike(value, mcse):
    """Claim that a difference in percent is small."""
    return Comparison(value, mcse, ALIKE - abs(value))


def never(happened):
    """Claim that what may happen to a fit never does; one fit is enough to refute it."""
    rate, mcse = share(happened)
    return Comparison(rate, mcse, -rate if rate else np.inf)


def share(happened):
    """Share in percent and its Monte Carlo standard error."""
    p = happened.mean()
    return 100 * p, 100 * np.sqrt(p * (1 - p) / len(happened))


class Means:
    """Means of three logarithms in each condition: of the post's sums over coefficients.

    A comparison is a contrast: a weighted sum of means over conditions and strategies. Its Monte
    Carlo standard error follows from their covariances, data sets of a condition being independent
    and strategies on the same data set not.
    """

    def __init__(self, table):
        """Take a table that `summaries.with_summaries` made of each condition."""
        rows = table.drop_duplicates([*CONDITION, "strategy"])
        self.strategies = list(rows["strategy"].unique())
        by = rows.set_index([*CONDITION, "strategy"])
        self.n = by["n"].unstack("strategy").iloc[:, 0]
        self.conditions = self.n.index.to_frame(index=False).set_axis(self.n.index)
        self.mean, self.cov, self.agree = {}, {}, {}
        for log in ("log_error", "log_se", "log_t"):
            self.mean[log] = by[log].unstack("strategy")[self.strategies].to_numpy()
            self.cov[log] = np.stack(
                [
                    by[f"{log}_with_{other}"].unstack("strategy")[self.strategies].to_numpy()
                    for other in self.strategies
                ],
                axis=2,
            )
        self.table = by

    def over(self, where):
        """Weigh the conditions of a query equally."""
        chosen = self.conditions.eval(where).to_numpy().astype(float)
        return chosen / chosen.sum()

    def step(self, start, end, where):
        """Weigh conditions so that one size goes from start to end, on average over the rest."""
        name = start[0]
        chosen = self.conditions.eval(where)
        first, last = (chosen & (self.conditions[name] == value) for _, value in (start, end))
        return (last / last.sum() - first / first.sum()).to_numpy()

    def contrast(self, log, weights):
        """Weighted sum of means and its MCSE; weights are arrays over conditions by strategy."""
        w = np.zeros_like(self.mean[log])
        for strategy, of_conditions in weights.items():
            w[:, self.strategies.index(strategy)] += of_conditions
        variance = np.einsum("cs,cst,ct->c", w, self.cov[log], w) / self.n.to_numpy()
        return (w * self.mean[log]).sum(), np.sqrt(variance.sum())

    def ratio(self, log, first, second, where):
        """Typical excess of one strategy over another on the same data sets, in percent."""
        w = self.over(where)
        difference, mcse = self.contrast(log, {first: w, second: -w})
        return 100 * (np.exp(difference) - 1), 100 * np.exp(difference) * mcse

    def gain(self, log, strategy, start, end, where):
        """Typical logarithm of the factor from one size of study to another, over the rest."""
        return self.contrast(log, {strategy: self.step(start, end, where)})

    def gains_apart(self, log, first, second, ends, where):
        """Difference between two strategies' gains from the one end of a size to the other."""
        w = self.step(*ends, where)
        return self.contrast(log, {first: w, second: -w})

    def agreement(self, first, second, where):
        """Share of tests that two strategies decide alike, in percent."""
        rows = self.table.xs(first, level="strategy").loc[self.n.index]
        w = self.over(where)
        variance = w**2 * rows[f"agree_with_{second}_var"] / self.n
        return 100 * (w @ rows[f"agree_with_{second}"]), 100 * np.sqrt(variance.sum())


def others(strategy):
    """Name the strategies but one."""
    return [name for name in POST_STRATEGIES if name != strategy]


# The ends of each size of the grid.
PEOPLE = ("n_groups", 10), ("n_groups", 100)
OBSERVATIONS = ("n_obs", 5), ("n_obs", 100)
SDS = (0.1, 0.25, 1.0, 2.0, 4.0)
SIZES = (5, 25, 100)
FEW = "n_obs == 5"


def judge(study, reference):
    """Judge every claim, by name: on the stored study of the grid, and on lme4's run of it."""
    means = Means(study)
    return recovery_claims(means) | certainty_claims(means) | failure_claims(reference.diagnostics)


def recovery_claims(means):
    """Judge what was said about finding the truth."""
    error = "log_error"
    much = "n_groups == 100 and n_obs == 100 and group_sd < 0.5"
    medium = means.ratio(error, "cluster_robust", "mlm_full", "n_groups == 30 and n_obs == 25")
    where = "group_sd >= 2"
    apart = means.step(*PEOPLE, where) - means.step(*OBSERVATIONS, where)

    def each_sd(first, second, each):
        return {
            f"{first}_{sd}": means.ratio(
                error, first, second, f"n_obs == {each} and group_sd == {sd}"
            )
            for sd in SDS
        }

    limits = each_sd("two_stage", "cluster_robust", 5) | each_sd("cluster_robust", "mlm_full", 5)
    return {
        "much_data": Claim(
            "With much data and little variance all strategies recover alike.",
            {s: alike(*means.ratio(error, s, "mlm_full", much)) for s in others("mlm_full")},
        ),
        "people": Claim(
            "Where people differ much, more people help more than more observations.",
            {s: below(*means.contrast(error, {s: apart})) for s in POST_STRATEGIES},
        ),
        "few_observations": Claim(
            "Few observations per person hurt two-stage OLS most and favour the full model most.",
            {
                f"two_stage_{s}": above(*means.ratio(error, "two_stage", s, FEW))
                for s in others("two_stage")
            }
            | {s: above(*means.ratio(error, s, "mlm_full", FEW)) for s in others("mlm_full")},
            {name: above(*ratio) for name, ratio in limits.items()},
        ),
        "medium": Claim(
            "In medium data cluster-robust OLS recovers slightly worse.",
            {"worse": above(*medium), "slightly": below(*medium, bound=15)},
        ),
        "many_observations": Claim(
            "With many observations per person all strategies recover alike.",
            {
                name: alike(*ratio)
                for s in others("mlm_full")
                for name, ratio in each_sd(s, "mlm_full", 100).items()
            },
        ),
    }


def certainty_claims(means):
    """Judge what was said about standard errors and t statistics."""

    def climb(name, strategy, low, high, each):
        ends = ("group_sd", low), ("group_sd", high)
        where = f"n_obs == {each}"
        return {
            f"{name}_se": above(*means.gain("log_se", strategy, *ends, where)),
            f"{name}_t": below(*means.gain("log_t", strategy, *ends, where)),
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
        two_stage.core[f"se_{s}"] = above(*means.ratio("log_se", *pair, FEW))
        two_stage.core[f"t_{s}"] = below(*means.ratio("log_t", *pair, FEW))
        two_stage.core[f"gain_{s}"] = above(*means.gains_apart("log_se", *pair, PEOPLE, FEW))
        for sd in SDS:
            where = f"{FEW} and group_sd == {sd}"
            two_stage.wider[f"se_{s}_{sd}"] = above(*means.ratio("log_se", *pair, where))
            gains = means.gains_apart("log_se", *pair, PEOPLE, where)
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
            intercept.core[f"se_{s}_{each}"] = below(*means.ratio("log_se", *pair, where))
            intercept.core[f"t_{s}_{each}"] = above(*means.ratio("log_t", *pair, where))
        gains = means.gains_apart("log_se", *pair, OBSERVATIONS, large)
        intercept.core[f"gain_{s}"] = below(*gains)

    same = Claim(
        "Cluster-robust OLS and the full model lead to much the same inferences.",
        {"decisions": above(*means.agreement("cluster_robust", "mlm_full", "n_obs > 0"), bound=90)},
        {
            f"se_{each}_{sd}": alike(
                *means.ratio(
                    "log_se", "cluster_robust", "mlm_full", f"n_obs == {each} and group_sd == {sd}"
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


def failure_claims(diagnostics):
    """Judge what was said about fits that fail, on what lme4 said of each."""
    diagnostics = diagnostics.set_index("strategy")
    full = diagnostics.loc["mlm_full"]
    warned = ~full["singular"] & (full["messages"] != "")

    def difference(happened, first, second):
        (p, p_mcse), (q, q_mcse) = (share(happened[full.eval(each)]) for each in (first, second))
        return p - q, float(np.hypot(p_mcse, q_mcse))

    halves = {
        "variance": ("group_sd < 0.5", "group_sd > 0.5"),
        "observations": ("n_obs == 5", "n_obs == 100"),
    }
    intercept = diagnostics.loc["mlm_intercept"]
    return {
        "failures": Claim(
            "The full model fails most where variance is low or observations are few.",
            {name: above(*difference(full["singular"], *ends)) for name, ends in halves.items()},
            {f"warned_{name}": above(*difference(warned, *ends)) for name, ends in halves.items()},
        ),
        "never_fails": Claim(
            "The random-intercept model never fails.",
            {"failed": never(~intercept["converged"])},
            {"singular": never(intercept["singular"])},
        ),
    }
