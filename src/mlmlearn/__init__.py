"""Compare four analysis strategies for repeated-measures data by simulation."""

from mlmlearn import processes
from mlmlearn.conditions import Condition, Grid
from mlmlearn.errors import EngineError, FitError, InputError, RunError, StrategyError
from mlmlearn.fit_result import FitResult
from mlmlearn.fitting import compare, fit
from mlmlearn.ingredient import Ingredient
from mlmlearn.loop import run
from mlmlearn.measures import paired_difference, performance
from mlmlearn.planning import Plan, plan
from mlmlearn.post_summaries import recovery
from mlmlearn.results import Results, load_reference
from mlmlearn.simulation import SimulatedData, simulate
from mlmlearn.strategies import POST_STRATEGIES, STRATEGIES, Strategy, register
from mlmlearn.verification import verify

__all__ = [
    "POST_STRATEGIES",
    "STRATEGIES",
    "Condition",
    "EngineError",
    "FitError",
    "FitResult",
    "Grid",
    "Ingredient",
    "InputError",
    "Plan",
    "Results",
    "RunError",
    "SimulatedData",
    "Strategy",
    "StrategyError",
    "compare",
    "fit",
    "load_reference",
    "paired_difference",
    "performance",
    "plan",
    "processes",
    "recovery",
    "register",
    "run",
    "simulate",
    "verify",
]
