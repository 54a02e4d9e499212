"""The live pictures in Chromium, each on a page of its own: by mouse, by keyboard, on a phone."""

import re

import numpy as np
import pytest
from browser import DESKTOP, PHONE, barriers
from conftest import ROOT
from live import live_script, picture
from live_static import PICTURES

from mlmlearn import POST_STRATEGIES, STRATEGIES
from mlmlearn.batch import Batch

LABELS = [strategy.label for strategy in POST_STRATEGIES.values()]
SIZES = pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
EVERY = pytest.mark.parametrize("name", PICTURES)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write a page for each picture, as if it lay on the reader's disk, with its files."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "live.js").write_text(live_script(), encoding="utf-8")
    style = (ROOT / "book/_static/live.css").read_text(encoding="utf-8")
    theme = (
        ":root { --pst-color-background: #fff; --pst-color-surface: #f3f4f5; --pst-color-border: "
        "#ccc; --pst-color-text-base: #222; --pst-color-text-muted: #555; --pst-color-primary: "
        "#06c; --pst-color-danger: #b00; } body { font: 16px sans-serif; margin: 8px; }"
    )
    for name in PICTURES:
        for large in (False, True):
            (folder / f"{name}-{large}.html").write_text(
                f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{name}</title>"
                "<meta name='viewport' content='width=device-width'>"
                f"<style>{theme}{style}</style></head><body><main><h1>{name}</h1>"
                f"{picture(name, large=large).data}</main>"
                "<script src='live.js'></script></body></html>",
                encoding="utf-8",
            )
    return folder


@pytest.fixture
def show(browse, files):
    """Open a picture; the test fails on an error in its page."""
    opened = []

    def show(name, *, large=True, view="", javascript=True, **how):
        url = (files / f"{name}-{large}.html").as_uri() + view
        page = browse(url, javascript=javascript, **how)
        opened.append(page)
        if javascript:
            page.wait_for_selector(".live-ready")
        return page

    yield show
    assert not [text for page in opened for kind, text in page.said if kind == "error"]


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def table(page):
    """Open the picture's table and read it: a list of cells a row."""
    page.evaluate("document.querySelector('.live-table').open = true")
    page.locator(".live-table tbody tr").first.wait_for()
    rows = page.locator(".live-table tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def drawn(page, n):
    """Wait until n data sets have been drawn and fitted."""
    page.wait_for_function(
        "text => document.querySelector('.live-says').textContent.startsWith(text)",
        arg=f"{n:,} data set{'' if n == 1 else 's'} drawn.",
    )


def slide(page, label, value):
    page.get_by_label(label).evaluate(
        "(input, value) => { input.value = value;"
        " input.dispatchEvent(new Event('input', { bubbles: true })); }",
        str(value),
    )


# Every picture


@EVERY
@SIZES
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_and_nothing_is_wider_than_its_page(show, name, large, size):
    page = show(name, large=large, size=size)
    table(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for drawing in page.locator(".live-canvas").all():
        box = drawing.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        assert box["height"] > 100
    assert not barriers(page)


@EVERY
def test_a_screen_reader_is_told_what_is_shown(show, name):
    page = show(name)
    for drawing in page.locator(".live-canvas").all():
        assert len(drawing.get_attribute("aria-label")) > 40
    page.wait_for_function("document.querySelector('[role=status]').textContent.length > 30")
    head, *rows = table(page)
    assert len(rows) >= 3
    assert all(len(row) == len(head) for row in rows)


@EVERY
def test_the_keyboard_reaches_every_control_and_one_sees_where_it_is(show, name):
    page = show(name)
    controls = "button, input:not([type=radio]), summary, [role=slider]"
    page.evaluate("window.reached = new Set(); window.unseen = []")
    for _ in range(80):
        page.keyboard.press("Tab")
        page.evaluate(
            """() => {
                const now = document.activeElement;
                if (now === document.body || reached.has(now)) return;
                reached.add(now);
                const style = getComputedStyle(now);
                const inner = now.querySelector(".live-target");
                const seen = parseFloat(style.outlineWidth) > 1 && style.outlineStyle !== "none"
                    || inner && getComputedStyle(inner).stroke !== "none"
                    || now.nextElementSibling
                    && getComputedStyle(now.nextElementSibling).outlineStyle !== "none";
                if (!seen) unseen.push(now.outerHTML.slice(0, 100));
            }"""
        )
    missed = page.evaluate(
        "all => [...document.querySelectorAll(`.live-body :is(${all})`)]"
        ".filter(one => one.checkVisibility() && !reached.has(one)).map(one => one.outerHTML)",
        controls,
    )
    assert not missed
    assert not page.evaluate("unseen")


@EVERY
def test_without_scripts_the_static_picture_stays(show, name):
    page = show(name, javascript=False)
    assert page.locator(".live-static img").is_visible()
    assert "JavaScript is off" in page.inner_text(".live-picture")


def test_a_picture_that_fails_leaves_its_static_form_and_says_so(chromium, files):
    page = chromium.new_page()
    said = []
    page.on("console", lambda one: said.append(one.text))
    page.add_init_script("delete window.ResizeObserver")
    page.goto((files / "fan-True.html").as_uri())
    assert page.locator(".live-static img").is_visible()
    assert any("The picture fan failed" in text for text in said)
    page.close()


# The dance


VIEW = "#people=12&rows=5&slope=0.4&level_sd=1&slope_sd=0.6&noise=1.2&seed=7&sets=150"


def test_the_counts_are_those_of_the_batch_engine_on_the_same_data(show, draws):
    page = show("dance", view=VIEW)
    drawn(page, 150)
    settings = {"people": 12, "rows": 5, "slope": 0.4, "level_sd": 1, "slope_sd": 0.6, "noise": 1.2}
    x, y = draws(settings, 7, 150)
    X = np.stack([np.ones_like(x), x], axis=-1)
    batch = Batch.of_arrays(("Intercept", "x"), 2, X, y, np.ones(y.shape, dtype=bool), [0] * 150)
    _, *rows = table(page)
    for label, row, strategy in zip(LABELS, rows, POST_STRATEGIES, strict=True):
        fitted = STRATEGIES[strategy].fit(batch).complete()
        low, high = fitted.ci_low[:, 1], fitted.ci_high[:, 1]
        holds, rejects = (low <= 0.4) & (high >= 0.4), (low > 0) | (high < 0)
        expected = []
        for share in (holds.mean(), rejects.mean()):
            expected += [100 * share, 100 * np.sqrt(share * (1 - share) / 150)]
        estimates = fitted.estimate[:, 1]
        expected += [(high - low).mean(), estimates.mean(), estimates.std(ddof=1)]
        assert row[0] == label
        found = [number(text) for text in row[1:8]]
        assert found == pytest.approx(expected, abs=0.051)
        assert found[4:] == pytest.approx(expected[4:], abs=6e-4)
        assert f"{150 - holds.sum()} of 150 miss" in page.inner_text(".live-panels")


@pytest.fixture
def draws(chromium):
    """Draw a page's data sets once more: predictor and outcome, shape (sets, people, rows)."""
    from bundle import bundle
    from live import MODULES

    part = 'import { Data, drawData } from "./draw.js";\nself.tools = { Data, drawData };\n'
    page = chromium.new_page()
    page.evaluate(bundle(MODULES, "part", {"part": part}))

    def draws(settings, seed, sets):
        found = page.evaluate(
            """([settings, seed, sets]) => Array.from({ length: sets }, (_, set) => {
                const data = tools.Data.balanced(settings.people, settings.rows);
                tools.drawData(data, settings, seed, set);
                return [[...data.x], [...data.y]];
            })""",
            [settings, seed, sets],
        )
        shape = (2, sets, settings["people"], settings["rows"])
        return np.moveaxis(np.array(found), 0, 1).reshape(shape)

    yield draws
    page.close()


def test_a_link_shows_the_same_and_a_control_changes_the_link(show):
    page = show("dance", view=VIEW)
    drawn(page, 150)
    before = table(page)
    again = show("dance", view=VIEW)
    drawn(again, 150)
    assert table(again) == before
    assert "n_groups=12, n_obs=5, group_sd=(1, 0.6), betas=(0, 0.4), noise_sd=1.2" in (
        page.inner_text(".live-line code")
    )
    page.get_by_label("Rows per person").fill("8")
    page.keyboard.press("Tab")
    drawn(page, 1)
    page.get_by_role("button", name="Draw a hundred").click()
    drawn(page, 101)
    assert "rows=8" in page.url
    assert "sets=101" in page.url
    assert table(page) != before
    other = show("dance", view="#" + page.url.split("#")[1])
    drawn(other, 101)
    assert table(other) == table(page)
    # An address that is typed into the open page, and nonsense in one.
    page.evaluate("view => { location.hash = view }", VIEW)
    drawn(page, 150)
    assert table(page) == before
    odd = show("dance", view="#people=-4&rows=1e9&slope=x&seed=0.5&sets=-1&noise=0")
    drawn(odd, 1)
    assert odd.get_by_role("spinbutton", name="People").input_value() == "3"
    assert odd.get_by_label("Rows per person").input_value() == "200"


def test_a_studys_own_units_are_taken_and_a_value_out_of_range_is_not_changed_silently(show):
    page = show("dance", large=True)
    noise = page.get_by_label("SD of the noise")
    noise.fill("158.3")  # milliseconds
    noise.press("Tab")
    assert noise.input_value() == "158.3"
    assert "noise_sd=158.3" in page.locator("code").inner_text()
    rows = page.get_by_label("Rows per person")
    for typed, taken, note in (("400", "200", "3 to 200"), ("12", "12", "")):
        rows.fill(typed)
        rows.press("Tab")
        assert rows.input_value() == taken
        assert note in page.locator(".live-number", has=rows).get_by_role("status").inner_text()


def test_many_data_sets_come_while_the_page_answers(show):
    page = show("dance")
    # Noted as it is said, since all may have come before anybody looks.
    page.evaluate(
        """() => {
            window.waiting = false;
            const note = () => {
                waiting ||= document.querySelector(".live-says").textContent.includes("to come");
            };
            const whatever = {childList: true, characterData: true, subtree: true};
            new MutationObserver(note).observe(document.body, whatever);
        }"""
    )
    page.get_by_role("button", name="Draw ten thousand").click()
    page.get_by_role("button", name="Draw one").click()
    page.wait_for_function("waiting")
    # What is on its way is then of other settings.
    page.get_by_role("spinbutton", name="People").fill("6")
    page.keyboard.press("Tab")
    drawn(page, 1)
    page.get_by_role("button", name="Draw ten thousand").click()
    drawn(page, 10_001)
    _, *rows = table(page)
    full, intercept, _, two_stage = ([number(text) for text in row[1:8]] for row in rows)
    assert intercept[0] < 85 < full[0]
    assert two_stage[1] == pytest.approx(100 * np.sqrt(0.05 * 0.95 / 10_001), abs=0.1)
    page.wait_for_function(
        "document.querySelector('[role=status]').textContent.startsWith('10001 data sets drawn')"
    )


def test_a_true_zero_makes_rejections_false_alarms(show):
    page = show("dance", large=False, motion="no-preference")
    drawn(page, 1)
    page.get_by_label("The true slope is zero").check()
    page.get_by_role("button", name="Draw a hundred").click()
    page.wait_for_function(
        "document.querySelector('.live-says').textContent.startsWith('101 data sets')"
    )
    panels = page.inner_text(".live-panels")
    assert len(re.findall(r"% reject a true zero \(MCSE", panels)) == 4
    page.wait_for_function("document.querySelectorAll('.live-hit, .live-miss').length === 160")
    marked = page.evaluate(
        "['miss', 'cross'].map(kind => document.querySelectorAll(`.live-${kind}`).length)"
    )
    assert marked[0] == marked[1] > 0
    link = page.get_by_role("link", name=re.compile("playground")).get_attribute("href")
    assert "playground.html#people=20" in link
    assert "slope=0&" in link


# The other pictures


@pytest.mark.parametrize(
    ("name", "label", "key"),
    [
        ("fan", "SD of slopes", "End"),
        ("spend", re.compile("rows per person"), "End"),
        ("level", re.compile("How a person"), "Home"),
        ("pull", "SD between people", "End"),
    ],
)
def test_every_picture_of_the_playground_has_a_link_that_shows_the_same(show, name, label, key):
    def seen(page):
        return page.inner_text(".live-says"), table(page)

    page = show(name)
    first = seen(page)
    page.get_by_label(label).press(key)
    assert page.url.split("#")[1].startswith(f"{name}=")
    again = show(name, view="#people=9&" + page.url.split("#")[1])
    assert seen(again) == seen(page) != first
    assert again.get_by_label(label).input_value() == page.get_by_label(label).input_value()
    for nonsense in ("", "x", "1e9,1e9,1e9", "-1,-1"):
        assert seen(show(name, view=f"#{name}={nonsense}")) == first
    # Where it is small, a chapter's links to headings are left alone.
    small = show(name, large=False)
    small.get_by_label(label).press(key)
    assert "#" not in small.url


def test_a_line_is_pulled_from_one_end_to_the_other(show):
    page = show("pull")
    slider = page.get_by_label("SD between people")
    slider.press("Home")
    _, everyone, pulled, own = table(page)
    assert everyone[1:] == pulled[1:] != own[1:]
    slider.press("End")
    _, everyone, pulled, own = table(page)
    assert pulled[1:] == own[1:] != everyone[1:]
    assert "∞" in page.inner_text(".live-slider")
    slide(page, "SD between people", 50)
    _, everyone, pulled, own = table(page)
    assert number(everyone[2]) < number(pulled[2]) < number(own[2])


def test_dots_move_by_pointer_and_by_keyboard_and_can_be_deleted(show):
    page = show("pull")
    dot = page.get_by_role("slider", name="Dot 4 of the person")
    before = table(page)
    dot.focus()
    height = float(dot.get_attribute("aria-valuenow"))
    dot.press("ArrowDown")
    assert float(dot.get_attribute("aria-valuenow")) == pytest.approx(height - 0.2, abs=0.051)
    assert table(page) != before
    box = dot.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 30, middle[1] + 90, steps=4)
    page.mouse.up()
    assert float(dot.get_attribute("aria-valuenow")) < height - 1
    assert dot.evaluate("one => one === document.activeElement")
    for left in (3, 2, 1):
        page.keyboard.press("Delete")
        assert page.get_by_role("slider", name="of the person").count() == left
    _, _, pulled, own = table(page)
    assert own[1:] == ["none", "none"]
    assert "none" not in pulled
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Delete a dot").click()  # none is left
    page.get_by_role("button", name="All as at first").click()
    assert table(page) == before


def test_fan_and_hill_move_together(show):
    page = show("fan")
    assert "31 of 100 fall" in page.inner_text(".live-says")
    assert page.locator(".live-falls").count() == 31
    slide(page, "SD of slopes", 0)
    assert "0 of 100 fall" in page.inner_text(".live-says")
    slide(page, "Average slope", -0.5)
    assert "100 of 100 fall" in page.inner_text(".live-says")
    slide(page, "SD of slopes", 0.5)
    assert number(table(page)[4][1]) == pytest.approx(84.1, abs=0.05)


def test_two_parts_add_up_to_the_squared_standard_error(show):
    page = show("spend")
    _, *rows = table(page)
    for row in rows:
        people, each, between, sampling, squared, error = map(number, row)
        assert people * each == 600
        assert between + sampling == pytest.approx(squared, abs=2e-5)
        # The variance of a mean of people whose slopes differ and are known from `each` rows.
        assert squared == pytest.approx((0.5**2 + 1 / each) / people, abs=1e-5)
        assert error == pytest.approx(np.sqrt(squared), abs=6e-4)
    page.get_by_label(re.compile("rows per person")).press("End")
    assert page.inner_text(".live-says").startswith("300 people with 2 rows each")
    page.get_by_role("radio", name="¼").check()
    assert number(table(page)[1][2]) == pytest.approx(0.25**2 / 5, abs=1e-5)
    page.locator("svg .live-target").first.click()
    assert page.inner_text(".live-says").startswith("5 people with 120 rows each")


def test_slopes_drift_with_the_level_until_the_means_are_subtracted(show):
    page = show("level")

    def slopes():
        return {row[0]: [number(text) for text in row[1:]] for row in table(page)[1:]}

    drifted = slopes()
    assert drifted["Cluster-robust OLS"][1] > 0.5
    slide(page, "How a person", 0)
    level = slopes()
    for name, (estimate, low, high) in level.items():
        assert low < 0.5 < high, name
        assert abs(estimate - 0.5) < 0.1, name
    assert "All four intervals hold it" in page.inner_text(".live-says")
    assert drifted["Two-stage OLS"] == level["Two-stage OLS"]
    for name in ("Full multilevel", "Random intercept", "Cluster-robust OLS"):
        assert drifted[name][0] > level[name][0] + 0.1
    slide(page, "How a person", 1)
    page.get_by_label("Subtract each person").check()
    for name, (_, low, high) in slopes().items():
        assert low < 0.5 < high, name
