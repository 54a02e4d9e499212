"""The live pictures' own engine in Chromium, held to the batch engine and to closed forms."""

import gzip
import json
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bundle import bundle
from conftest import ROOT
from live import MODULES, live_script, picture, strategy_looks
from live_static import PICTURES
from looks import LOOKS
from scipy import stats

from mlmlearn import POST_STRATEGIES, STRATEGIES, Condition, Grid, compare, run, simulate
from mlmlearn.batch import Batch
from mlmlearn.simulation import draw_many

# A module that hands the pictures' parts to the tests.
PARTS = """
import { Data, drawData } from "./draw.js";
import { simulate } from "./numpy_random.js";
import { pooled } from "./pooling.js";
import { FIT_SIZE, Strategies } from "./strategies.js";
import { normalBelow, normalQuantile, quantile } from "./student.js";
import { LOOKS } from "./looks.js";
import { SOURCE } from "./worker_source.js";

// Fit data sets that come as { sizes, x, y }, a row after the other.
function fitAll(sets) {
  return sets.map(({ sizes, x, y }) => {
    const starts = [0];
    for (const size of sizes) starts.push(starts.at(-1) + size);
    const data = new Data(starts);
    data.x.set(x);
    data.y.set(y);
    const out = new Float64Array(FIT_SIZE);
    new Strategies(sizes.length).fit(data, out);
    return [...out].map((one) => (Number.isFinite(one) ? one : null));
  });
}

function drawAll(settings, seed, from, to) {
  const data = Data.balanced(settings.people, settings.rows);
  return Array.from({ length: to - from }, (_, i) => {
    drawData(data, settings, seed, from + i);
    return { x: [...data.x], y: [...data.y], level: [...data.level], slope: [...data.slope] };
  });
}

// Let the worker draw and fit, as the pictures do, and collect its answers.
function work(task) {
  return new Promise((done, failed) => {
    const url = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
    const worker = new Worker(url);
    const fits = [];
    worker.onerror = failed;
    worker.onmessage = ({ data }) => {
      fits.push(...data.fits);
      if (data.done) done(fits);
    };
    worker.postMessage(task);
  });
}

self.live = { drawAll, fitAll, normalBelow, normalQuantile, pooled, quantile, simulate, work };
"""
SIZE = 26  # numbers a data set
NORMAL = {"slope": 0.3, "level_sd": 1, "slope_sd": 0.5, "noise": 1}


@pytest.fixture(scope="module")
def page(chromium):
    """Give an empty page that knows the parts."""
    made = {"parts": PARTS, "looks": f"export const LOOKS = {json.dumps(strategy_looks())};\n"}
    made["worker_source"] = f"export const SOURCE = {json.dumps(bundle(MODULES, 'worker'))};\n"
    tab = chromium.new_page()
    tab.evaluate(bundle(MODULES, "parts", made))
    yield tab
    tab.close()


def ask(page, function, *arguments):
    """Call one of the parts, everything handed over as JSON."""
    return page.evaluate(f"given => live.{function}(...given)", list(arguments))


def agree(found, batch):
    """Hold what the page found to the batch engine: estimates, SEs, df, and what is singular."""
    found = np.array(found, dtype=float)
    for place, strategy in enumerate(POST_STRATEGIES):
        expected = STRATEGIES[strategy].fit(batch)
        estimate, se, df = np.moveaxis(found[:, 6 * place : 6 * place + 6].reshape(-1, 2, 3), 2, 0)
        assert np.abs((estimate - expected.estimate) / expected.se).max() < 1e-6, strategy
        np.testing.assert_allclose(se, expected.se, rtol=1e-6, err_msg=strategy)
        np.testing.assert_allclose(df, expected.df, rtol=1e-4, err_msg=strategy)
        if strategy.startswith("mlm"):
            assert (found[:, 24 + place] == expected.singular).all()
    return STRATEGIES["mlm_full"].fit(batch).singular


# The engine


@pytest.mark.parametrize(
    ("people", "rows", "level_sd", "slope_sd", "sets"),
    [
        (30, 10, 1, 0.5, 300),
        (30, 10, 1, 0, 300),  # mostly singular
        (20, 8, 0, 0, 200),  # nearly always
        (10, 5, 0.1, 0.1, 300),
        (4, 4, 1, 1, 200),
        (12, 3, 2, 0.2, 200),
        (100, 5, 0.2, 2, 100),
        (10, 60, 4, 4, 100),
    ],
)
def test_all_four_strategies_find_what_the_batch_engine_finds(
    page, people, rows, level_sd, slope_sd, sets
):
    condition = Condition(people, rows, (level_sd, slope_sd), betas=(0, 0.3))
    drawn = draw_many(condition, 11, range(sets))
    batch = Batch.of_arrays(condition.terms, 2, drawn.X, drawn.y, drawn.present, [0] * sets)
    handed = [
        {"sizes": [rows] * people, "x": x.ravel().tolist(), "y": y.ravel().tolist()}
        for x, y in zip(drawn.X[..., 1], drawn.y, strict=True)
    ]
    singular = agree(ask(page, "fitAll", handed), batch)
    if slope_sd == 0:
        assert singular.mean() > 0.3


def test_it_also_holds_far_from_zero_and_for_people_of_unequal_sizes(page):
    rng = np.random.default_rng(3)
    for shift, scale in ((0, 1), (2010, 5), (-3, 1e-3), (1e4, 100)):
        sizes = rng.integers(3, 12, 15)
        person = np.repeat(np.arange(15), sizes)
        x = shift + scale * (rng.normal(size=15)[person] + rng.normal(size=len(person)))
        y = 50 + rng.normal(size=15)[person] + 2 * x / scale + rng.normal(size=len(person))
        present = np.arange(sizes.max()) < sizes[:, None]
        X, Y = np.zeros((1, *present.shape, 2)), np.zeros((1, *present.shape))
        X[0, present], Y[0, present] = np.column_stack([np.ones_like(x), x]), y
        batch = Batch.of_arrays(("Intercept", "x"), 2, X, Y, present[None], [0])
        handed = [{"sizes": sizes.tolist(), "x": x.tolist(), "y": y.tolist()}]
        agree(ask(page, "fitAll", handed), batch)


def test_sleepstudy_has_the_published_numbers(page, sleepstudy_file):
    sizes = sleepstudy_file.groupby("Subject").size().tolist()
    (found,) = ask(
        page,
        "fitAll",
        [
            {
                "sizes": sizes,
                "x": sleepstudy_file["Days"].tolist(),
                "y": sleepstudy_file["Reaction"].tolist(),
            }
        ],
    )
    # lme4's, lmerTest's and pymer4's: estimate, SE and df of the intercept and of Days.
    known = {
        0: [251.4051, 6.8246, 17.00, 10.46729, 1.54579, 17.00],
        1: [251.4051, 9.7467, 22.81, 10.46729, 0.80422, 161],
        2: [251.4051, 6.8628, 16, 10.46729, 1.55445, 16],
        3: [251.4051, 6.8246, 17, 10.46729, 1.54579, 17],
    }
    for place, numbers in known.items():
        assert found[6 * place : 6 * place + 6] == pytest.approx(numbers, rel=2e-4)


@pytest.fixture
def sleepstudy_file():
    return pd.read_csv(ROOT / "book" / "data" / "sleepstudy.csv").sort_values(["Subject", "Days"])


@pytest.mark.parametrize("wrong", ["constant", "one row", "two people"])
def test_what_cannot_be_fitted_gives_no_numbers(page, wrong):
    rng = np.random.default_rng(0)
    sizes = {"one row": [5, 5, 1, 5], "two people": [6, 6]}.get(wrong, [5, 5, 5, 5])
    x, y = rng.normal(size=(2, sum(sizes)))
    if wrong == "constant":
        x[:5] = 2
    (found,) = ask(page, "fitAll", [{"sizes": sizes, "x": x.tolist(), "y": y.tolist()}])
    assert found == [None] * SIZE


def test_the_worker_counts_what_the_batch_engine_counts(page):
    """Ten thousand data sets of each, in other random numbers: rates agree within their errors."""
    grid = Grid(30, 10, [(1, 0.5)], betas=[(0, 0)], replications=4000)
    settings = {**NORMAL, "slope": 0, "people": 30, "rows": 10}
    task = {"task": 1, "settings": settings, "seed": 1, "first": 0, "count": 10_000}
    found = np.array(ask(page, "work", task)).reshape(-1, SIZE)
    assert len(found) == 10_000
    assert np.isfinite(found).all()
    fits = run(grid, seed=2, progress=False).fits.query("term == 'IV1'")
    for place, strategy in enumerate(POST_STRATEGIES):
        estimate, se, df = found[:, 6 * place + 3 : 6 * place + 6].T
        rejects = np.abs(estimate / se) > stats.t.ppf(0.975, df)
        theirs = fits[fits["strategy"] == strategy]
        expected = theirs["p"] < 0.05
        error = np.sqrt(rejects.var() / len(rejects) + expected.var() / len(expected))
        assert abs(rejects.mean() - expected.mean()) < 4 * error, strategy
        assert estimate.std() == pytest.approx(theirs["estimate"].std(), rel=0.06)
        assert se.mean() == pytest.approx(theirs["se"].mean(), rel=0.03)


def test_further_data_sets_are_those_of_a_longer_task(page):
    settings = {**NORMAL, "people": 8, "rows": 5}
    whole = ask(page, "work", {"task": 1, "settings": settings, "seed": 4, "first": 0, "count": 60})
    rest = ask(page, "work", {"task": 1, "settings": settings, "seed": 4, "first": 25, "count": 35})
    assert whole[25 * SIZE :] == rest
    again = ask(page, "work", {"task": 1, "settings": settings, "seed": 5, "first": 0, "count": 60})
    assert again != whole


# The data


def test_the_process_is_the_one_it_is_said_to_be(page):
    settings = {"people": 50, "rows": 6, "slope": 0.7, "level_sd": 2, "slope_sd": 0.5, "noise": 1.5}
    sets = ask(page, "drawAll", settings, 3, 0, 400)
    x, y = (np.array([one[name] for one in sets]).reshape(-1, 6) for name in "xy")
    level, slope = (np.array([one[name] for one in sets]).ravel() for name in ("level", "slope"))
    noise = (y - level[:, None] - slope[:, None] * x) / 1.5
    standard = {"x": x.ravel(), "noise": noise.ravel(), "level": level / 2}
    standard["slope"] = (slope - 0.7) / 0.5
    for name, values in standard.items():
        assert stats.kstest(values, "norm").pvalue > 1e-3, name
    pairs = [level, slope, x[:, 0], x[:, 1], noise[:, 0], noise[:, 1]]
    correlations = np.corrcoef(pairs)[np.triu_indices(len(pairs), 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(len(level))
    for one, other in pairwise(sets):
        assert one["x"] != other["x"]


def test_settings_change_what_is_made_of_the_numbers_and_not_the_numbers(page):
    few = ask(page, "drawAll", {**NORMAL, "people": 5, "rows": 4}, 9, 0, 1)[0]
    more = ask(page, "drawAll", {**NORMAL, "people": 9, "rows": 6, "noise": 2}, 9, 0, 1)[0]
    assert more["slope"][:5] == few["slope"]
    np.testing.assert_array_equal(
        np.reshape(more["x"], (9, 6))[:5, :4], np.reshape(few["x"], (5, 4))
    )


@pytest.mark.parametrize(
    ("n_groups", "n_obs", "group_sd", "seed", "replication"),
    [(10, 5, 0.1, 0, 0), (30, 25, 1, 20190213, 7), (100, 100, 4, 5, 49), (7, 3, 0, 2**52, 2**40)],
)
def test_the_page_draws_what_simulate_draws(page, n_groups, n_obs, group_sd, seed, replication):
    """The explorer's picked data sets: a hundred thousand numbers reach the ziggurat's tail."""
    simulated = simulate(Condition(n_groups, n_obs, group_sd), seed=seed, replication=replication)
    address = {"n_groups": n_groups, "n_obs": n_obs, "group_sd": group_sd}
    address |= {"seed": seed, "replication": replication}
    found = ask(page, "simulate", address)
    np.testing.assert_allclose(found["betas"], simulated.betas, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found["coefs"], simulated.group_coefs, rtol=0, atol=1e-13)
    X = np.array(found["X"]).reshape(-1, 3)
    np.testing.assert_allclose(X, simulated.data[["IV1", "IV2", "IV3"]], rtol=0, atol=1e-13)
    np.testing.assert_allclose(np.ravel(found["y"]), simulated.data["DV"], rtol=0, atol=1e-12)


# Probabilities


def test_quantiles_and_areas_are_scipys(page):
    for df in [0.05, 0.3, 0.5, 1, 1.7, 2.9, 3.1, 4, 8.5, 17, 100, 1e3, 9e4, 1.1e5, 1e8]:
        assert ask(page, "quantile", df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-7)
    for z in [-9, -3.2, -1, 0, 0.4, 2.5, 7]:
        assert ask(page, "normalBelow", z) == pytest.approx(stats.norm.cdf(z), abs=1e-14)
    for p in [0.005, 0.31, 0.5, 0.995]:
        assert ask(page, "normalQuantile", p) == pytest.approx(stats.norm.ppf(p), abs=1e-12)


def test_lines_slide_from_complete_to_no_pooling(page):
    rng = np.random.default_rng(8)
    people = [rng.normal(size=(n, 2)) for n in (4, 1, 6, 3)]
    handed = [[{"x": x, "y": y} for x, y in rows.tolist()] for rows in people]
    x, y = np.concatenate(people).T
    ols = np.linalg.lstsq(np.column_stack([np.ones_like(x), x]), y)[0]
    complete = ask(page, "pooled", handed, 0, 0.7)
    np.testing.assert_allclose([complete["average"], *complete["lines"]], [ols] * 5)
    # Henderson's equations, with every row.
    sd, noise = 0.6, 0.7
    design = [np.column_stack([np.ones(len(rows)), rows[:, 0]]) for rows in people]
    weights = [np.linalg.inv(sd**2 * X @ X.T + noise**2 * np.eye(len(X))) for X in design]
    together = list(zip(design, weights, people, strict=True))
    information = sum(X.T @ W @ X for X, W, _ in together)
    beta = np.linalg.solve(information, sum(X.T @ W @ rows[:, 1] for X, W, rows in together))
    found = ask(page, "pooled", handed, sd, noise)
    np.testing.assert_allclose(found["average"], beta)
    for (X, W, rows), line in zip(together, found["lines"], strict=True):
        np.testing.assert_allclose(line, beta + sd**2 * X.T @ W @ (rows[:, 1] - X @ beta))
    # None of a person with one dot where there is no pooling, and the limit for the others.
    none = page.evaluate("given => live.pooled(given, Infinity, 0.7).lines", handed)
    assert none[1] is None
    near = ask(page, "pooled", handed, 1e5, 0.7)["lines"]
    for j in (0, 2, 3):
        np.testing.assert_allclose(near[j], none[j], rtol=1e-5, atol=1e-7)


# The script and the places


def test_strategies_look_as_everywhere_in_the_book():
    for shown, strategy in zip(strategy_looks(), POST_STRATEGIES.values(), strict=True):
        assert (shown["id"], shown["label"]) == (strategy.id, strategy.label)
        assert shown["color"] == LOOKS[strategy.id].color
    assert len({shown["shape"] for shown in strategy_looks()}) == len(POST_STRATEGIES)


def test_the_script_is_light_and_asks_no_other_host():
    script = live_script()
    assert len(gzip.compress(script.encode())) < 50_000
    assert "//cdn" not in script
    assert [url for url in script.split('"') if url.startswith("http")] == [
        "http://www.w3.org/2000/svg"
    ]


def test_a_module_that_is_not_understood_is_refused(tmp_path):
    (tmp_path / "one.js").write_text('import all from "./two.js";\n')
    with pytest.raises(ValueError, match="imports or exports in a way"):
        bundle(tmp_path, "one")


@pytest.mark.parametrize("name", PICTURES)
def test_a_place_holds_a_static_picture_with_words(name):
    html = picture(name).data
    assert f'data-picture="{name}"' in html
    assert "data-large" in picture(name, large=True).data
    assert 'src="data:image/svg+xml;base64,' in html
    for words in (PICTURES[name].alt, PICTURES[name].to_try, PICTURES[name].caption):
        assert len(words) > 60
        assert words.endswith(".")


def test_the_line_in_python_is_one_that_works():
    line = (
        "compare(simulate(Condition(n_groups=20, n_obs=10, group_sd=(0.5, 0.5), "
        "betas=(0, 0.5), noise_sd=1), seed=1))"
    )
    found = eval(line, {"compare": compare, "simulate": simulate, "Condition": Condition})
    assert set(found["term"]) == {"Intercept", "IV1"}


def test_the_static_pictures_show_what_their_words_say():
    def title(ax):
        return ax.get_title(loc="left") or ax.get_title()

    misses = [int(title(ax).split()[-2]) for ax in PICTURES["dance"].draw().axes]
    assert misses[1] > max(misses[0], *misses[2:])
    (fan, hill) = PICTURES["fan"].draw().axes
    falling = sum(line.get_linestyle() == "--" for line in fan.lines)
    assert 25 < falling < 40
    assert title(hill) == f"{falling} of 100 fall"
    heights = [bar.get_height() for bar in PICTURES["spend"].draw().axes[0].patches]
    sampling, between = np.split(np.array(heights), 2)
    assert np.ptp(sampling) == 0
    assert (np.diff(between) < 0).all()
    as_it_is, centred = (
        [line.get_xdata()[0] for line in ax.lines if line.get_marker() != "None"]
        for ax in PICTURES["level"].draw().axes
    )
    robust = [*reversed(POST_STRATEGIES)].index("cluster_robust")
    assert as_it_is[robust] > 0.9
    assert max(np.abs(np.array(centred) - 0.5)) < 0.12
    everyone, pulled, own = (
        np.ptp(line.get_ydata())
        for line in PICTURES["pull"].draw().axes[0].lines
        if len(line.get_xdata()) == 2
    )
    assert everyone < pulled < own
    plt.close("all")
