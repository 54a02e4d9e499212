"""The verdicts of the chapter `conclusions`, over the reference run."""

import re
from pathlib import Path

import numpy as np
import pytest
from claims import above, alike, below, judge

from mlmlearn import Results, load_reference

VERDICTS = {
    "much_data": "holds",
    "people": "holds",
    "few_observations": "holds with limits",
    "medium": "holds",
    "many_observations": "holds",
    "variance": "holds with limits",
    "two_stage": "holds with limits",
    "random_intercept": "holds",
    "same_inference": "holds with limits",
    "failures": "holds with limits",
    "never_fails": "holds with limits",
}


@pytest.fixture(scope="module")
def reference():
    return load_reference()


@pytest.fixture(scope="module")
def claims(reference):
    return judge(reference)


@pytest.mark.parametrize("name", VERDICTS)
def test_a_claim_has_the_verdict_that_the_chapter_explains(claims, name):
    assert claims[name].verdict == VERDICTS[name], claims[name]


def test_the_chapter_takes_up_every_claim(claims):
    assert set(claims) == set(VERDICTS)
    text = (Path(__file__).parent.parent / "book/conclusions.md").read_text(encoding="utf-8")
    for name, claim in claims.items():
        assert f"**{claim.text}** *{{glue:text}}`verdict_{name}`.*" in text


def renamed(results, first, second):
    """Exchange the names of two strategies."""
    names = {first: second, second: first}
    tables = [
        table.assign(strategy=table["strategy"].replace(names))
        for table in (results.fits, results.diagnostics)
    ]
    return Results(*tables, results.manifest)


@pytest.mark.parametrize(
    ("first", "second", "broken"),
    [
        ("mlm_full", "two_stage", {"few_observations", "two_stage", "failures", "same_inference"}),
        ("mlm_intercept", "mlm_full", {"random_intercept", "never_fails", "same_inference"}),
        ("cluster_robust", "two_stage", {"two_stage", "few_observations"}),
    ],
)
def test_a_claim_about_a_strategy_fails_for_another(reference, first, second, broken):
    found = judge(renamed(reference, first, second))
    assert {name for name in broken if found[name].verdict != "does not hold"} == set()


def test_the_claim_about_people_fails_when_people_and_observations_are_exchanged(reference):
    sizes = dict(zip((10, 30, 100), (5, 25, 100), strict=True))
    back = {value: key for key, value in sizes.items()}
    tables = [
        table.assign(n_groups=table["n_obs"].map(back), n_obs=table["n_groups"].map(sizes))
        for table in (reference.fits, reference.diagnostics)
    ]
    found = judge(Results(*tables, reference.manifest))
    assert found["people"].verdict == "does not hold"


def test_without_certainty_nothing_is_larger_and_nothing_alike():
    assert above(1, 0.3).holds
    assert not above(1, 0.4).holds
    assert below(-1, 0.3).holds
    assert not below(-1, 0.4).holds
    assert alike(2, 2).holds
    assert not alike(2, 3).holds


def test_the_numbers_are_those_of_the_rows(reference, claims):
    """Three of them by other means: loops over the rows, and no logarithms of sums."""
    fits = reference.fits.query("n_groups == 30 and n_obs == 25")
    ratios = []
    for _, rows in fits.groupby(["group_sd", "replication"]):
        error = {
            name: sum(abs(e - t) for e, t in zip(r["estimate"], r["truth"], strict=True))
            for name, r in rows.groupby("strategy")
        }
        ratios.append(error["cluster_robust"] / error["mlm_full"])
    typical = np.prod(np.array(ratios) ** (1 / len(ratios)))
    assert claims["medium"].core["worse"].value == pytest.approx(100 * (typical - 1), rel=1e-9)

    decided = {
        name: (reference.fits.query("strategy == @name")["p"] < 0.05).to_numpy()
        for name in ("cluster_robust", "mlm_full")
    }
    same = 100 * np.mean(decided["cluster_robust"] == decided["mlm_full"])
    assert claims["same_inference"].core["decisions"].value == pytest.approx(same, rel=1e-9)

    singular = reference.diagnostics.query("strategy == 'mlm_full'")
    few, many = (singular[singular["n_obs"] == n]["singular"].mean() for n in (5, 100))
    found = claims["failures"].core["observations"]
    assert found.value == pytest.approx(100 * (few - many), rel=1e-9)
    assert found.mcse == pytest.approx(
        100 * np.sqrt(few * (1 - few) / 750 + many * (1 - many) / 750), rel=1e-9
    )


def test_no_verdict_is_written_by_hand():
    text = (Path(__file__).parent.parent / "book/conclusions.md").read_text(encoding="utf-8")
    after = text[text.index("## Finding the truth") : text.index("## A guide to choosing")]
    assert not re.search(r"\*(holds|does not hold)", after)
