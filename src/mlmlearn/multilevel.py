"""The multilevel models: from the triangles through REML back to the units of the data."""

import numpy as np
from numpy.typing import NDArray

from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import listed
from mlmlearn.strategies.base import Fitted, refusals
from mlmlearn.triangles import FloatArray

__all__ = ["arbitrary", "fit", "refuse", "undecided"]

# A gradient above this, in standardised units, is reported.
STEEP = 0.01

# A fit is singular when a random effect is smaller. lme4 looks at the diagonal of Lambda instead,
# which depends on the order of the columns and on where a predictor has its zero.
SINGULAR = 1e-4

# Where the data say nothing about some mixture of the variances, it matters if a coefficient's
# variance changes by more than this share along that direction.
OPEN = 0.01

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
        silent = batch.common(m)[1] < NOISELESS * batch.standardised.n_free
    without = refusals(batch, silent, lambda _: f"{name} could not be fitted: {NO_NOISE}")
    return np.where(found != "", found, without)


def fit(
    batch: Batch, random: NDArray[np.bool_], *, correlated: bool = True, prior: float = 0
) -> Fitted:
    """Fit the model with random effects of some columns, the intercept among them.

    Without correlations it depends on where a predictor has its zero, so the random effects then
    belong to the columns as they are, and not to any mixture of them. A `prior` takes so many times
    log|G| off the deviance in the search, G being the covariances relative to the noise.
    """
    from mlmlearn import reml

    batch, places = batch.first(random)
    m, k, data = int(random.sum()), batch.n_fixed, batch.standardised
    back, axes = data.back, _axes(data.A, m, correlated)
    sizes, loadings, beta, inverse, s2, deviance, gradient, df, left_open, effects = reml.fit_all(
        data.rows,
        *batch.common(m),
        data.n_rows,
        data.n_groups,
        axes,
        correlated,
        not batch.within[:m].all(),
        float(prior),
        back,
    )
    sd = np.sqrt(s2) * data.scale
    loadings = back[:, :m, :m] @ loadings * sd[:, None, None]
    cov = np.full((len(batch), k, k), np.nan)
    cov[:, :m, :m] = loadings @ loadings.swapaxes(1, 2)
    groups = np.repeat(beta[..., None], effects.shape[2], axis=2)
    groups[:, :m] += effects
    del effects  # large, where there are many groups
    groups = data.original(groups)
    singular, unknown = sizes.min(axis=1) < SINGULAR, left_open > OPEN
    found = Fitted(
        estimate=data.original(beta),
        se=sd[:, None] * np.sqrt(((back @ inverse) * back).sum(axis=2)),
        df=df,
        singular=singular,
        converged=~(gradient > STEEP) & ~unknown.any(axis=1),
        max_gradient=gradient,
        reml_deviance=deviance
        + 2 * np.log(np.abs(np.einsum("bii->bi", data.A))).sum(axis=1)  # log|A'A|
        + 2 * data.n_free * np.log(data.scale),
        residual_sd=sd,
        group_coefs=groups,
        random_cov=cov,
        messages=refusals(batch, singular | unknown.any(axis=1) | (gradient > STEEP), lambda i: (
            _messages(singular[i], np.array(batch.terms)[unknown[i]], gradient[i])
        )),
        problem=refusals(batch, s2 < NOISELESS, lambda _: NO_NOISE),
    )  # fmt: skip
    numbers = np.concatenate([found.estimate, found.se, found.df], axis=1)
    lost = ~np.isfinite(numbers).all(axis=1) & (found.problem == "")
    found.problem[lost] = "a predictor nearly repeats others; leave it out"
    return found.ordered(places)


def _axes(A: FloatArray, m: int, correlated: bool) -> FloatArray:
    """Axes of the random effects: any to start from, or those of the predictors as they are."""
    if correlated:
        return np.tile(np.eye(m), (len(A), 1, 1))
    return np.asarray(A[:, :m, :m] / np.linalg.norm(A[:, :m, :m], axis=1, keepdims=True))


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
    from mlmlearn import reml

    batch, _ = batch.first(random)
    m, data = len(cov), batch.standardised
    A, (common, rest) = data.A[0, :m, :m], batch.common(m)
    if correlated:
        # Sigma = L L' in the columns as they are; the axes are the left singular vectors of A L.
        values, vectors = np.linalg.eigh(cov)
        V, s, _ = np.linalg.svd(A @ (vectors * np.sqrt(np.maximum(values, 0))) / sd)
    else:
        lengths = np.linalg.norm(A, axis=0)
        V, s = A / lengths, np.sqrt(np.diag(cov)) * lengths / sd
    left_open = reml.left_open_at(
        data.rows[0], common[0], rest[0], data.n_rows[0], data.n_groups[0],
        np.ascontiguousarray(V), s, correlated, data.back[0],
    )  # fmt: skip
    return np.asarray(np.array(batch.terms)[left_open > OPEN])


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
