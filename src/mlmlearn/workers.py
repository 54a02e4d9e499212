"""What happens in the workers of a run: engines start there, data sets are drawn and fitted."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import joblib
import numpy as np
import pandas as pd

from mlmlearn.batch import Batch
from mlmlearn.conditions import Condition
from mlmlearn.engines import Engine, engine_module, fit_batch
from mlmlearn.fit_result import COEF_COLUMNS, STATUS
from mlmlearn.machine import describe, one_thread, package_versions
from mlmlearn.results import PART_COLUMNS
from mlmlearn.schedule import Chunk
from mlmlearn.simulation import draw_many
from mlmlearn.strategies import Fitted, Strategy
from mlmlearn.triangles import FloatArray

__all__ = ["environment", "fit_all", "fit_chunk", "in_workers", "let_queues_end"]

# The engines that this process has started.
_started: set[str] = set()


def in_workers(
    n_jobs: int | None, function: Any, calls: Iterable[tuple[Any, ...]], *, ordered: bool = False
) -> Any:
    """Generate the results of some calls, in their order, or in that in which they end."""
    kind = "generator" if ordered else "generator_unordered"
    parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as=kind)
    with _interrupt_held():
        return parallel(joblib.delayed(function)(*call) for call in calls)


@contextmanager
def _interrupt_held() -> Iterator[None]:
    """Start processes that Ctrl-C never reaches: they inherit what is blocked here.

    It is for the caller to handle, and a process that still imports could only complain of it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # It starts with the first worker, and unblocks Ctrl-C as it does (in Python 3.11).
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def environment(engine: str) -> dict[str, Any]:
    """Describe what the results may depend on, as seen by a worker."""
    return {"versions": package_versions() | _start_engine(engine), "machine": describe()}


def _start_engine(engine: str) -> dict[str, str]:
    """Start the engine, and return the versions of what it stands on."""
    with one_thread(), _interrupt_after():
        versions: dict[str, str] = engine_module(engine).versions()
    _started.add(engine)
    return versions


def fit_chunk(
    chunk: Chunk, seed: int, engine: Engine, strategies: list[Strategy], caller: int
) -> tuple[Chunk, pd.DataFrame]:
    """Do the work of one part, in a worker."""
    if os.getpid() != caller and threading.current_thread() is threading.main_thread():
        _start_engine(engine)  # first, since R's start resets what Ctrl-C does
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller to handle
    return chunk, fit_all(chunk.condition, seed, chunk.replications, engine, strategies)


def fit_all(
    condition: Condition,
    seed: int,
    replications: Iterable[int],
    engine: Engine,
    strategies: list[Strategy],
) -> pd.DataFrame:
    """Fit strategies to some data sets of a condition, whatever happens to each.

    The table has one row per data set, strategy and term, with the columns of `Results.fits` and
    `Results.diagnostics` but for those of the condition.
    """
    if engine not in _started:
        _start_engine(engine)
    every = sorted(replications)
    at_once = engine_module(engine).data_sets_at_once(condition.n_groups, condition.n_obs)
    tables = []
    for first in range(0, len(every), at_once):
        chosen = every[first : first + at_once]
        drawn = draw_many(condition, seed, chosen)
        batch = Batch.of_arrays(
            condition.terms, condition.n_predictors + 1, drawn.X, drawn.y, drawn.present,
            [(seed, i) for i in chosen],
        )  # fmt: skip
        fits, seconds = [], []
        with one_thread():  # once for all, since it takes milliseconds
            for strategy in strategies:
                start = time.perf_counter()
                with _interrupt_after():
                    fits.append(fit_batch(strategy, batch, engine))
                seconds.append(round((time.perf_counter() - start) / len(batch), 4))
        tables.append(_table(chosen, strategies, batch.terms, drawn.betas, fits, seconds))
    return pd.concat(tables, ignore_index=True)


def _table(
    chosen: list[int],
    strategies: list[Strategy],
    terms: tuple[str, ...],
    truth: FloatArray,
    fits: list[Fitted],
    seconds: list[float],
) -> pd.DataFrame:
    """Put what was found into rows: data sets, within them strategies, within these terms."""
    b, n, k = len(chosen), len(strategies), len(terms)

    def column(values: Any) -> Any:
        """Bring values that are there for each data set, strategy or term to the rows."""
        return np.broadcast_to(values, (b, n, k)).ravel()

    def of_fits(name: str) -> Any:
        return np.stack([getattr(found, name) for found in fits], axis=1)

    messages = np.empty((b, n, 1), dtype=object)
    for j, found in enumerate(fits):
        messages[:, j, 0] = [
            f"failed: {problem}" if problem else text.replace("\n", "; ")
            for problem, text in zip(found.problem, found.messages, strict=True)
        ]
    columns = {
        "replication": np.array(chosen)[:, None, None],
        "strategy": np.array([one.id for one in strategies], dtype=object)[:, None],
        "term": np.array(terms, dtype=object),
        "truth": truth[:, None],
        **{name: of_fits(name) for name in COEF_COLUMNS},
        **{name: of_fits(name)[..., None] for name in STATUS},
        "messages": messages,
        "seconds": np.array(seconds)[:, None],
    }
    return pd.DataFrame({name: column(columns[name]) for name in PART_COLUMNS})


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

    A process that exits before them prints warnings below the message that says how to resume.
    """
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(timeout=1)
