"""Turn a data frame into arrays, and say what is wrong with it when it cannot be.

Whatever a single column can be asked is asked here. What the columns say together is asked of the
triangles, for one data set as for thousands (`Batch.problems`).
"""

import warnings
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.errors import InputError
from mlmlearn.triangles import independent, triangles_of_groups

__all__ = ["ClusteredData", "listed", "read_clustered"]


@dataclass(frozen=True, slots=True)
class ClusteredData:
    """Clustered data as arrays.

    Attributes
    ----------
    y : ndarray, shape (n,)
        Outcome.
    X : ndarray, shape (n, k)
        Intercept and predictors, the first column ones, those that may have random effects
        before the others.
    codes : ndarray of int, shape (n,)
        Group of each row, 0 … n_groups - 1, in ascending order.
    terms : tuple of str
        Names of the k coefficients, "Intercept" first.
    random : ndarray of bool, shape (k,)
        Which columns may have random effects: those that vary within groups, each on its own.
    labels : Index
        The user's label of each group, in the order of the codes.
    shown : tuple of str
        The terms in the user's order.
    """

    y: NDArray[np.float64]
    X: NDArray[np.float64]
    codes: NDArray[np.intp]
    terms: tuple[str, ...]
    random: NDArray[np.bool_]
    labels: pd.Index
    shown: tuple[str, ...]

    @classmethod
    def sorted(
        cls,
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        codes: NDArray[np.intp],
        terms: tuple[str, ...],
        random: NDArray[np.bool_],
        labels: pd.Index,
    ) -> "ClusteredData":
        """Put rows into an order that their values alone decide, and random columns first."""
        order = np.lexsort((y, *X.T[:0:-1], codes))
        columns = np.argsort(~random, kind="stable")
        names = tuple(terms[i] for i in columns)
        return cls(
            y[order],
            np.ascontiguousarray(X[order][:, columns]),
            codes[order],
            names,
            random[columns],
            labels,
            terms,
        )

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.labels)


def listed(items: Iterable[Hashable], most: int = 8) -> str:
    """Join names for a message, cutting a long list."""
    names = [repr(item) if isinstance(item, str) else str(item) for item in items]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _column(df: pd.DataFrame, name: Hashable, role: str) -> pd.Series:
    """Pick one column of a data frame by name."""
    if not isinstance(name, Hashable) or name not in df.columns:
        raise InputError(
            f"there is no column {name!r} for the {role}; the columns are {listed(df.columns, 20)}"
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
    X = np.column_stack([np.ones(len(y)), X])
    terms = ("Intercept", *map(str, predictors))
    names = pd.Index(labels, name=group)
    return ClusteredData.sorted(y, X, codes, terms, _random(X, codes), names)


def _random(X: NDArray[np.float64], codes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which columns vary within groups, and are not in every group made of those before.

    Age of a person does not, nor does its product with a dose that varies: in every group it is a
    multiple of the dose. A column that varies in some groups alone does.
    """
    order = np.argsort(codes, kind="stable")
    X, sizes = X[order], np.bincount(codes)
    columns = list(range(X.shape[1]))
    random = np.ones(X.shape[1], dtype=bool)
    while True:  # one that does not count must not stand before one that may
        R = triangles_of_groups(X[:, columns], np.zeros(len(X)), sizes)[..., :-1, :-1]
        dependent = ~independent(R).any(axis=0)
        if not dependent.any():
            return random
        first = columns.pop(int(np.argmax(dependent)))
        random[first] = False
