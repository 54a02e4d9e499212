"""How a run is cut into chunks, and in which order they go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlmlearn.conditions import Condition, Grid

__all__ = ["LAYOUT", "Chunk", "schedule"]

# Parts of one layout mean nothing to another: raise it with any change of how a grid is cut.
LAYOUT = 1

# A kill loses what a worker holds: the chunk in hand, and at most one on its way to the disk.
MOST_DATA_SETS = 5

# The largest chunk, in the units of `_expected_cost`: a slow condition goes in small chunks,
# so that little is lost and the bar keeps moving.
MOST_COST = 7.5


@dataclass(frozen=True, slots=True)
class Chunk:
    """A few data sets of one condition: what a worker takes at once, and one part on disk."""

    condition: Condition
    position: int  # of the condition in the grid
    replications: range
    labels: dict[str, Any]  # what tells the condition from the others in tables

    @property
    def name(self) -> str:
        """Name of the part on disk; names sort in the order of the grid."""
        return f"{self.position:05d}-{self.replications.start:08d}"

    @property
    def cost(self) -> float:
        """Guess of the time it takes, relative to others."""
        return len(self.replications) * _expected_cost(self.condition)


def _expected_cost(condition: Condition) -> float:
    """Guess how long the data sets of a condition take, relative to each other."""
    return 1 + condition.n_groups * condition.n_obs / 2000


def schedule(grid: Grid, at_once: Callable[[int, int], int]) -> list[Chunk]:
    """Cut a grid into chunks, in the order in which to compute them.

    The first replications of every condition come first, so that a run that is stopped early is a
    small study of the whole grid; among equals the slow conditions, so that the last chunks are
    quick ones and the workers end together. `at_once` says how many data sets the engine fits at
    once, given n_groups and n_obs.
    """
    chunks = []
    for position, condition in enumerate(grid.conditions()):
        size = at_once(condition.n_groups, condition.n_obs)
        if size == 1:  # an engine that takes one after another is slow
            size = max(1, min(MOST_DATA_SETS, int(MOST_COST / _expected_cost(condition))))
        for first in range(0, grid.replications, size):
            replications = range(first, min(first + size, grid.replications))
            chunks.append(Chunk(condition, position, replications, grid.labels(condition)))
    return sorted(chunks, key=lambda one: (one.replications.stop, -_expected_cost(one.condition)))
