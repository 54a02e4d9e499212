"""The notebook that readers download: a page as plain Markdown and code, ready to run.

Its text is the finished page turned back into Markdown, so that numbers, references and
citations are those of the site; its code and outputs are those of the executed notebook.
It takes the place of the raw one, full of directives, to which the theme's button leads.
"""

# ruff: noqa: D102, D106  (methods that markdownify calls, a class it reads)

import ast
import json
import re
import shutil
from pathlib import Path
from urllib.parse import urljoin

import nbformat
from bs4 import BeautifulSoup
from markdownify import MarkdownConverter
from sphinx.errors import ExtensionError

# Where the n-th code cell of the page stands in its text.
PLACE = "@@cell-{}@@"

SETUP = """\
# Fetch the book's files that this notebook uses, unless they are beside it already.
from pathlib import Path
from urllib.request import urlretrieve

for name in {files}:
    if not Path(name).exists():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        urlretrieve("{address}" + name, name)"""


class Converter(MarkdownConverter):
    """Markdown of a page's text: formulas in dollars, links with their whole address."""

    class Options(MarkdownConverter.DefaultOptions):
        bullets = "-"
        heading_style = "ATX"
        page_url = ""

    def convert_span(self, el, text, parent_tags):
        return f"${el.get_text()[2:-2]}$" if "math" in el.get("class", []) else text

    def convert_div(self, el, text, parent_tags):
        classes = el.get("class", [])
        if "math" in classes:
            return f"\n\n$$\n{el.get_text().strip()[2:-2].strip()}\n$$\n\n"
        if "dropdown" in classes:
            title, _, rest = text.strip().partition("\n")
            return f"\n\n<details><summary>{title}</summary>\n\n{rest.strip()}\n\n</details>\n\n"
        if "admonition" in classes:
            return "\n\n" + re.sub("^", "> ", text.strip(), flags=re.M) + "\n\n"
        return f"\n\n{text}\n\n"

    def convert_p(self, el, text, parent_tags):
        if "admonition-title" in el.get("class", []) and "dropdown" not in el.parent["class"]:
            return f"\n\n**{text.strip()}**\n\n"
        return super().convert_p(el, text, parent_tags)

    def convert_a(self, el, text, parent_tags):
        el["href"] = urljoin(self.options["page_url"], el.get("href", ""))
        return super().convert_a(el, text, parent_tags)

    # Of a picture that text shows; what cells draw is in their output.
    def convert_img(self, el, text, parent_tags):
        el["src"] = urljoin(self.options["page_url"], el.get("src", ""))
        return super().convert_img(el, text, parent_tags)

    def convert_td(self, el, text, parent_tags):
        return super().convert_td(el, text.replace("|", r"\|"), parent_tags)

    # Definition lists have no Markdown that Jupyter knows.
    def convert_dt(self, el, text, parent_tags):
        return f"\n\n**{text.strip()}**  \n"

    def convert_dd(self, el, text, parent_tags):
        return f"{text.strip()}\n\n"


def parts_of_page(article, page_url):
    """Return a page's Markdown in pieces, a heading to a piece at most, and its cells' places."""
    soup = BeautifulSoup(str(article), "html.parser")
    for extra in soup.select(".headerlink, .figure-link, .top-line, script, style"):
        extra.decompose()
    # In their own tooltips, the page's citations carry the whole reference.
    cited = sorted(
        {
            link.attrs.pop("title")
            for link in soup.select(".bibtex-citation a[title], cite a[title]")
        }
    )
    cells = 0
    for cell in soup.select("div.cell"):
        caption = cell.select_one("figcaption p")
        cell.insert_before(soup.new_tag("p", string=PLACE.format(cells)))
        cells += 1
        if caption:
            caption.select_one(".caption-number").wrap(soup.new_tag("strong"))
            cell.insert_after(caption.extract())
        cell.decompose()
    for number in soup.select("figure .caption-number"):  # of pictures that text shows
        number.wrap(soup.new_tag("strong"))
    # Exercises and solutions become headings: what stands under one can be folded in Jupyter.
    for kind, level in ((".exercise", "h3"), (".solution", "h4")):
        for box in soup.select(kind):
            title = box.select_one(".admonition-title")
            title.name = level
            title.string = title.get_text().strip()
            del title["class"]
            box["class"] = []
    text = Converter(page_url=page_url).convert_soup(soup)
    text = re.sub(r"\n{3,}", "\n\n", text) + "".join(f"\n- {one}" for one in cited)
    pieces = re.split(r"(@@cell-\d+@@)|^(?=#+ )", text, flags=re.M)
    return [piece.strip() for piece in pieces if piece and piece.strip()], cells


def is_for_the_page(statement, own):
    """Say whether a statement only checks the prose or computes numbers for it.

    `own` are the functions that do so: `tell`, and those which hidden cells define.
    """
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = ast.unparse(statement.value.func)
        return function in own or function.startswith("np.testing.")
    if isinstance(statement, ast.For | ast.If | ast.With):
        inner = [*statement.body, *getattr(statement, "orelse", [])]
        return all(is_for_the_page(one, own) for one in inner)
    return isinstance(statement, ast.Assert)


class WithoutThePage(ast.NodeTransformer):
    """Leave out of loops and branches what only checks the prose or computes numbers for it."""

    def __init__(self, own):
        self.own, self.changed = own, False

    def generic_visit(self, node):
        """Drop such statements below a node, which keeps a body."""
        super().generic_visit(node)
        if isinstance(node, ast.For | ast.If | ast.With):
            for branch in ("body", "orelse"):
                inner = getattr(node, branch, [])
                left = [one for one in inner if not is_for_the_page(one, self.own)]
                if len(left) < len(inner):
                    self.changed = True
                    setattr(node, branch, left or [ast.Pass()] * (branch == "body"))
        return node


def source_for_readers(statement, source, own):
    """Return a statement's source without what serves the page alone."""
    written, slimmed = ast.get_source_segment(source, statement), WithoutThePage(own)
    left = slimmed.visit(statement)
    return ast.unparse(left) if slimmed.changed else written


def names_made(statement):
    """Return the names that a statement defines or changes."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    made = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            made |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            made |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}  # table["x"] = ...
    return made


def names_used(code):
    """Return the names that a piece of code reads, or every word of a cell of magics."""
    try:
        tree = ast.walk(ast.parse(code))
    except SyntaxError:
        return set(re.findall(r"\w+", code))
    return {n.id for n in tree if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def code_cells(source):
    """Return a notebook's code cells, each with whether it stands on the page.

    Of the others only the statements are left on which later cells build: the rest serves
    the page's prose, and would fail for readers who change the code.
    """
    cells = [cell for cell in source.cells if cell.cell_type == "code"]
    hidden = [cell for cell in cells if "remove-cell" in cell.metadata.get("tags", [])]
    statements = [one for cell in hidden for one in ast.parse(cell.source).body]
    own = {"tell", "glue"} | {one.name for one in statements if isinstance(one, ast.FunctionDef)}
    wanted, kept = set(), []
    for cell in reversed(cells):
        folded = cell in hidden or {"hide-cell", "hide-input", "remove-input"} & set(
            cell.metadata.get("tags", [])
        )
        metadata = {"jupyter": {"source_hidden": True}} if folded else {}
        new = nbformat.v4.new_code_cell(cell.source, id=cell.id, metadata=metadata)
        if cell in hidden:
            lines = []
            for statement in reversed(ast.parse(cell.source).body):
                acts = isinstance(statement, ast.Expr) or names_made(statement) & wanted
                if acts and not is_for_the_page(statement, own):
                    lines.insert(0, source_for_readers(statement, cell.source, own))
                    wanted |= names_used(lines[0])
            new.source = "\n".join(lines)
        else:
            wanted |= names_used(cell.source)
            new.execution_count = cell.execution_count
            new.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        if new.source:
            kept.insert(0, (new, cell not in hidden))
    return kept


def files_used(code, folder):
    """Return the book's modules and data files that the code uses, directly or through them."""
    files, queue = set(), [code]
    while queue:
        text = queue.pop()
        names = [f"{m}.py" for m in re.findall(r"^(?:from|import) (\w+)", text, re.M)]
        names += [re.sub(r"\{.*?\}", "*", d) for d in re.findall(r'"(data/[^"]+)"', text)]
        names += [f"studies/{n}.parquet" for n in re.findall(r'load_study\("(\w+)"', text)]
        found = {path for name in names for path in folder.glob(name)} - files
        files |= found
        queue += [path.read_text(encoding="utf-8") for path in found if path.suffix == ".py"]
    return sorted(path.relative_to(folder).as_posix() for path in files)


def about(title, page_url, repository, needs_r):
    """Return what a notebook says of itself: where it comes from and what it needs."""
    home = urljoin(page_url, "../index.html")
    package = "mlmlearn[pymer4]" if needs_r else "mlmlearn"
    text = (
        f"This notebook is the page [{title}]({page_url}) of an [executable book]({home}).\n"
        "It runs on its own, with\n\n"
        f'```\npip install "{package} @ git+{repository}" matplotlib statsmodels jupyterlab\n'
        "```\n\n"
    )
    if needs_r:
        packages = f"[these packages]({repository}/blob/HEAD/binder/apt.txt)"
        text += f"and with R and {packages} on the same machine.\n"
    return f"{text}Code that only draws or prepares is folded; a click on its bar opens it."


def clean_notebook(article, source, page_url, repository, folder, needs_r):
    """Return the notebook of a page, and the book's files that it uses."""
    pieces, places = parts_of_page(article, page_url)
    code = code_cells(source)
    shown = [i for i, (_, on_page) in enumerate(code) if on_page]
    if len(shown) != places:
        raise ExtensionError(f"{page_url} shows {places} cells, its notebook {len(shown)}.")
    files = files_used("\n".join(cell.source for cell, _ in code), folder)
    title = article.select_one("h1").find(string=True)
    cells = [nbformat.v4.new_markdown_cell(about(title, page_url, repository, needs_r), id="about")]
    if files:
        address = urljoin(page_url, f"../_sources/{folder.name}/")
        setup = SETUP.format(files=json.dumps(files), address=address)
        cells.append(nbformat.v4.new_code_cell(setup, id="files"))
    done = shown[0] if shown else 0
    cells += [cell for cell, _ in code[:done]]
    for piece in pieces:
        place = re.fullmatch(r"@@cell-(\d+)@@", piece)
        if place:
            end = shown[int(place[1])] + 1
            cells += [cell for cell, _ in code[done:end]]
            done = end
        else:
            folded = {"jp-MarkdownHeadingCollapsed": True} if "# Solution" in piece[:14] else {}
            text = nbformat.v4.new_markdown_cell(piece, id=f"text-{len(cells)}", metadata=folded)
            cells.append(text)
    title_cell = next(i for i, cell in enumerate(cells) if cell.source.startswith("# "))
    cells.insert(0, cells.pop(title_cell))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata = {
        "kernelspec": source.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    nbformat.validate(made)
    return made, files


def write_notebooks(app, exception):
    """Replace each raw notebook of the site, and put the files they use beside them."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    repository = app.config.html_theme_options["repository_url"]
    for path in sorted((site / "_sources").rglob("*.ipynb")):
        name = path.relative_to(site / "_sources").with_suffix("").as_posix()
        page = BeautifulSoup((site / f"{name}.html").read_text("utf-8"), "html.parser")
        folder = (Path(app.srcdir) / name).parent
        notebook, files = clean_notebook(
            page.select_one("article"),
            nbformat.read(path, as_version=4),
            urljoin(app.config.html_baseurl, f"{name}.html"),
            repository,
            folder,
            bool(app.env.metadata[name].get("needs_r")),
        )
        nbformat.write(notebook, path)
        for file in files:
            (path.parent / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / file, path.parent / file)
