import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlmlearn import Grid, InputError, paired_difference, performance, run
from mlmlearn.measures import MEASURES

# Four fits worked out by hand. Two truths are zero; the errors are 1.5, -0.5, 2.5, 0.5; the
# half-widths of the 95 % intervals, t(0.975, df) * se, come from a printed table of t.
FITS = pd.DataFrame(
    {
        "strategy": "s",
        "term": "x",
        "truth": [1.0, 2.0, 0.0, 0.0],
        "estimate": [2.5, 1.5, 2.5, 0.5],
        "se": [1.0, 0.5, 0.5, 0.2],
        "df": [1.0, 10.0, 30.0, np.inf],  # half-widths 12.706, 1.114, 1.021, 0.392
    }
)
BY_HAND = {
    "bias": 1.0,  # (1.5 - 0.5 + 2.5 + 0.5) / 4
    "emp_se": np.sqrt(5 / 3),  # (0.25 + 2.25 + 2.25 + 0.25) / 3
    "mse": 2.25,  # (2.25 + 0.25 + 6.25 + 0.25) / 4
    "rmse": 1.5,
    "model_se": np.sqrt(1.54 / 4),  # (1 + 0.25 + 0.25 + 0.04) / 4
    "model_se_rel_error": 100 * (np.sqrt(1.54 / 4) / np.sqrt(5 / 3) - 1),
    "coverage": 0.5,  # |error| within: yes, yes, no, no
    "be_coverage": 0.25,  # |error - 1| = 0.5, 1.5, 1.5, 0.5: yes, no, no, no
    "power": 0.5,  # of the rows 1 and 2: |2.5| < 12.7, |1.5| > 1.114
    "type_1_error": 1.0,  # of the rows 3 and 4: |2.5| > 1.021, |0.5| > 0.392
}
# The variance of the squared SEs 1, 0.25, 0.25, 0.04 about their mean 0.385.
VAR_OF_V = (0.615**2 + 2 * 0.135**2 + 0.345**2) / 3
# The RMSE without each of the fits in turn, for the jackknife.
WITHOUT = np.sqrt((9 - np.array([2.25, 0.25, 6.25, 0.25])) / 3)
MCSE_BY_HAND = {
    "bias": np.sqrt(5 / 3) / 2,
    "emp_se": np.sqrt(5 / 3) / np.sqrt(6),
    "mse": np.sqrt((0 + 4 + 16 + 4) / 12),
    "rmse": np.sqrt(3 / 4 * ((WITHOUT - WITHOUT.mean()) ** 2).sum()),
    "model_se": np.sqrt(VAR_OF_V / (16 * 1.54 / 4)),
    "model_se_rel_error": 100
    * np.sqrt(1.54 / 4 / (5 / 3))
    * np.sqrt(VAR_OF_V / (16 * (1.54 / 4) ** 2) + 1 / 6),
    "coverage": 0.25,
    "be_coverage": np.sqrt(0.1875 / 4),
    "power": np.sqrt(0.25 / 2),
    "type_1_error": 0.0,
}


def only(table):
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("measure", BY_HAND)
def test_each_measure_and_its_mcse_equal_the_hand_calculation(measure):
    row = only(performance(FITS))
    assert row[measure] == pytest.approx(BY_HAND[measure], rel=1e-12, abs=1e-15)
    assert row[f"{measure}_mcse"] == pytest.approx(MCSE_BY_HAND[measure], rel=1e-12, abs=1e-15)


def test_the_hand_calculation_covers_every_measure():
    assert set(BY_HAND) == set(MCSE_BY_HAND) == set(MEASURES)


def test_the_table_holds_counts_and_then_each_measure_beside_its_mcse():
    columns = performance(FITS).columns.tolist()
    assert columns[:4] == ["strategy", "term", "n", "n_failed"]
    assert columns[4:] == [name for m in MEASURES for name in (m, f"{m}_mcse")]


def test_a_truth_that_moves_with_the_estimate_changes_no_measure_of_error():
    shift = np.array([0.5, -3.0, 8.0, 100.0])
    moved = FITS.assign(truth=FITS["truth"] + shift, estimate=FITS["estimate"] + shift)
    unmoved = ["bias", "emp_se", "mse", "rmse", "model_se", "coverage", "be_coverage"]
    pd.testing.assert_frame_equal(performance(moved)[unmoved], performance(FITS)[unmoved])


def test_each_fit_is_judged_with_its_own_degrees_of_freedom():
    # 2.1 standard errors: beyond t(0.975, 60) = 2.00, within t(0.975, 10) = 2.23.
    two = pd.DataFrame({"strategy": ["few", "many"], "df": [10, 60]}).assign(
        estimate=2.1, se=1.0, truth=0.0
    )
    rates = performance(two, by="strategy").set_index("strategy")
    assert rates["coverage"].to_dict() == {"few": 1.0, "many": 0.0}
    assert rates["type_1_error"].to_dict() == {"few": 0.0, "many": 1.0}
    power = performance(two.assign(truth=1e-9), by="strategy").set_index("strategy")["power"]
    assert power.to_dict() == {"few": 0.0, "many": 1.0}


def test_the_level_sets_intervals_and_tests():
    # t(0.95, 10) = 1.81 and t(0.975, 10) = 2.23
    one = pd.DataFrame({"strategy": ["s"], "truth": 0.0, "estimate": 2.0, "se": 1.0, "df": 10.0})
    assert only(performance(one, by="strategy", level=0.90))["coverage"] == 0
    assert only(performance(one, by="strategy", level=0.95))["coverage"] == 1


@pytest.mark.parametrize("column", ["estimate", "se", "df", "truth"])
def test_a_row_with_a_missing_number_is_counted_and_left_out(column):
    failed = FITS.assign(**{column: FITS[column].where(FITS.index != 1)})
    found, without = only(performance(failed)), only(performance(FITS.drop(index=1)))
    assert (found["n"], found["n_failed"]) == (3, 1)
    pd.testing.assert_series_equal(
        found.drop("n_failed"), without.drop("n_failed"), check_names=False
    )


def test_a_group_in_which_every_fit_failed_keeps_its_row():
    row = only(performance(FITS.assign(estimate=np.nan)))
    assert (row["n"], row["n_failed"]) == (0, 4)
    assert row.drop(["strategy", "term", "n", "n_failed"]).isna().all()


def test_one_replication_gives_no_spread_and_no_warning(recwarn):
    row = only(performance(FITS.head(1)))
    assert row["bias"] == 1.5
    assert np.isnan(row["emp_se"])
    assert np.isnan(row["bias_mcse"])
    assert not recwarn.list


def test_a_spread_without_a_variance_has_no_mcse():
    # Five rows and four coefficients leave one degree of freedom a group: with normal predictors
    # the groups' slopes are t with two degrees of freedom, which has no variance.
    grid = Grid(10, [5, 25], 0.5, 400, betas=(0, 0, 0, 0))
    fits = run(grid, strategies=["two_stage", "mlm_full"], progress=False).fits
    found = performance(fits[fits["term"] == "IV1"], by=["n_obs", "strategy"])
    found = found.set_index(["n_obs", "strategy"])
    spread = [f"{name}_mcse" for name in ("emp_se", "mse", "rmse", "model_se_rel_error")]
    assert found.loc[(5, "two_stage"), [*spread, "model_se_mcse"]].isna().all()
    assert found.drop(index=(5, "two_stage"))[spread].notna().all(axis=None)
    assert found[["emp_se", "rmse", "bias_mcse", "coverage_mcse"]].notna().all(axis=None)
    pairs = paired_difference(fits, "rmse", "two_stage", "mlm_full", by=["n_obs", "term"])
    assert list(pairs["mcse"].isna()) == list(pairs["n_obs"] == 5)


def test_a_spread_of_normal_errors_always_has_an_mcse():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"study": np.repeat(np.arange(2000), 50), "truth": 0.0, "se": 1.0})
    table = table.assign(df=9.0, estimate=rng.standard_normal(len(table)))
    found = performance(table, by="study")
    assert found[["emp_se_mcse", "mse_mcse", "rmse_mcse"]].notna().all(axis=None)


def test_power_needs_an_effect_and_type_1_error_needs_none():
    row = only(performance(FITS.head(2)))
    assert np.isnan(row["type_1_error"])
    assert np.isnan(row["type_1_error_mcse"])
    row = only(performance(FITS.tail(2)))
    assert np.isnan(row["power"])
    assert np.isnan(row["power_mcse"])


def test_groups_come_in_the_order_of_the_table_and_whatever_its_index():
    table = pd.concat([FITS.assign(strategy="z", half=[1, 1, 2, 2]), FITS.assign(half=3)])
    assert table.index.has_duplicates
    found = performance(table, by=["strategy", "half"])
    assert found[["strategy", "half"]].to_numpy().tolist() == [["z", 1], ["z", 2], ["s", 3]]
    assert found["bias"].tolist() == [0.5, 1.5, 1.0]
    assert performance(table, by="strategy")["bias"].tolist() == [1.0, 1.0]


def test_an_unknown_column_level_or_no_grouping_is_refused():
    with pytest.raises(InputError, match=r"^the table of fits has no column df, group_sd$"):
        performance(FITS.drop(columns="df"), by="group_sd")
    with pytest.raises(InputError, match=r"^give a table of fits, .*, not a dict"):
        performance({"estimate": [1.0]})
    with pytest.raises(InputError, match=r"^by is empty; name at least one column to group by$"):
        performance(FITS, by=[])
    for level in (0, 1, 95, -0.5, np.nan):
        with pytest.raises(InputError, match=r"^level must lie between 0 and 1, such as 0\.95, "):
            performance(FITS, level=level)


# The MCSEs against the spread of the measures over repeated studies.

N_STUDIES, N_REPLICATIONS, N_OBS = 600, 120, 8


@pytest.fixture(scope="module")
def both():
    """Normal means with t intervals, from all observations and from the first seven.

    Every other true mean is zero.
    """
    rng = np.random.default_rng(20)
    shape = (N_STUDIES, N_REPLICATIONS)
    truth = np.where(np.arange(N_REPLICATIONS) % 2, rng.uniform(0.5, 1.0, shape), 0.0)
    sample = truth[..., None] + rng.standard_normal((*shape, N_OBS))
    tables = []
    for strategy, n in (("all", N_OBS), ("seven", 7)):
        part = sample[..., :n]
        columns = {
            "truth": truth,
            "estimate": part.mean(axis=2),
            "se": part.std(axis=2, ddof=1) / np.sqrt(n),
            "df": np.full(shape, n - 1.0),
            "study": np.broadcast_to(np.arange(N_STUDIES)[:, None], shape),
            "replication": np.broadcast_to(np.arange(N_REPLICATIONS), shape),
        }
        table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
        tables.append(table.assign(strategy=strategy))
    return pd.concat(tables)


@pytest.fixture(scope="module")
def studies(both):
    return both[both["strategy"] == "all"]


@pytest.fixture(scope="module")
def study_measures(studies):
    return performance(studies, by="study")


# The spread over 600 studies is itself known to 1 / sqrt(2 * 600) = 2.9 %.
SPREAD_BOUND = 3.5 / np.sqrt(2 * N_STUDIES)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_mcse_is_the_spread_of_its_measure_over_repeated_studies(study_measures, measure):
    stated = np.sqrt((study_measures[f"{measure}_mcse"] ** 2).mean())
    assert stated / study_measures[measure].std(ddof=1) == pytest.approx(1, abs=SPREAD_BOUND)


def test_measures_of_an_exact_method_are_right(studies):
    row = only(performance(studies[studies["study"] < 40], by="strategy"))
    sd = 1 / np.sqrt(N_OBS)
    exact = {
        "bias": 0.0,
        "emp_se": sd,
        "mse": sd**2,
        "model_se": sd,
        "coverage": 0.95,
        "type_1_error": 0.05,
    }
    for measure, truth in exact.items():
        assert abs(row[measure] - truth) < 4 * row[f"{measure}_mcse"], measure


def test_an_interval_that_is_not_from_t_is_taken_as_it_is():
    # A bootstrap has no degrees of freedom, and its intervals are not symmetric.
    table = FITS.assign(
        df=np.nan,
        ci_low=[0.9, 1.0, -0.5, -3.0],  # truth 1, 2, 0, 0: in, in, in, in
        ci_high=[2.6, 1.9, 2.6, 0.6],  # in, out, in, in
    )
    row = only(performance(table))
    assert (row["n"], row["n_failed"]) == (4, 0)
    assert row["coverage"] == 0.75
    assert row["power"] == 1.0  # zero lies below the first two intervals
    assert row["type_1_error"] == 0.0
    assert only(performance(table, level=0.9))["n_failed"] == 4  # nothing to widen it by


# Paired differences.


@pytest.fixture
def pair(both):
    return both[both["study"] == 0]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_paired_difference_is_the_difference_of_the_two_measures(pair, measure):
    found = only(paired_difference(pair, measure, "seven", "all", by="study"))
    each = performance(pair, by="strategy").set_index("strategy")[measure]
    assert found["difference"] == pytest.approx(each["seven"] - each["all"], rel=1e-12)
    assert (found["n"], found["n_failed"], found["measure"]) == (N_REPLICATIONS, 0, measure)
    other_way = only(paired_difference(pair, measure, "all", "seven", by="study"))
    assert other_way["difference"] == -found["difference"]
    assert other_way["mcse"] == pytest.approx(found["mcse"], rel=1e-12)


@pytest.mark.parametrize("measure", ["bias", "mse", "coverage"])
def test_the_mcse_of_a_difference_of_means_is_that_of_the_paired_differences(pair, measure):
    wide = pair.set_index(["replication", "strategy"]).unstack()  # noqa: PD010
    error = wide["estimate"] - wide["truth"]
    value = {
        "bias": error,
        "mse": error**2,
        "coverage": error.abs() <= stats.t.ppf(0.975, wide["df"]) * wide["se"],
    }[measure].astype(float)
    by_hand = (value["seven"] - value["all"]).std(ddof=1) / np.sqrt(N_REPLICATIONS)
    found = only(paired_difference(pair, measure, "seven", "all", by="study"))
    assert found["mcse"] == pytest.approx(by_hand, rel=1e-10)


@pytest.mark.parametrize("measure", ["rmse", "emp_se", "be_coverage"])
def test_the_mcse_of_a_paired_difference_is_its_spread_over_repeated_studies(both, measure):
    some = both[(both["study"] < 300) & (both["replication"] < 60)]
    found = paired_difference(some, measure, "seven", "all", by="study")
    stated = np.sqrt((found["mcse"] ** 2).mean())
    spread = found["difference"].std(ddof=1)
    bound = 3.5 / np.sqrt(2 * 300)
    assert stated / spread == pytest.approx(1, abs=bound)
    # Without the pairing the MCSE would lie outside the bound.
    alone = performance(some, by=["strategy", "study"]).groupby("strategy")[measure].var()
    assert np.sqrt(alone.sum()) / spread > 1 + bound


def test_pairs_in_which_either_fit_failed_are_dropped_and_counted(pair):
    failed = (pair["strategy"] == "all") & (pair["replication"] == 3)
    failed |= (pair["strategy"] == "seven") & pair["replication"].isin([3, 8])
    absent = (pair["strategy"] == "seven") & (pair["replication"] == 9)
    holed = pair.assign(estimate=pair["estimate"].mask(failed))[~absent]
    complete = pair[~pair["replication"].isin([3, 8, 9])]
    for first, second in (("all", "seven"), ("seven", "all")):
        found = only(paired_difference(holed, "rmse", first, second, by="study"))
        expected = only(paired_difference(complete, "rmse", first, second, by="study"))
        assert (found["n"], found["n_failed"]) == (N_REPLICATIONS - 3, 3)
        assert found["difference"] == pytest.approx(expected["difference"], rel=1e-12)
        assert found["mcse"] == pytest.approx(expected["mcse"], rel=1e-12)


def test_pairs_are_matched_by_data_set_and_not_by_row(pair):
    shuffled = pair.sample(frac=1, random_state=1)
    expected = only(paired_difference(pair, "rmse", "seven", "all", by="study"))
    found = only(paired_difference(shuffled, "rmse", "seven", "all", by="study"))
    assert found["mcse"] == pytest.approx(expected["mcse"], rel=1e-12)


def test_groups_of_pairs_come_in_the_order_of_the_table(pair):
    table = pd.concat([pair.assign(term="x"), pair.assign(term="Intercept")])
    found = paired_difference(table, "bias", "seven", "all")
    assert found["term"].tolist() == ["x", "Intercept"]
    assert found.loc[0, "difference"] == found.loc[1, "difference"]


def test_a_paired_difference_refuses_what_it_cannot_compare(pair):
    compare = {"measure": "bias", "first": "seven", "second": "all", "by": "study"}

    def refused(message, **changes):
        with pytest.raises(InputError, match=message):
            paired_difference(pair, **(compare | changes))

    refused(
        r"^unknown measure 'Bias'; the known ones are bias, emp_se, mse, .*, type_1_error$",
        measure="Bias",
    )
    refused(r"^no fits of strategy 'two'; the table holds all, seven$", second="two")
    refused(r"^the table of fits has no column seed$", dataset=("replication", "seed"))
    refused(r"^the table of fits has no column term$", by="term")
    refused(
        r"^the columns study, df do not tell the data sets apart; add the ones that do ",
        dataset="df",
    )


def test_groups_without_a_name_are_kept_as_performance_keeps_them(pair):
    table = pd.concat([pair.assign(term="x"), pair.assign(term=np.nan)])
    found = paired_difference(table, "bias", "seven", "all")
    assert found["term"].isna().tolist() == [False, True]
    assert len(found) == len(performance(table, by="term"))
    assert found.loc[0, "difference"] == found.loc[1, "difference"]
    assert found["n"].tolist() == [N_REPLICATIONS] * 2


# The bias-eliminated coverage takes the bias of all replications as known.
@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "be_coverage"])
def test_leaving_each_replication_out_is_what_the_jackknife_does(pair, measure):
    def difference(table):
        return only(paired_difference(table, measure, "seven", "all", by="study"))["difference"]

    few = pair[pair["replication"] < 25]
    without = np.array([difference(few[few["replication"] != i]) for i in range(25)])
    by_hand = np.sqrt(24 / 25 * ((without - without.mean()) ** 2).sum())
    found = only(paired_difference(few, measure, "seven", "all", by="study"))
    assert found["mcse"] == pytest.approx(by_hand, rel=1e-9)
