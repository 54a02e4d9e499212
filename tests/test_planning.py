"""Planning: against closed forms and another planner's published example, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlmlearn import Condition, Grid, InputError, Plan, RunError, cli, fit, plan, simulate
from mlmlearn import processes as p
from mlmlearn.ingredient import INGREDIENTS, Ingredient
from mlmlearn.planning import _crossings

# A simulated value and the true one stay within this many Monte Carlo standard errors.
Z = 4

SLEEP = str(Path(__file__).parent.parent / "book" / "data" / "sleepstudy.csv")

# Time has the same values in every group, so that all groups' own slopes have one variance.
N_OBS, SDS, SLOPE = 6, (1, 0.4), 0.3
BALANCED = Condition(20, N_OBS, SDS, betas=(0, SLOPE), ingredients=p.TimePredictor())
VARIANCE = SDS[1] ** 2 + 1 / ((np.arange(N_OBS) - 2.5) ** 2).sum()
TRIED = np.array([8, 16, 24, 40])


def exact_power(people, slope=SLOPE, variance=VARIANCE):
    """Power of the t test of the mean of that many people's own slopes."""
    people = np.asarray(people)
    limit = stats.t.ppf(0.975, people - 1)
    shift = slope / np.sqrt(variance / people)
    return stats.nct.sf(limit, people - 1, shift) + stats.nct.cdf(-limit, people - 1, shift)


def exact_number(power):
    people = np.arange(3, 1000)
    return people[np.argmax(exact_power(people) >= power)]


@pytest.fixture(scope="module")
def found():
    return plan(
        BALANCED,
        n_groups=TRIED,
        strategies=["two_stage", "mlm_full", "mlm_intercept"],
        replications=700,
        seed=3,
        progress=False,
    )


def measured(found, strategy):
    return found.table[found.table["strategy"] == strategy].set_index("n_groups")


def test_power_size_and_width_of_a_balanced_design_are_those_of_the_t_test(found):
    table = measured(found, "two_stage")
    assert (table["n"] == 700).all()
    assert (table["n_failed"] == 0).all()
    power = exact_power(TRIED)
    error = np.sqrt(power * (1 - power) / 700)
    assert (np.abs(table["power"] - power) < Z * error).all()
    np.testing.assert_allclose(table["power_mcse"], error, rtol=0.25)
    assert (np.abs(table["type_1_error"] - 0.05) < Z * np.sqrt(0.05 * 0.95 / 700)).all()
    df = TRIED - 1
    mean_sd = np.sqrt(VARIANCE) * stats.chi.mean(df) / np.sqrt(df)
    width = 2 * stats.t.ppf(0.975, df) * mean_sd / np.sqrt(TRIED)
    assert (np.abs(table["ci_width"] - width) < Z * table["ci_width_mcse"]).all()
    assert (table["share_singular"] == 0).all()


def test_the_multilevel_model_agrees_where_it_is_not_singular(found):
    full, two = measured(found, "mlm_full"), measured(found, "two_stage")
    assert (full["share_singular"].iloc[0] > 0.05) & (full["share_singular"].iloc[-1] < 0.05)
    assert abs(full["power"].iloc[-1] - two["power"].iloc[-1]) < 0.02


def test_the_random_intercept_models_size_is_that_of_the_formula(found):
    # Its slope has variance VARIANCE / J and claims (residual variance) / (J SSx), of nearly
    # infinitely many degrees of freedom; the residual takes up the slopes' differences.
    time = np.arange(N_OBS) - 2.5
    ss = (time**2).sum()
    residual = 1 + SDS[1] ** 2 * ss / (N_OBS - 1)
    size = 2 * stats.norm.sf(1.96 * np.sqrt(residual / ss / VARIANCE))
    row = measured(found, "mlm_intercept").iloc[-1]
    assert abs(row["type_1_error"] - size) < Z * row["type_1_error_mcse"] + 0.01
    notes = found.smallest(0.8).set_index("strategy")["note"]
    assert "without an effect" in notes["mlm_intercept"]
    assert notes["two_stage"] == ""
    assert notes.index[-1] == "mlm_intercept"


def test_the_smallest_number_of_people_is_that_of_the_t_test(found):
    answer = found.smallest(0.8).set_index("strategy").loc["two_stage"]
    exact = exact_number(0.8)
    assert answer["n_groups_low"] <= exact <= answer["n_groups_high"]
    assert answer["n_groups_low"] <= answer["n_groups"] <= answer["n_groups_high"]
    assert answer["n_rows"] == answer["n_groups"] * N_OBS
    assert answer["type_1_error"] in set(measured(found, "two_stage")["type_1_error"])


@pytest.mark.parametrize("power", [0.5, 0.8, 0.9])
def test_between_numbers_that_were_tried_the_curve_is_good_to_a_person(power):
    tried = np.array([10.0, 20, 40, 80])
    found = _crossings(tried, exact_power(tried)[None], np.full(4, 1e8), power)
    assert abs(found[0] - exact_number(power)) <= 1


def test_the_interval_of_the_smallest_number_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(5)
    exact, held = exact_number(0.8), []
    for _ in range(400):
        found = rng.binomial(500, exact_power(TRIED)) / 500
        row = {"n_obs": N_OBS, "strategy": "x", "type_1_error": 0.05, "type_1_error_mcse": 0.01}
        table = pd.DataFrame({"n_groups": TRIED, "n": 500, "power": found}).assign(**row)
        answer = Plan(table, "IV1").smallest(0.8).iloc[0]
        held.append(answer["n_groups_low"] <= exact <= answer["n_groups_high"])
    # Whole numbers and rates that must not fall make it hold a little more often.
    assert 0.89 < np.mean(held) <= 1


def test_what_is_not_reached_or_reached_at_once_is_said():
    row = {"n_obs": 5, "strategy": "x", "type_1_error": 0.05, "type_1_error_mcse": 0.01}
    table = pd.DataFrame({"n_groups": [10, 20], "n": 1000, "power": [0.4, 0.6]}).assign(**row)
    low = Plan(table, "IV1").smallest(0.3).iloc[0]
    assert (low["n_groups"], low["note"]) == (10, "10 are enough, and fewer were not tried")
    high = Plan(table, "IV1").smallest(0.8, group_cost=30).iloc[0]
    assert pd.isna(high["n_groups"])
    assert pd.isna(high["cost"])
    assert high["note"] == "20 are too few"
    assert high["n_groups_high"] == np.inf


def test_fits_that_are_refused_are_counted_and_have_no_power():
    few_rows = Condition(8, 2, (1, 0.3), betas=(0, 0.5, 0.1))
    found = plan(
        few_rows, strategies=["two_stage", "cluster_robust"], replications=5, progress=False
    )
    table = found.table.set_index("strategy")
    assert table.loc["two_stage", ["n", "n_failed"]].tolist() == [0, 10]
    assert np.isnan(table.loc["two_stage", "power"])
    assert table.loc["cluster_robust", ["n", "n_failed"]].tolist() == [5, 0]
    answer = found.smallest(row_cost=1).set_index("strategy")
    assert answer.loc["two_stage", "note"] == "no fit succeeded"
    assert str(found).startswith("Power of the test of IV1\n n_groups")
    assert repr(found) == str(found)


def test_costs_put_the_cheapest_first():
    row = {"strategy": "x", "type_1_error": 0.05, "type_1_error_mcse": 0.01, "n": 10**6}
    table = pd.DataFrame(
        [(20, 5, 0.7), (40, 5, 0.9), (20, 50, 0.79), (40, 50, 0.95)],
        columns=["n_groups", "n_obs", "power"],
    ).assign(**row)
    few_rows = Plan(table, "IV1").smallest(0.8, group_cost=1, row_cost=1)
    assert few_rows["n_obs"].tolist() == [5, 50]
    assert few_rows["cost"].tolist() == [
        n * (1 + r) for n, r in few_rows[["n_groups", "n_obs"]].to_numpy()
    ]
    few_people = Plan(table, "IV1").smallest(0.8, group_cost=1000, row_cost=1)
    assert few_people["n_obs"].tolist() == [50, 5]


def test_longpowers_published_example():
    """Two arms and seven visits every quarter of a year.

    The vignette of R's longpower (Iddi & Donohue 2022, R Journal 14) finds 207 people per arm for a
    power of 0.8: variances of level, slope and noise 55, 24 and 10, correlation 0.8, and a
    difference of 1.5 a year between the arms' slopes.
    """
    trial = Condition(
        414,
        7,
        (np.sqrt(55), np.sqrt(24)),
        betas=(50, -3),
        noise_sd=np.sqrt(10),
        ingredients=[
            p.TimePredictor(),
            p.PredictorScale(0.25),
            p.CorrelatedCoefficients(0.8),
            p.PersonPredictor(0, 1.5, treated=207, name="arm"),
        ],
    )
    table = plan(
        trial, "IV1:arm", strategies=["mlm_full", "two_stage"], replications=200, progress=False
    ).table
    assert (np.abs(table["power"] - 0.8) < Z * np.sqrt(0.8 * 0.2 / 200)).all()
    assert (np.abs(table["type_1_error"] - 0.05) < Z * np.sqrt(0.05 * 0.95 / 200)).all()
    width = 2 * 1.96 * np.sqrt((24 + 10 / 1.75) * 2 / 207)
    np.testing.assert_allclose(table["ci_width"], width, rtol=0.02)


def test_a_treatments_effect_is_taken_away_alone_and_its_share_kept():
    trial = Condition(
        20, 4, (1, 0.3), betas=(0, 0.5), ingredients=p.PersonPredictor(1.5, 0.3, 5, name="arm")
    )
    found = plan(trial, "arm", n_groups=[20, 40], replications=20, progress=False).results
    drawn = {
        (len(one.group_coefs), one.betas[2]): one
        for _, row in found.diagnostics.iterrows()
        for one in [found.dataset(row)]
    }
    assert set(drawn) == {(20, 0), (20, 1.5), (40, 0), (40, 1.5)}
    for (people, _), one in drawn.items():
        assert one.data.groupby("Group")["arm"].first().sum() == people / 4
        assert one.betas.tolist()[:2] == [0, 0.5]
        assert one.betas[3] == 0.3


def test_the_same_call_gives_the_same_and_goes_on_from_where_it_was(tmp_path):
    def again(**options):
        return plan(
            BALANCED, n_groups=[6, 9], n_obs=[4, 5], replications=12,
            strategies=["two_stage", "mlm_full"], progress=False, **options,
        ).table  # fmt: skip

    first = again(out=tmp_path / "plan")
    parts = sorted((tmp_path / "plan" / "parts").iterdir())
    for part in parts[::2]:
        part.unlink()
    pd.testing.assert_frame_equal(again(out=tmp_path / "plan"), first)
    pd.testing.assert_frame_equal(again(n_jobs=2), first)
    assert len(first) == 8
    assert not again(seed=1).equals(first)
    with pytest.raises(RunError, match=r"holds another run: "):
        plan(BALANCED, replications=12, out=tmp_path / "plan", progress=False)


@pytest.mark.parametrize(
    ("condition", "options", "message"),
    [
        (3, {}, r"^plan needs a Condition, such as .* not 3$"),
        (Condition(9, 5, 1), {}, r"^the condition draws its betas anew for each data set; give"),
        (Condition(9, 5, 1, betas=(0, 0)), {}, r"^the effect of IV1 is 0, so that there is nothi"),
        (BALANCED, {"term": "dose"}, r"^the condition has no term 'dose'; it has Intercept, IV1$"),
        (BALANCED, {"n_groups": []}, r"^n_groups is empty; give at least one value$"),
        (BALANCED, {"n_obs": [5, 2.5]}, r"^n_obs must be a whole number of at least 1, not 2.5"),
        (BALANCED, {"n_groups": "many"}, r"^n_groups must be a whole number .* not 'many'"),
        (BALANCED, {"replications": 0}, r"^replications must be a whole number of at least 1"),
        (BALANCED, {"strategies": "anova"}, r"^unknown strategy 'anova'"),
    ],
)
def test_what_cannot_be_planned_is_refused(condition, options, message):
    with pytest.raises(InputError, match=message):
        plan(condition, **options, progress=False)


def test_an_effect_that_follows_from_others_is_refused():
    class Echo(Ingredient):
        def terms(self):
            return ("echo",)

    try:
        with pytest.raises(InputError, match=r"^the effect of echo follows from others and cannot"):
            plan(Condition(9, 5, 1, betas=(0, 1), ingredients=Echo()), "echo", progress=False)
    finally:
        del INGREDIENTS["Echo"]


def test_a_power_or_a_cost_that_cannot_be_is_refused(found):
    with pytest.raises(InputError, match=r"^power must be a number in \(0, 1\), not 80$"):
        found.smallest(80)
    with pytest.raises(InputError, match=r"^row_cost must be a number in \[0, inf\), not -1$"):
        found.smallest(row_cost=-1)


# Pilots.


@pytest.fixture(scope="module")
def sleep():
    return pd.read_csv(SLEEP)


def test_a_pilots_condition_is_what_lme4_estimates(sleep):
    # lme4's published fit of Reaction ~ Days + (Days | Subject).
    pilot = fit("mlm_full", "Reaction ~ Days", sleep, group="Subject")
    condition = Condition.from_fit(pilot)
    np.testing.assert_allclose(condition.betas, (251.405, 10.467), rtol=1e-4)
    np.testing.assert_allclose(condition.group_sd, (24.741, 5.922), rtol=1e-3)
    np.testing.assert_allclose(condition.noise_sd, 25.592, rtol=1e-4)
    assert (condition.n_groups, condition.n_obs) == (18, 10)
    correlation, time = condition.ingredients
    np.testing.assert_allclose(correlation.correlation[0][1], 0.066, atol=1e-3)
    assert time == p.TimePredictor()
    unknown = Condition.from_fit(pilot, uncertain=True).ingredients[-1]
    np.testing.assert_allclose(np.sqrt(np.diag(unknown.covariance)), pilot.coefs["se"], rtol=1e-5)
    assert unknown.df == (17, 17)
    assert unknown.noise_df == 144
    shifted = sleep.assign(Days=sleep["Days"] / 2 + 3)
    other = Condition.from_fit(fit("mlm_full", "Reaction ~ Days", shifted, group="Subject"))
    assert set(other.ingredients[1:]) == {
        p.TimePredictor(), p.PredictorScale(0.5), p.PredictorMean(3)
    }  # fmt: skip


def test_a_large_pilot_gives_back_the_condition_behind_it():
    truth = Condition(
        600, 12, (1.5, 0.5, 0.8), betas=(2, 0.4, -0.3), noise_sd=1.3,
        ingredients=[
            p.PredictorScale(4), p.PredictorMean(10, 3), p.BinaryPredictor(0.3, -1, 1, "IV2"),
            p.PersonPredictor(0.6, 0.5, 240, name="arm"), p.PersonPredictor(-0.2, name="age"),
            p.CorrelatedCoefficients(0.4), p.VaryingSizes(0.3, least=5),
        ],
    )  # fmt: skip
    data = simulate(truth, seed=8).data.rename(columns={"IV1": "dose", "IV2": "kind"})
    pilot = fit("mlm_full", "DV ~ dose * arm + kind + age", data, group="Group")
    found = Condition.from_fit(pilot)
    assert found.terms == truth.terms
    assert (found.n_groups, found.n_obs) == (600, 12)
    np.testing.assert_allclose(found.betas, truth.betas, atol=0.35)
    np.testing.assert_allclose(found.group_sd, truth.group_sd, rtol=0.25)
    np.testing.assert_allclose(found.noise_sd, 1.3, rtol=0.03)
    parts = {one.key: one for one in found.ingredients}
    assert parts["PersonPredictor arm"].treated == 240
    assert parts["PersonPredictor arm"].slope == "IV1"
    np.testing.assert_allclose(parts["PersonPredictor arm"].interaction, 0.5, atol=0.15)
    assert parts["PersonPredictor age"].interaction is None
    np.testing.assert_allclose(parts["PredictorScale IV1"].unit, 4, rtol=0.03)
    np.testing.assert_allclose(
        [parts["PredictorMean IV1"].mean, parts["PredictorMean IV1"].sd], [10, 3], rtol=0.1
    )
    kind = parts["BinaryPredictor IV2"]
    assert (kind.low, kind.high) == (-1, 1)
    assert abs(kind.share - 0.3) < 0.03
    assert abs(parts["VaryingSizes"].log_sd - 0.3) < 0.05
    uncertain = Condition.from_fit(pilot, uncertain=True)
    errors = dict(
        zip(uncertain.terms, np.sqrt(np.diag(uncertain.ingredients[-1].covariance)), strict=True)
    )
    np.testing.assert_allclose(errors["IV1:arm"], pilot.coefs.loc["dose:arm", "se"], rtol=1e-4)
    assert not np.array_equal(simulate(uncertain).betas, simulate(found).betas)
    # One study of the condition looks as the pilot did.
    again = simulate(found, seed=1)
    np.testing.assert_allclose(again.data["IV1"].std(), data["dose"].std(), rtol=0.1)


def test_categories_of_persons_become_treatments():
    data = simulate(Condition(12, 9, (1, 0.5), betas=(0, 0.5)), seed=1).data
    data = data.assign(arm=np.where(data["Group"] > 8, "lamp", "dark"))
    pilot = fit("mlm_full", "DV ~ IV1 * arm", data, group="Group")
    condition = Condition.from_fit(pilot, uncertain=True)
    assert condition.terms == ("Intercept", "IV1", "arm_T_lamp", "IV1:arm_T_lamp")
    found = fit("mlm_full", simulate(condition), engine="batch")  # its formula can be read
    assert set(found.coefs.index) == set(condition.terms)
    estimates = pilot.coefs["estimate"]
    parts = {type(one): one for one in condition.ingredients}
    person = parts[p.PersonPredictor]
    assert (person.effect, person.interaction) == tuple(estimates[-2:])
    assert person.treated == 4
    errors = np.sqrt(np.diag(parts[p.UncertainTruth].covariance))
    np.testing.assert_allclose(errors, pilot.coefs["se"], rtol=1e-4)


def test_a_random_intercept_pilot_takes_slopes_to_be_alike(sleep):
    pilot = fit("mlm_intercept", "Reaction ~ Days", sleep, group="Subject")
    condition = Condition.from_fit(pilot, uncertain=True)
    assert condition.group_sd[1] == 0
    slopes = simulate(condition).group_coefs["IV1"]
    assert (slopes == slopes.iloc[0]).all()
    np.testing.assert_allclose(
        np.sqrt(np.diag(condition.ingredients[-1].covariance)), pilot.coefs["se"], rtol=1e-5
    )


@pytest.mark.needs_r
def test_lme4s_fit_is_a_pilot_too(sleep):
    ours = Condition.from_fit(fit("mlm_full", "Reaction ~ Days", sleep, group="Subject"))
    theirs = Condition.from_fit(
        fit("mlm_full", "Reaction ~ Days", sleep, group="Subject", engine="pymer4")
    )
    np.testing.assert_allclose(theirs.group_sd, ours.group_sd, rtol=1e-3)
    np.testing.assert_allclose(theirs.noise_sd, ours.noise_sd, rtol=1e-3)


def test_effects_can_be_set_and_then_are_not_uncertain(sleep):
    pilot = fit("mlm_full", "Reaction ~ Days", sleep, group="Subject")
    condition = Condition.from_fit(pilot, effects={"Days": 5}, uncertain=True)
    drawn = np.array([simulate(condition, replication=i).betas for i in range(50)])
    assert (drawn[:, 1] == 5).all()
    assert drawn[:, 0].std() > 3
    with pytest.raises(InputError, match=r"^the pilot has no term 'days'; it has Intercept, Days$"):
        Condition.from_fit(pilot, effects={"days": 5})


def test_a_truth_that_is_drawn_predicts_the_next_study_as_the_t_distribution_does():
    """What the next study finds, seen from a pilot, has the predictive distribution of the mean.

    The difference of the two studies' mean slopes, in units of the pilot's SD of slopes times
    √(1/J + 1/J'), has a t distribution with J - 1 degrees of freedom.
    """
    pilot = simulate(
        Condition(10, 8, (1, 2), betas=(0, 0.7), ingredients=p.TimePredictor()), seed=3
    )
    result = fit("mlm_full", pilot)
    assert not result.singular
    condition = Condition.from_fit(result, uncertain=True)
    found = plan(condition, n_groups=25, strategies="two_stage", replications=800, progress=False)
    fits = found.results.fits.query("term == 'IV1' and truth != 0")
    scale = result.coefs.loc["IV1", "se"] * np.sqrt(10) * np.sqrt(1 / 10 + 1 / 25)
    standardised = (fits["estimate"] - result.coefs.loc["IV1", "estimate"]) / scale
    assert stats.kstest(standardised, "t", (9,)).pvalue > 1e-3
    null = found.results.fits.query("term == 'IV1' and truth == 0")
    assert len(null) == len(fits) == 800
    assert abs(found.table["type_1_error"].iloc[0] - 0.05) < Z * np.sqrt(0.05 * 0.95 / 800)
    certain = plan(
        Condition.from_fit(result), n_groups=25, strategies="two_stage", replications=50,
        progress=False,
    )  # fmt: skip
    assert set(certain.results.fits["truth"]) == {*Condition.from_fit(result).betas, 0}


def test_sds_and_noise_are_drawn_from_their_distributions():
    unknown = p.UncertainTruth(np.diag([0.1, 0.1]), [0.2, None], [9, 9], 20)
    condition = Condition(5, 4, (1, 0.5), betas=(1, 0), noise_sd=2, ingredients=unknown)
    plain = Condition(5, 4, (1, 0.5), betas=(1, 0), noise_sd=2)
    pairs = [
        (simulate(condition, replication=i), simulate(plain, replication=i)) for i in range(400)
    ]

    def spread(one):
        return one.group_coefs.to_numpy().std(axis=0)

    def noise(one):
        own = one.group_coefs.loc[one.data["Group"]].to_numpy()
        return (one.data["DV"] - own[:, 0] - own[:, 1] * one.data["IV1"]).std()

    ratio = np.array([spread(a) / spread(b) for a, b in pairs])
    np.testing.assert_allclose(ratio[:, 1], 1)
    assert all(a.betas[1] == 0 for a, _ in pairs)
    noises = np.array([noise(a) / noise(b) for a, b in pairs])
    assert stats.kstest(20 / noises**2, "chi2", (20,)).pvalue > 1e-3
    whole = ratio[:, 0] ** 2 + 0.2 * noises**2
    inside = ratio[:, 0] > 0
    assert 0.9 < inside.mean() <= 1
    assert stats.kstest(9 * 1.2 / whole[inside], "chi2", (9,)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("strategy", "formula", "message"),
    [
        ("two_stage", "DV ~ IV1", r"^two_stage does not say how much people differ; fit the pilot"),
        ("mlm_full", "DV ~ IV1 + C(kind)", r"look like two levels of one category"),
        ("mlm_full", "DV ~ IV1 + I(IV1**2)", r"^'I\(IV1 ?\*\* ?2\)' is made of other columns"),
        ("mlm_full", "DV ~ IV1 + old", r"^'old' belongs to the persons and is neither 0 and 1 nor"),
        ("mlm_full", "DV ~ IV1 + IV1:arm", r"^'IV1:arm' is made of other columns"),
    ],
)
def test_a_pilot_that_no_ingredient_can_draw_is_refused(strategy, formula, message):
    data = simulate(Condition(12, 9, (1, 0.5), betas=(0, 0.5)), seed=1).data
    data = data.assign(
        kind=np.tile(list("abc"), 36), old=30.0 + data["Group"], arm=data["Group"] % 2
    )
    result = fit(strategy, formula, data, group="Group")
    with pytest.raises(InputError, match=message):
        Condition.from_fit(result)
    with pytest.raises(InputError, match=r"^a pilot is what fit returns, such as"):
        Condition.from_fit(data)


# The command.

QUICK = ["--replications", "30", "--strategies", "two_stage", "--quiet"]
GUESS = ["power", "--effect", "0.5", "--slope-sd", "0.3", *QUICK]


def test_the_command_has_its_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["power", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "example: mlmlearn power --effect 0.3 " in shown
    assert "--pilot FILE FORMULA" in shown


def test_the_command_plans_from_a_guess_and_resumes(tmp_path, capsys):
    out, file = str(tmp_path / "run"), tmp_path / "table.csv"
    arguments = [*GUESS, "--n-groups", "8", "30", "--n-obs", "6", "--out", out]
    assert cli.main([*arguments, "--table", str(file), "--group-cost", "30"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("Test of IV1 at 5 %; ")
    assert "Fewest groups for a power of 0.8" in first
    assert "cost" in first
    table = pd.read_csv(file)
    expected = plan(
        Condition(8, 6, (1, 0.3), betas=(0, 0.5)), n_groups=[8, 30], replications=30,
        strategies="two_stage", progress=False,
    ).table  # fmt: skip
    pd.testing.assert_frame_equal(table, expected)
    assert cli.main([*arguments, "--group-cost", "30"]) == 0
    assert capsys.readouterr().out == first
    assert cli.main([*GUESS, "--n-groups", "9", "--out", out]) == 1
    assert "holds another run" in capsys.readouterr().err


def test_the_command_reads_a_pilot(capsys):
    arguments = ["power", "--pilot", SLEEP, "Reaction ~ Days", *QUICK]
    arguments += ["--group", "Subject", "--n-groups", "6", "18"]
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "pilot: 180 rows in 18 groups; Days 10.47 (SE 1.546)"
    assert shown[1].startswith("Test of Days at 5 %")
    assert cli.main([*arguments, "--effect", "5", "--uncertain"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("(SE 1.546), planned for 5")


def test_the_command_reads_a_condition(tmp_path, capsys):
    file = tmp_path / "condition.json"
    grid = Grid([9], [5], [(1, 0.2)], betas=(0, 0.4), ingredients=p.TimePredictor())
    file.write_text(json.dumps(grid.to_json()))
    assert cli.main(["power", "--condition", str(file), "--n-groups", "12", *QUICK]) == 0
    assert " 12      5 two_stage " in capsys.readouterr().out
    file.write_text(json.dumps({"betas": [[0, 1], [0, 2]], "group_sd": [[1, 1]]}))
    assert cli.main(["power", "--condition", str(file), *QUICK]) == 1
    assert "holds 2 conditions; give each of its fields one value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["power"], "say what is planned for: --effect and --slope-sd for a guess, or a --pilot"),
        ([*GUESS, "--power", "80"], "--power must be a number in (0, 1), not 80.0"),
        ([*GUESS, "--uncertain"], "--uncertain needs a pilot study"),
        ([*GUESS, "--pilot", "a.csv", "y ~ x"], "--pilot and --slope-sd exclude each other"),
        ([*GUESS, "--slope-sd", "-1"], "group_sd is a standard deviation and must be"),
        ([*GUESS, "--term", "age"], "the condition has no term 'age'; it has Intercept, IV1"),
        ([*GUESS, "--n-groups", "0"], "n_groups must be a whole number of at least 1, not 0"),
        (["power", "--condition", "none.json"], "none.json cannot be read as a grid: "),
        (["power", "--pilot", "none.csv", "y ~ x", "--group", "g"], "none.csv cannot be read"),
        (
            ["power", "--pilot", SLEEP, "Reaction ~ Days", "--group",
             "Subject", "--term", "days"],
            "the pilot has no term 'days'; it has Intercept, Days",
        ),
    ],
)  # fmt: skip
def test_the_command_refuses_in_one_line(arguments, message, capsys):
    assert cli.main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("mlmlearn: ")
    assert message in said
    assert said.count("\n") == 1
