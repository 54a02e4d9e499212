"""The process that runs the tests on the values kept of one submission.

None of the student's code runs here. Values come as pickles, which could name any function to be
called, so only the classes of plain values are admitted: numbers, text, containers, NumPy, pandas
and mlmlearn. A class of the notebook's own, made to equal everything, is not one of them, and
a name that the assignment imports (`np`, a function of personal.py) always means the original.
"""

import base64
import functools
import importlib
import io
import json
import os
import pickle
import re
import sys
from pathlib import Path

PLAIN = {
    "builtins": {
        *("Ellipsis", "NotImplemented", "bytearray", "complex", "frozenset", "range", "set"),
        *("slice", "list", "dict", "tuple", "int", "float", "str", "bool", "bytes"),
    },
    "collections": {"OrderedDict", "defaultdict", "Counter", "deque"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "_codecs": {"encode"},
    "numpy": {"ndarray", "dtype"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "types": {"SimpleNamespace"},
}
# Modules all of whose classes are values.
PLAIN_BELOW = ("mlmlearn.", "pandas.core.", "pandas._libs.", "numpy.dtypes")


class PlainUnpickler(pickle.Unpickler):
    """Admits the classes of plain values only."""

    def find_class(self, module: str, name: str) -> object:
        """Look a class up, or refuse."""
        plain = name in PLAIN.get(module, ()) or module.startswith(PLAIN_BELOW)
        # A dotted name walks through attributes: `DataFrame.eval` is no class.
        if not plain or "." in name:
            raise pickle.UnpicklingError(f"{module}.{name} is not a plain value")
        found = super().find_class(module, name)
        helper = name.startswith("_") or module.startswith("numpy._core") or module == "_codecs"
        if module.startswith(PLAIN_BELOW) and not (isinstance(found, type) or helper):
            raise pickle.UnpicklingError(f"{module}.{name} is a function, not a value")
        return found


def unpack(captured: Path) -> tuple[dict[str, object], dict[str, str]]:
    """Read the values kept for a question, and what is wrong with those that could not be."""
    values, problems = {}, {}
    kept = json.loads(captured.read_text(encoding="utf-8")) if captured.exists() else {}
    for name, packed in kept.items():
        if "problem" in packed:
            problems[name] = packed["problem"]
            continue
        try:
            values[name] = PlainUnpickler(io.BytesIO(base64.b64decode(packed["pickle"]))).load()
        except Exception:  # whatever a forged pickle raises
            problems[name] = "is not a plain value (a number, text, list, array or table)"
    return values, problems


def public_reason(message: str) -> str:
    """Take the error's own words out of a doctest's report."""
    found = re.findall(r"^\s*(\w*(?:Error|Exception|Warning)\b.*)$", message, re.MULTILINE)
    words = found[-1].strip() if found else "the check failed"
    return words.removeprefix("AssertionError: ")[:300]


def judge(question: dict, captured: Path, student_id: object, given: list[str]) -> dict:
    """Grade one question: points, and what went wrong."""
    from otter.test_files import OKTestFile

    name = question["name"]
    values, problems = unpack(captured / f"{name}.json")
    values["student_id"] = student_id
    blank = [n for n in question["names"] if values.get(n) is ...]
    # Names that a test sets before it reads them are never the student's, so a missing one only
    # matters where the tests then fail.
    missing = [n for n in question["names"] if n not in values and n not in problems]
    for statement in given:
        exec(statement, values)
    test = OKTestFile.from_metadata(question["tests"], name)
    test.run(values)
    if blank:
        return {"points": 0, "reason": f"left blank: {', '.join(blank)}"}
    points = test.score
    failed = [r for r in test.test_case_results if not r.passed]
    if not failed:
        return {"points": points, "reason": ""}
    named = [m for r in failed for m in re.findall(r"name '(\w+)' is not defined", r.message)]
    for absent in named:
        if absent in problems:
            return {"points": points, "reason": f"{absent} {problems[absent]}"}
        if absent in missing:
            return {"points": points, "reason": f"{absent} is not defined"}
    public = next((r for r in failed if not r.test_case.hidden), None)
    if public:
        reason = public.test_case.failure_message or public_reason(public.message)
    else:
        reason = failed[0].test_case.failure_message
        reason = reason or "passes the instant check, but is not the answer that your data give"
    return {"points": points, "reason": reason}


def main() -> None:
    """Judge the questions of the job on the command line, one JSON line each."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path[:0] = [job["source"], job["tools"]]
    from grading import sandbox

    sandbox.limit(job["memory"], job["file_size"])
    out = os.fdopen(os.dup(1), "w")
    sys.stdout = io.StringIO()
    # Every hidden test asks for the answers anew.
    answers = importlib.import_module("answers")
    for name, function in vars(answers).copy().items():
        if callable(function) and getattr(function, "__module__", "") == "answers":
            setattr(answers, name, functools.cache(function))
    for question in job["questions"]:
        print(json.dumps({"begin": question["name"]}), file=out, flush=True)
        verdict = judge(question, Path(job["captured"]), job["student_id"], job["imports"])
        print(json.dumps({"question": question["name"], **verdict}), file=out, flush=True)


if __name__ == "__main__":
    main()
