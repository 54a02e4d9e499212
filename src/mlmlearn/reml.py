"""The multilevel models by REML, many data sets side by side, from their triangles alone.

**Profile.** The models have y_j ~ N(X_j beta, sigma^2 (I + Z_j Lambda Lambda' Z_j')), Z_j being
the first m columns of X_j (the intercept, or all that varies within groups). With C_j and d_j of
`triangles`, F_j the first m columns of C_j, K_j = I + F_j Lambda Lambda' F_j', and N rows,

    information = sum C_j' K_j^-1 C_j             beta = information^-1 sum C_j' K_j^-1 d_j
    s^2 = (sum e_j' K_j^-1 e_j + r_j^2) / (N - k)              where e_j = d_j - C_j beta
    REML deviance = sum log|K_j| + log|information| + (N - k)(1 + log 2 pi s^2)

since |K_j| is also the determinant of I + Z_j Lambda Lambda' Z_j'. This is the profiled REML
criterion of Bates, Mächler, Bolker & Walker (2015), Journal of Statistical Software 67(1),
section 3, in another arrangement. Rows of C_j and d_j that no random effect touches
(`Standardised.pooled` sets them aside) add to the sums as they are: there K is I.

**Differentiate.** When G = Lambda Lambda' moves by dG, K_j^-1 moves by -K_j^-1 F_j dG F_j' K_j^-1.
Applied once to the criterion, and once more, this gives, with

    E_j = F_j' K_j^-1 [C_j  e_j]      D_j = E_j's first m columns      S(dG) = sum E_j' dG E_j
    W = [information^-1  0; 0  1/s^2]          R_j = E_j W E_j'        U = sum (D_j - R_j)

the slope tr(U dG), and the curvature in two directions dG and dH (s^2 held where it is)

    sum tr(D_j dG (2 R_j - D_j) dH) - tr(S(dG) W S(dH) W) + S(dG)_ee S(dH)_ee / s^4

where _ee is the last diagonal entry. Two moves of Lambda, L and M, add 2 tr(U L M'), since G bends
as they go. Along log sigma the curvature is 4 (N - k), and together with dG it is 2 S(dG)_ee / s^2.

**Minimise** over Lambda by Newton's method. Every Lambda gives a valid G, so there is no boundary:
a variance of zero is an ordinary point, which a search may cross. And since only G counts, the
search leaves rotations of Lambda's columns out (as in Absil, Mahony & Sepulchre 2008, Optimization
Algorithms on Matrix Manifolds): with V diag(s) for Lambda, it moves along the T = m (m + 1) / 2
directions V X whose s_i X_ij = s_j X_ji, and so never walks round in circles. A move is |X| + 1
long, so that a step changes large random effects by shares of their size, and small ones by shares
of the noise. Without correlations, Lambda is T diag(s), column i of T being predictor i in the
standardised columns: then the search moves along the m directions T_i e_i' alone.

**Judge.** Satterthwaite's degrees of freedom follow Kuznetsova, Brockhoff & Christensen (2017),
Journal of Statistical Software 82(13), section 2, with the curvature above.
"""

from dataclasses import dataclass

import numpy as np

from mlmlearn.triangles import FloatArray, Standardised

__all__ = [
    "Derivatives", "Profile", "curvatures", "derivatives", "open_variances", "optimum", "profile",
    "satterthwaite", "sizes",
]  # fmt: skip

# A search ends when the step in hand promises less than FLAT of deviance, or when not even the
# share SHORTEST of it helps; ROUNDING is what sums over rows may be off by.
MOST_STEPS, FLAT, SHORTEST, ROUNDING = 500, 1e-16, 1e-9, 1e-9

# A step is at most LONGEST moves long (far away the surface is not a parabola), and a curvature
# below FLATTEST is taken for it. Where the surface bends down, a step is NUDGE long at least: on
# the ridge between two valleys the slope is zero, too.
LONGEST, FLATTEST, NUDGE = 1, 1e-7, 0.01

# A first search starts from the better of SIZES; where the found Lambda is not round (its smallest
# singular value below ROUND of the largest), others start from OTHER_SIZES, and from one large and
# otherwise small effects.
SIZES, OTHER_SIZES, LARGE, SMALL, ROUND = (0.2, 1), (3, 30), 10, 0.1, 0.2


def _turned(matrices: FloatArray) -> FloatArray:
    """Transpose the last two axes."""
    return matrices.swapaxes(-1, -2)


@dataclass(frozen=True, slots=True)
class Profile:
    """The profiled criterion at some Lambda, in standardised units.

    Attributes
    ----------
    deviance, s2 : ndarray, shape (b,)
    beta : ndarray, shape (b, k)
    inverse : ndarray, shape (b, k, k)
        information^-1
    solved : ndarray, shape (b, k + 1, m, g)
        L^-1 [C  e], where K = L L', transposed as `Standardised.rows` is.
    """

    deviance: FloatArray
    s2: FloatArray
    beta: FloatArray
    inverse: FloatArray
    solved: FloatArray


def profile(data: Standardised, Lambda: FloatArray) -> Profile:
    """Profile the criterion over beta and s^2 at some Lambda, shape (b, m, m)."""
    b, columns, m, g = data.rows.shape
    k = columns - 1
    FL = (_turned(Lambda) @ data.rows[:, :m].reshape(b, m, m * g)).reshape(b, m, m, g)
    K = np.einsum("bicg,biag->bcag", FL, FL)
    K[:, range(m), range(m)] += 1
    # Cholesky's elimination in [K C d], a row at a time, leaves L^-1 [C d] on the right.
    both = np.concatenate([K, data.rows], axis=1)
    log_det = np.zeros(b)
    for i in range(m):
        pivot = both[:, i, i]
        log_det += np.log(pivot).sum(axis=1)
        both[:, i + 1 :, i] /= np.sqrt(pivot)[:, None]
        both[:, i + 1 :, i + 1 :] -= both[:, i + 1 :, i, None] * both[:, i + 1 : m, i][:, None]
    rows = both[:, m:].reshape(b, columns, m * g)
    C, common = rows[:, :k], data.common[..., :k]
    sums = C @ _turned(rows) + _turned(common) @ data.common
    information, score = sums[..., :k], sums[..., k:]
    inverse = np.linalg.inv(information)
    beta = inverse @ score
    rows[:, k:] -= _turned(beta) @ C
    e0 = data.common[..., k:] - common @ beta
    s2 = ((rows[:, k] ** 2).sum(axis=1) + (e0**2).sum(axis=(1, 2)) + data.rest) / data.n_free
    log_det += np.linalg.slogdet(information)[1]
    deviance = log_det + data.n_free * (1 + np.log(2 * np.pi * s2))
    return Profile(deviance, s2, beta[..., 0], inverse, rows.reshape(b, columns, m, g))


@dataclass(frozen=True, slots=True)
class Derivatives:
    """How the criterion bends along T moves of Lambda and by log sigma, not profiled out here.

    Attributes
    ----------
    moves : ndarray, shape (b, T, m, m)
        The directions, from `base`.
    base : ndarray, shape (b, m, m)
        Lambda with its columns turned.
    gradient : ndarray, shape (b, T)
        Along the moves; by log sigma it is zero.
    hessian : ndarray, shape (b, T + 1, T + 1)
    S : ndarray, shape (b, T, k + 1, k + 1)
        S(dG); without its last row and column, what the information loses.
    """

    moves: FloatArray
    base: FloatArray
    gradient: FloatArray
    hessian: FloatArray
    S: FloatArray


def _free_moves(Lambda: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn Lambda's columns to V diag(s), and give the moves that change G by it."""
    b, m, _ = Lambda.shape
    rows, cols = np.tril_indices(m)
    T = len(rows)
    V, s, _ = np.linalg.svd(np.nan_to_num(Lambda))
    base, s = V * s[:, None], np.maximum(s, 1e-100)
    X = np.zeros((b, T, m, m))
    X[:, range(T), rows, cols], X[:, range(T), cols, rows] = s[:, cols], s[:, rows]
    return base, V[:, None] @ (X + X / np.linalg.norm(X, axis=(2, 3), keepdims=True))


def _diagonal_moves(Lambda: FloatArray, axes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Leave Lambda, whose columns are multiples of the axes, and give the moves along these."""
    sizes = np.linalg.norm(Lambda, axis=1)[:, :, None, None] + 1
    return Lambda, sizes * axes.swapaxes(1, 2)[..., None] * np.eye(Lambda.shape[1])[:, None]


def derivatives(
    data: Standardised, at: Profile, Lambda: FloatArray, axes: FloatArray | None = None
) -> Derivatives:
    """Differentiate the criterion twice at a profiled Lambda; the names are those above.

    Parameters
    ----------
    axes : ndarray, shape (b, m, m), optional
        T, with columns of length one, for a model without correlations.
    """
    b, columns, m, g = at.solved.shape
    k = columns - 1
    base, moves = _free_moves(Lambda) if axes is None else _diagonal_moves(Lambda, axes)
    T = moves.shape[1]
    E = np.einsum("biag,bpag->bipg", at.solved[:, :m], at.solved)
    W = np.zeros((b, columns, columns))
    W[:, :k, :k], W[:, k, k] = at.inverse, 1 / at.s2
    D, R = E[:, :, :m], np.einsum("bipg,bjpg->bijg", W[:, None] @ E, E)
    U = (D - R).sum(axis=3)

    dG = moves @ _turned(base)[:, None]
    dG = (dG + _turned(dG)).reshape(b, T, m * m)

    # Sums over the groups of all products of two entries; then their contractions with dG.
    pairs = E.reshape(b, m * columns, g) @ _turned(E.reshape(b, m * columns, g))
    pairs = pairs.reshape(b, m, columns, m, columns).swapaxes(2, 3)
    S = (dG @ pairs.reshape(b, m * m, columns**2)).reshape(b, T, columns, columns)
    middle = D.reshape(b, m * m, g) @ _turned((2 * R - D).reshape(b, m * m, g))
    middle = middle.reshape(b, m, m, m, m).transpose(0, 2, 3, 1, 4).reshape(b, m * m, m * m)
    SW, S_ee, flat = S @ W[:, None], S[:, :, k, k], (b, T, columns**2)

    hessian = np.empty((b, T + 1, T + 1))
    hessian[:, :T, :T] = (
        dG @ middle @ _turned(dG)
        - SW.reshape(flat) @ _turned(_turned(SW).reshape(flat))
        + S_ee[:, :, None] * S_ee[:, None] / at.s2[:, None, None] ** 2
        + 2 * (U[:, None] @ moves).reshape(b, T, m * m) @ _turned(moves.reshape(b, T, m * m))
    )
    hessian[:, :T, T] = hessian[:, T, :T] = 2 * S_ee / at.s2[:, None]
    hessian[:, T, T] = 4 * data.n_free
    return Derivatives(moves, base, (dG @ U.reshape(b, m * m, 1))[..., 0], hessian, S)


def curvatures(at: Derivatives) -> tuple[FloatArray, FloatArray]:
    """Curvatures of the profiled criterion, shape (b, T), the smallest first, and their axes."""
    across = at.hessian[:, :-1, -1:]
    profiled = at.hessian[:, :-1, :-1] - across @ _turned(across) / at.hessian[:, -1:, -1:]
    # A data set that went wrong has no numbers here; its neighbours in the batch have.
    values, axes = np.linalg.eigh(np.nan_to_num(profiled))
    return values, axes


def _step(at: Derivatives) -> tuple[FloatArray, FloatArray]:
    """Newton's step down the profiled criterion, and what it promises to take off, twice.

    Curvatures count by their size, so that the step leads down from a saddle, too (Dauphin et al.
    2014, Advances in Neural Information Processing Systems 27). On a ridge the promise is nominal.
    """
    curvature, axes = curvatures(at)
    slope = (at.gradient[:, None] @ axes)[:, 0]
    ridge = (curvature < 0) & (np.abs(slope) < NUDGE * -curvature)
    slope = np.where(ridge, np.copysign(NUDGE * curvature, slope), slope)
    step = -slope / np.maximum(np.abs(curvature), FLATTEST)
    step *= np.minimum(1, LONGEST / np.linalg.norm(step, axis=1, keepdims=True))
    return np.einsum("btu,bu,btij->bij", axes, step, at.moves), -(slope * step).sum(axis=1)


def _minimise(
    data: Standardised, Lambda: FloatArray, axes: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Walk down from a start, every data set at its own pace.

    Each data set has its own steps and drops out when it is done: where it ends does not depend
    on who is in the batch, up to rounding.

    Returns
    -------
    Lambda : ndarray, shape (b, m, m)
    deviance : ndarray, shape (b,)
    """
    at = profile(data, Lambda)
    bend = derivatives(data, at, Lambda, axes)
    found, value, (step, promise) = bend.base, at.deviance, _step(bend)
    active, share = np.arange(len(found)), np.ones(len(found))
    for _ in range(MOST_STEPS):
        on = (promise > FLAT) & (share > SHORTEST)
        active, step, promise, share = active[on], step[on], promise[on], share[on]
        if not len(active):
            break
        if not on.all():
            data, axes = data.take(on), None if axes is None else axes[on]
        trial = found[active] + share[:, None, None] * step
        at = profile(data, trial)
        bend = derivatives(data, at, trial, axes)
        better = at.deviance <= value[active] - 1e-4 * share * promise + ROUNDING
        found[active[better]], value[active[better]] = bend.base[better], at.deviance[better]
        next_step, next_promise = _step(bend)
        step = np.where(better[:, None, None], next_step, step)
        promise = np.where(better, next_promise, promise)
        share = np.where(better, 1, 0.3 * share)
    return found, value


def optimum(
    data: Standardised, m: int, axes: FloatArray | None = None
) -> tuple[Standardised, FloatArray]:
    """Find the best Lambda, shape (b, m, m), and search from elsewhere where there is doubt.

    REML surfaces may have several optima, most often where a variance is close to zero beside
    the others, or where a predictor is constant within groups.

    Parameters
    ----------
    data : Standardised
        Pooled to m.
    m : int
        Number of random effects.
    axes : ndarray, shape (b, m, m), optional
        As for `derivatives`.

    Returns
    -------
    Standardised
        The data with other axes, those of the random effects found, unless `axes` are given. With
        these, rounding in a large variance does not drown what the data say of a small one.
    Lambda : ndarray, shape (b, m, m)
        In the new axes, where it is diagonal but for the last steps of the search.
    """
    unit = np.tile(np.eye(m), (len(data.rest), 1, 1)) if axes is None else axes
    starts = [size * unit for size in SIZES]
    deviances = [profile(data, start).deviance for start in starts]
    nearest = np.argmin(deviances, axis=0)[:, None, None]
    Lambda, best = _minimise(data, np.choose(nearest, starts), axes)
    if m == 1:  # always round, and with one axis
        return data, Lambda
    s = sizes(Lambda, axes)
    doubt = np.flatnonzero(s.min(axis=1) < ROUND * s.max(axis=1))
    others = [size * np.ones(m) for size in OTHER_SIZES]
    others += [np.where(np.arange(m) == j, LARGE, SMALL) for j in range(m)]
    few, some_axes = data.take(doubt), None if axes is None else axes[doubt]
    for start in others:
        other, value = _minimise(few, unit[doubt] * start, some_axes)
        lower = value < best[doubt]
        Lambda[doubt[lower]], best[doubt[lower]] = other[lower], value[lower]
    if axes is not None:
        return data, Lambda
    V, s, _ = np.linalg.svd(np.nan_to_num(Lambda))
    data = data.turned(V)
    return data, _minimise(data, s[..., None] * np.eye(m))[0]


def sizes(Lambda: FloatArray, axes: FloatArray | None) -> FloatArray:
    """Sizes of the random effects, shape (b, m): singular values, or multiples of the axes."""
    if axes is None:
        return np.asarray(np.linalg.svd(np.nan_to_num(Lambda), compute_uv=False))
    return np.asarray(np.linalg.norm(Lambda, axis=1))


def _variances(
    at: Profile, bend: Derivatives, contrasts: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Variances of the contrasts, shape (b, c), and how they change by the moves, (b, c, T)."""
    k, s2 = contrasts.shape[2], at.s2[:, None]
    spread = contrasts @ at.inverse
    by_moves = np.einsum("bci,btij,bcj->bct", spread, bend.S[..., :k, :k], spread)
    return s2 * (spread * contrasts).sum(axis=2), s2[..., None] * by_moves


def open_variances(
    at: Profile, bend: Derivatives, contrasts: FloatArray, flat: float
) -> FloatArray:
    """By how much variances of contrasts change, relatively, along directions that are flat.

    There the data cannot tell one size of the random effects from another. Often it does not
    matter, for neither estimates nor variances depend on it.

    Returns
    -------
    ndarray, shape (b, c)
        The largest change for a move of length one.
    """
    values, axes = curvatures(bend)
    v, by_moves = _variances(at, bend, contrasts)
    change = np.abs(by_moves @ axes) / v[..., None]
    return np.asarray(np.where((np.abs(values) < flat)[:, None], change, 0).max(axis=2))


def satterthwaite(at: Profile, bend: Derivatives, contrasts: FloatArray) -> FloatArray:
    """Degrees of freedom of each contrast, shape (b, c).

    df = 2 v^2 / (g' A g), v = l' cov(beta) l, g its gradient, which is s^2 l' information^-1 S
    information^-1 l along the moves and 2 v by log sigma, and A twice the inverse of the Hessian
    over the directions in which it is positive.

    Parameters
    ----------
    contrasts : ndarray, shape (b, c, k)
        A contrast l a row.
    """
    values, axes = np.linalg.eigh(np.nan_to_num(bend.hessian))
    v, by_moves = _variances(at, bend, contrasts)
    g = np.concatenate([by_moves, 2 * v[..., None]], axis=2)
    weights = np.divide(2, values, out=np.zeros_like(values), where=values > 1e-8)
    return np.asarray(2 * v**2 / ((g @ axes) ** 2 @ weights[..., None])[..., 0])
