"""Compare four analysis strategies for repeated-measures data by simulation."""

from mlmlearn.conditions import Condition, Grid
from mlmlearn.errors import EngineError, FitError, InputError, StrategyError
from mlmlearn.fitting import compare, fit
from mlmlearn.measures import paired_difference, performance
from mlmlearn.metrics import coef_abs_error, recovery, se_sum, t_sum
from mlmlearn.results import FitResult
from mlmlearn.simulation import SimulatedData, simulate
from mlmlearn.strategies import STRATEGIES, Strategy

__all__ = [
    "STRATEGIES",
    "Condition",
    "EngineError",
    "FitError",
    "FitResult",
    "Grid",
    "InputError",
    "SimulatedData",
    "Strategy",
    "StrategyError",
    "coef_abs_error",
    "compare",
    "fit",
    "paired_difference",
    "performance",
    "recovery",
    "se_sum",
    "simulate",
    "t_sum",
]
