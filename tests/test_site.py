"""The built site: what every page must have, read from its files without a browser."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from conftest import CHAPTERS, PAGES

pytestmark = pytest.mark.needs_r


def test_every_page_is_built(site):
    assert {f"{page}.html" for page in PAGES} <= set(site)


def test_every_picture_of_the_site_has_a_text_alternative(site):
    for page in PAGES:
        for image in site[f"{page}.html"].select("article img"):
            assert len(image.get("alt", "")) > 60, (page, image.get("src"))
            assert not re.search(r"[0-9a-f]{32}", image["alt"])


def test_no_cell_shows_an_error_or_a_warning(site):
    for page in PAGES:
        assert not site[f"{page}.html"].select(".output.stderr, .output.traceback"), page


def test_every_link_inside_the_site_leads_somewhere(site, site_folder):
    for page in PAGES:
        for link in site[f"{page}.html"].select("a[href]"):
            target = urlsplit(link["href"])
            if target.scheme or target.netloc:
                continue
            path = (site_folder / page).parent / unquote(target.path) if target.path else None
            if path is not None:
                assert path.exists(), (page, link["href"])
            name = path.resolve().relative_to(site_folder).as_posix() if path else f"{page}.html"
            if target.fragment and name in site:
                assert site[name].find(id=unquote(target.fragment)), (page, link["href"])


def test_nothing_on_a_page_is_fetched_from_elsewhere(site):
    for page in PAGES:
        for tag in site[f"{page}.html"].select("script[src], link[rel=stylesheet], img, iframe"):
            assert not urlsplit(tag.get("src") or tag.get("href")).netloc, (page, tag)


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_can_be_opened_in_binder(site, page):
    links = [link["href"] for link in site[f"{page}.html"].select("a[href*='mybinder.org']")]
    assert any(unquote(link).endswith(f"{page}.md") for link in links)
