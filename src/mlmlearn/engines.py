"""What computes: the engines, and the one road by which strategies reach data through them."""

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from typing import Any, Literal

import numpy as np

from mlmlearn.batch import Batch
from mlmlearn.errors import InputError
from mlmlearn.strategies import Fitted, Strategy
from mlmlearn.strategies.base import TESTS

__all__ = ["ENGINES", "Engine", "check_engine", "engine_module", "fit_batch"]

Engine = Literal["pymer4", "batch"]

# An engine's module has three functions: fit(strategy, batch), versions() and
# data_sets_at_once(n_groups, n_obs). What it stands on it imports when it first fits.
ENGINES = {"pymer4": "mlmlearn.engine_pymer4", "batch": "mlmlearn.engine_batch"}


def check_engine(engine: Any, strategies: Iterable[Strategy]) -> None:
    """Refuse an engine that is not one of `ENGINES`, or that cannot fit some strategies."""
    if engine not in list(ENGINES):
        raise InputError(f"unknown engine {engine!r}; the known ones are {', '.join(ENGINES)}")
    unable = [one.id for one in strategies if engine == "pymer4" and not one.pymer4]
    if unable:
        raise InputError(f'pymer4 cannot fit {", ".join(unable)}; use engine="batch" for that')


def engine_module(engine: str) -> Any:
    """Import the module of an engine, one of `ENGINES`."""
    return import_module(ENGINES[engine])


def fit_batch(strategy: Strategy, batch: Batch, engine: str) -> Fitted:
    """Fit one strategy to every data set of a batch that allows it.

    What is found is complete; its `problem` says why a data set has no fit, refused or not.
    """
    refused = batch.problems.copy()
    sound = refused == ""
    if sound.any():
        refused[sound] = strategy.refuse(batch.take(sound))
    good = refused == ""
    if good.any():
        found: Fitted = engine_module(engine).fit(strategy, batch.take(good))
    else:
        nan = np.full((0, batch.n_fixed), np.nan)
        found = Fitted(nan, nan, nan).complete()
    found = found.spread(good, refused)
    bad = found.problem != ""
    lost = {name: np.where(bad[:, None], np.nan, getattr(found, name)) for name in TESTS}
    return replace(found, **lost, converged=found.converged & ~bad)
