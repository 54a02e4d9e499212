"""QR decompositions of many small blocks of rows, by Householder's reflections.

Blocks stand side by side in lanes, so that the processor takes several at once; none depends on
its neighbours. Rows of zeros add nothing.
"""

import numpy as np

from mlmlearn.compiled import compiled

__all__ = ["triangles_of_blocks", "triangles_of_rows"]

# Blocks side by side, and the rows that are taken at once, few enough to stay close at hand.
LANES, ROWS = 32, 32


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
    q, _, lanes = R.shape  # asked of R, since loops of a known length come out slower
    first, back, x = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for c in range(q):
        for i in range(lanes):
            x[i] = R[c, c, i] ** 2
        for r in range(n):
            for i in range(lanes):
                x[i] += rows[c, r, i] ** 2
        for i in range(lanes):
            length = np.copysign(np.sqrt(x[i]), R[c, c, i])
            first[i] = R[c, c, i] + length
            back[i] = 1 / (length * first[i]) if length != 0 else 0.0
            R[c, c, i] = -length
        for a in range(c + 1, q):
            for i in range(lanes):
                x[i] = first[i] * R[c, a, i]
            for r in range(n):
                for i in range(lanes):
                    x[i] += rows[c, r, i] * rows[a, r, i]
            for i in range(lanes):
                x[i] *= back[i]
                R[c, a, i] -= x[i] * first[i]
            for r in range(n):
                for i in range(lanes):
                    rows[a, r, i] -= x[i] * rows[c, r, i]


@compiled
def triangles_of_rows(X, y, sizes, order, unit):
    """Triangles of [X y] of groups that stand one after another, shape (k + 1, k + 1, g).

    As everywhere, columns come before rows, and what stands side by side comes last.

    Parameters
    ----------
    X : ndarray, shape (n, k) or (n, k - 1)
        All columns, or all but the first, which are ones then.
    order : ndarray of int, shape (g,)
        The groups in an order in which those of one size stand together, the largest last.
    unit : ndarray, shape (k + 1,)
        Columns are brought to their unit, and back, so that no square overflows.
    """
    g, k, back = len(sizes), len(unit) - 1, 1 / unit
    ones = k - X.shape[1]
    found, ends = np.empty((k + 1, k + 1, g)), np.cumsum(sizes)
    rows, R = np.empty((k + 1, ROWS, LANES)), np.empty((k + 1, k + 1, LANES))
    for lanes in range(0, g, LANES):
        these = order[lanes : lanes + LANES]
        R[:] = 0
        for start in range(0, sizes[these[-1]], ROWS):
            rows[:] = 0
            n = min(ROWS, sizes[these[-1]] - start)
            for i in range(len(these)):
                first = ends[these[i]] - sizes[these[i]] + start
                for r in range(min(n, sizes[these[i]] - start)):
                    for a in range(ones):
                        rows[a, r, i] = back[a]
                    for a in range(ones, k):
                        rows[a, r, i] = X[first + r, a - ones] * back[a]
                    rows[k, r, i] = y[first + r] * back[k]
            fold_in(rows, n, R)
        for i in range(len(these)):
            for c in range(k + 1):
                for a in range(k + 1):
                    found[a, c, these[i]] = R[c, a, i] * unit[a]
    return found


@compiled
def triangles_of_blocks(blocks, unit, parts):
    """Triangles of blocks of rows, shape (b, q, n): shape (b, q, parts * q).

    Each block is cut into parts, with a triangle for each, so that few blocks fill the lanes, too.

    Parameters
    ----------
    unit : ndarray, shape (b, q)
        What columns are divided by.
    """
    b, q, n = blocks.shape
    size, found, back = -(-n // parts), np.empty((b, q, parts * q)), 1 / unit
    rows, R = np.empty((q, ROWS, LANES)), np.empty((q, q, LANES))
    for lanes in range(0, b * parts, LANES):
        these = min(LANES, b * parts - lanes)
        R[:] = 0
        for start in range(0, size, ROWS):
            rows[:] = 0
            for i in range(these):
                block, part = divmod(lanes + i, parts)
                first = part * size + start
                last = min(n, first + min(ROWS, size - start))
                for a in range(q):
                    for row in range(first, last):
                        rows[a, row - first, i] = blocks[block, a, row] * back[block, a]
            fold_in(rows, min(ROWS, size - start), R)
        for i in range(these):
            block, part = divmod(lanes + i, parts)
            for c in range(q):
                for a in range(q):
                    found[block, a, part * q + c] = R[c, a, i]
    return found
