from typing import Any

import numpy as np

from mlmlearn.checks import number_in
from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, FloatArray, Generator, Ingredient


class CorrelatedCoefficients(Ingredient):
    """Group coefficients that go together: `correlation` of every two of them, or a matrix."""

    correlation: Any

    def __post_init__(self) -> None:
        given, said = self.correlation, f"{type(self).__name__}: correlation"
        if isinstance(given, (tuple, list, np.ndarray)):
            rows = [np.atleast_1d(np.array(row, dtype=object)) for row in given]
            value: Any = tuple(tuple(number_in(said, r, "[-1, 1]") for r in row) for row in rows)
        else:
            value = number_in(said, given, "[-1, 1]")
        object.__setattr__(self, "correlation", value)

    def check(self, condition: Any) -> None:
        self._root(condition.n_predictors + 1)

    def _root(self, k: int) -> FloatArray:
        """Symmetric root of the correlation matrix, which singular matrices have, too."""
        R: Any = self.correlation
        if not isinstance(R, tuple):
            R = np.where(np.eye(k) == 1, 1, R)
        right = [len(row) for row in R] == [k] * k and (np.diagonal(R) == 1).all()
        values, vectors = np.linalg.eigh(R) if right else (np.array([-1.0]), np.eye(k))
        if values[0] < -1e-9 or (np.transpose(R) != R).any():
            raise InputError(
                f"{self}: no {k} coefficients, the intercept first, can be correlated like this; "
                "a correlation matrix is symmetric, has ones on its diagonal and is not negative"
            )
        return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)

    def coefficients(self, draw: Draw, rng: Generator) -> None:
        draw.deviations = draw.deviations @ self._root(draw.deviations.shape[1])
