"""Assignments built once, and notebooks as students hand them in.

Only where otter is installed: `make test-classroom` runs these in an environment of their own.
"""

import base64
import copy
import csv
import importlib
import json
import pickle
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "assignments"
collect_ignore_glob = [] if find_spec("otter") else ["*"]
sys.path[:0] = [str(ROOT / "tools"), str(SOURCE), str(ROOT / "tests")]

ME = "me-4711"
WITHOUT_PANDAS = """
import sys


class Later(type):
    def __instancecheck__(cls, value):
        return isinstance(value, getattr(sys.modules.get("pandas"), cls.__name__, ()))


class pd:
    Series, Index = Later("Series", (), {}), Later("Index", (), {})
"""


def code_cell(source):
    import nbformat

    return nbformat.v4.new_code_cell(source)


class Handout:
    """One assignment, and ways to fill it in."""

    def __init__(self, name, built, source=SOURCE):
        import nbformat
        from grade import load_assignments

        self.name = name
        self.built, self.source = built, source
        self.assignment = load_assignments(built, source)[name]
        self.tested = [q["name"] for q in self.assignment.tested]
        self.points = {q["name"]: q["points"] for q in self.assignment.tested}
        self.student_path = built / name / "student" / f"{name}.ipynb"
        self._student = nbformat.read(self.student_path, as_version=4)
        self._solution = nbformat.read(built / name / "solution" / f"{name}.ipynb", as_version=4)

    @staticmethod
    def identify(notebook, student):
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.source.startswith("student_id ="):
                cell.source = f"student_id = {student!r}"
                return notebook
        raise AssertionError("the notebook has no cell that begins with student_id =")

    def blank(self, student=ME):
        return self.identify(copy.deepcopy(self._student), student)

    def solution(self, student=ME):
        """Fill in the solution; its metadata are those of the student's notebook."""
        notebook = self.identify(copy.deepcopy(self._solution), student)
        notebook.metadata = copy.deepcopy(self._student.metadata)
        return notebook

    @staticmethod
    def check_of(notebook, question):
        """Find the place of a question's check."""
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and f'grader.check("{question}")' in cell.source:
                return number
        raise AssertionError(f"there is no check of {question}")

    def in_answer(self, notebook, question, source):
        """Put code at the beginning of the cell that answers a question."""
        cell = notebook.cells[self.check_of(notebook, question) - 1]
        cell.source = f"{source}\n{cell.source}"
        return notebook

    def before_check(self, notebook, question, *sources):
        """Put cells just before a question's check."""
        place = self.check_of(notebook, question)
        notebook.cells[place:place] = [code_cell(source) for source in sources]
        return notebook

    def with_answers_module(self, notebook, *students):
        """Let the notebook import the answers of these students, as wrong_answers.py does."""
        right = getattr(importlib.import_module("answers"), self.name)
        data = base64.b64encode(pickle.dumps({s: right(s) for s in students})).decode()
        stub = (
            "import sys, types, pickle, base64\n"
            "_answers = types.ModuleType('answers')\n"
            f"_data = pickle.loads(base64.b64decode('{data}'))\n"
            f"_answers.{self.name} = _data.__getitem__\n"
            "sys.modules['answers'] = _answers"
        )
        notebook.cells.insert(0, code_cell(stub))
        return notebook


def hand_in(folder, name, notebook):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(notebook, bytes):
        notebook = json.dumps(notebook).encode()  # where half an emoji is six letters
    path.write_bytes(notebook)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def grade(place, built, *options, source=SOURCE):
    """Call what `make grade` calls, and read the CSV: rows by file."""
    import grade as command
    from grading import sandbox

    if "--trust" not in options and (problem := sandbox.problem()):
        pytest.skip(problem)
    out = place.with_name(f"{place.name.removesuffix('.zip')}-grades")
    told = ["--built", str(built), "--source", str(source), *options]
    assert command.main([str(place), *told]) == 0
    return {row["file"]: row for row in rows_of(out / "grades.csv")}


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """What `make assignments` makes, in a folder of its own."""
    import make_assignments

    out = tmp_path_factory.mktemp("built")
    assert make_assignments.main(["--out", str(out), "--hand-out", str(out / "hand-out")]) == 0
    return out


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A small assignment, of which a hundred notebooks are graded in the time of one real."""
    import make_assignments

    source = tmp_path_factory.mktemp("tiny")
    shutil.copytree(Path(__file__).with_name("tiny"), source, dirs_exist_ok=True)
    # Without what takes longer to import than all else that is done here takes.
    lines = (SOURCE / "personal.py").read_text(encoding="utf-8").splitlines(keepends=True)
    (source / "personal.py").write_text(
        "".join(line for line in lines if not line.startswith("from mlmlearn")).replace(
            "import pandas as pd\n", WITHOUT_PANDAS
        ),
        encoding="utf-8",
    )
    out = source / "built"
    assert make_assignments.main(["--source", str(source), "--out", str(out)]) == 0
    return Handout("tiny", out, source)


@pytest.fixture(scope="session")
def handout(built):
    made = {}

    def get(name):
        if name not in made:
            made[name] = Handout(name, built)
        return made[name]

    return get
