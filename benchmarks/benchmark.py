"""How right and how fast the batch engine is, against lme4, pymer4, mixedlm and statsmodels.

`make benchmark` runs it (about five minutes on two cores) and writes the tables that the book
shows into book/data/benchmark. Times are CPU times but for the whole grid's, and belong to the
machine; ratios travel better. Every program gets one core, by variables of the environment that
the Makefile sets.
"""

import os
import platform
import resource
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mixedlm
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from joblib.externals.loky import get_reusable_executor
from mixedlm.inference.ddf import satterthwaite_df
from tqdm import tqdm

from mlmlearn import Condition, Grid, SimulatedData, fit, load_reference, run, simulate
from mlmlearn.batch import Batch
from mlmlearn.engines import fit_batch
from mlmlearn.simulation import Draws, draw_many
from mlmlearn.strategies import STRATEGIES

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "book" / "data" / "benchmark"
RANDOM = {"mlm_full": "IV1 + IV2 + IV3", "mlm_intercept": "1"}
SAMPLE = [(10, 5), (30, 25), (100, 5), (100, 25), (100, 100)]


def accuracy() -> pd.DataFrame:
    """Compare the batch engine with the reference run and with mixedlm's optima."""
    reference = load_reference()
    found = run(Grid(), n_jobs=2, progress=False)
    key = reference.fit_key
    theirs, ours = (r.diagnostics.set_index(key) for r in (reference, found))
    best = theirs["reml_deviance"].copy()
    optimum = pd.read_parquet(ROOT / "book/data/mixedlm_optimum.parquet")
    optimum = optimum[optimum["term"] == "Intercept"].assign(strategy="mlm_full").set_index(key)
    best.update(np.minimum(best, optimum["reml_deviance"].reindex(best.index)))
    above = (ours["reml_deviance"] - best).groupby("strategy").max()
    silent = theirs["messages"] == ""
    both = reference.fits.set_index([*key, "term"]).join(
        found.fits.set_index([*key, "term"]), rsuffix="_batch"
    )
    both = both[silent.reindex(both.index.droplevel("term")).to_numpy()]
    change = pd.DataFrame(
        {
            "estimate_in_se": (both["estimate_batch"] - both["estimate"]).abs() / both["se"],
            "se_relative": (both["se_batch"] / both["se"] - 1).abs(),
            "df_relative": (both["df_batch"] / both["df"] - 1).abs(),
        }
    )
    per_fit = change.groupby(key).max()
    beyond = per_fit > pd.Series({"estimate_in_se": 1e-3, "se_relative": 1e-3, "df_relative": 1e-2})
    table = per_fit.groupby("strategy").max()
    table.insert(0, "fits_without_message", silent.groupby("strategy").sum())
    table.insert(0, "deviance_above_best", above)
    table["fits_beyond_a_bound"] = beyond.any(axis=1).groupby("strategy").sum()
    stopped_short = (theirs["reml_deviance"] - ours["reml_deviance"])[per_fit.index]
    table["lme4_above_there"] = stopped_short[beyond.any(axis=1)].groupby("strategy").max()
    return table.reset_index()


def with_batch(strategy: str, n: int, condition: Condition) -> float:
    """Time the batch engine, all data sets at once; seconds a data set."""
    chosen, drawn = STRATEGIES[strategy], draw_many(condition, 0, range(n))
    return _best_of(lambda: fit_batch(chosen, summed_up(condition, drawn), "batch")) / n


def summed_up(condition: Condition, drawn: Draws) -> Batch:
    """Sum up data sets as the loop does."""
    seeds, n_within = range(len(drawn.y)), len(condition.predictors) + 1
    return Batch.of_arrays(condition.terms, n_within, drawn.X, drawn.y, drawn.present, seeds)


def one_by_one(
    call: Callable[[str, SimulatedData], object],
) -> Callable[[str, int, Condition], float]:
    """Time a program that takes a data set at a time; seconds a data set."""

    def seconds(strategy: str, n: int, condition: Condition) -> float:
        data = [simulate(condition, replication=i) for i in range(n)]
        return _best_of(lambda: [call(strategy, simulated) for simulated in data]) / n

    return seconds


def _best_of(work: Callable[[], object]) -> float:
    """Time the best of three passes, or of as many as a second holds.

    The first loads what others find loaded, and short ones could all fall into a busy moment.
    """
    seconds: list[float] = []
    while len(seconds) < 3 or sum(seconds) < 1:
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def formula(strategy: str) -> str:
    """Write a strategy in lme4's language."""
    return f"DV ~ IV1 + IV2 + IV3 + ({RANDOM[strategy]} | Group)"


def with_statsmodels(strategy: str, simulated: SimulatedData) -> object:
    """Fit with statsmodels' MixedLM."""
    model = smf.mixedlm(
        "DV ~ IV1 + IV2 + IV3",
        simulated.data,
        groups="Group",
        re_formula=None if strategy == "mlm_intercept" else f"~ {RANDOM[strategy]}",
    )
    return model.fit(reml=True)


def with_mixedlm(strategy: str, simulated: SimulatedData) -> Any:
    """Fit with mixedlm."""
    return mixedlm.lmer(formula(strategy), simulated.data)


def with_lme4(strategy: str, simulated: SimulatedData) -> object:
    """Fit with lme4 in R, with nothing of pymer4 around it."""
    from rpy2 import robjects

    columns = {name: robjects.FloatVector(simulated.data[name]) for name in simulated.data}
    robjects.globalenv["d"] = robjects.DataFrame(columns)
    return robjects.r(f"suppressMessages(suppressWarnings(lme4::lmer({formula(strategy)}, d)))")


PROGRAMS: dict[str, tuple[Callable[[str, int, Condition], float], int]] = {
    # name: how to time it, and how many data sets
    "batch": (with_batch, 50),
    "pymer4": (one_by_one(lambda s, data: fit(s, data, engine="pymer4")), 3),
    "lme4 in R, no df": (one_by_one(with_lme4), 3),
    "mixedlm": (one_by_one(lambda s, data: satterthwaite_df(with_mixedlm(s, data))), 5),
    "mixedlm, no df": (one_by_one(with_mixedlm), 5),
    "statsmodels, no df": (one_by_one(with_statsmodels), 2),
}


def speed() -> pd.DataFrame:
    """Time the two multilevel strategies in every program, one after the other on one core."""
    rows = []
    conditions = [Condition(*shape, sd) for shape in SAMPLE for sd in (0.25, 1)]
    for condition in tqdm(conditions, desc="speed"):
        for strategy in RANDOM:
            for program, (seconds, n) in PROGRAMS.items():
                rows.append(
                    {
                        "n_groups": condition.n_groups,
                        "n_obs": condition.n_obs,
                        "group_sd": condition.group_sd,
                        "strategy": strategy,
                        "program": program,
                        "seconds": seconds(strategy, n, condition),
                    }
                )
    return pd.DataFrame(rows)


def mcpower(strategy: str, n: int) -> None:
    """Draw and fit n data sets of 30 people and 25 observations by MCPower: ML, and Wald's z."""
    import mcpower as package

    full = strategy == "mlm_full"
    slopes = {"random_slopes": ["x1", "x2", "x3"], "slope_variance": 1.0} if full else {}
    random = "1 + x1 + x2 + x3" if full else "1"
    model = package.MCPower(f"y = x1 + x2 + x3 + ({random}|g)", family="lme")
    model.set_effects("x1=0.5, x2=0.5, x3=0.5")
    model.set_cluster("g", ICC=0.5, n_clusters=30, **slopes)
    model.set_simulations(n)
    model.find_power(sample_size=750, target_test="x1", verbose=False)


def batch(strategy: str, n: int) -> None:
    """Draw and fit as many data sets of that size by the batch engine."""
    condition = Condition(30, 25, 1)
    data = summed_up(condition, draw_many(condition, 0, range(n)))
    fit_batch(STRATEGIES[strategy], data, "batch")


def drawing_included() -> pd.DataFrame:
    """Time simulation and fit together, warm and by turns; CPU seconds a data set.

    What a call costs once is left out: we take the difference of many data sets and few.
    """
    rows = []
    for strategy in RANDOM:
        best: dict[tuple[str, int], float] = {}
        for _ in range(5):
            for program in (batch, mcpower):
                for n in (250, 1250):
                    start = time.process_time()
                    for few in range(0, n, 250) if program is batch else (n,):
                        program(strategy, 250 if program is batch else few)
                    seconds = time.process_time() - start
                    key = (program.__name__, n)
                    best[key] = min(best.get(key, np.inf), seconds)
        for program in ("batch", "mcpower"):
            seconds = (best[program, 1250] - best[program, 250]) / 1000
            rows.append({"strategy": strategy, "program": program, "seconds": seconds})
    return pd.DataFrame(rows)


def growth() -> pd.DataFrame:
    """Time simulating, compressing and fitting apart, as one size after another grows."""
    rows = []
    sizes = [("n_obs", n) for n in (5, 10, 25, 50, 100, 200)]
    sizes += [("n_groups", n) for n in (10, 20, 50, 100, 200)]
    sizes += [("n_predictors", n) for n in (1, 2, 3, 5, 8)]
    for name, size in tqdm(sizes, desc="growth"):
        shape = {"n_groups": 30, "n_obs": 25, "group_sd": 0.5, "n_predictors": 3} | {name: size}
        condition = Condition(**shape)
        best = np.full(3, np.inf)
        for _ in range(3):
            times = [time.process_time()]
            drawn = draw_many(condition, 0, range(50))
            times.append(time.process_time())
            data = summed_up(condition, drawn)
            _ = data.standardised, data.problems  # computed once, when asked for
            times.append(time.process_time())
            fit_batch(STRATEGIES["mlm_full"], data, "batch")
            times.append(time.process_time())
            best = np.minimum(best, np.diff(times) / 50)
        rows.append(
            {"what": name, "size": size}
            | dict(zip(("simulate", "sum up", "fit"), best, strict=True))
        )
    return pd.DataFrame(rows)


def scale() -> pd.DataFrame:
    """Time the book's grid, and a thousand replications of it, with two workers."""
    rows = []
    for replications in (50, 1000):
        start = time.perf_counter()
        run(Grid(replications=replications), n_jobs=2, progress=False)
        seconds = time.perf_counter() - start
        get_reusable_executor().shutdown(wait=True)  # only workers that have ended are counted
        peak = [
            resource.getrusage(who).ru_maxrss / 1024**2
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        rows.append(
            {
                "data_sets": 45 * replications,
                "seconds": seconds,
                "peak_gib_main": peak[0],
                "peak_gib_worker": peak[1],
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Run all, and write a table each."""
    warnings.simplefilter("ignore")  # what other programs say about singular fits
    OUT.mkdir(parents=True, exist_ok=True)
    packages = (
        "mlmlearn",
        "numba",
        "numpy",
        "scipy",
        "pymer4",
        "mixedlm",
        "statsmodels",
        "mcpower",
    )
    versions = {"Python": platform.python_version()} | {p: version(p) for p in packages}
    versions["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    pd.Series(versions, name="version").rename_axis("what").to_csv(OUT / "versions.csv")
    for table in (scale, accuracy, growth, drawing_included, speed):
        table().to_csv(OUT / f"{table.__name__}.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
