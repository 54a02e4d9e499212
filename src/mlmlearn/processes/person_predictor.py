from typing import Any

import numpy as np

from mlmlearn.checks import whole_number
from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class PersonPredictor(Ingredient):
    """A predictor that belongs to the groups: standard normal, or 0 and 1, for a treatment.

    A treatment is given to `treated` of the groups, chosen by chance: so many of them, or a share
    such as 0.5. The term is called `name` and has the coefficient `effect`. With `interaction`
    there is a second term, such as IV1:W, for the product with the predictor `slope`, and this is
    its coefficient. Neither has random effects.
    """

    order = 5  # after all that changes the predictor in the product
    effect: float = number("(-inf, inf)", default=0.0)
    interaction: float | None = number("(-inf, inf)", default=None)
    treated: float | None = None
    name: str = "W"
    slope: str = "IV1"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.treated is not None and not (
            isinstance(self.treated, float) and 0 < self.treated < 1
        ):
            checked = whole_number("PersonPredictor: treated", self.treated, 1)
            object.__setattr__(self, "treated", checked)

    @property
    def key(self) -> str:
        return f"PersonPredictor {self.name}"

    def check(self, condition: Any) -> None:
        super().check(condition)
        if not isinstance(self.name, str):
            raise InputError(f"PersonPredictor: name must be text, such as 'W', not {self.name!r}")
        if self.treated is not None and self._treated(condition.n_groups) >= condition.n_groups:
            raise InputError(f"{self} treats all of {condition.n_groups} groups; treat fewer")

    def terms(self) -> tuple[str, ...]:
        return (self.name, *([] if self.interaction is None else [f"{self.slope}:{self.name}"]))

    def _treated(self, n_groups: int) -> int:
        """Return how many of the groups are treated, one or more."""
        assert self.treated is not None
        return int(self.treated) if self.treated >= 1 else max(1, round(self.treated * n_groups))

    def predictors(self, draw: Draw, rng: Generator) -> None:
        n_groups, n, _ = draw.X.shape
        if self.treated is None:
            own = rng.standard_normal((n_groups, 1))
        else:
            own = (rng.permutation(n_groups)[:, None] < self._treated(n_groups)).astype(float)
        values = np.repeat(own, n, axis=1)
        draw.add_term(values, self.effect)
        if self.interaction is not None:
            draw.add_term(draw.column(self.slope) * values, self.interaction)
