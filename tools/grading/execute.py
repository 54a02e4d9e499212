"""Run a student's cells under limits, from outside.

One rule covers every cell that cannot be let go on (it ends the interpreter, never ends itself,
floods the output, eats the memory until it is killed): the process is killed, and the notebook is
run anew without that cell, so that it costs only what depends on it.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib
import psutil

import mlmlearn

TOOLS = Path(__file__).resolve().parent.parent
MOST_RESTARTS = 8
SYSTEM = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev/urandom", "/dev/zero"]
# Set in every process of one submission, to find those that left its process group.
MARK = "MLMLEARN_SUBMISSION"


@dataclass(frozen=True)
class Limits:
    """How much one submission may use."""

    cell_seconds: float = 120
    total_seconds: float = 900
    memory: int = 3_000_000_000
    output: int = 10_000_000
    file_size: int = 200_000_000


class StoppedError(Exception):
    """The teacher interrupted the grading."""


@dataclass
class Run:
    """What became of the cells: numbers count from 0, reasons are for the student.

    `calls` leads to the process, still there, that calls the notebook's functions.
    """

    errors: dict[int, str] = field(default_factory=dict)
    unfinished: str | None = None
    calls: socket.socket | None = None
    process: subprocess.Popen | None = None
    mark: str = ""

    def close(self) -> None:
        """End what is left of the notebook."""
        if self.process:
            end(self.process, self.mark)
            self.process.stdout.close()
            self.process = None
        if self.calls:
            self.calls.close()
            self.calls = None


def environment(folder: Path, mark: str) -> dict[str, str]:
    """Give a process only what it needs of ours: no secrets, and its own home and temp folder."""
    cache = folder / "matplotlib"
    if not cache.exists():
        # The list of fonts takes seconds to make.
        shutil.copytree(matplotlib.get_cachedir(), cache, dirs_exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(cache),
        # Submissions run side by side, a core each.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        MARK: mark,
    }


def end(process: subprocess.Popen, mark: str) -> None:
    """Kill a process and all that it started, also what has left its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for other in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if other.pid != os.getpid() and other.environ().get(MARK) == mark:
                other.kill()
    process.wait()


def execute(
    cells: list[str],
    wanted: dict[str, list[str]],
    folder: Path,
    limits: Limits,
    stop: threading.Event,
) -> Run:
    """Run the cells in `folder`; the values kept are then in its subfolder `captured`.

    The caller closes the result, once no function of the notebook is called any more.
    """
    captured = folder / "captured"
    captured.mkdir()
    result = Run()
    deadline = time.monotonic() + limits.total_seconds
    left: list[str | None] = list(cells)
    for _ in range(MOST_RESTARTS + 1):
        job = {
            "cells": left,
            "wanted": wanted,
            "folder": str(folder),
            "captured": str(captured),
            "tools": str(TOOLS),
            "memory": limits.memory,
            "file_size": limits.file_size,
            "cell_seconds": limits.cell_seconds,
            "readable": [
                *SYSTEM,
                sys.prefix,
                sys.base_prefix,
                sysconfig.get_path("stdlib"),
                str(Path(mlmlearn.__file__).parent),
            ],
        }
        errors, culprit, reason = _once(job, folder, limits, deadline, stop, result)
        if culprit is None:
            result.errors |= errors
            result.unfinished = reason
            return result
        result.errors = {n: e for n, e in result.errors.items() if left[n] is None}
        result.errors[culprit] = reason
        left[culprit] = None
    result.unfinished = f"more than {MOST_RESTARTS} cells had to be stopped"
    return result


def _once(
    job: dict, folder: Path, limits: Limits, deadline: float, stop: threading.Event, result: Run
) -> tuple[dict[int, str], int | None, str | None]:
    """Run the cells once: errors by cell, the cell that had to be stopped, and why."""
    job_file = folder / "job.json"
    job_file.write_text(json.dumps(job), encoding="utf-8")
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-B",
            Path(__file__).with_name("run_cells.py"),
            job_file,
            str(writing),
            str(theirs.fileno()),
        ],
        cwd=folder,
        env=environment(folder, mark),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[writing, theirs.fileno()],
        start_new_session=True,
    )
    os.close(writing)
    theirs.close()
    errors: dict[int, str] = {}
    current, began, printed, told, done = None, time.monotonic(), 0, b"", False
    tail, reason = b"", None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, "output")
            selector.register(reading, selectors.EVENT_READ, "report")
            while reason is None and not done:
                for key, _ in selector.select(timeout=0.1):
                    chunk = os.read(key.fd, 1 << 16)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.data == "output":
                        printed += len(chunk)
                        tail = (tail + chunk)[-2000:]
                    else:
                        *lines, told = (told + chunk)[-100_000:].split(b"\n")
                        for line in lines:
                            message = _message(line)
                            done |= message.get("done") is True
                            if isinstance(message.get("begin"), int):
                                current, began, printed = message["begin"], time.monotonic(), 0
                            if isinstance(message.get("error"), str) and current is not None:
                                errors[current] = message["error"]
                now = time.monotonic()
                if stop.is_set():
                    raise StoppedError
                if done:
                    break
                if printed > limits.output:
                    reason = f"printed more than {limits.output / 1e6:.0f} MB and was stopped"
                elif now - began > limits.cell_seconds:
                    reason = f"did not end within {limits.cell_seconds:.0f} s and was stopped"
                elif now > deadline:
                    return (
                        errors,
                        None,
                        (
                            f"the notebook did not end within {limits.total_seconds:.0f} s; "
                            "what it had computed by then was graded"
                        ),
                    )
                elif process.poll() is not None and not selector.select(timeout=0):
                    reason = "ended the Python process"
                elif not selector.get_map():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=1)
                    ended = process.poll() is not None
                    reason = (
                        "ended the Python process" if ended else "cut itself off from the grader"
                    )
    finally:
        os.close(reading)
        result.process, result.mark, result.calls = process, mark, ours
        if not done:
            result.close()
    if done:
        return errors, None, None
    if current is None:
        raise RuntimeError(f"the grader could not start: {tail.decode(errors='replace')}")
    if current >= len(job["cells"]):
        return errors, None, "the notebook's values could not be collected at its end"
    return errors, current, reason


def _message(line: bytes) -> dict:
    with contextlib.suppress(ValueError):
        message = json.loads(line)
        if isinstance(message, dict):
            return message
    return {}
