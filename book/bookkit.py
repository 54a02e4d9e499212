"""What the chapters share: the look of figures, numbers for the prose, and self-checks."""

import json
from html import escape
from itertools import count

import matplotlib.pyplot as plt
import matplotlib_inline.backend_inline as inline
import numpy as np
import pandas as pd
from IPython.display import HTML
from myst_nb import glue

from mlmlearn import STRATEGIES

# Figures are at most this wide, in inches, so that their text stays readable on a phone.
WIDTH = 5.0
GREY = "#6b6b6b"
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


def style_of(strategy):
    """Return the strategy's colour, marker and label as matplotlib keywords."""
    found = STRATEGIES[strategy]
    return {"color": found.color, "marker": found.marker, "label": found.label}


def tell(**values):
    """Store computed values for the prose, which shows them with ``{glue:text}``."""
    for name, value in values.items():
        # A NumPy number would print as np.float64(…).
        glue(name, value.item() if isinstance(value, np.generic) else value, display=False)


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
        '<button type="submit">Check</button><output aria-live="polite"></output></form>'
        f"<script>{_SCRIPT}</script>"
    )
