import numpy as np
from scipy.special import ndtri

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class BinaryPredictor(Ingredient):
    """A predictor that is `high` with a chance of `share`, and `low` otherwise."""

    order = 1
    share: float = number("(0, 1)", default=0.5)
    low: float = number("(-inf, inf)", default=0.0)
    high: float = number("(-inf, inf)", default=1.0)
    predictor: str = "IV1"

    def predictors(self, draw: Draw, rng: Generator) -> None:
        x = draw.column(self.predictor)
        x[:] = np.where(x > ndtri(1 - self.share), self.high, self.low)
