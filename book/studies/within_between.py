"""One predictor with two effects, and averages that are not the same: what strategies estimate.

In "level" the predictor's means go with people's levels, and it is analysed as it is and taken
apart. In "sizes" and "spread" people's slopes go with their numbers of rows and with the spread of
the predictor.
"""

from study import Part

from mlmlearn import Grid
from mlmlearn.processes import PersonMeans, PredictorMean, PredictorSpread, VaryingSizes

SEED = 22
STRATEGIES = ["mlm_full", "mlm_intercept", "cluster_robust", "two_stage"]
CORRELATIONS = (0, 0.3, 0.6, 0.9)
RELATED = (0, 0.4, 0.8)
WHOSE = {
    "n_groups": 100, "n_obs": 20, "group_sd": [(1, 0.5)], "n_predictors": 1, "betas": (0, 1),
    "replications": 2000,
}  # fmt: skip

PARTS = {
    "level": Part(
        Grid(
            50,
            [5, 20],
            [(1, 0.3)],
            n_predictors=1,
            betas=(0, -0.5),
            replications=2000,
            ingredients=[
                (PredictorMean(0, 1, correlation), *apart)
                for correlation in CORRELATIONS
                for apart in ((), (PersonMeans(),))
            ],
        ),
        STRATEGIES,
    ),
    "sizes": Part(
        Grid(ingredients=[VaryingSizes(0.7, one, least=4) for one in RELATED], **WHOSE), STRATEGIES
    ),
    "spread": Part(
        Grid(ingredients=[PredictorSpread(0.5, one) for one in RELATED], **WHOSE), STRATEGIES
    ),
}
