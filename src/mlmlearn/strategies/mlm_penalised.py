"""The full multilevel model with a weak prior that keeps its random effects off the boundary.

Chung, Gelman, Rabe-Hesketh, Liu & Dorie (2015), Journal of Educational and Behavioral Statistics
40(2), 136-157: a Wishart prior on the covariance matrix Sigma of m random effects, with m + 2
degrees of freedom and a scale without bound. Its density is proportional to |Sigma|^(1/2), so minus
twice its logarithm takes log|Sigma| off the deviance: infinitely much where a dimension is lost,
little elsewhere. Sigma is measured in units of the residual variance, so that the prior knows no
unit; nor does it know where the predictors have their zero, for a change of the columns moves
log|Sigma| by a constant.
"""

from dataclasses import replace

import numpy as np

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.reml import Derivatives, Profile, curvatures, derivatives, profile, satterthwaite
from mlmlearn.strategies.base import Fitted, Strategy, refusals
from mlmlearn.triangles import FloatArray, Standardised

# The search starts from random effects of this size beside the noise, and ends when a step promises
# less than FLAT of deviance or halving it MOST_HALVINGS times does not help.
START, FLAT, MOST_STEPS, MOST_HALVINGS, LONGEST = 0.3, 1e-13, 200, 30, 1.0

# A gradient above this, in standardised units, is reported.
STEEP = 1e-3


def refuse(batch: Batch) -> Texts:
    """Refuse too few rows, as without a prior."""
    return multilevel.refuse("mlm_penalised", batch, batch.random)


def fit(batch: Batch) -> Fitted:
    """Fit all variances and correlations at the mode of REML likelihood times prior.

    The deviance that is reported is REML's, without the prior. Degrees of freedom are
    Satterthwaite's, with the curvature of both.
    """
    batch, places = batch.first(batch.random)
    m, k = int(batch.random.sum()), batch.n_fixed
    data = batch.standardised
    pooled = data.pooled(m)
    Lambda = _mode(pooled, m)
    at, bend = _bent(pooled, Lambda)
    back = np.linalg.inv(data.A)
    sd = np.sqrt(at.s2) * data.scale
    loadings = back[:, :m, :m] @ bend.base * sd[:, None, None]
    cov = np.full((len(batch), k, k), np.nan)
    cov[:, :m, :m] = loadings @ loadings.swapaxes(1, 2)
    f = np.einsum("biag,bag->big", at.solved[:, :m], at.solved[:, -1])
    groups = np.repeat(at.beta[..., None], f.shape[2], axis=2)
    groups[:, :m] += bend.base @ (bend.base.swapaxes(1, 2) @ f)
    gradient = np.abs(bend.gradient).max(axis=1)
    found = Fitted(
        estimate=data.original(at.beta),
        se=sd[:, None] * np.sqrt(np.einsum("bij,bjl,bil->bi", back, at.inverse, back)),
        df=satterthwaite(at, bend, back),
        singular=np.zeros(len(batch), dtype=bool),
        converged=gradient <= STEEP,
        gradient=gradient,
        deviance=at.deviance
        + 2 * np.linalg.slogdet(data.A)[1]
        + 2 * data.n_free * np.log(data.scale),
        residual_sd=sd,
        group_coefs=data.original(groups),
        random_cov=cov,
        messages=refusals(batch, gradient > STEEP, lambda i: (
            f"mlmlearn: the search ended on a slope (gradient {gradient[i]:.2g}); compare with "
            "another strategy"
        )),
        problem=refusals(
            batch, ~np.isfinite(at.deviance), lambda _: "a predictor nearly repeats others"
        ),
    )  # fmt: skip
    return found.ordered(places)


def _penalised(at: Profile, Lambda: FloatArray) -> FloatArray:
    """Deviance of likelihood and prior together, log|Sigma| being 2 log|Lambda|."""
    with np.errstate(divide="ignore"):
        return np.asarray(at.deviance - 2 * np.linalg.slogdet(Lambda)[1])


def _bent(data: Standardised, Lambda: FloatArray) -> tuple[Profile, Derivatives]:
    """Profile and differentiate the penalised deviance.

    As Lambda moves by L, log|Lambda| moves by tr(Lambda^-1 L), and Lambda^-1 by
    -Lambda^-1 L Lambda^-1.
    """
    at = profile(data, Lambda)
    bend = derivatives(data, at, Lambda)
    moved = np.linalg.solve(bend.base[:, None], bend.moves)
    T = moved.shape[1]
    hessian = bend.hessian.copy()
    hessian[:, :T, :T] += 2 * np.einsum("btij,buji->btu", moved, moved)
    slope = bend.gradient - 2 * np.einsum("btii->bt", moved)
    return at, replace(bend, gradient=slope, hessian=hessian)


def _mode(data: Standardised, m: int) -> FloatArray:
    """Walk down by Newton's method with halved steps, every data set at its own pace."""
    found = np.tile(START * np.eye(m), (len(data.rest), 1, 1))
    active = np.arange(len(found))
    for _ in range(MOST_STEPS):
        at, bend = _bent(data, found[active])
        value, base = _penalised(at, bend.base), bend.base
        curvature, axes = curvatures(bend)
        slope = (bend.gradient[:, None] @ axes)[:, 0]
        step = -slope / np.maximum(np.abs(curvature), 1e-7)
        step *= np.minimum(1, LONGEST / np.linalg.norm(step, axis=1, keepdims=True))
        promise = -(slope * step).sum(axis=1)
        move = np.einsum("btu,bu,btij->bij", axes, step, bend.moves)
        share = np.ones(len(active))
        for _ in range(MOST_HALVINGS):
            trial = base + share[:, None, None] * move
            worse = _penalised(profile(data, trial), trial) > value - 1e-4 * share * promise + 1e-9
            if not worse.any():
                break
            share[worse] /= 2
        found[active] = np.where(worse[:, None, None], base, trial)
        on = (promise > FLAT) & ~worse
        if not on.any():
            break
        active, data = active[on], data.take(on)
    return found


STRATEGY = Strategy(
    "mlm_penalised",
    "Penalised multilevel",
    "full multilevel model with a weak prior that keeps variances from zero",
    refuse,
    fit,
    place=9,
)
