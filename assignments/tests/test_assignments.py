"""Every assignment: right answers win all points, wrong ones lose exactly their question's."""

import ast
import copy
import json

import jupytext
import make_assignments
import nbformat
import pytest
from conftest import ME, ROOT, SOURCE, code_cell, grade, hand_in
from wrong_answers import OTHER, WRONG_ANSWERS

NAMES = sorted(make_assignments.sources(SOURCE))


def lost(row, handout):
    """Questions that did not win all their points."""
    return [q for q in handout.tested if float(row[q]) != handout.points[q]]


def another_students(labels):
    return [label for label in labels if label.startswith("another student")]


@pytest.mark.parametrize("name", NAMES)
def test_right_wrong_blank_and_copied_notebooks(name, handout, built, tmp_path):
    one, wrong = handout(name), WRONG_ANSWERS[name]
    folder = tmp_path / "handed_in"
    hand_in(folder, "right.ipynb", one.solution())
    hand_in(folder, "blank.ipynb", one.blank())
    copied = one.solution()
    place = next(i for i, c in enumerate(copied.cells) if c.source.startswith("student_id ="))
    copied.cells.insert(place + 1, code_cell(f"student_id = {OTHER!r}"))
    hand_in(folder, "copied.ipynb", copied)
    # A wrong answer could only spoil later questions. Of any two questions there is a bit in which
    # the later one's number has 1 and the earlier one's 0, so a notebook a bit shows them all.
    wrong_in = {
        f"wrong_{bit}.ipynb": [q for i, q in enumerate(one.tested) if not i >> bit & 1]
        for bit in range((len(one.tested) - 1).bit_length())
    }
    for bit, (file, questions) in enumerate(wrong_in.items()):
        notebook = one.with_answers_module(one.solution(), ME, OTHER)
        for question in questions:
            own = [c for label, c in wrong[question].items() if not another_students([label])]
            one.before_check(notebook, question, own[bit % len(own)])
        hand_in(folder, file, notebook)
    rows = grade(folder, built)
    assert len(rows) == 3 + len(wrong_in)
    assert lost(rows["right.ipynb"], one) == [], rows["right.ipynb"]["what_went_wrong"]
    assert rows["right.ipynb"]["total"] == rows["right.ipynb"]["out_of"] != "0"
    assert rows["blank.ipynb"]["total"] == "0", "something was won by a blank notebook"
    for file, questions in wrong_in.items():
        row = rows[file]
        assert lost(row, one) == questions, row["what_went_wrong"]
        assert all(float(row[q]) == 0 and f"{q}: " in row["what_went_wrong"] for q in questions)
    personal = [q for q in one.tested if another_students(wrong[q])]
    assert personal, "no question of this assignment depends on the student"
    assert lost(rows["copied.ipynb"], one) == personal


@pytest.mark.parametrize("name", NAMES)
def test_every_plausible_wrong_answer_loses_its_question(name, handout, built, tmp_path):
    """One notebook holds them all: each is set, checked as a question of its own, and undone."""
    one, wrong = handout(name), WRONG_ANSWERS[name]
    assert sorted(wrong) == sorted(one.tested)
    notebook = one.with_answers_module(one.solution(), ME, OTHER)
    grading = {"questions": copy.deepcopy(one.assignment.questions)}
    labels = {}
    for question in one.assignment.tested:
        assert len(wrong[question["name"]]) >= 2
        for number, (label, code) in enumerate(wrong[question["name"]].items()):
            extra = f"{question['name']}-wrong-{number}"
            labels[extra] = label
            grading["questions"].append({**question, "name": extra})
            one.before_check(
                notebook,
                question["name"],
                "_kept = dict(globals())",
                code,
                f"grader.check({extra!r})",
                "globals().update(_kept)",
            )
    variant = tmp_path / "built" / name
    variant.mkdir(parents=True)
    (variant / "autograder.json").write_text(json.dumps(grading), encoding="utf-8")
    folder = tmp_path / "handed_in"
    hand_in(folder, f"{name}.ipynb", notebook)
    row = grade(folder, variant.parent)[f"{name}.ipynb"]
    assert lost(row, one) == [], row["what_went_wrong"]
    assert "code cell" not in row["what_went_wrong"], "a wrong answer's code fails by itself"
    won = {f"{extra}: {label}" for extra, label in labels.items() if float(row[extra]) != 0}
    assert not won, f"these wrong answers are taken for right: {won}"


@pytest.mark.parametrize("name", NAMES)
def test_the_handed_out_notebook_has_the_instant_checks(name, handout):
    notebook = nbformat.read(handout(name).student_path, as_version=4)
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    assert f'otter.Notebook("{name}.ipynb")' in code
    for question in handout(name).tested:
        assert f'grader.check("{question}")' in code
        assert "def test" in notebook.metadata.otter.tests[question]
    assert not any(cell.get("outputs") for cell in notebook.cells)


def parts():
    """Every line of the sources, and whether only the teacher may see it."""
    for name in NAMES:
        solution = False  # between the two raw cells
        for cell in jupytext.read(SOURCE / f"{name}.md").cells:
            if cell.cell_type == "raw":
                solution = (solution or "BEGIN SOLUTION" in cell.source) and (
                    "END SOLUTION" not in cell.source
                )
                continue
            inside = cell.source.startswith("# HIDDEN")
            if cell.source.startswith("def test"):  # otter hands these out in its own layout
                for line in ast.unparse(ast.parse(cell.source)).splitlines():
                    yield name, line.strip(), False
            for line in cell.source.splitlines():
                inside |= "# BEGIN SOLUTION" in line
                secret = inside or "# SOLUTION" in line
                yield name, line.strip(), secret or (solution and cell.cell_type == "markdown")
                inside &= "# END SOLUTION" not in line
    for line in (SOURCE / "answers.py").read_text(encoding="utf-8").splitlines():
        yield "answers.py", line.strip(), True
    for line in (SOURCE / "personal.py").read_text(encoding="utf-8").splitlines():
        yield "personal.py", line.strip(), False


def test_what_students_get_holds_no_hidden_test_solution_or_answer(built):
    # A line that stands outside the hidden parts too (an import, a bracket) is no secret.
    public = "\n".join(line for _, line, secret in parts() if not secret)
    secrets = {
        (where, line.split("# SOLUTION")[0].strip())
        for where, line, secret in parts()
        if secret and len(line) > 12
    }
    secrets = {(where, line) for where, line in secrets if line and line not in public}
    assert len(secrets) > 100
    assert {where for where, _ in secrets} == {*NAMES, "answers.py"}
    bundle = built / "hand-out"
    assert sorted(p.name for p in bundle.iterdir()) == sorted(
        [*(f"{name}.ipynb" for name in NAMES), "personal.py"]
    )
    for path in bundle.iterdir():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            notebook = json.loads(text)
            tests = "\n".join(notebook["metadata"]["otter"]["tests"].values())
            text = "\n".join("".join(cell["source"]) for cell in notebook["cells"]) + tests
        found = [(where, secret) for where, secret in secrets if secret in text]
        assert not found, f"{path.name} tells: {found}"
        for word in ("hidden=True", "from answers", "import answers", "# SOLUTION", "# HIDDEN"):
            assert word not in text, f"{path.name} contains {word}"


def test_the_committed_handout_is_what_the_sources_make(built):
    committed = ROOT / "assignments" / "student"
    made = {path.name: path.read_bytes() for path in (built / "hand-out").iterdir()}
    assert sorted(p.name for p in committed.glob("[!._]*.*")) == sorted(made)
    for name, content in made.items():
        assert (committed / name).read_bytes() == content, f"{name}: run `make assignments`"
