"""What is read from a formula and a frame, what is refused, and in which words; without R."""

import datetime
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import FORMULA

from mlmlearn import (
    POST_STRATEGIES,
    STRATEGIES,
    Condition,
    InputError,
    StrategyError,
    compare,
    fit,
    simulate,
)
from mlmlearn.batch import Batch
from mlmlearn.formulas import Written, read, written
from mlmlearn.strategies import get_strategy

DF = simulate(Condition(8, 6, 0.5), seed=2).data
COLOURS = ["red", "green", "blue"] * 16
SIDES = np.where(DF["Group"] > 4, "left", "right")
SLOPES = ["IV1", "IV2", "IV3"]


def refusal(df=DF, formula=FORMULA, strategy="two_stage", **arguments):
    """The message with which `fit` refuses; `compare` refuses general faults alike."""
    arguments = {"group": "Group"} | arguments
    with pytest.raises(InputError) as by_fit:
        fit(strategy, formula, df, **arguments)
    if not isinstance(by_fit.value, StrategyError):
        with pytest.raises(InputError) as by_compare:
            compare(formula, df, **arguments)
        assert str(by_compare.value) == str(by_fit.value)
    assert "\n" not in str(by_fit.value)
    return str(by_fit.value)


def accepted(strategy, df, formula=FORMULA):
    batch = Batch.of_one(read(formula, df, "Group"))
    assert batch.problems[0] == ""
    assert get_strategy(strategy).refuse(batch)[0] == ""


def changed(**columns):
    return DF.assign(**columns)


def terms(formula, df=DF, group="Group"):
    return read(formula, df, group).terms


def assert_same(formula, df, expected_formula, expected_df, group="Group"):
    """The same columns to the last bit, whatever they are called."""
    found, expected = read(formula, df, group), read(expected_formula, expected_df, "Group")
    for name in ("y", "predictors", "codes", "random", "within"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


# Formulas.


@pytest.mark.parametrize(
    ("formula", "fixed", "random", "correlated", "group"),
    [
        ("y ~ x", "y ~ x", None, True, None),
        ("y ~ x + (x | g)", "y ~ x", "x", True, "g"),
        ("y~x+(1+x||g)", "y~x", "1+x", False, "g"),
        ("y ~ (x | g) + x", "y ~ x", "x", True, "g"),
        ("y ~ (1 | g)", "y ~ 1", "1", True, "g"),
        ("y ~ log(x) + (log(x) | g)", "y ~ log(x)", "log(x)", True, "g"),
        ("y ~ a * (b + c) + (1 | `a group`)", "y ~ a * (b + c)", "1", True, "a group"),
        ("`y (a|b)` ~ `x || z` + (`x || z` | g)", "`y (a|b)` ~ `x || z`", "`x || z`", True, "g"),
    ],
)
def test_bars_are_split_off(formula, fixed, random, correlated, group):
    assert written(formula) == Written(fixed, random, correlated, group)


@pytest.mark.parametrize("given", ["IV1", "", None, 5, DF, ["DV ~ IV1"]])
def test_what_is_no_formula_is_refused(given):
    shown = repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
    assert refusal(formula=given) == f"a formula is needed, such as 'y ~ x', not {shown}"


@pytest.mark.parametrize(
    ("formula", "fault"),
    [
        ("DV ~ IV1 + (1 | Group) + (0 + IV1 | Group)", "several"),
        ("DV ~ IV1 + (1 | Group) + (1 | school)", "several"),
        ("DV ~ IV1 + 1 | Group", "bars outside of brackets"),
        ("DV ~ IV1 | Group", "bars outside of brackets"),
    ],
)
def test_one_random_part_is_understood(formula, fault):
    assert refusal(formula=formula, group=None) == (
        f"one random part is understood, such as (x | person), but {formula!r} has {fault}; name "
        "one group, with all its random effects in one pair of brackets"
    )


@pytest.mark.parametrize("group", ["a/b", "a:b", "a + b", "1", ""])
def test_the_group_behind_the_bar_is_one_column(group):
    assert refusal(formula=f"DV ~ IV1 + (1 | {group})", group=None) == (
        f"the group behind the bar must be one column, not {group!r}"
    )


def test_a_group_is_named_once():
    assert refusal(formula="DV ~ IV1 + (1 | Group)", group="IV2") == (
        "the formula names the group 'Group' and group= names 'IV2'; name one"
    )
    assert refusal(group=None) == (
        "the group was not given; name its column, with group= or behind a bar of the formula"
    )
    assert_same("DV ~ IV1 + (IV1 | Group)", DF, "DV ~ IV1", DF)
    assert_same("DV ~ IV1 + (IV1 | Group)", DF, "DV ~ IV1", DF, group=None)


def test_bars_say_what_gets_a_random_effect():
    sided = changed(side=SIDES)
    for formula, random in {
        "DV ~ IV1 * IV2": ["Intercept", "IV1", "IV2", "IV1:IV2"],
        "DV ~ IV1 * IV2 + (1 | Group)": ["Intercept"],
        "DV ~ IV1 * IV2 + (IV2 | Group)": ["Intercept", "IV2"],
        "DV ~ IV1 * IV2 + (IV1:IV2 || Group)": ["Intercept", "IV1:IV2"],
        "DV ~ side * IV1": ["Intercept", "IV1"],
        "DV ~ side * IV1 + (side | Group)": ["Intercept", "side[T.right]"],
    }.items():
        table = compare(formula, sided, group="Group", strategies=["mlm_uncorrelated"])
        assert table.attrs["random"] == random
        one = fit("mlm_uncorrelated", formula, sided, group="Group")
        assert list(one.random) == random
        assert list(one.random_cov.columns) == random
    assert fit("two_stage", "DV ~ IV1", DF, group="Group").random == ()


def test_two_bars_are_mlm_uncorrelated():
    formula = "DV ~ IV1 + (IV1 || Group)"
    message = (
        'the formula asks for random effects without correlations, by ||, which "mlm_full" has; '
        'name the strategy "mlm_uncorrelated", or write one bar'
    )
    for call in (
        lambda: fit("mlm_full", formula, DF),
        lambda: compare(formula, DF, strategies=["two_stage", "mlm_full"]),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            call()
    found = compare(formula, DF)
    expected = ["mlm_uncorrelated", "mlm_intercept", "cluster_robust", "two_stage"]
    assert found["strategy"].unique().tolist() == expected


def test_what_the_random_part_names_stands_in_the_fixed_part_too():
    for formula, names in (
        ("DV ~ IV1 + (IV2 | Group)", "'IV2'"),
        ("DV ~ IV1 + (IV9 + IV8 | Group)", "'IV8', 'IV9'"),
        ("DV ~ IV1 + IV2 + (IV1:IV2 | Group)", "'IV1:IV2'"),
    ):
        found = refusal(formula=formula, group=None)
        names = names if "IV9" not in formula else found[22:34]  # in either order
        assert found == (
            f"the random part names {names}, which the fixed part lacks; write them there, too"
        )
    assert refusal(formula="DV ~ IV1 + (0 + IV1 | Group)", group=None) == (
        "the random part '0 + IV1' has no intercept, and every strategy here has one; take 0 or "
        "-1 out of it"
    )


@pytest.mark.parametrize("formula", ["DV ~ 0 + IV1", "DV ~ IV1 - 1", "DV ~ -1 + IV1 + IV2"])
def test_a_formula_has_an_intercept(formula):
    assert refusal(formula=formula) == (
        "the formula leaves the intercept out, and every strategy here has one; take 0 or -1 out "
        "of it"
    )


def test_a_formula_has_one_outcome_of_numbers():
    assert refusal(formula="~ IV1") == (
        "the formula '~ IV1' has no outcome; write it on the left of ~"
    )
    assert refusal(formula="DV + IV1 ~ IV2") == (
        "the outcome must be one column of numbers, but the left of ~ gives 'DV', 'IV1'; code it "
        "as one number a row"
    )
    assert refusal(changed(DV=SIDES)) == (
        "the outcome must be one column of numbers, but the left of ~ gives 'DV[left]', "
        "'DV[right]'; code it as one number a row"
    )


@pytest.mark.parametrize("formula", ["DV ~ IV1 +", "DV ~ (IV1", "DV ~ IV1 ~ IV2", "DV ~ ."])
def test_a_formula_that_cannot_be_read_is_quoted(formula):
    found = refusal(formula=formula)
    assert found.startswith(f"the formula {formula!r} cannot be read: ")
    assert len(found) < 200
    assert found.isprintable()


def test_a_transform_that_fails_is_quoted():
    assert refusal(formula="DV ~ np.log(IV1, 2, 3, 4)").startswith(
        "the formula cannot be computed: Unable to evaluate factor `np.log(IV1, 2, 3, 4)`"
    )
    assert refusal(formula="DV ~ np.log(IV1)") == (
        "'np.log(IV1)' is no number in 28 of 48 rows; transform what is defined for every row, or "
        "leave those rows out"
    )
    assert "'np.sqrt(DV)' is no number in" in refusal(formula="np.sqrt(DV) ~ IV1")


@pytest.mark.parametrize(
    ("formula", "column"),
    [("DV ~ IV4", "IV4"), ("dv ~ IV1", "dv"), ("DV ~ np.exp(IV4) + IV1", "IV4"),
     ("DV ~ IV1 * IV4", "IV4"), ("DV ~ `a b`", "a b")],
)  # fmt: skip
def test_an_unknown_column_is_named_beside_the_columns_there_are(formula, column):
    assert refusal(formula=formula) == (
        f"there is no column {column!r} for the formula; the columns are 'DV', 'IV1', 'IV2', "
        "'IV3', 'Group'"
    )


@pytest.mark.parametrize("group", ["group", ["Group"], 7])
def test_an_unknown_group_is_named_beside_the_columns_there_are(group):
    assert refusal(group=group) == (
        f"there is no column {group!r} for the group; the columns are 'DV', 'IV1', 'IV2', 'IV3', "
        "'Group'"
    )


def test_a_long_list_of_columns_is_cut():
    many = DF.join(pd.DataFrame(0, index=DF.index, columns=[f"c{i}" for i in range(40)]))
    assert refusal(many, "dv ~ IV1").endswith("'c13', 'c14' and 25 more")


# Terms.


def test_categories_are_coded_against_the_first():
    colours = changed(colour=COLOURS)
    by_hand = changed(g=np.equal(COLOURS, "green"), r=np.equal(COLOURS, "red"))
    assert terms("DV ~ colour", colours) == ("Intercept", "colour[T.green]", "colour[T.red]")
    assert_same("DV ~ colour", colours, "DV ~ g + r", by_hand)
    assert_same("DV ~ colour * IV1", colours, "DV ~ g + r + IV1 + g:IV1 + r:IV1", by_hand)
    order = pd.Categorical(COLOURS, ["red", "white", "green", "blue"])  # white is not there
    by_hand = changed(g=np.equal(COLOURS, "green"), b=np.equal(COLOURS, "blue"))
    assert_same("DV ~ colour", changed(colour=order), "DV ~ g + b", by_hand)
    numbered = changed(colour=pd.Categorical(DF.index % 3))
    assert terms("DV ~ colour", numbered) == ("Intercept", "colour[T.1]", "colour[T.2]")
    assert terms("DV ~ C(n)", changed(n=DF.index % 3)) == ("Intercept", "C(n)[T.1]", "C(n)[T.2]")


def test_contrasts_are_those_that_are_asked_for():
    colours = changed(colour=COLOURS)
    last = -1.0 * np.equal(COLOURS, "red")
    by_hand = changed(b=np.equal(COLOURS, "blue") + last, g=np.equal(COLOURS, "green") + last)
    assert_same("DV ~ C(colour, contr.sum)", colours, "DV ~ b + g", by_hand)
    by_hand = changed(b=np.equal(COLOURS, "blue"), g=np.equal(COLOURS, "green"))
    formula = "DV ~ C(colour, contr.treatment('red'))"
    assert_same(formula, colours, "DV ~ b + g", by_hand)


@pytest.mark.parametrize(
    ("formula", "by_hand"),
    [
        ("DV ~ IV1 * IV2", {"a": DF["IV1"], "b": DF["IV2"], "c": DF["IV1"] * DF["IV2"]}),
        ("DV ~ IV1:IV2", {"a": DF["IV1"] * DF["IV2"]}),
        ("DV ~ IV1 * IV2 - IV1", {"a": DF["IV2"], "b": DF["IV1"] * DF["IV2"]}),
        ("DV ~ np.exp(IV1)", {"a": np.exp(DF["IV1"])}),
        ("DV ~ exp(IV1) + IV2", {"a": np.exp(DF["IV1"]), "b": DF["IV2"]}),
        ("DV ~ I(IV1 ** 2)", {"a": DF["IV1"] ** 2}),
        ("DV ~ {IV1 + IV2}", {"a": DF["IV1"] + DF["IV2"]}),
        ("DV ~ IV1.clip(0, 1)", {"a": DF["IV1"].clip(0, 1)}),
        ("DV ~ I(IV1 == IV1.max())", {"a": 1.0 * (DF["IV1"] == DF["IV1"].max())}),
        ("DV ~ center(IV1)", {"a": DF["IV1"] - DF["IV1"].mean()}),
    ],
)
def test_interactions_and_transforms_are_those_by_hand(formula, by_hand):
    assert_same(formula, DF, f"DV ~ {' + '.join(by_hand)}", changed(**by_hand))


@pytest.mark.parametrize("call", ["poly(IV1, 2)", "bs(IV1, df=4)", "scale(IV1)", "center(IV1)"])
def test_transforms_that_keep_a_state_see_their_column(call):
    found = read(f"DV ~ {call}", DF, "Group")
    assert len(found.terms) in (2, 3, 5)
    assert np.isfinite(found.predictors).all()
    hole = changed(IV1=DF["IV1"].mask(DF.index == 3))
    assert refusal(hole, f"DV ~ {call}").startswith("values are missing of 'IV1' in 1 of 48 rows")


def test_backticks_quote_any_name():
    columns = ["my score", "a:b", "x | z (1 | h)", "if", "person id"]
    formula = "`my score` ~ `a:b` + `x | z (1 | h)` * `if` + (`a:b` | `person id`)"
    found = read(formula, DF.set_axis(columns, axis=1))
    assert found.terms == (
        "Intercept", "a:b", "x | z (1 | h)", "if", "x | z (1 | h):if",
    )  # fmt: skip
    assert found.terms[1:2] == ("a:b",)
    expected = read("DV ~ IV1 + IV2 * IV3", DF, "Group")
    assert np.array_equal(found.predictors, expected.predictors)
    assert found.random.tolist() == [True, True, False, False, False]


def test_an_outcome_alone_has_its_mean_estimated():
    for strategy in set(STRATEGIES) - {"mlm_penalised"}:  # whose prior adds to the spread
        found = fit(strategy, "DV ~ 1", DF, group="Group").coefs
        means = DF.groupby("Group")["DV"].mean()
        assert found.index.tolist() == ["Intercept"]
        assert found["estimate"].item() == pytest.approx(means.mean(), rel=1e-9)
        # Every person has as many rows: all strategies say what a t test of the means says, but
        # for the correction N / (N - k) of two.
        factor = np.sqrt(48 / 47) if strategy in ("cluster_robust", "wild_bootstrap") else 1
        assert found["se"].item() == pytest.approx(factor * means.std() / np.sqrt(8), rel=1e-6)


def test_names_that_mean_something_else_are_refused():
    assert refusal(DF.rename(columns={"IV1": "Intercept"}), "DV ~ Intercept + IV2") == (
        "no column of a formula may be called 'Intercept', the name of the constant term; rename "
        "the column"
    )
    numbered = DF.set_axis([0, 1, 2, 3, "Group"], axis=1)
    assert refusal(numbered, "`0` ~ `1`") == (
        "a column called '0' cannot stand in a formula; give it a name with a letter, for example "
        "with df.add_prefix('x')"
    )
    accepted("two_stage", numbered.add_prefix("x").rename(columns={"xGroup": "Group"}), "x0 ~ x1")


def test_columns_that_share_a_name_matter_when_they_are_used():
    twice = DF.set_axis(["DV", "x", "x", "IV3", "Group"], axis=1)
    message = "2 columns are called 'x'; give each its own name"
    assert refusal(twice, "DV ~ x") == message
    assert refusal(twice, "x ~ IV3") == message
    assert refusal(twice, "DV ~ IV3", group="x") == message
    assert terms("DV ~ IV3", twice) == ("Intercept", "IV3")


def test_a_term_that_is_written_twice_counts_once():
    assert terms("DV ~ IV1 + IV2 + IV1") == ("Intercept", "IV1", "IV2")


# Frames.


FRAMES = {
    "Arrow": pa.Table.from_pandas,
    "Arrow's types in pandas": lambda df: df.convert_dtypes(dtype_backend="pyarrow"),
    "nullable": lambda df: df.convert_dtypes(),
    "Arrow without an index": lambda df: pa.table({name: df[name].to_numpy() for name in df}),
    "the group in the index": lambda df: df.set_index("Group"),
    "the group in a longer index": lambda df: df.assign(d=1).set_index(["d", "Group"]),
    "a predictor in the index": lambda df: df.set_index("IV1"),
    "two of them in the index": lambda df: df.set_index(["IV2", "Group"]),
    "the group in the index, too": lambda df: df.set_index("Group", drop=False),
    "one index value": lambda df: df.set_axis([0] * len(df)),
    "objects": lambda df: df.astype(object),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_any_kind_of_frame_is_read(kind):
    frame = FRAMES[kind](DF)
    assert_same(FORMULA, frame, FORMULA, DF)
    found = fit("two_stage", FORMULA, frame, group="Group").group_coefs
    assert found.index.name == "Group"
    assert found.index.tolist() == [*range(1, 9)]


def test_a_polars_frame_is_read():
    polars = pytest.importorskip("polars")
    assert_same(FORMULA, polars.from_pandas(DF), FORMULA, DF)
    gaps = polars.from_pandas(changed(IV1=DF["IV1"].mask(DF.index < 3)))
    assert refusal(gaps).startswith("values are missing of 'IV1' in 3 of 48 rows")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(DF.to_dict(), "dict"), (DF.to_numpy(), "ndarray"), ("d.csv", "str"), (DF["DV"], "Series")],
)
def test_data_must_be_a_data_frame(data, kind):
    assert refusal(data) == (
        f"the data must be a data frame (of pandas, polars or Arrow), not {kind}"
    )


def test_data_that_were_not_given_are_asked_for():
    assert refusal(None) == (
        "data was not given; call with a formula and a data frame, such as "
        'compare("y ~ x", df, group="person")'
    )


@pytest.mark.parametrize("frame", [DF.head(0), pa.Table.from_pandas(DF.head(0))])
def test_an_empty_data_frame_is_refused(frame):
    assert refusal(frame) == "the data frame has no rows"


# Types.

WHOLE = (10 * DF["IV1"]).round()
NUMBERS = {
    "int8": WHOLE.astype("int8"),
    "Int64": WHOLE.astype("Int64"),
    "int16[pyarrow]": WHOLE.astype("int16[pyarrow]"),
    "float32": WHOLE.astype("float32"),
    "Float64": WHOLE.astype("Float64"),
    "double[pyarrow]": WHOLE.astype("double[pyarrow]"),
    "Sparse": WHOLE.astype("Sparse[float]"),
    "objects": WHOLE.astype(object),
    "integers as objects": WHOLE.astype(int).astype(object),
    "integers and floats": pd.Series([int(v) if v > 0 else v for v in WHOLE], dtype=object),
    "Decimal": WHOLE.map(lambda v: Decimal(str(v))),
    "decimal128": pd.array(WHOLE.map(lambda v: Decimal(str(v))),
                           dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
}  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_any_type_are_numbers(kind):
    assert_same("DV ~ IV1", changed(IV1=NUMBERS[kind]), "DV ~ IV1", changed(IV1=WHOLE))
    assert_same("IV1 ~ DV", changed(IV1=NUMBERS[kind]), "IV1 ~ DV", changed(IV1=WHOLE))


@pytest.mark.parametrize("dtype", [bool, "boolean", "bool[pyarrow]", object, "category"])
def test_booleans_are_zero_and_one(dtype):
    flag = DF["IV1"] > 0
    expected = changed(IV1=flag.astype(float))
    assert_same("DV ~ IV1", changed(IV1=flag.astype(dtype)), "DV ~ IV1", expected)
    assert terms("DV ~ IV1", changed(IV1=flag.astype(dtype))) == ("Intercept", "IV1")


TEXTS = {
    "objects": pd.Series(COLOURS, dtype=object),
    "string": pd.Series(COLOURS, dtype="string"),
    "string[pyarrow]": pd.Series(COLOURS, dtype="string[pyarrow]"),
    "Arrow's string": pd.Series(COLOURS, dtype=pd.ArrowDtype(pa.string())),
    "category": pd.Series(COLOURS, dtype="category"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_is_categories(kind):
    assert_same("DV ~ c", changed(c=TEXTS[kind]), "DV ~ c", changed(c=COLOURS))
    assert terms("DV ~ c", changed(c=TEXTS[kind])) == ("Intercept", "c[T.green]", "c[T.red]")


def test_arrows_dictionaries_are_categories():
    table = pa.table({"c": pa.array(COLOURS).dictionary_encode(), "DV": DF["DV"],
                      "Group": DF["Group"]})  # fmt: skip
    ordered = pd.Categorical(COLOURS, ["red", "green", "blue"])  # as the dictionary has them
    assert_same("DV ~ c", table, "DV ~ c", changed(c=ordered))


DATES = pd.Series(pd.date_range("2024-02-27", periods=48, freq="36h"))
TIMES = {
    "datetime": DATES,
    "with a zone": DATES.dt.tz_localize("Europe/Berlin"),
    "Arrow's timestamps": DATES.astype("timestamp[ns][pyarrow]"),
    "dates": DATES.dt.date,
    "Arrow's dates": DATES.dt.date.astype(pd.ArrowDtype(pa.date32())),
    "Timestamps as objects": DATES.astype(object),
}


@pytest.mark.parametrize("kind", TIMES)
def test_dates_are_refused_with_a_remedy_that_works(kind):
    df = changed(when=TIMES[kind])
    for formula in ("DV ~ when", "when ~ DV"):
        found = refusal(df, formula)
        assert found == (
            "'when' holds dates or times; count time from a start in a unit, for example "
            "(t - t.min()) / pandas.Timedelta(days=1) with t = pandas.to_datetime(df['when'])"
        )
    t = eval(found.split("t = ")[1], {"pandas": pd, "df": df})
    days = eval(found.split("example ")[1].split(" with")[0], {"pandas": pd, "t": t})
    whole = "dates" in kind
    expected = np.arange(48) * 1.5
    np.testing.assert_allclose(days.astype(float), np.floor(expected) if whole else expected,
                               atol=1 / 24)  # fmt: skip
    accepted("two_stage", df.assign(when=days), "DV ~ when")


@pytest.mark.parametrize("dtype", ["timedelta64[ns]", "duration[ns][pyarrow]", object])
def test_spans_of_time_are_refused_with_a_remedy_that_works(dtype):
    df = changed(since=(DATES - DATES.min()).astype(dtype))
    found = refusal(df, "DV ~ since")
    assert found == (
        "'since' holds spans of time; give them as numbers in a unit, for example df['since'] / "
        "pandas.Timedelta(days=1)"
    )
    days = eval(found.split("example ")[1], {"pandas": pd, "df": df})
    np.testing.assert_allclose(days.astype(float), np.arange(48) * 1.5)


def test_text_that_holds_numbers_is_named():
    text = DF["IV1"].round(2).astype(str)
    remedy = "; make it numbers with pandas.to_numeric, or a category with astype('category')"
    for dtype in (object, "string", pd.ArrowDtype(pa.string())):
        assert refusal(changed(IV1=text.astype(dtype))) == (
            f"'IV1' is text, though 48 of its 48 values are numbers{remedy}"
        )
    some = text.mask(DF.index == 5, "n/a").mask(DF.index == 9, "1,5")
    found = "is text, though 46 of its 48 values are numbers, unlike 'n/a', '1,5'" + remedy
    assert refusal(changed(IV1=some)) == f"'IV1' {found}"
    assert refusal(changed(DV=some)) == f"'DV' {found}"
    accepted("two_stage", changed(IV1=pd.to_numeric(text)))
    assert len(terms("DV ~ n", changed(n=(DF.index % 3).astype(str).astype("category")))) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (DF["IV1"].astype(complex),
         "'IV1' holds complex numbers; use their real part or their size"),
        ([1, "a", 2.5] * 16,
         "'IV1' mixes values of the types float, int, str; make it numbers with "
         "pandas.to_numeric, or text with astype(str)"),
        ([[1]] * 48, "'IV1' holds values of the type list; make them numbers or text"),
        (pd.period_range("2020-01", periods=48, freq="M"),
         "'IV1' holds values of the type Period; make them numbers or text"),
        ([datetime.time(1)] * 48,
         "'IV1' holds values of the type time; make them numbers or text"),
    ],
)  # fmt: skip
def test_other_types_are_refused(values, message):
    assert refusal(changed(IV1=values)) == message


# Missing and infinite values.

GAPS = changed(
    DV=DF["DV"].mask(DF.index == 1),
    IV2=DF["IV2"].mask(DF.index < 3),
    Group=DF["Group"].mask(DF.index == 47),
    other=np.nan,
)


def test_missing_values_are_counted_for_every_column_at_once():
    end = 'of 48 rows; repair them, or leave those rows out with missing="drop"'
    assert refusal(GAPS) == f"values are missing of 'DV' in 1, 'IV2' in 3, 'Group' in 1 {end}"
    assert refusal(GAPS, "DV ~ IV1") == f"values are missing of 'DV' in 1, 'Group' in 1 {end}"
    assert refusal(GAPS, "IV1 ~ IV2 + other").startswith(
        "values are missing of 'IV2' in 3, 'other' in 48, 'Group' in 1 of 48"
    )


GAPPY = {
    "Float64": DF["IV2"].astype("Float64"),
    "double[pyarrow]": DF["IV2"].astype("double[pyarrow]"),
    "boolean": DF["IV2"].gt(0).astype("boolean"),
    "bool[pyarrow]": DF["IV2"].gt(0).astype("bool[pyarrow]"),
    "objects": DF["IV2"].gt(0).astype(object),
    "Decimal": DF["IV2"].map(lambda v: Decimal(str(round(v, 3)))),
} | TEXTS


@pytest.mark.parametrize("kind", GAPPY)
def test_missing_values_are_found_in_any_type(kind):
    df = changed(IV2=GAPPY[kind].mask(DF.index < 2))
    assert refusal(df) == (
        "values are missing of 'IV2' in 2 of 48 rows; repair them, or leave those rows out with "
        'missing="drop"'
    )
    without = changed(IV2=GAPPY[kind])[2:]
    found = read(FORMULA, df, "Group", missing="drop")
    expected = read(FORMULA, without, "Group")
    assert np.array_equal(found.predictors, expected.predictors)


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
        "values are missing of 'Group' in 2 of 48 rows; repair them, or leave those rows out with "
        'missing="drop"'
    )


def test_dropped_rows_are_counted():
    table = compare(FORMULA, GAPS, group="Group", missing="drop")
    assert table.attrs == {
        "rows": 44, "groups": 8, "sizes": (3, 6.0, 6), "dropped": 4, "dropped_groups": 0,
        "random": ["Intercept", *SLOPES],
    }  # fmt: skip
    expected = compare(FORMULA, GAPS.drop(index=[0, 1, 2, 47]), group="Group")
    pd.testing.assert_frame_equal(table, expected, check_exact=True)
    assert expected.attrs["dropped"] == 0
    whole = compare(FORMULA, changed(IV2=DF["IV2"].mask(DF["Group"] == 3)), group="Group",
                    missing="drop")  # fmt: skip
    assert (whole.attrs["rows"], whole.attrs["groups"], whole.attrs["dropped"]) == (42, 7, 6)
    assert whole.attrs["dropped_groups"] == 1
    rows = GAPS.drop(index=[3, 4])
    one = fit("cluster_robust", FORMULA, rows, group="Group", missing="drop")
    assert one.n_rows == 42


def test_a_category_that_only_dropped_rows_have_is_none():
    colours = ["white", *COLOURS[1:]]
    df = changed(c=pd.Categorical(colours), DV=DF["DV"].mask(DF.index == 0))
    assert read("DV ~ c", df, "Group", missing="drop").terms == (
        "Intercept", "c[T.green]", "c[T.red]",
    )  # fmt: skip


def test_nothing_may_be_left_of_the_rows():
    assert refusal(changed(IV2=np.nan), missing="drop") == (
        "no row is left once those with missing values are dropped"
    )
    assert refusal(missing="ignore") == "missing must be 'refuse' or 'drop', not 'ignore'"


def test_infinite_values_are_counted():
    values = DF["IV2"].where(DF.index != 5, -np.inf).where(DF.index != 6, np.inf)
    for missing in ("refuse", "drop"):
        assert refusal(changed(IV2=values), missing=missing) == (
            "'IV2' has 2 infinite values in 48 rows; drop or repair those rows first"
        )


# Groups.


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


@pytest.mark.parametrize(
    ("labels", "twins"),
    [
        ([1, 1, 1, 2, 2, 2, "1", "1", "1", "2", "2", "2"] * 4, "1 and '1'"),
        ([float(g) if i % 2 else str(g) for i, g in enumerate(DF["Group"])], "'1' and 1.0"),
        ([float(g) if i % 2 else f"{g}.0" for i, g in enumerate(DF["Group"])], "'1.0' and 1.0"),
    ],
)
def test_labels_that_differ_only_in_type_are_refused(labels, twins):
    df = changed(Group=pd.Series(labels, dtype=object))
    assert refusal(df) == (
        f"the labels {twins} of the group 'Group' differ only in type; make all of them text with "
        "astype(str), or all numbers"
    )


def test_one_late_text_among_numbers_parts_no_group():
    # As pandas reads a long column with one text in it: 40 people, half of them as numbers.
    labels = pd.Series([*np.repeat(np.arange(1, 8), 6), *["late"] * 6], dtype=object)
    assert read(FORMULA, changed(Group=labels), "Group").n_groups == 8


def test_unused_categories_are_no_groups():
    labels = pd.Categorical(DF["Group"], categories=[*range(20, 0, -1)])
    data = read(FORMULA, changed(Group=labels), "Group")
    assert data.n_groups == 8
    assert sorted(data.labels) == [*range(1, 9)]


# What the values say together.


def test_a_constant_outcome_is_refused():
    assert refusal(changed(DV=3.5)) == (
        "the outcome 'DV' is constant (always 3.5), so there is nothing to explain"
    )


def test_an_outcome_of_people_is_no_repeated_measure():
    message = (
        "the outcome 'DV' never varies within a group, so that its rows are no repeated measures; "
        "keep one row a group, and analyse these by an ordinary regression"
    )
    of_people = changed(DV=np.sqrt(DF["Group"]))
    for strategy in STRATEGIES:
        assert refusal(of_people, strategy=strategy) == message
    assert refusal(of_people[5:], "DV ~ 1") == message  # and of one row in the first group
    assert refusal(DF, "Group ~ IV1") == message.replace("DV", "Group")
    one = of_people.assign(DV=of_people["DV"] + 1e-6 * DF["IV1"] * (DF["Group"] == 3))
    accepted("cluster_robust", one)


def test_an_outcome_whose_digits_would_be_lost_is_no_constant():
    assert refusal(changed(DV=DF["DV"] + 1e12)) == (
        "the outcome 'DV' varies so little beside its size, about 1e+12, that its digits would be "
        "lost; subtract its mean first"
    )
    assert "'DV' is constant (always 1e+12)" in refusal(changed(DV=1e12))
    far, near = (compare(FORMULA, df, group="Group") for df in (changed(DV=DF["DV"] + 1e8), DF))
    slopes = (near["term"] != "Intercept").to_numpy()
    np.testing.assert_allclose(far["estimate"][slopes], near["estimate"][slopes], rtol=1e-5)
    np.testing.assert_allclose(far["se"], near["se"], rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 2.0, -1e9, True])
def test_a_constant_predictor_is_refused(value):
    assert refusal(changed(IV2=value)) == (
        f"the predictor 'IV2' is constant (always {value:g}), so its effect cannot be told "
        "from the intercept; leave it out"
    )


def test_a_category_of_one_level_is_refused():
    assert refusal(changed(IV2="red")) == (
        "the predictor 'IV2' is constant (always 'red'), so its effect cannot be told from the "
        "intercept; leave it out"
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
    batch = Batch.of_one(read(FORMULA, scaled, "Group"))
    assert batch.problems[0] == ""
    assert batch.within.all()


def test_highly_correlated_predictors_are_accepted():
    close = changed(IV2=DF["IV1"] + 1e-3 * DF["IV2"])
    assert close["IV1"].corr(close["IV2"]) > 0.999999
    accepted("two_stage", close)


@pytest.mark.parametrize("shift", [1e4, 3e8])
def test_a_predictor_far_from_zero_is_no_constant(shift):
    accepted("two_stage", changed(IV2=DF["IV2"] + shift))
    assert read(FORMULA, changed(IV2=DF["IV2"] + shift), "Group").within.all()


@pytest.mark.parametrize("scale", [1e-9, 1, 1e200])
def test_an_outcome_that_the_predictors_determine_is_refused(scale):
    exact = scale * (1 + 2 * DF["IV1"] - DF["IV3"])
    assert refusal(changed(DV=exact)) == (
        "the predictors determine the outcome 'DV' exactly, so there is no error to estimate; "
        "is one of them computed from it?"
    )
    assert "determine the outcome 'DV' exactly" in refusal(formula="DV ~ DV + IV1")
    almost = changed(DV=exact + scale * 1e-6 * DF["IV2"])
    accepted("cluster_robust", almost, "DV ~ IV1 + IV3")


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
    accepted("two_stage", DF.groupby("Group").head(4))


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
    accepted("two_stage", changed(IV2=scale * DF["IV2"]))


def test_cluster_robust_needs_more_groups_than_coefficients():
    assert refusal(DF[DF["Group"] <= 4], strategy="cluster_robust") == (
        "cluster_robust tests 4 coefficients with groups minus coefficients = 0 degrees of "
        "freedom; it needs at least 5 groups"
    )
    accepted("cluster_robust", DF[DF["Group"] <= 5])


def test_multilevel_models_need_more_rows_than_random_effects():
    assert refusal(DF.groupby("Group").head(4), strategy="mlm_full") == (
        "mlm_full has 4 random effects for each of 8 groups and needs more than 32 rows, but "
        "there are 32; collect more rows per group or use simpler random effects"
    )
    assert refusal(DF.groupby("Group").head(1), strategy="mlm_intercept") == (
        "mlm_intercept has 1 random effect for each of 8 groups and needs more than 8 rows, "
        "but there are 8; collect more rows per group or use simpler random effects"
    )
    one_more = pd.concat([DF.groupby("Group").head(4), DF.tail(1)])
    accepted("mlm_full", one_more)


# Strategy and engine.


def test_an_unknown_strategy_or_engine_is_refused_with_the_known_ones():
    known = f"the known ones are {', '.join(STRATEGIES)}"
    with pytest.raises(InputError, match=re.escape(f"unknown strategy 'lmer'; {known}")):
        fit("lmer", FORMULA, DF, group="Group")
    with pytest.raises(InputError, match=re.escape(f"unknown strategy 'lm'; {known}")):
        compare(FORMULA, DF, group="Group", strategies=["two_stage", "lm"])
    with pytest.raises(InputError, match=re.escape(f"no strategy was named; {known}")):
        compare(FORMULA, DF, group="Group", strategies=[])
    for engine in ("lme4", None, ["pymer4"]):
        message = refusal(engine=engine)
        assert message.startswith(f"unknown engine {engine!r}; the known ones are pymer4")


# What is read.


def test_rows_come_out_in_an_order_that_values_alone_decide():
    data = read(FORMULA, DF, "Group")
    again = read(FORMULA, DF.sample(frac=1, random_state=0).set_index("IV1", drop=False), "Group")
    for name in ("y", "predictors", "codes"):
        assert np.array_equal(getattr(data, name), getattr(again, name))
    assert (np.diff(data.codes) >= 0).all()
    assert (data.design[:, 0] == 1).all()
    rows = set(map(tuple, np.column_stack([data.y, data.predictors, data.codes + 1])))
    assert rows == set(map(tuple, DF.to_numpy()))


def test_the_users_data_frame_is_left_alone():
    before = GAPS.copy()
    compare(FORMULA, GAPS, group="Group", missing="drop")
    with pytest.raises(StrategyError):
        fit("mlm_full", FORMULA, DF.groupby("Group").head(1), group="Group")
    pd.testing.assert_frame_equal(GAPS, before)


def test_a_result_prints_itself_on_one_screen():
    found = fit("mlm_full", "DV ~ IV1 * side", changed(side=SIDES), group="Group")
    text = str(found)
    assert text == repr(found)
    assert text.startswith(
        "mlm_full by batch: DV ~ IV1 * side\n48 rows, 8 groups, random effects of Intercept, IV1\n"
    )
    assert all(term in text for term in found.coefs.index)
    assert "REML deviance" in text
    assert all(message in text for message in found.messages)
    assert len(text.splitlines()) < 25
    assert max(map(len, text.splitlines())) < 100
    tidy = found.tidy()
    assert tidy["term"].tolist() == list(found.coefs.index)
    assert (tidy["strategy"] == "mlm_full").all()
    assert (
        list(POST_STRATEGIES) == compare(FORMULA, DF, group="Group")["strategy"].unique().tolist()
    )


def test_numpys_strings_are_text(simulated):
    data = simulated.data
    labels = [np.random.default_rng(i).choice(["A", "B"]) for i in range(len(data))]
    assert type(labels[0]) is np.str_
    found = [
        fit("two_stage", "DV ~ C", data.assign(C=pd.Series(values, dtype=object)), group="Group")
        for values in (labels, list(map(str, labels)))
    ]
    pd.testing.assert_frame_equal(found[0].coefs, found[1].coefs)
