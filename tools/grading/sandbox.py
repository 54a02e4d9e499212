"""What a student's process may use: memory, file size, and on Linux the files it can reach."""

import contextlib
import ctypes
import os
import resource
import signal
import sys

# Numbers from Linux's headers (prctl.h, landlock.h, unistd.h); the same on all its architectures
# that Python's wheels exist for.
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEV = 1, 2, 4, 8, 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
# What a rule on a file, rather than a folder, may grant.
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
# Every right of the first version of Landlock, of its second (move between folders) and its third
# (truncate).
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}


# From the sixth version on (Linux 6.12): no signals to processes outside, so not to the grader.
SCOPE_SIGNAL = 2


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def limit(memory: int, file_size: int) -> None:
    """Bound memory and the size of any file written, in bytes; die with the grader."""
    # Memory that is written to; RLIMIT_AS would also count what libraries only reserve.
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(kind, (most, most))
    # A file too large is an error in the cell, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def landlock_version() -> int:
    """Ask the kernel which version of Landlock it has; 0 for none."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def confine(readable: list[str], writable: list[str]) -> bool:
    """Let this process, and all it starts, reach these paths only; False where not possible.

    Landlock (Linux 5.13 and newer) needs no privileges. Without it a notebook could read the
    answers or another submission; the grades of others are safe all the same, because the grader
    reads every submission before it runs the first and keeps results itself.
    """
    version = landlock_version()
    if version < 1:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    rights = RIGHTS[min(version, 3)]
    ruleset = _Ruleset(rights, 0, SCOPE_SIGNAL if version >= 6 else 0)
    # Older kernels know the structure's first field only.
    size = ctypes.sizeof(ruleset) if version >= 6 else 8
    descriptor = libc.syscall(
        CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    if descriptor < 0:
        return False
    for paths, access in ((readable, READ), (writable, rights)):
        for path in paths:
            if not os.path.exists(path):
                continue
            allowed = access & rights if os.path.isdir(path) else access & rights & ON_FILES
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = _PathBeneath(allowed, beneath)
            libc.syscall(ADD_RULE, descriptor, 1, ctypes.byref(rule), ctypes.c_uint32(0))
            os.close(beneath)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = libc.syscall(RESTRICT_SELF, descriptor, ctypes.c_uint32(0)) == 0
    os.close(descriptor)
    return done
