"""Stored studies: simulations too long for a page, computed by `make studies` and kept.

A study is a file in `book/studies/`. It names its parts, each a grid of conditions with its
strategies, and a seed::

    SEED = 20
    PARTS = {"normal": Part(Grid(...), ["mlm_full", "two_stage"])}

Beside it lie what `make studies` found, `<name>.parquet`, and how, `<name>.json`. Where the
default measures do not serve, the file defines `reduce`, which makes one condition's table.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pandas as pd

from mlmlearn import Condition, Grid, Results, performance, run

FOLDER = Path(__file__).parent / "studies"


@dataclass(frozen=True)
class Part:
    """A grid of conditions, and the strategies that are compared on its data sets."""

    grid: Grid
    strategies: Sequence[str]


def rates(results: Results) -> pd.DataFrame:
    """Reduce one condition's fits to every performance measure of every term and strategy.

    Shares of singular fits, and of those that did not converge, stand beside them.
    """
    return with_shares(performance(results.fits, by=["strategy", "term"]), results)


def with_shares(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Add the shares of a strategy's fits that were singular, and that converged."""
    said = results.diagnostics.groupby("strategy", sort=False)[["singular", "converged"]].agg(
        lambda flags: flags.astype(float).mean()
    )
    return table.join(said.rename(columns=lambda name: f"share_{name}"), on="strategy")


@dataclass(frozen=True)
class Study:
    """What a file in `book/studies/` says."""

    name: str
    parts: dict[str, Part]
    seed: int
    reduce: Callable[[Results], pd.DataFrame] = rates

    @classmethod
    def find(cls, name: str) -> "Study":
        """Read a study's file."""
        spec = spec_from_file_location(f"studies.{name}", FOLDER / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return cls(name, module.PARTS, module.SEED, getattr(module, "reduce", rates))

    def with_replications(self, replications: int) -> "Study":
        """Make a shorter or a longer study of the same conditions."""
        parts = {
            name: replace(part, grid=replace(part.grid, replications=replications))
            for name, part in self.parts.items()
        }
        return replace(self, parts=parts)

    def identity(self) -> dict:
        """Say what decides the results, in a manifest's form."""
        parts = {
            name: {"grid": part.grid.to_json(), "strategies": list(part.strategies)}
            for name, part in self.parts.items()
        }
        return json.loads(json.dumps({"seed": self.seed, "parts": parts}))

    def conditions(self) -> list[tuple[str, Condition]]:
        """List every condition with the name of its part."""
        return [(name, one) for name, part in self.parts.items() for one in part.grid.conditions()]

    def compute(self, part: str, condition: Condition, **options) -> pd.DataFrame:
        """Simulate one condition and reduce what was found; options are those of `run`."""
        grid, strategies = self.parts[part].grid, self.parts[part].strategies
        values = {name: [getattr(condition, name)] for name in grid.keys}
        alone = replace(grid, **values)
        results = run(alone, strategies=strategies, seed=self.seed, progress=False, **options)
        level, slope = condition.group_sds[:2]
        labels = {"part": part} | grid.labels(condition) | {"level_sd": level, "slope_sd": slope}
        table = self.reduce(results)
        table = table.drop(columns=[name for name in labels if name in table])
        for place, (name, value) in enumerate(labels.items()):
            table.insert(place, name, [value] * len(table))
        return table

    @property
    def manifest(self) -> dict:
        """How the stored table was made; empty where there is none."""
        path = FOLDER / f"{self.name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def store(self, table: pd.DataFrame, **made) -> None:
        """Keep the table, and how it was made, beside the study's file."""
        table.to_parquet(path := FOLDER / f"{self.name}.parquet", index=False)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        finished = datetime.now(UTC).date().isoformat()
        manifest = self.identity() | {"finished": finished, **made, "sha256": digest}
        (FOLDER / f"{self.name}.json").write_text(json.dumps(manifest, indent=1) + "\n")


def names() -> list[str]:
    """List the studies."""
    return sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def load_study(name: str, part: str | None = None) -> pd.DataFrame:
    """Read what a study found: a row a condition, strategy and term.

    Columns: the part, what tells conditions apart, the SDs of level and slopes, strategy, term,
    then the measures of `performance` with their Monte Carlo standard errors, and the shares of
    fits that were singular and that converged.
    """
    path = FOLDER / f"{name}.parquet"
    if not path.exists():
        sys.exit(f"the study {name} has not been computed; run `make studies STUDY={name}`")
    table = pd.read_parquet(path)
    return table if part is None else table[table["part"] == part].reset_index(drop=True)
