"""Where chapters are run: Binder, as repo2docker sees the repository, and `make lab`.

`make binder` does all of Binder's steps and runs every chapter; it takes too long for here.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from browser import WATCHDOG
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "test"
ONE_PAGE = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# One page

```{code-cell} ipython3
import matplotlib.pyplot as plt
_ = plt.plot([1, 2])
```
"""


@pytest.fixture(scope="module")
def dockerfile():
    sys.path.insert(0, str(ROOT / "tools"))
    from try_binder import dockerfile

    return dockerfile(ROOT)


def test_binder_installs_the_system_packages_of_make(dockerfile):
    installed = re.search(
        r"apt-get install --yes --no-install-recommends (python3.*?) &&", dockerfile
    )
    wanted = (ROOT / "binder" / "apt.txt").read_text(encoding="utf-8").split()
    assert set(installed[1].split()) == set(wanted)


def test_binder_starts_the_python_of_runtime_txt(dockerfile):
    version = (ROOT / "binder" / "runtime.txt").read_text("utf-8").strip().removeprefix("python-")
    assert f"py_2d{version.replace('.', '_2e')}".replace("_", "-") in dockerfile


def test_binder_runs_postbuild_and_installs_no_requirements_into_its_own_server(dockerfile):
    # The lock holds another JupyterLab than the notebook server that Binder starts can use.
    assert "RUN ./binder/postBuild" in dockerfile
    assert "pip install" not in dockerfile


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start what `make lab` starts, on a copy of the folder's outline; return its address."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("tools/lab.py", "binder/overrides.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "book").mkdir()
    for name in ("intro", "page"):
        (folder / "book" / f"{name}.md").write_text(ONE_PAGE, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {"HOME": str(folder / "home"), "BROWSER": "true", "JUPYTER_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, folder / "tools/lab.py", str(port)],
        env=os.environ | home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=WATCHDOG / 1000)
        except OSError:
            assert process.poll() is None
            time.sleep(0.1)
        else:
            break
    yield address
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        # Its kernels have ended by then; now and then a thread of its own keeps it from ending.
        process.kill()
        process.wait()


@pytest.fixture
def page(chromium):
    """Open a page that notes what it asks for."""
    page = chromium.new_page()
    page.set_default_timeout(WATCHDOG)
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    yield page
    page.close()


def test_a_chapter_opens_as_a_notebook_on_a_click_and_runs(lab, page):
    page.goto(f"{lab}/?token={TOKEN}")
    page.get_by_role("listitem", name="page.md").dblclick()
    notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(notebook.locator(".jp-CodeCell")).to_be_visible(timeout=WATCHDOG)
    # Before its kernel is there, JupyterLab answers "run" with a question.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=WATCHDOG)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(notebook.locator(".jp-OutputArea-output img")).to_be_visible(timeout=WATCHDOG)
    # No news, no updates, no list of extensions to install: nothing leaves this machine.
    assert [url for url in page.requested if not url.startswith((lab, "data:", "blob:"))] == []
    asked = " ".join(page.requested)
    assert "/lab/api/settings" in asked
    assert not re.search(r"/lab/api/(news|update|extensions)", asked)


def test_the_address_that_launch_links_name_opens_a_notebook(lab, page):
    page.goto(f"{lab}/lab/tree/book/page.md?token={TOKEN}")
    expect(page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")).to_be_visible(
        timeout=WATCHDOG
    )
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["launch_buttons"]["notebook_interface"] == "jupyterlab"


def test_a_port_that_is_none_is_refused_with_a_sentence():
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "lab.py", "lab"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "PORT is a number" in result.stderr
