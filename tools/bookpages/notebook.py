"""The notebook that readers download: a page as plain Markdown and code, ready to run.

Its text is the finished page turned back into Markdown, so that numbers, references and
citations are those of the site; its code and outputs are those of the executed notebook.
It takes the place of the raw one, full of directives, to which the theme's button leads.
"""

# ruff: noqa: D102, D106  (methods that markdownify calls, a class it reads)

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


def code_cells(source):
    """Return a notebook's code cells without those that serve the page's prose alone.

    Nothing that is shown builds on these (test_book holds that).
    """
    kept = []
    for cell in source.cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and "remove-cell" not in tags:
            folded = {"hide-cell", "hide-input", "remove-input"} & tags
            new = nbformat.v4.new_code_cell(
                cell.source,
                id=cell.id,
                metadata={"jupyter": {"source_hidden": True}} if folded else {},
                execution_count=cell.execution_count,
                outputs=[o for o in cell.outputs if o.get("name") != "stderr"],
            )
            kept.append(new)
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
    if len(code) != places:
        raise ExtensionError(f"{page_url} shows {places} cells, its notebook {len(code)}.")
    files = files_used("\n".join(cell.source for cell in code), folder)
    title = article.select_one("h1").find(string=True)
    cells = [nbformat.v4.new_markdown_cell(about(title, page_url, repository, needs_r), id="about")]
    if files:
        address = urljoin(page_url, f"../_sources/{folder.name}/")
        setup = SETUP.format(files=json.dumps(files), address=address)
        cells.append(nbformat.v4.new_code_cell(setup, id="files"))
    for piece in pieces:
        place = re.fullmatch(r"@@cell-(\d+)@@", piece)
        if place:
            cells.append(code[int(place[1])])
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
