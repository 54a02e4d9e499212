from typing import Any

import numpy as np

from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, FloatArray, Generator, Ingredient, number


class CorrelatedCoefficients(Ingredient):
    """Group coefficients that go together: `correlation` of every two of them, or a matrix."""

    correlation: Any = number("[-1, 1]", array=True)

    def check(self, condition: Any) -> None:
        self._root(condition.n_predictors + 1)

    def _root(self, k: int) -> FloatArray:
        """Symmetric root of the correlation matrix, which singular matrices have, too."""
        R: Any = self.correlation
        if not isinstance(R, tuple):
            R = np.where(np.eye(k) == 1, 1, R)
        right = [np.size(row) for row in R] == [k] * k and (np.diagonal(R) == 1).all()
        values, vectors = np.linalg.eigh(R) if right else (np.array([-1.0]), np.eye(k))
        if values[0] < -1e-9 or (np.transpose(R) != R).any():
            raise InputError(
                f"{self}: no {k} coefficients, the intercept first, can be correlated like this; "
                "a correlation matrix is symmetric, has ones on its diagonal and is not negative"
            )
        return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)

    def coefficients(self, draw: Draw, rng: Generator) -> None:
        draw.deviations = draw.deviations @ self._root(draw.deviations.shape[1])
