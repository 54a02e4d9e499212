"""The multilevel model with a random intercept only."""

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import ClusteredData
from mlmlearn.strategies.base import Fitted, Strategy


def refuse(batch: Batch) -> Texts:
    """Refuse too few rows."""
    return multilevel.refuse("mlm_intercept", batch, 1)


def fit(batch: Batch) -> Fitted:
    """Fit the variance of the intercepts by REML."""
    return multilevel.fit(batch, 1)


def pymer4(data: ClusteredData) -> Fitted:
    """Have lme4 fit y ~ x + (1 | g)."""
    from mlmlearn.engine_pymer4 import lmer

    return lmer("mlm_intercept", data, 1)


STRATEGY = Strategy(
    "mlm_intercept",
    "Random intercept",
    "multilevel model with a random intercept only",
    refuse,
    fit,
    pymer4,
    in_post=True,
    place=3,
)
