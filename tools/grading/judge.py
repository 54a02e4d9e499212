"""Runs the tests on the values of one submission, in a sandbox where none of its code ever ran.

It reads the file that the notebook's sandbox left, which may hold anything, and writes one small
file of its own: what happened, and a verdict for each question.
"""

import contextlib
import json
import os
import sys

sys.path[:0] = [sys.argv[1], os.getcwd()]

import inside  # noqa: E402

MOST_WORDS = 50


class StudentFunction:
    """Stands for a function of the notebook: the calls were made before its process ended."""

    def __init__(self, name: str, calls: list[str], answers: list) -> None:
        self._name, self._answers = name, dict(zip(calls, answers, strict=False))

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Return what the function returned, or raise an error with its message."""
        call = inside.key(args, kwargs)
        answer = self._answers.get(call, {"problem": "was not called: its process ended before"})
        if isinstance(answer, dict) and "problem" in answer:
            raise AssertionError(f"{self._name} {str(answer['problem'])[:300]}")
        try:
            return inside.unpack(answer)
        except Exception:
            raise AssertionError(f"{self._name} returns what is not a plain value") from None


def read(kept: str) -> dict:
    """Read what the notebook's sandbox wrote; a line that is none of ours is left out."""
    found: dict = {"values": {}, "errors": {}, "notes": [], "ids": []}
    for line in kept.splitlines():
        with contextlib.suppress(Exception):  # whatever a forged line raises
            kind, *rest = json.loads(line)
            if kind == "id" and isinstance(rest[0], int | str):
                found["ids"] = [*found["ids"], str(rest[0])[:300]][:MOST_WORDS]
            elif kind == "value":
                found["values"].setdefault(str(rest[0]), {}).update(rest[1])
            elif kind == "error" and len(found["errors"]) < MOST_WORDS:
                found["errors"].setdefault(int(rest[0]), str(rest[1])[:300])
            elif kind == "note" and len(found["notes"]) < MOST_WORDS:
                cell = None if rest[0] is None else int(rest[0])
                if [cell, str(rest[1])[:300]] not in found["notes"]:
                    found["notes"].append([cell, str(rest[1])[:300]])
    return found


def values_of(
    question: dict, kept: dict, calls: dict[str, list[str]]
) -> tuple[dict[str, object], dict[str, str]]:
    """Unpack what a question's tests read, and say what is wrong with what cannot be."""
    values, problems = {}, {}
    for name in question["names"]:
        if name not in kept:
            problems[name] = "is not defined"
            continue
        packed = kept[name]
        try:
            if isinstance(packed, dict) and "problem" in packed:
                problems[name] = str(packed["problem"])[:300]
            elif isinstance(packed, dict) and "function" in packed:
                values[name] = StudentFunction(name, calls.get(name, []), packed["function"])
            else:
                values[name] = inside.unpack(packed)
        except Exception:
            problems[name] = "is not a plain value"
    return values, problems


def first_failure(tests: str, values: dict[str, object], only_hidden: bool = False) -> str:
    """Run a question's tests; return what the first that fails says, empty when none does."""
    space: dict = {}
    exec(tests, space)
    for test in [marked for marked in space.values() if hasattr(marked, "hidden")]:
        if only_hidden and not test.hidden:
            continue
        wanted = test.__code__.co_varnames[: test.__code__.co_argcount]
        try:
            test(**{name: values.get(name) for name in wanted})
        except AssertionError as error:
            return str(error)[:600] or "this is not the answer that your data give"
        except Exception as error:
            said = inside.words(error)
            return f"the answer has not the form that was asked for ({said})"
    return ""


def shown(value: object) -> str:
    """Write a value for the report."""
    if isinstance(value, StudentFunction):
        return ""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(one) for one in value[:20])}]"[:200]
    if isinstance(value, dict):
        return ", ".join(f"{k}: {shown(v)}" for k, v in list(value.items())[:20])[:300]
    return str(value)[:200]


def judge(job: dict, question: dict, found: dict, right: object, given: object) -> dict:
    """Grade one question: whether it is right, why not, and the values beside the right ones."""
    name = question["name"]
    values, problems = values_of(
        question, found["values"].get(name, {}), job["calls"].get(name, {})
    )
    own = {n: shown(v) for n, v in values.items()}
    values |= {"student_id": job["student_id"], "right": right}
    wrong = first_failure(question["tests"], values)
    follows = False
    if wrong and not problems:
        for alternative in given(name):
            follows = not first_failure(question["tests"], values | {"right": alternative}, True)
            if follows:
                break
    if wrong and problems:
        wrong = "; ".join(f"{n} {problem}" for n, problem in problems.items())
    beside = [
        [n, own.get(n, ""), shown(right[n])]
        for n in question["names"]
        if n in right and not isinstance(values.get(n), StudentFunction)
    ]
    return {"right": follows or not wrong, "reason": wrong, "follows": follows, "values": beside}


def main() -> None:
    """Judge the questions of the job that stands in the standard input."""
    job = json.load(sys.stdin)
    inside.limit(job["memory"], 4_000_000)
    with open(int(sys.argv[2]), "w", encoding="utf-8") as out:

        def say(**line: object) -> None:
            print(json.dumps(line), file=out, flush=True)

        found = read(job.get("kept", ""))
        say(happened={name: found[name] for name in ("errors", "notes", "ids")})
        if not job["questions"]:
            return
        inside.otter()
        import answers

        right = getattr(answers, job["assignment"])(job["student_id"])
        earlier: dict[str, dict[str, object]] = {}

        def given(question: str) -> object:
            """Make what is right for whoever goes on from their own wrong earlier answers."""
            make = getattr(answers, f"{job['assignment']}_given", None)
            together = {name: value for own in earlier.values() for name, value in own.items()}
            for own in [*earlier.values(), *([together] if len(earlier) > 1 else [])]:
                if make:
                    made = make(job["student_id"], question, own)
                    with contextlib.suppress(Exception):  # own values may be anything
                        yield from made

        for question in job["questions"]:
            name = question["name"]
            known = job["known"].get(name)
            if known is None:
                say(begin=name)
                known = judge(job, question, found, right, given)
                say(question=name, **known)
            if not known["right"]:
                kept = found["values"].get(name, {})
                earlier[name] = values_of(question, kept, job["calls"].get(name, {}))[0]


if __name__ == "__main__":
    main()
