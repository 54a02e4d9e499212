"""What the chapters share: the look of figures, numbers for the prose, and self-checks."""

import json
import re
import subprocess
from html import escape
from itertools import count, product
from pathlib import Path

import matplotlib.pyplot as plt
import matplotlib_inline.backend_inline as inline
import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.core.formatters import format_display_data
from IPython.display import HTML, display
from looks import LOOKS

from mlmlearn import POST_STRATEGIES, STRATEGIES

# Figures are at most this wide, in inches, so that their text stays readable on a phone.
WIDTH = 5.0
GREY = "#6b6b6b"
# What myst-nb puts before the kinds of an output that is for the prose, and not shown.
GLUED = "application/papermill.record/"
INK = "#222222"


def use_book_style():
    """Give every figure of the book the same quiet look, as SVG that downloads well."""
    inline.set_matplotlib_formats("svg")
    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.6),
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "svg.hashsalt": "mlmlearn",  # the same figure gives the same file
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelcolor": INK,
            "axes.edgecolor": GREY,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "text.color": INK,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
        }
    )
    pd.set_option("display.precision", 3)
    if shell := get_ipython():
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, table_html)


LABELS = {name: strategy.label for name, strategy in STRATEGIES.items()}


def table_html(frame):
    """Return a data frame as the book shows it.

    Strategies go by their labels and head their rows, p values near zero are told as in a
    paper, what is missing is left empty, and the names of the index are in the one row of the
    header, where pandas adds a second that is empty but for them.
    """
    numbered = frame.index.name is None and pd.api.types.is_integer_dtype(frame.index)
    if numbered and list(frame.columns[:1]) == ["strategy"]:
        frame = frame.set_index("strategy")
    shown = frame.rename(index=LABELS, columns=LABELS)
    for place, name in enumerate(shown.columns):
        column = shown.iloc[:, place]
        if name in ("p", "P-val") and pd.api.types.is_float_dtype(column):
            told = ["< .001" if p < 0.0005 else "" if pd.isna(p) else f"{p:.3f}" for p in column]
            shown.isetitem(place, told)
        elif column.dtype == object:
            told = [
                LABELS.get(value, value) if isinstance(value, str) else value for value in column
            ]
            shown.isetitem(place, told)
    return _one_header(shown._repr_html_()).replace("<td>NaN</td>", "<td></td>")


def _one_header(html):
    """Move the names of the index into the header's row above, which has nothing in their place."""
    rows = re.findall(r"<tr.*?</tr>", html.partition("</thead>")[0], re.S)
    if len(rows) < 2 or "colspan" in rows[-2]:
        return html
    titles, names = (re.findall(r"<th[^>]*>(.*?)</th>", row, re.S) for row in rows[-2:])
    if len(titles) != len(names) or any(names[sum(map(bool, names)) :]):
        return html  # the last row holds more than names
    cells = [f"<th>{name or title}</th>" for title, name in zip(titles, names, strict=True)]
    row = '<tr style="text-align: right;">' + "".join(cells) + "</tr>"
    both = re.escape(rows[-2]) + r"\s*" + re.escape(rows[-1])
    return re.sub(both, lambda _: row, html, count=1)


def style_of(strategy):
    """Return the strategy's colour, marker and label as matplotlib keywords."""
    look = LOOKS[strategy]
    return {"color": look.color, "marker": look.marker, "label": STRATEGIES[strategy].label}


def draw_grid(table, measure, label, strategies=tuple(POST_STRATEGIES)):
    """Draw a measure over the whole grid: one panel per shape of data set, one box per strategy.

    Boxes hold the middle half of the data sets, whiskers reach to the last one, and the
    strategy's marker sits at the median.
    """
    sizes = [np.unique(table[name]) for name in ("n_groups", "n_obs", "group_sd")]
    fig, axes = plt.subplots(3, 3, figsize=(WIDTH, 7.2), sharex=True, sharey=True)
    step = 0.84 / len(strategies)
    grouped = table.groupby(["n_groups", "n_obs", "strategy", "group_sd"])[measure]
    values = {key: rows.dropna() for key, rows in grouped}
    for ax, (people, each) in zip(axes.flat, product(*sizes[:2]), strict=True):
        for i, strategy in enumerate(strategies):
            style = style_of(strategy)
            places = np.arange(len(sizes[2])) + (i - (len(strategies) - 1) / 2) * step
            here = [values[people, each, strategy, sd] for sd in sizes[2]]
            ax.boxplot(
                here, positions=places, widths=step * 0.78, whis=(0, 100), patch_artist=True,
                manage_ticks=False, capprops={"lw": 0}, medianprops={"lw": 0},
                whiskerprops={"color": style["color"], "lw": 0.9},
                boxprops={"facecolor": style["color"], "lw": 0},
            )  # fmt: skip
            medians = [rows.median() for rows in here]
            # A triangle fills less of its square than the others do.
            size = 5.8 if style["marker"] == "^" else 4.4
            ax.plot(
                places, medians, style["marker"], ms=size, color=style["color"], mec="white",
                mew=0.4, zorder=5,
            )  # fmt: skip
        for place in range(1, len(sizes[2])):
            ax.axvline(place - 0.5, color="#e6e6e6", lw=0.7, zorder=0)
        ax.grid(axis="y", color="#e6e6e6", lw=0.7)
        ax.set_axisbelow(True)
        ax.tick_params(axis="x", length=0, labelsize=9.5)
    for ax, each in zip(axes[0], sizes[1], strict=True):
        ax.set_title(f"{each} observations", fontsize=10, loc="center")
    for ax, people in zip(axes[:, 0], sizes[0], strict=True):
        ax.set_ylabel(f"{people} people", fontsize=10, fontweight="bold")
    axes[0, 0].set_yscale("log")
    axes[0, 0].yaxis.set_major_formatter("{x:g}")
    axes[0, 0].set_xticks(range(len(sizes[2])), [f"{sd:g}".lstrip("0") for sd in sizes[2]])
    axes[0, 0].set_xlim(-0.5, len(sizes[2]) - 0.5)
    fig.supxlabel("Between-person SD", fontsize=11)
    fig.supylabel(label, fontsize=11)
    styles = [style_of(strategy) for strategy in strategies]
    bars = [
        plt.Line2D([], [], lw=9, color=s["color"], marker=s["marker"], ms=6.5, mec="white")
        for s in styles
    ]
    names = [s["label"] for s in styles]
    fig.legend(bars, names, loc="outside upper center", ncols=2, fontsize=10, handlelength=1.6)
    return fig


def tell(**values):
    """Store computed values for the prose, which shows them with ``{glue:text}``.

    As myst-nb's `glue` does, whose import takes longer than many a chapter computes.
    """
    for name, value in values.items():
        # A NumPy number would print as np.float64(…).
        shown, _ = format_display_data(value.item() if isinstance(value, np.generic) else value)
        display(
            {GLUED + mime: text for mime, text in shown.items()},
            raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": GLUED}},
        )


def numeric_check(question, answer, tolerance, hint="Not yet. Look at the output above."):
    """Show a question whose answer is a number; it works in the static page too.

    Right is what lies within `tolerance` of `answer`. (JupyterQuiz would serve, but it asks
    a CDN for MathJax and its fields cannot be reached by a screen reader.)
    """
    key = f"selfcheck-{next(_numbers)}"
    rule = json.dumps({"answer": float(answer), "tolerance": float(tolerance)})
    field = (
        f'<label for="{key}">{escape(question)}</label> '
        f'<input id="{key}" name="reply" type="text" inputmode="decimal" autocomplete="off" '
        'size="8" required>'
    )
    right = f"Right. The computed value is {float(answer):.4g}."
    return _form(field, rule, {"right": right, "wrong": hint})


def choice_check(question, options):
    """Show a question with a few answers, one of them right.

    `options` maps each answer to a pair: whether it is right, and what to say of it.
    """
    key = f"selfcheck-{next(_numbers)}"
    buttons = "".join(
        f'<label><input type="radio" name="reply" value="{i}" required> {escape(text)}</label>'
        for i, text in enumerate(options)
    )
    field = f'<fieldset id="{key}"><legend>{escape(question)}</legend>{buttons}</fieldset>'
    rule = json.dumps({"options": [[bool(right), said] for right, said in options.values()]})
    return _form(field, rule, {})


_numbers = count(1)

_SCRIPT = """
(() => {
  const form = document.currentScript.previousElementSibling;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const rule = JSON.parse(form.dataset.rule);
    const reply = new FormData(form).get("reply").trim().replace(",", ".").replace("\\u2212", "-");
    let right, said;
    if (rule.options) {
      [right, said] = rule.options[Number(reply)];
    } else if (reply === "" || !Number.isFinite(Number(reply))) {
      [right, said] = [false, "Please type a number, such as 0.25."];
    } else {
      right = Math.abs(Number(reply) - rule.answer) <= rule.tolerance;
      said = right ? form.dataset.right : form.dataset.wrong;
    }
    const output = form.querySelector("output");
    output.textContent = (right ? "✓ " : "✗ ") + said;
    form.dataset.state = right ? "right" : "wrong";
  });
})();
"""

_CSS = """
.selfcheck { border: 1px solid; border-radius: .4rem; padding: .7rem 1rem; margin: .8rem 0; }
.selfcheck fieldset { border: 0; margin: 0 0 .5rem; padding: 0; }
.selfcheck legend { font-size: inherit; margin-bottom: .4rem; float: none; }
.selfcheck fieldset label { display: block; margin: .25rem 0; }
.selfcheck input[type=text] { font: inherit; padding: .15rem .4rem; margin: 0 .5rem .3rem 0; }
.selfcheck button { font: inherit; padding: .15rem .8rem; cursor: pointer; }
.selfcheck output { display: block; min-height: 1.5em; margin-top: .4rem; font-weight: 600; }
"""


def _form(field, rule, said):
    texts = " ".join(f'data-{name}="{escape(text)}"' for name, text in said.items())
    return HTML(
        f"<style>{_CSS}</style>"
        f'<form class="selfcheck" data-rule="{escape(rule)}" {texts}>{field} '
        '<button type="submit">Check</button><output aria-live="polite"></output>'
        "<noscript>Answers are checked by JavaScript, which is off.</noscript></form>"
        f"<script>{_SCRIPT}</script>"
    )


PROJECT = Path(__file__).resolve().parent.parent


def source_version(root=PROJECT):
    """Say which commit the book is built from, and whether its files were changed since.

    Without git, as in a downloaded archive, it says that instead of guessing.
    """

    def git(*arguments):
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An archive unpacked inside another project's repository is not of that project.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            raise FileNotFoundError
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "unknown: built from files outside a git repository"
    return f"{commit}, edited" if changed else commit
