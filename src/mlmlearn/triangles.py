"""What is left of the rows of some data sets: small triangles, all that the strategies need.

A QR decomposition turns the rows of group j into a few numbers (a numerically safe form of the
cross-products):

    [X_j  y_j] = Q_j [C_j  d_j]        C_j: k rows, X_j'X_j = C_j'C_j, X_j'y_j = C_j'd_j
                     [ 0   r_j]        r_j squared: what is left of y_j'y_j

From here on no formula sees a row of the data, so the cost does not depend on their number. Rows
of zeros add nothing to a triangle, nor a triangle of zeros to a sum: so data sets of unequal
groups stand side by side, filled up with zeros.

Arrays have the data sets (b) first, then the columns and the rows of each small matrix, and the
groups (g) last, so that the processor takes several at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FloatArray", "Standardised", "binary_unit", "folded", "independent", "standardised",
    "triangles", "triangles_of_groups",
]  # fmt: skip

FloatArray = NDArray[Any]

# Shares of a column's size, and of its spread, below which there is nothing but rounding.
CONSTANT, REPEATED = 1e-10, 1e-5

# Groups whose triangles are copied at once.
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Standardised:
    """The triangles of some data sets, in columns and an outcome of one size.

    Attributes
    ----------
    rows : ndarray, shape (b, k + 1, k, g)
        The groups' triangles [C d] in standardised columns and an outcome in standardised units,
        less the OLS fit.
    rest : ndarray, shape (b,)
        Squares of the outcome that no group's own regression explains, added up.
    n_rows, n_groups : ndarray, shape (b,)
        Rows of a data set, N, and groups that have any.
    A, back : ndarray, shape (b, k, k)
        The standardised columns are X A^-1; A^-1.
    ols : ndarray, shape (b, k)
        OLS coefficients of the original columns.
    scale : ndarray, shape (b,)
        Unit of the standardised outcome: the residual SD of OLS.
    """

    rows: FloatArray
    rest: FloatArray
    n_rows: FloatArray
    n_groups: FloatArray
    A: FloatArray
    back: FloatArray
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
        many = self.back @ many
        many *= self.scale[:, None, None]
        many += self.ols[..., None]
        return np.asarray(many.reshape(coefs.shape))

    def common(self, m: int) -> tuple[FloatArray, FloatArray]:
        """Sum up what no random effect of the first m columns touches.

        C_j is upper triangular, so its rows from m on have zeros there: they are the same to
        every Lambda, and one triangle can hold them for all groups.

        Returns
        -------
        ndarray, shape (b, k - m, k + 1)
            Rows of [C d] that belong to no group.
        ndarray, shape (b,)
            `rest`, with what these rows leave of the outcome.
        """
        b, columns, k, g = self.rows.shape
        found = np.zeros((b, k - m, columns))
        if m == k:
            return found, self.rest
        # Copied, since the loops would be compiled once more for a view, and so many at a time.
        parts = [
            folded(self.rows[:, m:, m:, i : i + MANY].copy().reshape(b, columns - m, -1))
            for i in range(0, g, MANY)
        ]
        below = parts[0]
        if len(parts) > 1:
            below = folded(np.concatenate(parts, axis=1).swapaxes(1, 2).copy())
        found[..., m:] = below[:, :-1]
        return found, self.rest + below[:, -1, -1] ** 2


def binary_unit(largest: FloatArray) -> FloatArray:
    """Find a power of two of that size: to divide by it rounds nothing."""
    return np.asarray(np.ldexp(1.0, np.frexp(np.nan_to_num(largest))[1] - 1))


def folded(blocks: FloatArray, unit: FloatArray | None = None) -> FloatArray:
    """Sum up blocks of rows in a triangle each, rows before columns: (b, q, n) to (b, q, q).

    The columns are divided by `unit`, shape (b, q).
    """
    from mlmlearn import qr

    b, q, n = blocks.shape
    ones = np.ones((b, q))
    parts = max(1, min(qr.LANES // b, n // (8 * q)))
    found = qr.triangles_of_blocks(blocks, ones if unit is None else unit, parts)
    if parts > 1:
        found = qr.triangles_of_blocks(found, ones, 1)
    return np.ascontiguousarray(found.swapaxes(1, 2))


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
    ndarray, shape (b, k + 1, k + 1, g)
        Triangular factors of [X_j y_j], columns before rows.
    """
    from mlmlearn import qr

    b, g, n, k = X.shape
    found: FloatArray = qr.triangles_of_rows(
        X.reshape(-1, k), y.ravel(), np.full(b * g, n), np.arange(b * g), np.ones(k + 1)
    )
    return np.ascontiguousarray(found.reshape(k + 1, k + 1, b, g).transpose(2, 0, 1, 3))


def triangles_of_groups(
    predictors: FloatArray, y: FloatArray, sizes: NDArray[np.intp]
) -> FloatArray:
    """Sum up the rows of one data set whose groups stand one after another.

    Parameters
    ----------
    predictors : ndarray, shape (n, k - 1)
    y : ndarray, shape (n,)
    sizes : ndarray of int, shape (g,)
        Rows of each group.

    Returns
    -------
    ndarray, shape (k + 1, k + 1, g)
        Columns before rows.
    """
    from mlmlearn import qr

    sides = [max(column.max(), -column.min()) for column in (*predictors.T, y)]
    unit = binary_unit(np.array([1, *sides]))
    order = np.argsort(sizes, kind="stable")
    found: FloatArray = qr.triangles_of_rows(predictors, y, sizes, order, unit)
    return found


def standardised(R: FloatArray, whole: FloatArray, sizes: NDArray[np.intp]) -> Standardised:
    """Bring the triangles of all groups to standardised columns.

    Parameters
    ----------
    R : ndarray, shape (b, k + 1, k + 1, g)
        What `triangles` gives.
    whole : ndarray, shape (b, k + 1, k + 1)
        Triangles of all rows of a data set.
    sizes : ndarray of int, shape (b, g)
        Rows of each group.
    """
    b, k, g = R.shape[0], R.shape[1] - 1, R.shape[3]
    n_rows = sizes.sum(axis=1)
    A, projected = np.split(whole[:, :k] / np.sqrt(n_rows)[:, None, None], [k], axis=2)
    back = np.linalg.inv(A)
    scale = np.abs(whole[:, k, k]) / np.sqrt(np.maximum(n_rows - k, 1))
    rows = np.empty((b, k + 1, k, g))
    flat, given = rows.reshape(b, k + 1, k * g), R[:, :, :k].reshape(b, k + 1, k * g)
    np.matmul(back.swapaxes(1, 2), given[:, :k], out=flat[:, :k])
    np.matmul(-projected.swapaxes(1, 2), flat[:, :k], out=flat[:, k:])
    flat[:, k] += given[:, k]
    flat[:, k] /= scale[:, None]
    return Standardised(
        rows=rows,
        rest=((R[:, k, k] / scale[:, None]) ** 2).sum(axis=1),
        n_rows=n_rows.astype(float),
        n_groups=(sizes > 0).sum(axis=1).astype(float),
        A=A,
        back=back,
        ols=(back @ projected)[..., 0],
        scale=scale,
    )


def independent(R: FloatArray) -> NDArray[np.bool_]:
    """Tell which columns vary on their own in triangles, shape (b, m, m, g): shape (b, m, g).

    A column does when the share of its spread that those before it leave is more than rounding.
    """
    b, m, _, g = R.shape
    found = np.empty((b, m, g), dtype=bool)
    for c in range(m):
        column = np.abs(R[:, c, : c + 1])
        unit = column.max(axis=1, keepdims=True)  # or squares would overflow
        squares = (column / np.where(unit > 0, unit, 1)) ** 2
        spread = squares[:, min(c, 1) :].sum(axis=1)
        own = squares[:, c] > REPEATED**2 * spread
        found[:, c] = own & (spread > CONSTANT**2 * squares.sum(axis=1))
    return found
