"""What the explorer page is made of: its data, its plotting library, and a static view.

As a Sphinx extension (see _config.yml) this writes the page's scripts into the site and loads
them on that page alone, a stored study (explorer_studies.py) when it is chosen. The page's
behaviour is in _static/live/explorer*.js and in what these share with the live pictures, its look
in _static/explorer.css.
"""

import json
from pathlib import Path

import numpy as np
import vl_convert
from bundle import bundle
from explorer_studies import MEASURES as STUDY_MEASURES
from explorer_studies import ONE, explorer_study, keys_of, levels_of
from IPython.display import HTML
from live import MODULES, looks_module
from scipy import stats
from study import Study, names

from mlmlearn import POST_STRATEGIES, STRATEGIES, load_reference, performance

PAGE = "book/explorer"
# Written by the build. Each needs those before it.
SCRIPTS = ["vega.js", "explorer-data.js", "explorer.js"]
TERMS = ["Intercept", "IV1", "IV2", "IV3"]
ALL = {"group": "All four coefficients", "scale": "log"}
MEASURES = {
    "coef_abs_error": ALL | {
        "label": "Sum of absolute errors",
        "hint": "How far the four estimates lie from the truth, added up. Smaller is better.",
    },
    "se_sum": ALL | {
        "label": "Sum of standard errors",
        "hint": "How uncertain the strategy says it is. A small one is a claim, which may be "
                "wrong.",
    },
    "t_sum": ALL | {
        "label": "Sum of |t| statistics",
        "hint": "How strong the evidence against zero looks, which may be right or wrong.",
    },
    "error": ONE | {
        "label": "Error", "scale": "linear", "reference": 0,
        "hint": "Estimate minus truth. The grey line is a perfect estimate; the mean of the errors "
                "is the bias.",
    },
    "se": ONE | {
        "label": "Standard error", "scale": "log",
        "hint": "What the strategy says about its own precision.",
    },
    "covered": ONE | {
        "label": "95 % interval contains the truth", "rate": True, "reference": 0,
        "interval": "Estimate minus truth, with 95 % interval",
        "hint": "Each line is the 95 % interval of one data set, and the grey line the truth. An "
                "honest strategy's intervals cross it in 95 % of data sets.",
    },
    "significant": ONE | {
        "label": "Significant at 5 %", "rate": True, "reference": 0,
        "interval": "Estimate, with 95 % interval",
        "hint": "Each line is the 95 % interval of one data set; it is significant when it does "
                "not cross zero, the grey line. True coefficients lie between 0 and 1, so nearly "
                "every effect is there to be found.",
    },
    "singular": STUDY_MEASURES["singular"][1],
    "failed": {
        "group": "The fit", "label": "Convergence warning", "rate": True,
        "hint": "lme4 doubts that its search ended at the best values. The answer may be fine all "
                "the same.",
    },
}  # fmt: skip
# Numbers travel as whole multiples of this, which is shorter than decimals.
UNIT = 1e-5


def explorer_data(reference, longer=None):
    """Write the reference run the way the page reads it.

    Parameters
    ----------
    reference : Results
        A run of a whole grid.
    longer : dict, optional
        The section of a stored study of the same grid (see `explorer_study`).

    Returns
    -------
    dict
        Data sets go by their place in the grid, the last key and then the replication changing
        fastest. `truth[term][place]`, `error[strategy][term][place]` and
        `se[strategy][term][place]` have the unit `unit`, four digits of them right;
        `reach[strategy][term][place]` says in thousandths how many standard errors a 95 % interval
        reaches; `flags[strategy][place]` packs what is true or false into bits: 0 to 3 whether the
        95 % interval of each term contains the truth, 4 to 7 whether its p is below 0.05,
        8 singular, 9 not converged. `messages` by "strategy place", where something was said.
        `reference` is as `explorer_study` writes a study, with longer summaries: mean, its MCSE,
        lower quartile, median and upper quartile; and in `longer` the rates of the stored study.
    """
    keys = keys_of(levels_of(list(reference.grid.conditions())))
    replications = reference.grid.replications
    key = [*(one["id"] for one in keys), "replication"]
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

    values = values_of(by_fit, diagnostics)
    section = {
        "id": "grid",
        "keys": keys,
        "start": {"n_groups": "30", "n_obs": "25", "group_sd": "1"},
        "terms": TERMS,
        "strategies": list(POST_STRATEGIES),
        "replications": replications,
        "summaries": {
            name: [
                [summary(one, replications, MEASURES[name].get("rate")) for one in of_term]
                for of_term in found
            ]
            for name, found in values.items()
        },
        "ranges": {
            name: [axis(of_term, MEASURES[name]) for of_term in found]
            for name, found in values.items()
        },
        "longer": longer
        and {
            "n": longer["n"][0][0],
            "covered": longer["summaries"]["covered"],
            "significant": longer["summaries"]["power"],
        },
    }
    return {
        "seed": reference.manifest["seed"],
        "reference": {"measures": MEASURES, "sections": [section]},
        "unit": UNIT,
        "truth": [whole(column("mlm_full", term, "truth")) for term in TERMS],
        "error": [[whole(column(s, term, "error")) for term in TERMS] for s in POST_STRATEGIES],
        "se": [[whole(column(s, term, "se")) for term in TERMS] for s in POST_STRATEGIES],
        "reach": [[reach(s, term) for term in TERMS] for s in POST_STRATEGIES],
        "flags": [flags(strategy) for strategy in POST_STRATEGIES],
        "messages": {
            f"{i} {place}": text
            for i, strategy in enumerate(POST_STRATEGIES)
            for place, text in enumerate(diagnostics[strategy]["messages"])
            if text
        },
    }


def values_of(by_fit, diagnostics):
    """Compute each measure for every data set: by term, where it has one, and strategy."""

    def of_terms(one):
        return [[one(by_fit[s, term]).to_numpy(float) for s in POST_STRATEGIES] for term in TERMS]

    def total(one):
        return [list(np.sum(of_terms(one), axis=0))]

    def of_fits(one):
        return [[one(diagnostics[s]).to_numpy(float) for s in POST_STRATEGIES]]

    return {
        "coef_abs_error": total(lambda f: f["error"].abs()),
        "se_sum": total(lambda f: f["se"]),
        "t_sum": total(lambda f: (f["estimate"] / f["se"]).abs()),
        "error": of_terms(lambda f: f["error"]),
        "se": of_terms(lambda f: f["se"]),
        "covered": of_terms(lambda f: f["covered"]),
        "significant": of_terms(lambda f: f["significant"]),
        "singular": of_fits(lambda d: d["singular"]),
        "failed": of_fits(lambda d: ~d["converged"].astype(bool)),
    }


def summary(values, replications, rate=False):
    """Summarise a measure over the data sets of each condition; a rate has no quartiles."""
    sets = values.reshape(-1, replications)
    mean = sets.mean(axis=1)
    if rate:
        rows = [100 * mean, 100 * np.sqrt(mean * (1 - mean) / replications)]
    else:
        mcse = sets.std(axis=1, ddof=1) / np.sqrt(replications)
        rows = [mean, mcse, *np.quantile(sets, [0.25, 0.5, 0.75], axis=1)]
    return [[float(f"{one:.4g}") for one in row] for row in np.transpose(rows)]


def axis(of_term, measure):
    """Say where an axis for all data sets begins and ends."""
    if measure.get("rate"):
        return [-4, 104]
    low, high = np.min(of_term), np.max(of_term)
    ends = (
        (low / 1.06, high * 1.06)
        if measure["scale"] == "log"
        else 1.04 * max(-low, high) * np.array([-1, 1])
    )
    return [float(f"{end:.4g}") for end in ends]


def whole(numbers):
    """Round to four significant digits, and count in units."""
    size = np.floor(np.log10(np.maximum(np.abs(numbers), UNIT)))
    step = np.maximum(10 ** (size - 3), UNIT)
    return np.rint(np.rint(numbers / step) * step / UNIT).astype(int).tolist()


def static_view(n_groups=30, n_obs=25):
    """Show the first view of one shape of data set; where scripts run, the explorer replaces it."""
    fits = load_reference().fits.query("n_groups == @n_groups and n_obs == @n_obs")
    found = performance(fits[fits["term"] == "IV1"], by=["group_sd", "strategy"])
    rates = 100 * found[["coverage", "coverage_mcse"]].to_numpy()
    found["cell"] = [f"{rate:.0f} ({mcse:.1f})" for rate, mcse in rates]
    table = found.pivot(index="group_sd", columns="strategy", values="cell")[list(POST_STRATEGIES)]
    table.columns = [POST_STRATEGIES[name].label for name in table]
    table = table.rename_axis("Between-person SD").reset_index()
    return HTML(
        '<div id="explorer-app"><p>The explorer needs JavaScript. Without it, here is one of its '
        "views: how often, in %, the 95 % intervals for the slope of IV1 hold the truth, over "
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
    # A study that is not computed yet can be chosen once it is.
    studies = {name: explorer_study(name) for name in names() if Study.find(name).manifest}
    found = explorer_data(load_reference(), studies["post_grid"]["sections"][0])
    found["studies"] = list(studies)

    def write(name, text):
        (folder / f"{name}.js").write_text(text, encoding="utf-8")

    # In a function of its own, or its short names would clash with those of other scripts.
    write("vega", f"(() => {{{library}}})();")
    write("explorer-data", f"window.explorerData = {_json(found)};")
    for name, one in studies.items():
        write(f"explorer-{name}", f"window.explorerData.found = {_json(one)};")
    write("explorer", bundle(MODULES, "explorer", {"looks": looks_module(STRATEGIES)}))


def _json(found):
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


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
