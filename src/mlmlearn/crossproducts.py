"""What is left of the rows of a data set: small triangles, all that the four strategies need.

A QR decomposition turns the rows of group j into a few numbers (a numerically safe form of the
cross-products):

    [X_j  y_j] = Q_j [C_j  d_j]        C_j: k rows, X_j'X_j = C_j'C_j, X_j'y_j = C_j'd_j
                     [ 0   r_j]        r_j squared: what is left of y_j'y_j

From here on no formula sees a row of the data, so the cost does not depend on their number.

Arrays have the data sets (b) first and the groups (g) last, with the indices of small matrices
between them. So NumPy multiplies the matrices of all data sets in one call, and a step of a
group's algebra is one operation on long vectors.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Compressed", "FloatArray", "compress", "factors", "sound", "standardised", "triangles",
]  # fmt: skip

FloatArray = NDArray[Any]

# Rows to sum up at once, so that they stay in the processor's cache.
AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Compressed:
    """What is left of some data sets once their rows are summed up.

    Attributes
    ----------
    rows : ndarray, shape (b, k + 1, k, g)
        The groups' triangles [C d], transposed (columns before rows), in standardised columns and
        an outcome in standardised units, less the OLS fit; once `pooled`, their first m rows.
    common : ndarray, shape (b, i, k + 1)
        Rows of [C d] that belong to no group, since no random effect touches them; see `pooled`.
    rest : ndarray, shape (b,)
        Squares of the outcome that no group's own regression explains, added up.
    n_rows : int
        Rows of a data set, N.
    A : ndarray, shape (b, k, k)
        The standardised columns are X A^-1.
    ols : ndarray, shape (b, k)
        OLS coefficients of the original columns.
    scale : ndarray, shape (b,)
        Unit of the standardised outcome: the residual SD of OLS.
    """

    rows: FloatArray
    common: FloatArray
    rest: FloatArray
    n_rows: int
    A: FloatArray
    ols: FloatArray
    scale: FloatArray

    @property
    def n_fixed(self) -> int:
        """Fixed effects, k."""
        return int(self.ols.shape[1])

    @property
    def n_groups(self) -> int:
        """Groups of a data set, g."""
        return int(self.rows.shape[3])

    @property
    def n_free(self) -> int:
        """Rows less fixed effects, N - k."""
        return self.n_rows - self.n_fixed

    def original(self, coefs: FloatArray) -> FloatArray:
        """Take coefficients, shape (b, k) or (b, k, g), back to the units of the data."""
        many = coefs.reshape(*coefs.shape[:2], -1)
        many = np.linalg.solve(self.A, many) * self.scale[:, None, None] + self.ols[..., None]
        return np.asarray(many.reshape(coefs.shape))

    def take(self, which: NDArray[Any]) -> "Compressed":
        """Keep some of the data sets."""
        arrays = ("rows", "common", "rest", "A", "ols", "scale")
        return replace(self, **{name: getattr(self, name)[which] for name in arrays})

    def pooled(self, m: int) -> "Compressed":
        """Keep apart by group only what random effects of the first m columns touch.

        C_j is upper triangular, so its rows from m on have zeros there: they are the same to
        every Lambda, and one triangle can hold them for all groups.
        """
        b, columns, k, _ = self.rows.shape
        if m == k:
            return self
        below = self.rows[:, :, m:].reshape(b, columns, -1).transpose(0, 2, 1)
        common = _triangle(below)
        return replace(
            self,
            rows=np.ascontiguousarray(self.rows[:, :, :m]),
            common=common[:, :k],
            rest=self.rest + (common[:, k:, k] ** 2).sum(axis=1),
        )

    def turned(self, V: FloatArray) -> "Compressed":
        """Take other axes for the random effects: the first m columns times V, shape (b, m, m).

        V is orthogonal, so that no determinant changes.
        """
        m = V.shape[1]
        rows, common, A = self.rows.copy(), self.common.copy(), self.A.copy()
        rows[:, :m] = np.einsum("bij,biag->bjag", V, rows[:, :m])
        common[..., :m] = common[..., :m] @ V
        A[:, :m] = V.swapaxes(1, 2) @ A[:, :m]
        return replace(self, rows=rows, common=common, A=A)


def compress(X: FloatArray, y: FloatArray) -> Compressed:
    """Sum up the rows of many balanced data sets of one shape.

    Parameters
    ----------
    X : ndarray, shape (b, g, n, k)
        Designs, their first column ones, for b data sets of g groups with n rows each.
    y : ndarray, shape (b, g, n)
        Outcomes.

    Returns
    -------
    Compressed
    """
    with np.errstate(all="ignore"):  # `Fitted.problem` tells what went wrong, and where
        return standardised(triangles(X, y), X.shape[1] * X.shape[2])


def triangles(X: FloatArray, y: FloatArray) -> FloatArray:
    """Triangular factors of the groups of many data sets, shape (b, g, k + 1, k + 1)."""
    few = max(1, AT_ONCE // (X.shape[1] * X.shape[2]))
    parts = [factors(X[i : i + few], y[i : i + few]) for i in range(0, len(X), few)]
    return np.concatenate(parts)


def sound(R: FloatArray, n_obs: int) -> NDArray[np.bool_]:
    """Tell which data sets can be fitted beside others without a closer look.

    Doubtful are those with a number that is not finite, with a predictor that in all rows, or in
    those of one group, nearly is constant or nearly repeats those before it, and with an outcome
    that the predictors determine. The limits are ten times those that refuse a data set.

    Parameters
    ----------
    R : ndarray, shape (b, g, k + 1, k + 1)
        What `triangles` gives.
    n_obs : int
        Rows of a group.

    Returns
    -------
    ndarray of bool, shape (b,)
    """
    b, g, size, _ = R.shape
    k = size - 1
    whole = _triangle(R.reshape(b, g * size, size))
    determined = np.abs(whole[:, k, k]) <= 1e-9 * np.linalg.norm(whole[:, :, k], axis=1)
    groups = R[:, :, : min(n_obs, k), : min(n_obs, k)]
    return np.asarray(
        np.isfinite(R).all(axis=(1, 2, 3))
        & ~determined
        & _separate(whole[:, :k, :k])
        & _separate(groups).all(axis=1)
    )


def _separate(triangle: FloatArray) -> NDArray[np.bool_]:
    """Tell whether every column varies, and on its own, in triangles of shape (..., k, k)."""
    squares = triangle**2
    own = np.diagonal(squares, axis1=-2, axis2=-1)[..., 1:]
    size = squares.sum(axis=-2)[..., 1:]
    spread = size - squares[..., 0, 1:]  # about the mean, which is the first row
    return np.asarray(((spread > 1e-18 * size) & (own > 1e-8 * spread)).all(axis=-1))


def factors(X: FloatArray, y: FloatArray) -> FloatArray:
    """Triangular factors of [X y], with rows of zeros where groups have few rows."""
    R = _triangle(np.concatenate([X, y[..., None]], axis=-1))
    missing = R.shape[-1] - R.shape[-2]
    return np.pad(R, [(0, 0)] * (R.ndim - 2) + [(0, missing), (0, 0)]) if missing else R


def standardised(R: FloatArray, n_rows: int) -> Compressed:
    """Bring the factors of all groups, shape (b, g, k + 1, k + 1), to standardised columns."""
    b, g, k = R.shape[0], R.shape[1], R.shape[2] - 1
    whole = _triangle(R.reshape(b, g * (k + 1), k + 1))
    root = np.sqrt(n_rows)
    A, projected = whole[:, :k, :k] / root, whole[:, :k, k:] / root
    scale = np.abs(whole[:, k, k]) / np.sqrt(max(n_rows - k, 1))
    C = R[:, :, :k, :k] @ np.linalg.inv(A)[:, None]
    d = (R[:, :, :k, k:] - C @ projected[:, None]) / scale[:, None, None, None]
    return Compressed(
        rows=np.ascontiguousarray(np.concatenate([C, d], axis=3).transpose(0, 3, 2, 1)),
        common=np.zeros((b, 0, k + 1)),
        rest=((R[:, :, k, k] / scale[:, None]) ** 2).sum(axis=1),
        n_rows=n_rows,
        A=A,
        ols=np.linalg.solve(A, projected)[..., 0],
        scale=scale,
    )


def _triangle(matrices: FloatArray) -> FloatArray:
    """Upper triangular QR factors of many matrices, shape (..., n, k)."""
    factors: Any = np.linalg.qr(matrices, mode="r")
    return np.asarray(factors)
