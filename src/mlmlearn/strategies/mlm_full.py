"""The multilevel model with random effects for all that varies within groups, and correlations.

In lme4's words: y ~ x + (x | g).
"""

from mlmlearn.strategies._multilevel import multilevel_strategy

STRATEGY = multilevel_strategy(
    "mlm_full",
    "Full multilevel",
    "multilevel model with random intercept and slopes and all their correlations",
    in_post=True,
    place=1,
)
