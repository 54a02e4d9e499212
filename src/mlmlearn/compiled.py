"""How the engine's loops become machine code: by numba, once a machine, kept on disk.

Modules of compiled functions are imported where they are first needed, since numba takes a while
to import. None calls a compiled function of another: numba compiles a module anew when its own
file has changed, and knows nothing of others.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numba
from numba.core import caching

__all__ = ["compiled"]

# Without Python's lock, and with NumPy's division: a check for zero keeps loops from going abreast.
HOW: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call; other threads go on while it runs.

    No rounding is traded for speed (no `fastmath`), so that machines agree.
    """
    try:
        found: Any = numba.njit(**HOW, cache=True)(function)
    except (RuntimeError, OSError):  # no folder to keep it in can be written
        return numba.njit(**HOW)(function)
    save, files = found._cache.save_overload, found._cache._cache_file

    def save_if_possible(signature: Any, data: Any) -> None:
        # numba numbers the files of a function and writes its list of them first: of processes that
        # compile at once, or after the code has changed, one could run what is not in its list.
        files._data_name_pattern = f"{files._index_name}.{uuid4().hex}.{{number}}.nbc"
        with suppress(OSError):
            save(signature, data)

    found._cache.save_overload = save_if_possible
    return found


class _BesideTheSource(caching.InTreeCacheLocator):
    """Read what set-up has compiled from a folder that cannot be written, as in a sandbox."""

    def ensure_cache_path(self) -> None:
        folder = super().get_cache_path()  # type: ignore[no-untyped-call]
        if not any(Path(folder).glob("*.nbi")):
            super().ensure_cache_path()  # type: ignore[no-untyped-call]


# numba itself compiles anew where it cannot write, half a minute in every process.
caching.CompileResultCacheImpl._locator_classes.insert(1, _BesideTheSource)


def compile_all() -> None:
    """Compile what the strategies need, by using it once; the results stay on disk."""
    from mlmlearn import Condition, Grid, compare, run, simulate

    compare(simulate(Condition(10, 50, 1)), strategies=("mlm_full", "mlm_uncorrelated"))
    run(Grid([10], [5], [1], 1), strategies="two_stage", progress=False)


if __name__ == "__main__":
    compile_all()
