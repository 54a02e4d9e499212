"""What can be known of a submission without running it."""

import json
import re
import unicodedata
from dataclasses import dataclass, field

LARGEST, MOST_CELLS, LONGEST_ANSWER = 30_000_000, 3000, 20_000
PLACEHOLDER = "_Type your answer here, replacing this text._"
COMMENTS = ("<!-- BEGIN QUESTION -->", "<!-- END QUESTION -->")
STATED = re.compile(r"student_id\s*(:\s*\w+\s*)?=[^=]")
LITERAL = re.compile(
    r"""student_id\s*(?::\s*\w+\s*)?=\s*(?:(["'])([^"'\\]*)\1|(\d+)|\.\.\.)\s*(?:#.*)?$"""
)


@dataclass(frozen=True)
class Cell:
    """One cell: its kind, its text, its id, and what was typed into it when it asked."""

    kind: str
    source: str
    id: str = ""
    typed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """A file that somebody handed in: which, whose as far as its name tells, and how late."""

    file: str
    content: bytes = field(default=b"", repr=False)
    digest: str = ""
    person: str = ""
    lms_id: str = ""
    order: tuple = ()
    problem: str = ""
    cells: tuple[Cell, ...] = field(default=(), repr=False)
    metadata: dict = field(default_factory=dict, repr=False)

    @property
    def code(self) -> list[Cell]:
        """The code cells."""
        return [cell for cell in self.cells if cell.kind == "code"]


def clean(text: object) -> str:
    """Keep of a text what can be written and seen: no half characters, no control characters."""
    text = str(text).encode("utf-8", "replace").decode()
    unseen = ("Cc", "Cf", "Co", "Cs")
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in unseen else " " for c in text)


def one_line(text: object, most: int = 300) -> str:
    """Keep of a text one line of bounded length."""
    return " ".join(clean(str(text)[: 4 * most]).split())[:most]


def _text(value: object) -> str:
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _typed(cell: dict) -> tuple[str, ...]:
    """Lines that a front end noted when a cell asked for input."""
    outputs = cell.get("outputs")
    if not isinstance(outputs, list) or "input(" not in _text(
        cell.get("source", cell.get("input"))
    ):
        return ()
    streams = [o for o in outputs if isinstance(o, dict) and o.get("output_type") == "stream"]
    return tuple(_text(s.get("text"))[:5000] for s in streams)


def read_cells(content: bytes) -> tuple[tuple[Cell, ...], dict]:
    """Read a notebook of format 3 or 4, or raise an error of any kind."""
    notebook = json.loads(content.decode("utf-8-sig"))
    metadata = notebook.get("metadata", {})
    cells = notebook["worksheets"][0]["cells"] if "worksheets" in notebook else notebook["cells"]
    if len(cells) > MOST_CELLS:
        raise ValueError("too many cells")
    made = [
        Cell(
            str(cell.get("cell_type")),
            _text(cell.get("source", cell.get("input"))),
            _text(cell.get("id", "")),
            tuple(line for text in _typed(cell) for line in text.splitlines()),
        )
        for cell in cells
    ]
    return tuple(made), metadata if isinstance(metadata, dict) else {}


def stated_id(submission: Submission) -> str | None:
    """Read the id that the notebook states; None when it has to be run to be known.

    It is read where it can be: the id under which data are made has to be the one that is graded,
    from the first cell to the last, or one student's answers could pass under another's id.
    """
    for cell in submission.code:
        for line in cell.source[:100_000].splitlines():
            if STATED.match(line):
                literal = LITERAL.match(line)
                if literal is None:
                    return None
                if identity := valid_id(literal[2] or literal[3] or ""):
                    return identity
    return None


def valid_id(value: object) -> str | None:
    """Return an id as it is written, or None for what is nobody's."""
    from personal import normal_id

    try:
        return one_line(value, 100) if normal_id(value) else None
    except ValueError:
        return None


def assignment(submission: Submission, known: list[str]) -> str | None:
    """Recognise the assignment: by the notebook's metadata, its first cell, or the file's name."""
    otter = submission.metadata.get("otter", {})
    named = otter.get("assignment_name") if isinstance(otter, dict) else None
    if isinstance(named, str) and named in known:
        return named
    for cell in submission.code:
        opened = re.search(r"Notebook\(\s*[\"']([\w-]{1,80})\.ipynb", cell.source[:10_000])
        if opened and opened[1] in known:
            return opened[1]
    fitting = [name for name in known if name in submission.file]
    return fitting[0] if len(fitting) == 1 else None


def _without_comments(text: str) -> str:
    text = text[: 10 * LONGEST_ANSWER].replace(PLACEHOLDER, "")
    for comment in COMMENTS:
        text = text.replace(comment, "")
    return text


def _lines(text: str) -> list[str]:
    """List the lines of a text, however they are indented and spaced."""
    return [" ".join(line.split()) for line in _without_comments(text).splitlines()]


def written_answer(submission: Submission, given: list[dict], question: str) -> str:
    """Find a written answer: all that stands between its question and the next, and is new.

    `given` are the cells that were handed out, each with the question it belongs to; a student
    may write below the placeholder, in a cell of their own, or in a cell that was split.
    """
    handed_out = {line for cell in given for line in _lines(cell["source"]) if line}
    code = {cell["source"].strip() for cell in given}
    heads = {cell["head"]: cell["question"] for cell in given if cell["head"]}
    inside, kept = False, []
    for cell in submission.cells:
        lines = _lines(cell.source)
        for line in lines:
            if line in heads:
                inside = heads[line] == question
        if not inside and not cell.id.startswith(f"answer-{question}-"):
            continue
        if cell.kind == "code" and cell.source.strip() in code:
            continue
        source = _without_comments(cell.source).splitlines()
        for line, plain in zip(source, lines, strict=True):
            # Never two blank lines, and none at the beginning.
            if plain not in handed_out and (plain or (kept and kept[-1])):
                kept.append(line.rstrip() if plain else "")
        if kept and kept[-1]:
            kept.append("")
    text = clean("\n".join(kept)[: LONGEST_ANSWER + 1]).strip()
    if len(text) > LONGEST_ANSWER:
        text = f"{text[:LONGEST_ANSWER]}\n[cut after {LONGEST_ANSWER} characters]"
    return text
