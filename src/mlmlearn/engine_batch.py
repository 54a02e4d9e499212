"""The batch engine: many data sets, compiled by numba, the same on every machine."""

import importlib.metadata

import numpy as np

from mlmlearn.batch import Batch, no_texts
from mlmlearn.strategies import Fitted, Strategy

__all__ = ["data_sets_at_once", "fit", "versions"]


def fit(strategy: Strategy, batch: Batch) -> Fitted:
    """Fit one strategy to data sets that it does not refuse."""
    try:
        with np.errstate(all="ignore"):
            return strategy.fit(batch).complete()
    except np.linalg.LinAlgError as error:
        nan, here = np.full((len(batch), batch.n_fixed), np.nan), np.arange(len(batch))
        if len(batch) == 1:
            text = f"{strategy.id} could not be fitted ({error}): a predictor nearly repeats others"
            problem = no_texts(1)
            problem[0] = f"{text}; leave one out"
            return Fitted(nan, nan, nan, problem=problem).complete()
        # One of them, and NumPy does not say which.
        return Fitted.joined([fit(strategy, batch.take(here == i)) for i in here])


def data_sets_at_once(n_groups: int, n_obs: int) -> int:
    """Say how many data sets of a condition to fit at once, in a few hundred megabytes."""
    return max(1, min(250, 500_000 // (n_groups * n_obs)))


def versions() -> dict[str, str]:
    """Return the version of what the results depend on."""
    return {name: importlib.metadata.version(name) for name in ("numba", "numpy")}
