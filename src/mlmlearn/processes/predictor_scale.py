from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class PredictorScale(Ingredient):
    """A predictor in other units: what it would be, times `unit`, before a mean is added.

    A standard normal predictor then has a standard deviation of `unit` within groups, and time goes
    in steps of `unit`.
    """

    order = 3
    unit: float = number("(0, inf)")
    predictor: str = "IV1"

    def predictors(self, draw: Draw, rng: Generator) -> None:
        draw.column(self.predictor)[:] *= self.unit
