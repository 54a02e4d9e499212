"""Some data sets with the same columns, summed up: what every strategy is given.

One data set is a batch of one. What is wrong with one of them is a sentence of its own, and never
an exception for its neighbours.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.clustered import ClusteredData, in_order, listed
from mlmlearn.triangles import (
    CONSTANT,
    REPEATED,
    FloatArray,
    Standardised,
    binary_unit,
    folded,
    independent,
    standardised,
    triangles,
    triangles_of_groups,
)  # fmt: skip

__all__ = ["Batch", "Texts", "no_texts"]

Texts = NDArray[np.object_]

# Share of the outcome's spread below which nothing of it is left but rounding, and of its size.
DETERMINED, ROUNDING = 1e-10, 1e-13


def no_texts(b: int) -> Texts:
    """Return b empty sentences."""
    return np.full(b, "", dtype=object)


@dataclass(frozen=True)
class Batch:
    """Some data sets with the same columns.

    Attributes
    ----------
    terms : tuple of str
        Names of the k columns, the intercept first.
    random, within : ndarray of bool, shape (k,)
        Columns that have random effects where a strategy gives them to all that may, and columns
        that vary within groups, each on its own; the same unless a formula says otherwise.
    R : ndarray, shape (b, k + 1, k + 1, g)
        Triangles of the groups' rows of [X y], columns before rows; zeros for groups that a data
        set does not have.
    sizes : ndarray of int, shape (b, g)
        Rows of each group.
    labels : Index
        The user's labels of the g groups.
    rows : callable
        Gives data set i with its rows.
    seeds : sequence
        A seed for each data set, for strategies that draw at random.
    outcome : str
        What the outcome is called.
    """

    terms: tuple[str, ...]
    random: NDArray[np.bool_]
    within: NDArray[np.bool_]
    R: FloatArray
    sizes: NDArray[np.intp]
    labels: pd.Index
    rows: Callable[[int], ClusteredData]
    seeds: Sequence[Any]
    outcome: str

    @classmethod
    def of_one(cls, data: ClusteredData) -> "Batch":
        """Sum up one data set."""
        return cls(
            data.terms,
            data.random,
            data.within,
            triangles_of_groups(data.predictors, data.y, data.sizes)[None],
            data.sizes[None],
            data.labels,
            lambda _: data,
            (0,),
            data.outcome,
        )

    @classmethod
    def of_arrays(
        cls,
        terms: tuple[str, ...],
        n_within: int,
        X: FloatArray,
        y: FloatArray,
        present: NDArray[np.bool_],
        seeds: Sequence[Any],
    ) -> "Batch":
        """Sum up simulated data sets.

        Parameters
        ----------
        n_within : int
            Columns that vary within groups, the first ones.
        X, y, present : ndarray, shapes (b, g, n, k), (b, g, n), (b, g, n)
            Designs, outcomes, and which rows there are; the others are zeros.
        """
        labels = pd.RangeIndex(1, X.shape[1] + 1, name="Group")
        within = np.arange(len(terms)) < n_within

        def rows(i: int) -> ClusteredData:
            own_sizes = present[i].sum(axis=1)
            there = own_sizes > 0
            codes = np.nonzero(present[i])[0]
            return ClusteredData(
                *in_order([codes, y[i][present[i]], *X[i][present[i]].T[1:]]),
                own_sizes[there],
                terms=terms,
                random=within,
                within=within,
                labels=labels[there],
                outcome="DV",
            )

        R, sizes = triangles(X, y), present.sum(axis=2)
        return cls(terms, within, within, R, sizes, labels, rows, seeds, "DV")

    def first(self, columns: NDArray[np.bool_]) -> "tuple[Batch, NDArray[np.intp]]":
        """Put some columns before the others.

        Returns
        -------
        Batch
            Itself where they stand first already.
        ndarray of int, shape (k,)
            Where each of this batch's columns is in the other.
        """
        order = np.argsort(~columns, kind="stable")
        if (order[1:] > order[:-1]).all():
            return self, order
        by_group = self.R[:, [*order, self.n_fixed]].transpose(0, 3, 2, 1)
        R: Any = np.linalg.qr(by_group, mode="r")
        moved = replace(
            self,
            terms=tuple(self.terms[i] for i in order),
            random=self.random[order],
            within=self.within[order],
            R=np.ascontiguousarray(R.transpose(0, 3, 2, 1)),
        )
        return moved, np.argsort(order)

    def __len__(self) -> int:
        return len(self.R)

    @property
    def n_fixed(self) -> int:
        """Columns, k."""
        return len(self.terms)

    @property
    def n_rows(self) -> NDArray[np.intp]:
        """Rows of each data set, shape (b,)."""
        return np.asarray(self.sizes.sum(axis=1))

    @property
    def n_groups(self) -> NDArray[np.intp]:
        """Groups of each data set, shape (b,)."""
        return np.asarray((self.sizes > 0).sum(axis=1))

    @cached_property
    def _whole(self) -> tuple[FloatArray, FloatArray]:
        """Triangles of all rows of a data set, shape (b, k + 1, k + 1), and the columns' units."""
        b, q, _, g = self.R.shape
        largest = np.maximum(self.R.max(axis=(2, 3)), -self.R.min(axis=(2, 3)))
        unit = binary_unit(largest)  # or squares would overflow
        return folded(self.R.reshape(b, q, q * g), unit), unit

    @cached_property
    def standardised(self) -> Standardised:
        """The triangles in standardised columns, for data sets that have no problem."""
        whole, unit = self._whole
        return standardised(self.R, whole * unit[:, None], self.sizes)

    @cached_property
    def _common(self) -> dict[int, tuple[FloatArray, FloatArray]]:
        return {}

    def common(self, m: int) -> tuple[FloatArray, FloatArray]:
        """Return `Standardised.common` of the first m columns, which is computed once."""
        if m not in self._common:
            self._common[m] = self.standardised.common(m)
        return self._common[m]

    def take(self, which: NDArray[np.bool_]) -> "Batch":
        """Keep some of the data sets."""
        places = np.flatnonzero(which)
        if len(places) == len(self):
            return self
        return replace(
            self,
            R=self.R[places],
            sizes=self.sizes[places],
            rows=lambda i: self.rows(int(places[i])),
            seeds=[self.seeds[int(i)] for i in places],
        )

    @cached_property
    def problems(self) -> Texts:
        """Say, for each data set, why no strategy can analyse it; nothing where one may.

        The predictors must vary, each on its own, and leave some of the outcome unexplained.
        """
        k, found = self.n_fixed, no_texts(len(self))
        with np.errstate(all="ignore"):
            triangle, unit = self._whole
            own_spread = ((self.R[:, k, 1:] / unit[:, k, None, None]) ** 2).sum(axis=(1, 2))
        squares = triangle**2
        own, whole = np.diagonal(squares, axis1=1, axis2=2), squares.sum(axis=1)
        spread = squares[:, 1:].sum(axis=1)  # about the mean, which is the first row
        constant = spread[:, 1:k] <= CONSTANT**2 * whole[:, 1:k]
        repeated = own[:, 1:k] <= REPEATED**2 * spread[:, 1:k]
        level: Any = spread[:, k] <= CONSTANT**2 * whole[:, k]
        little = spread[:, k] > ROUNDING**2 * whole[:, k]
        of_groups: Any = (own_spread <= CONSTANT**2 * whole[:, k]) & (self.sizes > 1).any(axis=1)
        determined = own[:, k] <= DETERMINED**2 * spread[:, k]
        finite: Any = np.isfinite(triangle).all(axis=(1, 2))
        doubtful = ~finite | (self.n_groups < 2) | level | of_groups | determined
        for i in np.flatnonzero(doubtful | constant.any(axis=1) | repeated.any(axis=1)):
            flags = (one[i] for one in (finite, level, little, of_groups, constant, repeated))
            found[i] = self._problem(int(i), *flags)
        return found

    def _problem(
        self, i: int, finite: Any, level: Any, little: Any, of_groups: Any, constant: Any,
        repeated: Any,
    ) -> str:  # fmt: skip
        """Say what is wrong with data set i: the first of all that is."""
        if not finite:
            return "a number is missing or infinite; drop or repair its row first"
        if self.n_groups[i] < 2:
            return "there is only one group; clustered data need at least two"
        if level and little:
            return (
                f"the outcome {self.outcome!r} varies so little beside its size, about "
                f"{self._mean(i, -1):g}, that its digits would be lost; subtract its mean first"
            )
        if level:
            return (
                f"the outcome {self.outcome!r} is constant (always {self._mean(i, -1):g}), so "
                "there is nothing to explain"
            )
        if of_groups:
            return (
                f"the outcome {self.outcome!r} never varies within a group, so that its rows are "
                "no repeated measures; keep one row a group, and analyse these by an ordinary "
                "regression"
            )
        for j, term in enumerate(self.terms[1:]):
            if constant[j]:
                return (
                    f"the predictor {term!r} is constant (always {self._mean(i, j + 1):g}), so "
                    "its effect cannot be told from the intercept; leave it out"
                )
            if repeated[j]:
                return (
                    f"the predictor {term!r} is a linear combination of "
                    f"{listed(self.terms[1 : j + 1])}, so their effects cannot be told apart; "
                    "leave one out"
                )
        return (
            f"the predictors determine the outcome {self.outcome!r} exactly, so there is no error "
            "to estimate; is one of them computed from it?"
        )

    def _mean(self, i: int, column: int) -> float:
        """Mean of a column, from what its triangles have in common with the intercept's."""
        sums = (self.R[i, 0, 0] * self.R[i, column, 0]).sum()
        return float(sums / self.n_rows[i])

    def short_groups(self, needed: int) -> list[list[Hashable]]:
        """List each data set's groups with fewer rows than needed."""
        return self._listed((self.sizes > 0) & (self.sizes < needed))

    def dependent_groups(self, m: int) -> list[list[Hashable]]:
        """List each data set's groups in which one of the first m columns does not vary alone."""
        lacking = (self.sizes > 0) & ~independent(self.R[:, :m, :m]).all(axis=1)
        return self._listed(lacking)

    def _listed(self, which: NDArray[np.bool_]) -> list[list[Hashable]]:
        found: list[list[Hashable]] = [[] for _ in which]
        for i in np.flatnonzero(which.any(axis=1)):
            found[i] = list(self.labels[which[i]])
        return found
