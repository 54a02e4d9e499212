"""QR decompositions of many small blocks of rows, by Householder's reflections.

Blocks stand side by side in lanes, so that the processor takes several at once; none depends on
its neighbours. Rows of zeros add nothing.
"""

import numpy as np

from mlmlearn.compiled import compiled

__all__ = ["standardise", "triangles_of_blocks", "triangles_of_rows"]

# Blocks side by side, and the rows that are taken at once, few enough to stay close at hand.
LANES, ROWS = 32, 32


@compiled
def add_products(out, sign, a, b):
    """Add, or subtract, the products of two vectors' entries."""
    for i in range(len(out)):
        out[i] += sign * a[i] * b[i]


@compiled
def fold_in(rows, n, R):
    """Fold the first n rows into triangles by reflections, which use the rows up.

    Parameters
    ----------
    rows : ndarray, shape (q, ROWS, LANES)
        Columns before rows.
    R : ndarray, shape (q, q, LANES)
        Upper triangles, of zeros at first.
    """
    q = len(R)
    first, back, x = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for c in range(q):
        x[:] = R[c, c] ** 2
        for r in range(n):
            add_products(x, 1, rows[c, r], rows[c, r])
        for i in range(LANES):
            length = np.copysign(np.sqrt(x[i]), R[c, c, i])
            first[i] = R[c, c, i] + length
            back[i] = 1 / (length * first[i]) if length != 0 else 0.0
            R[c, c, i] = -length
        for a in range(c + 1, q):
            x[:] = first * R[c, a]
            for r in range(n):
                add_products(x, 1, rows[c, r], rows[a, r])
            x *= back
            add_products(R[c, a], -1, x, first)
            for r in range(n):
                add_products(rows[a, r], -1, x, rows[c, r])


@compiled
def triangles_of_rows(X, y, sizes, order, unit):
    """Triangles of [X y] of groups that stand one after another, shape (g, k + 1, k + 1).

    Parameters
    ----------
    order : ndarray of int, shape (g,)
        The groups in an order in which those of one size stand together, the largest last.
    unit : ndarray, shape (k + 1,)
        Columns are brought to their unit, and back, so that no square overflows.
    """
    g, k, back = len(sizes), X.shape[1], 1 / unit
    found, ends = np.empty((g, k + 1, k + 1)), np.cumsum(sizes)
    rows, R = np.empty((k + 1, ROWS, LANES)), np.empty((k + 1, k + 1, LANES))
    for lanes in range(0, g, LANES):
        these = order[lanes : lanes + LANES]
        R[:] = 0
        for start in range(0, sizes[these[-1]], ROWS):
            rows[:] = 0
            n = min(ROWS, sizes[these[-1]] - start)
            for r in range(n):
                for i in range(len(these)):
                    j = these[i]
                    if start + r < sizes[j]:
                        row = ends[j] - sizes[j] + start + r
                        for a in range(k):
                            rows[a, r, i] = X[row, a] * back[a]
                        rows[k, r, i] = y[row] * back[k]
            fold_in(rows, n, R)
        for i in range(len(these)):
            for c in range(k + 1):
                for a in range(k + 1):
                    found[these[i], c, a] = R[c, a, i] * unit[a]
    return found


@compiled
def triangles_of_blocks(blocks):
    """Triangles of blocks of rows, shape (b, n, q), as shape (b, q, q)."""
    b, n, q = blocks.shape
    found = np.empty((b, q, q))
    rows, R = np.empty((q, ROWS, LANES)), np.empty((q, q, LANES))
    for lanes in range(0, b, LANES):
        R[:] = 0
        for start in range(0, n, ROWS):
            for r in range(start, min(start + ROWS, n)):
                for i in range(min(LANES, b - lanes)):
                    for a in range(q):
                        rows[a, r - start, i] = blocks[lanes + i, r, a]
            fold_in(rows, min(ROWS, n - start), R)
        for i in range(min(LANES, b - lanes)):
            for c in range(q):
                for a in range(q):
                    found[lanes + i, c, a] = R[c, a, i]
    return found


@compiled
def standardise(R, back, projected, scale):
    """Bring triangles, shape (b, g, k + 1, k + 1), to standardised columns and residuals of OLS.

    Parameters
    ----------
    back, projected, scale : ndarray, shapes (b, k, k), (b, k) and (b,)
        A^-1, the OLS fit of the standardised columns, and the residual SD.

    Returns
    -------
    ndarray, shape (b, g, k, k + 1)
    """
    b, g, k = R.shape[0], R.shape[1], R.shape[2] - 1
    found = np.zeros((b, g, k, k + 1))
    for i in range(b):
        for j in range(g):
            for r in range(k):
                d = R[i, j, r, k]
                for a in range(r, k):
                    x = 0.0
                    for c in range(r, a + 1):
                        x += R[i, j, r, c] * back[i, c, a]
                    found[i, j, r, a] = x
                    d -= x * projected[i, a]
                found[i, j, r, k] = d / scale[i]
    return found
