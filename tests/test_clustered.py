"""What `fit` and `compare` refuse, and in which words; none of it needs R."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import COLUMNS

from mlmlearn import Condition, InputError, StrategyError, compare, fit, simulate
from mlmlearn.clustered import check_strategy_fits, read_clustered

DF = simulate(Condition(8, 6, 0.5), seed=2).data


def refusal(df=DF, strategy="two_stage", **columns):
    """The message with which `fit` refuses; `compare` refuses general faults alike."""
    with pytest.raises(InputError) as by_fit:
        fit(strategy, df, **(COLUMNS | columns))
    if not isinstance(by_fit.value, StrategyError):
        with pytest.raises(InputError) as by_compare:
            compare(df, **(COLUMNS | columns))
        assert str(by_compare.value) == str(by_fit.value)
    return str(by_fit.value)


def changed(**columns):
    return DF.assign(**columns)


# Names.


@pytest.mark.parametrize(
    ("columns", "name", "role"),
    [
        ({"outcome": "dv"}, "'dv'", "outcome"),
        ({"predictors": ["IV1", "IV4"]}, "'IV4'", "predictor"),
        ({"predictors": [["IV1"]]}, "['IV1']", "predictor"),
        ({"group": "group"}, "'group'", "group"),
        ({"group": ["Group"]}, "['Group']", "group"),
        ({"outcome": 7}, "7", "outcome"),
    ],
)
def test_an_unknown_column_is_named_with_its_role_and_the_columns_there_are(columns, name, role):
    assert refusal(**columns) == (
        f"there is no column {name} for the {role}; "
        "the columns are 'DV', 'IV1', 'IV2', 'IV3', 'Group'"
    )


def test_a_long_list_of_columns_is_cut():
    many = DF.join(pd.DataFrame(0, index=DF.index, columns=[f"c{i}" for i in range(40)]))
    message = refusal(many, outcome="dv")
    assert message.endswith("'c13', 'c14' and 25 more")


@pytest.mark.parametrize("role", ["outcome", "predictors", "group"])
def test_a_column_that_was_not_given_is_asked_for(role):
    assert refusal(**{role: None}) == (
        f"{role} was not given; name the column of the data frame to use"
    )


@pytest.mark.parametrize("empty", [[], (), pd.Index([])])
def test_at_least_one_predictor_is_needed(empty):
    assert refusal(predictors=empty) == (
        "no predictor was named; give at least one column in predictors"
    )


def test_predictors_that_are_no_list_are_refused():
    assert refusal(predictors=5) == "predictors must be a list of column names, not 5"


def test_a_predictor_named_twice_is_refused():
    assert refusal(predictors=["IV1", "IV2", "IV1"]) == (
        "the predictor 'IV1' is named twice; name it once"
    )


def test_two_predictors_that_would_share_the_name_of_a_term_are_refused():
    alike = DF.rename(columns={"IV1": 1, "IV2": "1"})
    assert refusal(alike, predictors=[1, "1"]) == "the predictor '1' is named twice; name it once"


def test_a_column_cannot_play_two_parts():
    assert refusal(predictors=["IV1", "DV"]) == (
        "'DV' is named both as predictor and as outcome; choose one"
    )
    assert refusal(predictors=["IV1", "Group"]) == (
        "'Group' is named both as predictor and as group; choose one"
    )
    assert refusal(outcome="Group") == "'Group' is named both as outcome and as group; choose one"


def test_a_predictor_may_not_take_the_name_of_the_intercept():
    renamed = DF.rename(columns={"IV1": "Intercept"})
    assert refusal(renamed, predictors=["Intercept"]) == (
        "a predictor may not be called 'Intercept', the name of the constant term; "
        "rename the column"
    )


def test_columns_that_share_a_name_are_refused():
    twice = DF.set_axis(["DV", "x", "x", "IV3", "Group"], axis=1)
    message = "2 columns are called 'x'; give each its own name"
    assert refusal(twice, predictors=["x"]) == message
    assert refusal(twice.rename(columns={"DV": "y", "x": "DV"}), predictors=["IV3"]) == (
        message.replace("x", "DV")
    )


def test_columns_that_share_a_name_do_not_matter_when_unused():
    twice = DF.set_axis(["DV", "x", "x", "IV3", "Group"], axis=1)
    assert read_clustered(twice, "DV", ["IV3"], "Group").terms == ("Intercept", "IV3")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(None, "NoneType"), (DF.to_dict(), "dict"), (DF.to_numpy(), "ndarray"), ("d.csv", "str")],
)
def test_data_must_be_a_data_frame(data, kind):
    assert refusal(data) == f"the data must be a pandas DataFrame, not {kind}"


def test_an_empty_data_frame_is_refused():
    assert refusal(DF.head(0)) == "the data frame has no rows"


# Values.


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (DF["IV1"].astype(str), "object"),
        (DF["IV1"].astype(object), "object"),
        (DF["IV1"].astype("string"), "string"),
        (DF["IV1"].gt(0).astype("category"), "category"),
        (DF["IV1"].astype(complex), "complex128"),
        (pd.to_timedelta(DF["IV1"], unit="D"), "timedelta64[ns]"),
        (pd.to_datetime(DF["IV1"], unit="D"), "datetime64[ns]"),
    ],
)
def test_outcome_and_predictors_must_be_numeric(values, dtype):
    rest = (
        f"must be numeric, but its type is {dtype}; convert it, for example with "
        "pandas.to_numeric, or code its categories as numbers"
    )
    assert refusal(changed(IV1=values)) == f"the predictor 'IV1' {rest}"
    assert refusal(changed(DV=values)) == f"the outcome 'DV' {rest}"


def test_missing_values_are_counted():
    values = DF["IV2"].mask(DF.index < 3)
    rest = "3 missing values in 48 rows; drop or repair those rows first"
    assert refusal(changed(IV2=values)) == f"the predictor 'IV2' has {rest}"
    assert refusal(changed(IV2=values.astype("Float64"))) == f"the predictor 'IV2' has {rest}"
    assert refusal(changed(DV=values)) == f"the outcome 'DV' has {rest}"
    one = "the predictor 'IV2' has 1 missing value in 48 rows; drop or repair those rows first"
    assert refusal(changed(IV2=DF["IV2"].mask(DF.index == 7))) == one


def test_a_nullable_boolean_with_a_hole_counts_as_missing():
    flag = (DF["IV2"] > 0).astype("boolean").mask(DF.index == 7)
    assert "has 1 missing value in 48 rows" in refusal(changed(IV2=flag))


def test_infinite_values_are_counted():
    values = DF["IV2"].where(DF.index != 5, -np.inf).where(DF.index != 6, np.inf)
    assert refusal(changed(IV2=values)) == (
        "the predictor 'IV2' has 2 infinite values in 48 rows; drop or repair those rows first"
    )


def test_holes_in_columns_that_are_not_used_do_not_matter():
    assert len(read_clustered(changed(IV2=np.nan), "DV", ["IV1"], "Group").y) == 48


@pytest.mark.parametrize(
    "labels",
    [
        DF["Group"].mask(DF.index < 2),
        DF["Group"].astype("Int64").mask(DF.index < 2),
        DF["Group"].astype(str).mask(DF.index < 2),
        DF["Group"].astype("category").mask(DF.index < 2),
        DF["Group"].map(lambda g: g if g > 4 else f"p{g}").mask(DF.index < 2, None),
    ],
    ids=["float", "Int64", "string", "category", "mixed"],
)
def test_missing_group_labels_are_counted(labels):
    assert refusal(changed(Group=labels)) == (
        "the group 'Group' is missing in 2 of 48 rows; drop those rows or name their group"
    )


def test_one_group_is_no_clustered_data():
    one = changed(Group=pd.Categorical(["a"] * 48, categories=["a", "b"]))
    assert refusal(one) == (
        "the group 'Group' has only 1 distinct value; clustered data need at least two groups"
    )


@pytest.mark.parametrize(
    "labels",
    [[[g] for g in DF["Group"]], [pd.Timestamp(g) if g > 4 else g for g in DF["Group"]]],
    ids=["lists", "times and numbers"],
)
def test_labels_that_cannot_be_put_in_order_are_refused(labels):
    assert refusal(changed(Group=labels)) == (
        "the labels of the group 'Group' cannot be put in order; "
        "use numbers or strings, for example with astype(str)"
    )


def test_a_constant_outcome_is_refused():
    assert refusal(changed(DV=3.5)) == (
        "the outcome 'DV' is constant (always 3.5), so there is nothing to explain"
    )


@pytest.mark.parametrize("value", [0.0, 2.0, -1e9])
def test_a_constant_predictor_is_refused(value):
    assert refusal(changed(IV2=value)) == (
        f"the predictor 'IV2' is constant (always {value:g}), so its effect cannot be told "
        "from the intercept; leave it out"
    )


def test_a_predictor_that_varies_by_rounding_errors_only_is_constant():
    assert "'IV2' is constant" in refusal(changed(IV2=0.1 + 1e-14 * DF["IV1"]))


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1, 1e6, 1e200])
def test_a_collinear_predictor_is_named_whatever_its_unit(scale):
    total = scale * (DF["IV1"] + 2 * DF["IV2"] - 5)
    rest = "so their effects cannot be told apart; leave one out"
    assert refusal(changed(IV3=total)) == (
        f"the predictor 'IV3' is a linear combination of 'IV1', 'IV2', {rest}"
    )
    assert refusal(changed(IV2=scale * DF["IV1"])) == (
        f"the predictor 'IV2' is a linear combination of 'IV1', {rest}"
    )


@pytest.mark.parametrize("factors", [(1e-200, 1.0, 1e200), (1e-6, 1.0, 1e6), (1e300, 1.0, 1.0)])
def test_predictors_of_very_different_units_are_not_taken_for_collinear(factors):
    scaled = changed(**{f"IV{i + 1}": DF[f"IV{i + 1}"] * f for i, f in enumerate(factors)})
    assert read_clustered(scaled, **COLUMNS).X.shape == (48, 4)


def test_highly_correlated_predictors_are_accepted():
    close = changed(IV2=DF["IV1"] + 1e-3 * DF["IV2"])
    assert close["IV1"].corr(close["IV2"]) > 0.999999
    assert read_clustered(close, **COLUMNS).X.shape == (48, 4)


@pytest.mark.parametrize("scale", [1e-9, 1, 1e200])
def test_an_outcome_that_the_predictors_determine_is_refused(scale):
    exact = scale * (1 + 2 * DF["IV1"] - DF["IV3"])
    assert refusal(changed(DV=exact)) == (
        "the predictors determine the outcome 'DV' exactly, so there is no error to estimate; "
        "is one of them computed from it?"
    )
    almost = changed(DV=exact + scale * 1e-6 * DF["IV2"])
    assert len(read_clustered(almost, "DV", ["IV1", "IV3"], "Group").y) == 48


# Too little for one strategy.


def test_two_stage_names_the_groups_with_too_few_rows():
    few = DF[~((DF["Group"] == 3) & (DF.index % 2 == 0)) & (DF.index != DF.index[-1])]
    few = few.drop(index=few.index[few["Group"] == 8][1:])
    assert refusal(few) == (
        "two_stage fits 4 coefficients in every group and needs at least 4 rows in each, but "
        "2 of 8 groups have fewer: 3, 8; drop these groups or use another strategy"
    )


def test_two_stage_cuts_a_long_list_of_groups_and_quotes_strings():
    few = simulate(Condition(12, 2, 1)).data
    few["Group"] = "p" + few["Group"].astype(str).str.zfill(2)
    assert "12 of 12 groups have fewer: 'p01', 'p02', " in refusal(few)
    assert "'p08' and 4 more; drop" in refusal(few)


def test_two_stage_takes_groups_with_exactly_as_many_rows_as_coefficients():
    check_strategy_fits("two_stage", read_clustered(DF.groupby("Group").head(4), **COLUMNS))


@pytest.mark.parametrize("level", [0.0, 0.1, 1e8])
def test_two_stage_names_the_groups_in_which_a_predictor_does_not_vary(level):
    rest = "{} of 8 groups: {}; drop these groups or use another strategy"
    start = "two_stage fits every group on its own, but a predictor does not vary, or repeats "
    constant = changed(IV2=(level + DF["IV2"]).mask(DF["Group"].isin([2, 5]), level))
    assert refusal(constant) == start + "another, within " + rest.format(2, "2, 5")
    repeated = changed(IV2=DF["IV2"].mask(DF["Group"] == 7, 3 * DF["IV1"] + level))
    assert refusal(repeated) == start + "another, within " + rest.format(1, "7")


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_two_stage_does_not_take_a_small_unit_for_no_variation(scale):
    check_strategy_fits("two_stage", read_clustered(changed(IV2=scale * DF["IV2"]), **COLUMNS))


def test_cluster_robust_needs_more_groups_than_coefficients():
    assert refusal(DF[DF["Group"] <= 4], "cluster_robust") == (
        "cluster_robust tests 4 coefficients with groups minus coefficients = 0 degrees of "
        "freedom; it needs at least 5 groups"
    )
    enough = read_clustered(DF[DF["Group"] <= 5], **COLUMNS)
    check_strategy_fits("cluster_robust", enough)


def test_multilevel_models_need_more_rows_than_random_effects():
    assert refusal(DF.groupby("Group").head(4), "mlm_full") == (
        "mlm_full has 4 random effects for each of 8 groups and needs more than 32 rows, but "
        "there are 32; collect more rows per group or use simpler random effects"
    )
    assert refusal(DF.groupby("Group").head(1), "mlm_intercept") == (
        "mlm_intercept has 1 random effect for each of 8 groups and needs more than 8 rows, "
        "but there are 8; collect more rows per group or use simpler random effects"
    )
    one_more = pd.concat([DF.groupby("Group").head(4), DF.tail(1)])
    check_strategy_fits("mlm_full", read_clustered(one_more, **COLUMNS))


# Strategy and engine.


def test_an_unknown_strategy_or_engine_is_refused_with_the_known_ones():
    known = "the known ones are mlm_full, mlm_intercept, cluster_robust, two_stage"
    with pytest.raises(InputError, match=re.escape(f"unknown strategy 'lmer'; {known}")):
        fit("lmer", DF, **COLUMNS)
    with pytest.raises(InputError, match=re.escape(f"unknown strategy 'lm'; {known}")):
        compare(DF, **COLUMNS, strategies=["two_stage", "lm"])
    with pytest.raises(InputError, match=re.escape(f"no strategy was named; {known}")):
        compare(DF, **COLUMNS, strategies=[])
    for engine in ("lme4", None, ["pymer4"]):
        message = refusal(engine=engine)
        assert message.startswith(f"unknown engine {engine!r}; the known ones are pymer4")


# What is read.


def test_rows_come_out_in_an_order_that_values_alone_decide():
    data = read_clustered(DF, **COLUMNS)
    shuffled = DF.sample(frac=1, random_state=0).set_index("IV1", drop=False)
    again = read_clustered(shuffled, **COLUMNS)
    for name in ("y", "X", "codes"):
        assert np.array_equal(getattr(data, name), getattr(again, name))
    assert (np.diff(data.codes) >= 0).all()
    assert (data.X[:, 0] == 1).all()
    rows = set(map(tuple, np.column_stack([data.y, data.X[:, 1:], data.codes + 1])))
    assert rows == set(map(tuple, DF.to_numpy()))


def test_unused_categories_are_no_groups():
    labels = pd.Categorical(DF["Group"], categories=[*range(20, 0, -1)])
    data = read_clustered(changed(Group=labels), **COLUMNS)
    assert data.n_groups == 8
    assert sorted(data.labels) == [*range(1, 9)]


def test_the_users_data_frame_is_left_alone():
    before = DF.copy()
    with pytest.raises(StrategyError):
        fit("mlm_full", DF.groupby("Group").head(1), **COLUMNS)
    pd.testing.assert_frame_equal(DF, before)
