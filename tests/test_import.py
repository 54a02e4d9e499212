import doctest
import os
import subprocess
import sys

import pytest

import mlmlearn
import mlmlearn.simulation


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_and_simulating_need_no_r_and_load_nothing_heavy(tmp_path):
    code = """
import sys
import mlmlearn
mlmlearn.simulate(mlmlearn.Condition(3, 4, 0.5))
print(sorted({"pymer4", "rpy2", "matplotlib", "seaborn"} & set(sys.modules)))
"""
    done = python(code, PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", mlmlearn.__all__)
def test_every_public_name_exists_and_is_documented(name):
    assert getattr(mlmlearn, name).__doc__


def test_the_example_of_simulate_is_true():
    found = doctest.testmod(mlmlearn.simulation)
    assert found.attempted >= 2
    assert found.failed == 0
