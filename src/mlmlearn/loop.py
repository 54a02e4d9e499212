"""The simulation loop: every condition, replication and strategy, on as many cores as given."""

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Container, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from numbers import Integral
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pandas as pd
from joblib.externals.loky import BrokenProcessPool

from mlmlearn.batch import Batch
from mlmlearn.checks import whole_number
from mlmlearn.conditions import Condition, Grid
from mlmlearn.engines import ENGINES, Engine, check_engine, engine_module, fit_batch
from mlmlearn.errors import EngineError, InputError, RunError
from mlmlearn.machine import describe, one_thread, package_versions
from mlmlearn.results import coef_columns
from mlmlearn.run_results import PART_COLUMNS, Results
from mlmlearn.schedule import LAYOUT, Chunk, schedule
from mlmlearn.simulation import draw_many
from mlmlearn.store import RunFolder
from mlmlearn.strategies import STRATEGIES, Strategy, get_strategies, get_strategy

__all__ = ["check_n_jobs", "fit_all", "run"]

# How often in a row workers may die before anything is finished.
MOST_DEATHS = 3

_one_fit_at_a_time = threading.Lock()

# The engines that this process has started.
_started: set[str] = set()


def run(
    grid: Grid | None = None,
    *,
    engine: Engine = "batch",
    out: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    seed: int = 0,
    strategies: str | Iterable[str] | None = None,
    progress: bool = True,
) -> Results:
    """Simulate every data set of a grid and fit every strategy to it.

    The results do not depend on the number of workers, nor on interruptions: the same call
    goes on where an earlier one stopped. A fit that fails is a row with its message.

    Parameters
    ----------
    grid : Grid, optional
        What to simulate; without it the grid of the book, 2,250 data sets.
    engine : {"batch", "pymer4"}, default "batch"
        What does the computing: NumPy alone, the same on every machine, or lme4 through
        pymer4, the book's reference, hundreds of times as slow.
    out : path, optional
        Folder that holds the run, in Parquet parts written as it goes. Without it nothing
        is kept on disk.
    n_jobs : int, optional
        Worker processes, -1 for one a core; without it joblib's default, which is one
        unless an active ``joblib.parallel_config`` says otherwise. Under
        ``parallel_config(backend="dask")`` the workers are those of the Dask client, whose
        processes need ``threads_per_worker=1``, since R knows no threads.
    seed : int, default 0
        Seed of the study.
    strategies : iterable of str, optional
        Which strategies; without it the 2019 post's four.
    progress : bool, default True
        Show a progress bar with an estimate of the time left.

    Returns
    -------
    Results

    Raises
    ------
    InputError
        When an argument cannot be used.
    EngineError
        When the engine cannot run on this machine.
    RunError
        When the folder holds another run or cannot be written, or when workers keep dying.
    KeyboardInterrupt
        On Ctrl-C, after the workers have ended; it says how much is done.

    Examples
    --------
    >>> results = run(Grid(n_groups=10, n_obs=5, replications=20),
    ...               out="runs/small", n_jobs=2)                     # doctest: +SKIP
    """
    grid = Grid() if grid is None else grid
    identity = _identity(grid, engine, seed, strategies)
    check_n_jobs(n_jobs)
    if out is None:
        with TemporaryDirectory() as folder:
            return _run(grid, identity, RunFolder(folder), n_jobs, progress, kept=False)
    return _run(grid, identity, RunFolder(out), n_jobs, progress, kept=True)


def _identity(
    grid: Grid, engine: str, seed: int, strategies: str | Iterable[str] | None
) -> dict[str, Any]:
    """Check the arguments that decide the results, and put them in the manifest's form."""
    if not isinstance(grid, Grid):
        raise InputError(f"run needs a Grid, such as Grid(replications=10), not {grid!r}")
    chosen = get_strategies(strategies)
    check_engine(engine, chosen)
    return {
        "layout": LAYOUT,
        "grid": grid.to_json(),
        "seed": whole_number("seed", seed, 0),
        "engine": engine,
        "strategies": [strategy for strategy in STRATEGIES if strategy in chosen],
    }


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse what is no number of worker processes.

    Raises
    ------
    InputError
        With what was expected.
    """
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise InputError(
            "n_jobs must be a number of worker processes, such as 2, or -1 for one a core, "
            f"not {n_jobs!r}"
        )


def _run(
    grid: Grid,
    identity: dict[str, Any],
    folder: RunFolder,
    n_jobs: int | None,
    progress: bool,
    kept: bool,
) -> Results:
    """Compute what the folder lacks, and read all of it.

    The folder is locked before the first look at it, so that no other process can make another
    run of it on the way.
    """
    chunks = schedule(grid, engine_module(identity["engine"]).data_sets_at_once)
    with folder.locked():
        folder.check(identity)
        if "sha256" in folder.manifest:
            raise RunError(
                f"{folder.path} holds saved tables, which cannot be added to; choose another "
                "folder, or read them with Results.load"
            )
        tables = folder.read()
        if any(chunk.name not in tables for chunk in chunks):
            # Asked of a worker: its R stays open for the fits, and its versions are those that
            # count.
            environment = next(iter(_parallel(n_jobs, _environment, [(identity["engine"],)])))[1]
            folder.check({"versions": environment["versions"]})
            if not folder.manifest:
                started = datetime.now(UTC).isoformat(timespec="seconds")
                folder.note(**identity, **environment, started=started, finished=None, seconds=0.0)
            elif environment["machine"] not in [
                folder.manifest["machine"],
                *(others := folder.manifest.get("other_machines", [])),
            ]:
                # No reason to refuse: lme4 may stop elsewhere here, and the manifest says so.
                folder.note(other_machines=[*others, environment["machine"]])
            folder.manifest["finished"] = None
            _compute(chunks, tables, folder, identity, n_jobs, progress, kept)
            tables = folder.read()
        if folder.manifest["finished"] is None:  # also when killed between the last part and this
            folder.note(finished=datetime.now(UTC).isoformat(timespec="seconds"))
        return Results.from_parts(tables, dict(folder.manifest))


def _compute(
    chunks: list[Chunk],
    done: Mapping[str, pd.DataFrame],
    folder: RunFolder,
    identity: Mapping[str, Any],
    n_jobs: int | None,
    progress: bool,
    kept: bool,
) -> None:
    """Fit the chunks that are not done and write each as soon as it is there."""
    left = {chunk.name: chunk for chunk in chunks if chunk.name not in done}
    total = sum(len(chunk.replications) for chunk in chunks)
    n_done = total - sum(len(chunk.replications) for chunk in left.values())
    seed, engine = identity["seed"], identity["engine"]
    # Whole, since a worker may not know a strategy that was made known here.
    strategies = [get_strategy(name) for name in identity["strategies"]]
    before, start = folder.manifest["seconds"], time.monotonic()
    deaths = 0
    with _progress_bar(chunks, left, progress) as bar, warnings.catch_warnings():
        # What joblib says when a run is stopped; the run says so itself.
        warnings.filterwarnings("ignore", message=".* still being processed by the workers")
        try:
            while left:
                calls = [(chunk, seed, engine, strategies, os.getpid()) for chunk in left.values()]
                try:
                    with closing(_parallel(n_jobs, _fit_chunk, calls)) as finished:
                        for (chunk, *_), table in finished:
                            folder.write(chunk.name, table.assign(**chunk.labels))
                            del left[chunk.name]
                            n_done += len(chunk.replications)
                            seconds = before + time.monotonic() - start
                            folder.note(seconds=round(seconds, 1))
                            bar.set_description_str(f"{n_done}/{total} data sets", refresh=False)
                            bar.update(chunk.cost)
                            deaths = 0
                except BrokenProcessPool as error:
                    deaths += 1
                    if deaths == MOST_DEATHS:
                        raise RunError(
                            f"worker processes died {deaths} times in a row, killed or out of "
                            "memory; try fewer workers"
                        ) from error
                    warnings.warn(
                        "a worker process died (killed, or out of memory); what it had in hand "
                        "is computed again",
                        stacklevel=4,
                    )
        except RunError as error:
            raise RunError(f"{error}; {_so_far(n_done, total, folder, kept)}") from error
        except KeyboardInterrupt:
            _let_queues_end()
            raise KeyboardInterrupt(f"stopped; {_so_far(n_done, total, folder, kept)}") from None


def _let_queues_end() -> None:
    """Wait for the threads that fed the workers, which loky leaves to end by themselves.

    A process that exits before they have freed their semaphores prints warnings about them
    below the message that says how to resume.
    """
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(timeout=1)


def _so_far(n_done: int, total: int, folder: RunFolder, kept: bool) -> str:
    """Say what is there, and how to go on."""
    done = f"{n_done:,} of {total:,} data sets"
    if kept:
        return f"{done} are safe in {folder.path}; the same call goes on from there"
    return f"{done} were done and are lost, since no folder was named; name one with out="


def _parallel(
    n_jobs: int | None, function: Any, calls: Iterable[tuple[Any, ...]]
) -> Generator[tuple[tuple[Any, ...], Any], None, None]:
    """Yield each call's arguments with its result, in the order in which they end."""
    parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    with closing(parallel(joblib.delayed(_with_arguments)(function, call) for call in calls)) as g:
        yield from g


def _with_arguments(function: Any, call: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
    return call, function(*call)


def _environment(engine: str) -> dict[str, Any]:
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


def _fit_chunk(
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


def _progress_bar(chunks: Iterable[Chunk], left: Container[str], shown: bool) -> Any:
    """Show what is done, weighted by cost: conditions differ in it by a factor of twenty."""
    costs = {chunk.name: chunk.cost for chunk in chunks}
    with warnings.catch_warnings():  # without ipywidgets a notebook gets the terminal's bar
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    return tqdm(
        total=sum(costs.values()),
        initial=sum(cost for name, cost in costs.items() if name not in left),
        disable=not shown,
        file=sys.stderr,
        bar_format="{l_bar}{bar}| {elapsed} gone, {remaining} left",
    )
