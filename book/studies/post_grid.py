"""The 2019 post's grid in the batch engine, with enough data sets a condition to judge a rate."""

from study import Part

from mlmlearn import POST_STRATEGIES, Grid

SEED = 2019
PARTS = {
    "grid": Part(Grid(replications=2000), list(POST_STRATEGIES)),
}
