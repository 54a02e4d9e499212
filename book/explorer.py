"""What the explorer page is made of: its data, its plotting library, and a static view.

As a Sphinx extension (see _config.yml) this writes the page's scripts into the site and loads
them on that page alone. The page's behaviour is in _static/live/explorer*.js and in what these
share with the live pictures, its look in _static/explorer.css.
"""

import json
from pathlib import Path

import numpy as np
import vl_convert
from bundle import bundle
from IPython.display import HTML
from live import MODULES, looks_module, strategy_looks
from scipy import stats
from study import load_study

from mlmlearn import POST_STRATEGIES, load_reference

PAGE = "book/explorer"
# Written by the build. Each needs those before it.
SCRIPTS = ["vega.js", "explorer-data.js", "explorer.js"]
TERMS = ["Intercept", "IV1", "IV2", "IV3"]
DIMENSIONS = ["n_groups", "n_obs", "group_sd"]
# Numbers travel as whole multiples of this, which is shorter than decimals.
UNIT = 1e-5


def explorer_data(reference, study=None):
    """Write the reference run the way the page reads it.

    Parameters
    ----------
    reference : Results
        A run of a whole grid.
    study : DataFrame, optional
        A stored study of the same grid with more data sets.

    Returns
    -------
    dict
        Data sets go by their place in the grid, the last dimension and then the replication
        changing fastest. `truth[term][place]`, `error[strategy][term][place]` and
        `se[strategy][term][place]` have the unit `unit`, four digits of them right;
        `reach[strategy][term][place]` says in thousandths how many standard errors a 95 % interval
        reaches; `flags[strategy][place]` packs what is true or false into bits: 0 to 3 whether the
        95 % interval of each term contains the truth, 4 to 7 whether its p is below 0.05,
        8 singular, 9 not converged. `messages` by "strategy place", where something was said.
        `summaries[measure][term][strategy][condition]` holds lower quartile, median, upper
        quartile, mean and the mean's MCSE, with one term where a measure has none of its own.
        `longer[measure][term][strategy][condition]` holds the study's rate in percent and its MCSE,
        `longer.n` its data sets a condition.
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

    def reach(strategy, term):
        return np.rint(1000 * stats.t.ppf(0.975, column(strategy, term, "df"))).astype(int).tolist()

    return {
        "seed": reference.manifest["seed"],
        "replications": grid["replications"],
        "levels": {name: grid[name] for name in DIMENSIONS},
        "terms": TERMS,
        "strategies": strategy_looks(),
        "unit": UNIT,
        "truth": [whole(column("mlm_full", term, "truth")) for term in TERMS],
        "error": [[whole(column(s, term, "error")) for term in TERMS] for s in POST_STRATEGIES],
        "se": [[whole(column(s, term, "se")) for term in TERMS] for s in POST_STRATEGIES],
        "reach": [[reach(s, term) for term in TERMS] for s in POST_STRATEGIES],
        "flags": [flags(strategy) for strategy in POST_STRATEGIES],
        "summaries": summaries(by_fit, diagnostics, grid["replications"]),
        "longer": None if study is None else longer(study),
        "messages": {
            f"{i} {place}": text
            for i, strategy in enumerate(POST_STRATEGIES)
            for place, text in enumerate(diagnostics[strategy]["messages"])
            if text
        },
    }


def summaries(by_fit, diagnostics, replications):
    """Summarise every measure of the page over the data sets of each condition."""

    def summary(values, rate=False):
        sets = np.asarray(values, float).reshape(-1, replications)
        quartiles = np.quantile(sets, [0.25, 0.5, 0.75], axis=1)
        mean = sets.mean(axis=1)
        spread = np.sqrt(mean * (1 - mean)) if rate else sets.std(axis=1, ddof=1)
        rows = np.array([*quartiles, mean, spread / np.sqrt(replications)]).T
        return [[float(f"{one:.5g}") for one in row] for row in rows * (100 if rate else 1)]

    def of_terms(one, *, rate=False):
        return [[summary(one(by_fit[s, term]), rate) for s in POST_STRATEGIES] for term in TERMS]

    def total(one):
        return [
            [
                summary(sum(one(by_fit[s, term]).to_numpy() for term in TERMS))
                for s in POST_STRATEGIES
            ]
        ]

    def share(one):
        return [[summary(one(diagnostics[s]), rate=True) for s in POST_STRATEGIES]]

    return {
        "coef_abs_error": total(lambda f: f["error"].abs()),
        "se_sum": total(lambda f: f["se"]),
        "t_sum": total(lambda f: (f["estimate"] / f["se"]).abs()),
        "error": of_terms(lambda f: f["error"]),
        "se": of_terms(lambda f: f["se"]),
        "covered": of_terms(lambda f: f["covered"], rate=True),
        "significant": of_terms(lambda f: f["significant"], rate=True),
        "singular": share(lambda d: d["singular"]),
        "failed": share(lambda d: ~d["converged"].astype(bool)),
    }


def longer(study):
    """Take the rates that the page shows from a study's table."""
    rows = dict(list(study.sort_values(DIMENSIONS).groupby(["term", "strategy"])))

    def rates(name):
        return [
            [
                (100 * rows[term, s][[name, f"{name}_mcse"]]).round(2).to_numpy().tolist()
                for s in POST_STRATEGIES
            ]
            for term in TERMS
        ]

    (n,) = study["n"].unique()
    return {"n": int(n), "covered": rates("coverage"), "significant": rates("power")}


def whole(numbers, digits=4):
    """Round to significant digits, and count in units."""
    size = np.floor(np.log10(np.maximum(np.abs(numbers), UNIT)))
    step = np.maximum(10 ** (size + 1 - digits), UNIT)
    return np.rint(np.rint(numbers / step) * step / UNIT).astype(int).tolist()


def static_view(n_groups=30, n_obs=25, term="IV1"):
    """Show the first view of one shape of data set; where scripts run, the explorer replaces it."""
    fits = load_reference().fits.query(
        "n_groups == @n_groups and n_obs == @n_obs and term == @term"
    )
    covered = fits["truth"].between(fits["ci_low"], fits["ci_high"])
    rates = covered.groupby([fits["group_sd"], fits["strategy"]]).agg(["mean", "count"])
    mcse = np.sqrt(rates["mean"] * (1 - rates["mean"]) / rates["count"])
    cells = [f"{100 * r:.0f} ({100 * e:.1f})" for r, e in zip(rates["mean"], mcse, strict=True)]
    table = rates.assign(cell=cells)["cell"].unstack()[list(POST_STRATEGIES)]
    table.columns = [POST_STRATEGIES[name].label for name in table]
    table = table.rename_axis("Between-person SD").reset_index()
    return HTML(
        '<div id="explorer-app"><p>The explorer needs JavaScript. Without it, here is one of its '
        f"views: how often, in %, the 95 % intervals for the slope of {term} hold the truth, over "
        f"fifty data sets of {n_groups} people with {n_obs} observations each; in brackets the "
        "Monte Carlo standard error.</p>" + table.to_html(index=False, border=0) + "</div>"
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
    found = explorer_data(load_reference(), load_study("post_grid", part="grid"))
    data = json.dumps(found, separators=(",", ":"))
    # In a function of its own, or its short names would clash with those of other scripts.
    (folder / "vega.js").write_text(f"(() => {{{library}}})();", encoding="utf-8")
    (folder / "explorer-data.js").write_text(f"window.explorerData = {data};", encoding="utf-8")
    script = bundle(MODULES, "explorer", {"looks": looks_module()})
    (folder / "explorer.js").write_text(script, encoding="utf-8")


def load_scripts(app, pagename, templatename, context, doctree):
    """Load them on the explorer's page, after the page itself."""
    if pagename == PAGE:
        app.add_css_file("live.css")
        app.add_css_file("explorer.css")
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
