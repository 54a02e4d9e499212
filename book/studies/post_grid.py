"""The 2019 post's grid in the batch engine, with enough data sets a condition to judge a claim."""

from study import Part
from summaries import with_summaries as reduce

from mlmlearn import POST_STRATEGIES, Grid

__all__ = ["PARTS", "SEED", "reduce"]

SEED = 2019
PARTS = {
    "grid": Part(Grid(replications=2000), list(POST_STRATEGIES)),
}
