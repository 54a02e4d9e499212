"""The process that runs one student's cells; `execute` starts it and watches over it.

It says through a pipe which cell begins and how it ended, and puts the values that the tests of a
question read into a file, where `grader.check` stands or else at the end. A function cannot be
put into a file: once the cells are done, this process stays to call it when a test does, each time
in a copy of itself, so that a call can do no harm to the next. Nothing said here is trusted further
than a variable's value is: whoever forges it only forges their own answers.
"""

import base64
import json
import os
import pickle
import signal
import socket
import sys
import time
import types
from pathlib import Path

# Values, not data sets of a size that no question asks for.
LARGEST_VALUE = 20_000_000


class Reporter:
    """Sends one JSON line a message; silent in a process forked by a cell."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.descriptor, self.process = descriptor, os.getpid()
        # Kept, because a cell may replace them.
        self.dumps, self.write, self.getpid = json.dumps, os.write, os.getpid
        self.leave = os._exit

    def __call__(self, **message: object) -> None:
        """Send a message."""
        if self.getpid() != self.process:
            self.leave(0)
        self.write(self.descriptor, self.dumps(message).encode() + b"\n")


def pack(value: object) -> dict[str, str]:
    """Pickle a value, or say why it cannot be kept."""
    if isinstance(value, types.ModuleType):
        return {"problem": "is a module"}
    try:
        if callable(value) and not isinstance(value, type):
            return {"function": ""}
        pickled = pickle.dumps(value, protocol=4)
    except BaseException as error:  # a cell's own class can raise anything
        return {"problem": f"cannot be kept ({type(error).__name__}): it is not a plain value"}
    if len(pickled) > LARGEST_VALUE:
        return {"problem": f"is larger than {LARGEST_VALUE / 1e6:.0f} MB"}
    return {"pickle": base64.b64encode(pickled).decode()}


class Capture:
    """Stands for otter's `Notebook` while grading: a check keeps values instead of testing them."""

    def __init__(self, wanted: dict[str, list[str]], folder: Path, namespace: dict) -> None:
        self._wanted, self._folder, self._namespace = wanted, folder, namespace
        self._complete: set[str] = set()
        self.functions: dict[tuple[str, str], object] = {}

    def _keep(self, question: str) -> None:
        names = [n for n in self._wanted[question] if n in self._namespace]
        packed = {name: pack(self._namespace[name]) for name in names}
        for name in names:
            if "function" in packed[name]:
                self.functions.setdefault((question, name), self._namespace[name])
        part = self._folder / f"{question}.part"
        part.write_text(json.dumps(packed), encoding="utf-8")
        part.replace(self._folder / f"{question}.json")
        if len(names) == len(self._wanted[question]):
            self._complete.add(question)

    def check(self, question: str, *_: object, **__: object) -> None:
        """Keep what the tests of this question read."""
        if question in self._wanted:
            for name in self._wanted[question]:
                self.functions.pop((question, name), None)
            self._keep(question)

    def check_all(self, *_: object, **__: object) -> None:
        """Do nothing: every question is kept where it is checked, or at the end."""

    export = check_all

    def finish(self) -> None:
        """Keep what no check kept: it was deleted, or stood before the answer."""
        for question in self._wanted:
            kept = self._folder / f"{question}.json"
            if question in self._complete:
                continue
            before = json.loads(kept.read_text()) if kept.exists() else {}
            self._keep(question)
            merged = json.loads(kept.read_text()) | before
            kept.write_text(json.dumps(merged), encoding="utf-8")


def call(capture: Capture, request: dict, result: Path) -> None:
    """Call a function of the notebook and leave what it returns in a file."""
    for output in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    args, kwargs = pickle.loads(base64.b64decode(request["arguments"]))
    try:
        answer = pack(capture.functions[request["question"], request["name"]](*args, **kwargs))
    except BaseException as error:  # SystemExit, too
        answer = {"problem": f"stopped with {type(error).__name__}: {error}"[:300]}
    result.write_text(json.dumps(answer), encoding="utf-8")


def serve(capture: Capture, calls: socket.socket, folder: Path, seconds: float) -> None:
    """Call functions for the tests, a line of JSON each way, until the tests are over."""
    lines = calls.makefile("rwb")
    for line in lines:
        result = folder / "call.json"
        result.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            try:
                call(capture, json.loads(line), result)
            finally:
                os._exit(0)
        deadline, ended = time.monotonic() + seconds, 0
        while not ended and time.monotonic() < deadline:
            ended, _ = os.waitpid(child, os.WNOHANG)
            time.sleep(0.005)
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            answer = json.dumps({"problem": f"did not return within {seconds:.0f} s"})
        elif result.exists():
            answer = result.read_text(encoding="utf-8")
        else:
            answer = json.dumps({"problem": "ended the Python process"})
        lines.write(answer.encode() + b"\n")
        lines.flush()


def main() -> None:
    """Run the job whose file, pipe and socket are named on the command line."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    report = Reporter(int(sys.argv[2]))
    calls = socket.socket(fileno=int(sys.argv[3]))
    calls.set_inheritable(False)
    sys.path.insert(0, job["tools"])
    from grading import sandbox

    del sys.path[0]
    sandbox.limit(job["memory"], job["file_size"])
    sandbox.confine(job["readable"], [job["folder"], "/dev/null"])

    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False
    sys.path.insert(0, job["folder"])  # where personal.py is
    sys.argv = ["notebook"]
    shell = InteractiveShell.instance(colors="NoColor")
    for magic in ("matplotlib", "config"):  # about Jupyter's display, of which there is none here
        shell.magics_manager.magics["line"][magic] = lambda _: None
    capture = Capture(job["wanted"], Path(job["captured"]), shell.user_ns)
    stub = types.ModuleType("otter")
    stub.Notebook = lambda *_, **__: capture
    sys.modules["otter"] = stub
    shell.user_ns["grader"] = capture
    for number, source in enumerate(job["cells"]):
        if source is None:
            continue
        report(begin=number)
        result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        report(end=number, error=f"{type(error).__name__}: {error}"[:300] if error else None)
    report(begin=len(job["cells"]))
    capture.finish()
    report(done=True)
    serve(capture, calls, Path(job["folder"]), job["cell_seconds"])
    os._exit(0)  # threads and exit handlers of the notebook have no say


if __name__ == "__main__":
    main()
