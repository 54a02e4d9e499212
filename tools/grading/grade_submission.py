"""Grade one submission from its content to its points."""

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grading import submission as reading
from grading.execute import TOOLS, Limits, Run, StoppedError, end, environment, execute

BLANK = "_Type your answer here, replacing this text._"
JUDGE_SECONDS = 300


@dataclass(frozen=True)
class Assignment:
    """What `make assignments` wrote for grading, and where answers.py and personal.py are."""

    name: str
    source: Path
    questions: list[dict]

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
    written: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    final: bool = True

    def to_json(self) -> dict:
        """Everything, as plain values."""
        return asdict(self)


def grade(
    submission: reading.Submission,
    assignment: Assignment,
    limits: Limits,
    stop: threading.Event,
) -> Grade:
    """Grade a submission; only `StoppedError` leaves this function."""
    result = Grade(submission.file, assignment=assignment.name)
    identity, odd = reading.student_id(submission)
    if odd:
        result.notes.append(odd)
    result.student = "" if identity is None else str(identity).strip()
    written = [q["name"] for q in assignment.questions if q["manual"]]
    for position, name in enumerate(written):
        answer = reading.written_answer(submission, name, position)
        result.written[name] = "" if BLANK in answer else answer
    if identity is None:
        for question in assignment.tested:
            result.points[question["name"]] = 0
            result.reasons[question["name"]] = "no student_id, so the right answers are not known"
        return result
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
        folder, run = Path(scratch).resolve(), Run()
        try:
            run = _run(submission, assignment, folder, limits, stop)
            verdicts = _judge(assignment, identity, folder, run, limits, stop)
        except StoppedError:
            raise
        except Exception as error:
            # Ours, not the student's: said as such, and tried again at the next call.
            verdicts = {}
            result.final = False
            result.notes.append(f"the grader itself failed, grade again ({error})")
        finally:
            run.close()
    if run.unfinished:
        result.notes.append(run.unfinished)
    for number, error in sorted(run.errors.items()):
        result.notes.append(f"code cell {number + 1}: {error}")
    for question in assignment.tested:
        name = question["name"]
        verdict = verdicts.get(name, {"points": 0, "reason": "not graded"})
        result.points[name] = round(verdict["points"], 6)
        result.reasons[name] = verdict["reason"]
    return result


def _run(
    submission: reading.Submission,
    assignment: Assignment,
    folder: Path,
    limits: Limits,
    stop: threading.Event,
) -> Run:
    personal = assignment.source / "personal.py"
    (folder / "personal.py").write_bytes(personal.read_bytes())
    wanted = {q["name"]: q["names"] for q in assignment.tested}
    return execute(submission.code, wanted, folder, limits, stop)


def _judge(
    assignment: Assignment,
    identity: str | int,
    folder: Path,
    run: Run,
    limits: Limits,
    stop: threading.Event,
) -> dict[str, dict]:
    """Run the tests; a value that makes them end badly costs its own question only."""
    verdicts: dict[str, dict] = {}
    while left := [q for q in assignment.tested if q["name"] not in verdicts]:
        job = {
            "source": str(assignment.source),
            "tools": str(TOOLS),
            "questions": left,
            "captured": str(folder / "captured"),
            "student_id": identity,
            "memory": limits.memory,
            "file_size": limits.file_size,
            "cell_seconds": limits.cell_seconds,
        }
        job_file = folder / "judge.json"
        job_file.write_text(json.dumps(job), encoding="utf-8")
        lines, died = _lines(job_file, folder, run.calls, stop)
        started = None
        for line in lines:
            if "begin" in line:
                started = line["begin"]
            else:
                verdicts[line["question"]] = line
        if started is None:
            raise RuntimeError(f"the tests could not start: {died}")
        if started not in verdicts:
            verdicts[started] = {"points": 0, "reason": "the tests did not survive this value"}
    return verdicts


def _lines(
    job_file: Path, folder: Path, calls: socket.socket | None, stop: threading.Event
) -> tuple[list[dict], str]:
    if calls is None:
        # The notebook's process is gone: give the tests one that nobody answers on.
        calls, other = socket.socketpair()
        other.close()
    mark = uuid.uuid4().hex
    output, errors = folder / "judge.out", folder / "judge.err"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-B",
                Path(__file__).with_name("judge.py"),
                job_file,
                str(calls.fileno()),
            ],
            pass_fds=[calls.fileno()],
            cwd=folder,
            env=environment(folder, mark),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        deadline = time.monotonic() + JUDGE_SECONDS
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if stop.wait(0.05):
                    raise StoppedError
        finally:
            end(process, mark)
    lines = [json.loads(x) for x in output.read_text().splitlines() if x.endswith("}")]
    return lines, errors.read_text(errors="replace")[-500:]
