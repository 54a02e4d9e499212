"""What is left of the rows of some data sets: small triangles, all that the strategies need.

A QR decomposition turns the rows of group j into a few numbers (a numerically safe form of the
cross-products):

    [X_j  y_j] = Q_j [C_j  d_j]        C_j: k rows, X_j'X_j = C_j'C_j, X_j'y_j = C_j'd_j
                     [ 0   r_j]        r_j squared: what is left of y_j'y_j

From here on no formula sees a row of the data, so the cost does not depend on their number. Rows
of zeros add nothing to a triangle, nor a triangle of zeros to a sum: so data sets of unequal
groups stand side by side, filled up with zeros.

Arrays have the data sets (b) first, then the groups (g), then the small matrices of each.
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


@dataclass(frozen=True, slots=True)
class Standardised:
    """The triangles of some data sets, in columns and an outcome of one size.

    Attributes
    ----------
    rows : ndarray, shape (b, g, k, k + 1)
        The groups' triangles [C d] in standardised columns and an outcome in standardised units,
        less the OLS fit; once `pooled`, their first m rows.
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

    def pooled(self, m: int) -> "Standardised":
        """Keep apart by group only what random effects of the first m columns touch.

        C_j is upper triangular, so its rows from m on have zeros there: they are the same to
        every Lambda, and one triangle can hold them for all groups.
        """
        from mlmlearn import qr

        b, g, k, columns = self.rows.shape
        if m == k:
            return self
        below = np.ascontiguousarray(self.rows[:, :, m:, m:])
        common = np.zeros((b, columns, columns))
        common[:, m:, m:] = qr.triangles_of_blocks(below.reshape(b, g * (k - m), columns - m))
        return replace(
            self,
            rows=np.ascontiguousarray(self.rows[:, :, :m]),
            common=np.ascontiguousarray(common[:, m:k]),
            rest=self.rest + common[:, k, k] ** 2,
        )


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
    from mlmlearn import qr

    b, g, n, k = X.shape
    found: FloatArray = qr.triangles_of_rows(
        X.reshape(-1, k), y.ravel(), np.full(b * g, n), np.arange(b * g), np.ones(k + 1)
    )
    return found.reshape(b, g, k + 1, k + 1)


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
    from mlmlearn import qr

    largest = [np.abs(column).max() for column in (*X.T, y)]
    unit = np.ldexp(1.0, np.frexp(np.nan_to_num(largest))[1])  # a power of two rounds nothing
    order = np.argsort(sizes, kind="stable")
    found: FloatArray = qr.triangles_of_rows(X, y, sizes, order, unit)
    return found


def standardised(R: FloatArray, sizes: NDArray[np.intp]) -> Standardised:
    """Bring the triangles of all groups to standardised columns.

    Parameters
    ----------
    R : ndarray, shape (b, g, k + 1, k + 1)
        What `triangles` gives.
    sizes : ndarray of int, shape (b, g)
        Rows of each group.
    """
    from mlmlearn import qr

    b, g, k = R.shape[0], R.shape[1], R.shape[2] - 1
    n_rows = sizes.sum(axis=1)
    whole = qr.triangles_of_blocks(R.reshape(b, g * (k + 1), k + 1))
    root = np.sqrt(n_rows)[:, None, None]
    A, projected = whole[:, :k, :k] / root, whole[:, :k, k:] / root
    scale = np.abs(whole[:, k, k]) / np.sqrt(np.maximum(n_rows - k, 1))
    return Standardised(
        rows=qr.standardise(R, np.linalg.inv(A), projected[..., 0], scale),
        common=np.zeros((b, 0, k + 1)),
        rest=((R[:, :, k, k] / scale[:, None]) ** 2).sum(axis=1),
        n_rows=n_rows.astype(float),
        n_groups=(sizes > 0).sum(axis=1).astype(float),
        A=A,
        ols=np.linalg.solve(A, projected)[..., 0],
        scale=scale,
    )


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
