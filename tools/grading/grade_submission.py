"""Grade one submission from its content to its points."""

import functools
import inspect
import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grading import inside, sandbox
from grading import submission as reading
from grading.sandbox import Limits, StoppedError


@dataclass(frozen=True)
class Assignment:
    """What `make assignments` wrote for grading, and where answers.py and personal.py are."""

    name: str
    source: Path
    questions: list[dict]
    given: list[dict]
    functions: str

    @property
    def tested(self) -> list[dict]:
        """Questions that tests grade."""
        return [q for q in self.questions if not q["manual"]]


@dataclass
class Grade:
    """One row of the CSV, and what the report says."""

    file: str
    student: str = ""
    assignment: str = ""
    points: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    values: dict[str, list] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0
    final: bool = True

    def to_json(self) -> dict:
        """Everything, as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Grader:
    """What is the same for all submissions."""

    limits: Limits
    stop: threading.Event
    trust: bool = False

    def grade(
        self, one: reading.Submission, assignment: Assignment, known_id: str | None = None
    ) -> Grade:
        """Grade a submission; only `StoppedError` leaves this method.

        `known_id` is the teacher's word for who this is; it helps where the notebook's asks.
        """
        result = Grade(one.file, assignment=assignment.name)
        for question in assignment.questions:
            if question["manual"]:
                name = question["name"]
                result.written[name] = reading.written_answer(one, assignment.given, name)
            else:
                result.points[question["name"]] = 0
                result.reasons[question["name"]] = "not graded"
        try:
            self._grade(one, assignment, known_id or "", result)
        except StoppedError:
            raise
        except Exception as error:
            # Ours, not the student's: said as such, and tried again at the next call.
            result.final = False
            result.notes.append(f"the grader itself failed, grade again ({inside.words(error)})")
        result.notes = [reading.one_line(note) for note in result.notes]
        return result

    def _grade(
        self, one: reading.Submission, assignment: Assignment, typed: str, result: Grade
    ) -> None:
        course = {"personal.py": assignment.source / "personal.py"}
        job = {
            "cells": [{"source": c.source, "typed": c.typed} for c in one.code],
            "wanted": {q["name"]: q["names"] for q in assignment.tested},
            "calls": {},
            "typed": typed,
            "until_id": False,
        }
        identity = reading.stated_id(one)
        if identity is None:
            asked = self._run("run_cells.py", job | {"until_id": True, "wanted": {}}, course)
            happened = self._judge(asked, assignment, "", [], {})[0]
            identity = next(filter(None, map(reading.valid_id, happened["ids"])), None)
        if identity is None:
            result.notes.append("student_id was not filled in")
            why = "no student_id, so the right answers are not known"
            result.reasons |= dict.fromkeys(result.reasons, why)
            return
        result.student = identity
        calls = record(assignment, identity)
        kept = self._run("run_cells.py", job | {"calls": calls}, course)
        happened, verdicts = self._judge(kept, assignment, identity, assignment.tested, calls)
        errors = sorted((int(cell), text) for cell, text in happened["errors"].items())
        for cell, text in [*happened["notes"], *errors]:
            there = cell is not None and 0 <= cell < len(one.code)
            result.notes.append(f"code cell {cell + 1}: {text}" if there else text)
        stated = filter(None, map(reading.valid_id, happened["ids"]))
        if any(_same(other) != _same(identity) for other in stated):
            result.notes.append(f"student_id is set more than once; {identity} counts")
        for question in assignment.tested:
            name = question["name"]
            verdict = verdicts.get(name, {})
            right = verdict.get("right") is True
            # The judge tells right from wrong; how much that is worth is settled here.
            result.points[name] = float(question["points"]) if right else 0
            result.values[name] = verdict.get("values", [])
            follows = "right, going on from your own earlier answer" if right else ""
            result.reasons[name] = (
                follows if verdict.get("follows") else verdict.get("reason", "not graded")
            )

    def _run(self, program: str, job: dict, course: dict[str, Path]) -> bytes:
        done = sandbox.run(program, job, course, self.limits, self.stop, self.trust)
        if not done.data and done.said:
            raise RuntimeError(f"no start: {done.said[-200:]}")
        return done.data

    def _judge(
        self,
        kept: bytes,
        assignment: Assignment,
        identity: str,
        questions: list[dict],
        calls: dict[str, dict[str, list[str]]],
    ) -> tuple[dict, dict[str, dict]]:
        """Run the tests; a value that makes them end badly costs its own question only."""
        course = {name: assignment.source / name for name in ("personal.py", "answers.py")}
        known: dict[str, dict] = {}
        while True:
            job = {
                "assignment": assignment.name,
                "student_id": identity,
                "questions": questions,
                "calls": calls,
                "known": known,
                "kept": kept.decode("utf-8", "replace"),
            }
            lines = _lines(self._run("judge.py", job, course))
            if not lines or "happened" not in lines[0]:
                raise RuntimeError("the tests could not start")
            begun = None
            for line in lines[1:]:
                begun = line.get("begin", begun)
                if "question" in line:
                    known[line["question"]] = _verdict(line)
            if all(q["name"] in known for q in questions):
                return lines[0]["happened"], known
            if begun is None or begun in known:
                raise RuntimeError("the tests did not end")
            known[begun] = {"right": False, "reason": "the tests did not survive this value"}


def _lines(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.splitlines() if line.endswith(b"}")]


def _verdict(line: dict) -> dict:
    """Take of a verdict what is of the right form."""
    return {
        "right": line["right"] is True,
        "follows": line["follows"] is True,
        "reason": reading.one_line(line["reason"], 600),
        "values": [[reading.one_line(part) for part in row[:3]] for row in line["values"][:20]],
    }


def _same(identity: str) -> str:
    from personal import normal_id

    return normal_id(identity)


_one_at_a_time = threading.Lock()


@functools.cache
def _functions(source: str) -> dict[str, object]:
    space: dict[str, object] = {}
    exec(source, space)
    return {name: f for name, f in space.items() if inspect.isfunction(f)}


def record(assignment: Assignment, identity: str) -> dict[str, dict[str, list[str]]]:
    """List, by question and function, the calls that the tests make of a student's function.

    The student's own is called in the student's sandbox, where no test may be. So the tests are
    run here once on the solution's function, and whatever they ask of it is noted.
    """
    with _one_at_a_time:
        solution = _functions(assignment.functions)
        recorded: dict[str, dict[str, list[str]]] = {}
        for question in assignment.tested:
            asked = {name: [] for name in question["names"] if name in solution}
            if not asked:
                continue

            def stand_in(name: str, calls: list[str]) -> object:
                def call(*args: object, **kwargs: object) -> object:
                    noted = inside.key(args, kwargs)
                    if noted not in calls:
                        calls.append(noted)
                    return solution[name](*args, **kwargs)

                return call

            space: dict[str, object] = {}
            inside.otter()
            exec(question["tests"], space)
            values = {name: stand_in(name, calls) for name, calls in asked.items()}
            values["student_id"] = identity
            for test in [marked for marked in space.values() if hasattr(marked, "hidden")]:
                test(**{arg: values[arg] for arg in inspect.signature(test).parameters})
            recorded[question["name"]] = asked
        return recorded
