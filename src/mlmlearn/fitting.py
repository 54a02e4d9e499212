"""`fit` one strategy, or `compare` them all, on any clustered data frame."""

from collections.abc import Hashable, Iterable, Sequence

import pandas as pd

from mlmlearn.batch import Batch
from mlmlearn.clustered import read_clustered
from mlmlearn.engines import Engine, check_engine, fit_batch
from mlmlearn.errors import FitError, InputError, StrategyError
from mlmlearn.results import FitResult, result_of
from mlmlearn.simulation import SimulatedData
from mlmlearn.strategies import get_strategies, get_strategy

__all__ = ["compare", "fit"]


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
        A key of `STRATEGIES`, such as "mlm_full" or "two_stage".
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
    check_engine(engine, [strategy])
    batch = _read(data, outcome, predictors, group)
    refused, found = fit_batch(strategy, batch, engine)
    if found.problem[0]:
        raise (StrategyError if refused[0] else FitError)(found.problem[0])
    return result_of(strategy, engine, batch, found, 0)


def compare(
    data: pd.DataFrame | SimulatedData,
    *,
    outcome: Hashable = None,
    predictors: Sequence[Hashable] | None = None,
    group: Hashable = None,
    strategies: str | Iterable[str] | None = None,
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
        Which strategies, and in which order; without it the 2019 post's four.

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
    check_engine(engine, chosen)
    batch = _read(data, outcome, predictors, group)
    tables = []
    for strategy in chosen:
        _, found = fit_batch(strategy, batch, engine)
        result = result_of(strategy, engine, batch, found, 0)
        table = result.coefs.rename_axis("term").reset_index()
        table = table.assign(
            converged=result.converged,
            singular=result.singular,
            message=found.problem[0] or "; ".join(result.messages),
        )
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
) -> Batch:
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
    batch = Batch.of_one(read_clustered(data, outcome, predictors, group))
    if problem := batch.problems[0]:
        raise InputError(problem)
    return batch
