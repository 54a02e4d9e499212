"""What can be known of a submission without running it."""

import ast
import re
from dataclasses import dataclass, field

import nbformat

LARGEST = 50_000_000


@dataclass(frozen=True)
class Submission:
    """A file that somebody handed in."""

    file: str
    content: bytes = field(repr=False)
    notebook: nbformat.NotebookNode | None = field(repr=False)
    problem: str = ""

    @property
    def cells(self) -> list[nbformat.NotebookNode]:
        """Cells of all kinds; none when the file is not a notebook."""
        return self.notebook.cells if self.notebook else []

    @property
    def code(self) -> list[str]:
        """Sources of the code cells."""
        return [cell.source for cell in self.cells if cell.cell_type == "code"]


def parse(file: str, content: bytes) -> Submission:
    """Read a notebook, or say why it cannot be read."""
    if len(content) > LARGEST:
        return Submission(file, content, None, f"is larger than {LARGEST / 1e6:.0f} MB")
    try:
        notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4)
        for cell in notebook.cells:
            cell.source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
    except Exception:  # nbformat raises many kinds
        return Submission(file, content, None, "is not a notebook")
    return Submission(file, content, notebook)


def student_id(submission: Submission) -> tuple[str | int | None, str]:
    """Read the id that the notebook's own cell states, and say what is odd about it.

    It is read, not run: the id under which data are made has to be the one that is graded, from
    the first cell to the last, or one student's answers could pass under the id of another.
    """
    stated = []
    for source in submission.code:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # A magic or a mistake elsewhere in the cell must not hide the id.
            lines = re.findall(r"^\s*student_id\s*=.*$", source, re.MULTILINE)
            with_id = "\n".join(line.strip() for line in lines)
            try:
                tree = ast.parse(with_id)
            except (SyntaxError, ValueError):
                continue
        for node in tree.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "student_id" for t in targets):
                value = node.value.value if isinstance(node.value, ast.Constant) else None
                stated.append(value)
    if not stated:
        return None, "no cell sets student_id"
    first = stated[0]
    if isinstance(first, bool) or not isinstance(first, str | int) or not str(first).strip():
        return None, "student_id was not filled in"
    odd = "student_id is set more than once; the first counts" if len(set(stated)) > 1 else ""
    return first, odd


def assignment(submission: Submission, known: list[str]) -> str | None:
    """Recognise the assignment: by the notebook's metadata, its first cell, or the file's name."""
    if submission.notebook is None:
        return None
    otter = submission.notebook.metadata.get("otter", {})
    named = otter.get("assignment_name") if isinstance(otter, dict) else None
    if named in known:
        return named
    opened = re.search(r"Notebook\(\s*[\"']([\w-]+)\.ipynb", "\n".join(submission.code))
    if opened and opened[1] in known:
        return opened[1]
    fitting = [name for name in known if name in submission.file]
    return fitting[0] if len(fitting) == 1 else None


def written_answer(submission: Submission, question: str, position: int) -> str:
    """Find the text of a written answer, by its cell's id or else by its place among them."""
    mine = [c.source for c in submission.cells if c.get("id", "").startswith(f"answer-{question}-")]
    if not mine:
        # An editor that drops ids; otter's comments around written questions are still there.
        text = "\n\n".join(c.source for c in submission.cells if c.cell_type == "markdown")
        parts = re.findall(r"<!-- BEGIN QUESTION -->(.*?)<!-- END QUESTION -->", text, re.DOTALL)
        mine = parts[position : position + 1]
    return "\n\n".join(part.strip() for part in mine)
