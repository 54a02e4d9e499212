"""The built site in a headless Chromium: fixtures for tests that meet it as readers do."""

import functools
import gzip
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

# The names that tools/setup looks for, too.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
FLAGS = [
    "--no-sandbox",  # it runs as root in many containers, and opens nothing but our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks another host for something gets no answer, and its test fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# Guards against waiting for ever, in milliseconds: no page takes so long on any machine.
WATCHDOG = 300_000
DESKTOP, PHONE = (1280, 900), (375, 800)
THEMES = ("light", "dark")

# WCAG 2.1 AA, and what axe-core holds to be good practice beyond it.
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "resultTypes": ["violations"],
    # Fetches style sheets once more, and nested ones from where they are not.
    "preload": False,
}
OF_COLOURS = ["color-contrast", "link-in-text-block"]
SETTLED = "() => Promise.allSettled(document.getAnimations().map(one => one.finished))"
# Whether colours can be told apart takes axe most of its time, element by element. Of those that
# look alike, and whose surroundings do, one is enough; the page is of no other use after this.
ONE_OF_EACH = """() => {
    const looks = new Map();
    const look = e => {
        if (!looks.has(e)) {
            const s = getComputedStyle(e);
            const own = [e.tagName, e.getAttribute("class"), e.getAttribute("style"), s.color,
                s.fill, s.backgroundColor, s.backgroundImage, s.opacity, s.fontSize,
                s.fontWeight, s.textDecorationLine, e.checkVisibility({visibilityProperty: true}),
                [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim())];
            looks.set(e, own.join() + (e.parentElement ? "/" + look(e.parentElement) : ""));
        }
        return looks.get(e);
    };
    const every = [...document.querySelectorAll("body *:not(script)")];
    every.forEach(look);  // before the first is removed, since each removal costs a new layout
    const kept = new Map();
    for (let more = true; more;) {
        more = false;
        for (const e of every.filter(e => e.isConnected && !e.firstElementChild)) {
            const kind = looks.get(e);
            if (!kept.has(kind)) kept.set(kind, e);
            if (kept.get(kind) === e) continue;
            e.remove();
            more = true;
        }
    }
}"""


def barriers(page: Page, context: str | None = None, *, dark_too: bool = False) -> list[str]:
    """Return what axe finds in a reader's way; it leaves the page with one element of each kind."""

    def found(**options) -> list[str]:
        said = page.evaluate(
            "([where, how]) => axe.run(where || document, how).then(found => found.violations)",
            [context, AXE | options],
        )
        return [
            f"{one['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
            for one in said
            for node in one["nodes"]
        ]

    page.evaluate(Axe().axe_script)
    said = found(rules={rule: {"enabled": False} for rule in OF_COLOURS})
    page.evaluate(ONE_OF_EACH)
    colours = {"runOnly": {"type": "rule", "values": OF_COLOURS}}
    said += found(**colours)
    if dark_too:
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
        page.evaluate(SETTLED)
        said += found(**colours)
    return said


class Server(SimpleHTTPRequestHandler):
    """Serve files as a good host does, with text compressed."""

    def send_head(self):
        path = Path(self.translate_path(self.path))
        text = path.suffix in {".html", ".css", ".js", ".json", ".svg", ".md", ".ipynb"}
        if not (text and path.is_file() and "gzip" in self.headers.get("Accept-Encoding", "")):
            return super().send_head()
        packed = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(packed)))
        self.send_header("Cache-Control", "max-age=600")  # GitHub's
        self.end_headers()
        self.wfile.write(packed)
        return None

    def log_message(self, *_):
        """Be quiet."""


@functools.cache
def compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes())


@pytest.fixture(scope="session")
def address(site_folder: Path) -> Iterator[str]:
    """Serve the site in a folder of localhost, as it is published in a folder of a host."""
    handler = functools.partial(Server, directory=str(site_folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{site_folder.name}/"
        server.shutdown()


# A module long and no longer: while Playwright is at work, its event loop counts as running in
# this thread, and other tests could not start one of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the browser, or say why the tests in it are skipped."""
    if not CHROMIUM:
        pytest.skip("needs a browser: there is no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def idle(chromium: Browser) -> dict[bool, list[Page]]:
    """Keep tabs, with JavaScript and without: a page in a new one costs twice as much."""
    return {True: [], False: []}


@pytest.fixture
def browse(chromium: Browser, idle: dict[bool, list[Page]]) -> Iterator[Callable[..., Page]]:
    """Open addresses in tabs that note what pages ask for and complain of.

    Nothing is left in a tab of what an earlier test did there, except for files in its cache;
    `cold` does without these, too.
    """
    lent: list[tuple[bool, Page]] = []

    def new(javascript: bool) -> Page:
        tab = chromium.new_context(
            java_script_enabled=javascript, permissions=["clipboard-read", "clipboard-write"]
        ).new_page()
        tab.set_default_timeout(WATCHDOG)
        tab.on("request", lambda request: tab.requests.append(request))
        tab.on("response", lambda response: tab.responses.append(response))
        tab.on("pageerror", lambda error: tab.said.append(("error", str(error))))
        tab.on("console", lambda said: tab.said.append((said.type, said.text)))
        return tab

    def browse(
        url: str,
        *,
        theme: str = "light",
        size: tuple[int, int] = DESKTOP,
        motion: str = "reduce",
        javascript: bool = True,
        cold: bool = False,
    ) -> Page:
        tab = idle[javascript].pop() if idle[javascript] else new(javascript)
        lent.append((javascript, tab))
        tab.requests, tab.responses, tab.said = [], [], []
        # What the reader's system prefers, which the theme follows until it is told otherwise.
        tab.emulate_media(color_scheme=theme, reduced_motion=motion)
        tab.set_viewport_size({"width": size[0], "height": size[1]})
        tools = tab.context.new_cdp_session(tab) if cold else None
        if tools:
            tools.send("Network.enable")
            tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        tab.goto(url)
        if tools:
            tab.wait_for_load_state("networkidle")
            tools.detach()
        return tab

    yield browse
    for javascript, tab in lent:
        tab.unroute_all()
        tab.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        tab.goto("about:blank")
        idle[javascript].append(tab)


@pytest.fixture
def visit(browse: Callable[..., Page], address: str) -> Iterator[Callable[..., Page]]:
    """Open pages; the test fails on an error in one, or when it asks another host for anything."""
    opened: list[tuple[str, Page]] = []

    def visit(page: str, **how) -> Page:
        opened.append((f"{page} {how}", browse(f"{address}{page}.html", **how)))
        return opened[-1][1]

    yield visit
    complaints = [
        f"{page}: {complaint}"
        for page, tab in opened
        for complaint in [
            *(f"error: {text}" for kind, text in tab.said if kind == "error"),
            *(
                f"{answer.status} for {answer.url}"
                for answer in tab.responses
                if answer.status >= 400
            ),
            *(
                f"asks for {request.url}"
                for request in tab.requests
                if elsewhere(request.url, address)
            ),
        ]
    ]
    assert not complaints, "\n".join(complaints)


def elsewhere(url: str, address: str) -> bool:
    """Tell whether what a page asks for is neither the site's nor in the page itself."""
    return not url.startswith(address) and urlsplit(url).scheme not in {"data", "blob"}
