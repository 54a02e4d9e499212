"""The explorer's data: the reference run once more, rounded, and addressed rightly."""

import json
from itertools import product

import numpy as np
import pytest
from explorer import TERMS, explorer_data, static_view
from live import strategy_looks
from looks import LOOKS

from mlmlearn import (
    POST_STRATEGIES,
    STRATEGIES,
    Condition,
    Results,
    compare,
    load_reference,
    performance,
    simulate,
)

KEY = ["n_groups", "n_obs", "group_sd", "replication"]


@pytest.fixture(scope="module")
def reference():
    return load_reference()


@pytest.fixture(scope="module")
def data(reference):
    """What the browser gets: through JSON and back."""
    return json.loads(json.dumps(explorer_data(reference)))


@pytest.fixture(scope="module")
def places(data):
    """Say where each data set is, the way the page counts."""
    section = section_of(data)
    levels = [[float(level["id"]) for level in key["levels"]] for key in section["keys"]]
    assert [key["id"] for key in section["keys"]] == KEY[:3]
    return {
        each: place for place, each in enumerate(product(*levels, range(section["replications"])))
    }


def section_of(data):
    (section,) = data["reference"]["sections"]
    return section


def rows_of(table, **wanted):
    return table.loc[np.logical_and.reduce([table[name] == v for name, v in wanted.items()])]


def at(places, table):
    return [places[tuple(row)] for row in table[KEY].itertuples(index=False)]


def test_every_number_is_the_reference_runs_to_four_digits(reference, data, places):
    assert section_of(data)["strategies"] == list(POST_STRATEGIES)
    for i, strategy in enumerate(POST_STRATEGIES):
        for k, term in enumerate(TERMS):
            rows = rows_of(reference.fits, strategy=strategy, term=term)
            place = at(places, rows)
            assert sorted(place) == list(range(2250))
            error, se, truth = (
                np.array(values)[place] * data["unit"]
                for values in (data["error"][i][k], data["se"][i][k], data["truth"][k])
            )
            known = {"rtol": 5.1e-4, "atol": 5.1e-6}
            np.testing.assert_allclose(error, rows["estimate"] - rows["truth"], **known)
            np.testing.assert_allclose(se, rows["se"], **known)
            np.testing.assert_allclose(truth, rows["truth"], **known)


def test_the_flags_say_what_coverage_tests_and_diagnostics_say(reference, data, places):
    by = [*KEY[:3], "strategy", "term"]
    measures = performance(reference.fits, by=by).set_index(by)
    for i, strategy in enumerate(POST_STRATEGIES):
        flags = np.array(data["flags"][i])
        for k, term in enumerate(TERMS):
            rows = rows_of(reference.fits, strategy=strategy, term=term)
            assert ((flags[at(places, rows)] >> (4 + k) & 1) == (rows["p"] < 0.05)).all()
            found = rows.assign(covered=flags[at(places, rows)] >> k & 1)
            coverage = found.groupby(by)["covered"].mean()
            expected = measures["coverage"].loc[coverage.index]
            np.testing.assert_allclose(coverage, expected)
        rows = rows_of(reference.diagnostics, strategy=strategy)
        place = at(places, rows)
        assert ((flags[place] >> 8 & 1) == rows["singular"]).all()
        assert ((flags[place] >> 9 & 1) != rows["converged"]).all()
        said = [data["messages"].get(f"{i} {p}", "") for p in place]
        assert said == rows["messages"].tolist()


def test_a_place_leads_to_its_data_set_and_that_to_its_numbers(data, places):
    strategy = list(POST_STRATEGIES).index("cluster_robust")
    random = np.random.default_rng(0)
    addresses = list(places)
    for i in random.choice(len(addresses), 6, replace=False):
        n_groups, n_obs, group_sd, replication = addresses[i]
        condition = Condition(n_groups=n_groups, n_obs=n_obs, group_sd=group_sd)
        simulated = simulate(condition, seed=data["seed"], replication=replication)
        fitted = compare(simulated, strategies=["cluster_robust"])
        for k, (_, row) in enumerate(fitted.iterrows()):
            error, se = (data[name][strategy][k][i] * data["unit"] for name in ("error", "se"))
            assert row["term"] == TERMS[k]
            assert error == pytest.approx(row["estimate"] - simulated.betas[k], rel=1e-3, abs=1e-5)
            assert se == pytest.approx(row["se"], rel=1e-3, abs=1e-5)


def test_every_summary_is_that_of_the_measure(reference, data):
    """Means and Monte Carlo errors from `performance`, quartiles from pandas."""
    by = [*KEY[:3], "strategy", "term"]
    measures = performance(reference.fits, by=by).set_index(by)
    sums = reference.recovery().groupby([*KEY[:3], "strategy"])
    conditions = [key[:3] for key, _ in sums if key[3] == "mlm_full"]
    assert len(conditions) == 45
    summaries = section_of(data)["summaries"]
    for i, strategy in enumerate(POST_STRATEGIES):
        for c in (0, 7, 26, 44):
            where = (*conditions[c], strategy)
            for name in ("coef_abs_error", "se_sum", "t_sum"):
                values = sums.get_group(where)[name]
                expected = [values.mean(), values.sem(), *values.quantile([0.25, 0.5, 0.75])]
                assert summaries[name][0][i][c] == pytest.approx(expected, rel=5.1e-4)
            for k, term in enumerate(TERMS):
                known = measures.loc[(*where, term)]
                expected = [100 * known["coverage"], 100 * known["coverage_mcse"]]
                assert summaries["covered"][k][i][c] == pytest.approx(expected, rel=5.1e-4)
                expected = [known["bias"], known["bias_mcse"]]
                assert summaries["error"][k][i][c][:2] == pytest.approx(expected, rel=5.1e-4)
    said = reference.diagnostics.groupby([*KEY[:3], "strategy"])["singular"].mean()
    for c, condition in enumerate(conditions):
        shown = summaries["singular"][0][0][c][0]
        assert shown == pytest.approx(100 * said[(*condition, "mlm_full")])


def test_axes_reach_as_far_as_the_data_sets_and_hardly_further(reference, data):
    ranges = section_of(data)["ranges"]
    fits = reference.fits.assign(error=reference.fits["estimate"] - reference.fits["truth"])
    for k, term in enumerate(TERMS):
        rows = rows_of(fits, term=term)
        low, high = ranges["se"][k]
        assert low < rows["se"].min() < 1.1 * low
        assert 0.9 * high < rows["se"].max() < high
        low, high = ranges["error"][k]
        assert -low == high
        assert 0.9 * high < rows["error"].abs().max() < high


def test_intervals_reach_as_far_as_the_reference_runs(reference, data, places):
    for i, strategy in enumerate(POST_STRATEGIES):
        for k, term in enumerate(TERMS):
            rows = rows_of(reference.fits, strategy=strategy, term=term)
            place = at(places, rows)
            reach = np.array(data["reach"][i][k])[place] / 1000
            se = np.array(data["se"][i][k])[place] * data["unit"]
            np.testing.assert_allclose(reach * se, rows["ci_high"] - rows["estimate"], rtol=2e-3)


def test_strategies_look_as_everywhere_in_the_book():
    looks = strategy_looks(STRATEGIES)
    for shown, strategy in zip(looks, STRATEGIES.values(), strict=True):
        assert (shown["label"], shown["color"]) == (strategy.label, LOOKS[strategy.id].color)
    assert len({shown["shape"] for shown in looks}) == len(STRATEGIES)


def test_without_scripts_there_is_a_table_of_coverage(reference):
    html = static_view(n_groups=10, n_obs=5).data
    fits = reference.fits.query("n_groups == 10 and n_obs == 5 and group_sd == 4 and term == 'IV1'")
    known = performance(fits, by=["strategy"]).set_index("strategy")
    for strategy, row in known.iterrows():
        cell = f"{100 * row['coverage']:.0f} ({100 * row['coverage_mcse']:.1f})</td>"
        assert cell in html
        assert POST_STRATEGIES[strategy].label in html


def test_a_failed_fit_is_refused_and_becomes_no_number(reference):
    fits = reference.fits.assign(se=reference.fits["se"].where(reference.fits.index != 7))
    with pytest.raises(ValueError, match=r"here 1 rows of fits lack some; leave their data sets"):
        explorer_data(Results(fits, reference.diagnostics, reference.manifest))
