"""One OLS over all rows, with the CR2 standard errors that few groups need.

Bell & McCaffrey (2002), Survey Methodology 28(2); Pustejovsky & Tipton (2018), Journal of
Business & Economic Statistics 36(4), with an identity working model.
"""

import numpy as np

from mlmlearn.batch import Batch, Texts, no_texts
from mlmlearn.ols import fitted, resting_on_few
from mlmlearn.strategies.base import Fitted, Strategy

# An eigenvalue of I - H below this is zero: the group alone decides on a coefficient.
SINGULAR = 1e-10


def refuse(batch: Batch) -> Texts:
    """Refuse nothing: the degrees of freedom tell how much the groups say."""
    return no_texts(len(batch))


def fit(batch: Batch) -> Fitted:
    """Fit by OLS; standard errors from scores C_j'(I - C_j B C_j')^(-1/2) d_j, B = (X'X)^-1.

    The degrees of freedom of a contrast c are Satterthwaite's: with s_j = (I - H_j)^(-1/2) C_j B c,
    w_j = C_j's_j and G = diag(s_j's_j) - [w_j'B w_l], they are (tr G)^2 / sum of G's squares.
    """
    data = batch.standardised
    k, n = data.n_fixed, data.n_rows
    rows = data.rows.transpose(0, 3, 2, 1)
    C, d = rows[..., :k], rows[..., k:]  # X'X = N I
    N = n[:, None, None, None]
    values, axes = np.linalg.eigh(np.eye(k) - C @ C.swapaxes(2, 3) / N)
    root = np.where(values > SINGULAR, 1 / np.sqrt(np.maximum(values, SINGULAR)), 0)
    adjusted = (axes * root[..., None, :]) @ axes.swapaxes(2, 3)
    contrasts = data.back.swapaxes(1, 2)[:, None]  # a column a coefficient
    s = adjusted @ C @ contrasts / N
    own = (s * d).sum(axis=2)  # (b, g, k)
    se = np.sqrt((own**2).sum(axis=1)) * data.scale[:, None]
    w = C.swapaxes(2, 3) @ s
    lengths, overlaps = (s**2).sum(axis=2), (w**2).sum(axis=2) / n[:, None, None]
    crossed = np.einsum("bgij,bgkj->bjik", w, w) / n[:, None, None, None]
    squares = (lengths**2 - 2 * lengths * overlaps).sum(axis=1) + (crossed**2).sum(axis=(2, 3))
    with np.errstate(all="ignore"):
        df = (lengths - overlaps).sum(axis=1) ** 2 / squares
    return fitted(batch, data.ols, se, df, messages=resting_on_few(batch))


STRATEGY = Strategy(
    "cluster_robust_cr2",
    "OLS with CR2",
    "one OLS over all rows, with CR2 standard errors and Satterthwaite degrees of freedom",
    refuse,
    fit,
    place=5,
)
