"""What an ingredient of a data-generating process is, and the data set it has a hand in."""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from mlmlearn.checks import number_in, whole_number
from mlmlearn.errors import InputError

__all__ = ["INGREDIENTS", "Draw", "FloatArray", "Generator", "Ingredient", "label", "number"]

FloatArray = NDArray[np.float64]
Generator = np.random.Generator

INGREDIENTS: dict[str, type["Ingredient"]] = {}
"""Every ingredient by name; a class enters by being defined."""


@dataclass(slots=True)
class Draw:
    """A data set while it is drawn: J groups, n rows for each, k terms.

    Attributes
    ----------
    condition : Condition
    betas : ndarray, shape (k,)
    deviations : ndarray, shape (J, n_predictors + 1)
        Of the groups' coefficients from `betas`, in units of their standard deviations.
    X : ndarray, shape (J, n, k)
        Design, the first column ones.
    noise : ndarray, shape (J, n)
        In units of the condition's noise_sd.
    sizes : ndarray of int, shape (J,)
        Rows of each group, n or fewer.
    coefs, present, y : ndarray, shape (J, k), (J, n) of bool and (J, n)
        The groups' coefficients, which rows exist, and the outcome; there from the stages "sizes",
        "predictors" and "outcome" on.
    """

    condition: Any
    betas: FloatArray
    deviations: FloatArray
    X: FloatArray
    noise: FloatArray
    sizes: NDArray[np.int64]
    coefs: FloatArray = field(init=False)
    present: NDArray[np.bool_] = field(init=False)
    y: FloatArray = field(init=False)

    def column(self, predictor: str) -> FloatArray:
        """Return the values of a predictor, shape (J, n), to be changed in place."""
        return self.X[..., self.condition.terms.index(predictor)]

    def going_with(self, term: str, correlation: float, rng: Generator) -> FloatArray:
        """Draw a standard normal number for each group that goes with its deviation in a term."""
        own = self.deviations[:, self.condition.terms.index(term)]
        rest = np.sqrt(1 - correlation**2) * rng.standard_normal(len(own))
        return np.asarray(correlation * own + rest)

    def add_term(self, values: FloatArray, beta: float) -> None:
        """Add a column, shape (J, n), whose coefficient is the same in every group."""
        self.X = np.concatenate([self.X, values[..., None]], axis=2)
        self.betas = np.append(self.betas, beta)
        self.coefs = np.column_stack([self.coefs, np.full(len(self.coefs), beta)])


def number(allowed: str | int, *, default: Any = MISSING, array: bool = False) -> Any:
    """Declare a parameter: a number in an interval such as "[0, 1)", or whole from one on.

    With `array` it may be a sequence of them, or of sequences, in which None stands for nothing.
    """
    return field(default=default, metadata={"allowed": allowed, "array": array})


def _checked(name: str, value: Any, allowed: str | int, array: bool) -> Any:
    if array and isinstance(value, (tuple, list, np.ndarray)):
        parts = (one if one is None else _checked(name, one, allowed, array) for one in value)
        return tuple(parts)
    check: Any = whole_number if isinstance(allowed, int) else number_in
    return check(name, value, allowed)


@dataclass_transform(frozen_default=True, field_specifiers=(number,))
@dataclass(frozen=True)
class Ingredient:
    """A part of a data-generating process that a `Condition` may take up.

    A subclass becomes a frozen dataclass and is known by being defined, in a file of its own. Its
    parameters are declared by `number`, or checked in `__post_init__`. It overrides one or more of
    the stages below, which follow each other in this order and change a `Draw` in place. Each gets
    a generator that belongs to the data set and this ingredient alone, so that no other random
    number depends on it. Arrays hold rows that do not exist, too: `Draw.present` tells.

    `order` says which goes first where ingredients meet in a stage. A parameter `predictor` names
    what is changed, and `slope` a predictor whose slopes matter.
    """

    order: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        if vars(cls).keys() <= {"__module__", "__doc__"}:
            return  # an empty copy that a worker or its caller unpickles the real one into
        if INGREDIENTS.setdefault(cls.__name__, cls).__module__ != cls.__module__:
            raise TypeError(f"there is an ingredient {cls.__name__} already; choose another name")
        INGREDIENTS[cls.__name__] = dataclass(frozen=True)(cls)

    def __post_init__(self) -> None:
        for parameter in fields(self):
            value, metadata = getattr(self, parameter.name), parameter.metadata
            if metadata and not (value is None and parameter.default is None):
                checked = _checked(f"{type(self).__name__}: {parameter.name}", value, **metadata)
                object.__setattr__(self, parameter.name, checked)

    def __str__(self) -> str:
        told = [
            f"{one.name}={label(getattr(self, one.name))}"
            for one in fields(self)
            if getattr(self, one.name) != one.default
        ]
        return f"{type(self).__name__}({', '.join(told)})"

    @property
    def key(self) -> str:
        """Its name and what it changes, since nothing is changed in one way twice."""
        return f"{type(self).__name__} {getattr(self, 'predictor', '')}".strip()

    def check(self, condition: Any) -> None:
        """Refuse a condition that the ingredient does not go with."""
        for role in ("predictor", "slope"):
            if (name := getattr(self, role, "IV1")) not in condition.predictors:
                raise InputError(
                    f"{self} names the {role} {name!r}, which is none of "
                    f"{', '.join(condition.predictors)}"
                )

    def terms(self) -> tuple[str, ...]:
        """Name the terms that `predictors` adds, in their order; they get no random effect."""
        return ()

    def coefficients(self, draw: Draw, rng: Generator) -> None:
        """Change the groups' deviations."""

    def sizes(self, draw: Draw, rng: Generator) -> None:
        """Change how many rows each group has."""

    def predictors(self, draw: Draw, rng: Generator) -> None:
        """Change columns of the design, or add terms."""

    def noise(self, draw: Draw, rng: Generator) -> None:
        """Change the noise."""

    def outcome(self, draw: Draw, rng: Generator) -> None:
        """Change the outcome."""

    def missing(self, draw: Draw, rng: Generator) -> None:
        """Take rows away."""


def label(value: Any) -> Any:
    """Write the value of a field as it stands in tables."""
    if isinstance(value, tuple):
        if value and isinstance(value[0], Ingredient):
            return " + ".join(map(str, value))
        return f"({', '.join(str(label(one)) for one in value)})" if value else "none"
    if value is None:
        return "drawn"
    return str(value) if isinstance(value, Ingredient) else repr(value).removesuffix(".0")
