"""`make linkcheck`: it finds the link that does not answer, and only that one."""

import importlib
import json
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


def test_a_broken_link_is_listed_and_fails(tmp_path, host):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "book" / "_static")
    for needed in [ROOT / "book" / "references.bib", *ROOT.glob("book/*.py")]:
        shutil.copy(needed, tmp_path / "book")
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/page\n", encoding="utf-8")
    page = f"# One page\n\n[one]({host}/here), [two]({host}/gone)\n"
    (tmp_path / "book" / "page.md").write_text(page, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, tmp_path / "tools" / "check_links.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    listed = [line for line in result.stdout.splitlines() if host in line]
    assert result.returncode == 1, result.stdout + result.stderr
    assert len(listed) == 1
    assert listed[0].startswith(f"book/page.md:3: {host}/gone")
    assert "2 links asked, 1 of them broken" in result.stdout
    # The site is left alone.
    assert not (tmp_path / "_build" / "html").exists()


@pytest.fixture
def check_links(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("check_links")


@pytest.mark.parametrize(
    ("answers", "status"), [(["working", "redirected", "local"], 0), (["timeout"], 1), (None, 1)]
)
def test_only_links_that_all_answer_are_a_success(
    check_links, monkeypatch, tmp_path, answers, status
):
    """What Sphinx wrote is made up here, and nothing at all when it did not get that far."""

    def build(*options, **_):
        if answers is not None:
            output = tmp_path / "_build/linkcheck/_build/html/output.json"
            output.parent.mkdir(parents=True)
            link = {"filename": "page.md", "lineno": 1, "uri": "https://example.org", "info": ""}
            lines = [json.dumps(link | {"status": answer}) + "\n" for answer in answers]
            output.write_text("".join(lines), encoding="utf-8")
        return int(answers is None)

    monkeypatch.setattr(check_links, "ROOT", tmp_path)
    monkeypatch.setattr(check_links, "build", build)
    monkeypatch.setattr(check_links, "variant_of_config", lambda name, change: tmp_path / name)
    assert check_links.main() == status


def test_doi_org_is_asked_whether_a_doi_is_registered(check_links):
    ask = check_links.ask_doi_registry
    asked = ask(None, "https://doi.org/10.1002/sim.8086")
    assert asked == "https://doi.org/api/handles/10.1002/sim.8086"
    assert ask(None, "https://example.org/10.1002") is None
