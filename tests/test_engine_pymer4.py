import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mlmlearn import Condition, engine_pymer4, fit, simulate
from mlmlearn.formulas import read

REMEDY = (
    "Install R with lme4, lmerTest and emmeans (on Debian or Ubuntu: apt-get install "
    "r-base-dev r-cran-lme4 r-cran-lmertest r-cran-emmeans), then pip install 'mlmlearn[pymer4]'. "
    'Or do without R: engine="batch".'
)

FIT = """
from mlmlearn import Condition, EngineError, fit, simulate
try:
    fit("two_stage", simulate(Condition(5, 6, 1)), engine="pymer4")
except EngineError as error:
    print(error)
else:
    print("fitted")
"""


def run(code: str, **environment: str) -> str:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Hides a package from Python, as if it had never been installed.
HIDE = """
import sys
class Hiding:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {package!r}:
            return None
        return self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
"""


@pytest.mark.parametrize("package", ["rpy2", "pymer4"])
def test_a_missing_python_package_is_named(package):
    if package == "pymer4" and find_spec("rpy2") is None:
        pytest.skip("rpy2, which is looked for first, is not installed")
    assert run(HIDE.format(package=package) + FIT, PATH=os.environ["PATH"]) == (
        f"the pymer4 engine needs the Python package {package}, which is missing. {REMEDY}"
    )


def test_missing_r_is_named(tmp_path):
    for package in ("rpy2", "pymer4"):
        if find_spec(package) is None:
            pytest.skip(f"{package}, which is looked for first, is not installed")
    assert run(FIT, PATH=str(tmp_path)) == (
        f"the pymer4 engine needs R, which was not found on this machine. {REMEDY}"
    )


def libraries_without(hidden: set[str], folder: Path) -> str:
    """Build an R library that has every installed package but the hidden ones."""
    paths = subprocess.run(
        ["R", "--slave", "--no-init-file", "-e", r"cat(.libPaths(), sep = '\n')"],
        capture_output=True,
        text=True,
        check=True,
    )
    for library in map(Path, paths.stdout.split()):
        for package in library.iterdir():
            link = folder / package.name
            if package.name not in hidden and not link.exists():
                link.symlink_to(package)
    return str(folder)


@pytest.mark.needs_r
def test_the_r_packages_that_are_missing_are_named_and_no_other(tmp_path):
    library = libraries_without({"lmerTest", "emmeans"}, tmp_path)
    found = run(
        FIT,
        PATH=os.environ["PATH"],
        R_LIBS=library,
        R_LIBS_SITE="/nonexistent",
        R_LIBS_USER="/nonexistent",
    )
    assert found == (
        f"the pymer4 engine needs the R packages lmerTest, emmeans, not installed. {REMEDY}"
    )


@pytest.mark.needs_r
def test_a_fit_above_its_nested_model_has_not_converged(monkeypatch):
    data = simulate(Condition(12, 8, 0.5), seed=1)
    right = fit("mlm_full", data, engine="pymer4")
    nested = engine_pymer4._nested_deviance
    # The nested model is the random intercept's, which lme4 finds without fail.
    expected = fit("mlm_intercept", data, engine="pymer4").reml_deviance
    arrays = read(data.formula, data.data, "Group")
    assert nested(arrays) == pytest.approx(expected, abs=1e-5)
    assert right.reml_deviance <= expected + 1e-6
    assert not any("above that of" in text for text in right.messages)
    monkeypatch.setattr(engine_pymer4, "_nested_deviance", lambda data: right.reml_deviance - 3)
    wrong = fit("mlm_full", data, engine="pymer4")
    assert not wrong.converged
    assert (
        "mlmlearn: lme4 ended at a deviance 3 above that of the random intercept alone"
        in (wrong.messages[-1])
    )
