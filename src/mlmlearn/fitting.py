"""`fit` one strategy, or `compare` several, on any clustered data frame."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from mlmlearn.batch import Batch
from mlmlearn.engines import Engine, check_engine, fit_batch
from mlmlearn.errors import FitError, InputError, StrategyError
from mlmlearn.fit_result import FitResult, result_of
from mlmlearn.formulas import read, written
from mlmlearn.simulation import SimulatedData
from mlmlearn.strategies import STRATEGIES, Strategy, get_strategies, get_strategy

__all__ = ["compare", "fit"]

UNCORRELATED = (
    'the formula asks for random effects without correlations, by ||, which "mlm_full" has; name '
    'the strategy "mlm_uncorrelated", or write one bar'
)


def fit(
    strategy: str,
    formula: str | SimulatedData,
    data: Any = None,
    *,
    group: Hashable = None,
    engine: Engine = "batch",
    missing: str = "refuse",
) -> FitResult:
    """Fit one strategy to one data set.

    Parameters
    ----------
    strategy : str
        A key of `STRATEGIES`, such as "mlm_full" or "two_stage".
    formula : str or SimulatedData
        Outcome and predictors, such as "score ~ dose * age", as in formulaic, with the intercept.
        Bars as in lme4, "(dose | person)" or "(dose || person)", name the group and the random
        effects; without them all that varies within groups has one. Simulated data know their
        formula, and stand in its place.
    data : DataFrame, optional
        Of pandas, polars or Arrow; one row an observation, in any order.
    group : hashable, optional
        Column, or level of the index, that says which rows belong together.
    engine : {"batch", "pymer4"}, default "batch"
        What does the computing: compiled loops, the same on every machine, or lme4 through pymer4.
    missing : {"refuse", "drop"}, default "refuse"
        What to do with rows in which something that is used is missing.

    Raises
    ------
    InputError
        When the data or a name cannot be used; `StrategyError`, its subclass, when only
        this strategy cannot use them.
    EngineError
        When the engine cannot run on this machine.
    FitError
        When the engine fails during the fit.

    Examples
    --------
    >>> result = fit("mlm_full", "Reaction ~ Days", sleepstudy, group="Subject")  # doctest: +SKIP
    >>> result.coefs.loc["Days", "estimate"]                                      # doctest: +SKIP
    10.467285...
    """
    chosen = get_strategy(strategy)
    check_engine(engine, [chosen])
    if strategy == "mlm_full" and _uncorrelated(formula):
        raise InputError(UNCORRELATED)
    text, batch = _read(formula, data, group, missing)
    found = fit_batch(chosen, batch, engine)
    if found.problem[0]:
        raise (StrategyError if chosen.refuse(batch)[0] else FitError)(found.problem[0])
    return result_of(strategy, engine, text, batch, found)


def compare(
    formula: str | SimulatedData,
    data: Any = None,
    *,
    group: Hashable = None,
    strategies: str | Iterable[str] | None = None,
    engine: Engine = "batch",
    missing: str = "refuse",
) -> pd.DataFrame:
    """Fit several strategies to one data set and put them side by side.

    A strategy without a fit keeps its rows, with missing numbers and the reason in `message`.

    Parameters
    ----------
    formula, data, group, engine, missing
        As for `fit`.
    strategies : iterable of str, optional
        Which strategies, and in which order; without it the 2019 post's four.

    Returns
    -------
    DataFrame
        One row per strategy and term: strategy, term, truth (for simulated data), estimate,
        se, df, t, p, ci_low, ci_high, converged, singular, message. Its `attrs` tell rows, groups,
        sizes (rows a group: least, median, most), dropped and dropped_groups (for missing values)
        and random (what got a random effect).

    Raises
    ------
    InputError, EngineError
        As for `fit`.
    """
    chosen = get_strategies(strategies)
    check_engine(engine, chosen)
    full = STRATEGIES["mlm_full"]
    if full in chosen and _uncorrelated(formula):
        if strategies is not None:
            raise InputError(UNCORRELATED)
        chosen[chosen.index(full)] = STRATEGIES["mlm_uncorrelated"]
    text, batch = _read(formula, data, group, missing)
    tables = (_rows(strategy, engine, text, batch) for strategy in chosen)
    table = pd.concat(tables, ignore_index=True)
    if isinstance(formula, SimulatedData):
        truth = dict(zip(formula.condition.terms, formula.betas, strict=True))
        table.insert(2, "truth", table["term"].map(truth))
    sizes, dropped = batch.sizes[0], batch.rows(0).dropped
    table.attrs = {
        "rows": int(sizes.sum()),
        "groups": len(sizes),
        "sizes": (int(sizes.min()), float(np.median(sizes)), int(sizes.max())),
        "dropped": dropped[0],
        "dropped_groups": dropped[1],
        "random": [term for term, has in zip(batch.terms, batch.random, strict=True) if has],
    }
    return table


def _rows(strategy: Strategy, engine: str, text: str, batch: Batch) -> pd.DataFrame:
    """Fit one strategy of several, of which nothing is kept but the rows of the table."""
    found = fit_batch(strategy, batch, engine)
    result = result_of(strategy.id, engine, text, batch, found)
    message = found.problem[0] or "; ".join(result.messages)
    said = {"converged": result.converged, "singular": result.singular, "message": message}
    return result.tidy().assign(**said)


def _uncorrelated(formula: str | SimulatedData) -> bool:
    return not isinstance(formula, SimulatedData) and not written(formula).correlated


def _read(
    formula: str | SimulatedData, data: Any, group: Hashable, missing: str
) -> tuple[str, Batch]:
    """Read the data, which simulated data bring along."""
    if isinstance(formula, SimulatedData):
        if data is not None or group is not None:
            raise InputError(
                "simulated data know their formula and group; give nothing else, or a formula and "
                ".data of them"
            )
        data, group, formula = formula.data, "Group", formula.formula
    if data is None:
        raise InputError(
            "data was not given; call with a formula and a data frame, such as "
            'compare("y ~ x", df, group="person")'
        )
    batch = Batch.of_one(read(formula, data, group, missing))
    if problem := batch.problems[0]:
        raise InputError(problem)
    return formula, batch
