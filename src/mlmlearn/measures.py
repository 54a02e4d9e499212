"""Performance measures of simulation studies, each with its Monte Carlo standard error.

Formulas follow Morris, White & Crowther (2019), Statistics in Medicine 38, 2074-2102, and
agree with the R package rsimsum. All of them work on the errors, estimate minus truth, so
that the truth may differ from one data set to the next.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mlmlearn.errors import InputError

__all__ = ["MEASURES", "paired_difference", "performance"]

FloatArray = NDArray[np.float64]

# One study as an array, a row a replication. A measure is a function of these columns.
ERROR, SE, HALF_WIDTH, REJECTED, NULL = range(5)


def _study(fits: pd.DataFrame, level: float) -> FloatArray:
    """Collect what the measures need, each fit tested with its own degrees of freedom."""
    half_width = stats.t.ppf((1 + level) / 2, fits["df"]) * fits["se"]
    columns = (
        fits["estimate"] - fits["truth"],
        fits["se"],
        half_width,
        fits["estimate"].abs() > half_width,
        fits["truth"] == 0,
    )
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else np.nan


def _sd(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def _bias(study: FloatArray) -> float:
    return _mean(study[:, ERROR])


def _emp_se(study: FloatArray) -> float:
    return _sd(study[:, ERROR])


def _mse(study: FloatArray) -> float:
    return _mean(study[:, ERROR] ** 2)


def _rmse(study: FloatArray) -> float:
    return float(np.sqrt(_mse(study)))


def _model_se(study: FloatArray) -> float:
    return float(np.sqrt(_mean(study[:, SE] ** 2)))


def _model_se_rel_error(study: FloatArray) -> float:
    return 100 * float(np.divide(_model_se(study), _emp_se(study)) - 1)


def _coverage(study: FloatArray) -> float:
    return _mean(np.abs(study[:, ERROR]) <= study[:, HALF_WIDTH])


def _be_coverage(study: FloatArray) -> float:
    return _mean(np.abs(study[:, ERROR] - _bias(study)) <= study[:, HALF_WIDTH])


def _power(study: FloatArray) -> float:
    return _mean(study[study[:, NULL] == 0, REJECTED])


def _type_1_error(study: FloatArray) -> float:
    return _mean(study[study[:, NULL] == 1, REJECTED])


def _mean_mcse(study: FloatArray) -> float:
    return float(_emp_se(study) / np.sqrt(len(study)))


def _emp_se_mcse(study: FloatArray) -> float:
    n = len(study)
    return _emp_se(study) / np.sqrt(2 * (n - 1)) if n > 1 else np.nan


def _mse_mcse(study: FloatArray) -> float:
    return float(_sd(study[:, ERROR] ** 2) / np.sqrt(len(study)))


def _model_se_mcse(study: FloatArray) -> float:
    return float(_sd(study[:, SE] ** 2) / np.sqrt(4 * len(study)) / _model_se(study))


def _model_se_rel_error_mcse(study: FloatArray) -> float:
    n = len(study)
    if n < 2:
        return np.nan
    model, empirical = _model_se(study), _emp_se(study)
    from_model = _sd(study[:, SE] ** 2) ** 2 / (4 * n * model**4)
    return float(100 * model / empirical * np.sqrt(from_model + 1 / (2 * (n - 1))))


def _proportion_mcse(
    measure: Callable[[FloatArray], float], null: int | None = None
) -> Callable[[FloatArray], float]:
    def mcse(study: FloatArray) -> float:
        n = len(study) if null is None else np.count_nonzero(study[:, NULL] == null)
        p = measure(study)
        return float(np.sqrt(p * (1 - p) / n)) if n else np.nan

    return mcse


def _jackknife_mcse(measure: Callable[[FloatArray], float]) -> Callable[[FloatArray], float]:
    """Make an MCSE for a measure that has no formula: leave out each replication in turn."""

    def mcse(study: FloatArray) -> float:
        n = len(study)
        if n < 2:
            return np.nan
        without = np.array([measure(np.delete(study, i, axis=0)) for i in range(n)])
        return float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))

    return mcse


MEASURES: dict[str, tuple[Callable[[FloatArray], float], Callable[[FloatArray], float]]] = {
    "bias": (_bias, _mean_mcse),
    "emp_se": (_emp_se, _emp_se_mcse),
    "mse": (_mse, _mse_mcse),
    "rmse": (_rmse, _jackknife_mcse(_rmse)),
    "model_se": (_model_se, _model_se_mcse),
    "model_se_rel_error": (_model_se_rel_error, _model_se_rel_error_mcse),
    "coverage": (_coverage, _proportion_mcse(_coverage)),
    "be_coverage": (_be_coverage, _proportion_mcse(_be_coverage)),
    "power": (_power, _proportion_mcse(_power, null=0)),
    "type_1_error": (_type_1_error, _proportion_mcse(_type_1_error, null=1)),
}
"""Each measure's function and that of its Monte Carlo standard error."""


def _checked(
    fits: pd.DataFrame, by: str | Sequence[str], level: float
) -> tuple[pd.DataFrame, list[str], "pd.Series[bool]"]:
    """Check the arguments; return a table indexed 0, 1, 2 ..., `by`, and the usable rows."""
    by = [by] if isinstance(by, str) else list(by)
    if not by:
        raise InputError("by is empty; name at least one column to group by")
    missing = {*by, "truth", "estimate", "se", "df"} - set(fits.columns)
    if missing:
        raise InputError(f"the table of fits has no column {', '.join(sorted(missing))}")
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, such as 0.95, not {level!r}")
    fits = fits.reset_index(drop=True)
    return fits, by, fits[["truth", "estimate", "se", "df"]].notna().all(axis=1)


def performance(
    fits: pd.DataFrame, by: str | Sequence[str] = ("strategy", "term"), *, level: float = 0.95
) -> pd.DataFrame:
    """Compute every performance measure, each beside its Monte Carlo standard error.

    Parameters
    ----------
    fits : DataFrame
        One row a fitted coefficient, with columns truth, estimate, se and df. A row in
        which one of them is missing is a failed fit: counted, and left out of the measures.
    by : str or sequence of str, default ("strategy", "term")
        Columns to group by; the rows of a group are the replications of one study.
    level : float, default 0.95
        Confidence level; tests are two-sided at 1 - level.

    Returns
    -------
    DataFrame
        One row a group: the columns of `by`; n, the fits used, and n_failed; then bias,
        emp_se (standard deviation of the errors), mse, rmse, model_se (root mean square of
        the SEs), model_se_rel_error (in %), coverage, be_coverage (bias-eliminated), power
        (over rows whose truth is not zero), type_1_error (over rows whose truth is zero),
        each followed by its MCSE in a column ending in _mcse. Estimates and SEs are in
        units of the coefficient, rates lie between 0 and 1.

    Raises
    ------
    InputError
        When a column is missing or `level` is not between 0 and 1.
    """
    fits, by, usable = _checked(fits, by, level)
    rows = []
    for key, group in fits.groupby(by, sort=False, observed=True, dropna=False):
        good = group[usable[group.index]]
        row = dict(zip(by, key, strict=True))
        row |= {"n": len(good), "n_failed": len(group) - len(good)}
        study = _study(good, level)
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, (measure, mcse) in MEASURES.items():
                row[name] = measure(study)
                row[f"{name}_mcse"] = mcse(study) if len(study) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def paired_difference(
    fits: pd.DataFrame,
    measure: str,
    first: str,
    second: str,
    *,
    by: str | Sequence[str] = ("term",),
    dataset: str | Sequence[str] = ("replication",),
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare two strategies on the same data sets.

    Both strategies saw the same data, so what the luck of a data set adds to both cancels,
    and the difference is known far better than two separate measures would suggest.

    Parameters
    ----------
    fits : DataFrame
        As for `performance`, with a column strategy.
    measure : str
        A measure of `performance`, such as "rmse" or "coverage".
    first, second : str
        Strategies; the difference is first minus second.
    by : str or sequence of str, default ("term",)
        Columns to group by.
    dataset : str or sequence of str, default ("replication",)
        Columns that, within a group, say which data set a row comes from.
    level : float, default 0.95
        Confidence level of intervals and tests.

    Returns
    -------
    DataFrame
        One row a group: the columns of `by`; n, the pairs used, and n_failed, the pairs in
        which either fit failed; difference, and its MCSE by the jackknife over data sets
        (for a measure that is a mean, exactly SD of the paired differences over √n).

    Raises
    ------
    InputError
        When the measure or a strategy is unknown, a column is missing, or `by` and
        `dataset` together do not tell the data sets apart.
    """
    fits, by, usable = _checked(fits, by, level)
    dataset = [dataset] if isinstance(dataset, str) else list(dataset)
    if measure not in MEASURES:
        raise InputError(f"unknown measure {measure!r}; the known ones are {', '.join(MEASURES)}")
    missing = {"strategy", *dataset} - set(fits.columns)
    if missing:
        raise InputError(f"the table of fits has no column {', '.join(sorted(missing))}")
    keys = [*by, *dataset]
    sides = []
    for strategy in (first, second):
        side = fits[fits["strategy"] == strategy]
        if side.empty:
            present = ", ".join(map(str, fits["strategy"].unique()))
            raise InputError(f"no fits of strategy {strategy!r}; the table holds {present}")
        if side.duplicated(keys).any():
            raise InputError(
                f"the columns {', '.join(keys)} do not tell the data sets apart; "
                "add the ones that do to by or dataset"
            )
        study = pd.DataFrame(_study(side, level), index=side.index)
        sides.append(pd.concat([side[keys], study.where(usable[side.index])], axis=1))
    # A data set that only one strategy has is a failed pair, not a pair that never was.
    pairs = fits.loc[fits["strategy"].isin([first, second]), keys].drop_duplicates()
    for side in sides:
        pairs = pairs.merge(side, on=keys, how="left")
    compute = MEASURES["coverage" if measure == "be_coverage" else measure][0]

    def difference(both: FloatArray) -> float:
        width = both.shape[1] // 2
        return compute(both[:, :width]) - compute(both[:, width:])

    rows = []
    for key, group in pairs.groupby(by, sort=False, observed=True):
        both = group.drop(columns=keys).dropna().to_numpy(dtype=float)
        if measure == "be_coverage":
            # Centred once, as its own MCSE assumes: each centring anew would move errors
            # over the ends of intervals, and the jackknife is wrong where a measure jumps.
            for error in (both[:, ERROR], both[:, both.shape[1] // 2 + ERROR]):
                error -= _mean(error)
        row = dict(zip(by, key, strict=True))
        row |= {"n": len(both), "n_failed": len(group) - len(both), "measure": measure}
        with np.errstate(divide="ignore", invalid="ignore"):
            row |= {"difference": difference(both), "mcse": _jackknife_mcse(difference)(both)}
        rows.append(row)
    return pd.DataFrame(rows)
