"""Grade a folder of notebooks, or a class's zip: what `make grade SUBMISSIONS=...` does.

Beside it appears `...-grades`: grades.csv, sheets for Canvas and Moodle, statistics, a template
for the points of written answers, two reports for every submission, and what is finished, so that
a call that was interrupted goes on where it stopped, and one with written points only adds them.
"""

import argparse
import hashlib
import json
import os
import signal
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from grading import collect, report, sandbox, sheets
from grading import submission as reading
from grading.grade_submission import Assignment, Grade, Grader
from grading.sandbox import Limits, StoppedError
from tqdm import tqdm

import mlmlearn

ROOT = Path(__file__).resolve().parent.parent
# Processor seconds of the whole command for one right notebook, as measured. Others are guessed.
SECONDS = {"pooling": 6, "four_strategies": 5, "study_design": 21, "singular_fits": 9}
GUESSED = 10


def load_assignments(built: Path, source: Path) -> dict[str, Assignment]:
    """Read what `make assignments` wrote."""
    found = {}
    for path in sorted(built.glob("*/autograder.json")):
        grading = json.loads(path.read_text(encoding="utf-8"))
        found[path.parent.name] = Assignment(path.parent.name, source.resolve(), **grading)
    return found


def fingerprint(assignment: Assignment, limits: Limits, trust: bool) -> str:
    """Name the state of all that decides on a grade besides the submission."""
    digest = hashlib.sha256(json.dumps([assignment.questions, assignment.given]).encode())
    digest.update(json.dumps([asdict(limits), trust]).encode())
    code = [
        *(assignment.source / name for name in ("answers.py", "personal.py", "requirements.txt")),
        *sorted((ROOT / "tools" / "grading").glob("*.py")),
        *sorted(Path(mlmlearn.__file__).parent.glob("**/*.py")),
    ]
    for path in code:
        if path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def in_words(seconds: float) -> str:
    """Say a duration as people do."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


class Grading:
    """One call of the command."""

    def __init__(
        self, assignments: dict[str, Assignment], out: Path, grader: Grader, people: sheets.People
    ) -> None:
        self.assignments, self.out, self.grader, self.people = assignments, out, grader, people
        self.states = {
            name: fingerprint(one, grader.limits, grader.trust) for name, one in assignments.items()
        }

    def place(self, one: reading.Submission, name: str, typed: str) -> Path:
        """Name the file of a finished grade by all that it depends on."""
        digest = hashlib.sha256(self.states[name].encode())
        digest.update(json.dumps([one.file, one.digest, typed]).encode())
        return self.out / "finished" / f"{digest.hexdigest()}.json"

    def work(self, one: reading.Submission, name: str, typed: str) -> Grade:
        """Grade one submission and keep the grade."""
        if self.grader.stop.is_set():
            raise StoppedError
        began = time.monotonic()
        grade = self.grader.grade(one, self.assignments[name], typed)
        grade.seconds = round(time.monotonic() - began, 1)
        if grade.final:
            report.write(self.place(one, name, typed), json.dumps(grade.to_json()))
        return grade

    def grade_all(
        self, handed_in: list[reading.Submission], chosen: str | None, jobs: int
    ) -> list[Grade]:
        """Grade what is not finished yet; the list is shorter when interrupted."""
        grades: dict[str, Grade] = {}
        waiting, took = [], []
        for one in handed_in:
            name = chosen or reading.assignment(one, list(self.assignments))
            if one.problem or name is None:
                note = f"{one.file} {one.problem}" if one.problem else (
                    "which assignment this is cannot be told; name it with ASSIGNMENT="
                )  # fmt: skip
                student = "" if one.problem else reading.stated_id(one) or ""
                grades[one.file] = Grade(one.file, student, notes=[note])
                continue
            typed = self.people.find(one).get("id", "")
            try:
                text = self.place(one, name, typed).read_text(encoding="utf-8")
                grades[one.file] = Grade(**json.loads(text))
                took.append(grades[one.file].seconds)
            except (OSError, ValueError, TypeError):
                waiting.append((one, name, typed))
        if took:
            print(f"{len(took)} of {len(handed_in)} submissions were graded before.")
        if waiting:
            each = [
                statistics.median(took) if took else SECONDS.get(n, GUESSED) for _, n, _ in waiting
            ]
            side = f", {jobs} side by side" if jobs > 1 else ""
            expected = in_words(sum(each) / min(jobs, len(each)))
            print(
                f"{len(waiting)} to grade: about {expected}{side} (an estimate; "
                "more where notebooks do not end).",
                flush=True,
            )
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self.work, *one) for one in waiting]
            for future in tqdm(as_completed(futures), "grading", len(futures), disable=not futures):
                try:
                    grade = future.result()
                except StoppedError:
                    continue
                grades[grade.file] = grade
        return [grades[one.file] for one in handed_in if one.file in grades]


def write_all(
    handed_in: list[reading.Submission],
    grades: list[Grade],
    assignments: dict[str, Assignment],
    out: Path,
    people: sheets.People,
) -> list[str]:
    """Write every sheet and report; return what the teacher should be told."""
    entries = []
    for one, grade in zip(handed_in, grades, strict=True):
        person = people.find(one, grade.student)
        listed = person.get("id", "")
        if listed and grade.student and sheets.bare(listed) != sheets.bare(grade.student):
            grade.notes.insert(0, f"the list of names gives {person['name']} the id {listed}")
        name = person.get("name") or one.person
        entries.append(sheets.Entry(grade, one, name=name, person=person))
    sheets.choose(entries)
    template = out / "written.csv"
    told = []
    try:
        filled = sheets.read(template) if template.exists() else []
    except ValueError as error:
        filled, template = [], out / "written-new.csv"
        told.append(f"The points for written answers were not taken: {error}")
    text, problems = sheets.written(entries, assignments, filled)
    told += problems
    # First what matters most, so that nothing later can keep it from being there.
    report.write(out / "grades.csv", sheets.grades(entries, assignments))
    report.write(template, text)
    report.write(out / "statistics.csv", sheets.class_statistics(entries, assignments))
    report.write(out / "canvas.csv", sheets.canvas(entries, assignments))
    for name, assignment in assignments.items():
        if any(grade.assignment == name for grade in grades):
            report.write(out / f"moodle-{name}.csv", sheets.moodle(entries, assignment))
    for entry in entries:
        file, assignment = (
            report.file_name(entry.grade.file),
            assignments.get(entry.grade.assignment),
        )
        for folder, rubric in (("reports", True), ("for-students", False)):
            text = report.report(entry.grade, assignment, entry.written, rubric)
            report.write(out / folder / file, text)
    missing = sum(
        question["manual"] and question["name"] not in entry.written
        for entry in entries
        if entry.counts and entry.grade.assignment
        for question in assignments[entry.grade.assignment].questions
    )
    if missing:
        told.append(
            f"{missing} written answers have no points yet: fill in the column points of "
            f"{template} and run the same command again. Until then no sheet counts them."
        )
    return told


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    defaults = Limits()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions", help="a folder of notebooks, or a zip of them")
    parser.add_argument("--assignment", help="when the notebooks do not say it themselves")
    parser.add_argument("--names", type=Path, help="a CSV of names and ids, such as a class list")
    parser.add_argument("--out", type=Path, help="default: the folder's name with -grades")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cell-seconds", type=float, default=defaults.cell_seconds)
    parser.add_argument("--total-seconds", type=float, default=defaults.total_seconds)
    parser.add_argument("--memory-gb", type=float, default=defaults.memory / 1e9)
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run the notebooks without a sandbox: they can read and change all that you can",
    )
    parser.add_argument("--source", type=Path, default=ROOT / "assignments")
    parser.add_argument("--built", type=Path, default=ROOT / "_build" / "assignments")
    return parser.parse_args(arguments)


def refuse(sentence: str) -> int:
    """Say what was wrong with the call."""
    print(sentence, file=sys.stderr)
    return 2


def main(arguments: list[str] | None = None) -> int:
    """Grade, write, and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a folder's name may be of any bytes
            stream.reconfigure(errors="backslashreplace")
    options = parse(arguments)
    place = Path(options.submissions)
    sys.path.insert(0, str(options.source.resolve()))  # personal.py and answers.py
    assignments = load_assignments(options.built, options.source)
    if not assignments:
        return refuse(f"There is no assignment in {options.built}; run `make assignments` first.")
    if options.assignment and options.assignment not in assignments:
        known = ", ".join(assignments)
        return refuse(f"There is no assignment {options.assignment!r}; there are: {known}.")
    is_zip = place.is_file() and place.suffix.lower() == ".zip"
    if not options.submissions or not (place.is_dir() or is_zip):  # "" would mean this folder
        given = options.submissions or "(none given)"
        return refuse(
            f"There is no folder {given}; SUBMISSIONS is the folder of the notebooks, or a zip."
        )
    try:
        people = sheets.People(sheets.read(options.names) if options.names else [])
    except ValueError as error:
        return refuse(str(error))
    handed_in = collect.collect(place, options.names)
    if not any(one.cells or one.file.lower().endswith(".ipynb") for one in handed_in):
        return refuse(f"There is no notebook (.ipynb) in {place} or the folders in it.")
    if options.trust:
        print("No sandbox: every notebook can read and change all that you can.")
    elif problem := sandbox.problem():
        return refuse(problem)
    whole = place.resolve()
    out = options.out or whole.with_name(f"{whole.stem if is_zip else whole.name}-grades")
    limits = Limits(
        cell_seconds=options.cell_seconds,
        total_seconds=options.total_seconds,
        memory=options.memory_gb * 1e9,
    )
    stop = threading.Event()
    grading = Grading(assignments, out, Grader(limits, stop, options.trust), people)
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in signals}
    try:
        grades = grading.grade_all(handed_in, options.assignment, max(1, options.jobs))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if len(grades) < len(handed_in):
        print(
            f"Interrupted: {len(grades)} of {len(handed_in)} submissions are done and kept. "
            "The same command goes on from there.",
            file=sys.stderr,
        )
        return 130
    for sentence in write_all(handed_in, grades, assignments, out, people):
        print(sentence)
    print(f"{len(grades)} submissions: the grades are in {out / 'grades.csv'}, the rest beside it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
