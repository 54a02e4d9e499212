"""Reports: what became of one submission, for the teacher and, without the rubric, the student.

Whatever may hold a student's words stands in an indented block, where Markdown knows no markup.
"""

import hashlib
import os
import re
from pathlib import Path

from grading.grade_submission import Assignment, Grade
from grading.submission import clean


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}.part")
    part.write_text(text, encoding="utf-8", errors="replace", newline="")
    os.replace(part, path)


def file_name(file: str) -> str:
    """Name a report by its submission, in letters that every system knows, and not too long."""
    safe = "/".join(re.sub(r"[^\w .()+-]", "_", part, flags=re.ASCII) for part in file.split("/"))
    parts = [part.strip(" .")[:80] or "_" for part in safe.split("/")][-3:]
    if "/".join(parts) != file:
        parts[-1] += f"-{hashlib.sha256(file.encode()).hexdigest()[:8]}"
    return "/".join(parts) + ".md"


def number(value: float) -> str:
    """Write 2.0 as 2."""
    return f"{round(value, 4):g}"


def block(text: str) -> list[str]:
    """Set a text off, so that nothing in it is taken for markup."""
    return ["", *(f"    {line}".rstrip() for line in clean(text).splitlines()), ""]


def report(
    grade: Grade, assignment: Assignment | None, written: dict[str, float], rubric: bool
) -> str:
    """Write one submission's report; `rubric` adds what only the teacher should see."""
    lines = [f"# {assignment.name if assignment else 'Not graded'}"]
    lines += block(f"student: {grade.student or '(not known)'}\nfile:    {grade.file}")
    if assignment is None:
        return "\n".join([*lines, *block("\n".join(grade.notes))])
    points = grade.points | written
    most = sum(q["points"] for q in assignment.questions if q["name"] in points)
    lines += [f"Points so far: {number(sum(points.values()))} of {number(most)}.", ""]
    for question in assignment.questions:
        name, most = question["name"], number(question["points"])
        if name not in points:
            lines += [f"## {name}: not yet read, {most} points", ""]
        else:
            lines += [f"## {name}: {number(points[name])} of {most} points", ""]
        if question["manual"]:
            lines += ["The answer:", *block(grade.written.get(name) or "(no answer)")]
            if rubric:
                lines += ["Rubric and model answer:", *block(question["rubric"] or "(none)")]
            continue
        if reason := grade.reasons.get(name):
            lines += block(reason)[1:]
        if rows := grade.values.get(name):
            width = max(len(row[0]) for row in rows)
            table = [f"{n:{width}}  given {own or '(nothing)'}\n{'':{width}}  right {right}"
                     for n, own, right in rows]  # fmt: skip
            lines += block("\n".join(table))[1:]
    if grade.notes:
        lines += ["## What happened when the notebook was run", *block("\n".join(grade.notes))]
    return "\n".join(lines)
