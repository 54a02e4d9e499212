"""The explorer's studies: what is stored, in the page's order, and lines that run it again."""

import json
import re
from math import prod

import numpy as np
import pytest
from explorer_studies import MEASURES, apart, explorer_study, keys_of, levels_of
from study import Study, load_study, names

from mlmlearn import Condition, Grid, performance
from mlmlearn.processes import Dropout, PersonPredictor, TimePredictor, VaryingSizes


@pytest.fixture(scope="module")
def studies():
    """What the browser gets: through JSON and back, which knows no missing number."""
    return {name: json.loads(json.dumps(explorer_study(name), allow_nan=False)) for name in names()}


def evaluate(line, imports):
    """Run a line that the page hands out, after the line that it says is needed."""
    found = {}
    exec(imports, found)
    return eval(line, found)


def sections(studies):
    return [(name, one) for name, study in studies.items() for one in study["sections"]]


def test_a_study_is_told_by_its_file(studies):
    assert len(studies) >= 10
    assert studies["few_people"]["title"].startswith("Few people, or a predictor that few of them")
    assert studies["few_people"]["chapter"] == "few_people.html"
    assert studies["post_grid"]["chapter"] is None
    # Parts with one condition each are levels of one section; a key is what differs.
    (dropout,) = studies["dropout"]["sections"]
    assert [level["label"] for level in dropout["keys"][0]["levels"]] == [
        *Study.find("dropout").parts
    ]
    (main, *_) = studies["error_rates"]["sections"]
    sizes = {key["id"]: len(key["levels"]) for key in main["keys"]}
    assert sizes == {"n_groups": 3, "n_obs": 3, "level_sd": 2, "slope_sd": 6}
    (rows,) = [one for one in studies["beyond_grid"]["sections"] if one["id"] == "rows"]
    assert [key["id"] for key in rows["keys"]] == ["n_obs", "group_sd"]


def test_every_condition_of_every_study_is_there_once(studies):
    for name, study in studies.items():
        lines = [line[1] for section in study["sections"] for line in section["code"]]
        assert len(lines) == len(set(lines)) == len(Study.find(name).conditions())
        for section in study["sections"]:
            assert len(section["code"]) == prod(len(key["levels"]) for key in section["keys"])
            for key in section["keys"]:
                ids = [level["id"] for level in key["levels"]]
                # What the address of the page can hold, and tells apart.
                assert len(ids) == len(set(ids))
                assert all(re.fullmatch(r"[\w.-]+", one) for one in ids)
                assert section["start"][key["id"]] in [*ids, "all"]


def test_every_number_is_the_studys(studies):
    """By the condition that the handed out line makes, not by the order that is tested."""
    for name, section in sections(studies):
        table = load_study(name)
        for place, (line, _, imports) in enumerate(section["code"]):
            condition = evaluate(line, imports).condition
            part, grid = next(
                (part, content.grid)
                for part, content in Study.find(name).parts.items()
                if condition in content.grid.conditions()
                and list(content.strategies) == section["strategies"]
            )
            rows = table[table["part"] == part]
            for key, label in grid.labels(condition).items():
                rows = rows[rows[key] == label]
            rows = rows.set_index(["term", "strategy"])
            for measure, (column, about) in MEASURES.items():
                shown = section["summaries"].get(measure)
                if shown is None:
                    assert column not in rows or rows[column].isna().all()
                    continue
                terms = section["terms"] if about.get("coefficient") else section["terms"][:1]
                for k, term in enumerate(terms):
                    for s, strategy in enumerate(section["strategies"]):
                        known = rows[column].get((term, strategy), np.nan)
                        found = shown[k][s][place]
                        assert (found is None) == np.isnan(known)
                        if found is None:
                            continue
                        scale = 100 if about.get("rate") else 1
                        assert found[0] == pytest.approx(scale * known, rel=5.1e-4)
                        if f"{column}_mcse" in rows and found[1] is not None:
                            mcse = rows[f"{column}_mcse"][term, strategy]
                            assert found[1] == pytest.approx(scale * mcse, rel=5.1e-4)
                        low, high = section["ranges"][measure][k]
                        assert low <= found[0] <= high


def test_the_line_that_is_handed_out_runs_the_condition_again(studies):
    """In full where that is quick, and with the very numbers of the page."""
    for name, part in (("serial_noise", "trend"), ("few_people", "five")):
        section = next(one for one in studies[name]["sections"] if one["id"] == part)
        _, line, imports = section["code"][0]
        found = evaluate(line, imports).set_index(["term", "strategy"])
        for k, term in enumerate(section["terms"]):
            for s, strategy in enumerate(section["strategies"]):
                coverage, mcse = section["summaries"]["covered"][k][s][0]
                row = found.loc[term, strategy]
                # Another processor may round one fit of thousands to the other side.
                assert 100 * row["coverage"] == pytest.approx(coverage, abs=0.11)
                assert 100 * row["coverage_mcse"] == pytest.approx(mcse, abs=0.02)
                assert row["n"] == section["n"][s][0]


def test_the_lines_of_every_kind_of_condition_work(studies):
    """With three data sets each: the first and the last condition of every section."""
    for name, section in sections(studies):
        for draw, again, imports in (section["code"][0], section["code"][-1]):
            simulated = evaluate(draw, imports)
            assert simulated.seed == Study.find(name).seed
            few = re.sub(r"replications=\d+", "replications=3", again)
            assert few != again
            results = evaluate(few.removeprefix("performance(").removesuffix(".fits)"), imports)
            assert list(results.grid.conditions()) == [simulated.condition]
            assert results.manifest["seed"] == simulated.seed
            assert set(results.fits["strategy"]) == set(section["strategies"])
            assert set(results.fits["term"]) >= set(performance(results.fits)["term"])


def test_what_differs_is_found_in_any_grid():
    def keys(grid):
        return keys_of(levels_of(list(grid.conditions())))

    (one,) = keys(Grid(10, 5, [(1, 0), (1, 0.5)]))
    assert (one["label"], one["levels"][1]["say"]) == ("SD of slopes", "slopes with SD 0.5")
    assert [one["id"] for one in keys(Grid(10, [5, 6], [0.5, 2]))] == ["n_obs", "group_sd"]
    assert keys(Grid(10, 5, 1)) == []
    with pytest.raises(ValueError, match="no full crossing"):
        levels_of([Condition(10, 5, 1), Condition(10, 6, 1), Condition(11, 5, 1)])


def test_processes_are_parted_into_what_is_shared_and_what_is_not():
    time = TimePredictor()
    shared, own = apart([(time,), (time, Dropout(0.2, least=3))])
    assert (shared, own) == (["TimePredictor()"], ["nothing else", "Dropout(rate=0.2, least=3)"])
    shared, own = apart([(VaryingSizes(0.7, one, least=4),) for one in (0, 0.4)])
    assert shared == ["VaryingSizes(log_sd=0.7, least=4, …)"]
    assert own == ["correlation=0", "correlation=0.4"]
    assert apart([(PersonPredictor(treated=m),) for m in (None, 3)])[1] == [
        "treated=None",
        "treated=3",
    ]
