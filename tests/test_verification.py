"""`verify`: what no processor explains fails, and what one may change does not."""

import numpy as np
import pandas as pd
import pytest
from fake_engine import FAKE

from mlmlearn import Grid, InputError, Results, load_reference, run, verification, verify
from mlmlearn.workers import fit_all

GRID = Grid(n_groups=[6, 7], n_obs=[5], group_sd=[0.1, 1], replications=7)
SEARCHED = Grid(n_groups=[12], n_obs=[10], group_sd=[1.0], replications=4)
STRATEGIES = ["mlm_full", "mlm_intercept", "cluster_robust", "two_stage"]


@pytest.fixture(scope="module")
def fake():
    return run(GRID, engine=FAKE, progress=False)


@pytest.fixture(scope="module")
def batch():
    return run(SEARCHED, engine="batch", progress=False)


def changed(results, **columns):
    """Change columns of the tables where they stand: by functions of the fits' table."""
    fits, diagnostics = results.fits.copy(), results.diagnostics.copy()
    for name, change in columns.items():
        table = fits if name in fits else diagnostics
        table[name] = change(table)
    return Results(fits, diagnostics, results.manifest)


def verdicts(results, strategies=STRATEGIES):
    found = verify(results, sample=10**6)
    assert (found["agrees"] == (found["verdict"] != "differs")).all()
    return {name: set(found.loc[found["strategy"] == name, "verdict"]) for name in strategies}


# Any engine.


def test_what_is_right_passes(fake, batch):
    for results in (fake, batch):
        found = verify(results, sample=28)
        assert len(found) == len(results.diagnostics)
        assert found["data"].all()
        assert (found["verdict"] == "agrees").all()
        # Alone or beside others in a batch: that may change the order of sums.
        assert (found[["estimate", "se", "df"]] < 1e-8).all(axis=None)
        assert (found["messages"] == "").all()


@pytest.mark.parametrize("name", ["fake", "batch"])
def test_another_seed_fails(request, name):
    results = request.getfixturevalue(name)
    other = Results(results.fits, results.diagnostics, results.manifest | {"seed": 1})
    found = verify(other, sample=28)
    assert not found["data"].any()
    assert not found["agrees"].any()


def test_a_spoiled_number_is_found_and_named(fake):
    wrong = fake.fits.copy()
    wrong.loc[0, "estimate"] = np.nan
    wrong.loc[70, "se"] *= 1 + 1e-8
    wrong.loc[140, "df"] *= 1 + 1e-8
    found = verify(Results(wrong, fake.diagnostics, fake.manifest), sample=28)
    bad = found[~found["agrees"]].set_index("strategy")
    assert sorted(bad["estimate"]) == [0, 0, np.inf]
    assert bad["se"].max() == pytest.approx(1e-8, 0.01)
    assert bad["df"].max() == pytest.approx(1e-8, 0.01)


def test_a_missing_data_set_or_row_is_found(batch):
    for keep in (batch.fits.index != 5, ~batch.fits["strategy"].eq("two_stage")):
        found = verify(Results(batch.fits[keep], batch.diagnostics, batch.manifest), sample=28)
        assert not found["agrees"].all()


def test_rounding_passes_and_more_does_not(batch):
    for size, passing in ((3e-10, STRATEGIES), (1e-7, STRATEGIES[:2]), (1e-5, [])):
        found = verdicts(changed(batch, se=lambda fits, size=size: fits["se"] * (1 + size)))
        assert [name for name in STRATEGIES if found[name] == {"agrees"}] == passing


def test_swapped_strategies_fail(batch):
    swapped = {"mlm_full": "mlm_intercept", "mlm_intercept": "mlm_full"}
    swapped |= {"cluster_robust": "two_stage", "two_stage": "cluster_robust"}
    tables = (
        t.assign(strategy=t["strategy"].map(swapped)) for t in (batch.fits, batch.diagnostics)
    )
    assert set.union(*verdicts(Results(*tables, batch.manifest)).values()) == {"differs"}


def test_a_changed_message_is_told_and_does_not_fail(fake):
    said = changed(fake, messages=lambda table: table["messages"].str.replace("two", "three"))
    found = verify(said, sample=28)
    assert found["agrees"].all()
    assert set(found.loc[found["strategy"] == "mlm_intercept", "messages"]) == {
        "lme4: one; optimiser: three -> lme4: one; optimiser: two"
    }
    assert (found.loc[found["strategy"] == "two_stage", "messages"] == "").all()


def test_the_slowest_condition_is_always_in_it(fake):
    slow = fake.diagnostics.assign(seconds=fake.diagnostics["group_sd"] + fake.diagnostics.n_groups)
    for seed in range(5):
        found = verify(Results(fake.fits, slow, fake.manifest), sample=1, seed=seed)
        assert (found["n_groups"] == 7).all()
        assert (found["group_sd"] == 1).all()


def test_what_cannot_be_checked_is_said(fake):
    with pytest.raises(InputError, match=r"^there is nothing to verify: this run has no data set"):
        verify(Results(fake.fits.head(0), fake.diagnostics.head(0), fake.manifest))
    with pytest.raises(InputError, match=r"^sample must be a whole number of at least 1, not 0"):
        verify(fake, sample=0)
    with pytest.raises(InputError, match=r"^n_jobs must be .* not 0$"):
        verify(fake, n_jobs=0)
    with pytest.raises(InputError, match=r"^verify needs the results of .*, not a DataFrame$"):
        verify(fake.fits)


# lme4's fits, which an optimiser ends. The batch engine stands in for it: what is judged is a
# table, and this one is the same on every machine.


@pytest.fixture
def lme4s(batch, monkeypatch):
    """SEARCHED as if by pymer4; each new fit is the engine's, with what `now` does to it."""
    now = []

    def fit_again(condition, seed, replications, engine, strategies):
        table = fit_all(condition, seed, replications, "batch", strategies)
        if engine == "pymer4":
            for change in now:
                table = change(table)
        return table

    monkeypatch.setattr(verification, "fit_all", fit_again)
    results = Results(batch.fits, batch.diagnostics, batch.manifest | {"engine": "pymer4"})
    results.manifest["now"] = now
    return results


def full(table):
    return table["strategy"] == "mlm_full"


def test_where_both_reached_the_optimum_numbers_may_differ_a_little(lme4s):
    def se_by(factor):
        return changed(lme4s, se=lambda fits: fits["se"].where(~full(fits), fits["se"] * factor))

    def df_by(factor):
        return changed(lme4s, df=lambda fits: fits["df"].where(~full(fits), fits["df"] * factor))

    def estimate_by(shift):
        return changed(
            lme4s, estimate=lambda f: f["estimate"].where(~full(f), f["estimate"] + shift * f["se"])
        )

    assert not lme4s.diagnostics["singular"].any()
    for passing, failing in (
        (se_by(1.004), se_by(1.02)),
        (df_by(1.015), df_by(1.03)),
        (estimate_by(9e-4), estimate_by(2e-3)),
    ):
        assert verdicts(passing)["mlm_full"] == {"agrees"}
        assert verdicts(failing)["mlm_full"] == {"differs"}
        assert verdicts(failing)["two_stage"] == {"agrees"}
    singular = df_by(1.08)
    singular.diagnostics["singular"] = True
    assert verdicts(singular)["mlm_full"] == {"agrees"}


def test_a_deviance_below_the_best_that_is_known_fails(lme4s):
    def lower_by(size):
        return changed(
            lme4s,
            reml_deviance=lambda d: d["reml_deviance"].where(~full(d), d["reml_deviance"] - size),
        )

    assert verdicts(lower_by(5e-4))["mlm_full"] == {"agrees"}
    assert verdicts(lower_by(0.01))["mlm_full"] == {"differs"}


def shorter(table, deviance=5.0, se=0.8, estimate=0.3):
    """Let the full model stop short: above the optimum, with other numbers."""
    stopped = full(table)
    table = table.copy()
    table.loc[stopped, "reml_deviance"] += deviance
    if "se" in table:
        table.loc[stopped, "estimate"] += estimate * table["se"]
        table.loc[stopped, "se"] *= se
        table.loc[stopped, "df"] *= 20
    return table


def stored_shorter(results, **sizes):
    table = results.fits.merge(results.diagnostics)
    table = shorter(table, **sizes)
    names = [*results.diagnostics]
    one_a_fit = table.drop_duplicates(["replication", "strategy"], ignore_index=True)
    return Results(table[[*results.fits]], one_a_fit[names], results.manifest)


def test_a_fit_that_stops_short_on_one_machine_is_reported_with_its_deviances(lme4s):
    before = verify(stored_shorter(lme4s), sample=9)
    lme4s.manifest["now"].append(shorter)
    after = verify(lme4s, sample=9)
    for found in (before, after):
        short = found["verdict"] == "stopped short"
        assert (short == full(found)).all()
        assert found["agrees"].all()
    short = before[full(before)]
    np.testing.assert_allclose(short["deviance_before"] - short["deviance"], 5)
    np.testing.assert_array_equal(short["deviance"], short["deviance_optimum"])
    short = after[full(after)]
    np.testing.assert_allclose(short["deviance"] - short["deviance_before"], 5)


def test_two_fits_that_stopped_at_the_same_place_must_agree(lme4s):
    lme4s.manifest["now"].append(shorter)
    assert verdicts(stored_shorter(lme4s))["mlm_full"] == {"stopped short"}
    assert verdicts(stored_shorter(lme4s, se=0.82))["mlm_full"] == {"differs"}


def test_stopping_short_explains_no_fit_to_other_data(lme4s):
    assert verdicts(stored_shorter(lme4s, estimate=2))["mlm_full"] == {"differs"}
    assert verdicts(stored_shorter(lme4s, se=0.3))["mlm_full"] == {"differs"}
    # One random effect is searched along a line, on which nothing stops short.
    table = lme4s.diagnostics.copy()
    table.loc[table["strategy"] == "mlm_intercept", "reml_deviance"] += 0.01
    found = verdicts(Results(lme4s.fits, table, lme4s.manifest))
    assert found["mlm_intercept"] == {"differs"}


def test_a_fit_that_gave_no_numbers_on_one_machine_fails(lme4s):
    table = lme4s.fits.copy()
    numbers = ["estimate", "se", "df", "t", "p", "ci_low", "ci_high"]
    table.loc[full(table), numbers] = np.nan
    diagnostics = lme4s.diagnostics.copy()
    diagnostics.loc[full(diagnostics), "reml_deviance"] = np.nan
    assert verdicts(Results(table, diagnostics, lme4s.manifest))["mlm_full"] == {"differs"}


@pytest.mark.needs_r
def test_lme4s_reference_run_agrees_with_this_machine():
    reference = load_reference()
    found = verify(reference, sample=6)
    assert found["agrees"].all(), found.to_string()
    assert (found.query("n_groups == 100 and n_obs == 100")["group_sd"].size) >= len(STRATEGIES)
    # And the same tables fail when they belong to another seed.
    other = Results(reference.fits, reference.diagnostics, reference.manifest | {"seed": 1})
    assert not verify(other, sample=1)["agrees"].any()


def test_two_processors_agree_by_these_rules(monkeypatch):
    # The reference run beside the same fits on another processor: nothing is fitted here.
    reference = load_reference()
    elsewhere = pd.read_parquet("book/data/other-processor.parquet")
    keys = reference.fit_key
    optima = run(Grid(replications=10), engine="batch", strategies=STRATEGIES[:2], progress=False)

    def fit_again(c, seed, replications, engine, strategies):
        address = (c.n_groups, c.n_obs, c.group_sd, *replications)
        table = elsewhere if engine == "pymer4" else optima.fits.merge(optima.diagnostics, on=keys)
        return table[(table[keys[:-1]] == address).all(axis=1)]

    monkeypatch.setattr(verification, "fit_all", fit_again)
    some = reference.diagnostics["replication"] < 10
    two = reference.diagnostics["strategy"].isin(STRATEGIES[:2])
    found = verify(
        Results(reference.fits, reference.diagnostics[some & two], reference.manifest), sample=450
    )
    assert len(found) == 900
    assert found["agrees"].all(), found[~found["agrees"]].to_string()
    assert 0 < (found["verdict"] == "stopped short").sum() < 60
    assert (found.loc[found["strategy"] == "mlm_intercept", "verdict"] == "agrees").all()
    assert 0 < (found["messages"] != "").sum() < 100
