from typing import Any

import numpy as np

from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, Generator, Ingredient
from mlmlearn.processes.predictor_mean import PredictorMean


class PersonMeans(Ingredient):
    """A predictor that is analysed in two parts: each group's mean, and what differs from it.

    The data are drawn as without it. Then the predictor is centred within groups, and a second
    term, such as IV1_mean, holds the groups' means. Its coefficient is the effect between groups,
    of their true means: with `PredictorMean`, what goes with the level is part of it.
    """

    order = 9  # before rows are taken away, and after all else that changes the outcome
    predictor: str = "IV1"

    def terms(self) -> tuple[str, ...]:
        return (f"{self.predictor}_mean",)

    def check(self, condition: Any) -> None:
        super().check(condition)
        for one in condition.ingredients:
            if getattr(one, "interaction", None) is not None and one.slope == self.predictor:
                raise InputError(f"{self} cannot take apart {self.predictor} in a product: {one}")

    def outcome(self, draw: Draw, rng: Generator) -> None:
        x = draw.column(self.predictor)
        mean = np.where(draw.present, x, 0).sum(axis=1) / np.maximum(draw.present.sum(axis=1), 1)
        place = draw.condition.terms.index(self.predictor)
        draw.add_term(np.repeat(mean[:, None], x.shape[1], axis=1), self._between(draw, place))
        draw.column(self.predictor)[:] -= mean[:, None]

    def _between(self, draw: Draw, place: int) -> float:
        """Effect of the groups' true means on their level, whatever the predictor's slope adds."""
        within: float = draw.betas[place]
        for one in draw.condition.ingredients:
            known: Any = one
            if isinstance(one, PredictorMean) and one.predictor == self.predictor and known.sd:
                within += known.correlation * draw.condition.group_sds[0] / known.sd
        return within
