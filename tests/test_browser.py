"""Every page in headless Chromium: in both themes, on a phone, by keyboard, without scripts."""

import json
from itertools import product
from urllib.parse import urlsplit

import pytest
from browser import PHONE, SETTLED, THEMES, barriers
from conftest import CHAPTERS, PAGES

pytestmark = pytest.mark.needs_r

every_page = pytest.mark.parametrize("page", PAGES)
every_chapter = pytest.mark.parametrize("page", CHAPTERS)
both_themes = pytest.mark.parametrize("theme", THEMES)

MEGABYTE = 1_000_000
# Formulas are set when this promise holds.
FORMULAS = "async () => { if (window.MathJax?.startup) await MathJax.startup.promise }"


def open_everything(tab):
    """Show what is hidden at first: code, hints and solutions."""
    tab.evaluate(
        """() => {
            document.querySelectorAll(".toggle-button").forEach(b => b.click());
            document.querySelectorAll("details").forEach(d => { d.open = true; });
        }"""
    )
    tab.evaluate(SETTLED)
    # The theme sets a timer of 300 ms before it looks which boxes can now be scrolled; one of the
    # page's own that is due later ends later, however slow the machine is.
    tab.evaluate("() => new Promise(done => setTimeout(done, 400))")


# Every page


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_a_page_is_whole_and_axe_finds_nothing_to_complain_of(visit, page):
    tab = visit(page)
    tab.evaluate(FORMULAS)
    found = tab.evaluate(
        """() => ({
            theme: document.documentElement.dataset.theme,
            unset: [...document.querySelectorAll(".math")]
                .filter(m => !m.querySelector("mjx-container")).map(m => m.textContent),
        })"""
    )
    assert found == {"theme": "light", "unset": []}
    open_everything(tab)
    broken = (
        "() => [...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src)"
    )
    assert not tab.evaluate(broken)
    assert not barriers(tab, dark_too=True)


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_a_first_visit_on_a_phone_is_light_and_nothing_is_wider_than_it(visit, page):
    tab = visit(page, size=PHONE, cold=True)
    sizes = tab.evaluate(
        """() => ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
            .map(entry => [entry.name, entry.transferSize])"""
    )
    assert all(size > 0 for _, size in sizes if not _.startswith("data:"))
    assert sum(size for _, size in sizes) < 2 * MEGABYTE, sorted(sizes, key=lambda s: -s[1])[:5]
    tab.evaluate(FORMULAS)
    wide = tab.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("body *")]
                .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth)
                .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not wide


@every_page
def test_a_page_can_be_read_without_javascript(visit, page):
    tab = visit(page, javascript=False)
    assert tab.locator("article h1").is_visible()
    # A class of the stylesheet would hide it; an empty paragraph has no height.
    hidden = tab.locator(
        "article :is(p, figure img, .solution, .admonition.dropdown)"
    ).evaluate_all(
        """all => all.filter(e => !e.closest("details:not([open])"))
            .filter(e => !(e.checkVisibility({visibilityProperty: true}) && e.clientHeight))
            .filter(e => e.localName === "img" || e.textContent.trim())
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not hidden


def test_figures_fill_the_column_and_a_table_says_that_it_goes_on(visit):
    """Labels of a figure shrink with it, and a phone shows no scroll bar."""
    images = """() => [...document.querySelectorAll("figure img")]
        .filter(image => !image.closest(".admonition"))
        .map(image => [image.clientWidth, image.closest("section").clientWidth])"""
    tab = visit("book/your_own_data")
    assert all(width == min(column, 43 * 16) for width, column in tab.evaluate(images))
    tab = visit("book/your_own_data", size=PHONE)
    screen = tab.evaluate("() => innerWidth")
    assert all(width > 0.92 * screen for width, _ in tab.evaluate(images))
    hiding = tab.evaluate(
        """() => [...document.querySelectorAll("article table")]
            .map(table => table.closest(".output, .pst-scrollable-table-container"))
            .filter(box => box.scrollWidth > box.clientWidth + 1)
            .map(box => getComputedStyle(box).backgroundImage)"""
    )
    assert len(hiding) > 3
    assert all("gradient" in shown for shown in hiding)


@pytest.mark.parametrize("way", ["button", "tap"])
def test_on_a_phone_a_figure_can_be_drawn_with_labels_as_large_as_the_text(visit, way):
    tab = visit("book/inference", size=PHONE)
    figure = tab.locator("figure").first
    button, image = figure.get_by_role("button"), figure.locator("img")
    labels = """image => {
        const text = parseFloat(getComputedStyle(document.querySelector("article p")).fontSize);
        return 10 / 360 * image.clientWidth / text;  // 10 points in a picture 5 inches wide
    }"""
    small = image.evaluate(labels)
    for larger in (True, False):
        assert button.text_content() == ("Larger" if larger else "Smaller")
        button.press("Enter") if way == "button" else image.click()
        assert (image.evaluate(labels) >= 1) == larger
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert image.evaluate(labels) == small
    assert not visit("book/inference").locator("figure").first.get_by_role("button").count()


# What readers do


@pytest.mark.parametrize("way", ["sidebar", "key", "search page"])
def test_search_finds_what_is_said_of_singular_fits(visit, way):
    tab = visit("search" if way == "search page" else "book/intro")
    if way == "search page":
        field = tab.locator(".bd-search-container input[name=q]")
    else:
        if way == "sidebar":
            tab.locator(".bd-sidebar-primary").get_by_role("button", name="Search").click()
        else:
            tab.keyboard.press("Control+k")
        field = tab.locator("#pst-search-dialog input[name=q]")
        assert field.evaluate("f => f === document.activeElement")
    field.fill("singular")
    field.press("Enter")
    tab.wait_for_url("**/search.html?q=singular*")
    tab.get_by_text("Search finished").wait_for()
    results = tab.locator("#search-results li a")
    pages = {
        urlsplit(link.evaluate("a => a.href")).path.split("html/")[-1] for link in results.all()
    }
    assert "book/convergence.html" in pages
    assert pages <= {f"{page}.html" for page in PAGES}
    results.first.click()
    tab.wait_for_url("**/book/*.html*")
    assert tab.get_by_text("singular").count() > 0


@every_chapter
def test_a_self_check_tells_right_from_wrong_and_hints_open_and_close(visit, page):
    tab = visit(page)
    self_checks_tell_right_from_wrong(tab)
    hints_and_solutions_open_and_close(tab)


def self_checks_tell_right_from_wrong(tab):
    forms = tab.locator("form.selfcheck").all()
    assert len(forms) >= 2
    for form in forms:
        rule = json.loads(form.get_attribute("data-rule"))
        said = form.locator("output")

        def reply(value, form=form, rule=rule):
            if "options" in rule:
                form.locator(f"input[value='{value}']").check()
            else:
                form.locator("input").fill(str(value))
            form.get_by_role("button", name="Check").click()
            return form.get_attribute("data-state")

        if "options" in rule:
            for place, (right, remark) in enumerate(rule["options"]):
                assert reply(place) == ("right" if right else "wrong")
                assert said.text_content() == f"{'✓' if right else '✗'} {remark}"
            assert sum(right for right, _ in rule["options"]) == 1
        else:
            answer, tolerance = rule["answer"], rule["tolerance"]
            assert reply(answer + 0.9 * tolerance) == "right"
            assert said.text_content().startswith("✓ Right.")
            for wrong in (answer + 1.1 * tolerance, answer - 1.1 * tolerance, "many"):
                assert reply(wrong) == "wrong"
                assert said.text_content().startswith("✗ ")
            # As typed where a comma marks the decimals.
            assert reply(str(answer).replace(".", ",")) == "right"


def hints_and_solutions_open_and_close(tab):
    hidden = tab.locator(".admonition.dropdown")
    assert hidden.count() >= 4
    # Each of them by itself, and the first by mouse and by keyboard as a reader does.
    states = hidden.evaluate_all(
        """all => all.map(box => [0, 1, 2].map(() => {
            const content = box.querySelector(":scope > :not(.admonition-title)");
            const button = box.querySelector(".toggle-button");
            const seen = content.checkVisibility({visibilityProperty: true});
            const state = [seen, button.getAttribute("aria-expanded")];
            button.click();
            return state;
        }))"""
    )
    closed, opened = [False, "false"], [True, "true"]
    assert all(state == [closed, opened, closed] for state in states)
    box = hidden.first
    content = box.locator("> :not(.admonition-title)").first
    title, button = box.locator("> .admonition-title"), box.locator(".toggle-button").first
    for way in (title.click, lambda: button.press("Enter")):
        shown = content.is_visible()
        way()
        assert content.is_visible() != shown
        way()
        assert content.is_visible() == shown


def test_plotting_code_is_shown_when_asked_for(visit):
    tab = visit("book/clustered_data")
    cells = tab.locator(".tag_hide-input")
    assert cells.count()
    for cell, way in product(cells.all(), ["click", "keyboard"]):
        code, summary = cell.locator(".cell_input"), cell.locator("summary")
        for shown in (False, True):
            assert code.is_visible() == shown
            summary.click() if way == "click" else summary.press("Enter")
        assert not code.is_visible()
        assert cell.locator("figure img").first.is_visible()


def test_the_theme_can_be_switched_and_stays(visit):
    tab = visit("book/intro")
    theme = "() => document.documentElement.dataset.theme"
    assert tab.evaluate(theme) == "light"  # what the reader's system prefers
    white = tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
    switch = tab.locator(".bd-header-article .theme-switch-button")
    while tab.evaluate(theme) == "light":
        switch.press("Enter")
    assert tab.evaluate("() => getComputedStyle(document.body).backgroundColor") != white
    tab.locator("a.right-next").click()
    tab.wait_for_url(f"**/{PAGES[1]}.html")
    assert tab.evaluate(theme) == "dark"
    tab.reload()
    assert tab.evaluate(theme) == "dark"


def test_the_launch_menus_open_by_keyboard(visit, address):
    """Where their entries lead is read from the files of every chapter, in test_site."""
    tab = visit(CHAPTERS[0])
    for button, link in (
        ("Launch interactive content", "Binder"),
        ("Source repositories", "Repository"),
        ("Source repositories", "Open issue"),
    ):
        tab.get_by_role("button", name=button).press("Enter")
        entry = tab.locator(".dropdown-menu.show").get_by_role("link", name=link)
        entry.wait_for()
        assert not entry.evaluate("a => a.href").startswith(address)
        tab.keyboard.press("Escape")
        entry.wait_for(state="hidden")


# By keyboard alone


@both_themes
@pytest.mark.parametrize(
    "page", ["book/intro", "book/clustered_data", "book/convergence", "book/playground"]
)
def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(visit, page, theme):
    tab = visit(page, theme=theme)
    tab.keyboard.press("Tab")
    skip = tab.get_by_role("link", name="Skip to main content")
    assert skip.evaluate("a => a === document.activeElement")
    tab.evaluate(SETTLED)
    assert skip.evaluate("a => a.getBoundingClientRect().top >= 0")
    open_everything(tab)
    tab.evaluate("() => { window.reached = new Set(); window.unseen = []; }")
    look = """() => {
        const now = document.activeElement, style = getComputedStyle(now);
        if (now === document.body || reached.has(now)) return false;
        reached.add(now);
        const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        if (!outlined) unseen.push(now.outerHTML.slice(0, 200));
        return true;
    }"""
    while tab.evaluate(look):
        tab.keyboard.press("Tab")
    missed = tab.evaluate(
        """() => [...document.querySelectorAll("a[href], button, summary, input, select, textarea")]
            .filter(e => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0)
            .filter(e => e.type !== "radio" && !reached.has(e))
            .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert not missed
    assert not tab.evaluate("() => unseen")


def test_the_skip_link_leads_past_the_menu(visit):
    tab = visit("book/clustered_data")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.querySelector('main').contains(document.activeElement)")


def test_the_menu_opens_on_a_phone_by_keyboard(visit):
    tab = visit("book/clustered_data", size=PHONE)
    link = tab.locator(".bd-sidenav").get_by_role("link", name="Four strategies")
    assert link.count() == 0  # off the screen, and so off the accessibility tree
    tab.get_by_role("button", name="Toggle primary sidebar").press("Enter")
    link.wait_for()
    link.press("Enter")
    tab.wait_for_url("**/strategies.html")


def test_the_menu_can_be_put_aside_on_a_desktop(visit):
    tab = visit("book/clustered_data")
    menu = tab.locator(".bd-sidenav").first
    button = tab.get_by_role("button", name="Toggle primary sidebar")
    for shown in (True, False, True):
        tab.evaluate(SETTLED)
        assert (
            menu.evaluate("m => m.getBoundingClientRect().right > 0 && m.checkVisibility()")
            == shown
        )
        button.press("Enter")
