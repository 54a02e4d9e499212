"""What compiles the engine's loops, and where it keeps them."""

import os
import subprocess
import sys

import pytest

ADD = """
from mlmlearn import qr
import numpy as np
print(qr.inner(np.ones(4), np.arange(4.0)), qr.inner.stats.cache_path)
"""


@pytest.mark.parametrize("folder", ["writable", "missing"])
def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, folder):
    # Not even root can write into /proc.
    cache = str(tmp_path) if folder == "writable" else "/proc/no-such-folder"
    done = subprocess.run(
        [sys.executable, "-c", ADD],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("6.0")
    assert bool(list(tmp_path.rglob("*.nbi"))) == (folder == "writable")


# numba asks for a temporary file to see whether a folder can be written.
IN_A_SANDBOX = """
import tempfile

def refuse(*_, **__):
    raise OSError("read-only")

tempfile.TemporaryFile = refuse
"""


def test_what_was_compiled_is_read_from_a_folder_that_cannot_be_written(tmp_path):
    hits = "\nprint(sum(qr.inner.stats.cache_hits.values()))"
    for code in (ADD, IN_A_SANDBOX + ADD + hits):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.split()[-1] == "1"
    assert not list(tmp_path.rglob("*.nbi"))


def test_importing_the_package_does_not_import_numba():
    code = "import sys, mlmlearn; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
