"""Grade a folder of notebooks: what `make grade SUBMISSIONS=folder` does.

Beside the folder appears `folder-grades`: grades.csv, a report for every submission, and what is
finished, so that a call that was interrupted goes on where it stopped.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  makes the list of fonts that submissions get a copy of
from grading import grade_submission, report, sandbox, submission
from grading.execute import Limits, StoppedError
from grading.grade_submission import Assignment, Grade
from tqdm import tqdm

import mlmlearn

ROOT = Path(__file__).resolve().parent.parent
GIVEN_OUT = "personal.py"


def load_assignments(built: Path, source: Path) -> dict[str, Assignment]:
    """Read what `make assignments` wrote."""
    found = {}
    for path in sorted(built.glob("*/autograder.json")):
        grading = json.loads(path.read_text(encoding="utf-8"))
        found[path.parent.name] = Assignment(path.parent.name, source.resolve(), **grading)
    return found


def files(folder: Path) -> list[str]:
    """List what was handed in: everything but hidden files and what every student was given."""
    found = []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        hidden = any(part.startswith((".", "__")) for part in relative.parts)
        if path.is_file() and not hidden and path.name != GIVEN_OUT:
            found.append(relative.as_posix())
    return sorted(found)


def fingerprint(assignment: Assignment, limits: Limits) -> str:
    """Name the state of all that decides on a grade besides the submission."""
    digest = hashlib.sha256(json.dumps(assignment.questions).encode())
    digest.update(json.dumps(asdict(limits)).encode())
    code = [
        *(assignment.source / name for name in ("answers.py", "personal.py", "requirements.txt")),
        *sorted((ROOT / "tools" / "grading").glob("*.py")),
        *sorted(Path(mlmlearn.__file__).parent.glob("*.py")),
    ]
    for path in code:
        if path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def key(handed_in: submission.Submission, state: str) -> str:
    """Name a submission's grade by all that it depends on."""
    digest = hashlib.sha256(state.encode())
    digest.update(handed_in.file.encode() + b"\0" + handed_in.content)
    return digest.hexdigest()


def say_twice(grades: list[Grade]) -> list[Grade]:
    """Note on submissions that state the same student and assignment; both stay."""

    def who(grade: Grade) -> tuple[str, str]:
        # As personal.py reads an id: case and blanks make no other data.
        return grade.assignment, "".join(grade.student.split()).casefold()

    shared: dict[tuple[str, str], list[str]] = {}
    for grade in grades:
        if grade.student:
            shared.setdefault(who(grade), []).append(grade.file)
    noted = []
    for grade in grades:
        same = [file for file in shared.get(who(grade), []) if file != grade.file]
        note = [f"the same student_id stands in {', '.join(same)}"] if same else []
        noted.append(replace(grade, notes=[*note, *grade.notes]))
    return noted


def grade_all(
    handed_in: list[submission.Submission],
    assignments: dict[str, Assignment],
    chosen: str | None,
    out: Path,
    limits: Limits,
    jobs: int,
) -> list[Grade] | None:
    """Grade what is not finished yet; None when interrupted."""
    grades: dict[str, Grade] = {}
    waiting = []
    states = {name: fingerprint(a, limits) for name, a in assignments.items()}
    for one in handed_in:
        name = chosen or submission.assignment(one, list(assignments))
        if one.problem:
            grades[one.file] = Grade(one.file, notes=[f"{one.file} {one.problem}"])
        elif name is None:
            note = "which assignment this is cannot be told; name it with ASSIGNMENT="
            identity, _ = submission.student_id(one)
            student = "" if identity is None else str(identity).strip()
            grades[one.file] = Grade(one.file, student, notes=[note])
        else:
            finished = out / "finished" / f"{key(one, states[name])}.json"
            try:
                grades[one.file] = Grade(**json.loads(finished.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                waiting.append((one, assignments[name], finished))
    kept = len(handed_in) - len(waiting) - sum(1 for g in grades.values() if not g.assignment)
    if kept:
        print(f"{kept} of {len(handed_in)} submissions were graded before.")
    stop = threading.Event()

    def work(one: submission.Submission, assignment: Assignment, finished: Path) -> Grade:
        if stop.is_set():
            raise StoppedError
        grade = grade_submission.grade(one, assignment, limits, stop)
        if grade.final:
            report.write(finished, json.dumps(grade.to_json(), ensure_ascii=False))
        return grade

    def interrupt(*_: object) -> None:
        stop.set()

    before = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(work, *one) for one in waiting]
            for future in tqdm(as_completed(futures), "grading", len(futures), disable=not futures):
                try:
                    grade = future.result()
                except StoppedError:
                    continue
                grades[grade.file] = grade
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.is_set() and len(grades) < len(handed_in):
        print(
            f"Interrupted: {len(grades)} of {len(handed_in)} submissions are done and kept. "
            "The same command goes on from there.",
            file=sys.stderr,
        )
        return None
    return [grades[one.file] for one in handed_in]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    defaults = Limits()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions")
    parser.add_argument("--assignment", help="when the notebooks do not say it themselves")
    parser.add_argument("--out", type=Path, help="default: the folder's name with -grades")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cell-seconds", type=float, default=defaults.cell_seconds)
    parser.add_argument("--total-seconds", type=float, default=defaults.total_seconds)
    parser.add_argument("--memory-gb", type=float, default=defaults.memory / 1e9)
    parser.add_argument("--source", type=Path, default=ROOT / "assignments")
    parser.add_argument("--built", type=Path, default=ROOT / "_build" / "assignments")
    return parser.parse_args(arguments)


def refuse(sentence: str) -> int:
    """Say what was wrong with the call."""
    print(sentence, file=sys.stderr)
    return 2


def main(arguments: list[str] | None = None) -> int:
    """Grade, write, and return the exit status."""
    options = parse(arguments)
    folder = Path(options.submissions)
    assignments = load_assignments(options.built, options.source)
    if not assignments:
        return refuse(f"There is no assignment in {options.built}; run `make assignments` first.")
    if options.assignment and options.assignment not in assignments:
        known = ", ".join(assignments)
        return refuse(f"There is no assignment {options.assignment!r}; there are: {known}.")
    if not options.submissions or not folder.is_dir():  # an empty path would mean this folder
        given = options.submissions or "(none given)"
        return refuse(f"There is no folder {given}; SUBMISSIONS is the folder of the notebooks.")
    names = files(folder)
    if not any(name.endswith(".ipynb") for name in names):
        return refuse(f"There is no notebook (.ipynb) in {folder} or the folders in it.")
    out = options.out or folder.resolve().with_name(f"{folder.resolve().name}-grades")
    limits = Limits(
        cell_seconds=options.cell_seconds,
        total_seconds=options.total_seconds,
        memory=int(options.memory_gb * 1e9),
    )
    if not sandbox.landlock_version():
        print("This system has no Landlock: notebooks can reach whatever files you can.")
    # All are read before the first is run, so none can change another.
    handed_in = [submission.parse(name, (folder / name).read_bytes()) for name in names]
    grades = grade_all(
        handed_in, assignments, options.assignment, out, limits, max(1, options.jobs)
    )
    if grades is None:
        return 130
    grades = say_twice(grades)
    for grade in grades:
        text = report.report(grade, assignments.get(grade.assignment))
        report.write(out / "reports" / f"{grade.file}.md", text)
    report.write(out / "grades.csv", report.table(grades, assignments))
    print(f"{len(grades)} submissions: the grades are in {out / 'grades.csv'}, reports beside it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
