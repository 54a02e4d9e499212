"""The multilevel model with a random intercept only: y ~ x + (1 | g)."""

from mlmlearn.strategies._multilevel import multilevel_strategy

STRATEGY = multilevel_strategy(
    "mlm_intercept",
    "Random intercept",
    "multilevel model with a random intercept only",
    slopes=False,
    in_post=True,
    place=3,
)
