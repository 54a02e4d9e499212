"""Checks of arguments: numbers, and tables of fits."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from mlmlearn.errors import InputError

__all__ = ["number_in", "standard_deviation", "table_of_fits", "whole_number"]


def _number(value: Any) -> float:
    """Return a number as a float, and NaN for anything else."""
    try:
        return math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def whole_number(name: str, value: Any, minimum: int) -> int:
    """Return `value` as an int, or say why it is not one that can be used."""
    number = _number(value)
    if not math.isfinite(number) or number < minimum or int(value) != value:
        raise InputError(f"{name} must be a whole number of at least {minimum}, not {value!r}")
    return int(value)


def standard_deviation(name: str, value: Any) -> float:
    """Return `value` as a float, or say why it is not a standard deviation."""
    number = _number(value)
    if not math.isfinite(number) or number < 0:
        raise InputError(
            f"{name} is a standard deviation and must be a finite number, 0 or more, not {value!r}"
        )
    return number + 0.0  # -0.0 and 0.0 must address the same data set


def number_in(name: str, value: Any, interval: str) -> float:
    """Return `value` as a float, or say that it is not in an interval such as "[0, 1)"."""
    number, (low, high) = _number(value), map(float, interval[1:-1].split(","))
    above = number > low or (number == low and interval[0] == "[")
    below = number < high or (number == high and interval[-1] == "]")
    if not (above and below):
        what = "finite number" if interval == "(-inf, inf)" else f"number in {interval}"
        raise InputError(f"{name} must be a {what}, not {value!r}")
    return number + 0.0


def table_of_fits(fits: Any, columns: Iterable[str], hint: str = "") -> None:
    """Refuse what is no data frame, or lacks some columns; a hint may say why it may."""
    if not isinstance(fits, pd.DataFrame):
        raise InputError(f"give a table of fits, such as results.fits, not a {type(fits).__name__}")
    if missing := set(columns) - set(fits.columns):
        raise InputError(f"the table of fits has no column {', '.join(sorted(missing))}{hint}")
