"""How the book shows a data frame, and hands numbers to its prose."""

import numpy as np
import pandas as pd
import pytest
from bookkit import table_html, tell
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from myst_nb import glue


def rows(frame):
    table = BeautifulSoup(table_html(frame), "html.parser")
    return [[cell.get_text() for cell in row.select("th, td")] for row in table.select("tr")]


def frame(**columns):
    return pd.DataFrame({"strategy": ["mlm_full", "two_stage"], **columns})


def test_strategies_go_by_their_labels_wherever_they_stand():
    long = frame(p=[0.5, 0.25])
    labels = ["Full multilevel", "Two-stage OLS"]
    assert [row[0] for row in rows(long)] == ["strategy", *labels]
    assert [row[0] for row in rows(long.set_index("strategy"))] == ["strategy", *labels]
    assert rows(long.set_index("strategy").T)[0] == ["strategy", *labels]
    assert rows(long.rename_axis("row"))[1] == ["0", "Full multilevel", "0.500"]
    # What is shown is a copy.
    assert list(long["strategy"]) == ["mlm_full", "two_stage"]


def test_a_p_value_near_zero_is_told_as_in_a_paper():
    shown = rows(frame(p=[1.171e-17, 0.0004999], t=[1e-17, 2.0]))
    assert [row[1] for row in shown] == ["p", "< .001", "< .001"]
    assert [row[1] for row in rows(frame(p=[0.0005, None]))] == ["p", "0.001", ""]
    assert shown[1][2] == "1.000e-17" or float(shown[1][2]) == 1e-17


def test_names_of_the_index_stand_in_the_header_s_only_row():
    one = frame(x=[1, 2]).set_index("strategy").rename(index=str)
    assert rows(one)[0] == ["strategy", "x"]
    two = frame(n=[5, 10], x=[1, 2]).set_index(["n", "strategy"])
    assert rows(two)[0] == ["n", "strategy", "x"]
    assert len(rows(two)) == 3
    wide = frame(n=[5, 5], x=[1, 2]).pivot_table("x", index="n", columns="strategy", aggfunc="sum")
    assert rows(wide) == [["n", "Full multilevel", "Two-stage OLS"], ["5", "1", "2"]]
    # Two rows of titles stay two.
    above = pd.concat({"a": one, "b": one}, axis=1)
    assert rows(above)[0] == ["", "a", "b"]


@pytest.fixture
def shell():
    """A shell, whose displays can be caught."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_numbers_for_the_prose_are_handed_on_as_myst_nb_does(shell):
    values = {"rate": 0.05, "n": 30, "who": "person 7"}
    with capture_output() as theirs:
        for name, value in values.items():
            glue(name, value, display=False)
    with capture_output() as ours:
        tell(rate=np.float64(0.05), n=np.int64(30), who="person 7")
    assert [(one.data, one.metadata) for one in ours.outputs] == [
        (one.data, one.metadata) for one in theirs.outputs
    ]
    assert len(ours.outputs) == 3
