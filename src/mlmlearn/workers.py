"""What happens in the workers of a run: engines start there, data sets are drawn and fitted."""

import os
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import joblib
import numpy as np
import pandas as pd

from mlmlearn.batch import Batch
from mlmlearn.conditions import Condition
from mlmlearn.engines import ENGINES, Engine, engine_module, fit_batch
from mlmlearn.errors import EngineError
from mlmlearn.fit_result import coef_columns
from mlmlearn.machine import describe, one_thread, package_versions
from mlmlearn.results import PART_COLUMNS
from mlmlearn.schedule import Chunk
from mlmlearn.simulation import draw_many
from mlmlearn.strategies import Strategy

__all__ = ["environment", "fit_all", "fit_chunk", "in_workers", "let_queues_end"]

_one_fit_at_a_time = threading.Lock()

# The engines that this process has started.
_started: set[str] = set()


def in_workers(
    n_jobs: int | None, function: Any, calls: Iterable[tuple[Any, ...]]
) -> Generator[tuple[tuple[Any, ...], Any], None, None]:
    """Yield each call's arguments with its result, in the order in which they end."""
    parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    with closing(parallel(joblib.delayed(_with_arguments)(function, call) for call in calls)) as g:
        yield from g


def _with_arguments(function: Any, call: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
    return call, function(*call)


def environment(engine: str) -> dict[str, Any]:
    """Describe what the results may depend on, as seen by a worker."""
    return {"versions": package_versions() | _start_engine(engine), "machine": describe()}


def _start_engine(engine: str) -> dict[str, str]:
    """Start the engine, and return the versions of what it stands on."""
    if engine not in ENGINES:  # the caller has registered it, and this worker has not
        raise EngineError(f"the engine {engine!r} is not known to the worker process")
    with _one_fit_at_a_time, one_thread(), _interrupt_after():
        versions: dict[str, str] = engine_module(engine).versions()
    _started.add(engine)
    return versions


def fit_chunk(
    chunk: Chunk, seed: int, engine: Engine, strategies: list[Strategy], caller: int
) -> pd.DataFrame:
    """Do the work of one part, in a worker."""
    if os.getpid() != caller and threading.current_thread() is threading.main_thread():
        _start_engine(engine)  # first, since R's start resets what Ctrl-C does
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller to handle
    return fit_all(chunk.condition, seed, chunk.replications, engine, strategies)


def fit_all(
    condition: Condition,
    seed: int,
    replications: Iterable[int],
    engine: Engine,
    strategies: Iterable[str | Strategy],
) -> pd.DataFrame:
    """Fit strategies to some data sets of a condition, whatever happens to each.

    Parameters
    ----------
    condition : Condition
        What to simulate.
    seed : int
        Seed of the study.
    replications : iterable of int
        Which data sets.
    engine : {"pymer4", "batch"}
        What does the computing.
    strategies : iterable of str or Strategy
        Which strategies.

    Returns
    -------
    DataFrame
        One row per data set, strategy and term, with the columns of `Results.fits` and
        `Results.diagnostics` but for those of the condition.
    """
    if engine not in _started:
        _start_engine(engine)
    every = list(replications)
    at_once = engine_module(engine).data_sets_at_once(condition.n_groups, condition.n_obs)
    tables = []
    for first in range(0, len(every), at_once):
        chosen = every[first : first + at_once]
        drawn = draw_many(condition, seed, chosen)
        batch = Batch.of_arrays(
            condition.terms, condition.n_predictors + 1, drawn.X, drawn.y, drawn.present,
            [(seed, i) for i in chosen],
        )  # fmt: skip
        for strategy in strategies:
            start = time.perf_counter()
            with _one_fit_at_a_time, one_thread(), _interrupt_after():
                _, found = fit_batch(strategy, batch, engine)
            seconds = (time.perf_counter() - start) / len(batch)
            name = strategy if isinstance(strategy, str) else strategy.id
            tables.append(_rows(chosen, name, batch, drawn.betas, found, seconds))
    table = pd.concat(tables)
    return table.sort_values("replication", kind="stable", ignore_index=True)


def _rows(
    replications: list[int],
    strategy: str,
    batch: Batch,
    truth: Any,
    found: Any,
    seconds: float,
) -> pd.DataFrame:
    """Put what was found into rows of a part."""
    b, k = truth.shape
    said = [text.replace("\n", "; ") for text in found.messages]
    of_a_fit = {
        "converged": found.converged,
        "singular": found.singular,
        "max_gradient": found.gradient,
        "messages": [f"failed: {p}" if p else s for p, s in zip(found.problem, said, strict=True)],
        "reml_deviance": found.deviance,
    }
    columns = {
        "replication": np.repeat(replications, k),
        "strategy": strategy,
        "term": list(batch.terms) * b,
        "truth": truth.ravel(),
        "seconds": round(seconds, 4),
        **{name: values.ravel() for name, values in coef_columns(found).items()},
        **{name: np.repeat(np.asarray(v, dtype=object if name == "messages" else None), k)
           for name, v in of_a_fit.items()},
    }  # fmt: skip
    return pd.DataFrame(columns)[PART_COLUMNS]


@contextmanager
def _interrupt_after() -> Iterator[None]:
    """Let Ctrl-C wait until R has answered: inside it would be lost, or look like a failed fit."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def let_queues_end() -> None:
    """Wait for the threads that fed the workers, which loky leaves to end by themselves.

    A process that exits before they have freed their semaphores prints warnings about them
    below the message that says how to resume.
    """
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(timeout=1)
