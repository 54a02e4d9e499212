"""Draw the data set that a seed, a condition and a replication number address."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.conditions import Condition, whole_number
from mlmlearn.errors import InputError

__all__ = ["SimulatedData", "draw", "draw_many", "simulate"]

FloatArray = NDArray[np.float64]


# Compared by identity: data frames have no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class SimulatedData:
    """A simulated data set together with the truth behind it.

    Attributes
    ----------
    data : DataFrame, shape (n_groups * n_obs, n_predictors + 2)
        Columns DV, IV1, IV2, … and Group (1 … n_groups), sorted by group.
    group_coefs : DataFrame, shape (n_groups, n_predictors + 1)
        True coefficients of each group, indexed by Group.
    betas : ndarray, shape (n_predictors + 1,)
        True population coefficients, the intercept first.
    condition : Condition
        What was simulated.
    seed, replication : int
        Together with `condition`, the address of this data set.
    """

    data: pd.DataFrame
    group_coefs: pd.DataFrame
    betas: FloatArray
    condition: Condition
    seed: int
    replication: int

    @property
    def formula(self) -> str:
        """What was simulated, as a formula for `fit` and `compare`."""
        return f"DV ~ {' + '.join(self.condition.terms[1:])}"


def _generator(condition: Condition, seed: int, replication: int) -> np.random.Generator:
    """Make the generator that belongs to one data set and to no other.

    Each number of the address fills one 64-bit word, floats by their bits, so two
    addresses can only meet when they are equal. Later kinds of conditions append words
    where they differ from the default, which leaves the data sets drawn so far as they are.
    """
    integers = [seed, replication, condition.n_groups, condition.n_obs, condition.n_predictors]
    floats = [condition.group_sd, condition.noise_sd, *(condition.betas or ())]
    # As 32-bit halves: SeedSequence would give a small number one word and a large one two.
    address = np.array(integers, dtype="<u8").tobytes() + np.array(floats, dtype="<f8").tobytes()
    seeds = np.random.SeedSequence(np.frombuffer(address, "<u4").tolist())
    # By name: NumPy may give `default_rng` another generator some day (NEP 19).
    return np.random.Generator(np.random.PCG64(seeds))


def draw(
    condition: Condition, seed: int, replication: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Draw one data set as plain arrays, rows sorted by group.

    Parameters
    ----------
    condition : Condition
        What to simulate.
    seed, replication : int
        Which data set of that condition, both 0 or more.

    Returns
    -------
    betas : ndarray, shape (k,)
        Population coefficients, the intercept first; k is n_predictors + 1.
    group_coefs : ndarray, shape (n_groups, k)
        Coefficients of each group.
    X : ndarray, shape (n_groups, n_obs, k)
        Design of each group, its first column ones.
    y : ndarray, shape (n_groups, n_obs)
        Outcome.
    """
    seed = whole_number("seed", seed, 0)
    replication = whole_number("replication", replication, 0)
    if max(seed, replication) >= 2**64:
        raise InputError("seed and replication must be below 2**64")
    rng = _generator(condition, seed, replication)
    n_groups, n_obs, k = condition.n_groups, condition.n_obs, condition.n_predictors + 1
    betas = rng.uniform(size=k) if condition.betas is None else np.array(condition.betas)
    group_coefs = betas + condition.group_sd * rng.standard_normal((n_groups, k))
    X = np.ones((n_groups, n_obs, k))
    X[..., 1:] = rng.standard_normal((n_groups, n_obs, k - 1))
    noise = condition.noise_sd * rng.standard_normal((n_groups, n_obs))
    # A sum of products in a fixed order: a matrix product may round differently from one
    # machine's BLAS to another's, and a data set must be the same bit for bit everywhere.
    y = (X * group_coefs[:, None, :]).sum(axis=2) + noise
    return betas, group_coefs, X, y


@dataclass(frozen=True, slots=True)
class Draws:
    """Data sets of one condition, filled up with zeros to one shape.

    Attributes
    ----------
    betas : ndarray, shape (b, k)
    X : ndarray, shape (b, n_groups, n_obs, k)
    y : ndarray, shape (b, n_groups, n_obs)
    present : ndarray of bool, shape (b, n_groups, n_obs)
    """

    betas: FloatArray
    X: FloatArray
    y: FloatArray
    present: NDArray[np.bool_]


def draw_many(condition: Condition, seed: int, replications: Iterable[int]) -> Draws:
    """Draw several data sets of a condition, and stack their arrays."""
    draws = [draw(condition, seed, replication) for replication in replications]
    betas, _, X, y = (np.stack(arrays) for arrays in zip(*draws, strict=True))
    return Draws(betas, X, y, np.ones(y.shape, dtype=bool))


def simulate(condition: Condition, *, seed: int = 0, replication: int = 0) -> SimulatedData:
    """Simulate one clustered data set whose true coefficients are known.

    The distribution is that of pymer4's ``simulate_lmm``: independent normal group
    coefficients around the population's, standard normal predictors, normal noise.
    The same address always gives the same data set, whatever was drawn before.

    Parameters
    ----------
    condition : Condition
        What to simulate.
    seed : int, default 0
        Seed of the whole study, 0 or more.
    replication : int, default 0
        Number of the data set within the condition, 0 or more.

    Returns
    -------
    SimulatedData
        The data frame, and the true group and population coefficients.

    Raises
    ------
    InputError
        When `condition` is not a `Condition`, or a number is out of range.

    Examples
    --------
    >>> simulated = simulate(Condition(n_groups=50, n_obs=50, group_sd=0.25))
    >>> simulated.data.shape
    (2500, 5)
    """
    if not isinstance(condition, Condition):
        raise InputError(
            f"simulate needs a Condition, such as Condition(50, 50, 0.25), not {condition!r}"
        )
    betas, group_coefs, X, y = draw(condition, seed, replication)
    groups = np.arange(1, condition.n_groups + 1)
    columns = {"DV": y.ravel()}
    columns.update((term, X[..., i].ravel()) for i, term in enumerate(condition.terms) if i > 0)
    columns["Group"] = np.repeat(groups, condition.n_obs)
    return SimulatedData(
        data=pd.DataFrame(columns),
        group_coefs=pd.DataFrame(
            group_coefs, columns=list(condition.terms), index=pd.Index(groups, name="Group")
        ),
        betas=betas,
        condition=condition,
        seed=int(seed),
        replication=int(replication),
    )
