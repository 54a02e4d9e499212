"""What results may depend on besides the code: processor, linear algebra and versions."""

import os
import platform
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info, threadpool_limits

__all__ = ["describe", "one_thread", "package_versions", "restored"]

PACKAGES = ("mlmlearn", "numpy", "scipy", "pandas", "pyarrow", "joblib")

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def describe() -> dict[str, Any]:
    """Describe this machine: system, processor, number of cores, and NumPy's BLAS."""
    libraries = {
        f"{library['internal_api']} {library['version']} ({library.get('architecture', 'any')})"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "blas": ", ".join(sorted(libraries)) or "unknown",
    }


def _processor() -> str:
    """Name the processor as its maker does, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    named = re.search(r"^model name\s*:\s*(.*\S)", text, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that all engines stand on."""
    return {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}


@contextmanager
def restored(*names: str) -> Iterator[None]:
    """Give variables of the environment back what they held."""
    before = {name: os.environ[name] for name in names if name in os.environ}
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


_alone = threading.RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let one thread of this process in, and keep its linear algebra to one thread.

    R knows no threads, cores are for workers, and sums keep one order. The limit holds for
    libraries that are loaded, the environment for those still to come.
    """
    with _alone, threadpool_limits(limits=1), restored(*THREADS):
        os.environ.update(dict.fromkeys(THREADS, "1"))
        yield
