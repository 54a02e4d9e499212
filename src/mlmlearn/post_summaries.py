"""The three summaries of the 2019 post: one number a data set and strategy.

Each adds up over the coefficients of one fit, the intercept included. They are easy to
picture and to compare between strategies, but they mix coefficients; `measures` holds
the standard performance measures of simulation studies.
"""

from collections.abc import Sequence

import pandas as pd

from mlmlearn.checks import table_of_fits
from mlmlearn.errors import InputError

__all__ = ["recovery"]


def recovery(fits: pd.DataFrame, by: str | Sequence[str] = ("strategy",)) -> pd.DataFrame:
    """Compute the three summaries for every fit of a table.

    Parameters
    ----------
    fits : DataFrame
        One row a coefficient, with columns truth, estimate, se and t, as `compare` gives
        for simulated data.
    by : str or sequence of str, default ("strategy",)
        The columns that tell one fit from another.

    Returns
    -------
    DataFrame
        One row a fit: the columns of `by`; coef_abs_error, the sum of abs(estimate - truth);
        se_sum, the sum of the standard errors; t_sum, the sum of abs(t); and succeeded
        (False, with missing summaries, where the fit gave no estimates).

    Raises
    ------
    InputError
        When a column is missing, or `by` does not tell the fits apart.
    """
    by = [by] if isinstance(by, str) else list(by)
    hint = "; compare gives truth only for simulated data"
    table_of_fits(fits, {*by, "truth", "estimate", "se", "t"}, hint)
    if "term" in fits and fits.duplicated([*by, "term"]).any():
        raise InputError(
            f"the columns {', '.join(by)} do not tell the fits apart; "
            "add the ones that do, such as replication, to by"
        )
    parts = pd.DataFrame(
        {
            "coef_abs_error": (fits["estimate"] - fits["truth"]).abs(),
            "se_sum": fits["se"],
            "t_sum": fits["t"].abs(),
        }
    )
    # A sum that left a missing coefficient out would look like a small one.
    by_fit = parts.groupby([fits[name] for name in by], sort=False, observed=True)
    sums = by_fit.sum().where(by_fit.count().eq(by_fit.size(), axis=0))
    return sums.assign(succeeded=sums["coef_abs_error"].notna()).reset_index()
