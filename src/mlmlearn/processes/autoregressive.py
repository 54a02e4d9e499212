import numpy as np

from mlmlearn.ingredient import Draw, FloatArray, Generator, Ingredient, number


class AutoregressiveNoise(Ingredient):
    """Noise correlated in time: AR(1), `correlation` between one observation and the next."""

    order = 1
    correlation: float = number("(-1, 1)")

    def noise(self, draw: Draw, rng: Generator) -> None:
        _in_time(draw.noise, self.correlation)


class AutoregressivePredictor(Ingredient):
    """A predictor correlated in time: AR(1), `correlation` between one observation and the next."""

    correlation: float = number("(-1, 1)")
    predictor: str = "IV1"

    def predictors(self, draw: Draw, rng: Generator) -> None:
        _in_time(draw.column(self.predictor), self.correlation)


def _in_time(values: FloatArray, correlation: float) -> None:
    """Turn independent values, shape (J, n), into stationary series with the same SD."""
    fresh = np.sqrt(1 - correlation**2)
    for i in range(1, values.shape[1]):
        values[:, i] = correlation * values[:, i - 1] + fresh * values[:, i]
