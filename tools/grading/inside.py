"""What the two programs inside a sandbox share: limits on themselves, and values as JSON.

A value leaves a student's process as JSON made of the kinds below and of nothing else, so reading
it back can only make numbers, text, containers, arrays and tables. `pack` runs in that process
and may be tampered with there; `unpack` runs where none of the student's code does, and checks.
"""

import contextlib
import json
import math
import resource
import sys
import types
from fractions import Fraction

MOST_PARTS, LONGEST_TEXT, DEEPEST = 300_000, 100_000, 20


class NotPlainError(ValueError):
    """What is no plain value, as words that go on after its name."""


def limit(memory: float, file_size: float, processes: int = 0) -> None:
    """Set limits that this process and what it starts cannot raise again."""
    wanted = {"AS": memory, "FSIZE": file_size, "NOFILE": 512, "CORE": 0}
    if processes:
        wanted["NPROC"] = processes
    for name, most in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit on memory
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (int(most), int(most)))


def pack(value: object) -> object:
    """Turn a value into what JSON can hold, or raise NotPlainError."""
    return _pack(value, [MOST_PARTS], DEEPEST)


def _pack(value: object, left: list[int], depth: int) -> object:
    left[0] -= 1
    if left[0] < 0:
        raise NotPlainError(f"holds more than {MOST_PARTS} values")
    if depth < 0:
        raise NotPlainError("is nested too deeply")

    def parts(values: object) -> list:
        return [_pack(one, left, depth - 1) for one in values]

    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy and isinstance(value, numpy.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if value is Ellipsis:
        return {"ellipsis": None}
    if isinstance(value, int):
        if value.bit_length() > 1000:
            raise NotPlainError("is a number with hundreds of digits")
        return int(value)
    if isinstance(value, float | Fraction):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise NotPlainError(f"is a text of more than {LONGEST_TEXT} characters")
        return str(value).encode("utf-8", "ignore").decode()  # without half an emoji
    if isinstance(value, list | tuple | set | frozenset):
        return {"tuple" if isinstance(value, tuple) else "list": parts(value)}
    if isinstance(value, dict):
        return {"dict": [parts(pair) for pair in value.items()]}
    if numpy and isinstance(value, numpy.ndarray):
        return {"array": parts([value.dtype.kind, value.tolist()])}
    if pandas and isinstance(value, pandas.Series):
        return {"series": [parts(value.tolist()), parts(value.index.tolist())]}
    if pandas and isinstance(value, pandas.Index):
        return {"list": parts(value.tolist())}
    if pandas and isinstance(value, pandas.DataFrame):
        return {"frame": [parts([name, value[name].tolist()]) for name in value.columns]}
    raise NotPlainError(
        f"is of type {type(value).__name__}, not a plain value: number, text, list, array or table"
    )


def unpack(packed: object, depth: int = DEEPEST + 4) -> object:
    """Turn what `pack` made back into a value, or raise ValueError."""
    if packed is None or isinstance(packed, bool | int | float | str):
        return packed
    if depth < 0 or not isinstance(packed, dict) or len(packed) != 1:
        raise NotPlainError("is not a plain value")
    [(kind, content)] = packed.items()

    def parts(values: list) -> list:
        return [unpack(one, depth - 1) for one in values]

    if kind == "ellipsis":
        return ...
    if kind == "float":
        return float(content)
    if kind == "list":
        return parts(content)
    if kind == "tuple":
        return tuple(parts(content))
    if kind == "dict":
        return dict(map(parts, content))
    if kind == "array":
        import numpy as np

        made, values = parts(content)
        return np.array(values, dtype={"f": float, "i": int, "u": int, "b": bool}.get(made))
    if kind in ("series", "frame"):
        import pandas as pd

        if kind == "frame":
            return pd.DataFrame(dict(map(parts, content)))
        values, index = map(parts, content)
        return pd.Series(values, index=index, dtype=None if values else float)
    raise NotPlainError("is not a plain value")


def key(args: tuple, kwargs: dict) -> str:
    """Name a call by what the function is given."""
    return json.dumps(pack((args, kwargs)))


def words(error: BaseException) -> str:
    """Say an error in one bounded line, whatever its class does when asked."""
    try:
        said = str(error)
    except BaseException:
        said = ""
    text = " ".join(f"{type(error).__name__}: {said}"[:1000].split())
    return text.encode("utf-8", "replace").decode()[:300]


def otter(check: object = None) -> types.ModuleType:
    """Stand for otter-grader, whose import takes seconds and of which two names are used."""
    module = types.ModuleType("otter")
    module.Notebook = lambda *_, **__: check
    module.test_files = types.ModuleType("otter.test_files")

    def test_case(hidden: bool = False, **_: object) -> object:
        def mark(function: object) -> object:
            function.hidden = hidden
            return function

        return mark

    module.test_files.test_case = test_case
    sys.modules["otter"], sys.modules["otter.test_files"] = module, module.test_files
    return module
