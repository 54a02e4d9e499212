"""An OLS per group, then a regression of the groups' coefficients over the groups.

Where every predictor varies within groups, the second stage is the mean of the groups'
coefficients with a one-sample t test. A predictor that is constant within groups explains the
intercepts, and its product with one that is not explains that one's slopes: the analysis of summary
measures (Matthews, Altman, Campbell & Royston 1990, BMJ 300).
"""

import numpy as np
from numpy.typing import NDArray

from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import ClusteredData, listed
from mlmlearn.engine_pymer4 import lm2
from mlmlearn.ols import fitted
from mlmlearn.strategies.base import Fitted, Strategy, refusals
from mlmlearn.triangles import FloatArray

# Share of a column's size below which it owes nothing to another.
NOTHING = 1e-8


def refuse(batch: Batch) -> Texts:
    """Refuse groups without a regression of their own, and too few groups."""
    m = int(batch.within.sum())
    batch, _ = batch.first(batch.within)
    short, alike = batch.short_groups(m), batch.dependent_groups(m)
    found = refusals(batch, list(map(bool, short)), lambda i: (
        f"two_stage fits {m} coefficients in every group and needs at least {m} rows in each, "
        f"but {len(short[i])} of {batch.n_groups[i]} groups have fewer: {listed(short[i])}; "
        "drop these groups or use another strategy"
    ))  # fmt: skip
    found = refusals(batch, list(map(bool, alike)), lambda i: (
        "two_stage fits every group on its own, but a predictor does not vary, or repeats another, "
        f"within {len(alike[i])} of {batch.n_groups[i]} groups: {listed(alike[i])}; drop these "
        "groups or use another strategy"
    ), found)  # fmt: skip
    if m == batch.n_fixed or not (good := found == "").any():
        return found
    touched = np.ones((len(batch), m, batch.n_fixed - m), dtype=bool)
    touched[good] = touches(batch.take(good))
    several = touched.sum(axis=1) != 1
    found = refusals(batch, several.any(axis=1), lambda i: (
        "two_stage explains each coefficient of the groups by itself, but "
        f"{listed(np.array(batch.terms[m:])[several[i]].tolist())} would explain several; "
        "leave it out, or use another strategy"
    ), found)  # fmt: skip
    needed = touched.sum(axis=2).max(axis=1) + 2
    return refusals(batch, batch.n_groups < needed, lambda i: (
        f"two_stage regresses the coefficients of the groups on what is constant within them and "
        f"needs at least {needed[i]} groups, but there are {batch.n_groups[i]}; use fewer "
        "predictors of the groups"
    ), found)  # fmt: skip


def first_stage(batch: Batch) -> tuple[FloatArray, FloatArray]:
    """Coefficients of the groups, shape (b, m, g), and what the other columns add to them.

    In group j the other columns are X_w M_j, with X_w the m that vary within groups, which stand
    first: shape (b, g, m, k - m).
    """
    data, m, k = batch.standardised, int(batch.within.sum()), batch.n_fixed
    there = batch.sizes > 0
    C, solved = data.rows[:, :m], data.rows[:, m:, :m].copy()
    for r in reversed(range(m)):  # back substitution, in all groups at once
        for c in range(r + 1, m):
            solved[:, :, r] -= C[:, c, None, r] * solved[:, :, c]
        solved[:, :, r] /= np.where(there, C[:, r, r], 1)[:, None]
    coefs = np.zeros((len(batch), k, there.shape[1]))
    coefs[:, :m], others = solved[:, -1], solved[:, :-1].transpose(0, 3, 2, 1)
    coefs = data.original(coefs)[:, :m]
    A = data.A
    M = data.back[:, None, :m, :m] @ (A[:, None, :m, m:] + others @ A[:, None, m:, m:])
    if m < k:
        # Less the OLS fit are the outcomes, of which the other columns explain a part.
        coefs += (M @ data.ols[:, None, m:, None])[..., 0].swapaxes(1, 2)
    coefs *= there[:, None]
    return coefs, M * there[..., None, None]


def touches(batch: Batch) -> NDArray[np.bool_]:
    """Tell which of the groups' coefficients each other column explains, shape (b, m, k - m)."""
    m, A = int(batch.within.sum()), batch.standardised.A
    lengths = np.linalg.norm(A, axis=1)
    share = np.abs(first_stage(batch)[1]).max(axis=1) * lengths[:, :m, None]
    return np.asarray(share > NOTHING * lengths[:, None, m:])


def fit(batch: Batch) -> Fitted:
    """Regress the groups' coefficients on 1 and on what explains them; J less these df."""
    batch, places = batch.first(batch.within)
    m, k, J = int(batch.within.sum()), batch.n_fixed, batch.standardised.n_groups
    own, M = first_stage(batch)
    there = (batch.sizes > 0).astype(float)
    estimate, se, df = (np.empty((len(batch), k)) for _ in range(3))
    touched = touches(batch)[0] if m < k else np.zeros((m, 0), dtype=bool)
    for r in range(m):
        design = np.concatenate([there[..., None], M[:, :, r, touched[r]]], axis=2)
        Q, R = np.linalg.qr(design)
        coefs = np.linalg.solve(R, Q.swapaxes(1, 2) @ own[:, r, :, None])
        rest = (own[:, r] - (design @ coefs)[..., 0]) * there
        left = J - design.shape[2]
        inverse = np.linalg.inv(R)
        these = [r, *(m + np.flatnonzero(touched[r]))]
        estimate[:, these] = coefs[..., 0]
        variance = (rest**2).sum(axis=1) / left
        se[:, these] = np.sqrt(variance[:, None] * (inverse**2).sum(axis=2))
        df[:, these] = left[:, None]
    groups = np.full((len(batch), k, own.shape[2]), np.nan)
    groups[:, :m] = own
    return fitted(batch, estimate, se, df, group_coefs=groups).ordered(places)


def pymer4(data: ClusteredData) -> Fitted:
    """Have pymer4 fit Lm2(..., group="g")."""
    batch, places = Batch.of_one(data).first(data.within)
    return lm2(data, first_stage(batch)[1][0], touches(batch)[0], places)


STRATEGY = Strategy(
    "two_stage",
    "Two-stage OLS",
    "one OLS per group, then a one-sample t test over the group coefficients",
    refuse,
    fit,
    pymer4,
    in_post=True,
    place=7,
)
