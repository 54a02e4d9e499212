"""Every assignment: right answers win all points, wrong ones lose exactly their question's."""

import ast
import copy
import json

import answers
import jupytext
import make_assignments
import nbformat
import personal
import pytest
from conftest import ME, ROOT, SOURCE, grade, hand_in
from wrong_answers import OTHER, WRONG_ANSWERS

NAMES = sorted(make_assignments.sources(SOURCE))


def lost(row, handout):
    """Questions that did not win all their points."""
    return [q for q in handout.tested if float(row[q]) != handout.points[q]]


@pytest.mark.parametrize("name", NAMES)
def test_a_right_notebook_a_blank_one_and_every_wrong_answer(name, handout, built, tmp_path):
    one, wrong = handout(name), WRONG_ANSWERS[name]
    folder = tmp_path / "handed_in"
    hand_in(folder, "blank.ipynb", one.blank("me-4712"))
    # Into a right notebook is put every wrong answer: checked as a question of its own, and undone.
    notebook = one.with_answers_module(one.solution("me-4714"), "me-4714", OTHER)
    grading = json.loads((built / name / "autograder.json").read_text())
    labels = {}
    for question in copy.deepcopy(one.assignment.tested):
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
                "globals().update(_kept)\n"
                "for _name in {*globals()} - {*_kept}: del globals()[_name]",
            )
    assert sorted(wrong) == sorted(one.tested)
    hand_in(folder, "right_and_wrong.ipynb", notebook)
    # The grader knows the extra questions in both notebooks; one does not answer them.
    variant = tmp_path / "built" / name
    variant.mkdir(parents=True)
    (variant / "autograder.json").write_text(json.dumps(grading), encoding="utf-8")
    rows = grade(folder, variant.parent)
    assert len(rows) == 2
    assert lost(rows["blank.ipynb"], one) == one.tested, "something was won by a blank notebook"
    row = rows["right_and_wrong.ipynb"]
    assert lost(row, one) == [], row["what_went_wrong"]
    assert "code cell" not in row["what_went_wrong"], "a cell fails by itself"
    won = {f"{extra}: {label}" for extra, label in labels.items() if float(row[extra]) != 0}
    assert not won, f"these wrong answers are taken for right: {won}"


def test_a_slip_costs_its_question_and_not_those_that_build_on_it(handout, built, tmp_path):
    one = handout("study_design")
    notebook = one.solution()
    # One person too many, by the student's own function, which the later questions then use.
    one.before_check(
        notebook,
        "q1",
        "def people_affordable(budget, per_person, per_answer, n_obs):\n"
        "    return 1 + budget // (per_person + per_answer * n_obs)\n"
        'costs = plan["budget"], plan["per_person"], plan["per_answer"]',
    )
    for cell in notebook.cells:
        for n in ("n", 'candidates["n"]'):
            paid = f'plan["budget"] // (plan["per_person"] + plan["per_answer"] * {n})'
            cell.source = cell.source.replace(paid, f"people_affordable(*costs, {n})")
    # What they simulate takes long, and is what answers.py simulates at once.
    plan = personal.study_plan(ME)
    few, many = (1 + answers.affordable(plan, n) for n in (4, 24))
    simulated = answers.designs(ME, few, many) | answers.alarms(ME, many)
    for question in ("q4", "q5", "q8"):
        cell = notebook.cells[one.check_of(notebook, question) - 1]
        cell.source = "\n".join(f"{name} = {float(value)}" for name, value in simulated.items())
    hand_in(tmp_path / "handed_in", "slip.ipynb", notebook)
    row = grade(tmp_path / "handed_in", built)["slip.ipynb"]
    assert lost(row, one) == ["q1"], row["what_went_wrong"]
    assert "code cell" not in row["what_went_wrong"]
    for question in ("q2", "q4", "q5", "q7", "q8"):
        assert f"{question}: right, going on from your own earlier answer" in row["what_went_wrong"]


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
