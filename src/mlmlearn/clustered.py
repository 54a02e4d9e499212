"""Turn a data frame into checked arrays, and say what is wrong with it when it cannot be.

Everything a strategy or an engine needs to rely on is checked here, once: engines receive
arrays in which no value is missing, no predictor repeats another, and rows stand in an
order that depends on the values alone.
"""

import warnings
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.errors import InputError, StrategyError

__all__ = ["ClusteredData", "check_counts", "check_strategy_fits", "read_clustered"]

# Relative size below which a column's variation is taken for rounding error.
RANK_TOLERANCE = 1e-10

NO_NOISE = (
    "the outcome follows its groups' regressions without any noise, or with less than rounding, "
    "so that there is no most likely size of the random effects; check how the outcome was made"
)

# Residual beside the outcome, both as SDs, below which there is no noise but rounding.
NOISELESS = 1e-8


@dataclass(frozen=True, slots=True)
class ClusteredData:
    """Clustered data as arrays.

    Attributes
    ----------
    y : ndarray, shape (n,)
        Outcome.
    X : ndarray, shape (n, k)
        Intercept and predictors, the first column ones.
    codes : ndarray of int, shape (n,)
        Group of each row, 0 … n_groups - 1, in ascending order.
    terms : tuple of str
        Names of the k coefficients, "Intercept" first.
    labels : Index
        The user's label of each group, in the order of the codes.
    """

    y: NDArray[np.float64]
    X: NDArray[np.float64]
    codes: NDArray[np.intp]
    terms: tuple[str, ...]
    labels: pd.Index

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.labels)


def _listed(items: Iterable[Hashable], most: int = 8) -> str:
    """Join names for a message, cutting a long list."""
    names = [repr(item) if isinstance(item, str) else str(item) for item in items]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _column(df: pd.DataFrame, name: Hashable, role: str) -> pd.Series:
    """Pick one column of a data frame by name."""
    if not isinstance(name, Hashable) or name not in df.columns:
        raise InputError(
            f"there is no column {name!r} for the {role}; the columns are {_listed(df.columns, 20)}"
        )
    found = df[name]
    if isinstance(found, pd.DataFrame):
        raise InputError(f"{found.shape[1]} columns are called {name!r}; give each its own name")
    return found


def _numbers(df: pd.DataFrame, name: Hashable, role: str) -> NDArray[np.float64]:
    """Return one column as finite floats."""
    column = _column(df, name, role)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
        raise InputError(
            f"the {role} {name!r} must be numeric, but its type is {column.dtype}; "
            "convert it, for example with pandas.to_numeric, or code its categories as numbers"
        )
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    for kind, bad in (("missing", np.isnan(values)), ("infinite", np.isinf(values))):
        if bad.any():
            raise InputError(
                f"the {role} {name!r} has {bad.sum()} {kind} "
                f"value{'s' if bad.sum() > 1 else ''} in {len(values)} rows; "
                "drop or repair those rows first"
            )
    return values


def _is_constant(x: NDArray[np.float64]) -> bool:
    return bool(np.ptp(x) <= RANK_TOLERANCE * np.abs(x).max())


def _check_rank(X: NDArray[np.float64], predictors: Sequence[Hashable]) -> NDArray[np.float64]:
    """Refuse a predictor that the intercept and the earlier predictors determine.

    Returns an orthonormal basis of the centred predictors.
    """
    basis = np.empty((len(X), 0))
    for name, column in zip(predictors, X.T, strict=True):
        if _is_constant(column):
            raise InputError(
                f"the predictor {name!r} is constant (always {column[0]:g}), so its effect "
                "cannot be told from the intercept; leave it out"
            )
        centred = column / np.abs(column).max()
        centred = centred - centred.mean()
        rest = centred / np.linalg.norm(centred)
        for _ in range(2):  # a second projection removes what rounding left of the first
            rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) <= np.sqrt(RANK_TOLERANCE):
            raise InputError(
                f"the predictor {name!r} is a linear combination of "
                f"{_listed(predictors[: basis.shape[1]])}, so their effects cannot be told "
                "apart; leave one out"
            )
        basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return basis


def _is_explained(y: NDArray[np.float64], basis: NDArray[np.float64]) -> bool:
    """Tell whether the predictors leave nothing of the outcome but rounding errors."""
    y = y / np.abs(y).max()
    rest = y - y.mean()
    rest = rest - basis @ (basis.T @ rest)
    return bool(np.linalg.norm(rest) <= RANK_TOLERANCE * np.linalg.norm(y))


def read_clustered(
    df: pd.DataFrame, outcome: Hashable, predictors: Sequence[Hashable], group: Hashable
) -> ClusteredData:
    """Read outcome, predictors and groups from a data frame.

    Rows are put into an order that their values alone decide (by group, then predictors
    and outcome), so results do not depend on the order or the index of the data frame.

    Parameters
    ----------
    df : DataFrame
        One row an observation; other columns are ignored.
    outcome, group : hashable
        Column names.
    predictors : sequence of hashable
        Column names, at least one.

    Returns
    -------
    ClusteredData

    Raises
    ------
    InputError
        With one sentence that says what is wrong and what to do.
    """
    if not isinstance(df, pd.DataFrame):
        raise InputError(f"the data must be a pandas DataFrame, not {type(df).__name__}")
    if isinstance(predictors, str):
        predictors = [predictors]
    try:
        predictors = list(predictors)
    except TypeError:
        raise InputError(f"predictors must be a list of column names, not {predictors!r}") from None
    if not predictors:
        raise InputError("no predictor was named; give at least one column in predictors")
    for i, name in enumerate(predictors):
        if str(name) in map(str, predictors[:i]):  # terms are named by strings
            raise InputError(f"the predictor {name!r} is named twice; name it once")
        if name in (outcome, group):
            role = "outcome" if name == outcome else "group"
            raise InputError(f"{name!r} is named both as predictor and as {role}; choose one")
        if name == "Intercept":
            raise InputError(
                "a predictor may not be called 'Intercept', the name of the constant term; "
                "rename the column"
            )
    if outcome == group:
        raise InputError(f"{outcome!r} is named both as outcome and as group; choose one")

    labels_column = _column(df, group, "group")
    if df.empty:
        raise InputError("the data frame has no rows")
    y = _numbers(df, outcome, "outcome")
    X = np.column_stack([_numbers(df, name, "predictor") for name in predictors])
    missing = int(labels_column.isna().sum())
    if missing:
        raise InputError(
            f"the group {group!r} is missing in {missing} of {len(df)} rows; "
            "drop those rows or name their group"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # pandas warns when it cannot sort
            codes, labels = pd.factorize(labels_column, sort=True)
    except (TypeError, RuntimeWarning):
        raise InputError(
            f"the labels of the group {group!r} cannot be put in order; "
            "use numbers or strings, for example with astype(str)"
        ) from None
    if len(labels) < 2:
        raise InputError(
            f"the group {group!r} has only {len(labels)} distinct value; "
            "clustered data need at least two groups"
        )
    if _is_constant(y):
        raise InputError(
            f"the outcome {outcome!r} is constant (always {y[0]:g}), so there is nothing to explain"
        )
    if _is_explained(y, _check_rank(X, predictors)):
        raise InputError(
            f"the predictors determine the outcome {outcome!r} exactly, so there is no error "
            "to estimate; is one of them computed from it?"
        )
    order = np.lexsort((y, *X.T[::-1], codes))
    return ClusteredData(
        y=y[order],
        X=np.column_stack([np.ones(len(y)), X])[order],
        codes=codes[order],
        terms=("Intercept", *map(str, predictors)),
        labels=pd.Index(labels, name=group),
    )


def _n_random(strategy: str, k: int) -> int:
    """Count the random effects of a strategy with k coefficients."""
    return {"mlm_full": k, "mlm_intercept": 1}.get(strategy, 0)


def check_counts(strategy: str, sizes: NDArray[np.intp], k: int, labels: pd.Index) -> None:
    """Refuse data whose numbers of groups and rows are too small for a strategy.

    Parameters
    ----------
    strategy : str
        Id of a strategy.
    sizes : ndarray of int, shape (n_groups,)
        Rows of each group.
    k : int
        Coefficients, the intercept included.
    labels : Index
        The user's label of each group.

    Raises
    ------
    StrategyError
        With the groups or counts that stand in the way.
    """
    n_groups, n = len(sizes), int(sizes.sum())
    if n_groups == 1:
        raise StrategyError(
            f"{strategy} looks at how groups differ, but there is only one; give it several groups"
        )
    if strategy == "two_stage" and (sizes < k).any():
        short = labels[sizes < k]
        raise StrategyError(
            f"two_stage fits {k} coefficients in every group and needs at least {k} rows in "
            f"each, but {len(short)} of {n_groups} groups have fewer: {_listed(short)}; "
            "drop these groups or use another strategy"
        )
    if strategy == "cluster_robust" and n_groups <= k:
        raise StrategyError(
            f"cluster_robust tests {k} coefficients with groups minus coefficients = "
            f"{n_groups - k} degrees of freedom; it needs at least {k + 1} groups"
        )
    n_random = _n_random(strategy, k)
    if n_random and n <= n_groups * n_random:
        raise StrategyError(
            f"{strategy} has {n_random} random effect{'s' if n_random > 1 else ''} for each of "
            f"{n_groups} groups and needs more than {n_groups * n_random} rows, "
            f"but there are {n}; collect more rows per group or use simpler random effects"
        )


def check_strategy_fits(strategy: str, data: ClusteredData) -> None:
    """Refuse data that one strategy cannot analyse.

    Raises
    ------
    StrategyError
        With the groups or counts that stand in the way.
    """
    k = data.X.shape[1]
    check_counts(strategy, np.bincount(data.codes), k, data.labels)
    if strategy == "two_stage":
        starts = np.flatnonzero(np.diff(data.codes, prepend=-1))
        short = data.labels[
            [
                np.linalg.matrix_rank(_standardised(X), tol=np.sqrt(RANK_TOLERANCE)) < k
                for X in np.split(data.X, starts[1:])
            ]
        ]
        if len(short):
            raise StrategyError(
                "two_stage fits every group on its own, but a predictor does not vary, or "
                f"repeats another, within {len(short)} of {data.n_groups} groups: "
                f"{_listed(short)}; drop these groups or use another strategy"
            )
    n_random = _n_random(strategy, k)
    if n_random and _noise(data, n_random) <= NOISELESS * data.y.std():
        raise StrategyError(f"{strategy} could not be fitted: {NO_NOISE}")


def _noise(data: ClusteredData, n_random: int) -> float:
    """Residual SD once every group has coefficients of its own for its random effects."""
    starts = np.flatnonzero(np.diff(data.codes, prepend=-1))[1:]
    own = [np.linalg.qr(_standardised(X)[:, :n_random])[0] for X in np.split(data.X, starts)]
    rest = [
        both - Q @ (Q.T @ both)
        for Q, both in zip(own, np.split(np.column_stack([data.X, data.y]), starts), strict=True)
    ]
    within = np.concatenate(rest)
    X, y = within[:, n_random:-1], within[:, -1]
    if X.shape[1]:
        scale = np.abs(X).max(axis=0)
        X = X / np.where(scale > 0, scale, 1)
        y = y - X @ np.linalg.lstsq(X, y, rcond=RANK_TOLERANCE)[0]
    return float(np.sqrt(np.mean(y**2)))


def _standardised(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre and scale the predictors, so that a rank does not depend on their units."""
    centred = X[:, 1:] - X[:, 1:].mean(axis=0)
    scale = np.abs(X[:, 1:]).max(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    # A column constant up to rounding becomes zero instead of amplified noise.
    norms = np.where(norms <= RANK_TOLERANCE * scale * np.sqrt(len(X)), np.inf, norms)
    return np.column_stack([np.ones(len(X)) / np.sqrt(len(X)), centred / norms])
