"""Options that commands share: how to read a researcher's file, and how to run simulations."""

import argparse
import re
from typing import Any

import pandas as pd

from mlmlearn.errors import InputError
from mlmlearn.files import read_table, to_numbers
from mlmlearn.formulas import written

__all__ = ["add_reading", "add_running", "read", "running"]

# Marks that a shell makes hard to type.
MARKS = {"comma": ",", "point": ".", "semicolon": ";", "pipe": "|", "space": " "}
MARKS |= {"tab": "\t", "\\t": "\t"}


def add_reading(to: argparse.ArgumentParser) -> None:
    """Add the options that say how to read a file."""
    to.add_argument("--group", metavar="COLUMN", help="which rows of it belong together")
    for name, what in (
        ("separator", "what stands between fields, such as ';' or tab"),
        ("decimal", "the decimal mark, a point or a comma"),
        ("thousands", "the mark between thousands"),
    ):
        text = f"{what} (default: found in the file)"
        to.add_argument(f"--{name}", type=_mark, metavar="MARK", help=text)
    text = "of the letters, such as cp1252 (default: found in the file)"
    to.add_argument("--encoding", metavar="NAME", help=text)
    text = "what to do about rows with missing values (default: refuse)"
    to.add_argument("--missing", choices=["refuse", "drop"], default="refuse", help=text)


def _mark(text: str) -> str:
    return MARKS.get(text, text)


def add_running(to: argparse.ArgumentParser) -> None:
    """Add the options of simulations that resume."""
    to.add_argument("--seed", type=int, default=0, help="seed of the study (default: 0)")
    to.add_argument("--quiet", dest="progress", action="store_false", help="no progress bar")


def running(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the options as `run` and `plan` call them."""
    names = ("engine", "strategies", "out", "n_jobs", "seed", "progress")
    return {name: getattr(chosen, name) for name in names}


def read(chosen: argparse.Namespace, path: str, formula: str) -> tuple[pd.DataFrame, str]:
    """Read a file as the options say, and name the column that is the group."""
    data = read_table(path, separator=chosen.separator, encoding=chosen.encoding)
    parts = written(formula)
    group = chosen.group if parts.group is None else parts.group
    if group is None:
        raise InputError("name the column that says which rows belong together: --group person")
    left, _, right = parts.fixed.partition("~")
    # What is in C() may look like numbers or not; all else is a number or plainly a category.
    free = re.sub(r"\bC\((?:[^()]|\([^()]*\))*\)", " ", right)
    data = to_numbers(
        data,
        labels=[group],
        outcome=_named(left, data),
        predictors=_named(free, data),
        decimal=chosen.decimal,
        thousands=chosen.thousands,
    )
    return data, group


def _named(formula: str, data: pd.DataFrame) -> list[str]:
    """Return the columns that a part of a formula names, in backticks or without."""
    found = {quoted or bare for quoted, bare in re.findall(r"`([^`]+)`|([^\W\d][\w.]*)", formula)}
    return [name for name in data.columns if name in found]
