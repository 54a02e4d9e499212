"""How the engine's loops become machine code: by numba, once a machine, kept on disk.

Modules of compiled functions are imported where they are first needed, since numba takes a while
to import. None calls a compiled function of another: numba compiles a module anew when its own
file has changed, and knows nothing of others.
"""

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call; other threads go on while it runs.

    No rounding is traded for speed (no `fastmath`), so that machines agree.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except (RuntimeError, OSError):  # no folder to keep it in can be written
        return numba.njit(nogil=True)(function)


def compile_all() -> None:
    """Compile what the strategies need, by using it once; the results stay on disk."""
    from mlmlearn import Condition, compare, simulate

    simulated = simulate(Condition(10, 50, 1))  # large enough for the loops that draw
    compare(simulated, strategies=("mlm_full", "mlm_uncorrelated", "two_stage"))


if __name__ == "__main__":
    compile_all()
