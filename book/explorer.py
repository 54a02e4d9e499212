"""What the explorer page is made of: its data, its plotting library, and a static view.

As a Sphinx extension (see _config.yml) this writes the page's scripts into the site and loads
them on that page alone. The page's behaviour is in _static/explorer*.js, its look in
_static/explorer.css.
"""

import json
from pathlib import Path

import numpy as np
import vl_convert
from IPython.display import HTML
from looks import LOOKS
from matplotlib.colors import to_hex, to_rgb

from mlmlearn import POST_STRATEGIES, load_reference

PAGE = "book/explorer"
# The first two are written by the build. Each needs those before it.
SCRIPTS = ["vega.js", "explorer-data.js", "explorer-model.js", "explorer-plot.js", "explorer.js"]
TERMS = ["Intercept", "IV1", "IV2", "IV3"]
DIMENSIONS = ["n_groups", "n_obs", "group_sd"]
# Vega's names of matplotlib's markers.
SHAPES = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"}
# Numbers travel as whole multiples of this, which is shorter than decimals.
UNIT = 1e-5


def in_the_dark_theme(color):
    """What the filter of book.css for figures, invert and half a turn of hue, makes of a colour."""
    inverted = 0.93 - 0.86 * np.array(to_rgb(color))
    return to_hex(np.clip(2 * inverted @ [0.213, 0.715, 0.072] - inverted, 0, 1))


def explorer_data(reference):
    """Write the reference run the way the page reads it.

    Parameters
    ----------
    reference : Results
        A run of a whole grid.

    Returns
    -------
    dict
        Data sets go by their place in the grid, the last dimension and then the replication
        changing fastest. `truth[term][place]`, `error[strategy][term][place]` and
        `se[strategy][term][place]` have the unit `unit`, four digits of them right;
        `flags[strategy][place]` packs what is true or false into bits: 0 to 3 whether the 95 %
        interval of each term contains the truth, 4 to 7 whether its p is below 0.05, 8 singular,
        9 not converged. `messages` by "strategy place", where something was said.
    """
    grid = reference.manifest["grid"]
    key = [*DIMENSIONS, "replication"]
    failed = reference.fits[["estimate", "se", "df"]].isna().any(axis=1)
    if failed.any():
        # The page's whole numbers have no place for a missing one.
        raise ValueError(
            f"the explorer shows runs in which every fit gave numbers; here {failed.sum()} rows of "
            "fits lack some; leave their data sets out"
        )
    fits = reference.fits.sort_values(key).assign(
        error=lambda f: f["estimate"] - f["truth"],
        covered=lambda f: f["truth"].between(f["ci_low"], f["ci_high"]),
        significant=lambda f: f["p"] < 0.05,
    )
    by_fit = dict(list(fits.groupby(["strategy", "term"])))
    diagnostics = dict(list(reference.diagnostics.sort_values(key).groupby("strategy")))

    def column(strategy, term, name):
        return by_fit[strategy, term][name].to_numpy()

    def flags(strategy):
        of_terms = [("covered", term) for term in TERMS] + [("significant", term) for term in TERMS]
        bits = [column(strategy, term, name) for name, term in of_terms]
        bits += [diagnostics[strategy]["singular"], ~diagnostics[strategy]["converged"]]
        return sum(np.asarray(bit, int) << place for place, bit in enumerate(bits)).tolist()

    return {
        "seed": reference.manifest["seed"],
        "replications": grid["replications"],
        "levels": {name: grid[name] for name in DIMENSIONS},
        "terms": TERMS,
        "strategies": [
            {
                "id": s.id,
                "label": s.label,
                "color": LOOKS[s.id].color,
                "dark": in_the_dark_theme(LOOKS[s.id].color),
                "shape": SHAPES[LOOKS[s.id].marker],
            }
            for s in POST_STRATEGIES.values()
        ],
        "unit": UNIT,
        "truth": [whole(column("mlm_full", term, "truth")) for term in TERMS],
        "error": [[whole(column(s, term, "error")) for term in TERMS] for s in POST_STRATEGIES],
        "se": [[whole(column(s, term, "se")) for term in TERMS] for s in POST_STRATEGIES],
        "flags": [flags(strategy) for strategy in POST_STRATEGIES],
        "messages": {
            f"{i} {place}": text
            for i, strategy in enumerate(POST_STRATEGIES)
            for place, text in enumerate(diagnostics[strategy]["messages"])
            if text
        },
    }


def whole(numbers, digits=4):
    """Round to significant digits, and count in units."""
    size = np.floor(np.log10(np.maximum(np.abs(numbers), UNIT)))
    step = np.maximum(10 ** (size + 1 - digits), UNIT)
    return np.rint(np.rint(numbers / step) * step / UNIT).astype(int).tolist()


def static_view(n_groups=30, n_obs=25):
    """Show a summary of one shape of data set; where scripts run, the explorer replaces it."""
    sums = load_reference().recovery().query("n_groups == @n_groups and n_obs == @n_obs")
    medians = sums.pivot_table(
        index="group_sd", columns="strategy", values="coef_abs_error", aggfunc="median"
    )[list(POST_STRATEGIES)]
    medians.columns = [POST_STRATEGIES[name].label for name in medians]
    table = medians.rename_axis("Between-person SD").reset_index()
    return HTML(
        '<div id="explorer-app"><p>The explorer needs JavaScript. Without it, here is one of its '
        "views: medians of the sum of absolute errors over fifty data sets of "
        f"{n_groups} people with {n_obs} observations each.</p>"
        + table.to_html(index=False, border=0, float_format="{:.3g}".format)
        + "</div>"
    )


def write_scripts(app):
    """Write the library and the data next to the site's other scripts.

    Both are plain scripts, so that the page also works when its file is opened from the disk,
    where a browser would not let it fetch data.
    """
    if app.builder.format != "html" or not Path(app.srcdir, f"{PAGE}.md").exists():
        return
    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    # Vega-Embed brings the rest along; vl-convert 1.9 hands out its other names as null.
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    data = json.dumps(explorer_data(load_reference()), separators=(",", ":"))
    # In a function of its own, or its short names would clash with those of other scripts.
    (folder / "vega.js").write_text(f"(() => {{{library}}})();", encoding="utf-8")
    (folder / "explorer-data.js").write_text(f"window.explorerData = {data};", encoding="utf-8")


def load_scripts(app, pagename, templatename, context, doctree):
    """Load them on the explorer's page, after the page itself."""
    if pagename == PAGE:
        app.add_css_file("explorer.css")
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
