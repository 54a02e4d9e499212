"""The process that runs the tests on the values kept of one submission.

None of the student's code runs here. Values come as pickles, which could name any function to be
called, so only the classes of plain values are admitted: numbers, text, containers, NumPy, pandas
and mlmlearn. A class of the notebook's own, made to equal everything, is not one of them. Where a
test calls a function of the student's, the process in which it was defined does, and sends back a
plain value.
"""

import base64
import io
import json
import os
import pickle
import socket
import sys
from pathlib import Path

from otter.test_files import ExceptionTestFile
from otter.test_files.abstract_test import TestCaseResult

LONGEST_LINE = 30_000_000

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


def plain(packed: dict[str, str]) -> object:
    """Unpack a value, or raise ValueError saying what is wrong with it."""
    if "problem" in packed:
        raise ValueError(str(packed["problem"]))
    try:
        return PlainUnpickler(io.BytesIO(base64.b64decode(packed["pickle"]))).load()
    except Exception as error:  # whatever a forged pickle raises
        kinds = "a number, text, list, array or table"
        raise ValueError(f"is not a plain value ({kinds})") from error


class StudentFunction:
    """Stands for a function of the notebook: calls go to the process that defined it."""

    def __init__(self, question: str, name: str, calls: socket.socket) -> None:
        self._question, self._name, self._calls = question, name, calls

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the function, and raise an error with its message where it fails."""
        arguments = base64.b64encode(pickle.dumps((args, kwargs))).decode()
        request = {"question": self._question, "name": self._name, "arguments": arguments}
        try:
            with self._calls.makefile("rwb") as lines:
                lines.write(json.dumps(request).encode() + b"\n")
                lines.flush()
                answer = json.loads(lines.readline(LONGEST_LINE))
        except (OSError, ValueError):
            answer = {"problem": "can no longer be called: the notebook's process has ended"}
        try:
            return plain(answer)
        except ValueError as problem:
            raise AssertionError(f"{self._name} {problem}") from None


def unpack(
    question: dict, captured: Path, calls: socket.socket
) -> tuple[dict[str, object], dict[str, str]]:
    """Read the values kept for a question, and what is wrong with those that are not there."""
    path = captured / f"{question['name']}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    values, problems = {}, {}
    for name in question["names"]:
        if name not in kept:
            problems[name] = "is not defined"
        elif "function" in kept[name]:
            values[name] = StudentFunction(question["name"], name, calls)
        else:
            try:
                values[name] = plain(kept[name])
            except ValueError as problem:
                problems[name] = str(problem)
    return values, problems


def reason(result: TestCaseResult) -> str:
    """Take the words of a failed test out of otter's message."""
    if result.test_case.failure_message:
        return result.test_case.failure_message
    kind, _, words = result.message.strip().splitlines()[-1].partition(": ")
    if kind == "AssertionError":
        return words or "this is not the answer that your data give"
    return f"the answer has not the form that was asked for ({kind}: {words})"[:300]


def judge(
    question: dict, captured: Path, student_id: str | int, calls: socket.socket
) -> dict[str, object]:
    """Grade one question: points, and what went wrong."""
    values, problems = unpack(question, captured, calls)
    values["student_id"] = student_id
    problems.pop("student_id", None)
    test = ExceptionTestFile.from_string(question["tests"], question["name"])
    test.run(values)
    failed = [result for result in test.test_case_results if not result.passed]
    if problems and failed:
        wrong = "; ".join(f"{name} {problem}" for name, problem in problems.items())
    else:
        wrong = reason(failed[0]) if failed else ""
    return {"points": test.score, "reason": wrong}


def main() -> None:
    """Judge the questions of a job, one JSON line each; the job's file and the socket are named."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    calls = socket.socket(fileno=int(sys.argv[2]))
    calls.settimeout(job["cell_seconds"] + 10)
    sys.path[:0] = [job["source"], job["tools"]]
    from grading import sandbox

    sandbox.limit(job["memory"], job["file_size"])
    out = os.fdopen(os.dup(1), "w")
    sys.stdout = io.StringIO()  # of the tests
    for question in job["questions"]:
        print(json.dumps({"begin": question["name"]}), file=out, flush=True)
        verdict = judge(question, Path(job["captured"]), job["student_id"], calls)
        print(json.dumps({"question": question["name"], **verdict}), file=out, flush=True)


if __name__ == "__main__":
    main()
