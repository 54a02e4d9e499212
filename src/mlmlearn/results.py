"""The tables of a run, and the way back from any of their rows to the data set behind it."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlmlearn.conditions import Grid
from mlmlearn.errors import InputError, RunError
from mlmlearn.fit_result import COEF_COLUMNS
from mlmlearn.post_summaries import recovery
from mlmlearn.simulation import SimulatedData, simulate
from mlmlearn.store import RunFolder, checksum, from_parquet, to_parquet, write_atomically

__all__ = ["PART_COLUMNS", "Results", "load_reference"]

TABLES = ("fits", "diagnostics")
_STATUS = ["converged", "singular", "max_gradient", "messages", "reml_deviance", "seconds"]

# What a part of a run says of each strategy and term, beside the condition.
PART_COLUMNS = ["replication", "strategy", "term", "truth", *COEF_COLUMNS, *_STATUS]


def _condition_key(manifest: Mapping[str, Any]) -> list[str]:
    """Name the fields that the grid was given; tables need no ingredient to be known here."""
    return [name for name in manifest["grid"] if name != "replications"]


# Compared by identity: data frames have no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What a run has found.

    Attributes
    ----------
    fits : DataFrame
        One row per data set, strategy and term: n_groups, n_obs, group_sd and whatever else the
        grid was given (text where it is no number), replication, strategy, term, truth, estimate,
        se, df, t, p, ci_low, ci_high; missing where a fit failed.
    diagnostics : DataFrame
        One row per data set and strategy: as above up to strategy, then converged, singular,
        max_gradient, messages, reml_deviance, seconds. `messages` joins what was said about the
        fit, each message with its source in front: "lme4:", "optimiser:", "lmerTest:",
        "mlmlearn:", or "failed:" where there is no fit.
    manifest : dict
        Grid, seed, engine, strategies, versions, machine and time taken.
    """

    fits: pd.DataFrame
    diagnostics: pd.DataFrame
    manifest: dict[str, Any] = field(repr=False)

    @property
    def grid(self) -> Grid:
        """What was simulated."""
        return Grid.from_json(self.manifest["grid"])

    @property
    def data_set_key(self) -> list[str]:
        """Columns that tell data sets apart."""
        return [*_condition_key(self.manifest), "replication"]

    @property
    def fit_key(self) -> list[str]:
        """Columns that tell fits apart."""
        return [*self.data_set_key, "strategy"]

    def recovery(self) -> pd.DataFrame:
        """Compute the three summaries of every fit; see `mlmlearn.recovery`."""
        return recovery(self.fits, by=self.fit_key)

    def dataset(self, row: "Mapping[Any, Any] | pd.Series[Any]") -> SimulatedData:
        """Draw the data set behind a row once more.

        Parameters
        ----------
        row : Series or mapping
            Of `fits`, `diagnostics` or `recovery()`, such as ``results.fits.iloc[37]``.

        Raises
        ------
        InputError
            When the row does not say which data set of the grid it belongs to.
        """
        key = self.data_set_key
        if not isinstance(row, (pd.Series, Mapping)) or not set(key) <= set(row.keys()):
            raise InputError(
                f"dataset needs one row with {', '.join(key)}, such as "
                f"results.fits.iloc[0], not {type(row).__name__}"
            )
        condition, seed = self.grid.condition(dict(row)), self.manifest["seed"]
        return simulate(condition, seed=seed, replication=row["replication"])

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write both tables as Parquet, and the manifest with their checksums, for `load`.

        Raises
        ------
        RunError
            When the folder cannot be written, or is a run's own.
        """
        if (Path(folder) / "parts").exists():
            raise RunError(f"{folder} is a run's own folder; choose another for its tables")
        contents = {f"{name}.parquet": to_parquet(getattr(self, name)) for name in TABLES}
        for name, content in contents.items():
            write_atomically(Path(folder) / name, content)
        sums = {name: checksum(content) for name, content in contents.items()}
        text = json.dumps(self.manifest | {"sha256": sums}, indent=2) + "\n"
        write_atomically(Path(folder) / "manifest.json", text.encode())

    def to_csv(self, folder: str | os.PathLike[str]) -> None:
        """Write fits.csv and diagnostics.csv into a folder, which need not exist.

        Raises
        ------
        RunError
            When the folder cannot be written.
        """
        for name in TABLES:
            content = getattr(self, name).to_csv(index=False, lineterminator="\n")
            write_atomically(Path(folder) / f"{name}.csv", content.encode())

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Results":
        """Read what `save` has written, or a run's own folder, be the run finished or not.

        Raises
        ------
        RunError
            When there are no results, or the tables are not those that were saved.
        """
        store = RunFolder(folder)
        manifest = dict(store.manifest)
        if not manifest:
            raise RunError(f"{folder} holds no results (no manifest.json)")
        if "sha256" not in manifest:
            return cls.from_parts(*store.read(), manifest)
        tables, sums = [], manifest.pop("sha256")
        for path in (store.path / f"{name}.parquet" for name in TABLES):
            content = path.read_bytes() if path.exists() else b""
            if checksum(content) != sums[path.name]:
                raise RunError(
                    f"{path} is missing or damaged: its checksum is not the one in manifest.json; "
                    "fetch or export the results again"
                )
            tables.append(from_parquet(content))
        fits, diagnostics = tables
        return cls(_with_intervals(fits), diagnostics, manifest)

    @classmethod
    def from_parts(
        cls, n_rows: int, parts: Iterable[pd.DataFrame], manifest: dict[str, Any]
    ) -> "Results":
        """Put the parts of a run, of `n_rows` together, below each other."""
        columns = [*_condition_key(manifest), *PART_COLUMNS]
        fits = _Rows([name for name in columns if name not in _STATUS], n_rows)
        diagnostics = _Rows([*columns[: columns.index("term")], *_STATUS])
        for part in map(_with_intervals, parts):
            fits.add(part)
            diagnostics.add(part[part["term"] == part["term"].iloc[0]])
        return cls(fits.table(), diagnostics.table(), manifest)


class _Rows:
    """A table that grows in place, so that a large one is in memory only once."""

    def __init__(self, columns: list[str], expected: int = 0) -> None:
        self.columns: dict[str, NDArray[Any]] = {}
        self.names, self.expected, self.n = columns, expected, 0

    def add(self, part: pd.DataFrame) -> None:
        """Add the rows of a part, whose columns may be of other types."""
        rows = slice(self.n, self.n + len(part))
        for name in self.names:
            values = part[name].to_numpy()
            if name not in self.columns:
                self.columns[name] = np.empty(self.expected, values.dtype)
            there = self.columns[name]
            if there.dtype != values.dtype:
                numbers = there.dtype.kind in "if" and values.dtype.kind in "if"
                there = there.astype(np.result_type(there, values) if numbers else object)
            if rows.stop > len(there):
                there.resize(int(1.1 * rows.stop), refcheck=False)
            there[rows] = values
            self.columns[name] = there
        self.n += len(part)

    def table(self) -> pd.DataFrame:
        """Give the table."""
        for column in self.columns.values():
            column.resize(self.n, refcheck=False)
        return pd.DataFrame(self.columns, columns=self.names, copy=False)


def _with_intervals(fits: pd.DataFrame) -> pd.DataFrame:
    """Add 95 % intervals to tables of runs that were made before there were any."""
    if "ci_low" in fits:
        return fits
    half_width = special.stdtrit(fits["df"], 0.975) * fits["se"]
    return fits.assign(ci_low=fits["estimate"] - half_width, ci_high=fits["estimate"] + half_width)


def load_reference() -> Results:
    """Load the reference run: the full grid under pymer4, shipped with the package.

    Raises
    ------
    RunError
        When this copy of the package came without it.
    """
    folder = Path(str(files("mlmlearn"))) / "reference"
    if not (folder / "manifest.json").exists():
        raise RunError(
            "this copy of mlmlearn came without the reference run; compute it with "
            "`mlmlearn run --engine pymer4 --out runs/reference` (half an hour on two cores) and "
            'read it with Results.load("runs/reference")'
        )
    return Results.load(folder)
