"""The line under a page's title: how long it takes to read, and how to run it."""

from bs4 import BeautifulSoup

# Prose with numbers in it is read at about 150 words a minute; code is read line by line,
# and a figure, a table or a displayed formula is looked at.
WORDS_A_MINUTE = 150
SECONDS = {"line of code": 5, "figure or table": 45, "formula": 30, "question": 45}
# Pages that are looked into rather than read.
LOOKED_UP = {"api", "bibliography"}

BUTTONS = {
    "download-notebook-button": "Notebook (.ipynb)",
    "download-source-button": "Source (.md)",
    "download-pdf-button": "Print or PDF",
}


def minutes(body):
    """Estimate how long the page takes to read, without its exercises' solutions and hints."""
    soup = BeautifulSoup(body, "html.parser")
    questions = soup.select("form")
    for aside in soup.select(".solution, .dropdown, details, script, style, form"):
        aside.decompose()
    shown = soup.select("figure, table")
    formulas = soup.select("div.math")
    code = [block.extract().get_text() for block in soup.select("pre")]
    lines = sum(bool(line.strip()) for text in code for line in text.splitlines())
    for one in [*shown, *formulas]:
        one.extract()
    seconds = (
        len(soup.get_text(" ").split()) * 60 / WORDS_A_MINUTE
        + lines * SECONDS["line of code"]
        + len(shown) * SECONDS["figure or table"]
        + len(formulas) * SECONDS["formula"]
        + len(questions) * SECONDS["question"]
    )
    return seconds / 60


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
        links.insert(
            0, f"<span>About {max(5, 5 * round(minutes(context['body']) / 5))} minutes</span>"
        )
    line = f'<p class="top-line">{" ".join(links)}</p>' if links else ""
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)
