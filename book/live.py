"""The live pictures: a place for each in a page, and the script that brings it to life.

`picture("dance")` in a cell shows a static picture, drawn from Python; where scripts run, the live
one takes its place. As a Sphinx extension (see _config.yml) this writes the script into the site
and loads it on the pages that have such a place, and on no other. The pictures themselves are in
_static/live/, their look in _static/live.css.
"""

import json
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from bundle import bundle
from IPython.display import HTML
from live_static import PICTURES
from looks import LOOKS
from matplotlib.colors import to_hex, to_rgb

from mlmlearn import POST_STRATEGIES

MODULES = Path(__file__).parent / "_static" / "live"
# What the scripts call matplotlib's markers.
SHAPES = {
    "o": "circle", "s": "square", "^": "triangle-up", "v": "triangle-down", "D": "diamond",
    "P": "plus", "X": "cross", "p": "pentagon", "h": "hexagon",
}  # fmt: skip


def in_the_dark_theme(color):
    """What the filter of book.css for figures, invert and half a turn of hue, makes of a colour."""
    inverted = 0.93 - 0.86 * np.array(to_rgb(color))
    return to_hex(np.clip(2 * inverted @ [0.213, 0.715, 0.072] - inverted, 0, 1))


def strategy_looks(strategies=POST_STRATEGIES):
    """Say how strategies look, the way the scripts read it."""
    return [
        {
            "id": s.id,
            "label": s.label,
            "color": LOOKS[s.id].color,
            "dark": in_the_dark_theme(LOOKS[s.id].color),
            "shape": SHAPES[LOOKS[s.id].marker],
        }
        for s in strategies.values()
    ]


def looks_module(strategies=POST_STRATEGIES):
    """Write the module of the strategies' looks."""
    return f"export const LOOKS = {json.dumps(strategy_looks(strategies))};\n"


def live_script():
    """Join the modules of the pictures, with the looks and the worker's own script, into one."""
    made = {
        "looks": looks_module(),
        "worker_source": f"export const SOURCE = {json.dumps(bundle(MODULES, 'worker'))};\n",
    }
    return bundle(MODULES, "main", made)


def picture(name, *, large=False):
    """Show a picture, static until its script runs.

    Parameters
    ----------
    name : str
        One of `live_static.PICTURES`.
    large : bool
        Whether it is the playground's, where more can be set.
    """
    shown = PICTURES[name]
    file = BytesIO()
    figure = shown.draw()
    figure.savefig(file, format="svg", metadata={"Date": None})
    plt.close(figure)
    data = b64encode(file.getvalue()).decode()
    return HTML(
        f'<div class="live-picture" id="live-{name}" data-picture="{name}" '
        f'data-playground="playground.html"{" data-large" if large else ""}>'
        f'<p class="live-title">{_words(shown.title)}</p>'
        f"<p>{_words(shown.to_try)}</p>"
        f'<div class="live-static"><img src="data:image/svg+xml;base64,{data}" '
        f'alt="{_words(shown.alt)}"/><p class="live-small">{_words(shown.caption)}</p></div>'
        "<noscript><p>The picture stands still, since JavaScript is off.</p></noscript>"
        "</div>"
    )


def _words(text):
    return escape(text.replace("'", "\u2019"))


def write_script(app):
    """Write the script next to the site's others."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "live.js").write_text(live_script(), encoding="utf-8")


def load_script(app, pagename, templatename, context, doctree):
    """Load it where a page has a picture, after the page itself."""
    if 'class="live-picture"' in context.get("body", ""):
        app.add_css_file("live.css")
        app.add_js_file("live.js", loading_method="defer")


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", write_script)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
