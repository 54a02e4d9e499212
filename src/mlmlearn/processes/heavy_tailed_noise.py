import numpy as np

from mlmlearn.ingredient import Draw, Generator, Ingredient, number


class HeavyTailedNoise(Ingredient):
    """Noise from a t distribution with `df` degrees of freedom, scaled to noise_sd."""

    df: float = number("(2, inf)")

    def noise(self, draw: Draw, rng: Generator) -> None:
        draw.noise *= np.sqrt((self.df - 2) / rng.chisquare(self.df, draw.noise.shape))
