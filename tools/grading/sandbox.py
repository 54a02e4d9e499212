"""Run one of our programs in a sandbox of its own, and read what it wrote once all of it has ended.

bubblewrap makes the sandbox: namespaces of its own for processes, mounts, network and IPC; a view
of nothing but the interpreter, the packages and the files that are named; three small folders in
memory to write into; no capability. A filter of system calls closes what namespaces leave open.
For an ordinary user it runs in a user namespace, for root as a user that owns nothing. What comes
out is one file, opened here beforehand and bounded by the kernel: no name, link or device of a
student's is ever looked at.
"""

import contextlib
import functools
import json
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib.font_manager  # makes the list of fonts, which sandboxes are shown
import psutil

import mlmlearn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ADVICE = (
    "Install it (`apt-get install bubblewrap`; on Ubuntu 24.04 and later an ordinary user also "
    "needs `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`), or, if you trust every "
    "student with all of your files, add --trust (make grade OPTIONS=--trust)."
)


@dataclass(frozen=True)
class Limits:
    """How much one submission may use."""

    cell_seconds: float = 120
    total_seconds: float = 900
    memory: float = 3e9
    file_size: float = 1e8
    processes: int = 100
    files: int = 20_000


class StoppedError(Exception):
    """The teacher interrupted the grading."""


# Numbers of system calls on x86-64 and on 64-bit ARM, and the architectures' own.
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
REFUSED = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442),
    # Memory that belongs to no process, so that nobody counts it.
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    # Taking processor time from the process that watches.
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),
}  # fmt: skip
NEW_NAMESPACES = 0x7E020000
SHARED_ANONYMOUS = 0x21


def system_call_filter() -> bytes | None:
    """Make the seccomp program (classic BPF), or none for a machine that is not in the table."""
    if platform.machine() not in MACHINES:
        return None
    column, machine = MACHINES[platform.machine()]
    allow, refuse, unknown = (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x50026)
    load, equal, at_least, any_bit, mask = 0x20, 0x15, 0x35, 0x45, 0x54

    def call(*numbers: int) -> int:
        return numbers[column]

    def argument(number: int) -> tuple:
        return (load, 0, 0, 16 + 8 * number)

    program = [(load, 0, 0, 4), (equal, 1, 0, machine), refuse, (load, 0, 0, 0)]
    program += [(at_least, 0, 1, 0x40000000), refuse]
    for numbers in REFUSED.values():
        program += [(equal, 0, 1, call(*numbers)), refuse]
    # The C library takes clone where there is no clone3, whose flags cannot be looked at.
    program += [(equal, 0, 1, 435), unknown]
    program += [(equal, 0, 4, call(56, 220)), argument(0), (any_bit, 0, 1, NEW_NAMESPACES)]
    program += [refuse, allow]
    program += [(equal, 0, 5, call(9, 222)), argument(3), (mask, 0, 0, SHARED_ANONYMOUS)]
    program += [(equal, 0, 1, SHARED_ANONYMOUS), refuse, allow]
    # Limits and priorities of oneself alone.
    program += [(equal, 0, 6, call(141, 140)), argument(0), (equal, 0, 2, 0), argument(1)]
    program += [(equal, 1, 0, 0), refuse, allow]
    program += [(equal, 0, 4, call(302, 261)), argument(0), (equal, 1, 0, 0), refuse, allow]
    # Sockets within the empty network alone: neither to a virtual machine's host nor to the kernel.
    program += [(equal, 0, 6, call(41, 198)), argument(0)]
    program += [(equal, 2, 0, 1), (equal, 1, 0, 2), (equal, 0, 1, 10), allow, refuse]
    return b"".join(struct.pack("HBBI", *line) for line in [*program, allow])


@functools.cache
def views() -> list[str]:
    """Name everything that every sandbox may read: bubblewrap's arguments."""
    shown = ["--size", "200000000", "--perms", "1777", "--tmpfs", "/tmp"]
    base, real = Path(sys.base_prefix), Path(sys.base_prefix).resolve()
    folders = ["/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/fonts"]
    folders += ["/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts"]
    folders += [sysconfig.get_path("stdlib"), str(Path(sys.executable).resolve().parent)]
    folders += [str(one / part) for one in (base, real) for part in ("bin", "lib")]
    for top in ("/bin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(top):
            shown += ["--symlink", os.readlink(top), top]
        else:
            folders.append(top)
    for folder in dict.fromkeys(folders):
        shown += [*_parents(folder), "--ro-bind-try", folder, folder]
    if any(ROOT.is_relative_to(folder) for folder in folders):
        shown += ["--tmpfs", str(ROOT)]
    package = str(Path(mlmlearn.__file__).resolve().parent)
    for folder in (sys.prefix, package):
        shown += [*_parents(folder), "--ro-bind", folder, folder]
    shown += ["--proc", "/proc", "--dev", "/dev", "--size", "100000000", "--perms", "1777"]
    shown += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    shown += ["--size", "300000000", "--perms", "1777", "--tmpfs", "/notebook"]
    # Imported to be made: the list of fonts takes seconds.
    for listed in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shown += ["--perms", "1777", "--dir", "/notebook/.matplotlib"]
        shown += ["--ro-bind", str(listed), f"/notebook/.matplotlib/{listed.name}"]
    return shown


def _parents(folder: str) -> list[str]:
    """Make the folders above one that is shown, so that anybody may walk through them."""
    above = [str(parent) for parent in reversed(Path(folder).parents)][1:]
    return [word for parent in above for word in ("--perms", "0755", "--dir", parent)]


def environment(home: str) -> dict[str, str]:
    """Give a program only what it needs of ours: no secrets, and its own home."""
    threads = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    return threads | {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": home,
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


_slots = iter(range(10**9))
_slot_lock = threading.Lock()


def _other_user() -> int:
    """Pick a user that owns nothing, for each sandbox another, so that none counts another's."""
    with _slot_lock:
        return 61_184 + (os.getpid() * 7 + next(_slots)) % 4000


@dataclass(frozen=True)
class Outcome:
    """What a program wrote, and what it or bubblewrap said if it could not start."""

    data: bytes
    said: str


def run(
    program: str,
    job: dict,
    course: dict[str, Path],
    limits: Limits,
    stop: threading.Event,
    trust: bool = False,
) -> Outcome:
    """Run `program` of this folder on a job, with the course's files under the names given."""
    job = job | {
        "memory": limits.memory,
        "file_size": limits.file_size,
        "processes": limits.processes,
        "files": limits.files,
        "cell_seconds": limits.cell_seconds,
        "total_seconds": limits.total_seconds,
    }
    with contextlib.ExitStack() as stack:
        scratch = Path(
            stack.enter_context(tempfile.TemporaryDirectory("-grade", ignore_cleanup_errors=True))
        )
        (scratch / "job").write_text(json.dumps(job), encoding="utf-8")
        given = stack.enter_context((scratch / "job").open("rb"))
        said = stack.enter_context((scratch / "said").open("w+b", buffering=0))
        out = stack.enter_context((scratch / "out").open("a+b", buffering=0))
        passed = [out.fileno()]
        if trust:
            work = scratch / "work"
            work.mkdir()
            for name, path in course.items():
                shutil.copy(path, work / name)
            command, home, tools, knows = [], str(work), str(HERE), None
        else:
            command, knows, fds = _bubblewrap(program, course, stack)
            passed += fds
            home, tools = "/notebook", "/grading"
        command += [sys.executable, "-I", "-B", f"{tools}/{program}", tools, str(out.fileno())]
        process = subprocess.Popen(
            command,
            cwd=home if trust else "/",
            env=environment(home),
            stdin=given,
            stdout=said,
            stderr=said,
            pass_fds=passed,
            start_new_session=True,
        )
        try:
            _wait(process, knows, limits, stop)
        finally:
            _end(process, knows)
        return Outcome(
            _content(out, limits.file_size), _content(said, 2000).decode(errors="replace")
        )


def _content(file: object, most: float) -> bytes:
    return os.pread(file.fileno(), int(most), 0)


def _bubblewrap(
    program: str, course: dict[str, Path], stack: contextlib.ExitStack
) -> tuple[list[str], list[int], list[int]]:
    """Write the command; tell where bubblewrap will say its child's number, and what to pass."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    stack.callback(os.close, writing)
    passed = [writing]
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--as-pid-1"]
    command += ["--hostname", "grading", "--cap-drop", "ALL", "--info-fd", str(writing)]
    if os.geteuid() == 0:
        # In a user namespace of root's the program would still be root to what lies outside.
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    command += views()
    for name, path in course.items():
        command += ["--ro-bind", str(path), f"/notebook/{name}"]
    command += ["--perms", "0755", "--dir", "/grading"]
    for name in (program, "inside.py"):
        command += ["--ro-bind", str(HERE / name), f"/grading/{name}"]
    command += ["--remount-ro", "/", "--chdir", "/notebook"]
    if filter_ := system_call_filter():
        seccomp = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        seccomp.write(filter_)
        seccomp.seek(0)
        command += ["--seccomp", str(seccomp.fileno())]
        passed.append(seccomp.fileno())
    command.append("--")
    if os.geteuid() == 0:
        user = str(_other_user())
        command += ["/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups"]
        command += ["--inh-caps=-all"]
    return command, [reading], passed


def _wait(
    process: subprocess.Popen, knows: list[int] | None, limits: Limits, stop: threading.Event
) -> None:
    """Wait until the program ends; it keeps its limits itself, and here they are kept for it."""
    deadline, rounds = time.monotonic() + limits.total_seconds + 30, 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            return
        if stop.is_set():
            raise StoppedError
        rounds += 1
        most = 2 * limits.memory
        if time.monotonic() > deadline:
            return
        if knows and rounds % 20 == 0 and _memory(process, most) > most:
            return


def _memory(process: subprocess.Popen, enough: float) -> float:
    """Add up the memory of all processes in a sandbox; with shares of forks where it is much."""
    total = 0.0
    for exact in (False, True):
        total = 0
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    memory = one.memory_full_info() if exact else one.memory_info()
                    total += memory.pss if exact else memory.rss - memory.shared
        if total < enough:
            break
    return total


def _end(process: subprocess.Popen, knows: list[int] | None) -> None:
    """End what still runs; with the namespace's first process goes everything in it."""
    if process.poll() is None:
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            if knows is None:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.set_blocking(knows[0], False)
                os.kill(json.loads(os.read(knows[0], 4096))["child-pid"], signal.SIGKILL)
                process.wait(10)
        with contextlib.suppress(OSError):
            process.kill()
    process.wait()


@functools.cache
def problem() -> str:
    """Say in a sentence why there is no sandbox here; empty when there is."""
    if not shutil.which("bwrap"):
        return f"bubblewrap, which keeps notebooks away from your files, is not there. {ADVICE}"
    seen = [Path(mlmlearn.__file__), HERE / "inside.py", Path(sys.executable).resolve()]
    if os.geteuid() == 0 and not all(path.stat().st_mode & 0o004 for path in seen):
        return (
            "Only you may read this folder, so no other user can run anything in it, and nothing "
            f"of a student's is run as root. Call `chmod -R go+rX {ROOT}`, and again."
        )
    tried = run("judge.py", {"questions": []}, {}, Limits(), threading.Event())
    if tried.data:
        return ""
    why = " ".join(tried.said.split())[-300:]
    return f"bubblewrap cannot make a sandbox here ({why}). {ADVICE}"
