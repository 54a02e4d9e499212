"""The chooser: one rule for every study, each with a call that runs and with numbers behind it."""

import json
from itertools import product

import pandas as pd
import pytest
import statsmodels.formula.api as smf
from bs4 import BeautifulSoup
from chooser import BETWEEN, BOTH, CROSS, REPEATS, RULES, VARIES, WITHIN, choose, chooser, evidence

from mlmlearn import STRATEGIES, Condition, fit, simulate
from mlmlearn.processes import PersonPredictor

SIZES = [2, 3, 5, 6, 9, 10, 12, 20, 29, 30, 100, 5000]


def test_every_study_has_a_rule_and_every_rule_a_study():
    studies = product(SIZES, SIZES, VARIES, REPEATS)
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


@pytest.mark.parametrize("rule", [r for r in RULES if r.strategy], ids=lambda rule: rule.name)
def test_what_a_rule_tells_to_type_fits_its_strategy(rule, data):
    names = {"fit": fit, "data": data.copy()}
    *before, last = rule.mlmlearn.splitlines()
    exec("\n".join(before), names)
    result = eval(last, names)
    assert result.strategy == rule.strategy
    assert result.coefs["se"].notna().all()
    if rule.statsmodels:
        names["data"] = names["data"].drop(columns=["Group", "DV"]).astype(float)
        other = eval(rule.statsmodels, names | {"smf": smf})
        terms = [name for name in result.coefs.index if name != "Intercept"]
        assert other.params[terms].to_list() == pytest.approx(
            result.coefs.loc[terms, "estimate"].to_list(), abs=0.02
        )


def near(varies, strategy):
    """Coverage of a strategy, a row a size of study."""
    rows = [
        (one["groups"], one["rows"], *one["coverage"][strategy])
        for one in evidence(varies)
        if strategy in one["coverage"]
    ]
    return pd.DataFrame(rows, columns=["groups", "rows", "coverage", "mcse"])


@pytest.mark.parametrize("varies", VARIES)
def test_what_a_rule_recommends_covered_well_where_it_was_simulated(varies):
    for one in evidence(varies):
        rule = choose(one["groups"], one["rows"], varies)
        rate, mcse = one["coverage"][rule.strategy]
        assert rate + 3 * mcse > 93, (rule.name, one)
        assert rate - 3 * mcse < 98, (rule.name, one)


def test_what_the_cautions_say_was_seen():
    alone = near(CROSS, "mlm_intercept")
    assert (alone["coverage"] + 3 * alone["mcse"] < 85).all()
    few = near(BETWEEN, "mlm_full").query("groups < 20")
    assert (few["coverage"] + 3 * few["mcse"] < 95).all()
    within = near(WITHIN, "mlm_intercept")
    assert (within["coverage"] + 3 * within["mcse"] < 92).all()
    assert len(near(BOTH, "mlm_full")) >= 2


def test_the_page_holds_a_table_of_all_rules_and_the_forms_data():
    page = BeautifulSoup(chooser().data, "html.parser")
    assert len(page.select("tbody tr")) == len(RULES)
    said = json.loads(page.select_one('script[type="application/json"]').string)
    assert [rule["name"] for rule in said["rules"]] == [rule.name for rule in RULES]
    assert set(said["labels"]) == set(STRATEGIES)
    form = page.select_one("form")
    for control in form.select("input, select"):
        assert form.select_one(f'label[for="{control["id"]}"]')
