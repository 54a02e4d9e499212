from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class PredictorMean(Ingredient):
    """A predictor whose groups' means lie around `mean` with a standard deviation of `sd`.

    They may go with the groups' random intercepts (`correlation`). The betas then are the effects
    within groups, and that between groups is another one. Within groups the SD stays 1.
    """

    order = 4
    mean: float = number("(-inf, inf)", default=0.0)
    sd: float = number("[0, inf)", default=0.0)
    correlation: float = number("[-1, 1]", default=0.0)
    predictor: str = "IV1"

    def predictors(self, draw: Draw, rng: Generator) -> None:
        own = self.sd * draw.going_with("Intercept", self.correlation, rng)
        draw.column(self.predictor)[:] += self.mean + own[:, None]
