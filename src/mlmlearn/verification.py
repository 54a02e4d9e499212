"""Check results by computing a sample of them again."""

from typing import Any

import joblib
import numpy as np
import pandas as pd

from mlmlearn.conditions import whole_number
from mlmlearn.errors import InputError
from mlmlearn.loop import check_n_jobs, fit_all
from mlmlearn.run_results import DATA_SET_KEY, FIT_KEY, Results, load_reference

__all__ = ["verify"]


def verify(
    results: Results | None = None,
    *,
    sample: int = 10,
    seed: int | None = None,
    tolerance: float = 1e-6,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Draw a sample of a run's data sets again, fit them again, and compare.

    On the machine and with the versions of the run, nothing differs. Elsewhere numbers may
    differ by rounding, which an optimiser enlarges.

    Parameters
    ----------
    results : Results, optional
        What to check; without it the reference run.
    sample : int, default 10
        Number of data sets, chosen at random. One of them is always of the condition whose
        fits take longest.
    seed : int, optional
        Seed of the choice; without it every call chooses anew.
    tolerance : float, default 1e-6
        Largest difference that passes.
    n_jobs : int, optional
        Worker processes, as for `run`.

    Returns
    -------
    DataFrame
        One row per data set and strategy: n_groups, n_obs, group_sd, replication, strategy,
        difference and agrees. `difference` is the largest over the terms of the change in
        the true coefficient and in the estimate, both in standard errors, and of the
        relative changes of the standard error and the degrees of freedom; infinite where
        only one of the two fits gave a number.

    Raises
    ------
    InputError
        When an argument cannot be used, or the run is empty.
    RunError
        When there is no reference run.
    EngineError
        When the run's engine cannot run on this machine.
    """
    results = load_reference() if results is None else results
    check_n_jobs(n_jobs)
    if results.diagnostics.empty:
        raise InputError("there is nothing to verify: this run has no data set yet; let it go on")
    chosen = _choose(results.diagnostics, whole_number("sample", sample, 1), seed)
    engine, strategies = results.manifest["engine"], results.manifest["strategies"]
    tables = joblib.Parallel(n_jobs=n_jobs)(
        joblib.delayed(fit_all)(results.dataset(row), engine, strategies)
        for row in chosen.to_dict("records")
    )
    again = pd.concat(tables, ignore_index=True)
    both = again.merge(
        results.fits, on=[*FIT_KEY, "term"], how="left", suffixes=("", "_before"), validate="1:1"
    )
    scale = {"truth": "se_before", "estimate": "se_before", "se": "se_before", "df": "df_before"}
    changes = pd.DataFrame(
        {name: _change(both[name], both[f"{name}_before"], both[by]) for name, by in scale.items()}
    )
    difference = changes.max(axis=1).groupby([both[name] for name in FIT_KEY], sort=False).max()
    found = difference.rename("difference").reset_index()
    return found.assign(agrees=found["difference"] <= tolerance)


def _choose(diagnostics: pd.DataFrame, sample: int, seed: int | None) -> pd.DataFrame:
    """Choose data sets: one of the slowest condition, the others from all the rest."""
    condition = DATA_SET_KEY[:3]
    data_sets = diagnostics.groupby(DATA_SET_KEY, sort=False)["seconds"].sum().reset_index()
    seconds = data_sets.groupby(condition)["seconds"].transform("mean")
    slowest = np.flatnonzero(seconds == seconds.max())
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data_sets))
    first = rng.choice(slowest)
    others = order[order != first][: sample - 1]
    return data_sets.take(np.append(first, others))


def _change(now: "pd.Series[float]", before: "pd.Series[float]", scale: "pd.Series[float]") -> Any:
    same = (now == before) | (now.isna() & before.isna())
    return ((now - before).abs() / scale).mask(same, 0.0).fillna(np.inf)
