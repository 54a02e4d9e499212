"""A quick engine for tests of the loop; importing this module registers it.

Its name is a `FakeEngine`, a string that takes this import along to every worker process.
"""

import os
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


def fit(strategy: str, data: ClusteredData) -> FitResult:
    if log := os.environ.get("FAKE_LOG"):
        with open(log, "a") as file:
            file.write(".")
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    death = Path(os.environ.get("FAKE_DEATH", "/nonexistent"))
    if death.exists():  # the first worker to come by dies as if killed
        death.unlink()
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
