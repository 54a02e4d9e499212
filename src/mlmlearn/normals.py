"""Random numbers and regression lines of many data sets, by compiled loops.

They draw what NumPy's `SeedSequence`, `PCG64` and `standard_normal` would (O'Neill 2015, Developing
a seed_seq alternative, pcg-random.org; O'Neill 2014, PCG, Harvey Mudd College HMC-CS-2014-0905;
Marsaglia & Tsang 2000, Journal of Statistical Software 5(8)), and add in NumPy's order, so that the
data are the same bit for bit: it takes a fraction of the time.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.random._constants import fi_double, ki_double, wi_double

from mlmlearn.compiled import compiled

__all__ = ["fill", "lines"]

# The factor of the generator.
FACTOR = 0x2360ED051FC65DA44385DF649FCCF645

# Keys and factors by which words are scrambled, a pool of them and the seeds made of it.
POOL_KEY, POOL_FACTOR = np.uint64(0x43B0D7E5), np.uint64(0x931E8875)
SEED_KEY, SEED_FACTOR = np.uint64(0x8B51F9DD), np.uint64(0x58F38DED)
POOL_SHARE, WORD_SHARE = np.uint64(0xCA01F9DD), np.uint64(0x4973F715)
WORD, HALF_WORD = np.uint64(0xFFFFFFFF), np.uint64(16)

# Where the tail of the normal density begins, and its inverse.
TAIL, INVERSE = 3.6541528853610088, 0.27366123732975828


@intrinsic
def moved_on(_, high, low, step_high, step_low):
    """Multiply a 128-bit number by FACTOR and add a step, each in two halves."""

    def write(_, builder, __, halves):
        wide, half = ir.IntType(128), ir.IntType(64)
        above, below, step_above, step_below = (builder.zext(one, wide) for one in halves)
        number = builder.or_(builder.shl(above, wide(64)), below)
        step = builder.or_(builder.shl(step_above, wide(64)), step_below)
        number = builder.add(builder.mul(number, wide(FACTOR)), step)
        upper = builder.trunc(builder.lshr(number, wide(64)), half)
        return cgutils.pack_array(builder, [upper, builder.trunc(number, half)])

    word = types.uint64
    return types.UniTuple(word, 2)(word, word, word, word), write


@compiled
def bits(state):
    """Move a generator on: its state and its step, two halves each, and 64 bits."""
    high, low = moved_on(*state)  # type: ignore[var-annotated]
    x, turn = high ^ low, high >> np.uint64(58)
    return (high, low, state[2], state[3]), (x >> turn) | (x << (-turn & np.uint64(63)))


@compiled
def scrambled(word, key, factor):
    """Scramble 32 bits by a key, and move the key on."""
    after = key * factor & WORD
    word = (word ^ key) * after & WORD
    return word ^ word >> HALF_WORD, after


@compiled
def seeds_of(address):
    """Make what starts a generator from an address of four words or more, as `SeedSequence`."""
    pool, seeds = np.zeros(4, np.uint64), np.zeros(4, np.uint64)
    key = POOL_KEY
    for i in range(4):
        pool[i], key = scrambled(np.uint64(address[i]), key, POOL_FACTOR)
    for i in range(len(address)):
        for j in range(4):
            if i != j:
                source = pool[i] if i < 4 else np.uint64(address[i])
                word, key = scrambled(source, key, POOL_FACTOR)
                both = pool[j] * POOL_SHARE - word * WORD_SHARE & WORD
                pool[j] = both ^ both >> HALF_WORD
    key = SEED_KEY
    for i in range(8):
        word, key = scrambled(pool[i % 4], key, SEED_FACTOR)
        seeds[i // 2] |= word << np.uint64(i % 2 * 32)
    return seeds


@compiled
def started(seeds):
    """Start a generator from four numbers of a `SeedSequence`."""
    one = np.uint64(1)
    step = (seeds[2] << one) | (seeds[3] >> np.uint64(63)), (seeds[3] << one) | one
    (high, low, _, _), _ = bits((np.uint64(0), np.uint64(0), *step))
    low += seeds[1]
    high += seeds[0]
    if low < seeds[1]:
        high += one
    return bits((high, low, *step))[0]


@compiled
def uniform(state):
    """Draw a number between zero and one."""
    state, drawn = bits(state)
    return state, (drawn >> np.uint64(11)) * 2.0**-53


@compiled
def normals(state, out):
    """Fill in standard normal numbers: each from one of 256 layers, nearly always at once."""
    for i in range(len(out)):
        while True:
            state, drawn = bits(state)
            layer = drawn & np.uint64(255)
            size = (drawn >> np.uint64(9)) & np.uint64(0xFFFFFFFFFFFFF)
            x = np.int64(size) * wi_double[layer]
            if drawn & np.uint64(256):
                x = -x
            if size < ki_double[layer]:
                break
            state, one = uniform(state)
            if layer > 0:
                between = fi_double[layer - np.uint64(1)] - fi_double[layer]
                if between * one + fi_double[layer] < np.exp(-0.5 * x * x):
                    break
                continue
            while True:
                beyond = -INVERSE * np.log1p(-one)
                state, one = uniform(state)
                y = -np.log1p(-one)
                if y + y > beyond * beyond:
                    break
                state, one = uniform(state)
            x = -(TAIL + beyond) if size & np.uint64(256) else TAIL + beyond
            break
        out[i] = x
    return state


@compiled
def fill(addresses, drawn, betas, deviations, X, noise):
    """Fill in what b data sets are drawn from.

    Parameters
    ----------
    addresses : ndarray of uint32, shape (b, words)
        What starts the generator of each.
    drawn : bool
        Whether the coefficients are drawn, too.
    betas, deviations, X, noise : ndarray, shapes (b, k), (b, J, k), (b, J, n, k) and (b, J, n)
    """
    b, J, n, k = X.shape
    columns = np.empty((J, n, k - 1))
    for d in range(b):
        state = started(seeds_of(addresses[d]))
        if drawn:
            for i in range(k):
                state, betas[d, i] = uniform(state)
        state = normals(state, deviations[d].reshape(-1))
        state = normals(state, columns.reshape(-1))
        normals(state, noise[d].reshape(-1))
        X[d, :, :, 0] = 1
        X[d, :, :, 1:] = columns


@compiled
def lines(X, coefs):
    """Add up X[j, r, i] coefs[j, i], column by column: shapes (J, n, k) and (J, k) to (J, n)."""
    J, n, k = X.shape
    y = np.empty((J, n))
    for j in range(J):
        for r in range(n):
            y[j, r] = X[j, r, 0] * coefs[j, 0]
            for i in range(1, k):
                y[j, r] += X[j, r, i] * coefs[j, i]
    return y
