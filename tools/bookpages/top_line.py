"""The line under a page's title: how long it takes to read, and how to run it."""

from pathlib import Path

from reading_time import minutes  # in book/, where a chapter uses it, too

# Pages that are looked into rather than read.
LOOKED_UP = {"api", "bibliography"}

BUTTONS = {
    "download-notebook-button": "Notebook (.ipynb)",
    "download-source-button": "Source (.md)",
    "download-pdf-button": "Print or PDF",
}


def add_line(app, pagename, templatename, context, doctree):
    """Put the line under the title, and name the theme's download buttons for what they give."""
    links = []
    for group in context["header_buttons"]:
        for button in group.get("buttons", []):
            button["text"] = BUTTONS.get(button.get("label"), button["text"])
            if button["text"] == "Binder":
                links.append(f'<a href="{button["url"]}">Run it on Binder</a>')
            if button.get("label") == "download-notebook-button":
                links.append(f'<a href="{button["url"]}" download>Download the notebook</a>')
    if not doctree or pagename == app.config.root_doc:
        return
    if pagename.rpartition("/")[2] not in LOOKED_UP:
        source = Path(app.env.doc2path(pagename)).read_text(encoding="utf-8")
        links.insert(0, f"<span>About {minutes(source)} minutes</span>")
    line = f'<p class="top-line">{" ".join(links)}</p>' if links else ""
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)
