"""The multilevel model with random effects that are not correlated."""

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import ClusteredData
from mlmlearn.strategies.base import Fitted, Strategy


def refuse(batch: Batch) -> Texts:
    """Refuse too few rows."""
    return multilevel.refuse("mlm_uncorrelated", batch, batch.random)


def fit(batch: Batch) -> Fitted:
    """Fit a variance for each random effect by REML.

    The model says that the effects are not correlated where the predictors are zero, so it is
    another model for another zero.
    """
    return multilevel.fit(batch, batch.random, correlated=False)


def pymer4(data: ClusteredData) -> Fitted:
    """Have lme4 fit y ~ x + (x || g)."""
    from mlmlearn.engine_pymer4 import lmer

    return lmer("mlm_uncorrelated", data, data.random, correlated=False)


STRATEGY = Strategy(
    "mlm_uncorrelated",
    "Uncorrelated multilevel",
    "multilevel model with random intercept and slopes without correlations",
    refuse,
    fit,
    pymer4,
    place=2,
)
