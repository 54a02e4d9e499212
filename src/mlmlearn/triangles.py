"""What is left of the rows of some data sets: small triangles, all that the strategies need.

A QR decomposition turns the rows of group j into a few numbers (a numerically safe form of the
cross-products):

    [X_j  y_j] = Q_j [C_j  d_j]        C_j: k rows, X_j'X_j = C_j'C_j, X_j'y_j = C_j'd_j
                     [ 0   r_j]        r_j squared: what is left of y_j'y_j

From here on no formula sees a row of the data, so the cost does not depend on their number. Rows
of zeros add nothing to a triangle, nor a triangle of zeros to a sum: so data sets of unequal
groups stand side by side, filled up with zeros.

Arrays have the data sets (b) first and the groups (g) last, with the indices of small matrices
between them. So NumPy multiplies the matrices of all data sets in one call, and a step of a
group's algebra is one operation on long vectors.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FloatArray", "Standardised", "independent", "standardised", "triangles", "triangles_of_groups",
]  # fmt: skip

FloatArray = NDArray[Any]

# Shares of a column's size, and of its spread, below which there is nothing but rounding.
CONSTANT, REPEATED = 1e-10, 1e-5

# Rows to sum up at once, so that they stay in the processor's cache.
AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Standardised:
    """The triangles of some data sets, in columns and an outcome of one size.

    Attributes
    ----------
    rows : ndarray, shape (b, k + 1, k, g)
        The groups' triangles [C d], transposed (columns before rows), in standardised columns and
        an outcome in standardised units, less the OLS fit; once `pooled`, their first m rows.
    common : ndarray, shape (b, i, k + 1)
        Rows of [C d] that belong to no group, since no random effect touches them; see `pooled`.
    rest : ndarray, shape (b,)
        Squares of the outcome that no group's own regression explains, added up.
    n_rows, n_groups : ndarray, shape (b,)
        Rows of a data set, N, and groups that have any.
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
    n_rows: FloatArray
    n_groups: FloatArray
    A: FloatArray
    ols: FloatArray
    scale: FloatArray

    @property
    def n_fixed(self) -> int:
        """Fixed effects, k."""
        return int(self.ols.shape[1])

    @property
    def n_free(self) -> FloatArray:
        """Rows less fixed effects, N - k, shape (b,)."""
        return self.n_rows - self.n_fixed

    def original(self, coefs: FloatArray) -> FloatArray:
        """Take coefficients, shape (b, k) or (b, k, g), back to the units of the data."""
        many = coefs.reshape(*coefs.shape[:2], -1)
        many = np.linalg.solve(self.A, many) * self.scale[:, None, None] + self.ols[..., None]
        return np.asarray(many.reshape(coefs.shape))

    def take(self, which: NDArray[Any]) -> "Standardised":
        """Keep some of the data sets."""
        return Standardised(*(getattr(self, name)[which] for name in self.__slots__))

    def pooled(self, m: int) -> "Standardised":
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

    def turned(self, V: FloatArray) -> "Standardised":
        """Take other axes for the random effects: the first m columns times V, shape (b, m, m).

        V is orthogonal, so that no determinant changes.
        """
        m = V.shape[1]
        rows, common, A = self.rows.copy(), self.common.copy(), self.A.copy()
        rows[:, :m] = np.einsum("bij,biag->bjag", V, rows[:, :m])
        common[..., :m] = common[..., :m] @ V
        A[:, :m] = V.swapaxes(1, 2) @ A[:, :m]
        return replace(self, rows=rows, common=common, A=A)


def triangles(X: FloatArray, y: FloatArray) -> FloatArray:
    """Sum up the rows of many data sets of one shape.

    Parameters
    ----------
    X : ndarray, shape (b, g, n, k)
        Designs of g groups with n rows each, their first column ones; zeros for missing rows.
    y : ndarray, shape (b, g, n)
        Outcomes; zeros for missing rows.

    Returns
    -------
    ndarray, shape (b, g, k + 1, k + 1)
        Triangular factors of [X_j y_j].
    """
    few = max(1, AT_ONCE // (X.shape[1] * X.shape[2]))
    parts = [_factors(X[i : i + few], y[i : i + few]) for i in range(0, len(X), few)]
    return np.concatenate(parts)


def triangles_of_groups(X: FloatArray, y: FloatArray, sizes: NDArray[np.intp]) -> FloatArray:
    """Sum up the rows of one data set whose groups stand one after another.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    y : ndarray, shape (n,)
    sizes : ndarray of int, shape (g,)
        Rows of each group.

    Returns
    -------
    ndarray, shape (g, k + 1, k + 1)
    """
    found = np.zeros((len(sizes), X.shape[1] + 1, X.shape[1] + 1))
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):  # groups of one size go through QR together
        these = np.flatnonzero(sizes == size)
        rows = starts[these][:, None] + np.arange(size)
        found[these] = triangles(X[rows][None], y[rows][None])[0]
    return found


def _factors(X: FloatArray, y: FloatArray) -> FloatArray:
    """Triangular factors of [X y], with rows of zeros where groups have few rows."""
    R = _triangle(np.concatenate([X, y[..., None]], axis=-1))
    missing = R.shape[-1] - R.shape[-2]
    return np.pad(R, [(0, 0)] * (R.ndim - 2) + [(0, missing), (0, 0)]) if missing else R


def standardised(R: FloatArray, sizes: NDArray[np.intp]) -> Standardised:
    """Bring the triangles of all groups to standardised columns.

    Parameters
    ----------
    R : ndarray, shape (b, g, k + 1, k + 1)
        What `triangles` gives.
    sizes : ndarray of int, shape (b, g)
        Rows of each group.
    """
    b, g, k = R.shape[0], R.shape[1], R.shape[2] - 1
    n_rows = sizes.sum(axis=1)
    whole = _triangle(R.reshape(b, g * (k + 1), k + 1))
    root = np.sqrt(n_rows)[:, None, None]
    A, projected = whole[:, :k, :k] / root, whole[:, :k, k:] / root
    scale = np.abs(whole[:, k, k]) / np.sqrt(np.maximum(n_rows - k, 1))
    C = R[:, :, :k, :k] @ np.linalg.inv(A)[:, None]
    d = (R[:, :, :k, k:] - C @ projected[:, None]) / scale[:, None, None, None]
    return Standardised(
        rows=np.ascontiguousarray(np.concatenate([C, d], axis=3).transpose(0, 3, 2, 1)),
        common=np.zeros((b, 0, k + 1)),
        rest=((R[:, :, k, k] / scale[:, None]) ** 2).sum(axis=1),
        n_rows=n_rows.astype(float),
        n_groups=(sizes > 0).sum(axis=1).astype(float),
        A=A,
        ols=np.linalg.solve(A, projected)[..., 0],
        scale=scale,
    )


def _triangle(matrices: FloatArray) -> FloatArray:
    """Upper triangular QR factors of many matrices, shape (..., n, k)."""
    factors: Any = np.linalg.qr(matrices, mode="r")
    return np.asarray(factors)


def independent(R: FloatArray) -> NDArray[np.bool_]:
    """Tell which columns vary on their own in triangles, shape (..., m, m): shape (..., m).

    A column does when the share of its spread that those before it leave is more than rounding.
    """
    unit = np.abs(R).max(axis=-2, keepdims=True)  # or squares would overflow
    squares = (R / np.where(unit > 0, unit, 1)) ** 2
    own, whole = np.diagonal(squares, axis1=-2, axis2=-1), squares.sum(axis=-2)
    spread = squares[..., 1:, :].sum(axis=-2)
    spread[..., 0] = whole[..., 0]
    return np.asarray((spread > CONSTANT**2 * whole) & (own > REPEATED**2 * spread))
