"""What a fit returns, the same for every strategy and engine."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlmlearn.batch import Batch
from mlmlearn.clustered import ClusteredData
from mlmlearn.errors import InputError
from mlmlearn.strategies import Fitted

__all__ = ["COEF_COLUMNS", "STATUS", "FitResult", "result_of"]

COEF_COLUMNS = ("estimate", "se", "df", "t", "p", "ci_low", "ci_high")
STATUS = ("converged", "singular", "max_gradient", "reml_deviance", "residual_sd")


# Compared by identity: data frames have no single truth value.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FitResult:
    """One strategy fitted to one data set.

    Attributes
    ----------
    strategy, engine, formula : str
        What was fitted, and by what.
    coefs : DataFrame, shape (k, 7)
        One row a term, the intercept first: estimate, se, df, t, p (two-sided),
        ci_low and ci_high (95 %). A standard error that is rounding alone is missing, and a
        message names its term.
    converged : bool
        False where the optimiser or lme4's checks reported a failure, or the data leave the random
        effects open. A singular fit alone is no failure. Always True for OLS.
    singular : bool
        Whether the estimated covariance matrix of the random effects has lost a
        dimension: a variance of zero, or a correlation of plus or minus one.
    messages : tuple of str
        Everything the engine had to say, each with its source in front.
    max_gradient : float
        How far the optimiser stopped from a flat point: the largest, over the parameters, of the
        smaller of lme4's gradient and the one scaled by the Cholesky factor of the Hessian; for
        the batch engine the steepest slope of the deviance, in standardised units. NaN for OLS.
    reml_deviance : float
        Minus twice the restricted log-likelihood. NaN for OLS.
    group_coefs : DataFrame or None, shape (n_groups, k)
        Coefficients of each group: conditional modes plus fixed effects for the
        multilevel models, the first-stage OLS for `two_stage`, None for `cluster_robust`.
    random_cov : DataFrame or None, shape (q, q)
        Covariances of the random effects, in the outcome's units. None for OLS.
    residual_sd : float
        Residual standard deviation. NaN for OLS.
    n_rows, n_groups : int
        Size of the data.
    random : tuple of str
        Terms that got a random effect.
    data : ClusteredData
        What was fitted, as arrays.
    """

    strategy: str
    engine: str
    formula: str
    coefs: pd.DataFrame
    n_rows: int
    n_groups: int
    converged: bool
    singular: bool
    messages: tuple[str, ...]
    max_gradient: float
    reml_deviance: float
    group_coefs: pd.DataFrame | None
    random_cov: pd.DataFrame | None
    residual_sd: float
    random: tuple[str, ...]
    data: ClusteredData

    def __str__(self) -> str:
        """Show all of a fit on one screen."""
        sizes = f"{self.n_rows:,} rows, {self.n_groups:,} groups"
        lines = [f"{self.strategy} by {self.engine}: {self.formula}", sizes]
        if self.random:
            lines[1] += f", random effects of {', '.join(self.random)}"
        lines += ["", self.coefs.to_string(float_format="{:.4g}".format), ""]
        if not np.isnan(self.reml_deviance):
            lines.append(
                f"REML deviance {self.reml_deviance:.3f}, residual SD {self.residual_sd:.4g}"
            )
        if self.random_cov is not None:
            sds = zip(self.random_cov.columns, np.sqrt(np.diag(self.random_cov)), strict=True)
            lines.append("SDs between groups: " + ", ".join(f"{name} {sd:.4g}" for name, sd in sds))
        return "\n".join([*lines, *self.messages]).rstrip()

    __repr__ = __str__

    def random_pca(self) -> pd.DataFrame:
        """Compute the principal components of the random effects.

        A component is a mixture of the random effects that goes with none of the others. One with
        an SD of zero is a dimension in which the groups, as estimated, do not differ: as many as
        there are of them, the covariance matrix has lost of its rank, which single variances and
        correlations need not show (Bates, Kliegl, Vasishth & Baayen 2015, arXiv:1506.04967; `rePCA`
        in lme4).

        Returns
        -------
        DataFrame, shape (q, q + 2)
            A row a component, the largest first: its sd in units of the residual SD, its share of
            the variance, and what each term puts into it, in a column of its name. The components
            depend on the units of the predictors and on where these are zero; how many of them are
            lost does not.

        Raises
        ------
        InputError
            When the strategy has no random effects.
        """
        if self.random_cov is None:
            raise InputError(
                f"{self.strategy} has no random effects, and so no components of them; fit a "
                'multilevel model, such as "mlm_full"'
            )
        values, vectors = np.linalg.eigh(self.random_cov / self.residual_sd**2)
        values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
        total = values.sum()
        table = pd.DataFrame(vectors.T, columns=self.random_cov.columns)
        table.index = pd.RangeIndex(1, len(values) + 1, name="component")
        table.insert(0, "sd", np.sqrt(values))
        table.insert(1, "share", values / total if total > 0 else np.nan)
        return table

    def tidy(self) -> pd.DataFrame:
        """Return one row a term, with the strategy beside it."""
        table = self.coefs.reset_index()
        table.insert(0, "strategy", self.strategy)
        return table


def result_of(strategy: str, engine: str, formula: str, batch: Batch, found: Fitted) -> FitResult:
    """Make the result of a batch of one data set."""
    terms = list(batch.terms)
    coefs = pd.DataFrame(
        {name: getattr(found, name)[0] for name in COEF_COLUMNS}, pd.Index(terms, name="term")
    )
    groups = cov = None
    if found.group_coefs is not None:
        groups = pd.DataFrame(found.group_coefs[0].T, batch.labels, terms)
        groups = groups.dropna(axis=1, how="all")
    if found.random_cov is not None:
        cov = pd.DataFrame(found.random_cov[0], terms, terms)
        cov = cov.dropna(how="all").dropna(axis=1, how="all")
    return FitResult(
        strategy=strategy,
        engine=engine,
        formula=formula,
        coefs=coefs,
        n_rows=int(batch.n_rows[0]),
        n_groups=int(batch.n_groups[0]),
        **{name: getattr(found, name)[0].item() for name in STATUS},
        messages=tuple(found.messages[0].splitlines()),
        group_coefs=groups,
        random_cov=cov,
        random=() if cov is None else tuple(map(str, cov.columns)),
        data=batch.rows(0),
    )
