"""How the engine's loops become machine code: by numba, once a machine, kept on disk.

Modules of compiled functions are imported where they are first needed, since numba takes a while
to import. None calls a compiled function of another: numba compiles a module anew when its own
file has changed, and knows nothing of others.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function at its first call; other threads go on while it runs.

    No rounding is traded for speed (no `fastmath`), so that machines agree.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # no folder to keep it in can be written
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]
