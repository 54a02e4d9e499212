"""Make the student's notebook, the solution and the autograder of every assignment.

What `make assignments` does. otter-grader does the splitting; before it, jupytext turns the
Markdown source into the notebook that otter wants; after it, whatever differs from run to run
(cell ids, time stamps) is replaced, so that an unchanged source gives unchanged files.
"""

import argparse
import ast
import contextlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import yaml
from otter.assign import main as otter_assign

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENTS = ROOT / "assignments"
BUILT = ROOT / "_build" / "assignments"
ANSWER_TAG, SOLUTION_TAG = "otter_answer_cell", "otter_assign_solution_cell"


def sources(folder: Path) -> dict[str, Path]:
    """Find the assignments of a folder: every Markdown file that otter is to read."""
    return {
        path.stem: path
        for path in sorted(folder.glob("*.md"))
        if "# ASSIGNMENT CONFIG" in path.read_text(encoding="utf-8")
    }


def read_questions(notebook: nbformat.NotebookNode) -> list[dict]:
    """Read the configuration of every question, in the order of the source."""
    configurations = [
        yaml.safe_load(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "raw" and cell.source.lstrip().startswith("# BEGIN QUESTION")
    ]
    return [
        {"name": c["name"], "points": c.get("points", 1), "manual": bool(c.get("manual"))}
        for c in configurations
    ]


def name_cells(notebook: nbformat.NotebookNode, questions: list[dict]) -> None:
    """Give every cell an id that stays, and the cells that hold an answer one that says whose."""
    written = iter([q["name"] for q in questions if q["manual"]])
    inside: str | None = None
    counts: dict[str, int] = {}
    for number, cell in enumerate(notebook.cells):
        if "<!-- BEGIN QUESTION -->" in cell.source:
            inside = next(written)
        tags = cell.metadata.get("tags", [])
        cell.id = f"cell-{number:02d}"
        if inside and (ANSWER_TAG in tags or SOLUTION_TAG in tags):
            kind = "answer" if ANSWER_TAG in tags else "solution"
            key = f"{kind}-{inside}"
            counts[key] = counts.get(key, 0) + 1
            cell.id = f"{key}-{counts[key]}"
        if "<!-- END QUESTION -->" in cell.source:
            inside = None


def names_read(tests: str) -> list[str]:
    """List the names that tests take as parameters: what the grader keeps of a student's work."""
    functions = [node for node in ast.parse(tests).body if isinstance(node, ast.FunctionDef)]
    read = {arg.arg for function in functions for arg in function.args.args}
    return sorted(read - {"student_id", "right"})  # these two are the grader's


def functions_of(notebook: nbformat.NotebookNode) -> str:
    """Take imports and functions out of a solution: the grader calls what students write, too."""
    kept = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            with contextlib.suppress(SyntaxError):  # a line for the shell
                kept += [
                    ast.unparse(node)
                    for node in ast.parse(cell.source).body
                    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)
                ]
    return "\n".join(line for line in kept if "otter" not in line)


def handed_out(notebook: nbformat.NotebookNode, questions: list[dict]) -> list[dict]:
    """List what students get, cell by cell: its text, its question, and the question's headline.

    With it the grader finds what is new in a notebook, wherever a written answer was put.
    """
    coming, current, cells = iter(questions), "", []
    for cell in notebook.cells:
        heads = [s for s in cell.source.splitlines() if s.startswith("## Question ")]
        if heads:
            current = next(coming)["name"]
        head = heads[0] if heads else ""
        cells.append({"source": cell.source, "question": current, "head": head})
    if next(coming, None):
        raise ValueError("every question needs a headline that begins with ## Question")
    return cells


def autograder(
    notebook: nbformat.NotebookNode, student: nbformat.NotebookNode, questions: list[dict]
) -> dict:
    """Gather what grading needs: every question with its tests, or its rubric when written."""
    tests = notebook.metadata.otter.tests
    for question in questions:
        name = question["name"]
        if question["manual"]:
            rubric = [c.source for c in notebook.cells if c.id.startswith(f"solution-{name}-")]
            question["rubric"] = "\n\n".join(rubric)
        else:
            if "all_or_nothing = True" not in tests[name]:
                raise ValueError(f"{name} must say all_or_nothing: true")
            question["tests"] = tests[name]
            question["names"] = names_read(tests[name])
    given = handed_out(student, questions)
    return {"questions": questions, "given": given, "functions": functions_of(notebook)}


def build(source: Path, out: Path) -> None:
    """Make one assignment's folder: student, solution, autograder.json."""
    name = source.stem
    master = jupytext.read(source)
    questions = read_questions(master)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{name}.ipynb"
        nbformat.write(master, path)
        for beside in ("personal.py", "answers.py"):  # otter copies what the source names
            shutil.copy(source.with_name(beside), scratch)
        with contextlib.redirect_stdout(io.StringIO()):
            # The tests of the solutions run in assignments/tests, through the grader itself.
            otter_assign(str(path), scratch, no_pdfs=True, no_run_tests=True)
        notebooks = {
            part: nbformat.read(Path(scratch) / part / path.name, as_version=4)
            for part in ("student", "autograder")
        }
    for notebook in notebooks.values():
        name_cells(notebook, questions)
        notebook.metadata.otter.assignment_name = name
        notebook.metadata.pop("jupytext", None)
    shutil.rmtree(out / name, ignore_errors=True)
    for part, folder in (("student", "student"), ("autograder", "solution")):
        (out / name / folder).mkdir(parents=True)
        nbformat.write(notebooks[part], out / name / folder / path.name)
        shutil.copy(source.with_name("personal.py"), out / name / folder)
    grading = autograder(notebooks["autograder"], notebooks["student"], questions)
    text = json.dumps(grading, indent=1, ensure_ascii=False)
    (out / name / "autograder.json").write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make every assignment, and the folder that is handed out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=ASSIGNMENTS)
    parser.add_argument("--out", type=Path, default=BUILT)
    parser.add_argument(
        "--hand-out", type=Path, help="also put what students get into this one folder"
    )
    options = parser.parse_args(arguments)
    found = sources(options.source)
    if not found:
        print(f"There is no assignment in {options.source}.", file=sys.stderr)
        return 2
    for name, source in found.items():
        build(source, options.out)
        if options.hand_out:
            options.hand_out.mkdir(exist_ok=True)
            for made in (options.out / name / "student").iterdir():
                shutil.copy(made, options.hand_out)
        print(f"{name}: student, solution and autograder are in {options.out / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
