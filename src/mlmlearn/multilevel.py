"""The multilevel models: from the triangles through REML back to the units of the data."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import listed
from mlmlearn.reml import derivatives, open_variances, optimum, profile, satterthwaite, sizes
from mlmlearn.strategies.base import Fitted, refusals
from mlmlearn.triangles import FloatArray, Standardised

__all__ = ["arbitrary", "fit", "refuse", "undecided"]

# A gradient above this, in standardised units, is reported.
STEEP = 0.01

# A fit is singular when a random effect is smaller. lme4 looks at the diagonal of Lambda instead,
# which depends on the order of the columns and on where a predictor has its zero.
SINGULAR = 1e-4

# A curvature this small means that the data say nothing about some mixture of the variances. It
# matters where a coefficient's variance changes by more than the share OPEN along that direction.
UNKNOWN, OPEN = 1e-5, 0.01

# A residual variance this small beside that of OLS is what rounding leaves of no noise at all.
NOISELESS = 1e-16

NO_NOISE = (
    "the outcome follows its groups' regressions without any noise, or with less than rounding, "
    "so that there is no most likely size of the random effects; check how the outcome was made"
)


def refuse(name: str, batch: Batch, random: NDArray[np.bool_]) -> Texts:
    """Say which data sets have too few rows, or no noise, for random effects of some columns."""
    m = int(random.sum())
    batch, _ = batch.first(random)
    needed = batch.n_groups * m
    found = refusals(
        batch,
        batch.n_rows <= needed,
        lambda i: (
            f"{name} has {m} random effect{'s' if m > 1 else ''} for each of {batch.n_groups[i]} "
            f"groups and needs more than {needed[i]} rows, but there are {batch.n_rows[i]}; "
            "collect more rows per group or use simpler random effects"
        ),
    )
    with np.errstate(all="ignore"):
        silent = _noise(batch.standardised, m) < NOISELESS * batch.standardised.n_free
    without = refusals(batch, silent, lambda _: f"{name} could not be fitted: {NO_NOISE}")
    return np.where(found != "", found, without)


def _noise(data: Standardised, m: int) -> FloatArray:
    """Squares of the outcome that are left when every group has its own m coefficients."""
    b, columns, k, _ = data.rows.shape
    if m == k:
        return data.rest
    below = data.rows[:, m:, m:].reshape(b, columns - m, -1).transpose(0, 2, 1)
    triangle: Any = np.linalg.qr(below, mode="r")
    return np.asarray(data.rest + triangle[:, -1, -1] ** 2)


def fit(batch: Batch, random: NDArray[np.bool_], *, correlated: bool = True) -> Fitted:
    """Fit the model with random effects of some columns, the intercept among them.

    Without correlations it depends on where a predictor has its zero, so the random effects then
    belong to the columns as they are, and not to any mixture of them.
    """
    batch, places = batch.first(random)
    m, k = int(random.sum()), batch.n_fixed
    data, axes = batch.standardised, None
    if not correlated:
        axes = data.A[:, :m, :m] / np.linalg.norm(data.A[:, :m, :m], axis=1, keepdims=True)
    data, Lambda = optimum(data.pooled(m), m, axes)
    at, back = profile(data, Lambda), np.linalg.inv(data.A)
    bend = derivatives(data, at, Lambda, axes)
    sd = np.sqrt(at.s2) * data.scale
    variances = np.einsum("bij,bjl,bil->bi", back, at.inverse, back)
    loadings = back[:, :m, :m] @ Lambda * sd[:, None, None]
    cov = np.full((len(batch), k, k), np.nan)
    cov[:, :m, :m] = loadings @ loadings.swapaxes(1, 2)
    f = np.einsum("biag,bag->big", at.solved[:, :m], at.solved[:, -1])
    groups = np.repeat(at.beta[..., None], f.shape[2], axis=2)
    groups[:, :m] += Lambda @ (Lambda.swapaxes(1, 2) @ f)
    singular = sizes(Lambda, axes).min(axis=1) < SINGULAR
    unknown = open_variances(at, bend, back, UNKNOWN) > OPEN
    gradient = np.abs(bend.gradient).max(axis=1)
    found = Fitted(
        estimate=data.original(at.beta),
        se=sd[:, None] * np.sqrt(variances),
        df=satterthwaite(at, bend, back),
        singular=singular,
        converged=~(gradient > STEEP) & ~unknown.any(axis=1),
        gradient=gradient,
        deviance=at.deviance
        + 2 * np.linalg.slogdet(data.A)[1]
        + 2 * data.n_free * np.log(data.scale),
        residual_sd=sd,
        group_coefs=data.original(groups),
        random_cov=cov,
        messages=refusals(batch, np.ones(len(batch)), lambda i: _messages(
            singular[i], np.array(batch.terms)[unknown[i]], gradient[i]
        )),
        problem=refusals(
            batch, at.s2 < NOISELESS, lambda _: NO_NOISE
        ),
    )  # fmt: skip
    numbers = np.concatenate([found.estimate, found.se, found.df], axis=1)
    lost = ~np.isfinite(numbers).all(axis=1) & (found.problem == "")
    found.problem[lost] = "a predictor nearly repeats others; leave it out"
    return found.ordered(places)


def undecided(
    batch: Batch, random: NDArray[np.bool_], cov: FloatArray, sd: float, correlated: bool
) -> NDArray[np.str_]:
    """Name what has an arbitrary standard error in a fit of one data set that is not ours.

    Parameters
    ----------
    cov : ndarray, shape (m, m)
        Covariances of the random effects of the m columns, in the order of the columns.
    sd : float
        Residual SD.
    """
    batch, _ = batch.first(random)
    m, data = len(cov), batch.standardised
    A = data.A[:, :m, :m]
    axes = None if correlated else A / np.linalg.norm(A, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0)) if correlated else np.sqrt(cov)
    Lambda = A @ root / sd
    at = profile(data.pooled(m), Lambda)
    bend = derivatives(data.pooled(m), at, Lambda, axes)
    moved = open_variances(at, bend, np.linalg.inv(data.A), UNKNOWN)
    return np.asarray(np.array(batch.terms)[moved[0] > OPEN])


def arbitrary(terms: NDArray[np.str_]) -> str:
    """Say that some terms have an arbitrary standard error."""
    return (
        "mlmlearn: the data cannot tell the sizes of some random effects apart, so that the "
        f"standard error of {listed(terms.tolist())} is arbitrary; leave the random effects of "
        "what is constant within groups out, or add groups"
    )


def _messages(singular: bool, unknown: NDArray[np.str_], gradient: float) -> str:
    found = []
    if singular:
        found.append("mlmlearn: boundary (singular) fit")
    if len(unknown):
        found.append(arbitrary(unknown))
    if gradient > STEEP:
        found.append(
            f"mlmlearn: the search ended on a slope (gradient {gradient:.2g}); compare "
            "with another strategy or engine"
        )
    return "\n".join(found)
