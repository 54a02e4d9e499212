import numpy as np

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class NoiseSpread(Ingredient):
    """Noise of a size of each group's own; noise_sd becomes the root of its mean square.

    Logarithms of the groups' noise SDs are normal with a standard deviation of `log_sd`.
    """

    order = 2
    log_sd: float = number("[0, 3]")

    def noise(self, draw: Draw, rng: Generator) -> None:
        z = rng.standard_normal((len(draw.noise), 1))
        draw.noise *= np.exp(self.log_sd * z - self.log_sd**2)
