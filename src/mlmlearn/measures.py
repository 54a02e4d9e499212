"""Performance measures of simulation studies, each with its Monte Carlo standard error.

Formulas follow Morris, White & Crowther (2019), Statistics in Medicine 38, 2074-2102, and
agree with the R package rsimsum. All of them work on the errors, estimate minus truth, so
that the truth may differ from one data set to the next.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlmlearn.checks import table_of_fits
from mlmlearn.errors import InputError

__all__ = ["MEASURES", "paired_difference", "performance"]

FloatArray = NDArray[np.float64]

# One study as an array, a row a replication.
ERROR, SE, BELOW, ABOVE, REJECTED, NULL = range(6)

# What each replication adds to the sums that all measures are functions of.
(
    ERRORS, DEVIATIONS, SQUARED_ERRORS, SQUARED_DEVIATIONS, VARIANCES,
    COVERED, COVERED_WITHOUT_BIAS, NULLS, REJECTED_NULLS, EFFECTS, REJECTED_EFFECTS,
) = range(11)  # fmt: skip


def _study(fits: pd.DataFrame, level: float) -> FloatArray:
    """Collect what the measures need, each fit tested with its own interval.

    A table has 95 % intervals; for another level they come from t with each fit's df.
    """
    if level == 0.95 and {"ci_low", "ci_high"} <= set(fits.columns):
        low, high = fits["ci_low"], fits["ci_high"]
    else:
        half_width = special.stdtrit(fits["df"], (1 + level) / 2) * fits["se"]
        low, high = fits["estimate"] - half_width, fits["estimate"] + half_width
    columns = (
        fits["estimate"] - fits["truth"],
        fits["se"],
        fits["estimate"] - low,
        high - fits["estimate"],
        (low > 0) | (high < 0),
        fits["truth"] == 0,
    )
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])


def _terms(study: FloatArray) -> FloatArray:
    """Return each replication's terms of the sums, shape (n, 11).

    The mean error is taken once, of all replications, so that the MCSE of the bias-eliminated
    coverage takes the bias as known, as that of a proportion does.
    """
    error, se, below, above, rejected, null = study.T
    deviation = error - (error.mean() if len(error) else np.nan)
    return np.column_stack(
        [
            error,
            deviation,
            error**2,
            deviation**2,
            se**2,
            (-above <= error) & (error <= below),
            (-above <= deviation) & (deviation <= below),
            null,
            rejected * null,
            1 - null,
            rejected * (1 - null),
        ]
    )


# A measure is a function of the sums of the terms, shape (..., 11), and the number of
# replications n, so that leaving out each in turn takes no more than a subtraction.
Measure = Callable[[FloatArray, int], FloatArray]


def _mean(term: int) -> Measure:
    return lambda sums, n: sums[..., term] / n


def _root_mean(term: int) -> Measure:
    return lambda sums, n: np.sqrt(sums[..., term] / n)


def _share(term: int, among: int) -> Measure:
    return lambda sums, _: sums[..., term] / sums[..., among]


def _emp_se(sums: FloatArray, n: int) -> FloatArray:
    if n < 2:
        return np.full(sums.shape[:-1], np.nan)
    squares = sums[..., SQUARED_DEVIATIONS] - sums[..., DEVIATIONS] ** 2 / n
    return np.sqrt(np.maximum(squares, 0) / (n - 1))


def _model_se_rel_error(sums: FloatArray, n: int) -> FloatArray:
    return 100 * (_root_mean(VARIANCES)(sums, n) / _emp_se(sums, n) - 1)


def _sd(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def _mean_mcse(term: int) -> Callable[[FloatArray], float]:
    return lambda terms: float(_sd(terms[:, term]) / np.sqrt(len(terms)))


def _emp_se_mcse(terms: FloatArray) -> float:
    return float(_sd(terms[:, ERRORS]) / np.sqrt(2 * (len(terms) - 1)))


def _model_se_mcse(terms: FloatArray) -> float:
    model = np.sqrt(terms[:, VARIANCES].mean())
    return float(_sd(terms[:, VARIANCES]) / np.sqrt(4 * len(terms)) / model)


def _model_se_rel_error_mcse(terms: FloatArray) -> float:
    n, model, empirical = len(terms), np.sqrt(terms[:, VARIANCES].mean()), _sd(terms[:, ERRORS])
    if n < 2:
        return np.nan
    from_model = _sd(terms[:, VARIANCES]) ** 2 / (4 * n * model**4)
    return float(100 * model / empirical * np.sqrt(from_model + 1 / (2 * (n - 1))))


def _proportion_mcse(term: int, among: int | None = None) -> Callable[[FloatArray], float]:
    def mcse(terms: FloatArray) -> float:
        n = len(terms) if among is None else terms[:, among].sum()
        p = terms[:, term].sum() / n
        return float(np.sqrt(p * (1 - p) / n))

    return mcse


def _jackknife(left_out: FloatArray) -> float:
    """Turn a measure with each of n replications left out, shape (n,), into its MCSE."""
    n = len(left_out)
    if n < 2:
        return np.nan
    return float(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))


def _left_out(measure: Measure, terms: FloatArray) -> FloatArray:
    """Compute a measure without each replication in turn, shape (n,)."""
    return measure(terms.sum(axis=0) - terms, len(terms) - 1)


_rmse = _root_mean(SQUARED_ERRORS)

MEASURES: dict[str, tuple[Measure, Callable[[FloatArray], float]]] = {
    "bias": (_mean(ERRORS), _mean_mcse(ERRORS)),
    "emp_se": (_emp_se, _emp_se_mcse),
    "mse": (_mean(SQUARED_ERRORS), _mean_mcse(SQUARED_ERRORS)),
    "rmse": (_rmse, lambda terms: _jackknife(_left_out(_rmse, terms))),
    "model_se": (_root_mean(VARIANCES), _model_se_mcse),
    "model_se_rel_error": (_model_se_rel_error, _model_se_rel_error_mcse),
    "coverage": (_mean(COVERED), _proportion_mcse(COVERED)),
    "be_coverage": (_mean(COVERED_WITHOUT_BIAS), _proportion_mcse(COVERED_WITHOUT_BIAS)),
    "power": (_share(REJECTED_EFFECTS, EFFECTS), _proportion_mcse(REJECTED_EFFECTS, EFFECTS)),
    "type_1_error": (_share(REJECTED_NULLS, NULLS), _proportion_mcse(REJECTED_NULLS, NULLS)),
}
"""Each measure's function and that of its Monte Carlo standard error."""

# Measures of spread, whose MCSEs rest on fourth moments of the errors.
SPREAD = ("emp_se", "mse", "rmse", "model_se", "model_se_rel_error")

# Share of the fits that carry the spread, below which those moments cannot be estimated: a third
# for normal errors, a sixth and more for 50 of them; without a variance it goes to zero.
CARRYING = 0.125


def _estimable(measure: str, terms: FloatArray) -> bool:
    """Tell whether a measure's MCSE can be estimated, from the share 1 / (kurtosis) of the fits."""
    squares = terms[:, SQUARED_DEVIATIONS]
    share = squares.mean() ** 2 / (squares**2).mean()
    return measure not in SPREAD or not share < CARRYING


def _columns(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _check(fits: pd.DataFrame, by: list[str], level: float, *others: str) -> None:
    """Check the arguments."""
    if not by:
        raise InputError("by is empty; name at least one column to group by")
    table_of_fits(fits, {*by, *others, "truth", "estimate", "se", "df"})
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, such as 0.95, not {level!r}")


def _usable(fits: pd.DataFrame, level: float) -> "pd.Series[bool]":
    """Tell which rows have all that is needed."""
    needed = "ci_low" if level == 0.95 and "ci_low" in fits else "df"
    return fits[["truth", "estimate", "se", needed]].notna().all(axis=1)


def performance(
    fits: pd.DataFrame, by: str | Sequence[str] = ("strategy", "term"), *, level: float = 0.95
) -> pd.DataFrame:
    """Compute every performance measure, each beside its Monte Carlo standard error.

    Parameters
    ----------
    fits : DataFrame
        One row a fitted coefficient, with columns truth, estimate, se, df and, where they are
        known, ci_low and ci_high. Where one is missing the fit has failed and is only counted.
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
        (where the truth is not zero) and type_1_error (where it is), each followed by its MCSE in
        a column ending in _mcse. Rates lie between 0 and 1. Where a few fits make up the spread,
        as when two_stage has hardly more rows a group than coefficients and its estimates no
        variance, the MCSEs of emp_se, mse, rmse, model_se and model_se_rel_error are missing:
        they cannot be estimated, and these measures say little.

    Raises
    ------
    InputError
        When a column is missing or `level` is not between 0 and 1.

    Notes
    -----
    emp_se, mse, rmse, model_se and the MCSE of bias estimate something only where the errors
    (for model_se, the SEs) have a finite variance, and the MCSEs of the first four only where
    they have a finite fourth moment. A group that `two_stage` fits alone, with n observations
    and p slopes of normal predictors, has errors from a t distribution with n - p degrees of
    freedom, so there is no variance below n = p + 3 and no fourth moment below n = p + 5.
    What is returned then depends on the seed, however many the replications. Coverage, power
    and type I error are safe.
    """
    by = _columns(by)
    _check(fits, by, level)
    usable = _usable(fits, level).to_numpy()
    study = _study(fits if usable.all() else fits[usable], level)
    # By numbers, since pandas would sort a copy of the table, which may be large.
    number = fits.groupby(by, sort=False, observed=True, dropna=False).ngroup().to_numpy()
    _, first, sizes = np.unique(number, return_index=True, return_counts=True)
    ends = np.cumsum(np.bincount(number[usable], minlength=len(sizes)))
    groups = np.split(np.argsort(number[usable], kind="stable"), ends[:-1])
    rows: list[dict[str, Any]] = []
    # Not strict, since no rows at all are split into one group of none.
    for group, start, size in zip(groups, first, sizes, strict=False):
        row = {name: fits[name].iloc[start] for name in by}
        row |= {"n": len(group), "n_failed": int(size) - len(group)}
        terms = _terms(study[group])
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, (measure, mcse) in MEASURES.items():
                row[name] = float(measure(terms.sum(axis=0), len(terms))) if len(terms) else np.nan
                known = len(terms) and _estimable(name, terms)
                row[f"{name}_mcse"] = mcse(terms) if known else np.nan
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

    What the luck of a data set adds to both cancels, so that the difference is known far better
    than two separate measures would suggest.

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
    by = _columns(by)
    keys = [*by, *_columns(dataset)]
    if measure not in MEASURES:
        raise InputError(f"unknown measure {measure!r}; the known ones are {', '.join(MEASURES)}")
    _check(fits, by, level, "strategy", *keys)
    fits = fits.reset_index(drop=True)
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
        sides.append(pd.concat([side[keys], study.where(_usable(side, level))], axis=1))
    # A data set that only one strategy has is a failed pair, not a pair that never was.
    pairs = fits.loc[fits["strategy"].isin([first, second]), keys].drop_duplicates()
    for side in sides:
        pairs = pairs.merge(side, on=keys, how="left")
    compute = MEASURES[measure][0]

    rows = []
    for key, group in pairs.groupby(by, sort=False, observed=True, dropna=False):
        both = group.drop(columns=keys).dropna().to_numpy(dtype=float)
        row = dict(zip(by, key, strict=True))
        row |= {"n": len(both), "n_failed": len(group) - len(both), "measure": measure}
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [_terms(half) for half in np.split(both, 2, axis=1)]
            values = [compute(t.sum(axis=0), len(t)) for t in terms]
            left_out = [_left_out(compute, t) for t in terms]
            known = all(_estimable(measure, t) for t in terms if len(t))
            mcse = _jackknife(left_out[0] - left_out[1]) if known else np.nan
            row |= {"difference": float(values[0] - values[1]), "mcse": mcse}
        rows.append(row)
    return pd.DataFrame(rows)
