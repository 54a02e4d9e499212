import errno
import functools
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import tqdm.auto
from fake_engine import FAKE
from joblib.externals.loky import get_reusable_executor

from mlmlearn import (
    Condition,
    Grid,
    InputError,
    Results,
    RunError,
    fit,
    load_reference,
    loop,
    run,
    simulate,
    workers,
)
from mlmlearn import store as store_module
from mlmlearn.machine import one_thread
from mlmlearn.schedule import schedule
from mlmlearn.store import RunFolder
from mlmlearn.strategies import get_strategies
from mlmlearn.workers import fit_all

GRID = Grid(n_groups=[6, 7], n_obs=[5], group_sd=[0.1, 1], replications=7)
KEY = ["n_groups", "n_obs", "group_sd", "replication", "strategy"]


@pytest.fixture(scope="module")
def fake():
    """GRID in this process, in memory."""
    return run(GRID, engine=FAKE, progress=False)


@pytest.fixture
def fresh_workers():
    """Workers that see this test's environment variables."""
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.fits, other.fits, check_exact=True)
    pd.testing.assert_frame_equal(
        one.diagnostics.drop(columns="seconds"),
        other.diagnostics.drop(columns="seconds"),
        check_exact=True,
    )


def parts(folder):
    return sorted((Path(folder) / "parts").glob("*.parquet"))


def test_every_data_set_strategy_and_term_has_its_row(fake):
    assert list(fake.fits) == [
        *KEY,
        "term",
        "truth",
        "estimate",
        "se",
        "df",
        "t",
        "p",
        "ci_low",
        "ci_high",
    ]
    assert list(fake.diagnostics) == [
        *KEY, "converged", "singular", "max_gradient", "messages", "reml_deviance", "seconds",
    ]  # fmt: skip
    assert len(fake.diagnostics) == 4 * 7 * 4 == len(fake.diagnostics.drop_duplicates(KEY))
    assert len(fake.fits) == 4 * len(fake.diagnostics)
    assert fake.fits["n_groups"].is_monotonic_increasing
    assert len(fake.recovery()) == len(fake.diagnostics)
    assert fake.manifest["versions"]["fake"] == "1"
    assert fake.manifest["finished"] >= fake.manifest["started"]


def test_a_fit_that_fails_is_a_row_with_its_message(fake):
    failed = fake.diagnostics.query("n_groups == 7 and strategy == 'mlm_full'")
    assert len(failed) == 14
    assert (failed["messages"] == "failed: seven groups are too many").all()
    assert not failed["converged"].any()
    rows = fake.fits.query("n_groups == 7 and strategy == 'mlm_full'")
    assert rows["truth"].notna().all()
    assert rows[["estimate", "se", "df", "t", "p"]].isna().all(axis=None)
    others = fake.diagnostics.query("strategy == 'mlm_intercept'")
    assert (others["messages"] == "lme4: one; optimiser: two").all()


def test_an_error_that_is_not_a_fits_stops_the_run(monkeypatch, tmp_path):
    def broken(strategy, batch):
        raise KeyError("a fault")

    monkeypatch.setattr("fake_engine.fit", broken)
    with pytest.raises(KeyError, match="a fault"):
        run(GRID, engine=FAKE, out=tmp_path / "run", progress=False)


def test_a_row_leads_to_its_data_set(fake):
    row = fake.fits.iloc[100]
    found = fake.dataset(row)
    assert (found.condition.n_groups, found.replication) == (row["n_groups"], row["replication"])
    assert row["truth"] in found.betas
    again = fit("cluster_robust", found, engine=FAKE)
    same = fake.fits.query("strategy == 'cluster_robust'").merge(row[KEY[:4]].to_frame().T)
    np.testing.assert_array_equal(same["estimate"], again.coefs["estimate"])
    assert fake.dataset(fake.diagnostics.iloc[-1].to_dict()).condition.group_sd == 1
    with pytest.raises(InputError, match=r"^dataset needs one row with n_groups, n_obs, "):
        fake.dataset(37)


def test_two_workers_and_one_and_a_resumed_run_give_the_same_tables(fake, tmp_path):
    both = run(GRID, engine=FAKE, n_jobs=2, out=tmp_path / "run", progress=False)
    assert_same(both, fake)
    for path in parts(tmp_path / "run")[::2]:
        path.unlink()
    damaged = parts(tmp_path / "run")[0]
    damaged.write_bytes(damaged.read_bytes()[:-10])
    with pytest.warns(UserWarning, match="left out 1 damaged part"):
        resumed = run(GRID, engine=FAKE, n_jobs=1, out=tmp_path / "run", progress=False)
    assert_same(resumed, fake)
    assert_same(Results.load(tmp_path / "run"), fake)


def test_parts_are_put_together_as_pandas_would(fake, tmp_path):
    """Types differ where a part has failed fits alone, or numbers without decimals."""
    first = fake.fits.merge(fake.diagnostics, on=fake.fit_key)
    of_one = first["n_groups"] == first["n_groups"].min()
    whole = first[of_one].assign(truth=1, converged=True, max_gradient=1)
    failed = first[~of_one].assign(converged=None, messages="failed: so", estimate=np.nan)
    parts = [whole, failed, whole.assign(truth=0.5), failed]
    store = RunFolder(tmp_path / "run")
    store.note(**fake.manifest)
    for i, part in enumerate(parts):
        store.write(f"{i:05d}-00000000", part)
    together = pd.concat(parts, ignore_index=True)
    found = Results.load(tmp_path / "run")
    pd.testing.assert_frame_equal(found.fits, together[[*fake.fits]], check_exact=True)
    one_each = together[together["term"] == "Intercept"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found.diagnostics, one_each[[*fake.diagnostics]], check_exact=True
    )
    found.fits.loc[0, "estimate"] = 0  # a table of the user's own


def test_tables_of_many_parts_are_in_memory_only_once(fake, tmp_path):
    part = fake.fits.merge(fake.diagnostics, on=fake.fit_key)
    part = pd.concat([part] * 10, ignore_index=True)
    store = RunFolder(tmp_path / "run")
    store.note(**fake.manifest)
    for i in range(50):
        store.write(f"{i:05d}-00000000", part)
    del part
    tracemalloc.start()
    found = Results.load(tmp_path / "run")
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tables = [table.memory_usage(index=False).sum() for table in (found.fits, found.diagnostics)]
    assert sum(tables) < size  # what is traced is there
    assert peak < 2 * sum(tables)


def test_parts_written_by_pandas_are_read(fake, tmp_path, monkeypatch):
    """As they were written at first: folders of earlier runs are still read."""
    monkeypatch.setattr(store_module, "to_parquet", lambda table: table.to_parquet(index=False))
    found = run(GRID, engine=FAKE, out=tmp_path / "run", progress=False)
    assert_same(found, fake)
    assert_same(Results.load(tmp_path / "run"), fake)


def test_a_finished_run_is_read_and_not_computed(tmp_path, monkeypatch):
    first = run(GRID, engine=FAKE, out=tmp_path / "run", progress=False)
    monkeypatch.setattr("fake_engine.versions", None)  # nobody may ask
    assert_same(run(GRID, engine=FAKE, out=tmp_path / "run", progress=False), first)


def test_a_folder_of_another_run_or_other_versions_is_refused(tmp_path, monkeypatch):
    run(GRID, engine=FAKE, out=tmp_path / "run", progress=False)
    with pytest.raises(RunError, match="holds another run: seed is 0 there and 1 here; choose"):
        run(GRID, engine=FAKE, out=tmp_path / "run", seed=1, progress=False)
    with pytest.raises(RunError, match=r"grid.replications is 7 there and 50 here"):
        run(Grid([6, 7], [5], [0.1, 1]), engine=FAKE, out=tmp_path / "run", progress=False)
    parts(tmp_path / "run")[0].unlink()
    monkeypatch.setenv("FAKE_VERSION", "2")
    with pytest.raises(RunError, match=r"versions.fake is '1' there and '2' here"):
        run(GRID, engine=FAKE, out=tmp_path / "run", progress=False)


def test_saved_tables_come_back_and_damage_is_noticed(fake, tmp_path):
    fake.save(tmp_path / "saved")
    assert_same(Results.load(tmp_path / "saved"), fake)
    assert Results.load(tmp_path / "saved").manifest == fake.manifest
    with pytest.raises(RunError, match="holds saved tables"):
        run(GRID, engine=FAKE, out=tmp_path / "saved", progress=False)
    (tmp_path / "saved" / "fits.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"fits.parquet is missing or damaged: its checksum is"):
        Results.load(tmp_path / "saved")
    with pytest.raises(RunError, match=r"holds no results"):
        Results.load(tmp_path / "nothing")


def test_csv_keeps_every_digit(fake, tmp_path):
    fake.to_csv(tmp_path)
    found = pd.read_csv(tmp_path / "fits.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(found, fake.fits, check_exact=True)


def test_a_disk_that_fills_up_leaves_what_was_written(fake, tmp_path, monkeypatch):
    write = store_module.write_atomically

    def filling(path, content):
        if len(parts(tmp_path / "run")) == 3 and path.suffix == ".parquet":
            raise RunError(f"{path} could not be written: {os.strerror(errno.ENOSPC)}")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_atomically", filling)
        full = re.escape(os.strerror(errno.ENOSPC))
        with pytest.raises(RunError, match=rf"{full}; 15 of 28 data sets are safe"):
            run(GRID, engine=FAKE, out=tmp_path / "run", progress=False)
    assert len(Results.load(tmp_path / "run").diagnostics) == 15 * 4
    assert_same(run(GRID, engine=FAKE, out=tmp_path / "run", progress=False), fake)


def test_a_worker_that_dies_is_reported_and_its_work_done_again(
    fake, tmp_path, monkeypatch, fresh_workers
):
    death = tmp_path / "death"
    death.touch()
    monkeypatch.setenv("FAKE_DEATH", str(death))
    with pytest.warns(UserWarning, match=r"^a worker process died"):
        found = run(GRID, engine=FAKE, n_jobs=2, out=tmp_path / "run", progress=False)
    assert not death.exists()
    assert_same(found, fake)


def test_arguments_are_checked_before_anything_is_written(tmp_path):
    out = tmp_path / "run"
    for wrong, message in (
        ({"grid": 3}, r"^run needs a Grid"),
        ({"engine": "spss"}, r"^unknown engine 'spss'; the known ones are pymer4"),
        ({"seed": -1}, r"^seed must be a whole number"),
        ({"strategies": []}, r"^no strategy was named"),
        ({"strategies": ["anova"]}, r"^unknown strategy 'anova'"),
        ({"n_jobs": 0}, r"^n_jobs must be a number of worker processes, such as 2, .* not 0$"),
        ({"n_jobs": "two"}, r"^n_jobs must be .* not 'two'$"),
    ):
        with pytest.raises(InputError, match=message):
            run(**{"grid": GRID, "engine": FAKE, "out": out} | wrong)
    assert not out.exists()


def test_strategies_keep_the_registrys_order(tmp_path):
    found = run(GRID, engine=FAKE, strategies=["two_stage", "mlm_intercept"], progress=False)
    assert found.diagnostics["strategy"].head(2).tolist() == ["mlm_intercept", "two_stage"]


def test_the_schedule_covers_the_grid_once_the_slow_before_the_quick():
    grid = Grid(n_groups=[10, 100], n_obs=[5, 100], group_sd=[1], replications=12)
    chunks = schedule(grid, lambda n_groups, n_obs: 1)
    covered = [(chunk.position, i) for chunk in chunks for i in chunk.replications]
    assert sorted(covered) == [(position, i) for position in range(4) for i in range(12)]
    assert max(len(chunk.replications) for chunk in chunks) == 5
    assert [chunk.position for chunk in chunks[:8]] == [3, 3, 3, 3, 3, 1, 2, 0]
    assert [chunk.position for chunk in chunks[-4:]] == [3, 1, 2, 0]
    assert len({chunk.name for chunk in chunks}) == len(chunks)


def test_the_bar_counts_data_sets_and_says_how_long_is_left(capsys, monkeypatch):
    # Drawn at every step, however little time has gone since the last.
    monkeypatch.setattr("tqdm.auto.tqdm", functools.partial(tqdm.auto.tqdm, mininterval=0))
    run(GRID, engine=FAKE)
    shown = capsys.readouterr().err
    assert "28/28 data sets" in shown
    assert "00:00 left" in shown


SCRIPT = """
import os, sys
sys.path.insert(0, {tests!r})
from fake_engine import FAKE
from mlmlearn import Grid, cli, run
if "KILL_AT" in os.environ:
    import kill_at
if len(sys.argv) > 3:  # under the command line
    cli.run = lambda *args, **options: run(*args, **options | {{"engine": FAKE}})
    sys.exit(cli.main(sys.argv[1:]))
grid = Grid(n_groups=[6, 7], n_obs=[5], group_sd=[0.1, 1], replications=10)
run(grid, engine=FAKE, out=sys.argv[1], n_jobs=int(sys.argv[2]), progress=False)
"""
# What SCRIPT runs: eight parts of five data sets, which are twenty fits.
SCRIPTS_GRID = Grid(n_groups=[6, 7], n_obs=[5], group_sd=[0.1, 1], replications=10)
N_PARTS, PART = 8, 20


def start(*arguments, **environment):
    """Start a run in a process group of its own."""
    code = SCRIPT.format(tests=str(Path(__file__).parent))
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(folder, n, process):
    """Wait for the parts that a run writes before it stops by itself, at a gate of the engine."""
    while len(parts(folder)) < n:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


MOMENTS = [
    "half a manifest 1",
    "before a manifest 1",
    "after a manifest 1",
    "in a fit 1",
    "half a part 1",
    "before a part 1",
    "after a part 1",
    "before a manifest 1",  # the one that counts the seconds, after a part
    "in a fit 50",
    "after a part 2",
    "half the last manifest 1",
]


@pytest.mark.filterwarnings("error")  # a damaged part would be one
def test_kills_at_every_kind_of_moment_change_nothing_and_lose_little(tmp_path):
    out, log = tmp_path / "run", tmp_path / "log"
    log.touch()
    for moment in MOMENTS:
        before, fits = parts(out), log.stat().st_size
        process = start(out, 1, FAKE_LOG=str(log), KILL_AT=moment)
        said = process.communicate()[1]
        assert (process.returncode, said) == (-signal.SIGKILL, ""), moment
        new = set(parts(out)) - set(before)
        assert set(before) <= set(parts(out)), moment
        assert len(list(RunFolder(out).read()[1])) == len(parts(out))
        assert log.stat().st_size - fits - PART * len(new) <= PART, moment  # the part in hand
    assert len(parts(out)) == N_PARTS
    process = start(out, 1, FAKE_LOG=str(log))
    assert process.communicate()[1] == ""
    assert not [*out.rglob("*.tmp")]
    assert Results.load(out).manifest["finished"]
    assert_same(Results.load(out), run(SCRIPTS_GRID, engine=FAKE, progress=False))


def test_a_kill_of_two_workers_loses_only_what_they_hold(tmp_path):
    out, log = tmp_path / "run", tmp_path / "log"
    process = start(out, 2, FAKE_LOG=str(log), FAKE_HOLD="100")
    # Of a hundred fits two workers can hold two parts; the others must come to the disk.
    wait_for_parts(out, (100 - 2 * PART) // PART, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = N_PARTS - len(parts(out))
    log.unlink()
    process = start(out, 2, FAKE_LOG=str(log))
    assert process.communicate()[1] == ""
    assert log.stat().st_size == left * PART  # nothing is done twice
    assert_same(Results.load(out), run(SCRIPTS_GRID, engine=FAKE, progress=False))


def test_ctrl_c_ends_cleanly_and_says_how_to_resume(fake, tmp_path):
    out, log = tmp_path / "run", tmp_path / "log"
    arguments = [
        "run", "--out", out, "--n-groups", 6, 7, "--n-obs", 5, "--group-sd", 0.1, 1,
        "--replications", 7, "--jobs", 2, "--quiet",
    ]  # fmt: skip
    process = start(*arguments, FAKE_LOG=str(log), FAKE_HOLD=str(3 * PART))
    wait_for_parts(out, 1, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    log.with_suffix(".go").touch()
    said = process.communicate()[1]
    assert process.returncode == 130
    assert said.startswith("mlmlearn: stopped; ")
    assert said.endswith(f" of 28 data sets are safe in {out}; the same call goes on from there\n")
    assert said.count("\n") == 1
    assert 0 < len(parts(out)) < 8
    assert_same(run(GRID, engine=FAKE, out=out, progress=False), fake)


def test_ctrl_c_never_reaches_a_worker_not_even_one_that_still_imports():
    code = (
        "import signal\n"
        "from mlmlearn.workers import in_workers\n"
        "mask = signal.pthread_sigmask\n"
        "(there,) = in_workers(2, mask, [(signal.SIG_BLOCK, set())])\n"
        "print(signal.SIGINT in there, signal.SIGINT in mask(signal.SIG_BLOCK, set()))\n"
    )
    # In a process of its own, since the first workers of one start differently from later ones.
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False"]


def test_a_stop_without_a_folder_does_not_promise_what_is_gone(monkeypatch):
    done = []

    def stopping(chunk, *rest):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(chunk)
        return fit_chunk(chunk, *rest)

    fit_chunk = loop.fit_chunk
    monkeypatch.setattr(loop, "fit_chunk", stopping)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(GRID, engine=FAKE, progress=False)
    n_done = sum(len(chunk.replications) for chunk in done)
    assert str(caught.value) == (
        f"stopped; {n_done} of 28 data sets were done and are lost, since no folder was named; "
        "name one with out="
    )


def test_two_runs_started_at_once_in_one_folder_are_never_mixed(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from fake_engine import FAKE
from mlmlearn import Grid, RunError, run
grid = Grid(n_groups=[6], n_obs=[5], group_sd=[0.1, 1], replications=12)
try:
    run(grid, engine=FAKE, out=sys.argv[1], seed=int(sys.argv[2]), progress=False)
    print("done")
except RunError as error:
    print(error)
"""
    grid = Grid(n_groups=[6], n_obs=[5], group_sd=[0.1, 1], replications=12)
    expected = [run(grid, engine=FAKE, seed=seed, progress=False) for seed in (0, 1)]
    for i in range(4):
        out = tmp_path / str(i)
        both = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(out), str(seed)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for seed in (0, 1)
        ]  # fmt: skip
        said = [process.communicate()[0].strip() for process in both]
        done = [text == "done" for text in said]
        assert done in ([True, False], [False, True]), said
        other = said[done.index(False)]
        assert "another process is computing the run in" in other or "holds another run" in other
        found = Results.load(out)
        assert found.manifest["seed"] == done.index(True)
        assert_same(found, expected[done.index(True)])


def test_what_the_results_depend_on_stands_in_the_manifest(fake):
    machine = fake.manifest["machine"]
    assert machine["cores"] == os.cpu_count()
    assert machine["processor"]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert "openblas" not in blas or "openblas" in machine["blas"]
    assert {"Python", "numpy", "scipy", "pandas", "fake"} <= set(fake.manifest["versions"])


def test_a_run_that_goes_on_elsewhere_says_so(fake, tmp_path, monkeypatch):
    out = tmp_path / "run"
    run(GRID, engine=FAKE, out=out, progress=False)
    parts(out)[0].unlink()
    elsewhere = {"system": "another", "processor": "another", "cores": 1, "blas": "another"}
    monkeypatch.setattr(workers, "describe", lambda: elsewhere)
    resumed = run(GRID, engine=FAKE, out=out, progress=False)
    assert_same(resumed, fake)
    assert resumed.manifest["machine"] == fake.manifest["machine"]
    assert resumed.manifest["other_machines"] == [elsewhere]


def test_threads_of_blas_are_as_they_were(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")

    def state():
        counts = {lib["filepath"]: lib["num_threads"] for lib in threadpoolctl.threadpool_info()}
        return counts, os.environ.get("OMP_NUM_THREADS"), os.environ["MKL_NUM_THREADS"]

    grid = Grid(n_groups=[6], n_obs=[5], group_sd=[0.1, 1], replications=600)
    with threadpoolctl.threadpool_limits(limits=2):
        before = state()
        with joblib.parallel_config(backend="threading"):
            run(grid, engine="batch", n_jobs=4, progress=False)
        assert state() == before
        # A second thread waits until the first has gone.
        seen = []

        def second():
            with one_thread():
                seen.append(os.environ["OMP_NUM_THREADS"])

        with one_thread():
            waiting = threading.Thread(target=second)
            waiting.start()
            waiting.join(timeout=0.2)
            assert (set(state()[0].values()), seen) == ({1}, [])
        waiting.join()
        assert (state(), seen) == (before, ["1"])


def test_results_and_data_can_be_compared_without_an_error(fake):
    simulated = simulate(Condition(5, 6, 1))
    result = fit("two_stage", simulated, engine=FAKE)
    for one, other in (
        (fake, Results(fake.fits, fake.diagnostics, fake.manifest)),
        (simulated, simulate(Condition(5, 6, 1))),
        (result, fit("two_stage", simulated, engine=FAKE)),
    ):
        assert one == one
        assert one != other
        assert len({one, other}) == 2


def test_dask_gives_the_same_tables(fake):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        assert_same(run(GRID, engine=FAKE, n_jobs=2, progress=False), fake)


def test_a_package_without_the_reference_run_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("mlmlearn.results.files", lambda package: tmp_path)
    with pytest.raises(RunError, match=r"^this copy of mlmlearn came without the reference run"):
        load_reference()


PYMER4 = Grid(n_groups=[8], n_obs=[6], group_sd=[0.1, 1], replications=6)


@pytest.fixture(scope="module")
def pymer4():
    """PYMER4 by two workers."""
    return run(PYMER4, engine="pymer4", n_jobs=2, progress=False)


@pytest.mark.needs_r
def test_pymer4s_fits_do_not_depend_on_what_was_fitted_before(pymer4):
    backwards = [
        fit_all(
            condition,
            0,
            [i],
            "pymer4",
            get_strategies(["two_stage", "mlm_intercept", "mlm_full", "cluster_robust"]),
        ).assign(**PYMER4.labels(condition))
        for condition in reversed(list(PYMER4.conditions()))
        for i in (5, 3, 0)
    ]
    table = pd.concat(backwards)[list(pymer4.fits)]
    key = [*KEY, "term"]
    pd.testing.assert_frame_equal(
        pymer4.fits.query("replication in (5, 3, 0)").sort_values(key, ignore_index=True),
        table.sort_values(key, ignore_index=True),
        check_exact=True,
    )
    needed = {"R", "lme4", "lmerTest", "pymer4", "numpy", "Python"}
    assert needed <= set(pymer4.manifest["versions"])
    assert pymer4.diagnostics["messages"].str.startswith("lme4: boundary (singular) fit").any()


# R itself sends the signal, in the midst of the search that is chosen: so Ctrl-C comes while R
# is at work, wherever that is. A data set needs two searches, and the first part holds five.
STOPPED_IN_R = """
import os, sys
from mlmlearn import Condition, Grid, fit, run, simulate
before = os.environ.get("LD_LIBRARY_PATH")
fit("two_stage", simulate(Condition(5, 6, 1)), engine="pymer4")
assert os.environ.get("LD_LIBRARY_PATH") == before  # or later processes load other libraries
out, search, number = sys.argv[1:]
from rpy2 import robjects
robjects.r(f'''
    searches <- 0
    count <- function() {{
        searches <<- searches + 1
        if (searches == {search}) tools::pskill(Sys.getpid(), {number})
    }}
    trace("optimizeLmer", quote(count()), print = FALSE, where = asNamespace("lme4"))
''')
run(Grid([8], [6], [0.1, 1], 6), engine="pymer4", out=out, progress=False)
"""


@pytest.mark.needs_r
def test_a_run_stopped_and_killed_under_pymer4_resumes_to_the_same_tables(pymer4, tmp_path):
    out = tmp_path / "run"
    for search, number, n_parts in ((14, signal.SIGINT, 1), (11, signal.SIGKILL, 2)):
        stopped = subprocess.run(
            [sys.executable, "-c", STOPPED_IN_R, out, str(search), str(int(number))],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert len(parts(out)) == n_parts, stopped.stderr
        assert ("KeyboardInterrupt: stopped; " in stopped.stderr) == (number == signal.SIGINT)
        assert stopped.returncode != 0
    assert_same(run(PYMER4, engine="pymer4", out=out, progress=False), pymer4)


@pytest.mark.needs_r
def test_pymer4_fits_in_any_thread():
    simulated = simulate(Condition(8, 6, 1))
    here = fit("mlm_full", simulated, engine="pymer4").coefs
    found = []
    thread = threading.Thread(
        target=lambda: found.append(fit("mlm_full", simulated, engine="pymer4").coefs)
    )
    thread.start()
    thread.join()
    pd.testing.assert_frame_equal(found[0], here, check_exact=True)
