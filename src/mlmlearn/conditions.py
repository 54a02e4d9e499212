"""What to simulate: one condition, or a grid of them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from mlmlearn.checks import number_in, standard_deviation, whole_number
from mlmlearn.errors import InputError
from mlmlearn.ingredient import INGREDIENTS, Ingredient, label

__all__ = ["Condition", "Grid"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A data-generating process: everything about a data set but its random numbers.

    Each group (a person, a school) has its own regression::

        group coefficients  ~ Normal(betas, group_sd)
        predictors          ~ Normal(0, 1)
        outcome             ~ Normal(predictors @ group coefficients, noise_sd)

    Ingredients change one part of this each; see `mlmlearn.processes`.

    Parameters
    ----------
    n_groups, n_obs : int
        Number of groups, and of observations in each; 1 or more.
    group_sd : float or sequence of float
        Standard deviation (not variance) of the group coefficients: one number for the intercept
        and every slope; two, the intercept's and that of every slope; or one for each coefficient.
    n_predictors : int, optional
        Predictors besides the intercept. Without it as many as `betas` or three or more values of
        `group_sd` tell, or else 3.
    betas : sequence of float, optional
        Population coefficients, the intercept first. Without them each data set draws
        its own from Uniform(0, 1).
    noise_sd : float, default 1
        Standard deviation of an observation around its group's regression line.
    ingredients : Ingredient or sequence of Ingredient, optional
        What else differs from the above, in any order.

    Raises
    ------
    InputError
        When a number is out of range, or the fields do not go together.
    """

    n_groups: int
    n_obs: int
    group_sd: float | tuple[float, ...]
    n_predictors: int = field(default=None, kw_only=True)  # type: ignore[assignment]
    betas: tuple[float, ...] | None = field(default=None, kw_only=True)
    noise_sd: float = field(default=1.0, kw_only=True)
    ingredients: tuple[Ingredient, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        # The dataclass is frozen, so that it can be a key; its fields are set once, here.
        put = object.__setattr__
        for name, check in CHECKS.items():
            put(self, name, check(name, getattr(self, name)))
        told = {} if self.betas is None else {"betas": len(self.betas)}
        # Two SDs tell nothing, since they can stand for any number of predictors.
        if isinstance(self.group_sd, tuple) and len(self.group_sd) > 2:
            told["group_sd"] = len(self.group_sd)
        if self.n_predictors is None:
            put(self, "n_predictors", next(iter(told.values()), 4) - 1)
        for name, number in told.items():
            if number != self.n_predictors + 1:
                raise InputError(
                    f"{name} has {number} values, but {self.n_predictors} predictors and the "
                    f"intercept need {self.n_predictors + 1}; make them as many, or leave "
                    "n_predictors out"
                )
        for ingredient in self.ingredients:
            ingredient.check(self)
        names = ("DV", "Group", *self.terms)
        if len(set(names)) < len(names):
            raise InputError(f"of {', '.join(names)} one is named twice; choose another name")

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the predictors that vary within groups (IV1, IV2 and so on)."""
        return tuple(f"IV{i + 1}" for i in range(self.n_predictors))

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients (Intercept, the predictors, what ingredients add)."""
        added = (term for ingredient in self.ingredients for term in ingredient.terms())
        return ("Intercept", *self.predictors, *added)

    @property
    def group_sds(self) -> tuple[float, ...]:
        """Standard deviations of the intercept and of every predictor's slope."""
        if not isinstance(self.group_sd, tuple):
            return (self.group_sd,) * (self.n_predictors + 1)
        level, *slopes = self.group_sd
        return (level, *(slopes * self.n_predictors if len(slopes) == 1 else slopes))

    @classmethod
    def from_fit(
        cls,
        result: Any,
        *,
        effects: Mapping[str, float] | None = None,
        uncertain: bool = False,
    ) -> "Condition":
        """Describe the data that a fitted pilot study was a sample of, its estimates as the truth.

        Predictors that vary within groups become IV1, IV2 and so on, in the formula's order and in
        their own units: time where every group has the same equal steps, two values, or else normal
        around group means that differ as the pilot's did, and do not go with the levels.
        Predictors of groups keep their names, and must be 0 and 1 or in standard units.

        Parameters
        ----------
        result : FitResult
            From a multilevel model. `mlm_intercept` takes slopes not to differ, and so will the
            condition.
        effects : mapping, optional
            Coefficients to plan for instead of the estimates, by the formula's terms.
        uncertain : bool, default False
            Whether each data set draws its own truth from what the fit leaves open of the other
            coefficients and of the SDs, by the ingredient `UncertainTruth`. Without it the
            estimates pass for the truth.

        Returns
        -------
        Condition
            Of the pilot's size.

        Raises
        ------
        InputError
            When the fit tells no random effects, a predictor is one that no ingredient draws, or
            there is no such term.

        Examples
        --------
        >>> pilot = fit("mlm_full", "Reaction ~ Days", sleepstudy,
        ...             group="Subject")                                # doctest: +SKIP
        >>> Condition.from_fit(pilot).noise_sd                          # doctest: +SKIP
        25.59...
        """
        from mlmlearn.pilot import read_pilot  # few need it, and all that fits comes with it

        condition: Condition = read_pilot(cls, result, effects, uncertain)[0]
        return condition


def _sequence(value: Any) -> bool:
    return isinstance(value, (tuple, list, np.ndarray))


def _check_group_sd(name: str, value: Any) -> float | tuple[float, ...]:
    if not _sequence(value):
        return standard_deviation(name, value)
    if len(value) < 2:
        raise InputError(
            f"{name} must be one number, two (of the intercept and of every slope) or one for "
            f"each coefficient, not {value!r}"
        )
    return tuple(standard_deviation(name, one) for one in value)


def _check_betas(name: str, value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not hasattr(value, "__len__") or len(value) < 2:
        raise InputError(f"{name} needs the intercept and one slope or more, not {value!r}")
    return tuple(number_in(name, beta, "(-inf, inf)") for beta in value)


def _check_ingredients(name: str, value: Any) -> tuple[Ingredient, ...]:
    found = tuple(value) if _sequence(value) else (value,)
    for one in found:
        if not isinstance(one, Ingredient):
            raise InputError(
                f"{name} must be ingredients, such as mlmlearn.processes.PredictorMean(5), "
                f"not {one!r}"
            )
    # One order, whatever that of the list: conditions that say the same are the same.
    found = tuple(sorted(found, key=lambda one: (one.order, one.key)))
    for one, other in pairwise(found):
        if one.key == other.key:
            raise InputError(f"{name} holds {one} and {other}, which change the same; keep one")
    return found


CHECKS: dict[str, Any] = {
    "n_groups": lambda name, value: whole_number(name, value, 1),
    "n_obs": lambda name, value: whole_number(name, value, 1),
    "group_sd": _check_group_sd,
    "n_predictors": lambda name, value: None if value is None else whole_number(name, value, 1),
    "betas": _check_betas,
    "noise_sd": standard_deviation,
    "ingredients": _check_ingredients,
}
"""What checks each field of a condition and brings it to its one form."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of some values of a condition's fields.

    Each field takes one value or a list of them. A tuple of numbers for `betas`, or of ingredients,
    is one value; two SDs stand in a list of their own, as in ``group_sd=[(1, 0), (1, 0.5)]``.

    Parameters
    ----------
    n_groups, n_obs, group_sd
        As for `Condition`; without them those of the 2019 post.
    replications : int, default 50
        Data sets per condition. Conditions that differ in ingredients alone share their other
        random numbers, so that their comparison is a paired one.
    n_predictors, betas, noise_sd, ingredients
        As for `Condition`. Those given tell conditions apart in tables, too.

    Raises
    ------
    InputError
        When a value cannot be used, a list is empty or a condition stands in the grid twice.
    """

    n_groups: Any = (10, 30, 100)
    n_obs: Any = (5, 25, 100)
    group_sd: Any = (0.1, 0.25, 1.0, 2.0, 4.0)
    replications: int = 50
    n_predictors: Any = field(default=None, kw_only=True)
    betas: Any = field(default=None, kw_only=True)
    noise_sd: Any = field(default=None, kw_only=True)
    ingredients: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "replications", whole_number("replications", self.replications, 1))
        for name in self.keys:
            values = _listed(name, getattr(self, name))
            if not values:
                raise InputError(f"{name} is empty; give at least one value")
            put(self, name, tuple(CHECKS[name](name, value) for value in values))
        # Every condition is made now, so that its values are checked, and not an hour into a run.
        condition, times = Counter(self.conditions()).most_common(1)[0]
        if times > 1:
            raise InputError(
                f"the grid holds {condition} twice, which would be the same data sets twice; "
                "give every value once, and raise replications for more data sets"
            )

    @property
    def keys(self) -> list[str]:
        """The fields that tell conditions apart: the first three, and those given."""
        left_out = {f.name for f in fields(self) if f.kw_only and getattr(self, f.name) is None}
        return [name for name in CHECKS if name not in left_out]

    def conditions(self) -> Iterator[Condition]:
        """Go through the conditions, the number of groups changing slowest."""
        keys = self.keys
        for values in product(*(getattr(self, name) for name in keys)):
            yield Condition(**dict(zip(keys, values, strict=True)))

    def labels(self, condition: Condition) -> dict[str, Any]:
        """Tell a condition from the others, as tables do: by numbers, or else by text."""
        return {name: self._label(name, getattr(condition, name)) for name in self.keys}

    def _label(self, name: str, value: Any) -> Any:
        plain = all(isinstance(one, (int, float)) for one in getattr(self, name))
        return value if plain else label(value)

    def condition(self, row: Mapping[Any, Any]) -> Condition:
        """Find the condition that a table's row names."""
        chosen = {}
        for name in self.keys:
            values = {self._label(name, value): value for value in getattr(self, name)}
            if row[name] not in values:
                raise InputError(
                    f"the grid has no {name} {row[name]!r}; it has {', '.join(map(str, values))}"
                )
            chosen[name] = values[row[name]]
        return Condition(**chosen)

    def to_json(self) -> dict[str, Any]:
        """Describe the grid so that `from_json` rebuilds it."""
        entries = {name: getattr(self, name) for name in [*self.keys, "replications"]}
        plain: dict[str, Any] = json.loads(json.dumps(entries, default=_named))
        return plain

    @classmethod
    def from_json(cls, entries: Mapping[str, Any]) -> "Grid":
        """Rebuild a grid from a run's manifest, or from a file that says the same."""
        given = dict(entries)
        if unknown := set(given) - {one.name for one in fields(cls)}:
            raise InputError(f"a grid has no {', '.join(sorted(unknown))}")
        if "ingredients" in given:
            given["ingredients"] = [tuple(map(_ingredient, one)) for one in given["ingredients"]]
        return cls(**given)

    @classmethod
    def from_file(cls, path: str, **defaults: Any) -> "Grid":
        """Read a grid from a JSON file with its own entries, or with those of a run's manifest."""
        try:
            entries = json.loads(Path(path).read_bytes())
            return cls.from_json(defaults | entries.get("grid", entries))
        except (OSError, AttributeError, TypeError, json.JSONDecodeError) as error:
            raise InputError(f"{path} cannot be read as a grid: {error}") from error


def _listed(name: str, given: Any) -> Sequence[Any]:
    """Return the values of a field, which may stand alone."""
    if name == "betas" and _sequence(given) and not any(map(_sequence, given)):
        return given if len(given) and all(one is None for one in given) else [given]
    if name == "ingredients" and isinstance(given, tuple) and not any(map(_sequence, given)):
        return [given]
    return [*given] if hasattr(given, "__iter__") and not isinstance(given, str) else [given]


def _named(ingredient: Ingredient) -> dict[str, Any]:
    return {type(ingredient).__name__: vars(ingredient)}


def _ingredient(entry: Mapping[str, Any]) -> Ingredient:
    """Make an ingredient from its name and parameters."""
    try:
        ((name, parameters),) = entry.items()
        return INGREDIENTS[name](**parameters)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{entry!r} is no ingredient known here; define it, or import what does, and try again"
        ) from error
