"""Twelve schools with thirty pupils each, six of them with a program that changes nothing.

Pupils' one, two or three predictors vary within schools and have a random slope each, whose SD
is small, as it mostly is.
"""

from study import Part

from mlmlearn import Grid
from mlmlearn.processes import PersonPredictor

SEED = 22
PARTS = {
    f"{slopes} slopes": Part(
        Grid(
            [12],
            [30],
            [(0.5, 0.15)],
            replications=4000,
            n_predictors=slopes,
            betas=[(0.0,) * (slopes + 1)],
            ingredients=PersonPredictor(treated=6),
        ),
        ["mlm_full", "mlm_intercept", "cluster_robust_cr2", "two_stage"],
    )
    for slopes in (1, 2, 3)
}
