"""What a fit returns, the same for every strategy and engine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

__all__ = ["COEF_COLUMNS", "FitResult", "coef_table", "no_standard_error", "t_test"]

FloatArray = NDArray[np.float64]

COEF_COLUMNS = ("estimate", "se", "df", "t", "p", "ci_low", "ci_high")


# Compared by identity: data frames have no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """One strategy fitted to one data set.

    Attributes
    ----------
    strategy, engine : str
        What was fitted, and by what.
    coefs : DataFrame, shape (k, 7)
        One row a term, the intercept first: estimate, se, df, t, p (two-sided),
        ci_low and ci_high (95 %, from t with that row's df). A standard error that is
        rounding alone is missing, and a message names its term.
    converged : bool
        True unless the optimiser or lme4's checks of its result reported a failure, or the
        batch engine found that the data leave the random effects open.
        A singular fit alone is not a failure. Always True for the two OLS strategies.
    singular : bool
        True when the estimated covariance matrix of the random effects has lost a
        dimension: a variance of zero, or a correlation of plus or minus one.
    messages : tuple of str
        Everything the engine had to say, each with its source in front.
    max_gradient : float
        lme4's measure of how far the optimiser stopped from a flat point: the largest,
        over the parameters, of the smaller of the gradient and the gradient scaled by the
        Cholesky factor of the Hessian. For the batch engine the steepest slope of the
        deviance along a random effect, in standardised units. NaN for OLS.
    reml_deviance : float
        REML criterion (minus twice the restricted log-likelihood). NaN for OLS.
    group_coefs : DataFrame or None, shape (n_groups, k)
        Coefficients of each group: conditional modes plus fixed effects for the
        multilevel models, the first-stage OLS for `two_stage`, None for `cluster_robust`.
    random_cov : DataFrame or None, shape (q, q)
        Covariance matrix of the random effects, in the outcome's units. None for OLS.
    residual_sd : float
        Residual standard deviation. NaN for OLS.
    n_rows, n_groups : int
        Size of the data.
    """

    strategy: str
    engine: str
    coefs: pd.DataFrame
    n_rows: int
    n_groups: int
    converged: bool = True
    singular: bool = False
    messages: tuple[str, ...] = ()
    max_gradient: float = np.nan
    reml_deviance: float = np.nan
    group_coefs: pd.DataFrame | None = None
    random_cov: pd.DataFrame | None = None
    residual_sd: float = np.nan


def coef_table(
    terms: Sequence[str], estimate: ArrayLike, se: ArrayLike, df: ArrayLike
) -> pd.DataFrame:
    """Complete estimates, standard errors and degrees of freedom to a table of tests.

    Parameters
    ----------
    terms : sequence of str
        Names of the k coefficients.
    estimate, se, df : array_like, shape (k,)
        Estimates, their standard errors, and degrees of freedom of their t tests.

    Returns
    -------
    DataFrame, shape (k, 7)
        Columns `COEF_COLUMNS`, indexed by term; t against zero, two-sided p, 95 % interval.
    """
    estimate, se, df = (np.asarray(values, dtype=float) for values in (estimate, se, df))
    t, p = t_test(estimate, se, df)
    half_width = stats.t.ppf(0.975, df) * se
    columns = (estimate, se, df, t, p, estimate - half_width, estimate + half_width)
    return pd.DataFrame(
        dict(zip(COEF_COLUMNS, columns, strict=True)), index=pd.Index(terms, name="term")
    )


def no_standard_error(terms: Iterable[str]) -> str:
    """Say that some coefficients have no standard error: nothing but rounding is left of it."""
    return (
        f"mlmlearn: no usable standard error for {', '.join(terms)}; is the fit perfect, or do all "
        "groups have the same coefficient?"
    )


def t_test(estimate: FloatArray, se: FloatArray, df: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Test coefficients against zero.

    Parameters
    ----------
    estimate, se, df : ndarray, shape (...)
        Estimates, their standard errors, and degrees of freedom of their t tests.

    Returns
    -------
    t, p : ndarray, shape (...)
        t statistics, and two-sided p values.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / se
    return t, 2 * stats.t.sf(np.abs(t), df)
