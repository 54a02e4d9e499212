"""Draw the data set that a seed, a condition and a replication number address."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn.checks import whole_number
from mlmlearn.conditions import Condition
from mlmlearn.errors import InputError
from mlmlearn.ingredient import Draw, FloatArray

__all__ = ["Draws", "SimulatedData", "draw", "draw_many", "simulate"]


# Compared by identity: data frames have no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class SimulatedData:
    """A simulated data set together with the truth behind it.

    Attributes
    ----------
    data : DataFrame
        One row an observation that exists, sorted by group. Columns DV, every term but the
        intercept, and Group (1 … n_groups). Missing answers have no row, and a group without any
        answer is absent.
    group_coefs : DataFrame
        True coefficients of each group in the data, indexed by Group, a column a term.
    betas : ndarray, shape (k,)
        True population coefficients of the terms, the intercept first.
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
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients, in the order of `betas`."""
        return self.condition.terms

    @property
    def formula(self) -> str:
        """What was simulated, as a formula for `fit` and `compare`."""
        return f"DV ~ {' + '.join(self.terms[1:])}"


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Data sets of a condition side by side: b of them, J groups, n rows for each, k terms.

    Attributes
    ----------
    betas : ndarray, shape (b, k)
        Population coefficients.
    X : ndarray, shape (b, J, n, k)
        Designs, their first column ones.
    y : ndarray, shape (b, J, n)
        Outcomes.
    present : ndarray of bool, shape (b, J, n)
        Which rows exist; the others are zeros in X and y.
    """

    betas: FloatArray
    X: FloatArray
    y: FloatArray
    present: NDArray[np.bool_]


def _addresses(condition: Condition, seed: int, replications: Iterable[int]) -> NDArray[np.uint32]:
    """Write down which data sets are meant, but for their ingredients: a row of words for each.

    Each number of an address fills one 64-bit word, floats by their bits, so two
    addresses can only meet when they are equal. What a condition can say since then is hashed
    together with its name and appended, where it differs from the default. That leaves the data
    sets drawn before as they are.
    """
    seed = whole_number("seed", seed, 0)
    chosen = [
        one if type(one) is int and one >= 0 else whole_number("replication", one, 0)
        for one in replications
    ]
    if max([seed, *chosen]) >= 2**64:
        raise InputError("seed and replication must be below 2**64")
    integers = [seed, 0, condition.n_groups, condition.n_obs, condition.n_predictors]
    later = {}
    group_sd = condition.group_sd
    if isinstance(group_sd, tuple):
        later, group_sd = {"group_sd": group_sd}, 0.0
    floats = [group_sd, condition.noise_sd, *(condition.betas or ())]
    address = np.array(integers, dtype="<u8").tobytes() + np.array(floats, dtype="<f8").tobytes()
    address += _hash(json.dumps(later, sort_keys=True)) if later else b""
    words = np.tile(np.frombuffer(address, "<u4"), (len(chosen), 1))
    words[:, 2:4] = np.array(chosen, dtype="<u8")[:, None].view("<u4")
    return words


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _generator(address: bytes) -> np.random.Generator:
    # As 32-bit halves: SeedSequence would give a small number one word and a large one two.
    seeds = np.random.SeedSequence(np.frombuffer(address, "<u4").astype(np.uint32))
    # By name: NumPy may give `default_rng` another generator some day (NEP 19).
    return np.random.Generator(np.random.PCG64(seeds))


def _undone(condition: Condition, addresses: NDArray[np.uint32]) -> tuple[FloatArray, ...]:
    """Draw what all data sets start from: betas, deviations, X and noise, as in `Draw`."""
    from mlmlearn import normals

    shape = (len(addresses), condition.n_groups, condition.n_obs)
    k = condition.n_predictors + 1
    betas = np.tile(np.array(condition.betas or np.empty(k)), (len(addresses), 1))
    deviations, X, noise = np.empty((*shape[:2], k)), np.empty((*shape, k)), np.empty(shape)
    normals.fill(addresses, condition.betas is None, betas, deviations, X, noise)
    return betas, deviations, X, noise


def draw(condition: Condition, seed: int, replication: int) -> Draw:
    """Draw one data set as plain arrays, groups by rows.

    Parameters
    ----------
    condition : Condition
        What to simulate.
    seed, replication : int
        Which data set of that condition, both 0 or more.

    Returns
    -------
    Draw
        Its `present` tells which of the rows exist.
    """
    addresses = _addresses(condition, seed, [replication])
    undone = _undone(condition, addresses)
    return _finished(condition, addresses[0].tobytes(), *(array[0] for array in undone))


def _finished(
    condition: Condition,
    address: bytes,
    betas: FloatArray,
    deviations: FloatArray,
    X: FloatArray,
    noise: FloatArray,
) -> Draw:
    """Finish a data set, with the ingredients in its condition."""
    n_groups, n_obs, k = X.shape
    found = Draw(condition, betas, deviations, X, noise, np.full(n_groups, n_obs))
    # A generator for each ingredient, so that none moves the random numbers of another.
    own = [(one, _generator(address + _hash(one.key))) for one in condition.ingredients]

    def stage(name: str) -> None:
        for ingredient, generator in own:
            getattr(ingredient, name)(found, generator)

    stage("coefficients")
    found.coefs = betas + np.array(condition.group_sds) * found.deviations
    stage("sizes")
    if (more := found.sizes.max() - n_obs) > 0:
        # Row by row, and all the further rows of a data set from a generator of their own.
        rows = _generator(address + _hash("rows")).standard_normal((more, n_groups, k))
        rows = rows.swapaxes(0, 1)
        found.noise = np.concatenate([noise, rows[..., 0]], axis=1)
        found.X = np.concatenate([X, np.insert(rows[..., 1:], 0, 1, axis=2)], axis=1)
    found.present = np.arange(found.X.shape[1]) < found.sizes[:, None]
    stage("predictors")
    stage("noise")
    found.y = _lines(found.X, found.coefs) + condition.noise_sd * found.noise
    stage("outcome")
    stage("missing")
    return found


def _lines(X: FloatArray, coefs: FloatArray) -> FloatArray:
    """Compute the groups' regression lines: sums of products in a fixed order.

    A matrix product may round differently from one machine's BLAS to another's, and a data set
    must be the same bit for bit everywhere. From eight columns on NumPy's sum goes in another
    order than one after another, and data drawn before keep it.
    """
    k = X.shape[-1]
    if k >= 8:
        return np.asarray((X * coefs[..., None, :]).sum(axis=-1))
    from mlmlearn import normals

    flat = np.ascontiguousarray(X).reshape(-1, X.shape[-2], k)
    found: FloatArray = normals.lines(flat, coefs.reshape(-1, k))
    return found.reshape(X.shape[:-1])


def draw_many(condition: Condition, seed: int, replications: Iterable[int]) -> Draws:
    """Draw several data sets of a condition, and put their arrays side by side.

    Parameters
    ----------
    condition, seed
        As for `draw`.
    replications : iterable of int
        Which data sets.

    Returns
    -------
    Draws
        With as many rows for each group as the largest has.
    """
    addresses = _addresses(condition, seed, replications)
    betas, deviations, X, noise = _undone(condition, addresses)
    if not condition.ingredients:  # then nothing is left to do one by one
        coefs = betas[:, None] + np.array(condition.group_sds) * deviations
        y = _lines(X, coefs) + condition.noise_sd * noise
        return Draws(betas, X, y, np.ones(y.shape, dtype=bool))
    drawn = [
        _finished(condition, address.tobytes(), *arrays)
        for address, *arrays in zip(addresses, betas, deviations, X, noise, strict=True)
    ]
    y = np.zeros((len(drawn), condition.n_groups, max(one.y.shape[1] for one in drawn)))
    X, present = np.zeros((*y.shape, len(condition.terms))), np.zeros(y.shape, dtype=bool)
    for i, one in enumerate(drawn):
        n = one.y.shape[1]
        X[i, :, :n], y[i, :, :n], present[i, :, :n] = one.X, one.y, one.present
    X[~present] = y[~present] = 0
    return Draws(np.stack([one.betas for one in drawn]), X, y, present)


def simulate(condition: Condition, *, seed: int = 0, replication: int = 0) -> SimulatedData:
    """Simulate one clustered data set whose true coefficients are known.

    Without ingredients the distribution is that of pymer4's ``simulate_lmm``: independent normal
    group coefficients around the population's, standard normal predictors, normal noise.
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
    drawn = draw(condition, seed, replication)
    codes, _ = np.nonzero(drawn.present)
    X, terms = drawn.X[drawn.present], list(condition.terms)
    data = pd.DataFrame(X, columns=terms).drop(columns="Intercept").assign(Group=codes + 1)
    data.insert(0, "DV", drawn.y[drawn.present])
    groups = np.unique(codes)
    return SimulatedData(
        data=data,
        group_coefs=pd.DataFrame(
            drawn.coefs[groups], columns=terms, index=pd.Index(groups + 1, name="Group")
        ),
        betas=drawn.betas,
        condition=condition,
        seed=int(seed),
        replication=int(replication),
    )
