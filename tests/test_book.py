"""The book: what every chapter must have, and what must stop a build."""

import builtins
import dis
import re
import shutil
import subprocess
from types import CodeType

import pandas as pd
import pytest
import yaml
from bookkit import source_version
from conftest import CHAPTERS, ENVIRONMENT, PAGES, ROOT, build_book
from looks import LOOKS


def source(page):
    return (ROOT / f"{page}.md").read_text(encoding="utf-8")


def cells(page):
    """Options and code of every code cell, the options as a dictionary."""
    for body in re.findall(r"^```\{code-cell\} ipython3\n(.*?)^```$", source(page), re.M | re.S):
        if body.startswith("---\n"):
            options, code = body[4:].split("---\n", 1)
        else:
            options, code = re.match(r"((?::\w+:[^\n]*\n)*)(.*)", body, re.S).groups()
            options = options.replace(":tags:", "tags:")
        yield yaml.safe_load(options) or {}, code


# Sources


def test_every_chapter_is_in_the_table_of_contents():
    assert {f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_has_the_whole_skeleton(page):
    text = source(page)
    parts = ["**The question.**", "**You will be able to**", "**You need**"]
    parts += ["## What to take away", "## Exercises", "```{exercise}", "## References"]
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)
    assert len(re.findall(r"_check\(", text)) >= 2
    exercises = re.findall(r"^:label: (ex-\S+)$", text, re.M)
    assert exercises == re.findall(r"^```\{solution-start\} (ex-\S+)$", text, re.M)
    assert text.count("{admonition} Hint") >= len(exercises) >= 2


@pytest.mark.parametrize("page", PAGES)
def test_a_figure_has_a_name_a_caption_and_a_sentence_for_those_who_cannot_see_it(page):
    for options, code in cells(page):
        if "plt.show()" in code:
            shown = options["mystnb"]
            assert shown["figure"]["name"].startswith("fig-")
            assert shown["figure"]["caption"].endswith(".")
            assert len(shown["image"]["alt"]) > 60
            assert shown["image"]["alt"].endswith(".")
            assert shown["image"]["alt"] != shown["figure"]["caption"]


@pytest.mark.parametrize("page", PAGES)
def test_a_chapter_that_needs_r_says_so_to_the_build_and_to_the_reader(page):
    text = source(page)
    # The batch engine fits where no other is named. What `verify` fits again is lme4's.
    uses_r = any(re.search(r"pymer4|rpy2|\bverify\(", code) for _, code in cells(page))
    assert ("needs_r: true" in text) == uses_r
    if page in CHAPTERS:
        assert ("needs R" in text) == uses_r


def names(code):
    """Return the names that a cell makes, and those that it needs, its functions' included."""
    made, needed, left = set(), set(), [compile(code, "cell", "exec")]
    while left:
        block = left.pop()
        left += [one for one in block.co_consts if isinstance(one, CodeType)]
        for step in dis.get_instructions(block):
            if step.opname == "STORE_NAME":
                made.add(step.argval)
            elif step.opname in {"LOAD_NAME", "LOAD_GLOBAL"}:
                needed.add(step.argval)
    return made, needed


@pytest.mark.parametrize("page", PAGES)
def test_what_a_reader_sees_and_copies_needs_no_cell_that_is_not_shown(page):
    """Nor does the notebook to download, which leaves such cells out."""
    defined = {*dir(builtins), "display"}  # which IPython gives
    for options, code in cells(page):
        if "remove-cell" not in options.get("tags", []):
            made, needed = names(code)
            defined |= made
            assert needed <= defined, sorted(needed - defined)


@pytest.mark.parametrize("page", PAGES)
def test_strategies_take_their_colours_from_one_table(page):
    # The first strategy's blue is also the book's only accent for things that have no strategy.
    others = [look.color for name, look in LOOKS.items() if name != "mlm_full"]
    assert not [color for color in others if color.lower() in source(page).lower()]


def test_the_lock_is_exact_and_names_no_index():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert all(re.match(r"[\w.-]+==[^ ]+( ;.*)?$", pin) for pin in pins)
    assert "jupyter-book==1.0.4.post1" in pins
    assert "pymer4==0.8.2" in pins


def test_the_readme_shows_a_picture_that_exists():
    for alt, path in re.findall(r"!\[(.*?)\]\((.*?)\)", (ROOT / "README.md").read_text("utf-8")):
        assert len(alt) > 60
        assert (ROOT / path).stat().st_size < 300_000


@pytest.mark.needs_r
def test_the_sleep_study_is_lme4s(sleepstudy):
    ours = pd.read_csv(ROOT / "book" / "data" / "sleepstudy.csv")
    assert ours["Reaction"].tolist() == sleepstudy["Reaction"].tolist()
    assert ours["Days"].tolist() == sleepstudy["Days"].tolist()
    assert ours["Subject"].astype(str).tolist() == sleepstudy["Subject"].astype(str).tolist()


# A build that must fail

GOOD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# One page

```{code-cell} ipython3
1 + 1
```
"""


@pytest.fixture
def small_book(tmp_path):
    """Make a book of one page with the project's own configuration and build script."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copytree(ROOT / "book/_static", tmp_path / "book/_static")
    for path in [ROOT / "_config.yml", ROOT / "book/references.bib", *ROOT.glob("book/*.py")]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/page\n", encoding="utf-8")
    return tmp_path


@pytest.mark.needs_r
def test_the_build_stops_at_a_cell_that_fails(small_book):
    page = f"{GOOD}\n```{{code-cell}} ipython3\n1 / 0\n```\n"
    (small_book / "book/page.md").write_text(page, encoding="utf-8")
    result = build_book(small_book)
    assert result.returncode != 0
    assert "ZeroDivisionError" in result.stdout + result.stderr


@pytest.mark.needs_r
def test_the_build_fails_when_something_leads_nowhere(small_book):
    broken = ["{cite:t}`nobody1900`", "{ref}`nowhere`", "{glue:text}`never_told`"]
    (small_book / "book/page.md").write_text("\n\n".join([GOOD, *broken]), encoding="utf-8")
    result = build_book(small_book)
    assert result.returncode != 0
    # One build for all: each is told as a warning, and one warning is enough to fail a build.
    said = (result.stdout + result.stderr).splitlines()
    warnings = [line for line in said if "WARNING" in line]
    assert len(warnings) == len(broken), warnings
    for name in ("nobody1900", "nowhere", "never_told"):
        assert [name in warning for warning in warnings].count(True) == 1


@pytest.mark.needs_r
def test_a_fork_leads_its_readers_to_the_fork_and_no_page_survives_a_change(
    small_book, monkeypatch
):
    """Two builds prove both: of the same pages, with what they import and read changed between."""
    monkeypatch.setitem(ENVIRONMENT, "GITHUB_REPOSITORY", "Someone/fork")
    monkeypatch.setitem(ENVIRONMENT, "GITHUB_SERVER_URL", "https://github.com")
    code = "import rate\nprint(rate.NAME, open('data.txt').read())"
    page = f"{GOOD}\n```{{code-cell}} ipython3\n{code}\n```\n"
    (small_book / "book/page.md").write_text(page, encoding="utf-8")
    stray = small_book / "_build/html/book/removed.html"
    for name, value in [("power", "0.80"), ("coverage", "0.95")]:
        (small_book / "book/rate.py").write_text(f"NAME = {name!r}\n", encoding="utf-8")
        (small_book / "book/data.txt").write_text(value, encoding="utf-8")
        result = build_book(small_book)
        assert result.returncode == 0, (result.stdout + result.stderr)[-5000:]
        shown = (small_book / "_build/html/book/page.html").read_text(encoding="utf-8")
        assert f"{name} {value}" in shown
        assert not stray.exists()
        stray.write_text("a page that is no longer in the book", encoding="utf-8")
    assert '"https://github.com/Someone/fork"' in shown
    assert "https://github.com/Someone/fork/issues/new" in shown
    assert "https://mybinder.org/v2/gh/Someone/fork/" in shown
    assert "https://someone.github.io/fork/book/page.html" in shown
    assert "mlmlearn/mlmlearn" not in shown


def test_the_book_says_what_it_is_built_from(tmp_path):
    def git(*arguments):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(root), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    root = tmp_path.resolve()
    assert source_version(root).startswith("unknown")
    git("init")
    (root / "page.md").write_text("one", encoding="utf-8")
    git("add", ".")
    git("commit", "--message", "One")
    commit = git("rev-parse", "HEAD")
    assert commit.startswith(source_version(root))
    assert len(source_version(root)) >= 7
    (root / "page.md").write_text("two", encoding="utf-8")
    assert source_version(root) == f"{commit[:12]}, edited"
    # An archive unpacked inside some repository does not come from that one.
    (root / "archive").mkdir()
    assert source_version(root / "archive").startswith("unknown")
