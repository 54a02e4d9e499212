"""Clustered data as checked arrays."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["ClusteredData", "in_order", "listed"]


@dataclass(frozen=True, slots=True)
class ClusteredData:
    """Clustered data as arrays.

    Attributes
    ----------
    y : ndarray, shape (n,)
        Outcome, group by group.
    predictors : ndarray, shape (n, k - 1)
        Columns of the model but for the intercept's.
    sizes : ndarray of int, shape (n_groups,)
        Rows of each group.
    terms : tuple of str
        Names of the k coefficients, "Intercept" first.
    random, within : ndarray of bool, shape (k,)
        Which columns have random effects where a strategy gives them to all that may, and which
        vary within groups, each on its own.
    labels : Index
        The user's label of each group, in the order of the rows.
    outcome : str
        What the outcome is called.
    dropped : tuple of int
        Rows, and groups, that were left out since something was missing.
    """

    y: NDArray[np.float64]
    predictors: NDArray[np.float64]
    sizes: NDArray[np.intp]
    terms: tuple[str, ...]
    random: NDArray[np.bool_]
    within: NDArray[np.bool_]
    labels: pd.Index
    outcome: str
    dropped: tuple[int, int] = (0, 0)

    @property
    def design(self) -> NDArray[np.float64]:
        """Columns of the model, the first of them ones, shape (n, k)."""
        return np.column_stack([np.ones(len(self.y)), self.predictors])

    @property
    def codes(self) -> NDArray[np.intp]:
        """Group of each row, 0 … n_groups - 1, shape (n,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.labels)


def in_order(columns: list[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put rows into an order that their values alone decide, group by group.

    Parameters
    ----------
    columns : list of ndarray, shape (n,)
        Group of each row, outcome, and predictors. They are used up, so that large data need not be
        held twice.

    Returns
    -------
    ndarray, shape (n,)
        Outcome.
    ndarray, shape (n, k - 1)
        Predictors.
    """
    order = np.lexsort((columns[1], *columns[:1:-1], columns[0]))
    del columns[0]
    y = columns.pop(0)[order]
    predictors = np.empty((len(columns), len(y)))
    for i in range(len(columns)):
        np.take(columns[i], order, out=predictors[i], mode="clip")  # which needs no buffer
        columns[i] = None
    return y, predictors.T


def listed(items: Iterable[Hashable], most: int = 8) -> str:
    """Join names for a message, cutting a long list."""
    names = [repr(item) if isinstance(item, str) else str(item) for item in items]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
