"""What a stored study keeps of a condition beside the measures: what claims about it need.

The 2019 post compared strategies by three sums over the coefficients of a fit. Claims about them
are differences of logarithms between strategies on the same data sets, so means and covariances
over data sets say all that a judge needs, at any number of replications.
"""

import numpy as np
import pandas as pd
from study import rates

from mlmlearn import Results

# The three sums, and what the columns with their logarithms are called.
LOGS = {"coef_abs_error": "log_error", "se_sum": "log_se", "t_sum": "log_t"}


def with_summaries(results: Results) -> pd.DataFrame:
    """Reduce one condition's fits to the measures of every term, with summaries beside them.

    Of a strategy, and so the same for each of its terms: the mean logarithms of the three sums
    (`log_error`, `log_se`, `log_t`); their covariances over data sets with those of each
    strategy (`log_error_with_mlm_full` and so on); the share of a data set's tests at 5 % in
    which it decides as another does (`agree_with_mlm_full`), and the variance of that share over
    data sets; the share of a data set's slopes whose 95 % interval holds the truth
    (`slopes_covered`), with its MCSE, in all fits and in those that are singular or not.
    Of a term: `mean_df`, the mean of the degrees of freedom.
    """
    by_strategy = _logs(results).join(_agreement(results)).join(_slopes_covered(results))
    df = results.fits.groupby(["strategy", "term"], sort=False)["df"].mean()
    table = rates(results).join(df.rename("mean_df"), on=["strategy", "term"])
    return table.join(by_strategy, on="strategy")


def _logs(results):
    """Mean logarithm of each sum, and its covariances with every strategy's, a row a strategy."""
    sums = results.recovery()
    columns = []
    for name, short in LOGS.items():
        log = np.log(sums.pivot_table(name, index="replication", columns="strategy"))
        columns += [log.mean().rename(short), log.cov().add_prefix(f"{short}_with_")]
    return pd.concat(columns, axis=1)


def _agreement(results):
    """Share of a data set's tests that two strategies decide alike: its mean and variance."""
    significant = results.fits.assign(significant=results.fits["p"] < 0.05).pivot_table(
        "significant", index=["replication", "term"], columns="strategy", aggfunc="first"
    )
    columns = {}
    for other in significant:
        alike = significant.eq(significant[other], axis=0).groupby("replication").mean()
        columns[f"agree_with_{other}"] = alike.mean()
        columns[f"agree_with_{other}_var"] = alike.var()
    return pd.DataFrame(columns)


def _slopes_covered(results):
    """Coverage of the slopes, with the data set as the unit that is counted."""
    slopes = results.fits[results.fits["term"] != "Intercept"]
    inside = slopes["truth"].between(slopes["ci_low"], slopes["ci_high"])
    covered = inside.groupby([slopes["strategy"], slopes["replication"]]).mean()
    singular = results.diagnostics.set_index(["strategy", "replication"])["singular"]
    singular = singular.reindex(covered.index).fillna(False).astype(bool)
    columns = {}
    for end, chosen in {"": slice(None), "_singular": singular, "_regular": ~singular}.items():
        found = covered[chosen].groupby("strategy")
        columns[f"slopes_covered{end}"] = found.mean()
        columns[f"slopes_covered{end}_mcse"] = found.sem()
    return pd.DataFrame(columns)
