import numpy as np

from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class VaryingSizes(Ingredient):
    """Groups of different sizes, n_obs on average.

    Logarithms of sizes are normal with a standard deviation of `log_sd`, and may go with the
    groups' coefficients of `slope` (`correlation`: informative sizes). Sizes are rounded, and those
    beyond `least` or `most` moved there, which may move the average.
    """

    log_sd: float = number("[0, 3]")
    correlation: float = number("[-1, 1]", default=0.0)
    slope: str = "IV1"
    least: int = number(1, default=1)
    most: int | None = number(1, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most is not None and self.most < self.least:
            raise InputError(f"VaryingSizes: most must be {self.least} or more, not {self.most}")

    def sizes(self, draw: Draw, rng: Generator) -> None:
        z = draw.going_with(self.slope, self.correlation, rng)
        sizes = draw.sizes * np.exp(self.log_sd * z - self.log_sd**2 / 2)
        draw.sizes = np.clip(np.rint(sizes), self.least, self.most).astype(np.int64)
