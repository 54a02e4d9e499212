"""Fixtures that several modules share, and the one place that decides whether R can be used."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from browser import address, browse, chromium, idle, visit  # noqa: F401  (fixtures)
from bs4 import BeautifulSoup

from mlmlearn import Condition, SimulatedData, engine_pymer4, simulate

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
REFERENCE = {
    "intro",
    "explorer",
    "playground",
    "teaching",
    "glossary",
    "reproducibility",
    "api",
    "bibliography",
}
CHAPTERS = [page for page in PAGES if Path(page).name not in REFERENCE]

# An R that other tests started in this process changes the environment for its children.
ENVIRONMENT = dict(os.environ)

# How to have lme4 search where its optimum is asked for. By default it stops short on the rats of
# nlme in version 1.1-37 (REML 841.868, where this ends at 841.857), and on other data where sums
# round otherwise.
BOBYQA = "lme4::lmerControl('bobyqa')"

R_PACKAGES = ("lme4", "lmerTest", "emmeans", "sandwich", "nlme")


def why_no_r() -> str:
    """Say what is missing for the tests that call R; nothing when all is there."""
    absent = [name for name in ("rpy2", "pymer4") if find_spec(name) is None]
    if absent:
        return f"needs R: the Python package {absent[0]} is not installed"
    if shutil.which("R") is None:
        return "needs R: there is no R on the PATH"
    code = f"cat(setdiff(c{R_PACKAGES}, rownames(installed.packages())))"
    asked = subprocess.run(
        ["R", "--slave", "--no-init-file", "-e", code], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return f"needs R: R does not start ({asked.stderr.strip()[:200]})"
    return f"needs R: no R package {asked.stdout}" if asked.stdout.strip() else ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--built-site",
        action="store_true",
        help="look at the site that _build/html holds, instead of building it first",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Ask for a worker a core, as far as this process may use them, and not for many."""
    if fcntl is None:
        return 1
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(4, mine or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The first worker gets the first tests: it builds the site while others do without one.
    items.sort(key=lambda item: "site_folder" not in item.fixturenames)
    calling_r = [item for item in items if item.get_closest_marker("needs_r")]
    reason = why_no_r() if calling_r else ""
    if reason:
        for item in calling_r:
            item.add_marker(pytest.mark.skip(reason=reason))
    elif calling_r:
        # Before any test loads rpy2 by itself, which would change LD_LIBRARY_PATH and with it
        # the interpreter that later tests start.
        engine_pymer4.versions()


def build_book(root: Path) -> "subprocess.CompletedProcess[str]":
    """Call the build script of the book in `root`."""
    script = root / "tools" / "build_book.py"
    return subprocess.run(
        [sys.executable, script], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def site_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the whole book, once; its cells hold the claims of the prose by assertions."""
    if not request.config.getoption("--built-site"):
        shared = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            shared = shared.parent  # of all workers of this call
        said = shared / "site.txt"
        # The first worker to come builds, the others wait, and all go by what the build said.
        with (shared / "site.lock").open("w") as lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.exists():
                result = build_book(ROOT)
                complaint = (result.stdout + result.stderr)[-5000:] if result.returncode else ""
                said.write_text(complaint, encoding="utf-8")
        assert said.read_text(encoding="utf-8") == ""
    return ROOT / "_build" / "html"


@pytest.fixture(scope="session")
def site(site_folder: Path) -> dict[str, BeautifulSoup]:
    """Give every page of the built site, parsed, by its file name, such as book/intro.html."""
    return {
        path.relative_to(site_folder).as_posix(): BeautifulSoup(
            path.read_text(encoding="utf-8"), "html.parser"
        )
        for path in site_folder.rglob("*.html")
    }


def r_frame(code: str) -> pd.DataFrame:
    """Evaluate R code that gives a data frame; factors arrive as strings."""
    from rpy2 import robjects

    frame = robjects.r(f"as.data.frame({code})")
    columns = {}
    for name, column in zip(frame.names, frame, strict=True):
        if isinstance(column, robjects.FactorVector):
            columns[name] = list(robjects.r["as.character"](column))
        else:
            columns[name] = np.array(column)
    return pd.DataFrame(columns)


def to_r(df: pd.DataFrame) -> Any:
    from rpy2 import robjects

    columns = {
        str(name): robjects.FloatVector(column.to_numpy(float))
        if pd.api.types.is_numeric_dtype(column)
        else robjects.StrVector(column.astype(str).tolist())
        for name, column in df.items()
    }
    return robjects.r["data.frame"](**columns, **{"check.names": False})


@pytest.fixture(scope="session")
def in_r() -> Callable[..., SimpleNamespace]:
    """Run a strategy of reference.R on a data frame."""
    from rpy2 import robjects

    source = (Path(__file__).parent / "reference.R").read_text(encoding="utf-8")
    robjects.r(f"reference <- new.env(); local({{{source}\n}}, reference)")

    def run(
        strategy: str, df: pd.DataFrame, outcome: str, predictors: list[str], group: str
    ) -> Any:
        function = robjects.r(f"reference${strategy}")
        found = function(to_r(df), outcome, robjects.StrVector(predictors), group)
        return SimpleNamespace(
            **{
                name: list(value) if isinstance(value, robjects.StrVector) else np.array(value)
                for name, value in found.items()
            }
        )

    return run


@pytest.fixture(scope="session")
def sleepstudy() -> pd.DataFrame:
    """lme4's sleepstudy: 18 subjects, 10 days each, sorted by subject."""
    return r_frame("lme4::sleepstudy")


@pytest.fixture(scope="session")
def simulated() -> SimulatedData:
    """Twenty groups of ten, three predictors: every strategy's fit ends cleanly."""
    return simulate(Condition(20, 10, 0.5), seed=5)


# The formula of data sets with three predictors, whose group is called Group.
FORMULA = "DV ~ IV1 + IV2 + IV3"
