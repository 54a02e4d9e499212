"""The CSV of all grades, and a short Markdown report for every submission."""

import csv
import io
import os
from pathlib import Path

from grading.grade_submission import Assignment, Grade

BY_HAND = "to grade by hand"


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    # utf-8-sig would help Excel and hurt everything else.
    part.write_text(text, encoding="utf-8", newline="")
    os.replace(part, path)


def number(value: float) -> str:
    """Write 2.0 as 2."""
    return f"{value:g}"


def harmless(text: str) -> str:
    """Keep a spreadsheet from taking text for a formula."""
    text = " ".join(text.split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def table(grades: list[Grade], assignments: dict[str, Assignment]) -> str:
    """One row a submission; a question that an assignment does not have stays empty."""
    questions: dict[str, None] = {}
    for name in dict.fromkeys(g.assignment for g in grades if g.assignment):
        questions |= dict.fromkeys(q["name"] for q in assignments[name].questions)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "student",
            "assignment",
            *questions,
            "total",
            "out_of",
            "by_hand",
            "what_went_wrong",
            "file",
        ]
    )
    for grade in grades:
        row = [harmless(grade.student), grade.assignment]
        known = assignments[grade.assignment].questions if grade.assignment else []
        manual = {q["name"]: q["points"] for q in known if q["manual"]}
        for name in questions:
            if name in manual:
                row.append(BY_HAND)
            else:
                row.append(number(grade.points[name]) if name in grade.points else "")
        tested = sum(q["points"] for q in known if not q["manual"])
        wrong = [*grade.notes, *(f"{q}: {r}" for q, r in grade.reasons.items() if r)]
        row += [number(sum(grade.points.values())), number(tested), number(sum(manual.values()))]
        writer.writerow([*row, harmless("; ".join(wrong)), harmless(grade.file)])
    return out.getvalue()


def quote(text: str) -> str:
    """Quote a text, so that nothing in it is taken for the report's own."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def report(grade: Grade, assignment: Assignment | None) -> str:
    """One submission's report."""
    title = grade.student or grade.file
    lines = [f"# {assignment.name if assignment else 'Not graded'}: {title}", ""]
    if assignment is None:
        return "\n".join([*lines, *grade.notes, ""])
    tested = assignment.tested
    total, most = sum(grade.points.values()), sum(q["points"] for q in tested)
    lines += [f"Points so far: {number(total)} of {number(most)}.", ""]
    lines += ["| question | points | what went wrong |", "| --- | --- | --- |"]
    for question in assignment.questions:
        name, most = question["name"], number(question["points"])
        if question["manual"]:
            lines.append(f"| {name} | {BY_HAND}, of {most} | |")
        else:
            reason = " ".join(grade.reasons.get(name, "").split()).replace("|", "\\|")
            lines.append(f"| {name} | {number(grade.points.get(name, 0))} of {most} | {reason} |")
    if grade.notes:
        lines += ["", "## What happened when the notebook was run", ""]
        lines += [f"- {' '.join(note.split())}" for note in grade.notes]
    for question in assignment.questions:
        if question["manual"]:
            answer = grade.written.get(question["name"]) or "(no answer)"
            lines += ["", f"## {question['name']}: written, {number(question['points'])} points"]
            lines += ["", "The answer:", "", quote(answer)]
            lines += ["", "Rubric and model answer:", "", quote(question["rubric"] or "(none)")]
    return "\n".join([*lines, ""])
