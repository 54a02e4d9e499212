"""The simulation loop: every condition, replication and strategy, on as many cores as given."""

import os
import sys
import time
import warnings
from collections.abc import Container, Iterable, Mapping
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from numbers import Integral
from tempfile import TemporaryDirectory
from typing import Any

from joblib.externals.loky import BrokenProcessPool

from mlmlearn.checks import whole_number
from mlmlearn.conditions import Grid
from mlmlearn.engines import Engine, check_engine, engine_module
from mlmlearn.errors import InputError, RunError
from mlmlearn.results import Results
from mlmlearn.schedule import LAYOUT, Chunk, schedule
from mlmlearn.store import RunFolder
from mlmlearn.strategies import STRATEGIES, get_strategies
from mlmlearn.workers import environment, fit_chunk, in_workers, let_queues_end

__all__ = ["check_n_jobs", "run"]

# How often in a row workers may die before anything is finished.
MOST_DEATHS = 3


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

    The results depend neither on the number of workers nor on interruptions: the same call goes on
    where an earlier one stopped. A fit that fails is a row with its message.

    Parameters
    ----------
    grid : Grid, optional
        What to simulate; without it the grid of the book, 2,250 data sets.
    engine, strategies
        As for `compare`.
    out : path, optional
        Folder that keeps the run, in Parquet parts written as it goes.
    n_jobs : int, optional
        Worker processes, -1 for one a core; without it joblib's default, which is one unless
        ``joblib.parallel_config`` says otherwise. The workers of a Dask client need
        ``threads_per_worker=1``, since R knows no threads.
    seed : int, default 0
        Seed of the study.
    progress : bool, default True
        Show a progress bar with an estimate of the time left.

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
    if not isinstance(grid, Grid):
        raise InputError(f"run needs a Grid, such as Grid(replications=10), not {grid!r}")
    chosen = get_strategies(strategies)
    check_engine(engine, chosen)
    check_n_jobs(n_jobs)
    identity = {  # all that decides the results, in the manifest's form
        "layout": LAYOUT,
        "grid": grid.to_json(),
        "seed": whole_number("seed", seed, 0),
        "engine": engine,
        "strategies": [one.id for one in STRATEGIES.values() if one in chosen],
    }
    with TemporaryDirectory() if out is None else nullcontext(out) as folder:
        return _run(grid, identity, RunFolder(folder), n_jobs, progress, kept=out is not None)


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse what is no number of worker processes."""
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
    """Compute what the folder lacks, and read all of it, locked from the first look at it on."""
    chunks = schedule(grid, engine_module(identity["engine"]).data_sets_at_once)
    with folder.locked():
        folder.check(identity)
        if "sha256" in folder.manifest:
            raise RunError(
                f"{folder.path} holds saved tables, which cannot be added to; choose another "
                "folder, or read them with Results.load"
            )
        done = folder.sound()
        if any(chunk.name not in done for chunk in chunks):
            # Asked of a worker: its R stays open, and its versions are those that count.
            (here,) = in_workers(n_jobs, environment, [(identity["engine"],)])
            folder.check({"versions": here["versions"]})
            if not folder.manifest:
                started = datetime.now(UTC).isoformat(timespec="seconds")
                folder.note(**identity, **here, started=started, finished=None, seconds=0.0)
            others = folder.manifest.get("other_machines", [])
            if here["machine"] not in [folder.manifest["machine"], *others]:
                # No reason to refuse: lme4 may stop elsewhere here, and the manifest says so.
                folder.note(other_machines=[*others, here["machine"]])
            folder.manifest["finished"] = None
            _compute(chunks, done, folder, identity, n_jobs, progress, kept)
        if folder.manifest["finished"] is None:  # also when killed between the last part and this
            folder.note(finished=datetime.now(UTC).isoformat(timespec="seconds"))
        return Results.from_parts(*folder.read(), dict(folder.manifest))


def _compute(
    chunks: list[Chunk],
    done: Container[str],
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
    strategies = get_strategies(identity["strategies"])
    before, start = folder.manifest["seconds"], time.monotonic()
    deaths = 0
    with _progress_bar(chunks, left.values(), progress) as bar, warnings.catch_warnings():
        # What joblib says when a run is stopped; the run says so itself.
        warnings.filterwarnings("ignore", message=".* still being processed by the workers")
        try:
            while left:
                calls = [(chunk, seed, engine, strategies, os.getpid()) for chunk in left.values()]
                try:
                    with closing(in_workers(n_jobs, fit_chunk, calls)) as finished:
                        for chunk, table in finished:
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
            let_queues_end()
            raise KeyboardInterrupt(f"stopped; {_so_far(n_done, total, folder, kept)}") from None


def _so_far(n_done: int, total: int, folder: RunFolder, kept: bool) -> str:
    """Say what is there, and how to go on."""
    done = f"{n_done:,} of {total:,} data sets"
    if kept:
        return f"{done} are safe in {folder.path}; the same call goes on from there"
    return f"{done} were done and are lost, since no folder was named; name one with out="


def _progress_bar(chunks: Iterable[Chunk], left: Iterable[Chunk], shown: bool) -> Any:
    """Show what is done, weighted by cost: conditions differ in it by a factor of twenty."""
    total = sum(chunk.cost for chunk in chunks)
    with warnings.catch_warnings():  # without ipywidgets a notebook gets the terminal's bar
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    return tqdm(
        total=total,
        initial=total - sum(chunk.cost for chunk in left),
        disable=not shown,
        file=sys.stderr,
        bar_format="{l_bar}{bar}| {elapsed} gone, {remaining} left",
    )
