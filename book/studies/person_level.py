"""Predictors that belong to people: 20 patients, half of them treated, eight rows each, no effect.

In "predictor" what varies within people is drawn anew for each. In the other parts it counts the
visits. Levels and slopes are independent at the first one, and the zero is there, in the middle or
at the last one: three ways to write one process.
"""

from math import hypot

from study import Part

from mlmlearn import Grid
from mlmlearn.processes import (
    CorrelatedCoefficients,
    PersonPredictor,
    PredictorMean,
    TimePredictor,
)

SEED = 20
STRATEGIES = [
    "mlm_full", "mlm_intercept", "cluster_robust", "cluster_robust_cr2", "two_stage",
]  # fmt: skip
TREATMENT = PersonPredictor(effect=0, interaction=0, treated=10)
COMMON = {"n_groups": 20, "n_obs": 8, "n_predictors": 1, "betas": (0, 0), "replications": 4000}
SLOPE_SD = 0.4


def visits(zero: float) -> Grid:
    """Count visits from a zero; levels differ by an SD of 1 at the first visit, and more later."""
    away = zero * SLOPE_SD
    return Grid(
        group_sd=[(hypot(1, away), SLOPE_SD)],
        ingredients=(
            TimePredictor(),
            PredictorMean(-zero),
            CorrelatedCoefficients(away / hypot(1, away)),
            TREATMENT,
        ),
        **COMMON,
    )


PARTS = {
    "predictor": Part(
        Grid(
            group_sd=[(1, sd) for sd in (0, 0.1, 0.25, 0.5, 1)],
            ingredients=(TREATMENT,),
            **COMMON,
        ),
        STRATEGIES,
    ),
    "first": Part(visits(0), STRATEGIES),
    "middle": Part(visits(3.5), STRATEGIES),
    "last": Part(visits(7), STRATEGIES),
}
