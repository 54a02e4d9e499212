import numpy as np
import pandas as pd
import pytest

from mlmlearn import InputError, recovery


@pytest.fixture
def fits():
    nan = np.nan
    return pd.DataFrame(
        [
            ("b", 0, "Intercept", 1.0, 1.5, 0.25, 6.0),
            ("b", 0, "x", 2.0, 1.0, 0.5, -2.0),
            ("a", 0, "Intercept", 1.0, nan, nan, nan),
            ("a", 0, "x", 2.0, nan, nan, nan),
            ("b", 1, "Intercept", 1.0, 1.0, 0.5, 2.0),
            ("b", 1, "x", 2.0, 2.25, nan, nan),
        ],
        columns=["strategy", "replication", "term", "truth", "estimate", "se", "t"],
    )


def test_recovery_sums_each_fit_and_keeps_failed_ones(fits):
    found = recovery(fits, by=["strategy", "replication"]).set_index(["strategy", "replication"])
    assert found.loc[("b", 0)].tolist() == [1.5, 0.75, 8.0, True]
    assert found.loc[("a", 0), "succeeded"] == False  # noqa: E712  (NumPy's own bool)
    assert found.loc[("a", 0), ["coef_abs_error", "se_sum", "t_sum"]].isna().all()


def test_recovery_gives_no_sum_that_leaves_a_coefficient_out(fits):
    found = recovery(fits, by=["strategy", "replication"]).set_index(["strategy", "replication"])
    assert found.loc[("b", 1), "coef_abs_error"] == 0.25
    assert found.loc[("b", 1), "succeeded"]
    assert found.loc[("b", 1), ["se_sum", "t_sum"]].isna().all()


def test_recovery_keeps_the_order_of_the_table_and_takes_one_column_by_name(fits):
    found = recovery(fits[fits["replication"] == 0], by="strategy")
    assert found.columns.tolist() == [
        "strategy",
        "coef_abs_error",
        "se_sum",
        "t_sum",
        "succeeded",
    ]
    assert found["strategy"].tolist() == ["b", "a"]


def test_recovery_does_not_add_two_fits_up(fits):
    with pytest.raises(InputError, match=r"^the columns strategy do not tell the fits apart; "):
        recovery(fits)


def test_recovery_names_missing_columns(fits):
    with pytest.raises(InputError, match=r"^the table of fits has no column t, truth; compare"):
        recovery(fits.drop(columns=["truth", "t"]), by=["strategy", "replication"])
    with pytest.raises(InputError, match=r"^the table of fits has no column condition; "):
        recovery(fits, by=["strategy", "condition"])
    with pytest.raises(InputError, match=r"^give a table of fits, .*, not a str$"):
        recovery("runs/mine")
