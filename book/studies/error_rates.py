"""Rejected true nulls, power and coverage of one slope, with level and slope SD apart."""

from power import of_first_slope as reduce  # noqa: F401
from study import Part

from mlmlearn import POST_STRATEGIES, Grid
from mlmlearn.processes import HeavyTailedNoise, VaryingSizes

SEED = 5
SLOPE_SDS = (0, 0.1, 0.2, 0.3, 0.5, 1)
FIVE = [*POST_STRATEGIES, "cluster_robust_cr2"]


def grid(people, rows, levels=(1,), n_predictors=1, **others):
    """Make a grid of slope SDs, without any effect."""
    return Grid(
        people,
        rows,
        [(level, slope) for level in levels for slope in SLOPE_SDS],
        replications=4000,
        n_predictors=n_predictors,
        betas=(0,) * (n_predictors + 1),
        **others,
    )


PARTS = {
    "main": Part(grid([10, 30, 100], [5, 10, 30], levels=(0, 1)), FIVE),
    "predictors": Part(grid([30], [10, 30], n_predictors=3), FIVE),
    "tails": Part(grid([10, 30], [10], ingredients=[HeavyTailedNoise(3)]), FIVE),
    "sizes": Part(grid([10, 30], [10], ingredients=[VaryingSizes(1, least=4)]), FIVE),
    "bootstrap": Part(
        Grid([10], [10], [(1, 0), (1, 0.2), (1, 0.5)], 4000, n_predictors=1, betas=(0, 0)),
        ["cluster_robust", "cluster_robust_cr2", "wild_bootstrap"],
    ),
}
