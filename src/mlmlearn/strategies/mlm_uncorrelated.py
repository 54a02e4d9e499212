"""The multilevel model with random effects that are not correlated: y ~ x + (x || g).

It says that they are not correlated where the predictors are zero, so it is another model for
another zero.
"""

from mlmlearn.strategies._multilevel import multilevel_strategy

STRATEGY = multilevel_strategy(
    "mlm_uncorrelated",
    "Uncorrelated multilevel",
    "multilevel model with random intercept and slopes without correlations",
    correlated=False,
    place=2,
)
