import numpy as np

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class PredictorSpread(Ingredient):
    """A predictor whose spread differs between groups, with a mean square of 1.

    Logarithms of the groups' SDs are normal with a standard deviation of `log_sd`, and may go with
    the groups' slopes (`correlation`).
    """

    order = 3
    log_sd: float = number("[0, 3]")
    correlation: float = number("[-1, 1]", default=0.0)
    predictor: str = "IV1"

    def predictors(self, draw: Draw, rng: Generator) -> None:
        z = draw.going_with(self.predictor, self.correlation, rng)
        draw.column(self.predictor)[:] *= np.exp(self.log_sd * z - self.log_sd**2)[:, None]
