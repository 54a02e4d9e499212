import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlmlearn import Condition, Grid, InputError, fit, simulate
from mlmlearn.simulation import draw

GROUP_SD, NOISE_SD = 0.5, 2.0

# A true value and a Monte Carlo mean stay within this many standard errors; the seeds are
# fixed; with other seeds, about one run in five hundred would have a comparison outside.
Z = 4.5


def arrays(*address):
    drawn = draw(*address)
    return drawn.betas, drawn.coefs, drawn.X, drawn.y


def digest(simulated):
    values = simulated.data.to_numpy().tobytes() + simulated.group_coefs.to_numpy().tobytes()
    return hashlib.sha256(values + simulated.betas.tobytes()).hexdigest()


# The distribution.


def parts(betas, group_coefs, X, y):
    """Take data apart into what was drawn; groups by rows, predictors without the ones."""
    noise = y - (X * group_coefs[:, None, :]).sum(axis=2)
    return {
        "deviations": group_coefs - betas,
        "predictors": X[..., 1:].reshape(-1, X.shape[2] - 1),
        "noise": noise.reshape(-1, 1),
    }


@pytest.fixture(scope="module")
def ours():
    condition = Condition(2000, 6, GROUP_SD, n_predictors=2, noise_sd=NOISE_SD)
    return parts(*arrays(condition, 4, 0))


@pytest.fixture(scope="module")
def theirs():
    from pymer4.simulate import simulate_lmm

    np.random.seed(4)  # noqa: NPY002  (pymer4 knows no other way)
    data, group_coefs, betas = simulate_lmm(
        6, 2, 2000, grp_sigmas=GROUP_SD, noise_params=(0, NOISE_SD)
    )
    X = np.column_stack([np.ones(len(data)), data[["IV1", "IV2"]]]).reshape(2000, 6, 3)
    y = data["DV"].to_numpy().reshape(2000, 6)
    return parts(np.asarray(betas), group_coefs.to_numpy(), X, y)


SDS = {"deviations": GROUP_SD, "predictors": 1.0, "noise": NOISE_SD}


@pytest.mark.parametrize("part", SDS)
def test_what_is_drawn_has_the_stated_mean_and_standard_deviation(ours, part):
    values, sd = ours[part], SDS[part]
    n = len(values)
    assert np.abs(values.mean(axis=0)).max() < Z * sd / np.sqrt(n)
    assert np.abs(values.std(axis=0, ddof=1) - sd).max() < Z * sd / np.sqrt(2 * n)


@pytest.mark.parametrize("part", SDS)
def test_what_is_drawn_is_normal(ours, part):
    for column in ours[part].T:
        assert stats.kstest(column / SDS[part], "norm").pvalue > 1e-4


@pytest.mark.needs_r
@pytest.mark.parametrize("part", SDS)
def test_what_is_drawn_has_the_distribution_of_pymer4s_simulate_lmm(ours, theirs, part):
    for mine, other in zip(ours[part].T, theirs[part].T, strict=True):
        assert stats.ks_2samp(mine, other).pvalue > 1e-4
        n = len(mine)
        ratio_of_variances = mine.var(ddof=1) / other.var(ddof=1)
        assert abs(np.log(ratio_of_variances)) < Z * np.sqrt(4 / n)


@pytest.mark.parametrize("part", ["deviations", "predictors"])
def test_coefficients_and_predictors_are_independent(ours, part):
    values = ours[part]
    correlations = np.corrcoef(values.T)[np.triu_indices(values.shape[1], 1)]
    assert np.abs(correlations).max() < Z / np.sqrt(len(values))


def test_noise_is_independent_of_predictors_and_within_groups(ours):
    noise = ours["noise"].ravel()
    for predictor in ours["predictors"].T:
        assert abs(np.corrcoef(noise, predictor)[0, 1]) < Z / np.sqrt(len(noise))
    by_group = noise.reshape(2000, 6)
    assert np.abs(np.corrcoef(by_group.T)[np.triu_indices(6, 1)]).max() < Z / np.sqrt(2000)


def test_each_data_set_draws_its_own_betas_from_the_unit_interval():
    drawn = np.array([draw(Condition(1, 1, 0), 0, replication).betas for replication in range(800)])
    for column in drawn.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    correlations = np.corrcoef(drawn.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < Z / np.sqrt(800)
    assert abs(np.corrcoef(drawn[1:, 0], drawn[:-1, 0])[0, 1]) < Z / np.sqrt(800)


@pytest.mark.needs_r
def test_lme4_finds_the_same_variance_components_in_both_simulators():
    from pymer4.simulate import simulate_lmm

    n_groups, n_obs = 200, 15
    condition = Condition(n_groups, n_obs, GROUP_SD, n_predictors=1, noise_sd=NOISE_SD)
    np.random.seed(8)  # noqa: NPY002
    theirs = simulate_lmm(n_obs, 1, n_groups, grp_sigmas=GROUP_SD, noise_params=(0, NOISE_SD))[0]
    # The covariance of coefficients estimated with a sampling variance of noise² / n_obs has
    # about the Wishart's standard errors. An SD taken for a variance would move it by 0.19.
    se = np.sqrt(2 / n_groups) * (GROUP_SD**2 + NOISE_SD**2 / n_obs)
    residual_se = NOISE_SD / np.sqrt(2 * n_groups * (n_obs - 2))
    assert Z * se < GROUP_SD - GROUP_SD**2
    for data in (simulate(condition, seed=8).data, theirs):
        result = fit("mlm_full", "DV ~ IV1", data, group="Group", engine="pymer4")
        truth = GROUP_SD**2 * np.eye(2)
        assert np.abs(result.random_cov.to_numpy() - truth).max() < Z * se
        assert abs(result.residual_sd - NOISE_SD) < Z * residual_se


# What the arguments do.


def test_a_data_set_has_the_stated_shape():
    simulated = simulate(Condition(4, 3, 0.5, n_predictors=2), seed=1)
    assert list(simulated.data.columns) == ["DV", "IV1", "IV2", "Group"]
    assert simulated.data["Group"].tolist() == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert simulated.group_coefs.shape == (4, 3)
    assert simulated.group_coefs.columns.tolist() == ["Intercept", "IV1", "IV2"]
    assert simulated.group_coefs.index.tolist() == [1, 2, 3, 4]
    assert simulated.betas.shape == (3,)


def test_without_noise_each_outcome_lies_on_its_groups_line():
    simulated = simulate(Condition(5, 4, 2.0, noise_sd=0), seed=1)
    coefs = simulated.group_coefs.loc[simulated.data["Group"]].to_numpy()
    expected = coefs[:, 0] + (simulated.data[["IV1", "IV2", "IV3"]] * coefs[:, 1:]).sum(axis=1)
    np.testing.assert_allclose(simulated.data["DV"], expected, rtol=1e-13)
    assert simulated.group_coefs.std().min() > 0.1


def test_without_noise_and_differences_each_outcome_lies_on_the_populations_line():
    betas = [1.0, -2.0, 0.0, 0.5]
    simulated = simulate(Condition(5, 4, 0, noise_sd=0, betas=betas))
    assert simulated.betas.tolist() == betas
    assert (simulated.group_coefs == betas).all(axis=None)
    expected = 1 - 2 * simulated.data["IV1"] + 0.5 * simulated.data["IV3"]
    np.testing.assert_allclose(simulated.data["DV"], expected, rtol=1e-13)


# The address.

ADDRESS = {"seed": 7, "replication": 11}
CONDITION = Condition(3, 4, 0.5)


def test_a_data_set_stays_what_it_is():
    # Stored runs are addressed, not copied: whoever changes these numbers makes every
    # stored result a result about other data, and has to recompute them all.
    simulated = simulate(CONDITION, **ADDRESS)
    assert simulated.betas[0] == 0.627767247796977
    assert simulated.data.loc[0, "DV"] == -1.6087419016304212
    assert digest(simulated) == "8006d79fbb220b86d1ec3e21caa4883e677922059a14fd61f3d842ae985889e1"


def test_what_was_drawn_before_does_not_matter():
    first = digest(simulate(CONDITION, **ADDRESS))
    for replication in range(5):
        simulate(Condition(7, 2, 1.0), seed=7, replication=replication)
    np.random.seed(0)  # noqa: NPY002
    np.random.rand(10)  # noqa: NPY002
    assert digest(simulate(CONDITION, **ADDRESS)) == first


def test_simulating_leaves_numpys_global_generator_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate(CONDITION, **ADDRESS)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_another_process_draws_the_same_data():
    code = """
import hashlib
from mlmlearn import Condition, simulate
simulated = simulate(Condition(3, 4, 0.5), seed=7, replication=11)
print(hashlib.sha256(simulated.data.to_numpy().tobytes()).hexdigest())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = simulate(CONDITION, **ADDRESS).data.to_numpy().tobytes()
    assert done.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_number_types_and_the_sign_of_zero_do_not_matter():
    same = [
        (Condition(3, 4, 0.0, betas=(0, 0, 0, 0)), 1, 2),
        (Condition(np.int64(3), 4.0, -0.0, betas=[-0.0, 0, 0, 0]), np.uint8(1), 2.0),
    ]
    one, other = (digest(simulate(c, seed=s, replication=r)) for c, s, r in same)
    assert one == other


def test_every_part_of_the_address_matters():
    half = 2**32  # where one word of the address would run into the next
    addresses = [
        (CONDITION, 7, 11),
        (CONDITION, 8, 11),
        (CONDITION, 11, 7),
        (CONDITION, 7, 12),
        (CONDITION, 7, half),
        (CONDITION, half, 7),
        (CONDITION, 7 + half, 0),
        (CONDITION, 2**64 - 1, 11),
        (Condition(4, 3, 0.5), 7, 11),
        (Condition(3, 5, 0.5), 7, 11),
        (Condition(3, 4, 0.5, n_predictors=2), 7, 11),
        (Condition(3, 4, np.nextafter(0.5, 1)), 7, 11),
        (Condition(3, 4, 1.0, noise_sd=0.5), 7, 11),
        (Condition(3, 4, 0.5, noise_sd=2.0), 7, 11),
        (Condition(3, 4, 0.5, betas=(0, 0, 0, 0)), 7, 11),
        (Condition(3, 4, 0.5, betas=(0, 0, 0, 1)), 7, 11),
        (Condition(3, 4, 0.5, betas=(1, 0, 0, 0)), 7, 11),
    ]
    # The first predictor is a plain standard normal draw, which no argument shifts or scales.
    first = [simulate(c, seed=s, replication=r).data.loc[0, "IV1"] for c, s, r in addresses]
    assert len(set(first)) == len(addresses)


def test_replications_are_unrelated():
    columns = pd.DataFrame(
        {r: simulate(Condition(40, 25, 0.5), replication=r).data["IV1"] for r in range(6)}
    )
    correlations = columns.corr().to_numpy()[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < Z / np.sqrt(1000)


# Errors.


@pytest.mark.parametrize("name", ["seed", "replication"])
def test_seed_and_replication_must_be_usable(name):
    for value in (-1, 1.5, "1", None):
        with pytest.raises(InputError) as error:
            simulate(CONDITION, **{name: value})
        assert str(error.value) == f"{name} must be a whole number of at least 0, not {value!r}"
    with pytest.raises(InputError, match=r"^seed and replication must be below 2\*\*64$"):
        simulate(CONDITION, **{name: 2**64})


def test_anything_but_a_condition_is_refused():
    with pytest.raises(InputError, match=r"^simulate needs a Condition, such as .*, not \(3, 4"):
        simulate((3, 4, 0.5))


# The bits that were drawn first, on x86-64; 64-bit ARM and older processors drew the same.
DIGESTS = Path(__file__).parent / "drawn_data.json"


def bits(condition):
    """Hash the bits of three data sets of a condition, as little-endian numbers."""
    found = hashlib.sha256()
    for replication in (0, 1, 49):
        for array in arrays(condition, 0, replication):
            found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()[:16]


def test_the_data_of_every_condition_stay_as_they_are_to_the_bit():
    expected = json.loads(DIGESTS.read_text(encoding="utf-8"))
    conditions = list(Grid().conditions())
    assert len(conditions) == len(expected) == 45
    for condition in conditions:
        name = f"{condition.n_groups} {condition.n_obs} {condition.group_sd}"
        assert bits(condition) == expected[name], name


def test_the_generator_is_named(monkeypatch):
    # NumPy may make `default_rng` another generator some day.
    monkeypatch.setattr(np.random, "default_rng", None)
    assert bits(Condition(10, 5, 0.1)) == json.loads(DIGESTS.read_text("utf-8"))["10 5 0.1"]
