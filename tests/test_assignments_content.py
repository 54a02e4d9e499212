"""The assignments as text and numbers: right answers pass for every student, wrong ones fail.

Cells are executed here without Jupyter and without otter-grader, so the tests run in the
book's environment. A few ids stand for all; `python tests/test_assignments_content.py 200`
tries as many as you name.
"""

import contextlib
import io
import re
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENTS = ROOT / "assignments"
for folder in (ASSIGNMENTS, ROOT / "tests"):
    sys.path.insert(0, str(folder))

import answers  # noqa: E402
import personal  # noqa: E402
from wrong_answers import ALSO_RIGHT, OTHER, SLIPS, WRONG_ANSWERS  # noqa: E402

# Asked for as computed, since a rounded number could not be told from a wrong one.
EXACT = {"emp_se", "model_se", "emp_se_people", "emp_se_answers", "believed_se"}
NAMES = sorted(path.stem for path in ASSIGNMENTS.glob("*.md"))
# Two of them simulate for seconds, so one id has to do for these.
IDS = {"pooling": ["example", "ab12345"], "four_strategies": ["example", "ab12345"]}
CASES = [(name, one) for name in NAMES for one in IDS.get(name, ["example"])]


def cells(name):
    """Yield what an assignment's cells are for, the question they belong to, and their code."""
    text = (ASSIGNMENTS / f"{name}.md").read_text(encoding="utf-8")
    question, part = None, "text"
    for kind, body in re.findall(
        r"^```\{(raw-cell|code-cell)\}[^\n]*\n(.*?)^```$", text, re.M | re.S
    ):
        if kind == "code-cell":
            yield part, question, body
        elif match := re.search(r"# BEGIN QUESTION\nname: (\w+)", body):
            question, part = match[1], "text"
        elif "# END QUESTION" in body:
            question, part = None, "text"
        elif match := re.search(r"# (BEGIN|END) (SOLUTION|TESTS)", body):
            part = match[2].lower() if match[1] == "BEGIN" else "text"


def work(name, student_id):
    """Run a solution; return what it leaves behind and the tests of every question."""
    space, tests = {}, {}
    for part, question, code in cells(name):
        if part == "tests":
            found = {}
            exec(code, found)
            functions = [f for n, f in found.items() if n.startswith("test_")]
            for function in functions:
                function.hidden = code.startswith("# HIDDEN")
            tests.setdefault(question, []).extend(functions)
        elif part == "text" and code.startswith("student_id ="):
            space["student_id"] = student_id
        elif "plt." not in code.replace("import matplotlib.pyplot as plt", ""):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(code, space)
    return space, tests


def parameters(function):
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def failure(functions, space, right):
    """Return what the first failing test says, empty when all pass."""
    for function in functions:
        given = {"right": right} | {n: space.get(n) for n in parameters(function) if n != "right"}
        try:
            function(**{name: given[name] for name in parameters(function)})
        except Exception as error:
            return str(error) or type(error).__name__
    return ""


def failures(name, space, tests):
    """Return the questions that lose their points, with what the first failing test says."""
    student_id, failed, own = space["student_id"], {}, {}
    right, given = (getattr(answers, f"{name}{end}") for end in ("", "_given"))
    for question, functions in tests.items():
        said = failure(functions, space, right(student_id))
        if not said:
            continue
        hidden = [function for function in functions if function.hidden]
        together = {n: value for values in own.values() for n, value in values.items()}
        for values in [*own.values(), together]:
            with contextlib.suppress(Exception):
                for alternative in given(student_id, question, values):
                    said = said and failure(hidden, space, alternative)
        own[question] = {n: space.get(n) for f in functions for n in parameters(f)}
        if said:
            failed[question] = said
    return failed


def rounded(value):
    """Round a number, or each of a list or of a dictionary, to three significant digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return float(f"{value:.3g}") if isinstance(value, (float, np.floating)) else value


def wrap(value):
    """Give a value in another of the forms that the instant checks accept."""
    if isinstance(value, dict):
        return pd.Series(value)
    if isinstance(value, list):
        return pd.Series(value).to_numpy().reshape(-1, 1)
    if isinstance(value, str):
        return f" {value.upper()} "
    return np.array([value])


def problems(name, student_id):
    """List everything that an assignment does wrong for one student."""
    space, tests = work(name, student_id)
    right = getattr(answers, name)(student_id)
    found = [f"right answer: {one}" for one in failures(name, space, tests).items()]
    handed_in = {key: rounded(space[key]) for key in right if key in space and key not in EXACT}
    found += [f"rounded: {one}" for one in failures(name, space | handed_in, tests).items()]
    wrapped = {key: wrap(space[key]) for key in right if key in space}
    found += [f"wrapped: {one}" for one in failures(name, space | wrapped, tests).items()]
    for question, wrongs in WRONG_ANSWERS[name].items():
        for label, code in wrongs.items():
            wrong = dict(space)
            exec(code, wrong)
            failed = failures(name, wrong, tests)
            if set(failed) != {question}:
                found.append(f"{question}, {label}: loses {failed or 'nothing'}")
    # A whole notebook of another student's wins what does not depend on the student, and no more.
    own = {q for q, wrongs in WRONG_ANSWERS[name].items() if "another student's" in wrongs}
    others = {key: value for key, value in getattr(answers, name)(OTHER).items() if key in space}
    failed = failures(name, space | others, tests)
    if set(failed) != own or not own:
        found.append(f"copied: loses {failed or 'nothing'}, not {own}")
    for code in ALSO_RIGHT[name]:
        other = dict(space)
        exec(code, other)
        found += [f"right in another way: {one}" for one in failures(name, other, tests).items()]
    for question, code in SLIPS[name]:
        slipped = space | {"_answers": answers}
        exec(code, slipped)
        failed = failures(name, slipped, tests)
        if set(failed) != {question}:
            found.append(f"{question}, slip: loses {failed or 'nothing'}")
    blank = {key: ... if key in right else value for key, value in space.items()}
    nothing = {"student_id": student_id, "data": blank.get("data")}
    for question in tests:
        if question not in failures(name, nothing, tests):
            found.append(f"{question}: passes when nothing is there")
    return found


@pytest.mark.parametrize(("name", "student_id"), CASES)
def test_right_answers_pass_and_wrong_ones_cost_their_question(name, student_id):
    assert problems(name, student_id) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_question_but_the_written_ones_has_wrong_answers(name):
    text = (ASSIGNMENTS / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"# BEGIN QUESTION\n(.*?)```", text, re.S)
    questions = {re.search(r"name: (\w+)", b)[1]: "manual: true" in b for b in blocks}
    assert set(WRONG_ANSWERS[name]) == {q for q, manual in questions.items() if not manual}
    assert 6 <= len(questions) <= 9
    assert 1 <= sum(questions.values()) <= 2
    assert sum(int(re.search(r"points: (\d+)", b)[1]) for b in blocks) == 20


def test_an_id_is_read_the_same_however_it_is_typed():
    assert personal.seed_of(" AB 123\n", "x") == personal.seed_of("ab123", "x")
    assert personal.seed_of("ab123", "x") != personal.seed_of("ab124", "x")
    assert personal.diary("AB123").equals(personal.diary("ab123"))


def test_a_whole_number_is_an_id_too():
    assert personal.seed_of(12345, "x") == personal.seed_of("12345", "x")
    assert personal.seed_of("ab\ud83d1\u200b", "x") == personal.seed_of("AB1", "x")


@pytest.mark.parametrize("bad", ["", "  ", "your-id", "...", ..., None, 1.5, True])
def test_a_missing_id_is_refused_in_a_sentence(bad):
    with pytest.raises(ValueError, match="write your own"):
        personal.seed_of(bad, "x")


if __name__ == "__main__":
    from joblib import Parallel, delayed

    mpl.use("Agg")
    ids = [f"student{i}" for i in range(int(sys.argv[1]))]
    for name in sys.argv[2:] or NAMES:
        tasks = (delayed(problems)(name, one) for one in ids)
        wrong = dict(zip(ids, Parallel(n_jobs=2, verbose=1)(tasks), strict=True))
        for one, found in wrong.items():
            for line in found:
                print(name, one, line)
        good = sum(not found for found in wrong.values())
        print(f"{name}: {good} of {len(ids)} ids without a problem")
