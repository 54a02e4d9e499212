"""One OLS over all rows, tested by the wild cluster bootstrap with the null imposed.

Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90(3); Roodman, MacKinnon,
Nielsen & Webb (2019), Stata Journal 19(1).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from mlmlearn.batch import Batch, Texts
from mlmlearn.ols import scores, too_few_groups
from mlmlearn.strategies import cluster_robust
from mlmlearn.strategies.base import Fitted, Strategy
from mlmlearn.triangles import FloatArray

DRAWS = 999

# Weights to hold at once, which many groups have too many of.
AT_ONCE = 2_000_000

# Two signs for each of fewer groups give too few different samples; Webb's six points do not.
FEW_GROUPS = 12
SIX_POINTS = np.sqrt([0.5, 1, 1.5])


def refuse(batch: Batch) -> Texts:
    """Refuse what leaves the standard errors without degrees of freedom."""
    return too_few_groups("wild_bootstrap", batch)


def fit(batch: Batch) -> Fitted:
    """Fit by OLS; p values by the bootstrap, intervals from the values that it does not reject.

    The standard errors are those of `cluster_robust`; there are no degrees of freedom.
    """
    base = cluster_robust.fit(batch)
    data = batch.standardised
    k = data.n_fixed
    C, U = data.rows[:, :k].transpose(0, 3, 2, 1), scores(batch).swapaxes(1, 2)
    p, low, high = (np.full((len(batch), k), np.nan) for _ in range(3))
    for i in range(len(batch)):
        there = batch.sizes[i] > 0
        Ci, Ui, seed = C[i, there], U[i, there], batch.seeds[i]
        for j in range(k):
            p_of = _p_values(Ci, Ui, data.back[i, j], data.n_rows[i], _weights(len(Ui), seed))
            unit, ols = data.scale[i], data.ols[i, j]
            half = base.se[i, j] / unit
            if np.isfinite(half):
                p[i, j] = p_of(-ols / unit)
                low[i, j] = ols + unit * _end(p_of, -half)
                high[i, j] = ols + unit * _end(p_of, half)
    return replace(base, df=np.full(p.shape, np.nan), p=p, ci_low=low, ci_high=high)


def _weights(n_groups: int, seed: Any) -> Iterator[FloatArray]:
    """Draw the groups' weights: together shape (DRAWS, n_groups), some draws at a time."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    at_once = max(1, AT_ONCE // n_groups)
    for first in range(0, DRAWS, at_once):
        signs = rng.choice([-1.0, 1.0], size=(min(at_once, DRAWS - first), n_groups))
        few = n_groups < FEW_GROUPS
        yield np.asarray(signs * rng.choice(SIX_POINTS, size=signs.shape)) if few else signs


def _p_values(
    C: FloatArray, U: FloatArray, c: FloatArray, n: float, drawn: Iterator[FloatArray]
) -> Callable[[float], float]:
    """Return the p value as a function of the null: how far it lies above the estimate.

    All is in standardised units, where X'X = n I and the OLS estimate is zero. Under the null that
    the contrast c is delta, the restricted estimate is delta c / c'c, so the restricted scores, the
    bootstrap's estimates and its scores are linear in delta, and t* needs five numbers a draw.
    """
    g, k = U.shape
    h = np.einsum("gij,gil,l->gj", C, C, c)  # c'C_j'C_j
    a0, a1 = U @ c, h @ c / (c @ c)
    numbers = []
    for weights in drawn:
        P0, P1 = weights @ U / n, weights @ h / (c @ c) / n
        s0, s1 = weights * a0 - P0 @ h.T, weights * a1 - P1 @ h.T
        squares = [(s * t).sum(axis=1) for s, t in ((s0, s0), (s0, s1), (s1, s1))]
        numbers.append([P0 @ c, P1 @ c, *squares])
    n0, n1, q00, q01, q11 = np.concatenate(numbers, axis=1)
    factor = g / (g - 1) * n / (n - k) / n**2
    spread = factor * (a0**2).sum()

    def p_value(delta: float) -> float:
        t2 = delta**2 / spread
        numerator = (n0 - delta * n1) ** 2
        variance = factor * (q00 - 2 * delta * q01 + delta**2 * q11)
        # Rounding must not part a draw from itself: the sample's own signs give t again.
        return float(np.mean(numerator >= t2 * variance * (1 - 1e-10)))

    return p_value


def _end(p_value: Callable[[float], float], step: float) -> float:
    """Find where, going from the estimate in steps, p falls below 0.05; infinite if nowhere."""
    inside, outside = 0.0, 2 * step
    while p_value(outside) >= 0.05:
        inside, outside = outside, 2 * outside
        if abs(outside) > 1e4 * abs(step):
            return float(np.copysign(np.inf, step))
    for _ in range(40):
        middle = (inside + outside) / 2
        if p_value(middle) >= 0.05:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2


STRATEGY = Strategy(
    "wild_bootstrap",
    "Wild bootstrap",
    "one OLS over all rows, tested by the restricted wild cluster bootstrap",
    refuse,
    fit,
    place=6,
)
