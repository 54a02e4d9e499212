"""Find what was handed in: a folder, or the zip of a class that a learning platform hands out.

File names of Canvas, Moodle and Blackboard say whose a file is and which of several came last.
Links, devices and the like are never opened.
"""

import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from grading.submission import LARGEST, Submission, one_line, read_cells

# Of one zip: a class's, or one that a student put into it.
MOST_FILES, MOST_BYTES = (5000, 50), (1_000_000_000, 2 * LARGEST)
GIVEN_OUT = "personal.py"
# Who, the platform's number of them, and the number of the submission.
CANVAS = re.compile(r"(?P<who>[^_/]+)_(?:LATE_)?(?P<id>\d{3,})_(?P<order>\d{3,})_[^/]+$")
MOODLE = re.compile(r"(?P<who>[^/]+)_(?P<id>\d+)_assignsubmission_")
BLACKBOARD = re.compile(r"[^/]+_(?P<who>[^_/]+)_attempt_(?P<order>[\d-]+)")
AGAIN = re.compile(r"[-_ ]\(?(\d{1,3})\)?$")


def platform(name: str) -> tuple[str, str, tuple, tuple]:
    """Tell from a file's name whose it is, their number, and which attempt by platform and name."""
    path = PurePosixPath(name)
    again = AGAIN.search(path.stem)
    attempt = (int(again[1]),) if again else (0,)
    if found := MOODLE.search(name):
        return found["who"], found["id"], (), attempt
    if found := CANVAS.search(path.name):
        return found["who"], found["id"], (attempt, int(found["order"])), attempt
    if found := BLACKBOARD.search(path.name):
        when = tuple(int(n) for n in re.findall(r"\d+", found["order"]))
        return found["who"], "", when, attempt
    return "", "", (), attempt


def hidden(name: str) -> bool:
    """Tell whether a file is none that a student meant to hand in."""
    parts = [part for part in PurePosixPath(name).parts if part not in (".", "..")]
    return parts[-1:] == [GIVEN_OUT] or any(part.startswith((".", "__")) for part in parts)


def open_zip(content: bytes | Path) -> zipfile.ZipFile:
    """Open a zip, also one that calls a name UTF-8 which is none, at which Python gives up."""
    try:
        return zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)
    except UnicodeDecodeError:
        data = bytearray(content if isinstance(content, bytes) else content.read_bytes())

        def number(place: int, size: int) -> int:
            return int.from_bytes(data[place : place + size], "little")

        place = number(data.rfind(b"PK\x05\x06") + 16, 4)
        while data[place : place + 4] == b"PK\x01\x02":
            # The flag that says UTF-8, in the list of files and where the file itself begins.
            for flag in (place + 9, number(place + 42, 4) + 7):
                data[flag] &= 0xF7
            place += 46 + sum(number(place + length, 2) for length in (28, 30, 32))
        return zipfile.ZipFile(io.BytesIO(data))


def in_zip(file: str, content: bytes | Path, depth: int = 0) -> Iterator[Submission]:
    """Yield the files of a zip, and of a zip in it, without unpacking anything to the disk."""
    left = MOST_BYTES[depth]
    try:
        with open_zip(content) as archive:
            for number, entry in enumerate(archive.infolist()):
                name = entry.filename.replace("\\", "/")
                if entry.is_dir() or hidden(name):
                    continue
                name = f"{file}/{name}" if file else name
                if number >= MOST_FILES[depth] or left < 0:
                    yield Submission(name, problem="and what follows in its zip is too much")
                    return
                date = tuple(entry.date_time)
                if entry.file_size > LARGEST:
                    yield Submission(name, problem=f"is larger than {LARGEST / 1e6:.0f} MB")
                    continue
                try:
                    with archive.open(entry) as stream:
                        data = stream.read(LARGEST + 1)
                        left -= len(data)
                except Exception:  # a password, a damaged entry, a method unknown here
                    yield Submission(name, problem="cannot be read from its zip")
                    continue
                if name.lower().endswith(".zip") and depth == 0:
                    yield from in_zip(name, data, 1)
                else:
                    yield Submission(name, data, order=date)
    except Exception:
        yield Submission(file or "the zip", problem="is not a zip that can be read")


def in_folder(folder: Path) -> Iterator[Submission]:
    """Yield the files of a folder and of its folders."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            relative = Path(os.path.relpath(path, folder)).as_posix()
            if hidden(relative):
                continue
            try:
                # Neither through a link nor waiting for somebody to write into a pipe.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                yield Submission(relative, problem="is a link or cannot be opened")
                continue
            with open(descriptor, "rb") as stream:
                state = os.fstat(descriptor)
                if not stat.S_ISREG(state.st_mode):
                    yield Submission(relative, problem="is not a file")
                elif relative.lower().endswith(".zip"):
                    yield from in_zip(relative, Path(path))
                elif state.st_size > LARGEST:
                    yield Submission(relative, problem=f"is larger than {LARGEST / 1e6:.0f} MB")
                else:
                    yield Submission(relative, stream.read(LARGEST + 1), order=(state.st_mtime_ns,))


def digest(content: bytes) -> str:
    """Name a content, which is not kept."""
    return hashlib.sha256(content).hexdigest()


def collect(place: Path, leave_out: Path | None = None) -> list[Submission]:
    """Read everything that was handed in, before the first notebook runs."""
    found, names = [], set()
    for one in in_folder(place) if place.is_dir() else in_zip("", place):
        if leave_out and place.is_dir() and (place / one.file).resolve() == leave_out.resolve():
            continue
        who, number, order, attempt = platform(one.file)
        name = one_line(one.file, 400)
        while name in names:
            name += " (again)"
        names.add(name)
        one = replace(one, file=name, person=one_line(who, 100), lms_id=number)
        one = replace(one, order=(order, one.order, attempt))
        if not one.problem:
            try:
                cells, metadata = read_cells(one.content)
                one = replace(one, cells=cells, metadata=metadata, digest=digest(one.content))
            except Exception:  # whatever a damaged or a hostile file raises
                one = replace(one, problem="is not a notebook")
        one = replace(one, content=b"")
        found.append(one)
    # A platform's folder may hold a text beside the notebook: the notebook is the submission.
    with_notebook = {(s.person, s.lms_id) for s in found if s.person and not s.problem}
    kept = [s for s in found if not s.problem or (s.person, s.lms_id) not in with_notebook]
    return sorted(kept, key=lambda s: s.file)
