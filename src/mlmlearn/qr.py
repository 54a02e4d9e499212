"""QR decompositions of many small blocks of rows, by Householder's reflections.

Every function here works through its blocks one after another, in order.
"""

import numpy as np

from mlmlearn.compiled import compiled

__all__ = ["standardise", "triangles_of_blocks", "triangles_of_rows"]


@compiled
def inner(a, b):
    """Inner product of vectors whose length is a multiple of four, as four sums side by side."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    for i in range(0, len(a), 4):
        one += a[i] * b[i]
        two += a[i + 1] * b[i + 1]
        three += a[i + 2] * b[i + 2]
        four += a[i + 3] * b[i + 3]
    return one + two + three + four


@compiled
def reflect(columns, R):
    """Turn columns, shape (q, n), into an upper triangle R by reflections; they are used up.

    n is a multiple of four and at least q: rows of zeros add nothing.
    """
    q, n = columns.shape
    R[:] = 0
    for c in range(q):
        v = columns[c]
        length = np.copysign(np.sqrt(inner(v, v)), v[c])
        if length == 0:
            continue
        v[c] += length
        R[c, c] = -length
        for a in range(c + 1, q):
            x = inner(v, columns[a]) / (length * v[c])
            for i in range(n):
                columns[a, i] -= x * v[i]
            # What is done is not looked at again.
            R[c, a] = columns[a, c]
            columns[a, c] = 0


@compiled
def padded(n, q):
    """Make room for n rows of q columns."""
    return np.zeros((q, -(-max(n, q) // 4) * 4))


@compiled
def triangles_of_rows(X, y, sizes, unit):
    """Triangles of [X y] of groups that stand one after another, shape (g, k + 1, k + 1).

    Columns are brought to their `unit`, shape (k + 1,), and back, so that no square overflows.
    """
    k, start, back = X.shape[1], 0, 1 / unit
    found = np.zeros((len(sizes), k + 1, k + 1))
    columns = padded(sizes.max(), k + 1)
    for j in range(len(sizes)):
        n = -(-max(sizes[j], k + 1) // 4) * 4
        these = columns if n == columns.shape[1] else padded(n, k + 1)
        these[:] = 0
        for r in range(sizes[j]):
            for a in range(k):
                these[a, r] = X[start + r, a] * back[a]
            these[k, r] = y[start + r] * back[k]
        reflect(these, found[j])
        found[j] *= unit
        start += sizes[j]
    return found


@compiled
def triangles_of_blocks(blocks):
    """Triangles of blocks of rows, shape (b, n, q), as shape (b, q, q)."""
    b, n, q = blocks.shape
    found, columns = np.zeros((b, q, q)), padded(n, q)
    for i in range(b):
        columns[:] = 0
        columns[:, :n] = blocks[i].T
        reflect(columns, found[i])
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
