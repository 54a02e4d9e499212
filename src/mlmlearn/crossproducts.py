"""What is left of the rows of a data set: small triangles, all that the four strategies need.

A QR decomposition turns the rows of group j into a few numbers (a numerically safe form of the
cross-products):

    [X_j  y_j] = Q_j [C_j  d_j]        C_j: k rows, X_j'X_j = C_j'C_j, X_j'y_j = C_j'd_j
                     [ 0   r_j]        r_j squared: what is left of y_j'y_j

From here on no formula sees a row of the data, so the cost does not depend on their number.

Arrays have the indices of small matrices first and the data sets (b) and groups (g) last,
so that each step of a small matrix's algebra is one operation on a long vector.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Compressed", "FloatArray", "compress", "factors", "standardised"]

FloatArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Compressed:
    """What is left of some data sets once their rows are summed up.

    Attributes
    ----------
    C : ndarray, shape (k, k, b, g)
        Triangular factors of the groups' designs, in standardised columns; once `pooled`, their
        first m rows alone.
    d : ndarray, shape (k, b, g)
        The outcome in the same k (or m) directions, in standardised units and less the OLS fit.
    rest : ndarray, shape (b,)
        Squares of the outcome that no group's own regression explains, added up.
    n_rows : int
        Rows of a data set, N.
    A : ndarray, shape (k, k, b)
        The standardised columns are X A^-1.
    ols : ndarray, shape (k, b)
        OLS coefficients of the original columns.
    scale : ndarray, shape (b,)
        Unit of the standardised outcome: the residual SD of OLS.
    C0 : ndarray, shape (i, k, b)
        Rows that belong to no group, since no random effect touches them; see `pooled`.
    d0 : ndarray, shape (i, b)
        The outcome in these rows.
    """

    C: FloatArray
    d: FloatArray
    rest: FloatArray
    n_rows: int
    A: FloatArray
    ols: FloatArray
    scale: FloatArray
    C0: FloatArray
    d0: FloatArray

    @property
    def n_free(self) -> int:
        """Rows less fixed effects, N - p."""
        return self.n_rows - len(self.A)

    @property
    def back(self) -> FloatArray:
        """A^-1, which takes standardised coefficients back to the original columns."""
        return np.linalg.inv(self.A.transpose(2, 0, 1)).transpose(1, 2, 0)

    def take(self, which: NDArray[Any]) -> "Compressed":
        """Keep some of the data sets."""
        return Compressed(
            self.C[:, :, which], self.d[:, which], self.rest[which], self.n_rows,
            self.A[..., which], self.ols[:, which], self.scale[which], self.C0[..., which],
            self.d0[:, which],
        )  # fmt: skip

    def pooled(self, m: int) -> "Compressed":
        """Keep apart by group only what random effects of the first m columns touch.

        C_j is upper triangular, so its rows from m on have zeros there: they are the same to
        every Lambda, and one triangle can hold them for all groups.
        """
        k, _, b, g = self.C.shape
        if m == k:
            return self
        rows = np.concatenate([self.C[m:], self.d[m:, None]], axis=1)
        R = _triangle(rows.transpose(2, 3, 0, 1).reshape(b, g * (k - m), k + 1)).transpose(1, 2, 0)
        return replace(
            self, C=self.C[:m], d=self.d[:m], C0=R[:k, :k], d0=R[:k, k],
            rest=self.rest + (R[k:, k] ** 2).sum(axis=0),
        )  # fmt: skip


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
        return standardised(factors(X, y), X.shape[1] * X.shape[2])


def factors(X: FloatArray, y: FloatArray) -> FloatArray:
    """Triangular factors of [X y], with rows of zeros where groups have few rows."""
    k = X.shape[-1]
    R = _triangle(np.concatenate([X, y[..., None]], axis=-1))
    full = np.zeros((*R.shape[:-2], k + 1, k + 1))
    full[..., : R.shape[-2], :] = R
    return full


def standardised(R: FloatArray, n_rows: int) -> Compressed:
    """Bring the factors of all groups, shape (b, g, k + 1, k + 1), to standardised columns."""
    b, g, k = R.shape[0], R.shape[1], R.shape[2] - 1
    pooled = _triangle(R.reshape(b, g * (k + 1), k + 1))
    root = np.sqrt(n_rows)
    A, projected = pooled[:, :k, :k] / root, pooled[:, :k, k] / root
    scale = np.abs(pooled[:, k, k]) / np.sqrt(max(n_rows - k, 1))
    ols = np.linalg.solve(A, projected[..., None])[..., 0]
    C = R[:, :, :k, :k] @ np.linalg.inv(A)[:, None]
    left = (R[:, :, :k, k] - (C @ projected[:, None, :, None])[..., 0]) / scale[:, None, None]
    rest = ((R[:, :, k, k] / scale[:, None]) ** 2).sum(axis=1)
    return Compressed(
        C=np.ascontiguousarray(C.transpose(2, 3, 0, 1)),
        d=np.ascontiguousarray(left.transpose(2, 0, 1)),
        rest=rest,
        n_rows=n_rows,
        A=A.transpose(1, 2, 0),
        ols=ols.T,
        scale=scale,
        C0=np.zeros((0, k, b)),
        d0=np.zeros((0, b)),
    )


def _triangle(matrices: FloatArray) -> FloatArray:
    """Upper triangular QR factors of many matrices, shape (..., n, k)."""
    factors: Any = np.linalg.qr(matrices, mode="r")
    return np.asarray(factors)
