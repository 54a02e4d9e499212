from scipy.special import expit, logit

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class MissingAnswers(Ingredient):
    """Single answers that are missing: completely at random, or with an `effect` not at random.

    An answer that would equal the population's intercept is missing with a chance of `rate`, whose
    log odds change by `effect` with one unit of the answer.
    """

    rate: float = number("[0, 1)")
    effect: float = number("(-inf, inf)", default=0.0)

    def missing(self, draw: Draw, rng: Generator) -> None:
        chance = expit(logit(self.rate) + self.effect * (draw.y - draw.betas[0]))
        draw.present &= rng.uniform(size=draw.y.shape) >= chance
