"""The sheets: all grades, the class's statistics, written points, and what Canvas and Moodle take.

Two more are read: a list of names and ids, and the points that the teacher gave written answers.
"""

import csv
import hashlib
import io
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grading.grade_submission import Assignment, Grade
from grading.report import number
from grading.submission import Submission, one_line

BY_HAND = "to grade by hand"
TEMPLATE = ["key", "student", "assignment", "question", "points", "out_of", "answer"]
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
MOODLE = ["Identifier", "Full name", "ID number", "Email address", "Status", "Grade",
          "Maximum Grade", "Grade can be changed", "Last modified (submission)",
          "Last modified (grade)", "Feedback comments"]  # fmt: skip
NAMES = ("name", "student", "full name", "student name", "file")
FIRST, LAST = ("first name", "vorname", "given name"), ("last name", "surname", "nachname")
IDS = ("student_id", "student id", "id number", "sis login id", "username", "sis user id",
       "matriculation number", "matrikelnummer", "email address", "id")  # fmt: skip


@dataclass
class Entry:
    """One submission with all that is known of it."""

    grade: Grade
    submission: Submission
    counts: bool = True
    name: str = ""
    person: dict = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All points so far."""
        return sum(self.grade.points.values()) + sum(self.written.values())


def bare(text: object) -> str:
    """Reduce a name or an id to its letters and digits: case, blanks and signs make no other."""
    return "".join(c for c in str(text).casefold() if c.isalnum())


def harmless(text: object, most: int = 2000) -> str:
    """Keep a spreadsheet from taking text for a formula."""
    text = one_line(text, most)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def sheet(header: list[str], rows: Iterable[list]) -> str:
    """Write a CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def read(path: Path) -> list[dict[str, str]]:
    """Read a CSV as any spreadsheet writes it, or raise ValueError in a sentence."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        found = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV that can be read ({error}).") from error
    if not found:
        return []
    header = [cell.strip() for cell in found[0]]
    return [dict(zip(header, row, strict=False)) for row in found[1:] if any(map(str.strip, row))]


class People:
    """Who is who: a list of names and ids, or an export of Canvas's or Moodle's."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self._rows: dict[str, dict[str, str]] = {}
        for row in rows:
            lower = {key.casefold(): value.strip() for key, value in row.items() if key}
            first, last = (
                next((lower[n] for n in names if lower.get(n)), "") for names in (FIRST, LAST)
            )
            name = next((lower[n] for n in NAMES if lower.get(n)), f"{first} {last}".strip())
            identity = next((lower[n] for n in IDS if lower.get(n)), "")
            if not name and len(lower) == 2:
                name, identity = lower.values()
            person = {"name": name, "id": identity, **{k: v.strip() for k, v in row.items() if k}}
            family, _, given = name.partition(",")
            *before, end = name.split() or [""]
            number = lower.get("identifier", "").rpartition(" ")[2] or lower.get("id", "")
            orders = (
                f"{given}{family}",
                f"{last}{first}",
                f"{first}{last}",
                f"{end}{' '.join(before)}",
            )
            keys = (name, *orders, identity)
            for key in (*map(bare, keys), f"#{number}" if number else ""):
                if key:
                    self._rows.setdefault(key, person)

    def find(self, submission: Submission, student: str = "") -> dict[str, str]:
        """Find whose a submission is: by the platform's number, its name, the file's, or the id."""
        stem = submission.file.rpartition("/")[2].rpartition(".")[0]
        keys = [
            f"#{submission.lms_id}",
            *map(bare, (submission.person, submission.file, stem, student)),
        ]
        return next((self._rows[key] for key in keys if key.strip("#") and key in self._rows), {})


def _own(entry: Entry) -> bool:
    """Tell whether a file's name says that it is its student's: no other's counts before it."""
    identity = bare(entry.grade.student)
    return bool(entry.submission.person) or (
        len(identity) > 2 and identity in bare(entry.grade.file)
    )


def choose(entries: list[Entry]) -> None:
    """Let the latest of one student's submissions count, and say so on each of them."""
    groups: dict[tuple, list[Entry]] = {}
    for entry in entries:
        if entry.grade.assignment:
            person = entry.submission.person + entry.submission.lms_id or entry.person.get(
                "name", ""
            )
            who = (f"person {bare(person)}") if person else f"id {bare(entry.grade.student)}"
            if not person and not entry.grade.student:
                who = f"file {entry.grade.file}"
            groups.setdefault((entry.grade.assignment, who), []).append(entry)
    for group in groups.values():
        last = max(group, key=lambda e: (bool(e.grade.student), _own(e), e.submission.order))
        for entry in group:
            entry.counts = entry is last
            others = ", ".join(e.grade.file for e in group if e is not entry)
            if others and entry.counts:
                entry.grade.notes.insert(
                    0, f"the latest of several counts, this one; also {others}"
                )
            elif others:
                entry.grade.notes.insert(0, f"{last.grade.file} came later and counts instead")
    shared: dict[tuple, list[Entry]] = {}
    for entry in entries:
        if entry.counts and entry.grade.student:
            shared.setdefault((entry.grade.assignment, bare(entry.grade.student)), []).append(entry)
    for group in shared.values():
        for entry in group:
            others = ", ".join(e.grade.file for e in group if e is not entry)
            if others:
                entry.grade.notes.insert(0, f"the same student_id stands in {others}")


def grades(entries: list[Entry], assignments: dict[str, Assignment]) -> str:
    """One row a submission; a question that an assignment does not have stays empty."""
    known = dict.fromkeys(e.grade.assignment for e in entries if e.grade.assignment)
    questions = dict.fromkeys(q["name"] for name in known for q in assignments[name].questions)
    header = ["student", "assignment", *questions, "total", "out_of", "by_hand", "counts", "name",
              "what_went_wrong", "file"]  # fmt: skip
    rows = []
    for entry in entries:
        grade = entry.grade
        own = assignments[grade.assignment].questions if grade.assignment else []
        points = grade.points | entry.written
        cells = {
            q["name"]: BY_HAND if q["name"] not in points else number(points[q["name"]])
            for q in own
        }
        out_of = sum(q["points"] for q in own if q["name"] in points)
        by_hand = sum(q["points"] for q in own if q["name"] not in points)
        wrong = "; ".join([*grade.notes, *(f"{q}: {r}" for q, r in grade.reasons.items() if r)])
        rows.append([
            harmless(grade.student), grade.assignment, *(cells.get(q, "") for q in questions),
            number(entry.total), number(out_of), number(by_hand), "yes" if entry.counts else "no",
            harmless(entry.name), harmless(wrong, 4000), harmless(grade.file),
        ])  # fmt: skip
    return sheet(header, rows)


def _blank(grade: Grade, question: dict) -> bool:
    if question["manual"]:
        return not grade.written.get(question["name"])
    reason = grade.reasons.get(question["name"], "")
    return any(words in reason for words in ("still ...", "is not defined", "is nothing (None)"))


def class_statistics(entries: list[Entry], assignments: dict[str, Assignment]) -> str:
    """One row a question: how many have it right, the mean, and what most often went wrong."""
    rows = []
    for name, assignment in assignments.items():
        mine = [e for e in entries if e.counts and e.grade.assignment == name]
        for question in assignment.questions if mine else []:
            key, most = question["name"], question["points"]
            points = [
                (e.grade.points | e.written)[key] for e in mine if key in e.grade.points | e.written
            ]
            reasons = Counter(one_line(e.grade.reasons.get(key, ""), 200) for e in mine
                              if e.grade.points.get(key) == 0)  # fmt: skip
            common, count = next(iter(reasons.most_common(1)), ("", 0))
            blank = sum(_blank(entry.grade, question) for entry in mine)
            rows.append([
                name, key, number(most), len(mine), len(points),
                number(statistics.mean(points)) if points else "",
                number(sum(p == most for p in points) / len(points)) if points else "",
                blank, harmless(common), count,
            ])  # fmt: skip
    header = ["assignment", "question", "out_of", "submissions", "graded", "mean", "share_full",
              "no_answer", "most_common_reason", "how_often"]  # fmt: skip
    return sheet(header, rows)


def answer_key(entry: Entry, question: str) -> str:
    """Name a written answer: whose, to what, and its words."""
    grade = entry.grade
    text = "\0".join([bare(grade.student), grade.assignment, question, grade.written[question]])
    return f"w-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def written(
    entries: list[Entry], assignments: dict[str, Assignment], filled: list[dict[str, str]]
) -> tuple[str, list[str]]:
    """Merge the written points that were filled in; return the sheet anew, and complaints."""
    by_key, by_student, problems = {}, {}, []
    for row in filled:
        who = tuple(bare(row.get(name, "")) for name in ("student", "assignment", "question"))
        by_student[who] = row
        if row.get("key", "").strip():
            by_key[row["key"].strip()] = row
    more = [name for name in (filled[0] if filled else {}) if name and name not in TEMPLATE]
    rows, used = [], set()
    for entry in entries:
        if not entry.counts or not entry.grade.assignment:
            continue
        for question in assignments[entry.grade.assignment].questions:
            name, most, grade = question["name"], question["points"], entry.grade
            if not question["manual"]:
                continue
            key, who = (
                answer_key(entry, name),
                (bare(grade.student), bare(grade.assignment), bare(name)),
            )
            row = by_key.get(key) or by_student.get(who, {})
            given = row.get("points", "").strip().replace(",", ".")
            if row.get("key", "").strip() not in ("", key) and given:
                problems.append(f"{grade.student} {name}: the answer is no longer the one that got "
                                f"{given} points; look at it again")  # fmt: skip
                given = ""
            used.add(id(row))
            try:
                points = float(given) if given else None
                if points is not None and not 0 <= points <= most:
                    raise ValueError
            except ValueError:
                problems.append(
                    f"{grade.student} {name}: {one_line(given, 30)!r} points; it takes a number "
                    f"from 0 to {number(most)}"
                )
                points = None
            if points is not None:
                entry.written[name] = points
            rows.append([key, harmless(grade.student), grade.assignment, name, given, number(most),
                         harmless(grade.written[name], 300),
                         *(row.get(own, "") for own in more)])  # fmt: skip
    for row in filled:
        if id(row) not in used and row.get("points", "").strip():
            who = " ".join(row.get(name, "") for name in ("student", "assignment", "question"))
            problems.append(
                f"{one_line(who, 100)}: nobody handed this in, so its points count nowhere"
            )
            rows.append([row.get(name, "") for name in [*TEMPLATE, *more]])
    return sheet([*TEMPLATE, *more], rows), problems


def canvas(entries: list[Entry], assignments: dict[str, Assignment]) -> str:
    """Write what Canvas's gradebook imports: a row a student, a column an assignment."""
    mine = [e for e in entries if e.counts and e.grade.assignment]
    names = list(dict.fromkeys(e.grade.assignment for e in mine))
    rows: dict[str, list] = {}
    for entry in mine:
        who = entry.person.get("ID") or entry.submission.lms_id
        login = entry.person.get("id") or entry.grade.student
        known = {"Student": entry.name or login, "ID": who, "SIS Login ID": login} | {
            name: entry.person[name] for name in CANVAS if entry.person.get(name)
        }
        key = f"{who} {bare(login)}" if who or login else entry.grade.file
        row = rows.setdefault(
            key, [*(harmless(known.get(n, "")) for n in CANVAS), *[""] * len(names)]
        )
        row[len(CANVAS) + names.index(entry.grade.assignment)] = number(entry.total)
    most = [number(sum(q["points"] for q in assignments[n].questions)) for n in names]
    return sheet(
        [*CANVAS, *names], [["    Points Possible", "", "", "", "", *most], *rows.values()]
    )


def moodle(entries: list[Entry], assignment: Assignment) -> str:
    """Write what Moodle imports: its grading worksheet, with the ID number for its gradebook."""
    most, rows = sum(q["points"] for q in assignment.questions), []
    for entry in entries:
        if not entry.counts or entry.grade.assignment != assignment.name:
            continue
        lms = entry.submission.lms_id
        who = entry.person.get("Identifier") or (f"Participant {lms}" if lms else "")
        points = entry.grade.points | entry.written
        said = ", ".join(f"{q['name']}: {number(points[q['name']])} of {number(q['points'])}"
                         for q in assignment.questions if q["name"] in points)  # fmt: skip
        identity = entry.person.get("id") or entry.grade.student
        rows.append([harmless(who), harmless(entry.name or identity), harmless(identity),
                     entry.person.get("Email address", ""), "Submitted for grading",
                     f"{entry.total:.2f}", f"{most:.2f}", "Yes", "-", "-", said])  # fmt: skip
    return sheet(MOODLE, rows)
