"""A quick engine for tests of the loop; importing this module registers it.

Its name is a `FakeEngine`, a string that takes this import along to every worker process.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

import numpy as np

from mlmlearn.clustered import ClusteredData
from mlmlearn.errors import FitError
from mlmlearn.fitting import ENGINES
from mlmlearn.results import FitResult, coef_table

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


def fit(strategy: str, data: ClusteredData) -> FitResult:
    if log := os.environ.get("FAKE_LOG"):
        note_and_wait(Path(log))
    death = Path(os.environ.get("FAKE_DEATH", "/nonexistent"))
    with contextlib.suppress(FileNotFoundError):
        death.unlink()  # the first worker to come by dies as if killed
        os.kill(os.getpid(), 9)
    if strategy == "mlm_full" and data.n_groups == 7:
        raise FitError("seven groups are too many")
    estimate, *_ = np.linalg.lstsq(data.X, data.y, rcond=None)
    k = len(estimate)
    return FitResult(
        strategy=strategy,
        engine="fake",
        coefs=coef_table(data.terms, estimate, np.full(k, 0.5), np.full(k, 10.0)),
        n_rows=len(data.y),
        n_groups=data.n_groups,
        messages=("lme4: one", "optimiser: two") if strategy == "mlm_intercept" else (),
    )
