"""`fit` one strategy, or `compare` them all, on any clustered data frame."""

from collections.abc import Hashable, Iterable, Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np
import pandas as pd

from mlmlearn.clustered import ClusteredData, check_strategy_fits, read_clustered
from mlmlearn.errors import FitError, InputError, StrategyError
from mlmlearn.results import COEF_COLUMNS, FitResult
from mlmlearn.simulation import SimulatedData
from mlmlearn.strategies import STRATEGIES, get_strategies, get_strategy

__all__ = ["ENGINES", "Engine", "check_engine", "compare", "engine_module", "fit"]

Engine = Literal["pymer4", "batch"]

# Imported on first use, so that `import mlmlearn` needs no R.
ENGINES = {"pymer4": "mlmlearn.engine_pymer4", "batch": "mlmlearn.engine_batch"}


def fit(
    strategy: str,
    data: pd.DataFrame | SimulatedData,
    *,
    outcome: Hashable = None,
    predictors: Sequence[Hashable] | None = None,
    group: Hashable = None,
    engine: Engine = "pymer4",
) -> FitResult:
    """Fit one strategy to one data set.

    Parameters
    ----------
    strategy : str
        "mlm_full", "mlm_intercept", "cluster_robust" or "two_stage"; see `STRATEGIES`.
    data : DataFrame or SimulatedData
        One row an observation. Groups may be unbalanced and of any type, rows in any
        order, the index anything. Simulated data know their columns by themselves.
    outcome : hashable
        Name of the outcome's column.
    predictors : sequence of hashable
        Names of the predictors. The intercept is always included.
    group : hashable
        Name of the column that says which rows belong together.
    engine : {"pymer4", "batch"}, default "pymer4"
        What does the computing: lme4 through pymer4, the book's reference, or NumPy alone.

    Returns
    -------
    FitResult

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
    >>> result = fit("mlm_full", sleepstudy, outcome="Reaction",
    ...              predictors=["Days"], group="Subject")      # doctest: +SKIP
    >>> result.coefs.loc["Days", "estimate"]                    # doctest: +SKIP
    10.467285...
    """
    get_strategy(strategy)
    return _fit(strategy, _read(data, outcome, predictors, group), engine)


def compare(
    data: pd.DataFrame | SimulatedData,
    *,
    outcome: Hashable = None,
    predictors: Sequence[Hashable] | None = None,
    group: Hashable = None,
    strategies: Iterable[str] = tuple(STRATEGIES),
    engine: Engine = "pymer4",
) -> pd.DataFrame:
    """Fit several strategies to one data set and put them side by side.

    A strategy that cannot analyse these data, or whose fit fails, keeps its rows, with
    missing numbers and the reason in `message`.

    Parameters
    ----------
    data, outcome, predictors, group, engine
        As for `fit`.
    strategies : iterable of str, optional
        Which strategies, and in which order; all four without it.

    Returns
    -------
    DataFrame
        One row per strategy and term: strategy, term, truth (for simulated data), estimate,
        se, df, t, p, ci_low, ci_high, converged, singular, message.

    Raises
    ------
    InputError, EngineError
        As for `fit`.
    """
    chosen = get_strategies(strategies)
    arrays = _read(data, outcome, predictors, group)
    tables = []
    for strategy in chosen:
        try:
            result = _fit(strategy, arrays, engine)
        except (StrategyError, FitError) as error:
            table = pd.DataFrame(np.nan, index=list(arrays.terms), columns=list(COEF_COLUMNS))
            status: dict[str, Any] = {"converged": False, "singular": False, "message": str(error)}
        else:
            table = result.coefs
            status = {
                "converged": result.converged,
                "singular": result.singular,
                "message": "; ".join(result.messages),
            }
        table = table.rename_axis("term").reset_index().assign(**status)
        table.insert(0, "strategy", strategy)
        if isinstance(data, SimulatedData):
            truth = dict(zip(data.condition.terms, data.betas, strict=True))
            table.insert(2, "truth", table["term"].map(truth))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _read(
    data: pd.DataFrame | SimulatedData,
    outcome: Hashable,
    predictors: Sequence[Hashable] | None,
    group: Hashable,
) -> ClusteredData:
    """Find the columns, which simulated data need not name, and check them."""
    if isinstance(data, SimulatedData):
        outcome = "DV" if outcome is None else outcome
        group = "Group" if group is None else group
        predictors = data.condition.terms[1:] if predictors is None else predictors
        data = data.data
    for role, name in (("outcome", outcome), ("predictors", predictors), ("group", group)):
        if name is None:
            raise InputError(f"{role} was not given; name the column of the data frame to use")
    assert predictors is not None
    return read_clustered(data, outcome, predictors, group)


def check_engine(engine: Any) -> None:
    """Refuse an engine that is not one of `ENGINES`.

    Raises
    ------
    InputError
        With the known ones.
    """
    if not isinstance(engine, str) or engine not in ENGINES:
        raise InputError(f"unknown engine {engine!r}; the known ones are {', '.join(ENGINES)}")


def engine_module(engine: str) -> Any:
    """Import the module of an engine, one of `ENGINES`."""
    return import_module(ENGINES[engine])


def _fit(strategy: str, data: ClusteredData, engine: str) -> FitResult:
    check_engine(engine)
    check_strategy_fits(strategy, data)
    result: FitResult = engine_module(engine).fit(strategy, data)
    return result
