import errno
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from mlmlearn import RunError
from mlmlearn.store import RunFolder, write_atomically

TABLE = pd.DataFrame({"x": [0.1, float("nan"), 1e-300], "term": ["a", "b", "Ä"]})
OTHER = TABLE.assign(x=1.5)


@pytest.fixture
def folder(tmp_path):
    store = RunFolder(tmp_path / "run")
    store.note(seed=1, grid={"n_obs": [5, 25], "replications": 2})
    store.write("00001-00000000", OTHER)
    store.write("00000-00000000", TABLE)
    return store


def parts(store):
    return sorted((store.path / "parts").iterdir())


def test_parts_come_back_bit_for_bit_in_the_order_of_the_grid(folder):
    n_rows, (first, second) = RunFolder(folder.path).read()
    assert n_rows == len(TABLE) + len(OTHER)
    pd.testing.assert_frame_equal(first, TABLE, check_exact=True)
    pd.testing.assert_frame_equal(second, OTHER, check_exact=True)
    assert RunFolder(folder.path).manifest == folder.manifest


@pytest.mark.parametrize("length", [0, 1, 200, -1])
def test_a_truncated_part_is_left_out_and_replaced_when_it_is_written(folder, length):
    path = parts(folder)[0]
    path.write_bytes(path.read_bytes()[:length])
    with pytest.warns(UserWarning, match=rf"left out 1 damaged part \({path.name}\); the same run"):
        assert list(folder.sound()) == ["00001-00000000"]
    folder.write("00000-00000000", OTHER)
    assert len(parts(folder)) == 2
    assert list(folder.sound()) == ["00000-00000000", "00001-00000000"]


def test_two_sound_files_for_one_part_are_not_both_of_this_run(folder):
    other = folder.path.with_name("other")
    stray = RunFolder(other)
    stray.write("00000-00000000", OTHER)
    shutil.copy(parts(stray)[0], folder.path / "parts")
    with pytest.warns(UserWarning, match="left out 2 damaged parts"):
        assert list(folder.sound()) == ["00001-00000000"]
    folder.write("00000-00000000", TABLE)
    assert len(parts(folder)) == 2
    pd.testing.assert_frame_equal(next(folder.read()[1]), TABLE, check_exact=True)


def test_a_lock_reads_the_manifest_anew(folder):
    late = RunFolder(folder.path)
    folder.note(seed=2)
    assert late.manifest["seed"] == 1
    with late.locked():
        assert late.manifest["seed"] == 2


def test_a_folder_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").mkdir()
    with pytest.raises(RunError, match=f"run could not be written: {os.strerror(errno.EISDIR)}"):
        RunFolder(tmp_path / "run").locked().__enter__()


def test_one_changed_byte_is_noticed(folder):
    path = parts(folder)[1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="left out 1 damaged part"):
        assert list(folder.sound()) == ["00000-00000000"]


def test_an_unfinished_file_is_no_part_and_is_cleared_away(folder):
    left = folder.path / "parts" / "00002-00000000.abc.parquet.99.tmp"
    left.write_bytes(b"PAR1")
    assert len(folder.sound()) == 2
    with folder.locked():
        assert not left.exists()


def test_another_run_is_refused_with_every_difference(folder):
    folder.check({"seed": 1, "grid": {"n_obs": [5, 25], "replications": 2}})
    with pytest.raises(RunError) as caught:
        folder.check({"seed": 2, "grid": {"n_obs": [5], "replications": 2}})
    assert str(caught.value) == (
        f"{folder.path} holds another run: grid.n_obs is [5, 25] there and [5] here; "
        "seed is 1 there and 2 here; choose another folder, or ask for the same run"
    )


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(RunError, match=r"has files in it but no run \(no manifest.json\); name an"):
        RunFolder(tmp_path)


def test_a_damaged_manifest_is_named(folder):
    (folder.path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match=r"manifest\.json cannot be read"):
        RunFolder(folder.path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file"):
        RunFolder(tmp_path / "file" / "run").note(seed=1)


def test_a_full_disk_is_named_and_leaves_what_was_there(folder, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = parts(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        said = f"parquet could not be written: {os.strerror(errno.ENOSPC)}"
        with pytest.raises(RunError, match=said):
            folder.write("00002-00000000", TABLE)
    assert parts(folder) == before


def test_a_write_replaces_the_whole_file(tmp_path):
    write_atomically(tmp_path / "a", b"long content")
    write_atomically(tmp_path / "a", b"short")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"short"


def test_two_processes_do_not_work_in_one_folder(folder):
    code = f"""
from mlmlearn import RunError
from mlmlearn.store import RunFolder
try:
    with RunFolder({str(folder.path)!r}).locked():
        print("locked")
except RunError as error:
    print(error)
"""

    def other():
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout

    with folder.locked():
        assert other().startswith("another process is computing the run in ")
    assert other() == "locked\n"
