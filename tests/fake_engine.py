"""A quick engine for tests of the loop; importing this module registers it.

Its name is a `FakeEngine`, a string that takes this import along to every worker process.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

import numpy as np

from mlmlearn.batch import Batch, no_texts
from mlmlearn.engines import ENGINES
from mlmlearn.strategies import Fitted, Strategy

ENGINES["fake"] = __name__


class FakeEngine(str):
    """The name of this engine."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return FakeEngine, (str(self),)


FAKE = FakeEngine("fake")


def versions() -> dict[str, str]:
    return {"fake": os.environ.get("FAKE_VERSION", "1")}


def note_and_wait(log: Path) -> None:
    """Count the fits of all processes; what comes after the first FAKE_HOLD waits to be let go.

    So a test finds a run at the point that it has chosen, however fast the machine is.
    """
    with log.open("a") as file:
        file.write(".")
    if log.stat().st_size > int(os.environ.get("FAKE_HOLD", sys.maxsize)):
        while not log.with_suffix(".go").exists():
            time.sleep(0.01)


def data_sets_at_once(n_groups: int, n_obs: int) -> int:
    return 1


def fit(strategy: Strategy, batch: Batch) -> Fitted:
    if log := os.environ.get("FAKE_LOG"):
        note_and_wait(Path(log))
    death = Path(os.environ.get("FAKE_DEATH", "/nonexistent"))
    with contextlib.suppress(FileNotFoundError):
        death.unlink()  # the first worker to come by dies as if killed
        os.kill(os.getpid(), 9)
    data = batch.rows(0)
    estimate = np.linalg.lstsq(data.design, data.y, rcond=None)[0][None]
    messages, problem = no_texts(1), no_texts(1)
    if strategy.id == "mlm_intercept":
        messages[0] = "lme4: one\noptimiser: two"
    if strategy.id == "mlm_full" and data.n_groups == 7:
        problem[0] = "seven groups are too many"
    se, df = np.full_like(estimate, 0.5), np.full_like(estimate, 10.0)
    return Fitted(estimate, se, df, messages=messages, problem=problem).complete()
