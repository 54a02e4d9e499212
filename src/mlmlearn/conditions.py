"""What to simulate: one condition, or a grid of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from mlmlearn.errors import InputError

__all__ = ["Condition", "Grid"]


def whole_number(name: str, value: Any, minimum: int) -> int:
    """Return `value` as an int, or say why it is not one that can be used."""
    try:
        number = int(value)
        exact = number == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or isinstance(value, (bool, str)) or number < minimum:
        raise InputError(f"{name} must be a whole number of at least {minimum}, not {value!r}")
    return number


def standard_deviation(name: str, value: Any) -> float:
    """Return `value` as a float, or say why it is not a standard deviation."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, (bool, str)) or not math.isfinite(number) or number < 0:
        raise InputError(
            f"{name} is a standard deviation and must be a finite number, 0 or more, not {value!r}"
        )
    return number + 0.0  # -0.0 and 0.0 must address the same data set


@dataclass(frozen=True, slots=True)
class Condition:
    """A data-generating process: everything about a data set but its random numbers.

    Each group (a person, a school) has its own regression. Its coefficients are normal
    around the population's, and its observations are normal around its regression line::

        group coefficients  ~ Normal(betas, group_sd)
        predictors          ~ Normal(0, 1)
        outcome             ~ Normal(predictors @ group coefficients, noise_sd)

    Parameters
    ----------
    n_groups : int
        Number of groups, 1 or more.
    n_obs : int
        Observations per group, 1 or more.
    group_sd : float
        Standard deviation (not variance) of the group coefficients around the
        population's, the same for the intercept and every slope.
    n_predictors : int, default 3
        Number of predictors besides the intercept.
    betas : sequence of float, optional
        Population coefficients, the intercept first. Without them each data set draws
        its own from Uniform(0, 1). Zeros give null effects.
    noise_sd : float, default 1
        Standard deviation of an observation around its group's regression line.

    Raises
    ------
    InputError
        When a number is out of range, or `betas` does not have `n_predictors` + 1 values.
    """

    n_groups: int
    n_obs: int
    group_sd: float
    n_predictors: int = field(default=3, kw_only=True)
    betas: tuple[float, ...] | None = field(default=None, kw_only=True)
    noise_sd: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        # The dataclass is frozen, so that it can be a key; its fields are set once, here.
        put = object.__setattr__
        put(self, "n_groups", whole_number("n_groups", self.n_groups, 1))
        put(self, "n_obs", whole_number("n_obs", self.n_obs, 1))
        put(self, "group_sd", standard_deviation("group_sd", self.group_sd))
        put(self, "n_predictors", whole_number("n_predictors", self.n_predictors, 1))
        put(self, "noise_sd", standard_deviation("noise_sd", self.noise_sd))
        if self.betas is not None:
            try:
                betas = tuple(float(beta) + 0.0 for beta in self.betas)
            except (TypeError, ValueError):
                betas = (math.nan,)
            if not all(map(math.isfinite, betas)):
                raise InputError(f"betas must be finite numbers, not {self.betas!r}")
            if len(betas) != self.n_predictors + 1:
                raise InputError(
                    f"betas has {len(betas)} values, but {self.n_predictors} predictors and the "
                    f"intercept need {self.n_predictors + 1}; set n_predictors to match"
                )
            put(self, "betas", betas)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients (Intercept, IV1, IV2 and so on)."""
        return ("Intercept", *(f"IV{i + 1}" for i in range(self.n_predictors)))

    @property
    def n_random(self) -> int:
        """Number of coefficients that differ between groups, the first ones."""
        return self.n_predictors + 1


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of a few numbers of groups, observations and group SDs.

    Parameters
    ----------
    n_groups : sequence of int
        Numbers of groups.
    n_obs : sequence of int
        Numbers of observations per group.
    group_sd : sequence of float
        Standard deviations of the group coefficients.
    replications : int, default 50
        Data sets per condition, 1 or more.

    Raises
    ------
    InputError
        When a number is out of range, a list is empty or a value stands in it twice.
    """

    n_groups: Sequence[int] = (10, 30, 100)
    n_obs: Sequence[int] = (5, 25, 100)
    group_sd: Sequence[float] = (0.1, 0.25, 1.0, 2.0, 4.0)
    replications: int = 50

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "replications", whole_number("replications", self.replications, 1))
        for name in ("n_groups", "n_obs", "group_sd"):
            values = getattr(self, name)
            try:
                values = tuple(values)
            except TypeError:
                values = (values,)
            if not values:
                raise InputError(f"{name} is empty; give at least one value")
            put(self, name, values)
        seen = set()
        for condition in self.conditions():  # every value is checked now, not an hour into a run
            if condition in seen:
                raise InputError(
                    f"the grid holds {condition} twice, which would be the same data sets twice; "
                    "give every value once, and raise replications for more data sets"
                )
            seen.add(condition)

    def conditions(self) -> Iterator[Condition]:
        """Go through the conditions, the number of groups changing slowest."""
        for n_groups, n_obs, group_sd in product(self.n_groups, self.n_obs, self.group_sd):
            yield Condition(n_groups, n_obs, group_sd)
