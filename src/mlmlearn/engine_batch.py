"""The batch engine: the four strategies on many data sets at once, with NumPy alone.

`crossproducts` sums the rows of the data up, once and for all strategies; `reml` searches for
the best multilevel models; here their results return to the units of the data, beside the two
strategies that need no search.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.clustered import NO_NOISE, ClusteredData
from mlmlearn.crossproducts import (
    Compressed,
    FloatArray,
    compress,
    factors,
    sound,
    standardised,
    triangles,
)  # fmt: skip
from mlmlearn.errors import FitError
from mlmlearn.reml import curvatures, derivatives, optimum, profile, satterthwaite
from mlmlearn.results import FitResult, coef_table, no_standard_error, t_test
from mlmlearn.strategies import get_strategy

__all__ = [
    "Fitted", "compress", "data_sets_at_once", "fit", "fit_many", "sound", "standardised",
    "triangles", "versions",
]  # fmt: skip

# A gradient above this, in standardised units, is reported.
STEEP = 0.01

# A fit is singular when Lambda has a smaller singular value. lme4 looks at its diagonal instead,
# which depends on the order of the columns and on where a predictor has its zero.
SINGULAR = 1e-4

# A curvature this small means that the data say nothing about some mixture of the variances.
UNKNOWN = 1e-5

# A residual variance this small beside that of OLS is what rounding leaves of no noise at all.
NOISELESS = 1e-16


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a strategy found in some data sets, in the units of the data.

    Attributes
    ----------
    estimate, se, df : ndarray, shape (b, k)
    singular, unknown : ndarray of bool, shape (b,)
        Whether the random effects have lost a dimension, and whether the data leave open how
        large they are.
    gradient, deviance, residual_sd : ndarray, shape (b,)
        NaN for OLS; `gradient` is the largest, in standardised units.
    group_coefs : ndarray, shape (b, k, g), or None
    random_cov : ndarray, shape (b, m, m), or None
    """

    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    singular: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    gradient: FloatArray
    deviance: FloatArray
    residual_sd: FloatArray
    group_coefs: FloatArray | None = None
    random_cov: FloatArray | None = None

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether the search ended on flat ground, at a point of its own."""
        return ~(self.gradient > STEEP) & ~self.unknown

    def problem(self, i: int) -> str:
        """Say why data set i has no fit; nothing when it has one."""
        if self.residual_sd[i] == 0:
            return NO_NOISE
        numbers = [self.estimate[i], self.df[i]]
        if not np.isnan(self.residual_sd[i]):  # a multilevel model's SEs are lost together
            numbers.append(self.se[i])
        if not np.isfinite(np.concatenate(numbers)).all():
            return "a predictor nearly repeats others; leave it out"
        return ""

    def messages(self, i: int, terms: Sequence[str]) -> tuple[str, ...]:
        """Say what is to be known about the fit of data set i."""
        found = []
        if self.singular[i]:
            found.append("mlmlearn: boundary (singular) fit")
        if self.unknown[i]:
            found.append(
                "mlmlearn: the data cannot tell the sizes of some random effects apart, so that "
                "standard errors are arbitrary; is a predictor constant within groups?"
            )
        if self.gradient[i] > STEEP:
            found.append(
                f"mlmlearn: the search ended on a slope (gradient {self.gradient[i]:.2g}); compare "
                "with another strategy or engine"
            )
        useless = ~np.isfinite(self.se[i])
        if useless.any():
            found.append(no_standard_error(np.array(terms)[useless]))
        return tuple(found)

    def columns(self, terms: Sequence[str]) -> dict[str, Any]:
        """Return the columns of a run's tables, a row for each data set and term."""
        b, k = self.estimate.shape
        problems = [self.problem(i) for i in range(b)]
        bad = np.array([bool(problem) for problem in problems])
        estimate, se, df = (
            np.where(bad[:, None], np.nan, values).ravel()
            for values in (self.estimate, self.se, self.df)
        )
        t, p = t_test(estimate, se, df)
        messages = [
            f"failed: {problem}" if problem else "; ".join(self.messages(i, terms))
            for i, problem in enumerate(problems)
        ]
        of_a_fit = {
            "converged": ~bad & self.converged,
            "singular": ~bad & self.singular,
            "max_gradient": np.where(bad, np.nan, self.gradient),
            "messages": np.array(messages, dtype=object),
            "reml_deviance": np.where(bad, np.nan, self.deviance),
        }
        numbers = {"estimate": estimate, "se": se, "df": df, "t": t, "p": p}
        return numbers | {name: np.repeat(values, k) for name, values in of_a_fit.items()}


def _multilevel(data: Compressed, m: int) -> Fitted:
    data, Lambda = optimum(data.pooled(m), m)
    at, back = profile(data, Lambda), np.linalg.inv(data.A)
    bend = derivatives(data, at, Lambda)
    sd = np.where(at.s2 < NOISELESS, 0, np.sqrt(at.s2)) * data.scale
    variances = np.einsum("bij,bjl,bil->bi", back, at.inverse, back)
    loadings = back[:, :m, :m] @ Lambda * sd[:, None, None]
    f = np.einsum("biag,bag->big", at.solved[:, :m], at.solved[:, -1])
    groups = np.repeat(at.beta[..., None], f.shape[2], axis=2)
    groups[:, :m] += Lambda @ (Lambda.swapaxes(1, 2) @ f)
    singular = np.linalg.svd(np.nan_to_num(Lambda), compute_uv=False)[:, -1] < SINGULAR
    return Fitted(
        estimate=data.original(at.beta),
        se=sd[:, None] * np.sqrt(variances),
        df=satterthwaite(at, bend, back),
        singular=singular,
        unknown=~singular & (curvatures(bend)[0][:, 0] < UNKNOWN),
        gradient=np.abs(bend.gradient).max(axis=1),
        deviance=at.deviance
        + 2 * np.linalg.slogdet(data.A)[1]
        + 2 * data.n_free * np.log(data.scale),
        residual_sd=sd,
        group_coefs=data.original(groups),
        random_cov=loadings @ loadings.swapaxes(1, 2),
    )


def _ols(
    data: Compressed, estimate: FloatArray, se: FloatArray, df: int, groups: FloatArray | None
) -> Fitted:
    # An SE that moves no outcome by more than rounding does is rounding itself.
    lengths = np.linalg.norm(data.A, axis=1)
    se = np.where(se * lengths > 1e-13 * data.scale[:, None], se, np.nan)
    none, no = np.full(len(estimate), np.nan), np.zeros(len(estimate), dtype=bool)
    df_column = np.full(estimate.shape, float(df))
    return Fitted(estimate, se, df_column, no, no, none, none, none, group_coefs=groups)


def _cluster_robust(data: Compressed) -> Fitted:
    """OLS with V = (X'X)^-1 M (X'X)^-1 G/(G-1) N/(N-k) and G - k degrees of freedom.

    M adds up the outer products of the groups' scores X_j'(y_j - X_j beta), which are C_j'd_j.
    """
    k, n_groups, n = data.n_fixed, data.n_groups, data.n_rows
    scores = np.einsum("biag,bag->big", data.rows[:, :k], data.rows[:, k]) / n  # X'X = N I
    scores = np.linalg.inv(data.A) @ scores * data.scale[:, None, None]
    factor = n_groups / (n_groups - 1) * n / (n - k)
    return _ols(data, data.ols, np.sqrt(factor * (scores**2).sum(axis=2)), n_groups - k, None)


def _two_stage(data: Compressed) -> Fitted:
    """Mean of the groups' own OLS coefficients, their SD over the root of G, and G - 1 df."""
    triangles = data.rows.transpose(0, 3, 2, 1)
    own = np.linalg.solve(triangles[..., :-1], triangles[..., -1:])[..., 0]
    own = data.original(own.swapaxes(1, 2))
    se = own.std(axis=2, ddof=1) / np.sqrt(data.n_groups)
    return _ols(data, own.mean(axis=2), se, data.n_groups - 1, own)


FITS = {
    "mlm_full": lambda data: _multilevel(data, data.n_fixed),
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
        return FITS[get_strategy(strategy).id](data)


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
    R = np.stack([factors(X, y) for y, X in rows])[None]
    try:
        with np.errstate(all="ignore"):
            compressed = standardised(R, len(data.y))
        found = fit_many(strategy, compressed)
    except np.linalg.LinAlgError as error:
        raise FitError(
            f"{strategy} could not be fitted ({error}): a predictor nearly repeats others; "
            "leave one out"
        ) from error
    if problem := found.problem(0):
        raise FitError(f"{strategy} could not be fitted: {problem}")
    groups, random_cov = found.group_coefs, found.random_cov
    terms, m = list(data.terms), 0 if random_cov is None else random_cov.shape[1]
    return FitResult(
        strategy=strategy,
        engine="batch",
        coefs=coef_table(data.terms, found.estimate[0], found.se[0], found.df[0]),
        n_rows=len(data.y),
        n_groups=data.n_groups,
        converged=bool(found.converged[0]),
        singular=bool(found.singular[0]),
        messages=found.messages(0, terms),
        max_gradient=float(found.gradient[0]),
        reml_deviance=float(found.deviance[0]),
        group_coefs=None
        if groups is None
        else pd.DataFrame(groups[0].T, index=data.labels, columns=terms),
        random_cov=None
        if random_cov is None
        else pd.DataFrame(random_cov[0], index=terms[:m], columns=terms[:m]),
        residual_sd=float(found.residual_sd[0]),
    )


def versions() -> dict[str, str]:
    """Return the version of what the results depend on."""
    return {"numpy": version("numpy")}
