"""What compiles the engine's loops, and where it keeps them."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mlmlearn import normals

ADD = """
from mlmlearn import qr
import numpy as np
found = qr.triangles_of_blocks(np.ones((1, 1, 4)), np.ones((1, 1)), 1)
print(found[0, 0, 0], qr.triangles_of_blocks.stats.cache_path)
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
    assert done.stdout.startswith("-2.0")
    assert bool(list(tmp_path.rglob("*.nbi"))) == (folder == "writable")


# numba asks for a temporary file to see whether a folder can be written.
IN_A_SANDBOX = """
import tempfile

def refuse(*_, **__):
    raise OSError("read-only")

tempfile.TemporaryFile = refuse
"""


def test_what_was_compiled_is_read_from_a_folder_that_cannot_be_written(tmp_path):
    hits = "\nprint(sum(qr.triangles_of_blocks.stats.cache_hits.values()))"
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


MODULE = """
from mlmlearn.compiled import compiled

@compiled
def changed(x):
    return x + {added}
"""
CALL = "import own; print(own.changed({x}))"
# A process that is stopped, or looked at, between its two files.
LIST_ALONE = "import own; own.changed._cache._cache_file._save_data = lambda *_: None; "


def test_no_process_runs_what_another_or_an_older_one_compiled(tmp_path):
    def python(code):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    own = tmp_path / "own.py"
    own.write_text(MODULE.format(added=1))
    assert python(CALL.format(x=1)) == "2"
    own.write_text(MODULE.format(added=2))
    assert python(LIST_ALONE + CALL.format(x=1)) == "3"
    assert python(CALL.format(x=1)) == "3"  # not 2, what the older code makes of it
    # Two that begin with the same list, and end in turn: each calls its first file "1".
    (listed,) = tmp_path.rglob("*.nbi")
    listed.unlink()
    assert python(CALL.format(x=0.5)) == "2.5"
    of_one = listed.read_bytes()
    listed.unlink()
    assert python(CALL.format(x=1)) == "3"
    listed.write_bytes(of_one)
    assert python(CALL.format(x=0.5)) == "2.5"


def test_importing_the_package_does_not_import_numba():
    code = "import sys, mlmlearn; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_random_numbers_are_numpys_to_the_bit():
    # Among two million numbers are hundreds from the tail, which comes about by another road.
    b, J, n, k = 4, 20, 5000, 5
    addresses = np.random.default_rng(1).integers(2**32, size=(b, 15), dtype=np.uint32)
    betas, deviations = np.empty((b, k)), np.empty((b, J, k))
    X, noise = np.empty((b, J, n, k)), np.empty((b, J, n))
    normals.fill(addresses, True, betas, deviations, X, noise)
    assert (np.abs(X) > normals.TAIL).sum() > 300
    for i, address in enumerate(addresses):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(address)))
        np.testing.assert_array_equal(betas[i], rng.uniform(size=k))
        np.testing.assert_array_equal(deviations[i], rng.standard_normal((J, k)))
        np.testing.assert_array_equal(X[i, ..., 0], 1)
        np.testing.assert_array_equal(X[i, ..., 1:], rng.standard_normal((J, n, k - 1)))
        np.testing.assert_array_equal(noise[i], rng.standard_normal((J, n)))


@pytest.mark.parametrize("words", [4, 5, 14, 40])
def test_seeds_are_numpys_to_the_bit(words):
    rng = np.random.default_rng(words)
    for address in [*rng.integers(2**32, size=(50, words), dtype=np.uint32), np.zeros(words, "u4")]:
        expected = np.random.SeedSequence(address).generate_state(4, np.uint64)
        np.testing.assert_array_equal(normals.seeds_of(address), expected)
