"""One OLS over all rows, with cluster-robust standard errors and pymer4's correction."""

import numpy as np

from mlmlearn.batch import Batch, Texts
from mlmlearn.engine_pymer4 import lm
from mlmlearn.ols import fitted, resting_on_few, scores, too_few_groups
from mlmlearn.strategies.base import Fitted, Strategy


def refuse(batch: Batch) -> Texts:
    """Refuse when no degrees of freedom are left."""
    return too_few_groups("cluster_robust", batch)


def fit(batch: Batch) -> Fitted:
    """OLS with V = (X'X)^-1 M (X'X)^-1 G/(G-1) N/(N-k) and G - k degrees of freedom.

    M adds up the outer products of the groups' scores X_j'(y_j - X_j beta), which are C_j'd_j
    (Cameron & Miller 2015, Journal of Human Resources 50(2), with pymer4's df).
    """
    data = batch.standardised
    n, n_groups, k = data.n_rows, data.n_groups, data.n_fixed
    own = data.back @ scores(batch)
    factor = n_groups / (n_groups - 1) / (n * (n - k))  # X'X = N I
    se = np.sqrt(factor[:, None] * (own**2).sum(axis=2)) * data.scale[:, None]
    return fitted(batch, data.ols, se, n_groups - k, messages=resting_on_few(batch))


STRATEGY = Strategy(
    "cluster_robust",
    "Cluster-robust OLS",
    "one OLS over all rows, with cluster-robust standard errors",
    refuse,
    fit,
    lm,
    in_post=True,
    place=4,
)
