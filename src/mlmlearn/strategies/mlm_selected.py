"""The multilevel model whose random effects are chosen by tests, from the largest model down.

Matuschek, Kliegl, Vasishth, Baayen & Bates (2017), Journal of Memory and Language 94, 305-315.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mlmlearn import multilevel
from mlmlearn.batch import Batch, Texts
from mlmlearn.ols import joined
from mlmlearn.strategies.base import Fitted, Strategy

# What is tested is left out unless p is below.
ALPHA = 0.2

Flags = NDArray[np.bool_]


def refuse(batch: Batch) -> Texts:
    """Refuse too few rows for all random effects, with which the search begins."""
    return multilevel.refuse("mlm_selected", batch, batch.random)


def fit(batch: Batch) -> Fitted:
    """Leave out all correlations, then one slope after another, as long as p is above ALPHA.

    A test compares the REML deviances of two fits with the same fixed effects, which stay as they
    are. Its reference is chi-squared with as many degrees of freedom as parameters are left out,
    as in R's `anova`; where a variance is left out that makes p too large (Stram & Lee 1994,
    Biometrics 50). The slope to go is the one whose loss costs least. Standard errors and tests of
    the fixed effects are those of the model that remains, as if it had been the only one.
    """
    found = _kept(multilevel.fit(batch, batch.random), batch, batch.random, correlated=True)
    m = int(batch.random.sum())
    if m == 1:
        return found
    simpler = _uncorrelated(batch, batch.random)
    spare = _spare(simpler, found, m * (m - 1) // 2)
    if not spare.any():
        return found
    chosen = _without_slopes(batch.take(spare), batch.random, simpler.take(spare))
    return found.replaced(spare, chosen)


def _without_slopes(batch: Batch, random: Flags, found: Fitted) -> Fitted:
    """Go on from an uncorrelated model that all data sets of a batch have reached."""
    slopes = np.flatnonzero(random)[1:]
    if not len(slopes):
        return found
    fewer = [random & (np.arange(len(random)) != j) for j in slopes]
    fits = [_uncorrelated(batch, one) for one in fewer]
    cheapest = np.argmin([one.reml_deviance for one in fits], axis=0)
    for i, (left, simpler) in enumerate(zip(fewer, fits, strict=True)):
        spare = _spare(simpler, found, 1) & (cheapest == i)
        if spare.any():
            chosen = _without_slopes(batch.take(spare), left, simpler.take(spare))
            found = found.replaced(spare, chosen)
    return found


def _uncorrelated(batch: Batch, random: Flags) -> Fitted:
    return _kept(multilevel.fit(batch, random, correlated=False), batch, random, correlated=False)


def _kept(found: Fitted, batch: Batch, random: Flags, correlated: bool) -> Fitted:
    """Say in each fit's messages what has a random effect."""
    said = f"mlmlearn: kept random effects of {', '.join(np.array(batch.terms)[random])}"
    if random.sum() > 1:
        said += ", with correlations" if correlated else ", without correlations"
    messages = joined(np.full(len(batch), said, dtype=object), found.messages)
    return replace(found, messages=messages)


def _spare(smaller: Fitted, larger: Fitted, df: int) -> Flags:
    """Tell where the smaller model will do; never where one of them could not be fitted."""
    p = special.chdtrc(df, np.maximum(smaller.reml_deviance - larger.reml_deviance, 0))
    return np.asarray(p > ALPHA)


STRATEGY = Strategy(
    "mlm_selected",
    "Selected multilevel",
    "multilevel model with the random effects that likelihood-ratio tests at 20 % keep",
    refuse,
    fit,
    place=8,
)
