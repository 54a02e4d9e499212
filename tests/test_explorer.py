"""The explorer's data: the reference run once more, rounded, and addressed rightly."""

import json

import numpy as np
import pytest
from explorer import explorer_data, static_view
from looks import LOOKS

from mlmlearn import (
    POST_STRATEGIES,
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
    found, place = {}, 0
    for n_groups in data["levels"]["n_groups"]:
        for n_obs in data["levels"]["n_obs"]:
            for group_sd in data["levels"]["group_sd"]:
                for replication in range(data["replications"]):
                    found[n_groups, n_obs, group_sd, replication] = place
                    place += 1
    return found


def rows_of(table, **wanted):
    return table.loc[np.logical_and.reduce([table[name] == v for name, v in wanted.items()])]


def at(places, table):
    return [places[tuple(row)] for row in table[KEY].itertuples(index=False)]


def test_every_number_is_the_reference_runs_to_four_digits(reference, data, places):
    assert [s["id"] for s in data["strategies"]] == list(POST_STRATEGIES)
    for i, strategy in enumerate(POST_STRATEGIES):
        for k, term in enumerate(data["terms"]):
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
        for k, term in enumerate(data["terms"]):
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
            assert row["term"] == data["terms"][k]
            assert error == pytest.approx(row["estimate"] - simulated.betas[k], rel=1e-3, abs=1e-5)
            assert se == pytest.approx(row["se"], rel=1e-3, abs=1e-5)


def test_strategies_look_as_everywhere_in_the_book(data):
    for shown, strategy in zip(data["strategies"], POST_STRATEGIES.values(), strict=True):
        assert (shown["label"], shown["color"]) == (strategy.label, LOOKS[strategy.id].color)
    assert len({shown["shape"] for shown in data["strategies"]}) == len(POST_STRATEGIES)


def test_without_scripts_there_is_a_table_of_medians(reference):
    html = static_view(n_groups=10, n_obs=5).data
    sums = reference.recovery().query("n_groups == 10 and n_obs == 5 and group_sd == 4")
    for strategy, rows in sums.groupby("strategy"):
        assert f"{rows['coef_abs_error'].median():.3g}</td>" in html
        assert POST_STRATEGIES[strategy].label in html


def test_a_failed_fit_is_refused_and_becomes_no_number(reference):
    fits = reference.fits.assign(se=reference.fits["se"].where(reference.fits.index != 7))
    with pytest.raises(ValueError, match=r"here 1 rows of fits lack some; leave their data sets"):
        explorer_data(Results(fits, reference.diagnostics, reference.manifest))
