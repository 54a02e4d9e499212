"""The multilevel model with a random intercept only."""

import numpy as np
from numpy.typing import NDArray

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import ClusteredData
from mlmlearn.strategies.base import Fitted, Strategy


def _intercept(batch: Batch) -> NDArray[np.bool_]:
    return np.asarray(np.arange(batch.n_fixed) == 0)


def refuse(batch: Batch) -> Texts:
    """Refuse too few rows."""
    return multilevel.refuse("mlm_intercept", batch, _intercept(batch))


def fit(batch: Batch) -> Fitted:
    """Fit the variance of the intercepts by REML."""
    return multilevel.fit(batch, _intercept(batch))


def pymer4(data: ClusteredData) -> Fitted:
    """Have lme4 fit y ~ x + (1 | g)."""
    from mlmlearn.engine_pymer4 import lmer

    return lmer("mlm_intercept", data, np.arange(len(data.terms)) == 0)


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
