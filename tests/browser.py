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
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# The names that tools/setup looks for, too.
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
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
def contexts(chromium: Browser) -> Callable[..., BrowserContext]:
    """Keep a context for each kind of reader, so that files are fetched once."""

    @functools.cache
    def context(theme: str, size: tuple[int, int], javascript: bool, reader: str) -> BrowserContext:
        return chromium.new_context(
            # What the reader's system prefers, which the theme follows until it is told otherwise.
            color_scheme=theme,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )

    return context


@pytest.fixture
def visit(contexts: Callable[..., BrowserContext], address: str) -> Iterator[Callable[..., Page]]:
    """Open pages; the test fails on an error in one, or when it asks another host for anything.

    Readers of different names share nothing: no cache, no remembered theme.
    """
    opened: list[Page] = []
    complaints: list[str] = []

    def visit(
        page: str,
        *,
        theme: str = "light",
        size: tuple[int, int] = DESKTOP,
        javascript: bool = True,
        reader: str = "",
    ) -> Page:
        tab = contexts(theme, size, javascript, reader).new_page()
        opened.append(tab)
        tab.set_default_timeout(WATCHDOG)

        def complain(what: str) -> None:
            complaints.append(f"{page} ({theme}): {what}")

        tab.on("pageerror", lambda error: complain(f"error: {error}"))
        tab.on(
            "console",
            lambda said: complain(f"error: {said.text}") if said.type == "error" else None,
        )
        tab.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(address)
                or urlsplit(request.url).scheme in {"data", "blob"}
                else complain(f"asks for {request.url}")
            ),
        )
        tab.on(
            "response",
            lambda answer: (
                complain(f"{answer.status} for {answer.url}") if answer.status >= 400 else None
            ),
        )
        tab.goto(f"{address}{page}.html")
        return tab

    yield visit
    for tab in opened:
        tab.close()
    assert not complaints, "\n".join(complaints)
