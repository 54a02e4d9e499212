"""What the OLS strategies share: standard errors that are rounding, and clustered scores."""

import numpy as np

from mlmlearn.batch import Batch
from mlmlearn.strategies.base import Fitted, refusals
from mlmlearn.triangles import FloatArray

__all__ = ["fitted", "no_standard_error", "scores"]


def no_standard_error(terms: object) -> str:
    """Say that some coefficients have no standard error: nothing but rounding is left of it."""
    return (
        f"mlmlearn: no usable standard error for {', '.join(np.asarray(terms))}; is the fit "
        "perfect, or do all groups have the same coefficient?"
    )


def fitted(
    batch: Batch,
    estimate: FloatArray,
    se: FloatArray,
    df: FloatArray,
    group_coefs: FloatArray | None = None,
    **others: FloatArray,
) -> Fitted:
    """Leave out standard errors that are nothing but rounding, and say so."""
    data = batch.standardised
    # An SE that moves no outcome by more than rounding does is rounding itself.
    lengths = np.linalg.norm(data.A, axis=1)
    good = se * lengths > 1e-13 * data.scale[:, None]
    messages = refusals(
        batch,
        ~good.all(axis=1),
        lambda i: no_standard_error(np.array(batch.terms)[~good[i]]),
    )
    problem = refusals(
        batch,
        ~np.isfinite(estimate).all(axis=1),
        lambda _: "a predictor nearly repeats others; leave it out",
    )
    df = np.broadcast_to(df if df.ndim == 2 else df[:, None], estimate.shape).astype(float)
    return Fitted(
        estimate,
        np.where(good, se, np.nan),
        df,
        group_coefs=group_coefs,
        messages=messages,
        problem=problem,
        **{name: np.where(good, values, np.nan) for name, values in others.items()},
    )


def scores(batch: Batch) -> FloatArray:
    """Scores of the groups, C_j'd_j, in standardised units: shape (b, k, g)."""
    data = batch.standardised
    k = data.n_fixed
    return np.asarray(np.einsum("biag,bag->big", data.rows[:, :k], data.rows[:, k]))
