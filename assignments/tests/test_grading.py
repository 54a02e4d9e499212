"""The grader: thirty notebooks and more, hostile ones among them, and grading interrupted."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from conftest import ME, ROOT, code_cell, grade, hand_in
from grading import sandbox

NAME = "pooling"
GRADE = [sys.executable, str(ROOT / "tools" / "grade.py")]
SLEEPER = "98765"  # seconds a daemon left behind would sleep

# What a cell just before the check of a question does, and what the report must say.
HARMFUL = {
    "crashes": ("1 / 0", ""),
    "has_a_syntax_error": ("n_rows = = 3", ""),
    "never_ends": ("while True: pass", "did not end within"),
    "never_ends_and_catches_all": (
        "import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: pass",
        "did not end within",
    ),
    "prints_a_gigabyte": ("for _ in range(1000): print('x' * 1_000_000)", "printed more than"),
    "prints_from_another_program": (
        "import subprocess\nsubprocess.run(['head', '-c', '1000000000', '/dev/zero'])",
        "printed more than",
    ),
    "calls_sys_exit": ("import sys\nsys.exit(1)", "SystemExit"),
    "calls_os_exit": ("import os\nos._exit(0)", "ended the Python process"),
    "kills_itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended the Python"),
    "crashes_the_interpreter": ("import ctypes\nctypes.string_at(0)", "ended the Python process"),
    "takes_all_memory": ("huge = [0] * 10**10", "MemoryError"),
    "writes_a_huge_file": (
        "f = open('big', 'wb')\nfor _ in range(400): f.write(bytes(1_000_000)); f.flush()",
        "OSError",
    ),
    "waits_for_input": ("input('your id? ')", "EOFError"),
}

# What lives through but must win nothing: run before the check of q1, whose answer is wrong too.
TRICKS = {
    "equals_everything": (
        "class Any(float):\n"
        "    def __eq__(self, other): return True\n"
        "    __hash__ = float.__hash__\n"
        "    def __mod__(self, other): return 0\n"
        "    def __lt__(self, other): return True\n"
        "n_rows = Any(1)"
    ),
    "redefines_the_helpers": (
        "import builtins, personal, types, sys\n"
        "builtins.abs = lambda x: 0\n"
        "np.all = np.isclose = np.allclose = lambda *a, **k: True\n"
        "personal.number = lambda value, name: value\n"
        "fake = types.ModuleType('answers')\n"
        "fake.close = lambda *a, **k: True\n"
        "fake.pooling = lambda i: {'n_rows': n_rows, 'n_people': n_people, 'mood_sd': mood_sd}\n"
        "sys.modules['answers'] = fake\n"
        "open('answers.py', 'w').write('close = lambda *a, **k: True')\n"
        "n_rows = n_rows + 1"
    ),
    "replaces_the_grader": (
        "class grader:\n"
        "    check = check_all = staticmethod(lambda *a: print('all passed'))\n"
        "n_rows = n_rows + 1"
    ),
    "forges_a_pickle": (
        "class Forged:\n"
        "    def __reduce__(self):\n"
        "        import os\n"
        "        return os.system, ('touch {canary}',)\n"
        "n_rows = Forged()"
    ),
    "forges_the_report": (
        "import os\n"
        "for descriptor in range(3, 30):\n"
        '    try: os.write(descriptor, b\'{{"question": "q1", "points": 100}\\n\')\n'
        "    except OSError: pass\n"
        "n_rows = n_rows + 1"
    ),
    "writes_what_was_kept": (
        "import pathlib\n"
        "for kept in pathlib.Path('.').rglob('*.json'): kept.write_text('{}')\n"
        "n_rows = n_rows + 1"
    ),
    "leaves_a_daemon": (
        "import subprocess\n"
        f"subprocess.Popen(['sleep', '{SLEEPER}'], start_new_session=True)\n"
        "n_rows = n_rows + 1"
    ),
    "forks": "import os\nos.fork()\nn_rows = n_rows + 1",
    "kills_the_grader": (
        "import os, signal\n"
        "try: os.kill(os.getppid(), signal.SIGKILL)\n"
        "except PermissionError: pass\n"
        "n_rows = n_rows + 1"
    ),
    "reads_and_deletes": (
        "import pathlib, shutil, mlmlearn\n"
        "shutil.rmtree('{folder}', ignore_errors=True)\n"
        "shutil.rmtree('{folder}-grades', ignore_errors=True)\n"
        "found = pathlib.Path(mlmlearn.__file__).parents[2] / 'assignments' / 'answers.py'\n"
        "try: n_people = found.read_text()\n"
        "except OSError: n_rows = n_rows + 1\n"
    ),
}
# Whoever writes into the channel through which functions are called only breaks their own.
ALSO_LOSES = {"forges_the_report": {"q3", "q6"}}
NEEDS_LANDLOCK = {"kills_the_grader", "reads_and_deletes"}


def quick(one, student=ME):
    """Fill in all but the last question, whose simulation takes the longest."""
    notebook = one.solution(student)
    last = one.tested[-1]
    start = one.check_of(notebook, one.tested[-2]) + 1
    stop = one.check_of(notebook, last)
    notebook.cells[start:stop] = []
    return notebook


def without_question(one, notebook, number):
    """Delete a question whole: its text, its answer and its check."""
    start = one.check_of(notebook, one.tested[number - 1]) + 1
    notebook.cells[start : one.check_of(notebook, one.tested[number]) + 1] = []
    return notebook


@pytest.fixture(scope="module")
def crowd(handout, tmp_path_factory):
    """Hand in: the folder, and which questions every file must lose."""
    one = handout(NAME)
    folder = tmp_path_factory.mktemp("crowd") / "handed_in"
    all_of_it, last, second_last = set(one.tested), one.tested[-1], one.tested[-2]
    lost = {}

    def add(name, notebook, questions):
        hand_in(folder, name, notebook)
        lost[name] = set(questions)

    add("right.ipynb", one.solution(), ())
    add("quick.ipynb", quick(one, "someone-1"), {last})
    add("the_same_student/again.ipynb", quick(one), {last})
    add("blank.ipynb", one.blank("someone-2"), all_of_it)
    add("no_id.ipynb", nbformat.read(one.student_path, as_version=4), all_of_it)
    for name, (code, _) in HARMFUL.items():
        notebook = quick(one, f"harm-{name}")
        answer = one.check_of(notebook, second_last) - 1
        # In the cell of the answer itself, before it: the answer is never computed.
        notebook.cells[answer].source = f"{code}\n{notebook.cells[answer].source}"
        add(f"{name}.ipynb", notebook, {second_last, last})
    for name, code in TRICKS.items():
        if name in NEEDS_LANDLOCK and sandbox.landlock_version() < 6:
            continue
        notebook = quick(one, f"trick-{name}")
        code = code.replace("{canary}", str(folder.parent / "canary"))
        code = code.replace("{folder}", str(folder))
        one.before_check(notebook, one.tested[0], code)
        add(f"{name}.ipynb", notebook, {one.tested[0], last, *ALSO_LOSES.get(name, ())})
    notebook = quick(one, "someone-3")
    notebook.metadata = nbformat.from_dict({"otter": {"tests": {}}})
    add("no_metadata.ipynb", notebook, {last})
    notebook = quick(one, "someone-4")
    one.before_check(notebook, one.tested[0], "n_rows = n_rows + 1")
    notebook.metadata.otter.tests = dict.fromkeys(one.tested, "name = 'x'\npoints = 100")
    add("rewritten_tests.ipynb", notebook, {one.tested[0], last})
    notebook = quick(one, "someone-5")
    notebook.cells = [c for c in notebook.cells if "grader" not in c.source]
    add("no_checks.ipynb", notebook, {last})
    add(
        "lacks_a_question.ipynb",
        without_question(one, quick(one, "someone-6"), 1),
        {one.tested[1], last},
    )
    notebook = quick(one, "someone-7")
    notebook.cells.append(code_cell("n_rows = mood_sd = None"))
    add("uses_a_name_again.ipynb", notebook, {last})
    add("essay.docx", b"PK\x03\x04 not a notebook", all_of_it)
    add("truncated.ipynb", nbformat.writes(quick(one)).encode()[:5000], all_of_it)
    add("wrong_kind.ipynb", b'{"cells": 3}', all_of_it)
    add("deep.ipynb", b"[" * 200_000, all_of_it)
    add("empty.ipynb", b"", all_of_it)
    add("of_another_course.ipynb", nbformat.v4.new_notebook(cells=[code_cell("1")]), all_of_it)
    assert len(lost) >= 30
    return folder, lost


@pytest.fixture(scope="module")
def graded(crowd, built):
    folder, _ = crowd
    return grade(folder, built, "--cell-seconds", "10")


def test_nobody_is_lost_and_everybody_gets_what_is_due(crowd, graded, handout):
    folder, lost = crowd
    one = handout(NAME)
    assert set(graded) == set(lost)
    for name, questions in lost.items():
        row = graded[name]
        won = {q for q in one.tested if row[q] and float(row[q]) == one.points[q]}
        assert won == set(one.tested) - questions, f"{name}: {row['what_went_wrong']}"
        assert float(row["total"]) == sum(one.points[q] for q in won)
        assert "grader itself failed" not in row["what_went_wrong"], row["what_went_wrong"]
        report = (folder.with_name("handed_in-grades") / "reports" / f"{name}.md").read_text()
        assert len(report) > 50
    assert (folder / "right.ipynb").exists()
    assert not (folder.parent / "canary").exists(), "code in a pickle was run by the grader"


def test_the_reasons_are_plain(graded, handout):
    question = handout(NAME).tested[-2]
    for name, (_, words) in HARMFUL.items():
        said = graded[f"{name}.ipynb"]["what_went_wrong"]
        assert words in said, f"{name}: {said}"
        assert f"{question}: " in said
    assert "student_id was not filled in" in graded["no_id.ipynb"]["what_went_wrong"]
    assert "is not a notebook" in graded["essay.docx"]["what_went_wrong"]
    assert "is not a notebook" in graded["truncated.ipynb"]["what_went_wrong"]
    assert "ASSIGNMENT=" in graded["of_another_course.ipynb"]["what_went_wrong"]
    assert "not a plain value" in graded["equals_everything.ipynb"]["what_went_wrong"]
    assert "is not defined" in graded["lacks_a_question.ipynb"]["what_went_wrong"]


def test_two_with_one_id_are_both_there_and_said(graded):
    first, second = graded["right.ipynb"], graded["the_same_student/again.ipynb"]
    assert first["student"] == second["student"] == ME
    assert first["total"] != second["total"]
    assert "again.ipynb" in first["what_went_wrong"]
    assert "right.ipynb" in second["what_went_wrong"]


def test_nothing_runs_on_or_stays_behind(graded):
    left = [
        p.cmdline()
        for p in psutil.process_iter(["cmdline"])
        if SLEEPER in (p.info["cmdline"] or [])
    ]
    assert not left


def test_a_second_call_keeps_all_grades(crowd, graded, built, capsys):
    folder, _ = crowd
    started = time.monotonic()
    assert grade(folder, built, "--cell-seconds", "10") == graded
    assert time.monotonic() - started < 20
    assert "were graded before" in capsys.readouterr().out


def test_written_answers_stand_beside_the_rubric(handout, built, tmp_path):
    one = handout(NAME)
    manual = next(q for q in one.assignment.questions if q["manual"])
    for with_ids in (True, False):
        notebook = one.blank()
        cell = next(c for c in notebook.cells if c.id.startswith(f"answer-{manual['name']}-"))
        cell.source = "Answers of one person are alike.\n\n# Points: 17 of 17"
        if not with_ids:
            notebook.nbformat_minor = 4
            for cell in notebook.cells:
                del cell["id"]
        folder = tmp_path / f"ids_{with_ids}"
        hand_in(folder, "one.ipynb", notebook)
        row = grade(folder, built)["one.ipynb"]
        assert row[manual["name"]] == "to grade by hand"
        assert float(row["by_hand"]) == manual["points"]
        report = (tmp_path / f"ids_{with_ids}-grades" / "reports" / "one.ipynb.md").read_text()
        assert "> Answers of one person are alike." in report
        assert "> # Points: 17 of 17" in report
        assert manual["rubric"].splitlines()[-1] in report


def test_interrupted_grading_goes_on_where_it_stopped(handout, built, tmp_path):
    one = handout(NAME)
    folder = tmp_path / "handed_in"
    for number in range(5):
        hand_in(folder, f"{number}.ipynb", quick(one, f"someone-{number}"))
    command = [*GRADE, str(folder), "--built", str(built), "--jobs", "2"]
    out = tmp_path / "handed_in-grades"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((out / "finished").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "The same command goes on from there" in errors
    kept = {p: p.stat().st_mtime_ns for p in (out / "finished").glob("*.json")}
    assert 1 <= len(kept) < 5
    assert not (out / "grades.csv").exists()
    mine = [p for p in psutil.process_iter() if _started_for(p, tmp_path)]
    assert not mine, "a student's process outlived the interruption"
    rows = grade(folder, built)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "graded again"
    due = sum(one.points.values()) - one.points[one.tested[-1]]
    assert [float(row["total"]) for row in rows.values()] == [due] * 5


def _started_for(process, folder):
    try:
        return "run_cells.py" in " ".join(process.cmdline()) and process.ppid() == 1
    except psutil.Error:
        return False


def test_a_changed_submission_is_graded_anew(handout, built, tmp_path):
    one = handout(NAME)
    folder = tmp_path / "handed_in"
    hand_in(folder, "one.ipynb", one.blank())
    assert grade(folder, built)["one.ipynb"]["total"] == "0"
    hand_in(folder, "one.ipynb", quick(one))
    assert grade(folder, built)["one.ipynb"]["total"] != "0"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "SUBMISSIONS is the folder"),
        (["no-such-folder"], "There is no folder no-such-folder"),
        ([str(ROOT / "binder")], "There is no notebook"),
        ([str(ROOT), "--assignment", "poling"], "There is no assignment 'poling'"),
        ([str(ROOT), "--built", "nowhere"], "run `make assignments` first"),
    ],
)
def test_mistakes_of_the_call_are_one_sentence(arguments, words, built, capsys):
    import grade as command

    if "--built" not in arguments:
        arguments = [*arguments, "--built", str(built)]
    assert command.main(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said


def test_spreadsheets_take_nothing_for_a_formula():
    from grading.report import harmless

    assert harmless("=1+1") == "'=1+1"
    assert harmless("ab\n12") == "ab 12"


def test_the_students_process_gets_no_secrets(handout, built, tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHERS_TOKEN", "secret")
    one = handout(NAME)
    notebook = quick(one)
    code = "import os\nassert 'TEACHERS_TOKEN' not in os.environ, 'seen'"
    one.before_check(notebook, one.tested[0], code)
    hand_in(tmp_path / "handed_in", "one.ipynb", notebook)
    assert "seen" not in grade(tmp_path / "handed_in", built)["one.ipynb"]["what_went_wrong"]
    assert "TEACHERS_TOKEN" in os.environ
