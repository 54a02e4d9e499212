"""How long a page takes to read, estimated from its source."""

import re

__all__ = ["minutes"]

# Prose with numbers in it is read at about 120 words a minute; code is read line by line,
# and a figure, a table or a displayed formula is looked at.
WORDS_A_MINUTE = 120
SECONDS = {"line of code": 5, "figure or table": 45, "formula": 30, "question": 45}

CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.M | re.S)
HIDDEN = re.compile(r"^(?:tags:|:tags:).*(?:remove|hide)-(?:cell|input)", re.M)
OPTIONS = re.compile(r"\A(?:---\n.*?^---\n|(?::\w+:[^\n]*\n)+)", re.M | re.S)
# What is folded away: solutions, hints, and boxes for those who want it in full.
FOLDED = [
    r"^```\{solution-start\}.*?^```\{solution-end\}",
    r"^(`{3,})\{admonition\}[^\n]*\n:class:[^\n]*dropdown\n.*?^\1$",
]


def minutes(source):
    """Estimate the minutes of a page, to the next five, without what is folded away.

    Parameters
    ----------
    source : str
        The page, in MyST Markdown.

    Returns
    -------
    int
    """
    text = re.sub(r"\A---\n.*?^---\n", "", source, flags=re.M | re.S)
    for folded in FOLDED:
        text = re.sub(folded, "", text, flags=re.M | re.S)
    cells = CELL.findall(text)
    code = [OPTIONS.sub("", cell) for cell in cells if not HIDDEN.search(cell)]
    text, n_formulas = re.subn(r"^\$\$.*?^\$\$", "", CELL.sub("", text), flags=re.M | re.S)
    seconds = (
        len(re.findall(r"[^\W_]+(?:['-]\w+)*", text)) * 60 / WORDS_A_MINUTE
        + sum(bool(line.strip()) for cell in code for line in cell.splitlines())
        * SECONDS["line of code"]
        + sum("plt.show()" in cell for cell in cells) * SECONDS["figure or table"]
        + text.count("\n| --- ") * SECONDS["figure or table"]
        + n_formulas * SECONDS["formula"]
        + sum("_check(" in cell for cell in cells) * SECONDS["question"]
    )
    return max(5, 5 * round(seconds / 300))
