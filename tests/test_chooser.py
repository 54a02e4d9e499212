"""The chooser: one rule for every study, each with a call that runs and with numbers behind it."""

import json
from itertools import product

import pandas as pd
import pytest
import statsmodels.formula.api as smf
from bs4 import BeautifulSoup
from chooser import (  # fmt: skip
    BETWEEN,
    BOTH,
    COMPLETE,
    CROSS,
    GAPS,
    MISSING,
    REPEATS,
    RULES,
    VARIES,
    WITHIN,
    calls,
    choose,
    chooser,
    evidence,
    gap_evidence,
)
from conftest import ROOT, to_r
from study import load_study

from mlmlearn import STRATEGIES, Condition, simulate
from mlmlearn.processes import PersonPredictor, TimePredictor

SIZES = [2, 3, 5, 6, 9, 10, 12, 20, 29, 30, 100, 5000]


def test_every_study_has_a_rule_and_every_rule_a_study():
    studies = product(SIZES, SIZES, VARIES, REPEATS, MISSING)
    assert {choose(*study).name for study in studies} == {rule.name for rule in RULES}


@pytest.fixture(scope="module")
def data():
    """Fifteen pupils of each of thirty schools, with a name for every role."""
    condition = Condition(
        30, 15, 0.5, n_predictors=1, betas=(0, 1), ingredients=PersonPredictor(treated=15)
    )
    frame = simulate(condition, seed=8).data
    return frame.assign(
        y=frame["DV"], x=frame["IV1"], time=frame["IV1"], arm=frame["W"],
        person=frame["Group"], school=frame["Group"],
    )  # fmt: skip


def evaluated(typed, names):
    """Run lines of Python, and return what the last one gives."""
    *before, last = typed.splitlines()
    exec("\n".join(before), names)
    return eval(last, names)


MISSING_OF = [(rule, missing) for rule in RULES if rule.strategy for missing in rule.missing]


@pytest.mark.parametrize(
    ("rule", "missing"), MISSING_OF, ids=[f"{rule.name}-{missing}" for rule, missing in MISSING_OF]
)
def test_what_a_rule_tells_to_type_fits_its_strategy(rule, missing, data):
    """As typed in mlmlearn and in statsmodels, with arms named by words, and with blanks."""
    data = data.assign(arm=data["arm"].map({0.0: "as usual", 1.0: "treated"}))
    if missing == GAPS:
        data.loc[data.index[::7], "y"] = None
    typed = calls(rule, missing)
    names = {"data": data}
    result = evaluated(typed["mlmlearn"], names)
    assert result.strategy == rule.strategy
    assert result.coefs["se"].notna().all()
    if typed["statsmodels"]:
        names["data"] = names["data"].drop(columns=["Group", "DV"])
        other = evaluated(typed["statsmodels"], names | {"smf": smf})
        terms = [name for name in result.coefs.index if name != "Intercept"]
        assert other.params[terms].to_list() == pytest.approx(
            result.coefs.loc[terms, "estimate"].to_list(), abs=0.02
        )


@pytest.mark.needs_r
@pytest.mark.parametrize(
    "rule",
    [r for r in RULES if r.strategy and "clubSandwich" not in r.r],  # which Debian does not have
    ids=lambda rule: rule.name,
)
def test_what_a_rule_tells_to_type_in_r_gives_the_same(rule, data):
    from rpy2 import robjects

    missing = rule.missing[-1]
    if missing == GAPS:
        data = data.copy()
        data.loc[data.index[::7], "y"] = None
    ours = evaluated(calls(rule, missing)["mlmlearn"], {"data": data.copy()}).coefs
    robjects.globalenv["data"] = to_r(data[["y", "x", "time", "arm", "person"]].astype(float))
    *before, last = rule.r.splitlines()
    robjects.r("suppressPackageStartupMessages(library(lmerTest))\n" + "\n".join(before))
    if "t.test" in last:
        theirs = [robjects.r(f"({last})$estimate")[0]]
    else:
        told = last if last.startswith("summary") else f"summary({last})"
        theirs = list(robjects.r(f"coef({told})[-1, 'Estimate']"))
    assert theirs == pytest.approx(ours["estimate"].iloc[1:].to_list(), abs=1e-3)


def near(varies, strategy):
    """Coverage of a strategy, a row a size of study."""
    rows = [
        (one["groups"], one["rows"], one["slope_sd"], *one["coverage"][strategy])
        for one in evidence(varies)
        if strategy in one["coverage"]
    ]
    return pd.DataFrame(rows, columns=["groups", "rows", "slope_sd", "coverage", "mcse"])


@pytest.mark.parametrize("varies", VARIES)
def test_what_a_rule_recommends_covered_well_where_it_was_simulated(varies):
    for one in evidence(varies):
        rule = choose(one["groups"], one["rows"], varies)
        rate, mcse = one["coverage"][rule.strategy]
        assert rate + 3 * mcse > 93, (rule.name, one)
        assert rate - 3 * mcse < 98, (rule.name, one)


def test_what_the_cautions_say_was_seen():
    alone = near(CROSS, "mlm_intercept").query("slope_sd >= 0.5")
    assert (alone["coverage"] + 3 * alone["mcse"] < 85).all()
    full = near(BETWEEN, "mlm_full")
    few = full.query("groups < 20")
    assert len(few) >= 2
    assert (few["coverage"] + 3 * few["mcse"] < 95).all()
    twelve = load_study("schools").query("strategy == 'mlm_full' and term == 'W'")
    assert (twelve["type_1_error"] - 3 * twelve["type_1_error_mcse"] > 0.05).all()
    within = near(WITHIN, "mlm_intercept").query("slope_sd >= 0.5")
    assert (within["coverage"] + 3 * within["mcse"] < 92).all()
    assert len(near(BOTH, "mlm_full")) >= 2


def test_what_is_said_of_those_who_leave_was_seen():
    seen, unseen = gap_evidence("given the last answer"), gap_evidence("given the answer itself")
    assert abs(seen["mlm_full"][0] - 95) < 3 * seen["mlm_full"][1]
    for strategy in ("two_stage", "cluster_robust"):
        assert seen[strategy][0] + 3 * seen[strategy][1] < 92
    assert all(rate + 3 * mcse < 95 for rate, mcse in unseen.values())
    # People's means of early answers alone, where the outcome falls over time: the formula with
    # time in it is not misled, the means are.
    condition = Condition(
        900, 8, (1, 0.2), betas=(0, -1), ingredients=[TimePredictor(), PersonPredictor(treated=450)]
    )
    frame = simulate(condition, seed=3).data.rename(
        columns={"DV": "y", "IV1": "time", "W": "arm", "Group": "person"}
    )
    left = (frame["arm"] == 1) & (frame["person"] % 3 == 0) & (frame["time"] > 3)
    kept = frame[~left]
    answers = {}
    for name in ("few_between", "between_gaps"):
        (rule,) = [rule for rule in RULES if rule.name == name]
        typed = calls(rule, COMPLETE)["mlmlearn"]
        coefs = evaluated(typed, {"data": kept.copy()}).coefs.loc["arm"]
        answers[name] = coefs["estimate"] / coefs["se"]
    assert answers["few_between"] > 4
    assert abs(answers["between_gaps"]) < 3


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_leads_to_a_chapter_and_a_box_that_exist(rule):
    book = ROOT / "book"
    assert (book / f"{rule.chapter}.md").exists()
    if rule.example:
        page, anchor = rule.example[1].split(".html#")
        assert f":name: {anchor}\n" in (book / f"{page}.md").read_text(encoding="utf-8")


def test_the_page_holds_a_table_of_all_rules_and_the_forms_data():
    page = BeautifulSoup(chooser().data, "html.parser")
    assert len(page.select("tbody tr")) == len(RULES)
    said = json.loads(page.select_one('script[type="application/json"]').string)
    assert [rule["name"] for rule in said["rules"]] == [rule.name for rule in RULES]
    assert set(said["labels"]) == set(STRATEGIES)
    form = page.select_one("form")
    for control in form.select("input, select"):
        assert form.select_one(f'label[for="{control["id"]}"]')
