"""What the OLS strategies share: standard errors that are rounding, and clustered scores."""

import numpy as np

from mlmlearn.batch import Batch, Texts
from mlmlearn.strategies.base import Fitted, refusals
from mlmlearn.triangles import FloatArray

__all__ = ["fitted", "no_standard_error", "resting_on_few", "scores", "too_few_groups"]

# Share of two groups in what decides a coefficient from which on it rests on them.
FEW = 0.75


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
    messages: Texts | None = None,
) -> Fitted:
    """Leave out standard errors that are nothing but rounding, and say so."""
    data = batch.standardised
    # An SE that moves no outcome by more than rounding does is rounding itself.
    lengths = np.linalg.norm(data.A, axis=1)
    good = se * lengths > 1e-13 * data.scale[:, None]
    useless = refusals(
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
        messages=useless if messages is None else joined(messages, useless),
        problem=problem,
    )


def joined(one: Texts, other: Texts) -> Texts:
    """Put messages of the same data sets below each other."""
    both = [f"{a}\n{b}".strip() for a, b in zip(one, other, strict=True)]
    return np.array(both, dtype=object)


def scores(batch: Batch) -> FloatArray:
    """Scores of the groups, C_j'd_j, in standardised units: shape (b, k, g)."""
    rows = batch.standardised.rows
    return np.asarray(np.einsum("bcrg,brg->bcg", rows[:, :-1], rows[:, -1]))


def resting_on_few(batch: Batch) -> Texts:
    """Name the slopes that one or two groups decide, whose clustered standard errors mislead.

    A coefficient is a weighted sum of the outcomes; the share of group j in its squared weights is
    |C_j b|^2 / (N b'b), b being what takes the standardised coefficients to it.
    """
    data = batch.standardised
    b, _, k, g = data.rows.shape
    columns, weights = data.rows[:, :k].reshape(b, k, k * g), np.empty((b, 1, k * g))
    shares = np.empty((b, k, g))
    for i in range(k):  # in the memory of one
        np.matmul(data.back[:, [i]], columns, out=weights)
        weights **= 2
        shares[:, i] = weights.reshape(b, k, g).sum(axis=1)
    shares.partition(-2, axis=2)
    most = shares[..., -2:].sum(axis=2)
    most /= (data.back**2).sum(axis=2) * data.n_rows[:, None]
    most[:, 0] = 0
    return refusals(batch, (most >= FEW).any(axis=1), lambda i: (
        f"mlmlearn: {', '.join(np.array(batch.terms)[most[i] >= FEW])} rests on one or two groups, "
        "so that its standard error cannot be trusted; more groups are needed that differ in it"
    ))  # fmt: skip


def too_few_groups(name: str, batch: Batch) -> Texts:
    """Say which data sets leave clustered standard errors no degrees of freedom."""
    k = batch.n_fixed
    return refusals(
        batch,
        batch.n_groups <= k,
        lambda i: (
            f"{name} tests {k} coefficients with groups minus coefficients = "
            f"{batch.n_groups[i] - k} degrees of freedom; it needs at least {k + 1} groups"
        ),
    )
