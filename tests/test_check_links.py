"""`make linkcheck`: it finds the link that does not answer, and only that one."""

import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Handler(BaseHTTPRequestHandler):
    """A host on this machine that knows one page."""

    def do_HEAD(self):
        self.send_response(200 if self.path == "/here" else 404)
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()

    def log_message(self, *_):
        """Be quiet."""


@pytest.fixture
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("path", ["here", "gone"])
def test_a_broken_link_is_listed_and_fails(tmp_path, host, path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "book" / "_static")
    for needed in [ROOT / "book" / "references.bib", *ROOT.glob("book/*.py")]:
        shutil.copy(needed, tmp_path / "book")
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/page\n", encoding="utf-8")
    page = f"# One page\n\n[one]({host}/here), [two]({host}/{path})\n"
    (tmp_path / "book" / "page.md").write_text(page, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, tmp_path / "tools" / "check_links.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    listed = [line for line in result.stdout.splitlines() if host in line]
    if path == "here":
        assert (result.returncode, listed) == (0, []), result.stdout + result.stderr
    else:
        assert result.returncode == 1
        assert len(listed) == 1
        assert listed[0].startswith(f"book/page.md:3: {host}/gone")
    # The site is left alone.
    assert not (tmp_path / "_build" / "html").exists()


def test_doi_org_is_asked_whether_a_doi_is_registered():
    sys.path.insert(0, str(ROOT / "tools"))
    from check_links import ask_doi_registry

    asked = ask_doi_registry(None, "https://doi.org/10.1002/sim.8086")
    assert asked == "https://doi.org/api/handles/10.1002/sim.8086"
    assert ask_doi_registry(None, "https://example.org/10.1002") is None
