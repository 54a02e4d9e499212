"""The linter and the type checker, as tests: then they run beside the others."""

import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.parametrize(
    "tool", ["ruff check --quiet .", "ruff format --check --quiet .", "mypy --no-error-summary"]
)
def test_has_nothing_to_complain_of(tool):
    said = subprocess.run(
        [sys.executable, "-m", *tool.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
