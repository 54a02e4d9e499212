"""The built site: what every page must have, read from its files without a browser."""

import functools
import itertools
import os
import posixpath
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import matplotlib.pyplot as plt
import nbformat
import pytest
import yaml
from conftest import CHAPTERS, PAGES, ROOT
from nbclient import NotebookClient

pytestmark = pytest.mark.needs_r

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


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
    ids = {name: {tag["id"] for tag in soup.select("[id]")} for name, soup in site.items()}
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
                assert unquote(target.fragment) in ids[name], (page, link["href"])


def test_nothing_on_a_page_is_fetched_from_elsewhere(site):
    for page in PAGES:
        for tag in site[f"{page}.html"].select("script[src], link[rel=stylesheet], img, iframe"):
            assert not urlsplit(tag.get("src") or tag.get("href")).netloc, (page, tag)


@pytest.mark.parametrize("page", CHAPTERS)
def test_launch_buttons_lead_to_this_chapter_in_this_repository(site, page):
    # A fork's workflow builds the book with the fork's own address.
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    fork = os.environ.get("GITHUB_REPOSITORY")
    repository = f"{server}/{fork}" if fork else CONFIG["repository"]["url"]
    name = urlsplit(repository).path.strip("/")
    host = CONFIG["launch_buttons"]["binderhub_url"]
    links = [link["href"] for link in site[f"{page}.html"].select("a[href^=http]")]
    binder = [urlsplit(link) for link in links if link.startswith(host)]
    assert len(binder) >= 2  # in the menu, and above the chapter
    for link in binder:
        assert link.path == f"/v2/gh/{name}/{CONFIG['repository']['branch']}"
        (opened,) = parse_qs(link.query)["urlpath"]
        assert posixpath.normpath(opened) == f"lab/tree/{page}.md"
    assert repository in links
    assert any(link.startswith(f"{repository}/issues/new?") for link in links)


# What the build gives each page (tools/bookpages)


def meta(soup, name):
    """Return the contents of all tags of this name."""
    return [tag["content"] for tag in soup.select(f"meta[name='{name}'], meta[property='{name}']")]


def test_every_page_has_a_description_of_its_own(site):
    described = {}
    for page in PAGES:
        (description,) = meta(site[f"{page}.html"], "description")
        assert 60 < len(description) < 250, page
        assert description.endswith((".", "?")), page
        assert meta(site[f"{page}.html"], "og:description") == [description], page
        described[description] = page
    assert len(described) == len(PAGES)


def test_a_shared_page_has_a_picture_that_the_site_serves(site, site_folder):
    for page in PAGES:
        soup = site[f"{page}.html"]
        (address,) = meta(soup, "og:url")
        (picture,) = meta(soup, "og:image")
        assert urlsplit(picture).scheme == "https"
        home = address.removesuffix(f"{page}.html")
        drawn = site_folder / picture.removeprefix(home)
        assert drawn.stat().st_size < 300_000
        assert plt.imread(drawn).shape[:2] == (630, 1200)
        assert len(meta(soup, "og:image:alt")[0]) > 60
        assert meta(soup, "og:site_name") == [soup.title.get_text().split(" — ")[1]]
        assert soup.select_one("link[rel=canonical]")["href"] == address


def test_the_sites_own_address_leads_to_the_first_page_and_says_what_it_is(site):
    first = site[f"{PAGES[0]}.html"]
    entrance = site["index.html"]
    for name in ("description", "og:title", "og:image", "og:url"):
        assert meta(entrance, name) == meta(first, name) != []
    (refresh,) = [tag["content"] for tag in entrance.select("meta[http-equiv=refresh]")]
    assert refresh.endswith(f"url={PAGES[0]}.html")
    assert entrance.select_one("a")["href"] == f"{PAGES[0]}.html"


@pytest.mark.parametrize(
    ("environment", "repository", "pages"),
    [
        ({}, "https://github.com/Us/book", "https://us.github.io/book/"),
        (
            {"GITHUB_REPOSITORY": "Someone/fork", "GITHUB_SERVER_URL": "https://github.com"},
            "https://github.com/Someone/fork",
            "https://someone.github.io/fork/",
        ),
        (
            {"GITHUB_REPOSITORY": "someone/someone.github.io"},
            "https://github.com/someone/someone.github.io",
            "https://someone.github.io/",
        ),
    ],
    ids=["ours", "a fork", "a person's own pages"],
)
def test_addresses_follow_the_repository_that_builds(monkeypatch, environment, repository, pages):
    for folder in ("book", "tools"):  # as jupyter-book does for local extensions
        monkeypatch.syspath_prepend(ROOT / folder)
    from bookpages.address import pages_url, repository_url

    assert repository_url("https://github.com/Us/book", environment) == repository
    assert pages_url(repository) == pages


def test_the_projects_address_is_written_in_one_place():
    named = CONFIG["repository"]["url"]
    elsewhere = [
        path
        for folder in ("book", "src", "tools", "tests", "binder")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".md", ".py", ".yml", ".txt"} and named in path.read_text("utf-8")
    ]
    assert not elsewhere


def test_every_page_says_how_long_it_takes_unless_it_is_only_looked_into(site):
    for page in PAGES:
        line = site[f"{page}.html"].select_one("article h1 + .top-line, article h1 ~ .top-line")
        if page in CHAPTERS:
            assert 5 <= int(re.match(r"About (\d+) minutes", line.get_text())[1]) <= 40, page
            assert [a.get_text() for a in line.select("a")] == [
                "Run it on Binder",
                "Download the notebook",
            ]


def test_headings_are_in_order_and_pages_have_a_language_and_a_viewport(site):
    for page in PAGES:
        soup = site[f"{page}.html"]
        assert soup.html["lang"] == "en"
        assert "width=device-width" in meta(soup, "viewport")[0]
        assert soup.select_one("link[rel=icon]")["href"].endswith("favicon.svg")
        levels = [int(tag.name[1]) for tag in soup.select("article :is(h1, h2, h3, h4, h5, h6)")]
        assert levels[0] == 1
        assert levels.count(1) == 1, page
        steps = itertools.pairwise(levels)
        assert all(after <= before + 1 for before, after in steps), page


def test_folded_code_says_what_it_is_for(site):
    for page in PAGES:
        for cell in site[f"{page}.html"].select(".cell.tag_hide-input, .cell.tag_hide-cell"):
            said = cell.summary.get_text(" ", strip=True)
            assert "code cell" not in said, page
            output = bool(cell.select_one(".cell_output"))
            assert ("Set-up for what follows" not in said) == output, page
            if "tag_hide-input" in cell["class"]:
                assert ("Code for this figure" in said) == bool(cell.find("figure")), page


def test_a_figure_has_a_number_and_can_be_downloaded_as_svg(site, site_folder):
    for page in PAGES:
        for figure in site[f"{page}.html"].select("article figure"):
            assert re.match(r"Fig\. \d+", figure.select_one(".caption-number").get_text())
            link = figure.select_one("figcaption a.figure-link")
            assert link["download"] == figure["id"] + ".svg"
            assert "<svg" in (site_folder / page).parent.joinpath(link["href"]).read_text("utf-8")


def test_the_table_of_contents_can_be_walked_with_previous_and_next(site):
    for before, after in itertools.pairwise(PAGES):
        here, there = f"{before}.html", f"{after}.html"
        forward = site[here].select_one("a.right-next")["href"]
        back = site[there].select_one("a.left-prev")["href"]
        assert urljoin(here, forward) == there
        assert urljoin(there, back) == here
    assert not site[f"{PAGES[0]}.html"].select("a.left-prev")
    assert not site[f"{PAGES[-1]}.html"].select("a.right-next")


def test_tables_tell_headers_from_cells(site):
    for page in PAGES:
        for table in site[f"{page}.html"].select("article table"):
            assert table.select("thead th"), page
            assert {th.get("scope") for th in table.select("thead th")} == {"col"}, page
            assert {th.get("scope") for th in table.select("tbody th")} <= {"row"}, page


def test_no_page_asks_for_a_live_kernel_by_itself(site):
    for page in PAGES:
        assert "thebe" not in str(site[f"{page}.html"]), page


# The notebooks to download

NOTEBOOKS = [page for page in PAGES if "kernelspec:" in (ROOT / f"{page}.md").read_text("utf-8")]


def download(site, site_folder, page):
    """Return the notebook that the page's button leads to."""
    (button,) = site[f"{page}.html"].select("a.btn-download-notebook-button")
    return nbformat.read((site_folder / page).parent / button["href"], as_version=4)


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_notebook_reads_as_plain_markdown(site, site_folder, page):
    notebook = download(site, site_folder, page)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"^\s*(`{3,}|:{3,})\s*\{", text, re.M), "a directive"
    assert not re.search(r"\{[\w:-]+\}`", text), "a role"
    assert not re.search(r"^\([\w-]+\)=$", text, re.M), "a label"
    assert "@@" not in text
    assert not re.search(r"\]\((?!https?://)", text), "a link that leads nowhere outside the site"
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "tell(" not in code
    # Nothing of the page is lost on the way.
    article = site[f"{page}.html"].select_one("article")
    for heading in article.select("h1, h2"):
        assert f"# {heading.find(string=True)}" in text.replace("\\", "")
    assert text.count("#### Solution") == len(article.select(".solution"))
    assert text.count("<details><summary>Hint") == len(article.select(".tip.dropdown"))
    assert text.count("**Fig. ") == len(article.select("figure"))


@pytest.fixture
def served(site_folder):
    """Serve the site on localhost, as its public address would."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site_folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("page", ["book/your_own_data", "book/batch_engine"])
def test_a_notebook_runs_alone_in_an_empty_folder(site, site_folder, served, tmp_path, page):
    notebook = download(site, site_folder, page)
    files = next(cell for cell in notebook.cells if cell.id == "files")
    home = meta(site[f"{page}.html"], "og:url")[0].removesuffix(f"{page}.html")
    assert home in files.source
    files.source = files.source.replace(home, served)
    before = [cell.get("outputs") for cell in notebook.cells]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "bookkit.py").exists()
    # And it finds what the page shows.
    for cell, shown in zip(notebook.cells, before, strict=True):
        tables = [o.data["text/plain"] for o in shown or [] if "text/plain" in o.get("data", {})]
        again = [
            o.data["text/plain"]
            for o in cell.get("outputs", [])
            if "text/plain" in o.get("data", {})
        ]
        if "time" not in cell.source:
            assert again == tables, cell.source
