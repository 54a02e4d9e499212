"""What the strategies that fit a multilevel model have in common: all but what they fit."""

import numpy as np
from numpy.typing import NDArray

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.clustered import ClusteredData
from mlmlearn.engine_pymer4 import lmer
from mlmlearn.strategies.base import Fitted, Strategy


def multilevel_strategy(
    id: str,
    label: str,
    description: str,
    *,
    slopes: bool = True,
    correlated: bool = True,
    prior: float = 0,
    in_lme4: bool = True,
    in_post: bool = False,
    place: int,
) -> Strategy:
    """Make a strategy that fits a multilevel model by REML.

    Parameters
    ----------
    id, label, description, in_post, place
        As for `Strategy`.
    slopes : bool, default True
        Whether all that may have a random effect has one, or the intercept alone.
    correlated, prior
        As for `mlmlearn.multilevel.fit`.
    in_lme4 : bool, default True
        Whether lme4 can fit it, too.
    """

    def random(data: Batch | ClusteredData) -> NDArray[np.bool_]:
        return data.random if slopes else np.asarray(np.arange(len(data.terms)) == 0)

    def refuse(batch: Batch) -> Texts:
        return multilevel.refuse(id, batch, random(batch))

    def fit(batch: Batch) -> Fitted:
        return multilevel.fit(batch, random(batch), correlated=correlated, prior=prior)

    def pymer4(data: ClusteredData) -> Fitted:
        return lmer(id, data, random(data), correlated=correlated)

    return Strategy(
        id, label, description, refuse, fit, pymer4 if in_lme4 else None, in_post, place
    )
