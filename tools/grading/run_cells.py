"""Runs one notebook's cells inside its sandbox: the namespace's first process, and a copy of it.

The first process runs nothing of the student's. It forks, and the copy runs the cells and says
through a pipe which one begins, how it ended, and which values the tests of a question read. One
rule covers every cell that cannot be let go on (it never ends, ends the interpreter, takes all
memory): everything but the first process is killed, and another copy runs the notebook without
that cell. What is said goes into one file that was opened outside. Whoever forges it only forges
their own answers: values are all that it holds.
"""

import ast
import builtins
import contextlib
import ctypes
import importlib.util
import json
import os
import select
import shutil
import signal
import sys
import time

sys.path.insert(0, sys.argv[1])

import inside

MOST_RESTARTS = 8
WRITABLE = ("/notebook", "/tmp", "/dev/shm")
PR_SET_DUMPABLE = 4
# Magics of Python's; what asks for another program, an installer or a browser is left out.
RUN = {"time", "timeit", "capture", "prun", "run", "writefile", "precision"}


class Speaker:
    """Sends one JSON line a message; silent in a process forked by a cell."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._process = descriptor, os.getpid()
        # Kept, because a cell may replace them.
        self._dumps, self._write, self._getpid, self._leave = (
            json.dumps, os.write, os.getpid, os._exit,
        )  # fmt: skip

    def __call__(self, *message: object) -> None:
        """Send a message."""
        if self._getpid() != self._process:
            self._leave(0)
        data = self._dumps(message).encode() + b"\n"
        while data:
            data = data[self._write(self._descriptor, data) :]


class Capture:
    """Stands for otter's `Notebook`: a check keeps values instead of testing them."""

    def __init__(self, job: dict, skip: dict, say: Speaker, namespace: dict) -> None:
        self._wanted, self._calls, self._skip = job["wanted"], job["calls"], skip
        self._say, self._namespace = say, namespace
        self._kept: dict[tuple[str, str], bool] = {}
        self.cell = 0

    def _pack(self, question: str, name: str, value: object) -> object:
        if callable(value):
            calls = self._calls.get(question, {}).get(name, [])
            return {"function": [self._call(question, name, value, call) for call in calls]}
        try:
            return inside.pack(value)
        except BaseException as error:  # a cell's own class can raise anything
            return {"problem": inside.words(error).removeprefix("NotPlainError: ")}

    def _call(self, question: str, name: str, function: object, call: str) -> object:
        label = f"{question} {name}"
        if label in self._skip:
            return {"problem": self._skip[label]}
        self._say("begin", label)
        try:
            args, kwargs = inside.unpack(json.loads(call))
            return inside.pack(function(*args, **kwargs))
        except inside.NotPlainError as error:
            return {"problem": f"returns what {error}"}
        except BaseException as error:  # SystemExit, too
            return {"problem": f"stopped with {inside.words(error)}"}

    def check(self, question: str = "", *_: object, **__: object) -> None:
        """Keep what the tests of this question read."""
        if question in self._wanted:
            self._keep(question, self._wanted[question])

    def _keep(self, question: str, names: list[str]) -> None:
        there = [name for name in names if name in self._namespace]
        packed = {name: self._pack(question, name, self._namespace[name]) for name in there}
        for name in there:
            self._kept[question, name] = self._namespace[name] is not ...
        self._say("value", question, packed)
        self._say("begin", self.cell)

    def finish(self) -> None:
        """Keep what no check kept: it was deleted, or stood before the answer."""
        for question, names in self._wanted.items():
            self._keep(question, [n for n in names if not self._kept.get((question, n))])

    def __getattr__(self, name: str) -> object:
        """Do nothing for `check_all`, `export` and the like: all is kept at the end."""
        return lambda *_, **__: None


class Missing:
    """Stands for a package that is not there: whatever is done with it does nothing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _itself(self, *_: object, **__: object) -> "Missing":
        return self

    def __getattr__(self, name: str) -> "Missing":
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> object:
        return iter(())

    __call__ = __getitem__ = __enter__ = __add__ = __radd__ = __sub__ = __rsub__ = _itself
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = _itself

    def __exit__(self, *_: object) -> None:
        pass


class MissingPackages(ast.NodeTransformer):
    """Lets a cell live on whose import names a package that is not there."""

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Leave alone what the notebook itself is prepared for."""
        return node

    def _replace(self, node: ast.AST, packages: dict[str, str]) -> list[ast.AST]:
        made = [
            ast.parse(f"{name} = __missing__({top!r})").body[0] for name, top in packages.items()
        ]
        return [ast.fix_missing_locations(ast.copy_location(one, node)) for one in made]

    def visit_Import(self, node: ast.Import) -> list[ast.AST]:
        """Replace `import name`."""
        tops = {alias: alias.name.split(".")[0] for alias in node.names}
        gone = {alias.asname or top: top for alias, top in tops.items() if absent(top)}
        node.names = [alias for alias, top in tops.items() if not absent(top)]
        return [*([node] if node.names else []), *self._replace(node, gone)]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> object:
        """Replace `from name import ...`."""
        top = (node.module or "").split(".")[0]
        if node.level or not absent(top):
            return node
        gone = {a.asname or a.name: top for a in node.names if a.name != "*"}
        return self._replace(node, gone) or ast.copy_location(ast.Pass(), node)


def absent(package: str) -> bool:
    """Tell whether a package is not installed."""
    with contextlib.suppress(Exception):
        return package not in sys.modules and importlib.util.find_spec(package) is None
    return False


def run(job: dict, skip: dict, descriptor: int) -> None:
    """Run the cells: what the forked copy does."""
    from IPython.core.interactiveshell import InteractiveShell

    let_others_look(True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    say = Speaker(descriptor)
    sys.path.insert(0, os.getcwd())  # where personal.py is
    sys.argv = ["notebook"]
    shell = InteractiveShell.instance(colors="NoColor")
    capture = Capture(job, skip, say, shell.user_ns)
    typed: list[str] = []

    def note(text: str) -> None:
        say("note", capture.cell, text[:300])

    def answer(prompt: object = "", *_: object, **__: object) -> str:
        prompt = str(prompt).strip()
        for place, line in enumerate(typed):
            if line.startswith(prompt):
                del typed[: place + 1]
                return line.removeprefix(prompt).strip()
        note("asked for something to be typed in, which nobody can do while it is graded")
        return job["typed"]

    def line_magic(name: str, line: str, _stack_depth: int = 1) -> object:
        if name in RUN:
            return run_line(name, line, _stack_depth + 1)
        if name not in ("matplotlib", "config"):  # about a display, of which there is none here
            note(f"the line %{name} {line} was skipped")
        return None

    def cell_magic(name: str, line: str, cell: str) -> object:
        if name in RUN:
            return run_cell(name, line, cell)
        note(f"what stands below %%{name} was skipped")
        return None

    def system(command: str, *_: object, **__: object) -> list[str]:
        note(f"the line !{command} was skipped")
        return []

    def missing(package: str) -> Missing:
        note(f"the package {package} is not there when notebooks are graded; its lines do nothing")
        return Missing(package)

    run_line, run_cell = shell.run_line_magic, shell.run_cell_magic
    shell.run_line_magic, shell.run_cell_magic = line_magic, cell_magic
    shell.system = shell.getoutput = system
    shell.ast_transformers.append(MissingPackages())
    builtins.input, builtins.__missing__ = answer, missing
    import getpass

    getpass.getpass = answer
    inside.otter(capture)
    shell.user_ns["grader"] = capture
    last_id = None
    for number, cell in enumerate(job["cells"]):
        if number in skip:
            continue
        capture.cell, typed[:] = number, cell["typed"]
        say("begin", number)
        try:
            result = shell.run_cell(cell["source"], store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as raised:  # IPython's own, of half an emoji for instance
            error = raised
        if error:
            say("error", number, inside.words(error))
        with contextlib.suppress(BaseException):
            stated = shell.user_ns.get("student_id")
            if stated is not last_id and stated is not ... and stated is not None:
                say("id", inside.pack(stated))
                last_id = stated
    capture.cell = len(job["cells"])
    say("begin", capture.cell)
    capture.finish()
    say("done")


class Watch:
    """The first process: it forks, watches, kills and forks again."""

    def __init__(self, job: dict, out: int) -> None:
        self.job, self.out = job, out
        self.alone = os.getpid() == 1
        self.skip: dict[object, str] = {}
        self.deadline = time.monotonic() + job["total_seconds"]

    def write(self, *message: object) -> None:
        """Put a line into the file that is read once all of this has ended."""
        os.write(self.out, json.dumps(message).encode() + b"\n")

    def end(self, child: int) -> None:
        """Kill all but this process."""
        with contextlib.suppress(ProcessLookupError):
            # As the first process of its namespace it reaches everything in there, and only that.
            os.kill(-1, signal.SIGKILL) if self.alone else os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1 if self.alone else child, 0):
                pass

    def excess(self) -> str | None:
        """Say which limit the processes exceed together."""
        if not self.alone:
            return None
        others = [pid for pid in os.listdir("/proc") if pid.isdigit() and pid != "1"]
        if len(others) > self.job["processes"]:
            return "started too many processes and was stopped"
        if sum(map(resident, others)) > self.job["memory"] and (
            sum(map(proportional, others)) > self.job["memory"]
        ):
            return f"took more than {self.job['memory'] / 1e9:g} GB of memory and was stopped"
        for folder in WRITABLE:
            state = os.statvfs(folder)
            if state.f_files - state.f_ffree > self.job["files"]:
                return f"made more than {self.job['files']} files and was stopped"
        return None

    def tidy(self) -> None:
        """Take away what the cells wrote, for the next time or, if it is too much, for good."""
        for folder in WRITABLE if self.alone else ():
            for entry in os.scandir(folder):
                with contextlib.suppress(Exception):
                    if entry.is_dir(follow_symlinks=False) and not os.path.ismount(entry.path):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        os.unlink(entry.path)

    def once(self) -> tuple[object, str | None]:
        """Run what is left; return where it stopped, and why it had to be stopped."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.close(self.out)
            if not self.alone:
                os.setpgid(0, 0)
            os.nice(5)  # so that whatever the cells start, the process that watches has its turn
            try:
                run(self.job, self.skip, writing)
            except BaseException as error:
                Speaker(writing)(
                    "note", None, f"the notebook could not be run: {inside.words(error)}"
                )
            os._exit(0)  # threads and exit handlers of the notebook have no say
        os.close(writing)
        try:
            return self.follow(reading, child)
        finally:
            self.end(child)
            os.close(reading)

    def follow(self, reading: int, child: int) -> tuple[object, str | None]:
        """Listen to the copy until it is done or has to be stopped."""
        current, began, told, ended, open_ = None, time.monotonic(), b"", False, True
        while True:
            ready = select.select([reading] if open_ else [], [], [], 0.05)[0]
            if ready:
                chunk = os.read(reading, 1 << 16)
                open_ = bool(chunk)
                *lines, told = (told + chunk).split(b"\n") if b"\n" in chunk else [told + chunk]
                for line in lines:
                    with contextlib.suppress(ValueError, RecursionError, TypeError):
                        kind, *rest = json.loads(line)
                        if kind == "begin":
                            current, began = rest[0], time.monotonic()
                        elif kind == "done":
                            return current, None
                        else:
                            os.write(self.out, line + b"\n")
                            if kind == "id" and self.job["until_id"]:
                                return current, None
            elif ended:
                return current, "ended the Python process"
            now = time.monotonic()
            if reason := self.excess():
                return current, reason
            if now > self.deadline:
                return current, "time"
            if now - began > self.job["cell_seconds"]:
                return current, f"did not end within {self.job['cell_seconds']:g} s and was stopped"
            if len(told) > 60_000_000:
                return current, "made values that are too large"
            with contextlib.suppress(ChildProcessError):
                for _ in range(100):  # orphans come to this process, perhaps without end
                    pid, _status = os.waitpid(-1, os.WNOHANG)
                    ended |= pid == child

    def main(self) -> None:
        """Run the notebook, without the cells that have to be left out."""
        for _ in range(MOST_RESTARTS + 1):
            current, reason = self.once()
            if reason is None:
                return
            if reason == "time":
                limit = self.job["total_seconds"]
                self.write("note", None, f"the notebook did not end within {limit:g} s; what it "
                           "had computed by then was graded")  # fmt: skip
                return
            if current is None or current == len(self.job["cells"]):
                self.write("note", None, f"the notebook {reason} before or after its cells")
                return
            self.skip[current] = reason
            self.tidy()
            os.ftruncate(self.out, 0)
            for label, why in self.skip.items():
                if isinstance(label, int):
                    self.write("error", label, why)
        self.write("note", None, f"more than {MOST_RESTARTS} cells had to be stopped")


def let_others_look(may: bool) -> None:
    """Open or close this process to the others of the same user."""
    with contextlib.suppress(AttributeError):  # macOS, where they are trusted, has none
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, int(may))


def resident(pid: str) -> int:
    """Tell how much memory a process has of its own."""
    try:
        with open(f"/proc/{pid}/statm") as statm:
            _, both, shared, *_ = map(int, statm.read().split())
    except (OSError, ValueError):
        return 0
    return (both - shared) * os.sysconf("SC_PAGE_SIZE")


def proportional(pid: str) -> int:
    """Tell the same, with a share of what forks have in common."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return resident(pid)


def main() -> None:
    """Run the job that stands in the standard input."""
    job = json.load(sys.stdin)
    let_others_look(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inside.limit(job["memory"], job["file_size"], 2 * job["processes"] if os.getpid() == 1 else 0)
    from IPython.core.history import HistoryManager

    HistoryManager.enabled = False
    import IPython.core.interactiveshell  # noqa: F401

    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    with contextlib.suppress(OSError):  # the file is full: what it holds is graded
        Watch(job, int(sys.argv[2])).main()
    os._exit(0)


if __name__ == "__main__":
    main()
