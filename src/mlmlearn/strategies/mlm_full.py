"""The multilevel model with random effects for all that varies within groups, and correlations."""

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import ClusteredData
from mlmlearn.strategies.base import Fitted, Strategy


def refuse(batch: Batch) -> Texts:
    """Refuse too few rows."""
    return multilevel.refuse("mlm_full", batch, batch.random)


def fit(batch: Batch) -> Fitted:
    """Fit all variances and correlations by REML."""
    return multilevel.fit(batch, batch.random)


def pymer4(data: ClusteredData) -> Fitted:
    """Have lme4 fit y ~ x + (x | g)."""
    from mlmlearn.engine_pymer4 import lmer

    return lmer("mlm_full", data, data.random)


STRATEGY = Strategy(
    "mlm_full",
    "Full multilevel",
    "multilevel model with random intercept and slopes and all their correlations",
    refuse,
    fit,
    pymer4,
    in_post=True,
    place=1,
)
