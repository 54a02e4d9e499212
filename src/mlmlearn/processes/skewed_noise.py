import numpy as np

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class SkewedNoise(Ingredient):
    """Noise from a gamma distribution, shifted to mean 0 and scaled to noise_sd.

    A `skewness` of 2 makes it exponential; below 0 the long tail is the lower one.
    """

    order = -1  # it replaces the normal noise that others change
    skewness: float = number("(-inf, inf)")

    def noise(self, draw: Draw, rng: Generator) -> None:
        if self.skewness:
            shape = 4 / self.skewness**2
            gamma = rng.standard_gamma(shape, draw.noise.shape)
            draw.noise[:] = np.sign(self.skewness) * (gamma - shape) / np.sqrt(shape)
