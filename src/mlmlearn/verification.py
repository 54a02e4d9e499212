"""Check results by computing a sample of them again, and tell what a processor may change.

Two machines with the same versions agree on the data bit for bit, on the OLS strategies and
the batch engine to rounding. lme4's optimiser enlarges rounding, so its fits are judged by where
they ended, seen from the batch engine's optimum.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlmlearn.checks import whole_number
from mlmlearn.conditions import Condition
from mlmlearn.errors import InputError
from mlmlearn.loop import check_n_jobs
from mlmlearn.results import Results, load_reference
from mlmlearn.strategies import Strategy, get_strategies
from mlmlearn.workers import fit_all, in_workers

__all__ = ["verify"]

NUMBERS = ["estimate", "se", "df"]

# Below are the largest differences: of estimates in standard errors, of the others relative.

# Closed forms: rounding of sums over rows, which lead to condition numbers of thousands at most.
CLOSED_FORM = dict.fromkeys(NUMBERS, 1e-9)

# The batch engine's search ends where the deviance is flat to rounding, so that what it finds
# agrees to about the root of that; two processors and two BLAS libraries showed up to 2e-8.
SEARCH = dict.fromkeys(NUMBERS, 1e-6)

# Two fits by lme4 that both reached the optimum. On two processors, 173 full models with 1,000
# rows or more differed by at most 2e-4 standard errors, 0.1 % and, in df, 0.3 %; 6 % in df where
# the fit was singular, since lmerTest differentiates numerically beside a boundary.
LME4 = {"estimate": 1e-3, "se": 5e-3, "df": 0.02}
LME4_SINGULAR = LME4 | {"df": 0.1}

# An optimum is reached when the deviance lies at most this far above it.
REACHED = 1e-3

# Deviances this close are of one point, be it the optimum or not.
SAME_PLACE = 1e-6

# A search that stopped short is still a fit to the same data. In the reference run and on another
# processor the estimates of such fits lay within 0.9 standard errors of the optimum's, and their
# standard errors within a factor of 1.9. What lies beyond these bounds belongs to other data.
ESTIMATE_SHORT, SE_SHORT = 1.5, 2.5

AGREES, STOPPED_SHORT, DIFFERS = "agrees", "stopped short", "differs"


def verify(
    results: Results | None = None,
    *,
    sample: int = 10,
    seed: int | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Draw a sample of a run's data sets again, fit them again, and compare.

    With the versions of the run, this must hold on every machine: the true coefficients are the
    same, bit for bit; OLS strategies agree to 1e-9 and the batch engine's multilevel models to
    1e-6 (estimates in standard errors, all else relative); where two fits by lme4 both ended
    within 1e-3 of the best deviance that is known, estimates agree to 1e-3 standard errors,
    standard errors to 0.5 % and degrees of freedom to 2 % (10 % where singular); and no deviance
    lies more than 1e-3 below the best.

    lme4's search for several random effects may stop above the optimum, and on another processor
    at another place. Such a fit is said to have stopped short, and is no failure, as long as its
    numbers can be those of a fit to the same data. Its messages may change, too.

    Parameters
    ----------
    results : Results, optional
        What to check; without it the reference run.
    sample : int, default 10
        Number of data sets, chosen at random, one of them of the slowest condition.
    seed : int, optional
        Seed of the choice; without it every call chooses anew.
    n_jobs : int, optional
        Worker processes, as for `run`.

    Returns
    -------
    DataFrame
        One row per data set and strategy: the columns that tell fits apart; data, whether the true
        coefficients are the same; estimate, se and df, the largest difference over the terms, in
        standard errors and relative (infinite where only one fit gave a number); verdict,
        "agrees", "stopped short" or "differs"; agrees, whether it is not the last;
        deviance_before, deviance and deviance_optimum, the REML deviance of the run, of the new
        fit and of the batch engine (missing for OLS); messages, what was said before and now,
        where more has changed than numbers.

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
    if not isinstance(results, Results):
        raise InputError(
            "verify needs the results of a run, such as Results.load(folder), not a "
            f"{type(results).__name__}"
        )
    check_n_jobs(n_jobs)
    if results.diagnostics.empty:
        raise InputError("there is nothing to verify: this run has no data set yet; let it go on")
    key, fit_key = results.data_set_key, results.fit_key
    chosen = _choose(results.diagnostics, key, whole_number("sample", sample, 1), seed)
    engine = results.manifest["engine"]
    strategies = get_strategies(results.manifest["strategies"])
    condition = results.grid.condition
    calls = [
        (condition(row), results.manifest["seed"], row, engine, strategies)
        for row in chosen[key].to_dict("records")
    ]
    tables = in_workers(n_jobs, _fit_again, calls, ordered=True)
    again, optima = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    before = results.fits.merge(results.diagnostics, on=fit_key)
    # A missing row is a difference, too; `again` says which rows there must be.
    both = again.merge(
        before, on=[*fit_key, "term"], how="left", suffixes=("", "_before"), validate="1:1"
    ).merge(
        optima[[*fit_key, "term", "estimate", "se", "reml_deviance"]],
        on=[*fit_key, "term"], how="left", suffixes=("", "_optimum"),
    )  # fmt: skip
    found = [
        dict(zip(fit_key, which, strict=True)) | _judge(fit, engine)
        for which, fit in both.groupby(fit_key, sort=False)
    ]
    return pd.DataFrame(found)


def _fit_again(
    condition: Condition, seed: int, row: Mapping[Any, Any], engine: Any, strategies: list[Strategy]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit a data set anew and, where lme4 does, with the engine that finds the optimum."""
    address = condition, seed, [row["replication"]]
    again = fit_all(*address, engine, strategies).assign(**row)
    if engine != "pymer4":
        return again, again
    return again, fit_all(*address, "batch", strategies).assign(**row)


def _choose(
    diagnostics: pd.DataFrame, key: list[str], sample: int, seed: int | None
) -> pd.DataFrame:
    """Choose data sets: one of the slowest condition, the others from all the rest."""
    data_sets = diagnostics.groupby(key, sort=False)["seconds"].sum().reset_index()
    seconds = data_sets.groupby(key[:-1])["seconds"].transform("mean")
    slowest = np.flatnonzero(seconds == seconds.max())
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data_sets))
    first = rng.choice(slowest)
    others = order[order != first][: sample - 1]
    return data_sets.take(np.append(first, others))


def _judge(fit: pd.DataFrame, engine: str) -> dict[str, Any]:
    """Judge one fit, given a row a term with the columns of before, now and the optimum."""
    first = fit.iloc[0]
    now, before = first["reml_deviance"], first["reml_deviance_before"]
    optimum = first["reml_deviance_optimum"]
    data = bool((fit["truth"] == fit["truth_before"]).all())
    changes = {name: _change(fit, name, "_before") for name in NUMBERS}
    searched = not np.isnan(now)
    if np.isnan(before) == searched:
        good, short = False, False
    elif not searched or engine != "pymer4":
        bounds = SEARCH if searched else CLOSED_FORM
        good = _within(changes, bounds)
        good &= not searched or abs(before - now) <= SEARCH["se"] * max(1, abs(now))
        short = False
    else:
        best = np.nanmin([now, optimum])
        possible = before - best >= -REACHED
        short = before - best > REACHED or now - best > REACHED
        singular = first["singular"] or first["singular_before"]
        good = possible and not short and _within(changes, LME4_SINGULAR if singular else LME4)
        # One random effect is one number to search for: there no search has ever stopped short.
        short &= possible and first["strategy"] != "mlm_intercept"
        short &= _change(fit, "estimate", "_before", to="_optimum") <= ESTIMATE_SHORT
        ratios = (fit["se_before"] / fit["se_optimum"]).map(np.log).abs()
        short &= np.exp(ratios.fillna(np.inf).max()) <= SE_SHORT
        if abs(before - now) <= SAME_PLACE:
            # Only degrees of freedom, from numerical derivatives on a slope, may differ there.
            short &= changes["estimate"] <= LME4["estimate"] and changes["se"] <= LME4["se"]
    verdict = AGREES if data and good else STOPPED_SHORT if data and short else DIFFERS
    return {
        "data": data,
        **changes,
        "verdict": verdict,
        "agrees": verdict != DIFFERS,
        "deviance_before": before,
        "deviance": now,
        "deviance_optimum": optimum if searched else np.nan,
        "messages": _changed_messages(first["messages_before"], first["messages"]),
    }


def _within(changes: Mapping[str, float], bounds: Mapping[str, float]) -> bool:
    return all(changes[name] <= bounds[name] for name in NUMBERS)


def _change(fit: pd.DataFrame, name: str, before: str, to: str = "") -> float:
    """Return the largest change of a number over the terms, in standard errors or relative."""
    old, new = fit[name + before], fit[name + to]
    scale = fit["se" + before] if name == "estimate" else old
    same = (old == new) | (old.isna() & new.isna())
    return float(((new - old).abs() / scale.abs()).mask(same, 0.0).fillna(np.inf).max())


def _changed_messages(before: Any, now: str) -> str:
    """Say how the messages have changed; nothing where they are the same but for numbers."""

    def words(text: str) -> str:
        return re.sub(r"[-+.\d]+(?:e[-+]?\d+)?", "#", text)

    before = before if isinstance(before, str) else "no such fit"
    if words(before) == words(now):
        return ""
    return f"{before or 'nothing'} -> {now or 'nothing'}"
