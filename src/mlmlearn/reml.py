"""The multilevel models by REML, one data set at a time, from its groups' triangles alone.

**Profile.** The models have y_j ~ N(X_j beta, sigma^2 (I + Z_j G Z_j')), Z_j being the first m
columns of X_j (the intercept, or all that varies within groups). We write G = V diag(s^2) V': axes
V and the sizes s of the random effects along them, relative to the noise. With C_j and d_j of
`triangles`, F_j the first m columns of C_j, K_j = I + F_j G F_j', and N rows,

    information = sum C_j' K_j^-1 C_j             beta = information^-1 sum C_j' K_j^-1 d_j
    s2 = (sum e_j' K_j^-1 e_j + r_j^2) / (N - k)              where e_j = d_j - C_j beta
    REML deviance = sum log|K_j| + log|information| + (N - k)(1 + log 2 pi s2)

since |K_j| is also the determinant of I + Z_j G Z_j'. This is the profiled REML criterion of
Bates, Mächler, Bolker & Walker (2015), Journal of Statistical Software 67(1), section 3, in another
arrangement. Rows of C_j and d_j that no random effect touches (`Standardised.common` sums them
up) add to the sums as they are: there K is I.

**Differentiate.** When G moves by V dG V', K_j^-1 moves by -K_j^-1 F_j V dG V' F_j' K_j^-1. Applied
once to the criterion, and once more, this gives, with K_j = L L'

    W'W = [information^-1  0; 0  1/s2]
    P_j = L^-1 F_j V       Q_j = L^-1 [C_j  e_j]       D_j = P_j' P_j       E_j = P_j' Q_j W'
    R_j = E_j E_j'         U = sum (D_j - R_j)         S(dG) = sum E_j' dG E_j

the slope tr(U dG), and the curvature in two directions dG and dH (s2 held where it is)

    sum tr(D_j dG (2 R_j - D_j) dH) - tr(S(dG) S(dH)) + S(dG)_ee S(dH)_ee

where _ee is the last diagonal entry. Along log sigma the curvature is 4 (N - k), and together with
dG it is 2 S(dG)_ee.

**Move.** The search moves Lambda = V diag(s), of which G is the square. Every Lambda gives a valid
G, so there is no boundary: a variance of zero is an ordinary point, which a search may cross. Since
rotations of Lambda's columns leave G as it is, they are left out (as in Absil, Mahony & Sepulchre
2008, Optimization Algorithms on Matrix Manifolds): the moves are V X with s_i X_ij = s_j X_ji, one
for each pair of axes. The model without correlations has axes that stay, and moves the sizes alone.
A move is |X| + 1 long, so that a step changes large random effects by shares of their size, and
small ones by shares of the noise. Two moves X and Y of Lambda add 2 tr(U X Y') to the curvature,
since G bends as they go.

**Minimise** by Newton's method, with sigma profiled out. The start is one step of Fisher scoring
for G from small and equal random effects, where the curvature is sum tr(D_j dG D_j dH).

**Judge** by Satterthwaite's degrees of freedom, which follow Kuznetsova, Brockhoff & Christensen
(2017), Journal of Statistical Software 82(13), section 2, with the curvature above.

A prior takes `prior` log|G| off the deviance and keeps the sizes from zero: a Wishart density of
Sigma with a scale without bound (Chung et al. 2015, Journal of Educational and Behavioral
Statistics 40(2)).
"""

from typing import Any, NamedTuple

import numpy as np

from mlmlearn.compiled import compiled

__all__ = ["fit_all", "left_open_at"]

# Groups that stand side by side, so that the processor takes several at once. Of more groups than
# these nothing is kept from step to step, which would take more memory, and time, than it saves.
ABREAST = 400

# A determinant is so large at most, times another, that no number overflows.
MANY = 1e50

# A search ends with a step that promises less than FLAT of deviance (since a step doubles the right
# digits, the next would promise the square of that), where not even the share SHORTEST of a step
# helps, or CLOSE to an end that is known: in deviance, or NEARLY there in the last steps towards
# it. ROUNDING is what sums over 10,000 rows may be off by.
MOST_STEPS, FLAT, SHORTEST, CLOSE, NEARLY, ROUNDING = 500, 1e-11, 1e-9, 1e-7, 0.1, 1e-9

# A step is at most LONGEST moves long (far away the surface is not a parabola), and a curvature
# below FLATTEST is taken for it. Where the surface bends down, a step is NUDGE long at least: on
# the ridge between two valleys the slope is zero, too.
LONGEST, FLATTEST, NUDGE = 1.0, 1e-7, 0.01

# Scoring starts from random effects of the size START, and keeps them above LEAST. Where the sizes
# found differ much (the smallest below ROUND of the largest), further searches start from
# OTHER_SIZES, from scoring at the size LARGE, from a LARGE last and otherwise SMALL effects, and
# from where large and small ones have changed places. In all data tried, the last of OTHER_SIZES
# alone led lowest only where a predictor with a random effect is constant within groups.
START, LEAST, ROUND, OTHER_SIZES, LARGE, SMALL = 0.5, 0.15, 0.2, (3.0, 30.0), 10.0, 0.1

# Turning rows until none overlap takes a handful of sweeps; rounding must not make it go on.
MOST_SWEEPS = 50

# A curvature this small means that the data say nothing about some mixture of the variances.
UNKNOWN = 1e-5


class Task(NamedTuple):
    """A data set, a model of it, and room to work.

    Attributes
    ----------
    rows, common, rest, n_rows, n_groups
        As in `Standardised`, of one data set.
    T : int
        How many moves there are: of the first T of the `pairs` of axes, which are all, or, where
        the axes stay, each with itself.
    prior : float
    pairs : ndarray of int, shape (p, 2)
        All pairs of axes, an axis with itself first.
    number : ndarray of int, shape (m, m)
        The place of each among the pairs.
    P, Q : ndarray, shapes (m, m, w) and (k + 1, m, w)
        P_j and Q_j of w groups, columns before rows: of all, or of the last ones looked at.
    """

    rows: Any
    common: Any
    rest: Any
    n_rows: Any
    n_groups: Any
    T: Any
    prior: Any
    pairs: Any
    number: Any
    P: Any
    Q: Any


@compiled
def prepared(rows, common, rest, n_rows, n_groups, m, correlated, prior):
    """Make room for a data set with m random effects."""
    columns, _, g = rows.shape
    n = -(-g // ABREAST)
    w = -(-g // (4 * n)) * 4
    p = m * (m + 1) // 2
    pairs, number = np.empty((p, 2), np.int64), np.empty((m, m), np.int64)
    t = 0
    for apart in range(m):
        for i in range(m - apart):
            pairs[t, 0], pairs[t, 1] = i, i + apart
            number[i, i + apart] = number[i + apart, i] = t
            t += 1
    P, Q, T = np.empty((m, m, w)), np.empty((columns, m, w)), p if correlated else m
    return Task(rows, common, rest, n_rows, n_groups, T, prior, pairs, number, P, Q)


@compiled
def cholesky(A):
    """Turn a symmetric matrix into its lower factor, in place; False if it is not positive."""
    n = len(A)
    for i in range(n):
        for j in range(i + 1):
            x = A[i, j]
            for c in range(j):
                x -= A[i, c] * A[j, c]
            if j < i:
                A[i, j] = x / A[j, j]
            elif x > 0:
                A[i, i] = np.sqrt(x)
            else:
                return False
    return True


@compiled
def invert(L, out):
    """Invert a lower triangular matrix into the corner of another."""
    for i in range(len(L)):
        out[i, i] = 1 / L[i, i]
        for j in range(i):
            x = 0.0
            for c in range(j, i):
                x -= L[i, c] * out[c, j]
            out[i, j] = x / L[i, i]


@compiled
def inverted(L):
    """Invert the matrix whose lower factor is L."""
    back = np.zeros(L.shape)
    invert(L, back)
    return back.T @ back


@compiled
def add(out, number, a):
    """Add a multiple of one vector to another."""
    for i in range(len(out)):
        out[i] += number * a[i]


@compiled
def eigen(A):
    """Eigenvalues of a symmetric matrix, the smallest first, and a row each of their vectors."""
    values, vectors = np.linalg.eigh(A)
    return values, vectors.T.copy()


@compiled
def without_sigma(hessian):
    """Curvatures of the deviance with sigma profiled out, which comes last."""
    T = len(hessian) - 1
    curved = np.empty((T, T))
    for t in range(T):
        for u in range(T):
            curved[t, u] = hessian[t, u] - hessian[t, T] * hessian[u, T] / hessian[T, T]
    return curved


@compiled
def eliminated(task, first, V, s, beta):
    """Eliminate K_j from [K_j  F_j V  C_j  d_j - C_j beta], for the groups from `first` on.

    This is Cholesky's elimination. It fills in P_j and Q_j; groups of zeros, which add nothing,
    fill the last ones up.

    Returns
    -------
    float
        sum log|K_j|
    """
    rows, P, Q = task.rows, task.P, task.Q
    columns, m, w = Q.shape
    n = min(w, rows.shape[2] - first)
    K, det = np.empty((m, m, w)), np.ones(w)
    P[:], Q[:, :, n:] = 0, 0
    for i in range(m):
        for a in range(columns):
            for b in range(n):
                Q[a, i, b] = rows[a, i, first + b]
        for a in range(columns - 1):
            if beta[a] != 0:
                add(Q[-1, i], -beta[a], Q[a, i])
        for c in range(m):
            for a in range(i, m):
                add(P[c, i], V[a, c], Q[a, i])
        for h in range(i + 1):
            for b in range(w):
                K[i, h, b] = 1.0 if i == h else 0.0
            for c in range(m):
                square = s[c] ** 2
                for b in range(w):
                    K[i, h, b] += square * P[c, i, b] * P[c, h, b]
    # A row at a time; 1 / L_ii takes the place of L_ii.
    for i in range(m):
        for h in range(i):
            for c in range(h):
                for b in range(w):
                    K[i, h, b] -= K[i, c, b] * K[h, c, b]
            for b in range(w):
                K[i, h, b] *= K[h, h, b]
                K[i, i, b] -= K[i, h, b] ** 2
            for c in range(m):
                for b in range(w):
                    P[c, i, b] -= K[i, h, b] * P[c, h, b]
            for a in range(columns):
                for b in range(w):
                    Q[a, i, b] -= K[i, h, b] * Q[a, h, b]
        for b in range(w):
            det[b] *= K[i, i, b]
            K[i, i, b] = 1 / np.sqrt(K[i, i, b])
        for c in range(m):
            for b in range(w):
                P[c, i, b] *= K[i, i, b]
        for a in range(columns):
            for b in range(w):
                Q[a, i, b] *= K[i, i, b]
    log_det, product = 0.0, 1.0
    for b in range(n):  # logarithms of products, since each takes long
        product *= det[b]
        if product > MANY:
            log_det += np.log(product)
            product = 1.0
    return log_det + np.log(product)


@compiled
def profiled(task, V, s):
    """Profile the deviance over beta and s2 at some axes V and sizes s.

    Returns
    -------
    deviance : float
        Infinite where the information cannot be inverted.
    beta : ndarray, shape (k,)
    W : ndarray, shape (k + 1, k + 1)
        Lower triangular.
    """
    columns, m, w = task.Q.shape
    g, k, n_free = task.rows.shape[2], columns - 1, task.n_rows - columns + 1
    flat, sums, log_det = task.Q.reshape(columns, m * w), np.zeros((columns, columns)), 0.0
    beta, W = np.zeros(k), np.zeros((columns, columns))
    for row in task.common:
        for a in range(columns):
            add(sums[a], row[a], row)
    for first in range(0, g, w):
        log_det += eliminated(task, first, V, s, beta)
        sums += flat @ flat.T
    factor = sums[:k, :k]
    if not cholesky(factor):
        return np.inf, beta, W
    invert(factor, W)
    for a in range(k):
        log_det += 2 * np.log(factor[a, a])
        x = 0.0
        for b in range(a + 1):
            x += W[a, b] * sums[b, k]
        for b in range(a + 1):
            beta[b] += W[a, b] * x
    squares = task.rest
    for row in task.common:
        x = row[k]
        for a in range(k):
            x -= row[a] * beta[a]
        squares += x**2
    for first in range(0, g, w):
        if g > w:
            eliminated(task, first, V, s, beta)
        else:
            for a in range(k):
                add(flat[k], -beta[a], flat[a])
        squares += flat[k] @ flat[k]
    s2 = squares / n_free
    W[k, k] = 1 / np.sqrt(s2)
    return log_det + n_free * (1 + np.log(2 * np.pi * s2)), beta, W


@compiled
def summed(task, V, s, beta, W, scoring):
    """Sum up over the groups what slope and curvature need, where `profiled` has just been.

    Returns
    -------
    U : ndarray, shape (p,)
        sum (D_j - R_j), at the p pairs of axes.
    middle : ndarray, shape (p, p)
        Products of entries of D_j and of 2 R_j - D_j, or, for scoring, of D_j twice.
    outer : ndarray, shape ((k + 1) m, (k + 1) m)
        Products of entries of E_j.
    """
    P, Q = task.P, task.Q
    columns, m, w = Q.shape
    g, p = task.rows.shape[2], len(task.pairs)
    raw, E, D, M = np.empty(w), np.empty((columns, m, w)), np.empty((p, w)), np.empty((p, w))
    U, middle, outer = np.zeros(p), np.zeros((p, p)), np.zeros((columns * m, columns * m))
    for first in range(0, g, w):
        if g > w:
            eliminated(task, first, V, s, beta)
        E[:], D[:], M[:] = 0, 0, 0
        for a in range(columns):
            for i in range(m):
                raw[:] = 0
                for h in range(m):
                    for b in range(w):
                        raw[b] += P[i, h, b] * Q[a, h, b]
                for c in range(a, columns):
                    add(E[c, i], W[c, a], raw)
        for x in range(p):
            i, h = task.pairs[x, 0], task.pairs[x, 1]
            for c in range(m):
                for b in range(w):
                    D[x, b] += P[i, c, b] * P[h, c, b]
            for a in range(columns):
                for b in range(w):
                    M[x, b] += E[a, i, b] * E[a, h, b]
            for b in range(w):
                U[x] += D[x, b] - M[x, b]
                M[x, b] = D[x, b] if scoring else 2 * M[x, b] - D[x, b]
        flat = E.reshape(columns * m, w)
        middle += D @ M.T
        outer += flat @ flat.T
    return U, middle, outer


@compiled
def effects(task, V, s, beta):
    """Random effects of the groups, V diag(s^2) P_j' times Q_j's last column: shape (m, g)."""
    m, g, w = len(s), task.rows.shape[2], task.Q.shape[2]
    found, along = np.zeros((m, g)), np.empty(w)
    for first in range(0, g, w):
        eliminated(task, first, V, s, beta)
        for c in range(m):
            along[:] = 0
            for h in range(m):
                for b in range(w):
                    along[b] += task.P[c, h, b] * task.Q[-1, h, b]
            for i in range(m):
                for b in range(min(w, g - first)):
                    found[i, first + b] += V[i, c] * s[c] ** 2 * along[b]
    return found


@compiled
def trace(middle, number, i, h, p, q):
    """Sum tr(D dG M dH), where dG and dH are ones at a pair of axes and its mirror image."""
    x = middle[number[q, i], number[h, p]] + middle[number[p, i], number[h, q]]
    return x + middle[number[q, h], number[i, p]] + middle[number[p, h], number[i, q]]


@compiled
def entries(i, j, s):
    """Entries X_ij and X_ji of the move of two axes; of one with itself, in halves."""
    if i == j:
        return (abs(s[i]) + 1) / 2, (abs(s[i]) + 1) / 2
    a, b = max(s[i], 1e-100), max(s[j], 1e-100)
    longer = 1 + 1 / np.hypot(a, b)
    return longer * b, longer * a


@compiled
def bent(task, V, s, beta, W):
    """Differentiate the deviance twice along the moves, where `profiled` has just been.

    Returns
    -------
    slope : ndarray, shape (T,)
        By log sigma it is zero.
    hessian : ndarray, shape (T + 1, T + 1)
        Log sigma last, which is not profiled out here.
    S : ndarray, shape (T, k + 1, k + 1)
        S(dG); without its last row and column, what the information loses, in units of W.
    """
    columns, m, _ = task.Q.shape
    k, T, prior, pairs, number = columns - 1, task.T, task.prior, task.pairs, task.number
    U, middle, outer = summed(task, V, s, beta, W, False)
    slope, hessian = np.empty(T), np.empty((T + 1, T + 1))
    X, S, c = np.empty((T, 2)), np.empty((T, columns, columns)), np.empty(T)
    for t in range(T):
        # dG = X diag(s) + diag(s) X' is c at the pair's two places (2 c where they are one).
        i, h = pairs[t, 0], pairs[t, 1]
        X[t, 0], X[t, 1] = entries(i, h, s)
        c[t] = X[t, 0] * s[h] + s[i] * X[t, 1]
        slope[t] = 2 * c[t] * U[t]
        if prior and i == h:
            slope[t] -= 4 * prior * X[t, 0] / s[i]
        for a in range(columns):
            for b in range(columns):
                x = outer[a * m + i, b * m + h] + outer[a * m + h, b * m + i]
                S[t, a, b] = c[t] * x
        hessian[t, T] = hessian[T, t] = 2 * S[t, k, k]
    hessian[T, T] = 4 * (task.n_rows - k)
    flat = S.reshape(T, columns * columns)
    hessian[:T, :T] = -(flat @ flat.T)
    for t in range(T):
        i, h = pairs[t, 0], pairs[t, 1]
        for u in range(t + 1):
            p, q = pairs[u, 0], pairs[u, 1]
            x = c[t] * c[u] * trace(middle, number, i, h, p, q) + S[t, k, k] * S[u, k, k]
            for a, b, one in ((i, h, X[t, 0]), (h, i, X[t, 1])):  # one is X_ab, the other Y_de
                for d, e, other in ((p, q, X[u, 0]), (q, p, X[u, 1])):
                    if b == e:
                        x += 2 * U[number[a, d]] * one * other
            hessian[t, u] += x
            hessian[u, t] = hessian[t, u]
        if prior:
            x = 4 * prior * X[t, 0] * X[t, 1] / (s[i] * s[h])
            hessian[t, t] += 2 * x if i == h else x
    return slope, hessian, S


@compiled
def step_down(slope, hessian):
    """Newton's step down the deviance with sigma profiled out, and what it promises, twice.

    Curvatures count by their size, so that the step leads down from a saddle, too (Dauphin et al.
    2014, Advances in Neural Information Processing Systems 27). On a ridge the promise is nominal.
    """
    T, curved = len(slope), without_sigma(hessian)
    factor, step = curved.copy(), np.empty(T)
    if cholesky(factor) and min([factor[t, t] for t in range(T)]) ** 2 > FLATTEST:
        for i in range(T):
            step[i] = -slope[i]
            for j in range(i):
                step[i] -= factor[i, j] * step[j]
            step[i] /= factor[i, i]
        for i in range(T - 1, -1, -1):
            for j in range(i + 1, T):
                step[i] -= factor[j, i] * step[j]
            step[i] /= factor[i, i]
    else:
        values, axes = eigen(curved)
        step[:] = 0
        slope = slope.copy()
        for i in range(T):
            down = (slope * axes[i]).sum()
            if values[i] < 0 and abs(down) < NUDGE * -values[i]:
                more = np.copysign(NUDGE * values[i], down) - down
                down += more
                add(slope, more, axes[i])
            add(step, -down / max(abs(values[i]), FLATTEST), axes[i])
    step *= min(1.0, LONGEST / max(np.sqrt((step**2).sum()), 1e-300))
    return step, -(slope * step).sum()


@compiled
def diagonal(A):
    """Write A as U diag(sizes) times a rotation, by turning pairs of its rows until none overlap.

    This is the one-sided Jacobi method (Golub & Van Loan 2013, Matrix Computations, section 8.6).
    """
    m = len(A)
    U = np.eye(m)
    for _ in range(MOST_SWEEPS):
        overlap = False
        for i in range(m):
            for h in range(i):
                a, b, both = 0.0, 0.0, 0.0
                for c in range(m):
                    a += A[i, c] ** 2
                    b += A[h, c] ** 2
                    both += A[i, c] * A[h, c]
                if not abs(both) > 1e-15 * np.sqrt(a * b):
                    continue
                overlap = True
                x = (b - a) / (2 * both)
                tangent = np.copysign(1 / (abs(x) + np.sqrt(1 + x**2)), x)
                cos = 1 / np.sqrt(1 + tangent**2)
                sin = cos * tangent
                for c in range(m):
                    A[i, c], A[h, c] = cos * A[i, c] - sin * A[h, c], sin * A[i, c] + cos * A[h, c]
                    U[c, i], U[c, h] = cos * U[c, i] - sin * U[c, h], sin * U[c, i] + cos * U[c, h]
        if not overlap:
            break
    sizes = np.empty(m)
    for i in range(m):
        sizes[i] = np.sqrt((A[i] ** 2).sum())
    return U, sizes


@compiled
def moved(task, V, s, step):
    """Go a step from some axes and sizes to others."""
    if len(s) == task.T:
        return V, s + step * (np.abs(s) + 1)
    A = np.diag(s)
    for t in range(task.T):
        i, h = task.pairs[t, 0], task.pairs[t, 1]
        one, other = entries(i, h, s)
        A[i, h] += step[t] * one
        A[h, i] += step[t] * other
    U, sizes = diagonal(A)
    return V @ U, sizes


@compiled
def start(task, axes, size):
    """Take a step of Fisher scoring from equal sizes, at the residual variance within groups."""
    m, T, pairs, number = len(axes), task.T, task.pairs, task.number
    s = np.full(m, size)
    _, beta, W = profiled(task, axes, s)
    left = task.n_rows - task.n_groups * m - len(task.common)
    if left > 0 and task.rest > 0:
        W[-1, -1] = max(W[-1, -1], np.sqrt(left / task.rest))
    U, middle, _ = summed(task, axes, s, beta, W, True)
    expected = np.empty((T, T))
    for t in range(T):
        for u in range(T):
            i, h, p, q = pairs[t, 0], pairs[t, 1], pairs[u, 0], pairs[u, 1]
            expected[t, u] = trace(middle, number, i, h, p, q)
    G = size**2 * np.eye(m)
    if cholesky(expected):
        inverse = inverted(expected)
        for t in range(T):
            i, h = pairs[t, 0], pairs[t, 1]
            change = -2 * (inverse[t] * U[:T]).sum()
            G[i, h] += change
            G[h, i] += change
    if m == T:
        return axes, np.sqrt(np.maximum(np.diag(G), LEAST**2))
    shift = np.sqrt((G**2).sum())  # no eigenvalue is below zero then
    turn, sizes = diagonal(G + shift * np.eye(m))
    return axes @ turn, np.sqrt(np.maximum(sizes - shift, LEAST**2))


@compiled
def same(V, s, others, sizes):
    """Tell whether axes and sizes are those of another covariance matrix, but for small change."""
    one, other = others.T @ (V * s), others.T @ (others * sizes)
    change, units = np.abs(one @ one.T - other @ other.T), 1 + np.abs(sizes)
    for i in range(len(s)):
        for h in range(len(s)):
            if not change[i, h] < NEARLY * units[i] * units[h]:
                return False
    return True


@compiled
def search(task, V, s, known, axes, sizes):
    """Walk down from a start, unless to a known deviance at known axes and sizes, or no lower.

    Returns
    -------
    deviance, V, s, beta, W, slope, hessian, S
        At the end; the deviance with the prior.
    """
    prior, rounding = task.prior, ROUNDING * max(1.0, task.n_rows / 10_000)
    value, beta, W = profiled(task, V, s)
    value -= 2 * prior * np.log(np.abs(s)).sum() if prior else 0.0
    slope, hessian, S = bent(task, V, s, beta, W)
    for _ in range(MOST_STEPS):
        step, promise = step_down(slope, hessian)
        if promise < CLOSE and value > known - CLOSE:
            break
        back = promise < NEARLY and abs(value - promise / 2 - known) < NEARLY * promise
        if back and same(V, s, axes, sizes):
            break
        share, V_here, s_here = 1.0, V, s
        while True:
            V, s = moved(task, V_here, s_here, share * step)
            trial, beta, W = profiled(task, V, s)
            trial -= 2 * prior * np.log(np.abs(s)).sum() if prior else 0.0
            if trial <= value - 1e-4 * share * promise + rounding:
                break
            share *= 0.3
            if share <= SHORTEST:
                break
        if share <= SHORTEST:
            V, s = V_here, s_here
            trial, beta, W = profiled(task, V, s)
            break
        value = trial
        slope, hessian, S = bent(task, V, s, beta, W)
        if promise < FLAT:
            break
    return value, V, s, beta, W, slope, hessian, S


@compiled
def best_of_searches(task, axes, constant):
    """Search from a good start, and from others where there is doubt.

    REML surfaces may have several optima, most often where a variance is close to zero beside
    the others, or where a predictor with a random effect is `constant` within groups.
    """
    m = len(axes)
    V, s = start(task, axes, START)
    best = search(task, V, s, np.inf, V, s)
    found_axes, sizes = best[1], np.abs(best[2])
    small = sizes < ROUND * sizes.max()
    if m == 1 or task.prior or not small.any():
        return best
    for other in range(3 + len(OTHER_SIZES) - (0 if constant else 1)):
        V = axes
        if other == 0:
            V, s = start(task, axes, LARGE)
        elif other == 1:
            V, s = found_axes, np.where(small, sizes.max(), SMALL * sizes.max())
        elif other == 2:
            s = np.full(m, SMALL)
            s[-1] = LARGE
        else:
            s = np.full(m, OTHER_SIZES[other - 3])
        found = search(task, V, s, best[0], best[1], best[2])
        if found[0] < best[0] - CLOSE:
            best = found
    return best


@compiled
def judged(hessian, S, W, contrasts):
    """Degrees of freedom of each contrast, and how far its variance is left open.

    df = 2 v^2 / (g' A g), v = l' cov(beta) l, g its gradient, which is s2 l' W' S W l along the
    moves and 2 v by log sigma, and A twice the inverse of the Hessian
    over the directions in which it is positive. Where the surface is flat, the data cannot tell one
    size of the random effects from another; often no estimate or variance depends on it.

    Parameters
    ----------
    contrasts : ndarray, shape (c, k)
        A contrast l a row.

    Returns
    -------
    ndarray, shape (c,)
        Degrees of freedom.
    ndarray, shape (c,)
        The largest relative change of v for a move of length one in a flat direction.
    """
    T, k, n = len(S), len(W) - 1, len(contrasts)
    df, left_open = np.empty(n), np.zeros(n)
    change = np.zeros((n, T + 1))
    for c in range(n):
        spread, v = np.zeros(k), 0.0  # W l, and its square
        for a in range(k):
            for b in range(a + 1):
                spread[a] += W[a, b] * contrasts[c, b]
            v += spread[a] ** 2
        for t in range(T):  # relative to v
            for a in range(k):
                for b in range(k):
                    change[c, t] += spread[a] * S[t, a, b] * spread[b] / v
        change[c, T] = 2
    factor, open_trace = hessian.copy(), np.inf
    A = np.zeros((T + 1, T + 1))
    if cholesky(factor):
        A = inverted(factor)
        open_trace = 0.0
        for t in range(T):
            open_trace += A[t, t]
    if open_trace >= 1 / UNKNOWN:  # otherwise no curvature is below UNKNOWN
        values, axes = eigen(hessian)
        A[:] = 0
        for t in range(T + 1):
            if values[t] > 1e-8:
                for u in range(T + 1):
                    add(A[u], axes[t, u] / values[t], axes[t])
        values, axes = eigen(without_sigma(hessian))
        for t in range(T):
            if abs(values[t]) < UNKNOWN:
                for c in range(n):
                    left_open[c] = max(left_open[c], abs((change[c, :T] * axes[t]).sum()))
    for c in range(n):
        variance = 0.0
        for t in range(T + 1):
            for u in range(T + 1):
                variance += change[c, t] * A[t, u] * change[c, u]
        df[c] = 1 / variance
    return df, left_open


@compiled
def left_open_at(rows, common, rest, n_rows, n_groups, V, s, correlated, contrasts):
    """Tell how far variances of contrasts are left open at given axes and sizes, shape (c,)."""
    here = prepared(rows, common, rest, n_rows, n_groups, len(s), correlated, 0.0)
    _, beta, W = profiled(here, V, s)
    _, hessian, S = bent(here, V, s, beta, W)
    return judged(hessian, S, W, contrasts)[1]


@compiled
def fit_all(rows, common, rest, n_rows, n_groups, axes, correlated, constant, prior, contrasts):
    """Fit some data sets, one after another, in standardised units.

    Parameters
    ----------
    rows, common, rest, n_rows, n_groups
        As in `Standardised`: shapes (b, k + 1, k, g), (b, k - m, k + 1) and (b,).
    axes : ndarray, shape (b, m, m)
        Where to begin, or, without correlations, to stay.
    correlated : bool
    constant : bool
        Whether a predictor with a random effect is constant within groups.
    prior : float
    contrasts : ndarray, shape (b, c, k)

    Returns
    -------
    sizes, loadings : ndarray, shapes (b, m) and (b, m, m)
        Of the random effects along their axes: s, and Lambda = V diag(s).
    beta, inverse : ndarray, shapes (b, k) and (b, k, k)
    s2, deviance, gradient : ndarray, shape (b,)
        The deviance without the prior; the steepest slope.
    df, left_open : ndarray, shape (b, c)
    own : ndarray, shape (b, m, g)
        Random effects of the groups.
    """
    d, _, k, g = rows.shape
    m, c = axes.shape[1], contrasts.shape[1]
    sizes, loadings, own = np.empty((d, m)), np.empty((d, m, m)), np.empty((d, m, g))
    beta, inverse, s2 = np.empty((d, k)), np.empty((d, k, k)), np.empty(d)
    deviance, gradient = np.empty(d), np.empty(d)
    df, left_open = np.empty((d, c)), np.empty((d, c))
    for i in range(d):
        here = prepared(rows[i], common[i], rest[i], n_rows[i], n_groups[i], m, correlated, prior)
        deviance[i], V, s, beta[i], W, slope, hessian, S = best_of_searches(here, axes[i], constant)
        deviance[i] += 2 * prior * np.log(np.abs(s)).sum() if prior else 0.0
        sizes[i], loadings[i] = np.abs(s), V * s
        inverse[i], s2[i] = (W.T @ W)[:k, :k], 1 / W[k, k] ** 2
        gradient[i] = np.abs(slope).max()
        df[i], left_open[i] = judged(hessian, S, W, contrasts[i])
        own[i] = effects(here, V, s, beta[i])
    return sizes, loadings, beta, inverse, s2, deviance, gradient, df, left_open, own
