"""The multilevel models by REML, many data sets side by side, from their triangles alone.

**Profile.** The models have y_j ~ N(X_j beta, sigma^2 (I + Z_j Lambda Lambda' Z_j')), Z_j being
the first m columns of X_j (all of them, or the intercept). With C_j and d_j of `crossproducts`,
F_j the first m columns of C_j, K_j = I + F_j Lambda Lambda' F_j', and p fixed effects, N rows,

    information = sum C_j' K_j^-1 C_j             beta = information^-1 sum C_j' K_j^-1 d_j
    s^2 = (sum e_j' K_j^-1 e_j + r_j^2) / (N - p)              where e_j = d_j - C_j beta
    REML deviance = sum log|K_j| + log|information| + (N - p)(1 + log 2 pi s^2)

which is the profiled REML criterion of Bates, Mächler, Bolker & Walker (2015), Journal of
Statistical Software 67(1), section 3, in another arrangement. Rows of C_j and d_j that no random
effect touches (`Compressed.pooled`) add to information, beta and s^2 as they are: there K is I.

**Minimise** over the lower triangle theta of Lambda by quasi-Newton steps with the analytic
gradient, all data sets side by side. Lambda may have any sign, since only Lambda Lambda'
counts; so there is no boundary, and a variance of zero is an ordinary point.

**Judge.** Satterthwaite's degrees of freedom follow Kuznetsova, Brockhoff & Christensen (2017),
Journal of Statistical Software 82(13), section 2.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mlmlearn.crossproducts import Compressed, FloatArray

__all__ = ["Profile", "deviance", "gradient", "matrix", "optimum", "profile", "satterthwaite"]

# A search ends when the step in hand promises less than FLAT of deviance, or when no step
# longer than SHORTEST of it helps; ROUNDING is what sums over rows may be off by.
MOST_STEPS, FLAT, SHORTEST, ROUNDING = 500, 1e-9, 1e-9, 1e-9

# Two searches agree when their deviances do; a Lambda with a relative diagonal below NARROW
# is close to singular.
AGREEMENT, NARROW = 1e-8, 1e-2


@cache
def _lower(m: int) -> tuple[FloatArray, FloatArray]:
    """Rows and columns of the lower triangle of Lambda, in the order of theta."""
    return np.tril_indices(m)


def _cholesky(K: FloatArray) -> FloatArray:
    """Lower triangular factor of many small matrices, shape (k, k, ...)."""
    L = np.zeros_like(K)
    for j in range(len(K)):
        L[j, j] = np.sqrt(K[j, j] - (L[j, :j] ** 2).sum(axis=0))
        for i in range(j + 1, len(K)):
            L[i, j] = (K[i, j] - (L[i, :j] * L[j, :j]).sum(axis=0)) / L[j, j]
    return L


def _forward(L: FloatArray, B: FloatArray) -> FloatArray:
    """Solve L X = B, L lower triangular of shape (k, k, ...), B of shape (k, n, ...)."""
    X = B.copy()
    for i in range(len(L)):
        for j in range(i):
            X[i] -= L[i, j] * X[j]
        X[i] /= L[i, i]
    return X


@dataclass(frozen=True, slots=True)
class Profile:
    """The profiled REML criterion at some Lambda, and what the gradient needs."""

    solved_c: FloatArray  # L^-1 C, where K = L L'
    solved_e: FloatArray  # L^-1 (d - C beta)
    information: FloatArray
    inverse: FloatArray
    beta: FloatArray
    rss: FloatArray
    s2: FloatArray
    log_dets: FloatArray


def profile(data: Compressed, Lambda: FloatArray) -> Profile:
    """Profile the criterion over beta and s^2 at some Lambda, shape (m, m, b)."""
    m, k = data.C.shape[:2]
    B = np.einsum("aibg,ijb->ajbg", data.C[:, :m], Lambda)
    K = np.einsum("aibg,cibg->acbg", B, B)
    K[range(m), range(m)] += 1
    L = _cholesky(K)
    half = _forward(L, np.concatenate([data.C, data.d[:, None]], axis=1))
    solved_c, solved_d = half[:, :k], half[:, k]
    information = np.einsum("aibg,ajbg->ijb", solved_c, solved_c)
    information += np.einsum("aib,ajb->ijb", data.C0, data.C0)
    score = np.einsum("aibg,abg->ib", solved_c, solved_d)
    score += np.einsum("aib,ab->ib", data.C0, data.d0)
    inverse = np.linalg.inv(information.transpose(2, 0, 1)).transpose(1, 2, 0)
    beta = np.einsum("ijb,jb->ib", inverse, score)
    solved_e = solved_d - np.einsum("aibg,ib->abg", solved_c, beta)
    e0 = data.d0 - np.einsum("aib,ib->ab", data.C0, beta)
    rss = np.einsum("abg,abg->b", solved_e, solved_e) + (e0**2).sum(axis=0) + data.rest
    log_dets = 2 * np.log(L[range(m), range(m)]).sum(axis=(0, 2))
    log_dets += np.linalg.slogdet(information.transpose(2, 0, 1))[1]
    return Profile(solved_c, solved_e, information, inverse, beta, rss, rss / data.n_free, log_dets)


def deviance(data: Compressed, at: Profile) -> FloatArray:
    """REML deviance, shape (b,), in standardised units."""
    return np.asarray(at.log_dets + data.n_free * (1 + np.log(2 * np.pi * at.s2)))


def gradient(at: Profile, Lambda: FloatArray, s2: FloatArray) -> FloatArray:
    """Gradient of the criterion by theta at a given residual variance, shape (T, b).

    By Lambda it is 2 [sum D - E information^-1 E' - f f' / s2] Lambda, lower triangle, with
    D = F'K^-1 F, E = F'K^-1 C and f = F'K^-1 e for each group.
    """
    m = len(Lambda)
    solved_f = at.solved_c[:, :m]
    E = np.einsum("aibg,ajbg->ijbg", solved_f, at.solved_c)
    EI = np.einsum("ijbg,jlb->ilbg", E, at.inverse)
    f = np.einsum("aibg,abg->ibg", solved_f, at.solved_e)
    inner = at.information[:m, :m] - np.einsum("ilbg,nlbg->inb", EI, E)
    inner = inner - np.einsum("ibg,jbg->ijb", f, f) / s2
    return np.asarray(2 * np.einsum("ijb,jlb->ilb", inner, Lambda)[_lower(m)])


def matrix(theta: FloatArray, m: int) -> FloatArray:
    """Lambda, shape (m, m, b), from its lower triangles, shape (T, b)."""
    Lambda = np.zeros((m, m, theta.shape[1]))
    Lambda[_lower(m)] = theta
    return Lambda


def _minimise(data: Compressed, theta: FloatArray, m: int) -> tuple[FloatArray, FloatArray]:
    """Quasi-Newton (BFGS) descent of every data set from its own start.

    Each data set has its own step and its own line search, and drops out when it is done:
    where it ends does not depend on who is in the batch.

    Returns
    -------
    theta : ndarray, shape (T, b)
    deviance : ndarray, shape (b,)
    """
    b = theta.shape[1]
    at = profile(data, matrix(theta, m))
    value, slope = deviance(data, at), gradient(at, matrix(theta, m), at.s2)
    H = _steepest(slope)
    step = np.ones(b)
    active = np.arange(b)
    for _ in range(MOST_STEPS):
        direction = -np.einsum("ijb,jb->ib", H[..., active], slope[:, active])
        downhill = (direction * slope[:, active]).sum(axis=0)
        done = (-downhill < FLAT) | (step[active] < SHORTEST)
        active, direction, downhill = active[~done], direction[:, ~done], downhill[~done]
        if not len(active):
            break
        trial = theta[:, active] + step[active] * direction
        here = data.take(active)
        at = profile(here, matrix(trial, m))
        found = deviance(here, at)
        better = found <= value[active] + 1e-4 * step[active] * downhill + ROUNDING
        new, move = active[better], (step[active] * direction)[:, better]
        change = gradient(at, matrix(trial, m), at.s2)[:, better] - slope[:, new]
        theta[:, new], value[new] = trial[:, better], found[better]
        slope[:, new] += change
        step[active[~better]] *= 0.3
        step[new] = 1
        curvature = (move * change).sum(axis=0)
        sound = curvature > 1e-10 * np.linalg.norm(move, axis=0) * np.linalg.norm(change, axis=0)
        H[..., new[sound]] = _bfgs(
            H[..., new[sound]], move[:, sound], change[:, sound], curvature[sound]
        )
        H[..., new[~sound]] = _steepest(slope[:, new[~sound]])
    return theta, value


def _steepest(slope: FloatArray) -> FloatArray:
    """Start inverse Hessians that lead down the slope, by a step of 1 at most."""
    identity = np.eye(len(slope))[..., None]
    return np.asarray(identity / np.maximum(1, np.linalg.norm(slope, axis=0)))


def _bfgs(H: FloatArray, s: FloatArray, y: FloatArray, sy: FloatArray) -> FloatArray:
    """Update inverse Hessians by the moves s and the changes y of the gradient."""
    Hy = np.einsum("ijb,jb->ib", H, y)
    cross = np.einsum("ib,jb->ijb", s, Hy)
    outer = np.einsum("ib,jb->ijb", s, s)
    weight = (1 + (y * Hy).sum(axis=0) / sy) / sy
    return np.asarray(H - (cross + cross.transpose(1, 0, 2)) / sy + outer * weight)


def optimum(data: Compressed, m: int) -> FloatArray:
    """Find the best Lambda from two starts, and search once more where there is doubt.

    REML surfaces may have several optima, and a search may stall in a narrow valley; near a
    boundary both happen. A second search, which forgets the curvature learnt, gets out of it.
    Both starts are multiples of the identity: the best of a few sizes, and lme4's own, 1.
    """
    rows, columns = _lower(m)
    diagonal = np.where(rows == columns, 1.0, 0.0)[:, None] * np.ones(len(data.rest))
    trials = [size * diagonal for size in (0.05, 0.15, 0.5, 1.5, 5)]
    values = [deviance(data, profile(data, matrix(theta, m))) for theta in trials]
    ends = [
        _minimise(data, start, m)
        for start in (np.choose(np.argmin(values, axis=0), trials), diagonal.copy())
    ]
    (one, first), (two, second) = ends
    sizes = np.abs(one[rows == columns]).min(axis=0) / np.abs(one).max(axis=0)
    doubt = np.flatnonzero((np.abs(first - second) > AGREEMENT) | (sizes < NARROW))
    theta = np.where(second < first, two, one)
    theta[:, doubt], _ = _minimise(data.take(doubt), theta[:, doubt], m)
    return matrix(theta, m)


def _hessian(data: Compressed, at: Profile, Lambda: FloatArray) -> FloatArray:
    """Second derivatives by (theta, sigma), sigma in standardised units, shape (T+1, T+1, b).

    Of the criterion before it is profiled over sigma: sum log|K_j| + log|information|
    + (N - p) log(2 pi sigma^2) + rss / sigma^2. By theta from central differences of the
    gradient, by sigma in closed form.
    """
    m, s2 = len(Lambda), at.s2
    theta = Lambda[_lower(m)]
    T, b = theta.shape
    H = np.empty((T + 1, T + 1, b))
    for i in range(T):
        size = 1e-4 * np.maximum(0.1, np.abs(theta[i]))
        sides = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[i] += sign * size
            aside = matrix(moved, m)
            sides.append(gradient(profile(data, aside), aside, s2))
        H[:T, i] = (sides[0] - sides[1]) / (2 * size)
    H[:T, :T] = (H[:T, :T] + H[:T, :T].transpose(1, 0, 2)) / 2
    f = np.einsum("aibg,abg->ibg", at.solved_c[:, :m], at.solved_e)
    by_s2 = 2 * np.einsum("ijb,jlb->ilb", np.einsum("ibg,jbg->ijb", f, f), Lambda) / s2**2
    H[:T, T] = H[T, :T] = by_s2[_lower(m)] * 2 * np.sqrt(s2)
    H[T, T] = 6 * at.rss / s2**2 - 2 * data.n_free / s2
    return H


def satterthwaite(
    data: Compressed, at: Profile, Lambda: FloatArray, contrasts: FloatArray
) -> FloatArray:
    """Degrees of freedom of each contrast, shape (k, b).

    df = 2 v^2 / (g' A g), v = l' cov(beta) l, g its gradient by (theta, sigma), and A twice the
    inverse of the Hessian over the directions in which it is positive.

    Parameters
    ----------
    contrasts : ndarray, shape (k, k, b)
        A contrast l a row.
    """
    m, sigma = len(Lambda), np.sqrt(at.s2)
    # A fit that went wrong has no numbers here; its neighbours in the batch have.
    hessian = np.nan_to_num(_hessian(data, at, Lambda).transpose(2, 0, 1))
    values, vectors = np.linalg.eigh(hessian)
    kept = values > 1e-6
    spread = np.einsum("cjb,ijb->cib", contrasts, at.inverse)  # l' information^-1
    v = np.einsum("cib,cib->cb", spread, contrasts)
    E = np.einsum("aibg,ajbg->ijbg", at.solved_c[:, :m], at.solved_c)
    df: FloatArray = np.empty_like(v)
    for c in range(len(contrasts)):
        h = np.einsum("ijbg,jb->ibg", E, spread[c])
        outer = np.einsum("ibg,jbg->ijb", h, h)
        by_theta = 2 * at.s2 * np.einsum("ijb,jlb->ilb", outer, Lambda)[_lower(m)]
        g = np.vstack([by_theta, 2 * sigma * v[c]])
        along = np.einsum("bij,ib->bj", vectors, g) ** 2
        variance = 2 * np.divide(along, values, out=np.zeros_like(along), where=kept).sum(axis=1)
        df[c] = 2 * (at.s2 * v[c]) ** 2 / variance
    return df
