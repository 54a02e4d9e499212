"""Clustered data as checked arrays."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["ClusteredData", "listed"]


@dataclass(frozen=True, slots=True)
class ClusteredData:
    """Clustered data as arrays.

    Attributes
    ----------
    y : ndarray, shape (n,)
        Outcome.
    X : ndarray, shape (n, k)
        Columns of the model, the first of them ones.
    codes : ndarray of int, shape (n,)
        Group of each row, 0 … n_groups - 1, in ascending order.
    terms : tuple of str
        Names of the k coefficients, "Intercept" first.
    random, within : ndarray of bool, shape (k,)
        Which columns have random effects where a strategy gives them to all that may, and which
        vary within groups, each on its own.
    labels : Index
        The user's label of each group, in the order of the codes.
    outcome : str
        What the outcome is called.
    dropped : tuple of int
        Rows, and groups, that were left out since something was missing.
    """

    y: NDArray[np.float64]
    X: NDArray[np.float64]
    codes: NDArray[np.intp]
    terms: tuple[str, ...]
    random: NDArray[np.bool_]
    within: NDArray[np.bool_]
    labels: pd.Index
    outcome: str
    dropped: tuple[int, int] = (0, 0)

    @classmethod
    def sorted(
        cls,
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        codes: NDArray[np.intp],
        **details: Any,
    ) -> "ClusteredData":
        """Put rows into an order that their values alone decide."""
        order = np.lexsort((y, *X.T[:0:-1], codes))
        return cls(y[order], X[order], codes[order], **details)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.labels)


def listed(items: Iterable[Hashable], most: int = 8) -> str:
    """Join names for a message, cutting a long list."""
    names = [repr(item) if isinstance(item, str) else str(item) for item in items]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
