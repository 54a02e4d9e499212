"""How many groups and rows a study needs: power by simulation, and the size of the test beside it.

A design's power is the share of its data sets in which the test at 5 % rejects, where the term has
the effect that is planned for. The size of the test is that share where the term has none. A power
is worth what its size is: a test that rejects too often without an effect does so with one, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from mlmlearn.checks import number_in
from mlmlearn.conditions import Condition, Grid
from mlmlearn.errors import InputError
from mlmlearn.ingredient import FloatArray
from mlmlearn.loop import run
from mlmlearn.measures import performance
from mlmlearn.processes.person_predictor import PersonPredictor
from mlmlearn.results import Results

__all__ = ["Plan", "plan"]

DESIGN = ["n_groups", "n_obs", "strategy"]

# A test of 5 % that rejects more often than this without an effect is no test of 5 % (Bradley 1978,
# British Journal of Mathematical and Statistical Psychology 31, 144-152).
LARGEST_SIZE = 0.075

# How often the rates of the designs are drawn again, for the interval of the smallest number.
REDRAWN = 1000


# Compared by identity: data frames have no single truth value.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """What some designs achieve with some strategies.

    Attributes
    ----------
    table : DataFrame
        One row per design and strategy: n_groups, n_obs, strategy; n, the data sets with the
        effect that were fitted, and n_failed, fits that failed with the effect and without;
        power and type_1_error, the shares of tests at 5 % that reject with the effect and
        without; ci_width, the mean width of the 95 % interval, in units of the coefficient; and
        share_singular, of the fits to data with the effect. Each is followed by its Monte Carlo
        standard error, in a column that ends in _mcse.
    term : str
        The coefficient that is tested.
    results : Results, optional
        Every fit behind the table.
    """

    table: pd.DataFrame
    term: str
    results: Results | None = None

    def __str__(self) -> str:
        return f"Power of the test of {self.term}\n{self.table.round(3).to_string(index=False)}"

    __repr__ = __str__

    def smallest(
        self, power: float = 0.8, *, group_cost: float = 0, row_cost: float = 0
    ) -> pd.DataFrame:
        """Find the fewest groups that reach a power, for each strategy and number of rows.

        Power is taken not to fall with the number of groups, and between two numbers that were
        tried its normal quantile to go straight along the square root of that number, as it does
        for a z test. The interval comes from the rates drawn again, binomially, many times.

        Parameters
        ----------
        power : float, default 0.8
            The power to reach.
        group_cost, row_cost : float, default 0
            What a group costs, and each of its rows. With them rows are sorted by cost.

        Returns
        -------
        DataFrame
            One row per strategy and number of rows: strategy, n_obs, n_groups (missing where no
            number that was tried is enough; an upper bound where the fewest are, as `note` says),
            n_groups_low and n_groups_high (95 % interval for simulation error alone; infinite
            where it leaves the numbers tried), n_rows in total, type_1_error and its MCSE at the
            number tried that is next to the answer, cost where costs were given, and note. Where
            the size of the test is above 7.5 %, the limit of Bradley (1978), by more than
            simulation error, the note says so, and the row stands last.

        Raises
        ------
        InputError
            When the power is not between 0 and 1, or a cost is negative.
        """
        power = number_in("power", power, "(0, 1)")
        group_cost = number_in("group_cost", group_cost, "[0, inf)")
        row_cost = number_in("row_cost", row_cost, "[0, inf)")
        rng = np.random.default_rng(0)
        rows = [
            {"strategy": strategy, "n_obs": n_obs} | _smallest(part, power, rng)
            for (strategy, n_obs), part in self.table.groupby(["strategy", "n_obs"], sort=False)
        ]
        found = pd.DataFrame(rows).astype({"n_groups": "Int64"})
        found.insert(5, "n_rows", found["n_groups"] * found["n_obs"])
        if group_cost or row_cost:
            found.insert(8, "cost", found["n_groups"] * (group_cost + row_cost * found["n_obs"]))
            found = found.sort_values("cost", kind="stable")
        order: pd.Index = _too_large(found).sort_values(kind="stable").index
        return found.loc[order].reset_index(drop=True)


def _too_large(rates: Any) -> Any:
    """Tell where the size of a test is above its limit by more than simulation error."""
    return rates["type_1_error"] - 1.96 * rates["type_1_error_mcse"] > LARGEST_SIZE


def _smallest(part: pd.DataFrame, power: float, rng: np.random.Generator) -> dict[str, Any]:
    """Find the fewest groups for one strategy and number of rows."""
    part = part[part["n"] > 0].sort_values("n_groups")
    names = ("n_groups", "n_groups_low", "n_groups_high", "type_1_error", "type_1_error_mcse")
    if part.empty:
        return dict.fromkeys(names, np.nan) | {"note": "no fit succeeded"}
    tried, n, rates = (part[name].to_numpy(float) for name in ("n_groups", "n", "power"))
    answer = _crossings(tried, rates[None], n, power)[0]
    again = rng.binomial(n.astype(int), rates, (REDRAWN, len(n))) / n
    drawn = np.sort(_crossings(tried, again, n, power))
    low, high = drawn[int(0.025 * REDRAWN)], drawn[int(np.ceil(0.975 * REDRAWN)) - 1]
    near = part.iloc[min(int(np.searchsorted(tried, answer)), len(part) - 1)]
    notes = []
    if answer == np.inf:
        notes.append(f"{tried[-1]:.0f} are too few")
    elif answer <= tried[0]:
        notes.append(f"{tried[0]:.0f} are enough, and fewer were not tried")
    if _too_large(near):
        notes.append(f"rejects {100 * near['type_1_error']:.0f} % without an effect")
    enough = np.nan if answer == np.inf else answer
    numbers = (enough, low, high, near["type_1_error"], near["type_1_error_mcse"])
    return dict(zip(names, numbers, strict=True)) | {"note": "; ".join(notes)}


def _crossings(tried: FloatArray, rates: FloatArray, n: FloatArray, power: float) -> FloatArray:
    """Return the first whole numbers at which curves reach a power; infinite where one does not.

    Each of the r curves goes through m rates, shape (r, m), at numbers of groups in ascending
    order, `tried`, of `n` data sets each. They are made to rise first (isotonic regression).
    """
    from scipy import optimize  # slow to import, and few need it

    rising = [optimize.isotonic_regression(one, weights=n).x for one in rates]
    # A rate of 0 or 1 is one that so many data sets cannot tell from it.
    height = special.ndtri(np.clip(rising, 0.5 / n, 1 - 0.5 / n))
    target, x = special.ndtri(power), np.sqrt(tried)
    first = (height >= target).argmax(axis=1)
    row, before = np.arange(len(height)), np.maximum(first - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        way = (target - height[row, before]) / (height[row, first] - height[row, before])
        between = np.ceil((x[before] + (x[first] - x[before]) * way) ** 2 - 1e-9)
    found = np.where(first == 0, tried[0], between)
    return np.where((height >= target).any(axis=1), found, np.inf)


def plan(
    condition: Condition,
    term: str = "IV1",
    *,
    n_groups: int | Sequence[int] | None = None,
    n_obs: int | Sequence[int] | None = None,
    replications: int = 1000,
    **options: Any,
) -> Plan:
    """Compare designs by the power, size, interval width and singular fits of some strategies.

    Every combination of the numbers of groups and of rows is simulated twice over: with the
    condition's effect for the power, and with none for the size of the test. All else stays as the
    condition says; a number of treated groups keeps its share. Where a predictor is time, more
    rows go on for longer, and do not lie closer.

    Parameters
    ----------
    condition : Condition
        What is expected of the data: a guess, or `Condition.from_fit` of a pilot study.
    term : str, default "IV1"
        The coefficient that is tested.
    n_groups, n_obs : int or sequence of int, optional
        Numbers of groups, and of rows a group; without them those of the condition.
    replications : int, default 1000
        Data sets for each rate, whose Monte Carlo standard error is then at most 1.6 points.
    strategies, engine, out, n_jobs, seed, progress
        Options of `run`; the same call with `out` goes on where an earlier one stopped.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        When the condition does not say its betas, the term is none of its own or has no effect, or
        a number cannot be used.
    EngineError, RunError, KeyboardInterrupt
        As for `run`.

    Examples
    --------
    >>> guess = Condition(30, 10, (1, 0.5), betas=(0, 0.3))
    >>> found = plan(guess, n_groups=[20, 30, 40], replications=500)   # doctest: +SKIP
    >>> found.smallest(power=0.8)                                      # doctest: +SKIP
    """
    if not isinstance(condition, Condition):
        raise InputError(
            "plan needs a Condition, such as Condition(30, 10, (1, 0.5), betas=(0, 0.3)), or "
            f"Condition.from_fit(pilot), not {condition!r}"
        )
    people = condition.n_groups if n_groups is None else n_groups
    rows = condition.n_obs if n_obs is None else n_obs
    condition = _with_shares(condition)
    pair = (condition, _without(condition, term))
    varied = {
        name: list(dict.fromkeys(getattr(one, name) for one in pair))
        for name in ("betas", "ingredients")
    }
    grid = Grid(
        people,
        rows,
        [condition.group_sd],
        replications,
        n_predictors=condition.n_predictors,
        noise_sd=condition.noise_sd,
        **varied,
    )
    results = run(grid, **options)
    return Plan(_table(results, term), term, results)


def _with_shares(condition: Condition) -> Condition:
    """Let treatments go to a share of the groups, whose number will change."""
    ingredients = [
        replace(one, treated=one.treated / condition.n_groups)
        if isinstance(one, PersonPredictor) and one.treated is not None and one.treated >= 1
        else one
        for one in condition.ingredients
    ]
    return replace(condition, ingredients=tuple(ingredients))


def _without(condition: Condition, term: str) -> Condition:
    """Take a term's effect away, and nothing else, or say in an `InputError` why that cannot be."""
    if term not in condition.terms:
        raise InputError(f"the condition has no term {term!r}; it has {', '.join(condition.terms)}")
    if condition.betas is None:
        raise InputError(
            "the condition draws its betas anew for each data set; give those that are planned "
            "for, such as betas=(0, 0.3)"
        )
    betas = list(condition.betas)
    place = condition.terms.index(term)
    adding = [one for one in condition.ingredients if term in one.terms()]
    if place < len(betas):
        betas[place] = 0.0
        null = replace(condition, betas=tuple(betas))
    elif isinstance(one := adding[0], PersonPredictor):
        part: Any = {"effect" if term == one.name else "interaction": 0.0}
        others = (other for other in condition.ingredients if other is not one)
        null = replace(condition, ingredients=(*others, replace(one, **part)))
    else:
        raise InputError(
            f"the effect of {term} follows from others and cannot be taken away alone; test "
            "another term"
        )
    if null == condition:
        raise InputError(
            f"the effect of {term} is 0, so that there is nothing to find; set one, or name "
            "another term"
        )
    return null


def _table(results: Results, term: str) -> pd.DataFrame:
    """Reduce a run to a row per design and strategy."""
    fits = results.fits[results.fits["term"] == term]
    singular = results.diagnostics[[*results.fit_key, "singular"]]
    fits = fits.merge(singular, on=results.fit_key)
    measured = performance(fits, by=DESIGN).set_index(DESIGN).drop(columns="n")
    effect = fits[(fits["truth"] != 0) & fits["ci_low"].notna()]
    further = effect.assign(
        ci_width=effect["ci_high"] - effect["ci_low"],
        share_singular=effect["singular"].astype(float),
    ).groupby(DESIGN, sort=False)[["ci_width", "share_singular"]]
    size, errors = further.size().rename("n"), further.sem().add_suffix("_mcse")
    table = measured.join([size, further.mean(), errors]).fillna({"n": 0}).astype({"n": int})
    names = ("power", "type_1_error", "ci_width", "share_singular")
    columns = ["n", "n_failed", *(one for name in names for one in (name, f"{name}_mcse"))]
    return table[columns].reset_index()
