"""Power from data sets without an effect, as it is and at equal size.

Every strategy here answers an added effect in the same way: where `effect * IV1` is added to the
outcome, the estimate of IV1 grows by `effect`, and its standard error and degrees of freedom stay
(test_selection.py shows it). So data sets drawn without an effect tell the power for any effect.
"""

import numpy as np
import pandas as pd
from scipy import optimize, stats
from study import with_shares

from mlmlearn import Results, performance

LEVEL = 0.05

# Resampled studies from which the Monte Carlo error of a rate at equal size is told.
RESAMPLED = 200


def ideal_effect(condition, power=0.8):
    """Say which slope is found with this power where its true standard error is known.

    That is the standard error of the mean of people's slopes, of which each is known up to the
    noise of its own rows: the square root of (slope SD^2 + noise SD^2 / rows) / people.
    """
    variance = condition.group_sds[1] ** 2 + condition.noise_sd**2 / condition.n_obs
    enough = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(power)
    return float(enough * np.sqrt(variance / condition.n_groups))


def with_effect(fits, effect):
    """Turn a table of fits without an effect into that of the same data sets with one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (fits["estimate"] + effect) / fits["se"]
        moved = {name: fits[name] + effect for name in ("truth", "estimate", "ci_low", "ci_high")}
        # Without degrees of freedom (the bootstrap) there is no p value but that of zero.
        p = np.where(fits["df"].notna(), 2 * stats.t.sf(np.abs(t), fits["df"]), np.nan)
    return fits.assign(**moved, t=t, p=p)


def at_equal_size(null_p, effect_p, level=LEVEL):
    """Power of a test whose critical p value is such that it rejects `level` of the true nulls.

    Parameters
    ----------
    null_p, effect_p : array-like, shape (n,)
        p values of the same data sets, without the effect and with it.

    Returns
    -------
    float
        The share of `effect_p` below the `level` quantile of `null_p`.
    float
        Its Monte Carlo standard error, by a bootstrap over the data sets, which counts what the
        quantile wobbles, too (a jackknife does not see that rightly).
    """
    both = np.column_stack([null_p, effect_p])
    both = both[np.isfinite(both).all(axis=1)]
    n = len(both)
    if n < 20:
        return np.nan, np.nan

    def power(rows):
        return float(np.mean(rows[:, 1] < np.quantile(rows[:, 0], level)))

    rng = np.random.Generator(np.random.PCG64(n))
    again = [power(both[rng.integers(n, size=n)]) for _ in range(RESAMPLED)]
    return power(both), float(np.std(again, ddof=1))


def with_power(fits, effect):
    """Compute every performance measure of a slope without effect, and the power for one.

    Parameters
    ----------
    fits : DataFrame
        Of one condition and one term, whose truth is zero.
    effect : float
        The slope whose power is asked for.

    Returns
    -------
    DataFrame
        A row a strategy: as `performance`, with power and power_mcse for the effect, then
        effect, power_at_size and power_at_size_mcse (see `at_equal_size`).
    """
    moved = with_effect(fits, effect)
    table = performance(fits, by=["strategy", "term"])
    found = performance(moved, by=["strategy", "term"])
    table[["power", "power_mcse"]] = found[["power", "power_mcse"]]
    table["effect"] = effect
    p = pd.concat({"null": fits["p"], "effect": moved["p"]}, axis=1)
    sized = {
        name: at_equal_size(rows["null"], rows["effect"])
        for name, rows in p.groupby(fits["strategy"], sort=False)
    }
    table["power_at_size"] = [sized[name][0] for name in table["strategy"]]
    table["power_at_size_mcse"] = [sized[name][1] for name in table["strategy"]]
    return table


def mixture_p(difference):
    """Return the p value of a random slope: of its variance and its correlation with the intercept.

    Where the variance is zero half of the data sets would like it below, and have no correlation to
    fit: the reference is an equal mixture of chi-squared with one and two degrees of freedom (Stram
    & Lee 1994, Biometrics 50).
    """
    return (stats.chi2.sf(difference, 1) + stats.chi2.sf(difference, 2)) / 2


def mixture_point(level=LEVEL):
    """Say from which difference of deviances on a random slope is significant."""
    return float(optimize.brentq(lambda difference: mixture_p(difference) - level, 0, 50))


def noticed(diagnostics):
    """Share of data sets in which a test tells that slopes differ; missing where none was made."""
    deviance = diagnostics.pivot_table("reml_deviance", "replication", "strategy")
    if not {"mlm_full", "mlm_intercept"} <= set(deviance):
        return np.nan
    difference = deviance["mlm_intercept"] - deviance["mlm_full"]
    return float((mixture_p(difference) < LEVEL).mean())


def of_first_slope(results: Results) -> pd.DataFrame:
    """Reduce one condition of a study to the rates of IV1, and shares of what was said.

    `share_noticed` is that of data sets of one predictor in which a test finds that slopes differ.
    """
    (condition,) = results.grid.conditions()
    fits = results.fits[results.fits["term"] == "IV1"]
    table = with_shares(with_power(fits, ideal_effect(condition)), results)
    alone = condition.n_predictors == 1
    return table.assign(share_noticed=noticed(results.diagnostics) if alone else np.nan)
