import numpy as np

from mlmlearn.ingredient import Draw, Generator, Ingredient


class TimePredictor(Ingredient):
    """A predictor that counts the observations of each group, from 0 on."""

    order = 2
    predictor: str = "IV1"

    def predictors(self, draw: Draw, rng: Generator) -> None:
        draw.column(self.predictor)[:] = np.arange(draw.X.shape[1])
