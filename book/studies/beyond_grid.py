"""What the 2019 post's grid cannot show: a second universe in small conditions, one a question.

In the grid one SD serves level and slopes, every predictor varies within people around zero, and
all people are measured alike. Each part changes one of these.
"""

from study import Part
from summaries import with_summaries as reduce

from mlmlearn import POST_STRATEGIES, Grid
from mlmlearn.processes import (
    Dropout,
    PersonPredictor,
    PredictorMean,
    PredictorSpread,
    TimePredictor,
)

__all__ = ["PARTS", "SEED", "reduce"]

SEED = 2020
FOUR = list(POST_STRATEGIES)
ONE = {"n_predictors": 1, "replications": 4000}
NONE = {**ONE, "betas": (0, 0)}


def treated(m):
    """Give the treatment to m people, without an effect on level or slope."""
    return (PersonPredictor(treated=m, interaction=0),)


PARTS = {
    # Level and slope SD apart: what does it cost not to model the level?
    "untied": Part(Grid(30, [10, 100], [(2, 0.2)], **ONE, betas=(0, 0.2)), FOUR),
    # People differ in level alone: what is the random-intercept model's simplicity worth?
    "no_slopes": Part(
        Grid(20, 10, [(1, 0)], **ONE, betas=[(0, 0), (0, 0.2)]), [*FOUR, "mlm_uncorrelated"]
    ),
    # A predictor within people whose slope differs a little, or a good deal.
    "within": Part(
        Grid(30, [5, 10, 50], [(1, 0), (1, 0.1), (1, 0.5)], **NONE), [*FOUR, "cluster_robust_cr2"]
    ),
    # Predictors that belong to people, and their interactions with one that varies within.
    "between": Part(
        Grid(
            30, [10, 50], [(1, 0.5)], **NONE,
            ingredients=[(PersonPredictor(interaction=0),), treated(15), treated(3)],
        ),
        [*FOUR, "cluster_robust_cr2"],
    ),
    # A predictor whose people's means go with their levels.
    "related": Part(
        Grid(
            30, [5, 25], [(1, 0.5)], **ONE, betas=(0, 0.5),
            ingredients=(PredictorMean(sd=1, correlation=0.7),),
        ),
        FOUR,
    ),
    # People of whom a few say most about the slope.
    "unequal": Part(
        Grid([10, 30, 100], 10, [(1, 0.5)], **NONE, ingredients=(PredictorSpread(1.0),)),
        [*FOUR, "cluster_robust_cr2"],
    ),
    # Observations a person for four coefficients.
    "rows": Part(Grid(30, [8, 12, 16, 24, 40], [(0.1, 0.1), (0.25, 0.25), (1, 1)], 2000), FOUR),
    # Where zero is.
    "zero": Part(Grid(30, 25, [(1, 1)], **NONE, ingredients=[(), (PredictorMean(2.0),)]), FOUR),
    # So few people and observations that the full model's fits are often singular.
    "singular": Part(Grid(10, 10, [(0.5, 0.5)], **NONE), ["mlm_full", "mlm_intercept"]),
    # People who leave a study for good, the sooner the lower their last answer.
    "dropout": Part(
        Grid(
            100, 8, [(1, 0.5)], **ONE, betas=(0, 0.5),
            ingredients=[(TimePredictor(),), (TimePredictor(), Dropout(0.15, -0.7))],
        ),
        FOUR[:3],
    ),
}  # fmt: skip
