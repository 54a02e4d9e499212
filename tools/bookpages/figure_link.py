"""What stands beside a figure: the bar that unfolds its code, and a link to its file."""

from html import escape
from pathlib import PurePosixPath

from docutils import nodes
from sphinx.util.osutil import relative_uri


def add_links(app, doctree, docname):
    """Add to each caption a link that downloads the figure, named as the figure is."""
    if app.builder.format != "html":
        return
    here = app.builder.get_target_uri(docname)
    for figure in doctree.findall(nodes.figure):
        image = next(figure.findall(nodes.image), None)
        caption = next(figure.findall(nodes.caption), None)
        if image is None or caption is None or image["uri"] not in app.env.images:
            continue
        stored = app.env.images[image["uri"]][1]
        uri = relative_uri(here, f"{app.builder.imagedir}/{stored}")
        kind = PurePosixPath(stored).suffix
        name = escape(figure["ids"][0] + kind)
        link = (
            f' <a class="figure-link" href="{escape(uri)}" download="{name}" '
            f'aria-label="Download {name}">{kind[1:].upper()}</a>'
        )
        caption += nodes.raw("", link, format="html")


# What myst-nb writes where a cell has no words of its own.
SHOW, HIDE = "Show code cell {type}", "Hide code cell {type}"


def name_code(app, doctree):
    """Say on the bar over a folded cell what is behind it."""
    for cell in doctree.findall(nodes.container):
        if cell.get("hide_mode") not in {"input", "all"}:
            continue
        if cell["prompt_hide"] == HIDE:
            cell["prompt_hide"] = "Hide the code"
        if cell["prompt_show"] != SHOW:
            continue
        link = "for this" if cell["hide_mode"] == "input" else "and"
        if next(cell.findall(nodes.figure), None):
            cell["prompt_show"] = f"Code {link} figure"
        elif any("cell_output" in part["classes"] for part in cell.findall(nodes.container)):
            cell["prompt_show"] = f"Code {link} result"
        else:
            cell["prompt_show"] = "Set-up for what follows"
