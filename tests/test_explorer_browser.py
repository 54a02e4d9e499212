"""The explorer's page in headless Chromium: by mouse, by keyboard, on a phone, without scripts."""

import gzip
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser import PHONE, WATCHDOG, barriers
from looks import LOOKS
from study import Study, load_study, names
from test_palette import CONTRAST, contrast, rgb

from mlmlearn import (
    POST_STRATEGIES,
    STRATEGIES,
    Condition,
    compare,
    load_reference,
    performance,
    simulate,
)

WIDE = (1400, 900)
LABELS = {strategy.label: strategy.id for strategy in POST_STRATEGIES.values()}
POINTS = "#explorer-plot svg g.points_marks path"
ERRORS = "measure=coef_abs_error&n_groups=30&n_obs=25&group_sd=all"


@pytest.fixture
def open_page(address, browse):
    """Open the page with a view."""

    def open_it(view="", *, path="book/explorer.html", size=WIDE, **how):
        page = browse(f"{address}{path}#{view}", size=size, motion="no-preference", **how)
        if path.startswith("book/") and how.get("javascript", True):
            page.wait_for_selector(POINTS)
        return page

    return open_it


def complaints(page):
    return [text for kind, text in page.said if kind in ("error", "warning")]


@contextmanager
def redrawn(page):
    """Wait until what is done here has led to a new plot, which takes longer than the rest."""
    page.evaluate(
        "for (const old of document.querySelectorAll('#explorer-plot :is(svg, .explorer-empty)'))"
        " { old.dataset.old = ''; old.classList.remove('explorer-empty'); }"
    )
    yield
    # Or to words, where a view has no numbers.
    fresh = POINTS.replace("svg", "svg:not([data-old])") + ", .explorer-empty"
    page.wait_for_selector(fresh, state="attached")


@pytest.fixture(scope="module")
def sums():
    return load_reference().recovery()


def points(page):
    """Give the points that are drawn: row, strategy, place and value of each."""
    return page.eval_on_selector_all(POINTS, "all => all.map(p => p.__data__.datum)")


def view_table(page):
    """Read the table of the view: header and rows, as text."""
    table = page.locator("section[aria-label='The view as a table'] table").first
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tr").all()]
    return rows[0], rows[1:]


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def choose(page, group, value):
    page.locator(f"input[name='explorer-{group}'][value='{value}']").check(force=True)


def code(page, label="Draw it again"):
    return page.locator(".live-line", has_text=label).locator("code").inner_text()


def picked(page):
    """Evaluate the line that draws the picked data set."""
    return eval(code(page), {"simulate": simulate, "Condition": Condition})


def reference_row(sums, simulated, strategy):
    condition = simulated.condition
    found = sums.query(
        f"n_groups == {condition.n_groups} and n_obs == {condition.n_obs} and "
        f"group_sd == {condition.group_sd} and replication == {simulated.replication}"
    )
    return found.set_index("strategy").loc[strategy]


def assert_the_card_is_right(page, sums, chosen, measure):
    """Compare the point with the reference run and the card with a fit of its line's data."""
    simulated = picked(page)
    row = reference_row(sums, simulated, chosen["strategy"])
    assert chosen["value"] == pytest.approx(row[measure], rel=2e-3)
    fitted = eval(
        code(page, "Fit all four strategies"),
        {"compare": compare, "simulate": simulate, "Condition": Condition},
    )
    for strategy in ("cluster_robust", "two_stage"):
        mine = fitted[fitted["strategy"] == strategy]
        label = POST_STRATEGIES[strategy].label
        cells = page.locator(".explorer-card tr", has_text=label).first.locator("td")
        shown = [number(text) for text in cells.all_inner_texts()[:3]]
        errors = (mine["estimate"].to_numpy() - simulated.betas).__abs__().sum()
        expected = [errors, mine["se"].sum(), mine["t"].abs().sum()]
        assert shown == pytest.approx(expected, rel=6e-3)


def test_the_plot_and_the_table_show_the_reference_run(open_page, sums):
    page = open_page(ERRORS)
    here = sums.query("n_groups == 30 and n_obs == 25")
    drawn = points(page)
    assert len(drawn) == len(here) == 1000
    for strategy, rows in here.groupby("strategy"):
        values = sorted(p["value"] for p in drawn if p["strategy"] == strategy)
        assert values == pytest.approx(sorted(rows["coef_abs_error"]), rel=2e-3)
    head, rows = view_table(page)
    assert head[2:] == ["Data sets", "Lower quartile", "Median", "Upper quartile", "Mean",
                        "MCSE of the mean"]  # fmt: skip
    assert len(rows) == 20
    for sd, label, n, *numbers in rows:
        values = here.query(f"group_sd == {sd} and strategy == '{LABELS[label]}'")["coef_abs_error"]
        expected = [*values.quantile([0.25, 0.5, 0.75]), values.mean(), values.sem()]
        assert int(n) == len(values)
        assert [number(text) for text in numbers] == pytest.approx(expected, rel=6e-3)


def test_every_control_changes_plot_table_and_address(open_page, sums):
    page = open_page(ERRORS)
    page.select_option("#explorer-measure", "se_sum")
    choose(page, "n_groups", "10")
    choose(page, "n_obs", "5")
    choose(page, "group_sd", "0.25")
    page.locator("input[value='mlm_intercept']").uncheck()
    page.wait_for_function(f"document.querySelectorAll('{POINTS}').length === 150")
    chosen = {name: [] for name in POST_STRATEGIES if name != "mlm_intercept"}
    for point in points(page):
        chosen[point["strategy"]].append(point["value"])
    here = sums.query("n_groups == 10 and n_obs == 5 and group_sd == 0.25").groupby("strategy")
    for strategy, values in chosen.items():
        assert sorted(values) == pytest.approx(sorted(here.get_group(strategy)["se_sum"]), rel=2e-3)
    _, rows = view_table(page)
    assert [row[0] for row in rows] == [POST_STRATEGIES[name].label for name in chosen]
    assert "10 people, 5 observations each, between-person SD 0.25" in page.inner_text(
        "#explorer-app"
    )
    for part in ("measure=se_sum", "n_groups=10", "n_obs=5", "group_sd=0.25", "two_stage"):
        assert part in urlsplit(page.url).fragment
    assert "mlm_intercept" not in page.url
    # The address alone gives the same view.
    again = open_page(urlsplit(page.url).fragment)
    assert points(again) == points(page)
    # Nothing chosen is said in words.
    for name in chosen:
        page.locator(f"input[value='{name}']").uncheck()
    assert "Choose at least one strategy" in page.inner_text("#explorer-plot")


def test_one_dimension_at_a_time_lies_side_by_side(open_page):
    page = open_page(ERRORS)
    choose(page, "n_groups", "all")
    page.wait_for_function(f"document.querySelectorAll('{POINTS}').length === 600")
    head, rows = view_table(page)
    assert (head[0], [row[0] for row in rows[::4]]) == ("People", ["10", "30", "100"])
    assert not page.is_checked("input[name='explorer-group_sd'][value='all']")


def test_the_axis_stays_until_the_reader_zooms(open_page):
    def x_of(page):
        path = page.locator(POINTS).first
        return path.bounding_box()["x"]

    page = open_page("measure=se_sum&n_groups=100&n_obs=100&group_sd=0.1")
    before = x_of(page)
    with redrawn(page):
        choose(page, "n_obs", "25")
    moved = x_of(page)
    assert before < moved < before + 200  # on the same logarithmic axis
    with redrawn(page):
        page.check("input[name='explorer-zoom']")
    boxes = [path.bounding_box()["x"] for path in page.locator(POINTS).all()]
    plot = page.locator("#explorer-plot").bounding_box()
    assert max(boxes) - min(boxes) > 0.6 * plot["width"]


def test_it_opens_on_coverage_with_intervals_that_cross_the_truth_or_not(open_page):
    page = open_page()
    assert page.input_value("#explorer-measure") == "covered"
    fits = load_reference().fits.query(
        "n_groups == 30 and n_obs == 25 and group_sd == 1 and term == 'IV1'"
    )
    drawn = points(page)
    assert len(drawn) == 200
    for strategy, rows in fits.groupby("strategy"):
        mine = sorted((p for p in drawn if p["strategy"] == strategy), key=lambda p: p["place"])
        rows = rows.sort_values("replication")
        for name, column in (("low", "ci_low"), ("high", "ci_high")):
            known = rows[column] - rows["truth"]
            assert [p[name] for p in mine] == pytest.approx(known.tolist(), abs=2e-3)
        holds = rows["truth"].between(rows["ci_low"], rows["ci_high"])
        assert [bool(p["value"]) for p in mine] == holds.tolist()
        # Those that miss have another shape and the page's ink.
        assert f"{100 * holds.mean():.0f} % yes (MCSE" in page.text_content("#explorer-plot svg")
    shapes = page.eval_on_selector_all(
        POINTS, "all => all.map(p => [!p.__data__.datum.value, p.getAttribute('d').includes('A')])"
    )
    assert all(missed != round for missed, round in shapes)
    # Nothing is said of an estimate that is not in the row.
    page.focus("#explorer-plot")
    page.keyboard.press("ArrowRight")
    said = page.inner_text("[role=status]")
    value, low, high = re.search(r"(?:yes|no), (\S+) \[(\S+), (\S+)\]", said).groups()
    assert number(low) < number(value) < number(high)


def test_a_picked_data_set_is_drawn_from_the_same_random_numbers(open_page):
    page = open_page("measure=covered&coefficient=IV2&n_groups=10&n_obs=5&group_sd=1&data=10,5,1,3")
    simulated = picked(page)
    dots = page.locator(".explorer-card .live-dot")
    dots.first.wait_for()
    assert dots.count() == len(simulated.data) == 50
    x, y = ([float(dot.get_attribute(name)) for dot in dots.all()] for name in ("cx", "cy"))
    # Pixels go with the data in a straight line, so nothing but the rows themselves would fit.
    for pixels, column in ((x, "IV2"), (y, "DV")):
        assert abs(np.corrcoef(pixels, simulated.data[column])[0, 1]) > 1 - 1e-9
    assert page.locator(".explorer-card .live-person").count() == 10
    assert page.locator(".explorer-card .explorer-estimate").count() == 4


def test_a_drawing_that_fails_says_so(open_page):
    page = open_page(ERRORS)
    page.evaluate("() => { vegaEmbed = async () => { throw new Error('no ink left') } }")
    page.select_option("#explorer-measure", "se_sum")
    page.get_by_text("This view could not be drawn (no ink left)").first.wait_for()
    assert len(view_table(page)[1]) == 20
    assert any("no ink left" in said for said in complaints(page))


def test_a_rate_stands_beside_its_monte_carlo_error(open_page):
    page = open_page("measure=covered&coefficient=IV2&n_groups=30&n_obs=25&group_sd=all")
    fits = load_reference().fits.query("n_groups == 30 and n_obs == 25 and term == 'IV2'")
    known = performance(fits, by=["group_sd", "strategy"]).set_index(["group_sd", "strategy"])
    head, rows = view_table(page)
    assert head[3:] == ["Rate, %", "MCSE", "Rate in 2000 others, %", "MCSE"]
    study = load_study("post_grid", part="grid").query(
        "n_groups == 30 and n_obs == 25 and term == 'IV2'"
    )
    others = study.set_index(["group_sd", "strategy"])
    for sd, label, _, rate, mcse, *further in rows:
        row = others.loc[(float(sd), LABELS[label])]
        expected = [100 * row["coverage"], 100 * row["coverage_mcse"]]
        assert [float(text) for text in further] == pytest.approx(expected, abs=0.06)
        expected = known.loc[(float(sd), LABELS[label])]
        assert float(rate) == pytest.approx(100 * expected["coverage"], abs=0.5)
        assert float(mcse) == pytest.approx(100 * expected["coverage_mcse"], abs=0.06)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_click_tells_which_data_set_it_is_and_how_to_draw_it_again(open_page, sums, size):
    page = open_page("measure=t_sum&n_groups=10&n_obs=5&group_sd=all&zoom=1", size=size)
    drawn = points(page)
    # The last points of rows lie at no other point's place only by chance, so take extremes.
    for strategy in ("mlm_full", "two_stage"):
        at = max(
            (i for i, p in enumerate(drawn) if p["strategy"] == strategy),
            key=lambda i: drawn[i]["value"],
        )
        path = page.locator(POINTS).nth(at)
        path.scroll_into_view_if_needed()
        box = path.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        wanted = drawn[at]["place"] % 50
        line = page.locator(".live-line", has_text="Draw it again").locator("code")
        line.filter(has_text=f"replication={wanted})").wait_for()
        assert picked(page).replication == wanted
        assert_the_card_is_right(page, sums, drawn[at], "t_sum")
    assert "Picked replication" in page.inner_text("[role=status]")


def test_all_of_it_works_by_keyboard(open_page, sums):
    page = open_page(ERRORS)
    page.focus("#explorer-measure")
    with redrawn(page):
        page.keyboard.press("ArrowDown")  # the next measure
    page.keyboard.press("Tab")
    with redrawn(page):
        page.keyboard.press("ArrowLeft")  # from 30 people to 10
    assert page.is_checked("input[name='explorer-n_groups'][value='10']")
    assert "Sum of standard errors: 10 people" in page.inner_text("[role=status]")
    seen = []
    while page.evaluate("document.activeElement.id") != "explorer-plot":
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.name || document.activeElement.id"))
        assert len(seen) < 12, seen
    assert {"explorer-n_obs", "explorer-group_sd", "explorer-strategies"} <= set(seen)
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2

    # From the middle of the first row to its end, then two rows down.
    for key in ("ArrowRight", "End", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    said = page.inner_text("[role=status]")
    label, sd, replication, value = re.match(
        r"(.*), between-person SD (\S+), replication (\d+): (\S+)", said
    ).groups()
    assert (label, sd) == ("Cluster-robust OLS", "0.1")
    page.keyboard.press("Enter")
    assert picked(page).replication == int(replication)
    assert picked(page).condition == Condition(n_groups=10, n_obs=25, group_sd=0.1)
    row = reference_row(sums, picked(page), "cluster_robust")
    assert float(value) == pytest.approx(row["se_sum"], rel=6e-3)
    assert_the_card_is_right(
        page, sums, {"strategy": LABELS[label], "value": row["se_sum"]}, "se_sum"
    )

    while page.evaluate("document.activeElement.textContent") != "Copy":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # Asked more often than the button takes to forget it.
    page.wait_for_function("document.activeElement.textContent === 'Copied'", polling=50)
    assert page.evaluate("navigator.clipboard.readText()") == code(page)
    page.focus("#explorer-plot")
    page.keyboard.press("Escape")
    assert "None is picked yet" in page.inner_text(".explorer-card")


def test_the_end_of_a_row_is_its_largest_value(open_page, sums):
    page = open_page("measure=coef_abs_error&n_groups=10&n_obs=100&group_sd=2")
    page.focus("#explorer-plot")
    for key, best in (("End", "idxmax"), ("Home", "idxmin")):
        page.keyboard.press("ArrowRight")
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        rows = sums.query("n_groups == 10 and n_obs == 100 and group_sd == 2")
        rows = rows.query("strategy == 'mlm_full'").set_index("replication")["coef_abs_error"]
        assert picked(page).replication == getattr(rows, best)()


def test_the_table_of_data_sets_picks_too(open_page, sums):
    page = open_page("measure=coef_abs_error&n_groups=30&n_obs=5&group_sd=all")
    page.click("summary:has-text('Every data set of this view')")
    rows = page.locator("details tbody tr")
    rows.last.wait_for()  # they are made once the browser has told that the details opened
    assert rows.count() == 250
    row = rows.nth(2 * 50 + 17)
    shown = row.locator("td").all_inner_texts()
    row.locator("button").click()
    simulated = picked(page)
    assert simulated.condition == Condition(n_groups=30, n_obs=5, group_sd=1)
    assert simulated.replication == 17
    assert shown[0] == "1"
    for text, strategy in zip(shown[1:], POST_STRATEGIES, strict=True):
        expected = reference_row(sums, simulated, strategy)["coef_abs_error"]
        assert float(text) == pytest.approx(expected, rel=6e-3)
    # The button that was pressed keeps the focus.
    assert page.evaluate("document.activeElement.textContent") == "17"


def test_the_card_shows_what_lme4_said(open_page):
    diagnostics = load_reference().diagnostics
    row = diagnostics[diagnostics["messages"].str.contains("lmerTest")].iloc[5]
    where = f"{row['n_groups']},{row['n_obs']},{row['group_sd']:g},{row['replication']}"
    page = open_page(f"measure=singular&data={where}")
    card = page.inner_text(".explorer-card")
    assert row["messages"] in card
    assert "singular" in card


def test_the_suggested_views_open_and_back_returns(open_page):
    page = open_page("measure=se&coefficient=IV3&n_groups=10&n_obs=5&group_sd=1")
    before = page.inner_text(".explorer-title")
    links = page.locator("a[data-view]")
    assert links.count() >= 3
    for link in links.all():
        link.click()
        wanted = dict(part.split("=") for part in link.get_attribute("data-view").split("&"))
        page.wait_for_function(
            "study => document.querySelector('#explorer-study').value === study",
            arg=wanted.get("study", "reference"),
        )
        assert page.input_value("#explorer-measure") == wanted["measure"]
        for name in {"n_groups", "n_obs", "group_sd", "level_sd", "slope_sd"} & wanted.keys():
            assert page.is_checked(f"input[name='explorer-{name}'][value='{wanted[name]}']")
        assert page.inner_text(".explorer-title") != before
    for _ in range(links.count()):
        page.go_back()
    page.wait_for_function(
        "title => document.querySelector('.explorer-title').innerText === title", arg=before
    )


VIEWS = [
    "measure=se_sum&n_groups=100&n_obs=100&group_sd=all&data=100,100,2,37",
    "measure=covered&coefficient=IV1&n_groups=10&n_obs=5&group_sd=1&data=10,5,1,3",
    "study=within_between&part=level&measure=error&n_obs=5&ingredients=all",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_anyone_can_use_it_in_both_themes_and_on_a_phone(open_page, size, theme):
    for view in VIEWS:
        page = open_page(view, size=size, theme=theme)
        if "study" not in view:
            page.click("summary:has-text('Every data set of this view')")
            page.locator("details tbody tr").last.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        drawn = page.locator("#explorer-plot svg").first.bounding_box()
        assert drawn["x"] >= 0
        assert drawn["x"] + drawn["width"] <= size[0]
        assert not barriers(page, "#explorer-app")


def test_the_plot_follows_the_theme_at_once(open_page):
    page = open_page(theme="light")
    fill = "getComputedStyle(document.querySelector('#explorer-plot svg text')).fill"
    dark_on_light = page.evaluate(fill)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    light_on_dark = page.evaluate(fill)
    brightness = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (dark_on_light, light_on_dark)]
    assert brightness[0] < 200
    assert brightness[1] > 550


def test_strategies_differ_in_shape_and_colour(open_page):
    page = open_page("measure=coef_abs_error&n_groups=10&n_obs=5&group_sd=1")
    drawn = page.eval_on_selector_all(
        POINTS,
        "all => all.map(p => [p.__data__.datum.strategy, getComputedStyle(p).fill,"
        " p.getAttribute('d').replace(/[\\d.,e-]+/g, '#')])",
    )
    looks = {strategy: (fill, path) for strategy, fill, path in drawn}
    assert {s: hexadecimal(fill) for s, (fill, _) in looks.items()} == {
        name: LOOKS[name].color.lower() for name in POST_STRATEGIES
    }
    # Square and diamond are both made of straight lines, so three outlines in all.
    assert len({path for _, path in looks.values()}) >= 3


def hexadecimal(color):
    """Write a computed colour, rgb(1, 2, 3), as LOOKS does."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", color)[:3])


def test_strategies_stand_out_in_the_dark_theme(open_page):
    page = open_page(ERRORS, theme="dark")
    page.wait_for_selector(POINTS)
    fills = set(page.eval_on_selector_all(POINTS, "all => all.map(p => getComputedStyle(p).fill)"))
    assert len(fills) == len(POST_STRATEGIES)
    for fill in fills:
        assert contrast(rgb(hexadecimal(fill)), rgb("#121212")) >= CONTRAST


def test_nothing_comes_from_elsewhere_and_the_page_is_light(open_page, address, site_folder):
    page = open_page(cold=True)
    host = urlsplit(address).netloc
    assert {urlsplit(response.url).netloc for response in page.responses} == {host}
    sizes = {urlsplit(r.url).path: len(gzip.compress(r.body())) for r in page.responses}
    assert sum(sizes.values()) < 2_000_000
    own = {path: n for path, n in sizes.items() if re.search(r"explorer|vega", path)}
    assert len(own) == 5  # the page, the library, the data, the script, its look
    assert sum(own.values()) < 600_000
    # Studies come when they are chosen, and each is small.
    studies = list((site_folder / "_static").glob("explorer-*.js"))
    assert len(studies) == 1 + len(names())
    for path in studies:
        assert path.name == "explorer-data.js" or len(gzip.compress(path.read_bytes())) < 60_000
    # Other pages do not pay for it.
    other = open_page(path="search.html")
    assert not [r.url for r in other.responses if re.search(r"explorer|vega", r.url)]


def test_the_explorer_complains_about_nothing(open_page):
    # What the theme says on a page without an explorer is not the explorer's.
    themes = set(complaints(open_page(path="search.html")))
    for view in ("", "measure=nonsense&n_groups=7&data=1,2,3,4", "measure=%E0%A4%A"):
        assert set(complaints(open_page(view))) <= themes
    for view in VIEWS:
        page = open_page(view)
        for measure in page.eval_on_selector_all(
            "#explorer-measure option", "o => o.map(e => e.value)"
        ):
            if measure != page.input_value("#explorer-measure"):
                with redrawn(page):
                    page.select_option("#explorer-measure", measure)
        assert set(complaints(page)) <= themes


def test_it_works_when_its_file_is_opened_from_the_disk(chromium, site_folder):
    page = chromium.new_page()
    page.set_default_timeout(WATCHDOG)
    page.goto((site_folder / "book" / "explorer.html").as_uri())
    page.wait_for_selector(POINTS)
    with redrawn(page):
        page.select_option("#explorer-study", "dropout")
    page.close()


# ---- Stored studies --------------------------------------------------------------------------

RATES = "study=error_rates&part=main&measure=type_1_error&coefficient=IV1&n_groups=10&n_obs=30"


def test_a_chosen_study_shows_what_is_stored(open_page):
    page = open_page()
    assert not [r.url for r in page.responses if "error_rates" in r.url]
    with redrawn(page):
        page.select_option("#explorer-study", "error_rates")
    assert len([r.url for r in page.responses if "error_rates" in r.url]) == 1
    with redrawn(page):
        page.select_option("#explorer-measure", "type_1_error")
    for key, value in (("n_groups", "10"), ("n_obs", "30")):
        with redrawn(page):
            choose(page, key, value)
    assert RATES in page.url
    stored = load_study("error_rates", part="main").query(
        "n_groups == 10 and n_obs == 30 and level_sd == 1"
    )
    known = stored.set_index(["slope_sd", "strategy"])
    drawn = points(page)
    assert len(drawn) == len(known) == 30
    for point in drawn:
        sd = float(re.search(r"slopes with SD (\S+)", point["panel"]).group(1))
        row = known.loc[(sd, point["strategy"])]
        assert point["mean"] == pytest.approx(100 * row["type_1_error"], rel=1e-3)
        bar = [(point["mean"] + sign * 1.96 * point["mcse"]) for sign in (-1, 1)]
        assert [max(bar[0], 0), bar[1]] == pytest.approx([point["from"], point["to"]])
    labels = {strategy.label: strategy.id for strategy in STRATEGIES.values()}
    head, rows = view_table(page)
    assert head == ["SD of slopes", "Strategy", "Data sets", "Rate, %", "MCSE"]
    for sd, label, n, rate, mcse in rows:
        row = known.loc[(float(sd), labels[label])]
        assert int(n) == row["n"] == 4000
        expected = [100 * row["type_1_error"], 100 * row["type_1_error_mcse"]]
        assert [float(rate), float(mcse)] == pytest.approx(expected, abs=0.06)
    # What is not there is said, and not offered.
    text = page.inner_text("#explorer-app")
    assert "This study keeps no single data sets" in text
    assert "Every data set of this view" not in text
    # The address alone gives the same view, and there is a way back.
    assert points(open_page(urlsplit(page.url).fragment)) == drawn
    with redrawn(page):
        page.select_option("#explorer-study", "reference")
    assert "study" not in page.url
    assert len(points(page)) == 200


def test_a_mark_of_a_study_leads_to_its_condition_by_keyboard_and_by_mouse(open_page):
    page = open_page(RATES + "&level_sd=1&slope_sd=all")
    page.focus("#explorer-plot")
    # From the full model at a slope SD of 0 down to the next level.
    for _ in range(1 + 5):
        page.keyboard.press("ArrowDown")
    said = page.inner_text("[role=status]")
    row = load_study("error_rates", part="main").query(
        "n_groups == 10 and n_obs == 30 and level_sd == 1 and slope_sd == 0.1"
    )
    row = row.set_index("strategy").loc["mlm_full"]
    rate, mcse = (100 * row[name] for name in ("type_1_error", "type_1_error_mcse"))
    assert said == f"Full multilevel, slopes with SD 0.1: {rate:.1f} % (MCSE {mcse:.1f})"
    page.keyboard.press("Enter")
    assert "Picked 10 people, 30 observations each" in page.inner_text("[role=status]")
    assert "data=10,30,1,0.1" in page.url
    scope = {}
    exec(code(page, "Needed once"), scope)
    simulated = eval(code(page, "Draw its first data set"), scope)
    assert simulated.condition == Condition(10, 30, (1, 0.1), betas=(0, 0))
    assert simulated.seed == Study.find("error_rates").seed
    again = code(page, "Run all of it again")
    table = eval(again.replace("replications=4000", "replications=20"), scope)
    assert set(table["strategy"]) == set(Study.find("error_rates").parts["main"].strategies)
    # The card holds all measures of the condition.
    cells = page.locator(".explorer-card tr", has_text="Full multilevel").first.locator("td")
    assert f"{rate:.1f} ({mcse:.1f})" in cells.all_inner_texts()
    # By mouse, the mark that lies furthest out.
    drawn = points(page)
    at = max(range(len(drawn)), key=lambda i: drawn[i]["mean"])
    path = page.locator(POINTS).nth(at)
    path.scroll_into_view_if_needed()
    box = path.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # Vega passes a click on when it next draws, and on a busy machine that takes a while.
    page.wait_for_url(f"**data=10,30,1,{drawn[at]['panel'].removeprefix('slopes with SD ')}")
    assert not [said for said in complaints(page) if "ataflow" in said]


def test_every_part_of_every_study_can_be_seen(open_page):
    themes = set(complaints(open_page(path="search.html")))
    page = open_page(size=PHONE)
    for name in names():
        with redrawn(page):
            page.select_option("#explorer-study", name)
        parts = page.eval_on_selector_all("#explorer-part option", "o => o.map(e => e.value)")
        for part in parts:
            if part != page.input_value("#explorer-part"):
                with redrawn(page):
                    page.select_option("#explorer-part", part)
            assert points(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
            drawn = page.locator("#explorer-plot svg").first.bounding_box()
            assert drawn["x"] + drawn["width"] <= PHONE[0]
    assert set(complaints(page)) <= themes


def test_where_a_study_has_no_number_the_page_says_so(open_page):
    page = open_page("study=dropout&measure=type_1_error&coefficient=Intercept")
    page.select_option("#explorer-coefficient", "IV1")  # whose truth is not zero
    page.get_by_text("There are no such numbers for IV1 here").wait_for()


def test_a_study_that_cannot_be_had_is_said_and_changes_nothing(open_page):
    page = open_page(ERRORS)
    page.route("**/explorer-planning.js", lambda route: route.abort())
    page.select_option("#explorer-study", "planning")
    page.get_by_text("The study planning could not be loaded.").first.wait_for()
    assert page.input_value("#explorer-study") == "reference"
    assert len(points(page)) == 1000


def test_without_scripts_the_static_table_stays(open_page):
    page = open_page(javascript=False)
    text = page.inner_text("#explorer-app")
    assert "needs JavaScript" in text
    assert page.locator("#explorer-app table tr").count() == 6
    for strategy in POST_STRATEGIES.values():
        assert strategy.label in text
