import numpy as np
from scipy.special import expit, logit

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class Dropout(Ingredient):
    """Groups that stop answering for good: missing at random, given the last answer.

    After each answer the chance to stop is `rate` where the answer equals the population's
    intercept; its log odds change by `effect` with one unit of the answer. Nobody stops before
    the answer numbered `least`.
    """

    order = -1  # before others take answers, so that the last answer is one that was given
    rate: float = number("[0, 1)")
    effect: float = number("(-inf, inf)", default=0.0)
    least: int = number(1, default=1)

    def missing(self, draw: Draw, rng: Generator) -> None:
        chance = expit(logit(self.rate) + self.effect * (draw.y - draw.betas[0]))
        stops = rng.uniform(size=draw.y.shape) < chance
        stops[:, : self.least - 1] = False
        draw.present[:, 1:] &= ~np.logical_or.accumulate(stops[:, :-1], axis=1)
