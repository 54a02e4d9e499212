"""The batch engine: many data sets fitted at once, with NumPy alone.

**Compress.** A QR decomposition turns the rows of group j into a few numbers that hold all
that any of the four strategies needs (a numerically safe form of the cross-products):

    [X_j  y_j] = Q_j [C_j  d_j]        C_j: k rows, X_j'X_j = C_j'C_j, X_j'y_j = C_j'd_j
                     [ 0   r_j]        r_j squared: what is left of y_j'y_j

From here on no formula sees a row of the data, so the cost does not depend on their number.

**Profile.** The multilevel models have y_j ~ N(X_j beta, sigma^2 (I + Z_j Lambda Lambda' Z_j')),
Z_j being the first m columns of X_j (all of them, or the intercept). With F_j the first m
columns of C_j, K_j = I + F_j Lambda Lambda' F_j', and p fixed effects, N rows,

    information = sum C_j' K_j^-1 C_j             beta = information^-1 sum C_j' K_j^-1 d_j
    s^2 = (sum e_j' K_j^-1 e_j + r_j^2) / (N - p)              where e_j = d_j - C_j beta
    REML deviance = sum log|K_j| + log|information| + (N - p)(1 + log 2 pi s^2)

which is the profiled REML criterion of Bates, Mächler, Bolker & Walker (2015), Journal of
Statistical Software 67(1), section 3, in another arrangement.

**Minimise** over the lower triangle theta of Lambda by quasi-Newton steps with the analytic
gradient, all data sets side by side. Lambda may have any sign, since only Lambda Lambda'
counts; so there is no boundary, and a variance of zero is an ordinary point.

**Judge.** Satterthwaite's degrees of freedom follow Kuznetsova, Brockhoff & Christensen (2017),
Journal of Statistical Software 82(13), section 2.

Arrays have the indices of small matrices first and the data sets (b) and groups (g) last,
so that each step of a small matrix's algebra is one operation on a long vector.
"""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.clustered import ClusteredData
from mlmlearn.errors import FitError
from mlmlearn.results import FitResult, coef_table, t_test

__all__ = ["Compressed", "Fitted", "compress", "data_sets_at_once", "fit", "fit_many", "versions"]

FloatArray = NDArray[Any]

# A search ends when the step in hand promises less than FLAT of deviance, or when no step
# longer than SHORTEST of it helps; ROUNDING is what sums over rows may be off by.
MOST_STEPS, FLAT, SHORTEST, ROUNDING = 500, 1e-9, 1e-9, 1e-9

# Two searches agree when their deviances do; a Lambda with a relative diagonal below NARROW
# is close to singular.
AGREEMENT, NARROW = 1e-8, 1e-2

# A gradient above this, in standardised units, is reported.
STEEP = 0.01

# lme4 calls a fit singular when its Lambda has a smaller diagonal; here that of the standardised
# columns, since shifting a predictor should not make a fit singular.
SINGULAR = 1e-4


@dataclass(frozen=True, slots=True)
class Compressed:
    """What is left of some data sets once their rows are summed up.

    Attributes
    ----------
    C : ndarray, shape (k, k, b, g)
        Triangular factors of the groups' designs, in standardised columns.
    d : ndarray, shape (k, b, g)
        The outcome in the same k directions, in standardised units and less the OLS fit.
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
    """

    C: FloatArray
    d: FloatArray
    rest: FloatArray
    n_rows: int
    A: FloatArray
    ols: FloatArray
    scale: FloatArray

    @property
    def back(self) -> FloatArray:
        """A^-1, which takes standardised coefficients back to the original columns."""
        return np.linalg.inv(self.A.transpose(2, 0, 1)).transpose(1, 2, 0)

    def take(self, which: NDArray[Any]) -> "Compressed":
        """Keep some of the data sets."""
        return Compressed(
            self.C[:, :, which], self.d[:, which], self.rest[which], self.n_rows,
            self.A[..., which], self.ols[:, which], self.scale[which],
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
        return _standardised(_factors(X, y), X.shape[1] * X.shape[2])


def _factors(X: FloatArray, y: FloatArray) -> FloatArray:
    """Triangular factors of [X y], with rows of zeros where groups have few rows."""
    k = X.shape[-1]
    R = _triangle(np.concatenate([X, y[..., None]], axis=-1))
    full = np.zeros((*R.shape[:-2], k + 1, k + 1))
    full[..., : R.shape[-2], :] = R
    return full


def _standardised(R: FloatArray, n_rows: int) -> Compressed:
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
    )


@cache
def _lower(m: int) -> tuple[FloatArray, FloatArray]:
    """Rows and columns of the lower triangle of Lambda, in the order of theta."""
    return np.tril_indices(m)


def _triangle(matrices: FloatArray) -> FloatArray:
    """Upper triangular QR factors of many matrices, shape (..., n, k)."""
    factors: Any = np.linalg.qr(matrices, mode="r")
    return np.asarray(factors)


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
    X = np.empty_like(B)
    for i in range(len(L)):
        known = sum((L[i, j] * X[j] for j in range(i)), np.zeros_like(B[i]))
        X[i] = (B[i] - known) / L[i, i]
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


def _profile(data: Compressed, Lambda: FloatArray) -> Profile:
    k, m = len(data.C), len(Lambda)
    B = np.einsum("aibg,ijb->ajbg", data.C[:, :m], Lambda)
    K = np.einsum("aibg,cibg->acbg", B, B)
    K[range(k), range(k)] += 1
    L = _cholesky(K)
    half = _forward(L, np.concatenate([data.C, data.d[:, None]], axis=1))
    solved_c, solved_d = half[:, :k], half[:, k]
    information = np.einsum("aibg,ajbg->ijb", solved_c, solved_c)
    inverse = np.linalg.inv(information.transpose(2, 0, 1)).transpose(1, 2, 0)
    beta = np.einsum("ijb,jb->ib", inverse, np.einsum("aibg,abg->ib", solved_c, solved_d))
    solved_e = solved_d - np.einsum("aibg,ib->abg", solved_c, beta)
    rss = np.einsum("abg,abg->b", solved_e, solved_e) + data.rest
    log_dets = 2 * np.log(L[range(k), range(k)]).sum(axis=(0, 2))
    log_dets += np.linalg.slogdet(information.transpose(2, 0, 1))[1]
    return Profile(
        solved_c, solved_e, information, inverse, beta, rss, rss / (data.n_rows - k), log_dets
    )


def _deviance(data: Compressed, at: Profile) -> FloatArray:
    free = data.n_rows - len(data.C)
    return np.asarray(at.log_dets + free * (1 + np.log(2 * np.pi * at.s2)))


def _gradient(at: Profile, Lambda: FloatArray, s2: FloatArray) -> FloatArray:
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


def _matrix(theta: FloatArray, m: int) -> FloatArray:
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
    at = _profile(data, _matrix(theta, m))
    value, slope = _deviance(data, at), _gradient(at, _matrix(theta, m), at.s2)
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
        at = _profile(here, _matrix(trial, m))
        found = _deviance(here, at)
        better = found <= value[active] + 1e-4 * step[active] * downhill + ROUNDING
        new, move = active[better], (step[active] * direction)[:, better]
        change = _gradient(at, _matrix(trial, m), at.s2)[:, better] - slope[:, new]
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


def _optimum(data: Compressed, m: int) -> FloatArray:
    """Find the best Lambda from two starts, and search once more where there is doubt.

    REML surfaces may have several optima, and a search may stall in a narrow valley; near a
    boundary both happen. A second search, which forgets the curvature learnt, gets out of it.
    Both starts are multiples of the identity: the best of a few sizes, and lme4's own, 1.
    """
    rows, columns = _lower(m)
    diagonal = np.where(rows == columns, 1.0, 0.0)[:, None] * np.ones(len(data.rest))
    trials = [size * diagonal for size in (0.05, 0.15, 0.5, 1.5, 5)]
    values = [_deviance(data, _profile(data, _matrix(theta, m))) for theta in trials]
    ends = [
        _minimise(data, start, m)
        for start in (np.choose(np.argmin(values, axis=0), trials), diagonal.copy())
    ]
    (one, first), (two, second) = ends
    sizes = np.abs(one[rows == columns]).min(axis=0) / np.abs(one).max(axis=0)
    doubt = np.flatnonzero((np.abs(first - second) > AGREEMENT) | (sizes < NARROW))
    theta = np.where(second < first, two, one)
    theta[:, doubt], _ = _minimise(data.take(doubt), theta[:, doubt], m)
    return _matrix(theta, m)


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
            aside = _matrix(moved, m)
            sides.append(_gradient(_profile(data, aside), aside, s2))
        H[:T, i] = (sides[0] - sides[1]) / (2 * size)
    H[:T, :T] = (H[:T, :T] + H[:T, :T].transpose(1, 0, 2)) / 2
    f = np.einsum("aibg,abg->ibg", at.solved_c[:, :m], at.solved_e)
    by_s2 = 2 * np.einsum("ijb,jlb->ilb", np.einsum("ibg,jbg->ijb", f, f), Lambda) / s2**2
    H[:T, T] = H[T, :T] = by_s2[_lower(m)] * 2 * np.sqrt(s2)
    H[T, T] = 6 * at.rss / s2**2 - 2 * (data.n_rows - len(data.C)) / s2
    return H


def _satterthwaite(
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


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a strategy found in some data sets, in the units of the data.

    Attributes
    ----------
    estimate, se, df : ndarray, shape (k, b)
    singular : ndarray of bool, shape (b,)
    gradient, deviance, residual_sd : ndarray, shape (b,)
        NaN for OLS; `gradient` is the largest, in standardised units.
    group_coefs : ndarray, shape (k, b, g), or None
    random_cov : ndarray, shape (m, m, b), or None
    """

    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    singular: NDArray[np.bool_]
    gradient: FloatArray
    deviance: FloatArray
    residual_sd: FloatArray
    group_coefs: FloatArray | None = None
    random_cov: FloatArray | None = None

    def problem(self, i: int) -> str:
        """Say why data set i has no fit; nothing when it has one."""
        if self.residual_sd[i] == 0:
            return (
                "the outcome follows its groups' regressions without any noise, so that there is "
                "no most likely size of the random effects; check how the outcome was made"
            )
        numbers = np.concatenate([self.estimate[:, i], self.se[:, i], self.df[:, i]])
        if not np.isfinite(numbers).all() or not (self.se[:, i] > 0).all():
            return (
                "no usable standard error; the outcome follows from the predictors with no noise, "
                "or a predictor nearly repeats others: check how the outcome was made, or leave a "
                "predictor out"
            )
        return ""

    def messages(self, i: int) -> tuple[str, ...]:
        """Say what is to be known about the fit of data set i."""
        found = []
        if self.singular[i]:
            found.append("mlmlearn: boundary (singular) fit")
        if self.gradient[i] > STEEP:
            found.append(
                f"mlmlearn: the search ended on a slope (gradient {self.gradient[i]:.2g}); compare "
                "with another strategy or engine"
            )
        return tuple(found)

    def columns(self) -> dict[str, Any]:
        """Return the columns of a run's tables, a row for each data set and term."""
        k, b = self.estimate.shape
        problems = [self.problem(i) for i in range(b)]
        bad = np.array([bool(problem) for problem in problems])
        estimate, se, df = (
            np.where(bad, np.nan, values).T.ravel() for values in (self.estimate, self.se, self.df)
        )
        t, p = t_test(estimate, se, df)
        messages = [
            f"failed: {problem}" if problem else "; ".join(self.messages(i))
            for i, problem in enumerate(problems)
        ]
        of_a_fit = {
            "converged": ~bad & ~(self.gradient > STEEP),
            "singular": ~bad & self.singular,
            "max_gradient": np.where(bad, np.nan, self.gradient),
            "messages": np.array(messages, dtype=object),
            "reml_deviance": np.where(bad, np.nan, self.deviance),
        }
        numbers = {"estimate": estimate, "se": se, "df": df, "t": t, "p": p}
        return numbers | {name: np.repeat(values, k) for name, values in of_a_fit.items()}


def _multilevel(data: Compressed, m: int) -> Fitted:
    k, free = len(data.C), data.n_rows - len(data.C)
    Lambda, back = _optimum(data, m), data.back
    at = _profile(data, Lambda)
    spread = np.einsum("ijb,jlb,clb->icb", back, at.inverse, back)
    loadings = np.einsum("ijb,jlb->ilb", back[:m, :m], Lambda)
    f = np.einsum("aibg,abg->ibg", at.solved_c[:, :m], at.solved_e)
    effects = np.einsum("ilb,jlb,jbg->ibg", Lambda, Lambda, f)
    groups = np.repeat(at.beta[..., None], effects.shape[2], axis=2)
    groups[:m] += effects
    _, log_det = np.linalg.slogdet(data.A.transpose(2, 0, 1))
    # In standardised units OLS leaves a variance of 1; what is this small is rounding.
    s2 = np.where(at.s2 < 1e-18, 0, at.s2) * data.scale**2
    return Fitted(
        estimate=data.ols + data.scale * np.einsum("ijb,jb->ib", back, at.beta),
        se=np.sqrt(s2 * spread[range(k), range(k)]),
        df=_satterthwaite(data, at, Lambda, back),
        singular=np.abs(Lambda[range(m), range(m)]).min(axis=0) < SINGULAR,
        gradient=np.abs(_gradient(at, Lambda, at.s2)).max(axis=0),
        deviance=_deviance(data, at) + 2 * log_det + 2 * free * np.log(data.scale),
        residual_sd=np.sqrt(s2),
        group_coefs=data.ols[..., None]
        + data.scale[:, None] * np.einsum("ijb,jbg->ibg", back, groups),
        random_cov=s2 * np.einsum("ilb,jlb->ijb", loadings, loadings),
    )


def _ols(
    data: Compressed, estimate: FloatArray, se: FloatArray, df: int, groups: FloatArray | None
) -> Fitted:
    none = np.full(estimate.shape[1], np.nan)
    # An SE that moves no outcome by more than rounding does is rounding itself.
    rounding = se * np.sqrt((data.A**2).sum(axis=0)) < 1e-13 * data.scale
    se = np.where(rounding, 0, se)
    return Fitted(
        estimate, se, np.full(estimate.shape, float(df)), np.zeros(len(none), dtype=bool),
        none, none, none, group_coefs=groups,
    )  # fmt: skip


def _cluster_robust(data: Compressed) -> Fitted:
    """OLS with V = (X'X)^-1 M (X'X)^-1 G/(G-1) N/(N-k) and G - k degrees of freedom.

    M adds up the outer products of the groups' scores X_j'(y_j - X_j beta), which are C_j'd_j.
    """
    k, n_groups = len(data.C), data.C.shape[3]
    scores = np.einsum("aibg,abg->ibg", data.C, data.d) / data.n_rows  # standardised: X'X = N I
    scores = np.einsum("ijb,jbg->ibg", data.back, scores)
    factor = n_groups / (n_groups - 1) * data.n_rows / (data.n_rows - k)
    se = data.scale * np.sqrt(factor * (scores**2).sum(axis=2))
    return _ols(data, data.ols, se, n_groups - k, None)


def _two_stage(data: Compressed) -> Fitted:
    """Mean of the groups' own OLS coefficients, their SD over the root of G, and G - 1 df."""
    own = np.linalg.solve(data.C.transpose(2, 3, 0, 1), data.d.transpose(1, 2, 0)[..., None])
    own = np.einsum("ijb,bgj->ibg", data.back, own[..., 0]) * data.scale[:, None]
    own = own + data.ols[..., None]
    n_groups = own.shape[2]
    return _ols(
        data, own.mean(axis=2), own.std(axis=2, ddof=1) / np.sqrt(n_groups), n_groups - 1, own
    )


FITS = {
    "mlm_full": lambda data: _multilevel(data, len(data.C)),
    "mlm_intercept": lambda data: _multilevel(data, 1),
    "cluster_robust": _cluster_robust,
    "two_stage": _two_stage,
}


def data_sets_at_once(n_groups: int, n_obs: int) -> int:
    """Say how many data sets of a condition to fit at once, in a few hundred megabytes."""
    return max(1, min(250, 500_000 // (n_groups * n_obs)))


def fit_many(strategy: str, data: Compressed) -> Fitted:
    """Fit one strategy to many data sets.

    Parameters
    ----------
    strategy : str
        Id of a strategy whose requirements the data meet.
    data : Compressed
        What is left of their rows.

    Returns
    -------
    Fitted
    """
    with np.errstate(all="ignore"):
        return FITS[strategy](data)


def fit(strategy: str, data: ClusteredData) -> FitResult:
    """Fit one strategy to one data set, balanced or not.

    Parameters
    ----------
    strategy : str
        Id of a strategy whose requirements the data meet.
    data : ClusteredData
        Checked arrays.

    Returns
    -------
    FitResult

    Raises
    ------
    FitError
        When there is no most likely fit, or its precision is lost.
    """
    starts = np.flatnonzero(np.diff(data.codes, prepend=-1))[1:]
    rows = zip(np.split(data.y, starts), np.split(data.X, starts), strict=True)
    R = np.stack([_factors(X, y) for y, X in rows])[None]
    try:
        with np.errstate(all="ignore"):
            compressed = _standardised(R, len(data.y))
        found = fit_many(strategy, compressed)
    except np.linalg.LinAlgError as error:
        raise FitError(
            f"{strategy} could not be fitted ({error}): a predictor nearly repeats others; "
            "leave one out"
        ) from error
    if problem := found.problem(0):
        raise FitError(f"{strategy} could not be fitted: {problem}")
    groups, random_cov = found.group_coefs, found.random_cov
    terms = list(data.terms)
    return FitResult(
        strategy=strategy,
        engine="batch",
        coefs=coef_table(data.terms, found.estimate[:, 0], found.se[:, 0], found.df[:, 0]),
        n_rows=len(data.y),
        n_groups=data.n_groups,
        converged=not found.gradient[0] > STEEP,
        singular=bool(found.singular[0]),
        messages=found.messages(0),
        max_gradient=float(found.gradient[0]),
        reml_deviance=float(found.deviance[0]),
        group_coefs=None
        if groups is None
        else pd.DataFrame(groups[:, 0].T, index=data.labels, columns=terms),
        random_cov=None
        if random_cov is None
        else pd.DataFrame(
            random_cov[..., 0], index=terms[: len(random_cov)], columns=terms[: len(random_cov)]
        ),
        residual_sd=float(found.residual_sd[0]),
    )


def versions() -> dict[str, str]:
    """Return the version of what the results depend on."""
    return {"numpy": version("numpy")}
