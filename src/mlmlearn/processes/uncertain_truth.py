from typing import Any

import numpy as np

from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, FloatArray, Generator, Ingredient, number


class UncertainTruth(Ingredient):
    """A truth of each data set's own, drawn from what a pilot study leaves open.

    The condition's betas, group SDs and noise SD are the pilot's estimates. `covariance` is that of
    the estimated betas, or of the first of them; `sampling` the variance that a group's own
    coefficient has for want of rows, or None where the pilot gave it no random effect; `df` the
    degrees of freedom of each, and `noise_df` those of the noise. Variances are drawn from their
    scaled inverse chi-squared distributions, a beta then from the normal distribution around its
    estimate, and a group SD is what a drawn variance leaves when its sampling part is taken off,
    or 0. A beta of exactly 0 stays 0, as a hypothesis that nobody has estimated.

    Correlations of group coefficients stay as they are, and so does all that other ingredients say.
    With one coefficient and groups of one size this is the joint posterior under Jeffreys' prior of
    mean and variance (Box & Tiao 1973, chapter 2), cut off where the SD would be below 0.
    """

    order = 6  # after those that add terms
    covariance: Any = number("(-inf, inf)", array=True)
    sampling: Any = number("[0, inf)", array=True)
    df: Any = number("(0, inf)", array=True)
    noise_df: float = number("(0, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        said, rows, m = type(self).__name__, self.covariance, len(self.df)
        if [np.size(row) for row in rows] != [m] * m:
            raise InputError(
                f"{said}: covariance must be a matrix with a row and a column for each of the "
                f"{m} values of df"
            )
        least = np.linalg.eigvalsh(rows)[0]
        if not np.allclose(rows, np.transpose(rows)) or least < -1e-9 * np.abs(rows).max():
            raise InputError(f"{said}: covariance must be symmetric and not negative")

    def check(self, condition: Any) -> None:
        k, m = condition.n_predictors + 1, len(self.df)
        if len(self.sampling) != k or not k <= m <= len(condition.terms):
            raise InputError(
                f"{type(self).__name__} knows of {m} betas and {len(self.sampling)} group SDs, but "
                f"the condition has the terms {', '.join(condition.terms)}, and SDs of {k}"
            )

    def _drawn(self, condition: Any, rng: Generator) -> tuple[FloatArray, FloatArray, float]:
        """Draw errors of the betas, group SDs, and the noise SD in units of the condition's.

        The stream is begun anew, so that every stage gets the same.
        """
        seeds: Any = rng.bit_generator.seed_seq
        fresh = np.random.Generator(np.random.PCG64(seeds))
        noise = self.noise_df / fresh.chisquare(self.noise_df)
        factors = np.array(self.df) / fresh.chisquare(self.df)
        values, vectors = np.linalg.eigh(np.array(self.covariance))
        errors = vectors @ (np.sqrt(np.maximum(values, 0)) * fresh.standard_normal(len(values)))
        sds = np.array(condition.group_sds)
        for i, sampling in enumerate(self.sampling):
            if sampling is not None:
                whole = (sds[i] ** 2 + sampling) * factors[i]
                sds[i] = np.sqrt(max(0.0, whole - sampling * noise))
        return errors * np.sqrt(factors), sds, float(np.sqrt(noise))

    def sizes(self, draw: Draw, rng: Generator) -> None:
        errors, sds, _ = self._drawn(draw.condition, rng)
        k = len(sds)
        draw.betas[:k] += np.where(draw.betas[:k] == 0, 0, errors[:k])
        draw.coefs = draw.betas + sds * draw.deviations

    def predictors(self, draw: Draw, rng: Generator) -> None:
        errors, sds, _ = self._drawn(draw.condition, rng)
        more = slice(len(sds), len(errors))  # terms without random effects, added at this stage
        added = np.where(draw.betas[more] == 0, 0, errors[more])
        draw.betas[more] += added
        draw.coefs[:, more] += added

    def outcome(self, draw: Draw, rng: Generator) -> None:
        noise_sd = self._drawn(draw.condition, rng)[2]
        draw.y += (noise_sd - 1) * draw.condition.noise_sd * draw.noise
