"""Ingredients: each is what it says, in groups of unequal sizes, and all of them compose."""

import hashlib
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky.backend.reduction import dumps
from scipy import stats

from mlmlearn import (
    Condition,
    Grid,
    Ingredient,
    InputError,
    Results,
    compare,
    fit,
    performance,
    run,
    simulate,
    verify,
)
from mlmlearn import processes as p
from mlmlearn.ingredient import INGREDIENTS, number
from mlmlearn.simulation import draw, draw_many

# A true value and a Monte Carlo mean stay within this many standard errors.
Z = 4.5

UNEQUAL = p.VaryingSizes(0.5)
J, N = 4000, 8


def drawn(*ingredients, n_groups=J, group_sd=(1, 0.5), **options):
    """Draw one data set of many groups of unequal sizes."""
    condition = Condition(
        n_groups, N, group_sd, ingredients=[UNEQUAL, *ingredients], **{"betas": (1, -1)} | options
    )
    return draw(condition, 11, 0)


def column(found, name="IV1"):
    """Return a predictor's values that exist, and the group of each."""
    return found.column(name)[found.present], np.nonzero(found.present)[0]


def near(values, mean, factor=1.0):
    """Tell whether a mean agrees with what it should be; `factor` enlarges its standard error."""
    values = np.asarray(values, dtype=float)
    return abs(values.mean() - mean) < Z * factor * values.std(ddof=1) / np.sqrt(len(values))


def correlated(x, y, correlation):
    """Tell whether a correlation agrees with what it should be, on Fisher's scale."""
    found = np.corrcoef(x, y)[0, 1]
    return abs(np.arctanh(found) - np.arctanh(correlation)) < Z / np.sqrt(len(x) - 3)


# Coefficients.


def test_levels_and_slopes_have_their_own_sds():
    found = drawn(group_sd=(2, 0.2), betas=(0, 1, 2))
    assert found.condition.group_sds == (2.0, 0.2, 0.2)
    for column, sd, beta in zip(found.coefs.T, (2, 0.2, 0.2), (0, 1, 2), strict=True):
        assert near(column, beta)
        assert near((column - beta) ** 2, sd**2)
    assert np.ptp(drawn(group_sd=(2, 0)).coefs[:, 1]) == 0


@pytest.mark.parametrize("given", [-0.4, [[1, 0.3, -0.5], [0.3, 1, 0.2], [-0.5, 0.2, 1]], 1])
def test_coefficients_are_correlated(given):
    found = drawn(p.CorrelatedCoefficients(given), group_sd=(2, 0.5, 1), betas=(0, 0, 0))
    expected = np.array(given) if np.ndim(given) else np.where(np.eye(3) == 1, 1, given)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        if given == 1:
            assert np.corrcoef(found.coefs.T)[i, j] == pytest.approx(1)
        else:
            assert correlated(found.coefs[:, i], found.coefs[:, j], expected[i, j])
    assert near((found.coefs[:, 0]) ** 2, 4)


# Sizes.


def test_sizes_vary_around_n_obs_and_may_go_with_the_slopes():
    found = drawn()
    assert near(found.sizes, N)
    assert found.sizes.min() >= 1
    assert len(set(found.sizes)) > 10
    assert (found.present.sum(axis=1) == found.sizes).all()
    assert correlated(np.log(found.sizes), found.coefs[:, 1], 0)
    informative = draw(
        Condition(J, 50, (1, 0.5), betas=(1, -1), ingredients=p.VaryingSizes(0.5, 0.7)), 3, 0
    )
    assert correlated(np.log(informative.sizes), informative.coefs[:, 1], 0.7)
    assert correlated(np.log(informative.sizes), informative.coefs[:, 0], 0)
    bounded = draw(Condition(J, 6, 1, ingredients=p.VaryingSizes(1, least=4, most=9)), 3, 0)
    assert (bounded.sizes.min(), bounded.sizes.max()) == (4, 9)


def test_informative_sizes_move_what_rows_estimate_and_not_what_groups_do():
    # A row's slope is that of a group chosen with its size: E[size slope] / E[size] is the mean
    # slope plus correlation * log_sd * slope_sd.
    condition = Condition(
        400, 30, (0, 0.5), betas=(0, 0), ingredients=p.VaryingSizes(0.5, 0.8, least=3)
    )
    found = [simulate(condition, seed=5, replication=i) for i in range(4)]
    for strategy, mean in (("two_stage", 0), ("cluster_robust", 0.8 * 0.5 * 0.5)):
        slopes = [fit(strategy, one, engine="batch").coefs.loc["IV1"] for one in found]
        se = np.sqrt(sum(one["se"] ** 2 for one in slopes)) / 4
        assert abs(np.mean([one["estimate"] for one in slopes]) - mean) < Z * se


# Predictors.


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.5, 0.5)])
def test_a_binary_predictor_has_two_values(low, high):
    x, _ = column(drawn(p.BinaryPredictor(0.3, low, high)))
    assert set(x) == {low, high}
    assert near(x == high, 0.3)


def test_time_counts_from_zero_in_every_group():
    simulated = simulate(
        Condition(20, 5, 1, betas=(0, 1), ingredients=(UNEQUAL, p.TimePredictor()))
    )
    for _, group in simulated.data.groupby("Group"):
        assert group["IV1"].tolist() == list(range(len(group)))


def test_means_of_a_predictor_go_with_the_level():
    x, groups = column(drawn(p.PredictorMean(5, 2, 0.6)))
    means = pd.Series(x).groupby(groups).mean()
    within = x - 5 - (means - 5).to_numpy()[groups]
    assert near(means, 5)
    found = drawn(p.PredictorMean(5, 2, 0.6))
    sizes = found.sizes
    assert near((means - 5) ** 2 - 1 / sizes, 4)
    degrees = pd.Series(within).groupby(groups).var()
    assert near(degrees.dropna(), 1)
    # The covariance of the observed mean with the intercept is that of the true mean.
    assert near((means - 5) * (found.coefs[:, 0] - 1), 0.6 * 2)
    plain, _ = column(drawn(p.PredictorMean(5)))
    assert (plain == column(drawn())[0] + 5).all()


def test_a_predictors_spread_differs_between_groups_and_goes_with_the_slope():
    found = drawn(p.PredictorSpread(0.5, 0.6))
    x, _ = column(found)
    before, _ = column(drawn())
    ratio = found.column("IV1")[:, 0] / drawn().column("IV1")[:, 0]
    assert near(ratio**2, 1)
    logs = np.log(ratio)
    assert near((logs + 0.25) ** 2, 0.25)
    assert correlated(logs, found.coefs[:, 1], 0.6)
    assert correlated(logs, found.coefs[:, 0], 0)
    assert (np.sign(x) == np.sign(before)).all()


@pytest.mark.parametrize("what", ["IV1", "noise"])
def test_series_are_correlated_in_time_and_stationary(what):
    kind = p.AutoregressivePredictor if what == "IV1" else p.AutoregressiveNoise
    found = drawn(kind(0.6))
    series = found.noise if what == "noise" else found.column(what)
    for lag in (1, 2, 3):
        both = found.present[:, lag:]
        # One pair a group, so that pairs are independent.
        first, later = series[:, 0][both[:, 0]], series[:, lag][both[:, 0]]
        assert correlated(first, later, 0.6**lag)
    for i in range(4):
        assert near(series[found.present[:, i], i] ** 2, 1)
    other = found.column("IV1") if what == "noise" else found.noise
    assert correlated(other[:, 0], other[:, 1], 0)


def test_predictors_of_groups_are_terms_without_random_effects():
    found = drawn(p.PersonPredictor(0.7, -0.3), p.PersonPredictor(0.1, treated=30, name="arm"))
    assert found.condition.terms == ("Intercept", "IV1", "W", "IV1:W", "arm")
    np.testing.assert_array_equal(found.betas, [1, -1, 0.7, -0.3, 0.1])
    assert (np.ptp(found.coefs[:, 2:], axis=0) == 0).all()
    W, arm = found.X[:, 0, 2], found.X[:, 0, 4]
    assert (found.X[..., 2] == W[:, None]).all()
    np.testing.assert_array_equal(found.X[..., 3], found.X[..., 1] * W[:, None])
    assert stats.kstest(W, "norm").pvalue > 1e-4
    assert (arm.sum(), set(arm)) == (30, {0, 1})
    simulated = simulate(found.condition, seed=2)
    table = compare(simulated, strategies=["cluster_robust"], engine="batch")
    # A formula has its interactions last, and the truth follows the names.
    assert table["term"].tolist() == ["Intercept", "IV1", "W", "arm", "IV1:W"]
    truth = dict(zip(found.condition.terms, found.betas, strict=True))
    assert table["truth"].tolist() == [truth[term] for term in table["term"]]
    assert (np.abs(table["estimate"] - table["truth"]) < Z * table["se"]).all()


def test_a_predictor_is_taken_apart_after_the_outcome_is_drawn():
    mean = p.PredictorMean(2, 0.5, 0.6)
    plain, apart = drawn(mean), drawn(mean, p.PersonMeans())
    np.testing.assert_array_equal(plain.y, apart.y)
    x, groups = column(plain)
    own = pd.Series(x).groupby(groups).transform("mean").to_numpy()
    assert apart.condition.terms == ("Intercept", "IV1", "IV1_mean")
    np.testing.assert_allclose(column(apart)[0], x - own, atol=1e-12)
    np.testing.assert_allclose(column(apart, "IV1_mean")[0], own, atol=1e-12)
    # The level rises by correlation * level_sd / sd with the true mean: 0.6 * 1 / 0.5.
    np.testing.assert_allclose(apart.betas, [1, -1, -1 + 1.2])
    assert drawn(p.PersonMeans()).betas.tolist() == [1, -1, -1]
    # Of many rows the observed means are the true ones, and the regression finds both effects.
    condition = Condition(
        2000, 40, (1, 0), n_predictors=1, betas=(1, -1), ingredients=(mean, p.PersonMeans())
    )
    table = compare(simulate(condition, seed=2), strategies=["mlm_intercept", "two_stage"])
    shrunk = table["truth"] - 1.2 * (table["term"] == "IV1_mean") / (1 + 40 * 0.5**2)
    slopes = table["term"] != "Intercept"
    assert (np.abs(table["estimate"] - shrunk) < Z * table["se"])[slopes].all()


# Noise.


def test_noise_is_heavy_tailed_or_skewed_or_unequal_with_the_stated_sd():
    tails = drawn(p.HeavyTailedNoise(5)).noise.ravel()
    assert stats.kstest(tails[:8000] / np.sqrt(3 / 5), stats.t(5).cdf).pvalue > 1e-4
    for skewness in (2, -1):
        found = drawn(p.SkewedNoise(skewness)).noise.ravel()
        shape = 4 / skewness**2
        gamma = stats.gamma(shape, loc=-np.sqrt(shape), scale=1 / np.sqrt(shape))
        assert stats.kstest(np.sign(skewness) * found[:8000], gamma.cdf).pvalue > 1e-4
        assert gamma.stats("mvs")[:2] == (0, 1)
    own = drawn(p.NoiseSpread(0.4)).noise / drawn().noise
    assert np.ptp(own, axis=1).max() < 1e-9
    assert near(own[:, 0] ** 2, 1)
    assert near((np.log(own[:, 0]) + 0.16) ** 2, 0.16)


def test_a_fit_recovers_sds_and_correlation_whatever_the_noise():
    condition = Condition(
        1500, 8, (1.5, 0.5), betas=(1, -1), noise_sd=2,
        ingredients=[UNEQUAL, p.CorrelatedCoefficients(-0.5), p.HeavyTailedNoise(6),
                     p.BinaryPredictor(low=-0.5, high=0.5), p.MissingAnswers(0.2)],
    )  # fmt: skip
    result = fit("mlm_full", simulate(condition, seed=1), engine="batch")
    cov = result.random_cov.to_numpy()
    assert result.residual_sd == pytest.approx(2, rel=0.05)
    assert np.sqrt(cov[0, 0]) == pytest.approx(1.5, rel=0.06)
    assert cov[1, 1] == pytest.approx(0.25, abs=0.25)
    assert cov[0, 1] == pytest.approx(-0.5 * 1.5 * 0.5, abs=0.2)
    assert (np.abs(result.coefs["estimate"] - [1, -1]) < Z * result.coefs["se"]).all()


# Missing answers.


def lost(*ingredients):
    """Return a data set, which of its rows existed before answers went, and which are missing."""
    found = drawn(*ingredients)
    before = np.arange(found.y.shape[1]) < found.sizes[:, None]
    return found, before, before & ~found.present


def test_answers_go_missing_completely_at_random():
    found, before, missing = lost(p.MissingAnswers(0.25))
    assert near(missing[before], 0.25)
    assert correlated(missing[before], found.y[before], 0)


def test_answers_go_missing_because_of_their_values():
    found, before, missing = lost(p.MissingAnswers(0.25, 0.8))
    chance = 1 / (1 + 3 * np.exp(-0.8 * (found.y[before] - 1)))
    assert near(missing[before] - chance, 0)
    assert near((missing[before] - chance) * (found.y[before] - 1), 0)


def test_groups_drop_out_for_good_given_their_last_answer():
    found, before, missing = lost(p.Dropout(0.1, 0.6))
    assert found.present[:, 0].all()
    assert (np.diff(found.present.astype(int), axis=1) <= 0).all()
    at_risk = found.present[:, :-1] & before[:, 1:]
    gone, last = missing[:, 1:][at_risk], found.y[:, :-1][at_risk] - 1
    chance = 1 / (1 + 9 * np.exp(-0.6 * last))
    assert near(gone - chance, 0)
    assert near((gone - chance) * last, 0)
    # Given the last answer, the one that is lost does not matter.
    nxt = found.noise[:, 1:][at_risk]
    assert near((gone - chance) * nxt, 0)
    everyone, *_ = lost(p.Dropout(0))
    assert (everyone.present == before).all()
    later, *_ = lost(p.Dropout(0.1, 0.6, least=3))
    assert (later.present[:, :3] == before[:, :3]).all()
    assert (later.present[:, 3:] <= before[:, 3:]).all()
    assert later.present.sum() < before.sum()


def test_a_group_that_lost_all_answers_is_absent():
    condition = Condition(40, 2, 1, ingredients=p.MissingAnswers(0.6))
    simulated = simulate(condition, seed=1)
    groups = simulated.data["Group"]
    assert groups.is_monotonic_increasing
    assert 10 < groups.nunique() < 40
    assert simulated.group_coefs.index.tolist() == sorted(set(groups))
    assert len(simulated.data) == draw(condition, 1, 0).present.sum()


# Random numbers.

EVERY = [
    p.UncertainTruth(np.diag([0.1, 0.2, 0.3, 0.4]), [0.1, 0.2, None, None], [9] * 4, 30),
    p.PredictorScale(2, "IV2"),
    p.VaryingSizes(0.4, 0.3), p.CorrelatedCoefficients(0.3), p.BinaryPredictor(),
    p.AutoregressivePredictor(0.4, "IV2"), p.PredictorMean(1, 1, 0.4, "IV2"),
    p.PredictorSpread(0.3, 0.2, "IV2"), p.TimePredictor("IV3"), p.PersonPredictor(0.3, 0.1, 4),
    p.HeavyTailedNoise(5), p.SkewedNoise(1), p.AutoregressiveNoise(0.3), p.NoiseSpread(0.3),
    p.PersonMeans("IV2"), p.Dropout(0.05, 0.2), p.MissingAnswers(0.05, -0.1),
]  # fmt: skip


def test_every_ingredient_is_tried_here():
    shipped = {name for name, kind in INGREDIENTS.items() if kind.__module__.startswith("mlm")}
    assert {type(one).__name__ for one in EVERY} == shipped == set(p.__all__) - {"Ingredient"}


@pytest.mark.parametrize("one", EVERY, ids=str)
def test_an_ingredient_leaves_the_other_random_numbers_as_they_are(one):
    plain = draw(Condition(12, 6, (1, 0.5)), 3, 1)
    with_one = draw(Condition(12, 6, (1, 0.5), ingredients=one), 3, 1)
    n, k = 6, len(plain.betas)
    parts = {
        "betas": (plain.betas, with_one.betas[:k]),
        "deviations": (plain.deviations, with_one.deviations),
        "sizes": (plain.sizes, with_one.sizes),
        **{f"IV{i}": (plain.X[..., i], with_one.X[:, :n, i]) for i in (1, 2, 3)},
        "noise": (plain.noise, with_one.noise[:, :n]),
    }
    changed = {name for name, (a, b) in parts.items() if not np.array_equal(a, b)}
    changed -= {"betas"} if isinstance(one, p.UncertainTruth) else set()
    changed |= {"rows"} if with_one.present.sum() != plain.present.sum() else set()
    stages = {
        name for name in ("coefficients", "sizes", "predictors", "noise", "outcome", "missing")
        if getattr(type(one), name) is not getattr(Ingredient, name)
    }  # fmt: skip
    allowed = {
        "coefficients": {"deviations"}, "sizes": {"sizes", "rows"}, "noise": {"noise"},
        "predictors": {getattr(one, "predictor", "")}, "missing": {"rows"},
        "outcome": {getattr(one, "predictor", "")},
    }  # fmt: skip
    assert changed <= set.union(*(allowed[name] for name in stages))


def test_ingredients_compose_in_one_order_whatever_the_order_they_are_named_in():
    one = Condition(12, 8, (1, 0.5), ingredients=EVERY)
    other = Condition(12, 8, (1.0, 0.5), ingredients=tuple(reversed(EVERY)))
    assert one == other
    assert hash(one) == hash(other)
    pd.testing.assert_frame_equal(simulate(one, seed=4).data, simulate(other, seed=4).data)
    code = f"import sys; sys.path.insert(0, {sys.path[0]!r}); sys.path.insert(0, 'tests');" + (
        "from test_processes import *; import hashlib;"
        "c = Condition(12, 8, (1, 0.5), ingredients=EVERY);"
        "print(hashlib.sha256(simulate(c, seed=4).data.to_numpy().tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = simulate(one, seed=4).data.to_numpy().tobytes()
    assert done.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_addresses_of_new_kinds_never_meet():
    conditions = [
        Condition(5, 4, 1), Condition(5, 4, (1, 1)), Condition(5, 4, (1, 0)), Condition(5, 4, 0),
        Condition(5, 4, (1, 0, 0, 0)), Condition(5, 4, (0, 1)), Condition(5, 4, 1, noise_sd=0),
    ]  # fmt: skip
    first = [simulate(condition).data.loc[0, "IV1"] for condition in conditions]
    assert len(set(first)) == len(conditions)


def test_data_sets_side_by_side_are_those_one_by_one_with_zeros_for_missing_rows():
    condition = Condition(12, 6, (1, 0.5), ingredients=EVERY)
    many = draw_many(condition, 2, range(5))
    b, groups, n, k = many.X.shape
    assert (b, groups, k) == (5, 12, len(condition.terms))
    assert many.betas.shape == (b, k)
    assert many.y.shape == many.present.shape == (b, groups, n)
    assert not many.X[~many.present].any()
    assert not many.y[~many.present].any()
    for i in range(b):
        data = simulate(condition, seed=2, replication=i).data
        present = many.present[i]
        np.testing.assert_array_equal(many.y[i][present], data["DV"])
        np.testing.assert_array_equal(many.X[i][present][:, 1:], data[[*condition.terms[1:]]])
        assert (np.nonzero(present)[0] + 1 == data["Group"]).all()
    assert draw_many(Condition(3, 4, 1), 0, range(2)).present.all()


# An ingredient of one's own, and every kind of condition in a run.


class Ceiling(Ingredient):
    """Answers that cannot lie above `most`."""

    most: float = number("(-inf, inf)")

    def outcome(self, draw, rng):
        np.minimum(draw.y, self.most, out=draw.y)


GRID = Grid(
    n_groups=12,
    n_obs=[6, 8],
    group_sd=[(1, 0), (1, 0.5)],
    betas=[(0, 0)],
    ingredients=[(), (p.VaryingSizes(0.3, 0.5, least=3), Ceiling(2.0)), Ceiling(0)],
    replications=4,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return run(GRID, engine="batch", out=folder, progress=False), folder


def test_an_ingredient_of_ones_own_goes_through_simulate_run_and_performance(results):
    found, _ = results
    assert simulate(Condition(9, 5, 2, ingredients=Ceiling(0.5))).data["DV"].max() == 0.5
    keys = ["n_groups", "n_obs", "group_sd", "betas", "ingredients"]
    assert list(found.fits)[:8] == [*keys, "replication", "strategy", "term"]
    assert found.fits["ingredients"].unique().tolist() == [
        "none",
        "Ceiling(most=2) + VaryingSizes(log_sd=0.3, correlation=0.5, least=3)",
        "Ceiling(most=0)",
    ]
    assert found.fits["group_sd"].unique().tolist() == ["(1, 0)", "(1, 0.5)"]
    table = performance(found.fits, by=["ingredients", "strategy", "term"])
    assert (table.groupby("ingredients")["n"].sum() > 100).all()
    level = table.query("term == 'Intercept' and strategy == 'cluster_robust'")
    assert level.set_index("ingredients").loc["Ceiling(most=0)", "bias"] < -0.2
    assert len(found.recovery()) == len(found.diagnostics) == 12 * 4 * 4
    assert not found.diagnostics["messages"].str.startswith("failed").any()


def test_rows_lead_to_their_data_sets_and_verify_computes_them_again(results):
    found, _ = results
    row = found.fits.query("ingredients == 'Ceiling(most=0)'").iloc[-1]
    simulated = found.dataset(row)
    assert simulated.condition == Condition(12, 8, (1, 0.5), betas=(0, 0), ingredients=Ceiling(0.0))
    again = compare(simulated, strategies=[row["strategy"]], engine="batch")
    assert again.set_index("term").loc[row["term"], "estimate"] == pytest.approx(row["estimate"])
    checked = verify(found, sample=48)
    assert (checked["verdict"] == "agrees").all()
    assert set(checked["ingredients"]) == set(found.fits["ingredients"])
    with pytest.raises(InputError, match=r"^the grid has no group_sd '\(1, 2\)'; it has \(1, 0\)"):
        found.dataset(row.to_dict() | {"group_sd": "(1, 2)"})


def test_a_run_resumes_and_its_manifest_rebuilds_the_grid(results, tmp_path):
    found, folder = results
    manifest = json.loads((folder / "manifest.json").read_text())
    assert Grid.from_json(manifest["grid"]) == GRID == found.grid
    assert manifest["grid"]["ingredients"][2] == [{"Ceiling": {"most": 0.0}}]
    for part in sorted((folder / "parts").glob("*"))[::2]:
        part.unlink()
    resumed = run(GRID, engine="batch", out=folder, progress=False, n_jobs=2)
    pd.testing.assert_frame_equal(resumed.fits, found.fits)
    resumed.save(tmp_path / "saved")
    pd.testing.assert_frame_equal(Results.load(tmp_path / "saved").fits, found.fits)
    resumed.to_csv(tmp_path)
    row = pd.read_csv(tmp_path / "fits.csv").iloc[-1]
    assert resumed.dataset(row).condition.ingredients == (Ceiling(0),)


# What is refused.


def test_a_grid_varies_every_field_of_a_condition():
    names = list(Condition.__dataclass_fields__)
    assert set(names) | {"replications"} == set(Grid.__dataclass_fields__)
    grid = Grid([10], [5], [0.1, (1, 0)], betas=[None, (0, 0)], noise_sd=[1, 2], n_predictors=1)
    assert len(list(grid.conditions())) == 8
    labels = [grid.labels(condition) for condition in grid.conditions()]
    assert labels[0] == {"n_groups": 10, "n_obs": 5, "group_sd": "0.1", "n_predictors": 1,
                         "betas": "drawn", "noise_sd": 1.0}  # fmt: skip
    assert [grid.condition(label) for label in labels] == list(grid.conditions())
    assert Grid(betas=(0, 0)).betas == ((0.0, 0.0),) == Grid(betas=[0, 0]).betas
    both = (p.TimePredictor(), UNEQUAL)
    assert len(Grid(ingredients=both).ingredients) == 1
    assert len(Grid(ingredients=list(both)).ingredients) == 2
    with pytest.raises(InputError, match=r"^the grid holds Condition\(.* twice, which"):
        Grid(ingredients=[both, both[::-1]])
    with pytest.raises(InputError, match=r"^a grid has no sizes$"):
        Grid.from_json({"sizes": 3})
    with pytest.raises(InputError, match=r"is no ingredient known here; define it, or import"):
        Grid.from_json({"ingredients": [[{"Nonsense": {}}]]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"group_sd": (1,)}, r"^group_sd must be one number, two .* not \(1,\)$"),
        ({"group_sd": (1, -1)}, r"^group_sd is a standard deviation and must be .* not -1$"),
        ({"group_sd": (1, 2, 3), "betas": (0, 0)}, r"^group_sd has 3 values, but 1 predictor"),
        ({"betas": [1]}, r"^betas needs the intercept and one slope or more, not \[1\]$"),
        ({"ingredients": "time"}, r"^ingredients must be ingredients, such as .* not 'time'$"),
        (
            {"ingredients": [p.Dropout(0.1), p.Dropout(0.2)]},
            r"^ingredients holds Dropout\(rate=0.1\) and Dropout\(rate=0.2\), which change",
        ),
        (
            {"ingredients": p.TimePredictor("IV7")},
            r"^TimePredictor\(predictor='IV7'\) names the predictor 'IV7', which is none of IV1, ",
        ),
        (
            {"ingredients": (p.PersonMeans(), p.PersonPredictor(interaction=0))},
            r"^PersonMeans\(\) cannot take apart IV1 in a product: PersonPredictor",
        ),
        ({"ingredients": p.PersonPredictor(treated=10)}, r"treats all of 10 groups; treat fewer$"),
        ({"ingredients": p.PersonPredictor(name="IV1")}, r"^of DV, Group, Intercept, .* twice"),
        ({"ingredients": p.CorrelatedCoefficients(-0.9)}, r"^Corr.* no 4 coefficients"),
        ({"ingredients": p.CorrelatedCoefficients([[1, 0], [0, 1]])}, r"no 4 coefficients"),
        ({"ingredients": p.CorrelatedCoefficients([[1, 0.1], [0]])}, r"no 4 coefficients"),
        ({"ingredients": p.CorrelatedCoefficients([1, 0.5])}, r"no 4 coefficients"),
        (
            {"ingredients": p.CorrelatedCoefficients([[1, 0.5], [0.4, 1]]), "betas": (0, 0)},
            r"no 2 coefficients, the intercept first, can be correlated like this; a",
        ),
        ({"ingredients": p.PersonPredictor(name=3)}, r"^PersonPredictor: name must be text, such"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Condition(**{"n_groups": 10, "n_obs": 5, "group_sd": 1} | arguments)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (p.Dropout, (1,), r"^Dropout: rate must be a number in \[0, 1\), not 1$"),
        (p.HeavyTailedNoise, (2,), r"^HeavyTailedNoise: df must be a number in \(2, inf\), not 2$"),
        (p.VaryingSizes, (0.1, 2), r"^VaryingSizes: correlation must be .* \[-1, 1\], not 2$"),
        (p.VaryingSizes, (0.1, 0, "IV1", 0), r"^VaryingSizes: least must be a whole number of at"),
        (p.VaryingSizes, (0.1, 0, "IV1", 5, 4), r"^VaryingSizes: most must be 5 or more, not 4$"),
        (p.PredictorMean, ("x",), r"^PredictorMean: mean must be a finite number, not 'x'$"),
        (p.CorrelatedCoefficients, ("x",), r"^CorrelatedCoefficients: correlation must be"),
    ],
)
def test_parameters_are_checked(kind, arguments, message):
    with pytest.raises(InputError, match=message):
        kind(*arguments)


def test_three_or_more_values_and_betas_tell_the_number_of_predictors():
    assert Condition(30, 10, (2, 0.2)).terms == ("Intercept", "IV1", "IV2", "IV3")
    assert Condition(30, 10, (2, 0.2), betas=(0, 0)).terms == ("Intercept", "IV1")
    assert Condition(30, 10, (2, 0.2, 0.3)).terms == ("Intercept", "IV1", "IV2")
    assert Condition(30, 10, (2, 0.2), n_predictors=2).group_sds == (2, 0.2, 0.2)


def test_a_name_is_taken_once():
    with pytest.raises(TypeError, match="there is an ingredient Dropout already"):
        type("Dropout", (Ingredient,), {"__module__": "mine", "order": 1})


def test_what_workers_send_back_does_not_take_an_ingredients_place():
    class Shelf(Ingredient):
        __module__ = "__main__"  # as in a notebook, so that it travels by value
        height: float = number("[0, 9]")

    there_and_back = pickle.loads(dumps(Shelf(2)))
    assert there_and_back == Shelf(2)
    assert INGREDIENTS.pop("Shelf") is Shelf
