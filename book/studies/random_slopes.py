"""Which random slopes: five multilevel models of the same data sets, without any effect."""

from power import of_first_slope
from study import Part

from mlmlearn import Grid
from mlmlearn.processes import CorrelatedCoefficients

SEED = 17
MODELS = ["mlm_full", "mlm_uncorrelated", "mlm_intercept", "mlm_selected", "mlm_penalised"]

PARTS = {
    "one": Part(
        Grid(
            [10, 30],
            [5, 10, 30],
            [(1, slope) for slope in (0, 0.1, 0.2, 0.3, 0.5, 1)],
            replications=4000,
            n_predictors=1,
            betas=(0, 0),
        ),
        MODELS,
    ),
    "three": Part(
        Grid(
            [20],
            [10],
            [(1, slope) for slope in (0, 0.1, 0.2, 0.3, 0.5)],
            replications=2000,
            n_predictors=3,
            betas=(0, 0, 0, 0),
        ),
        MODELS,
    ),
    "correlated": Part(
        Grid(
            [30],
            [10],
            [(1, slope) for slope in (0.2, 0.5)],
            replications=4000,
            n_predictors=1,
            betas=(0, 0),
            ingredients=[CorrelatedCoefficients(0.8)],
        ),
        MODELS,
    ),
}


def reduce(results):
    """Add how often fits were of some kind, and how often they were and the null fell.

    The kinds: `singular`; for the selected model `slope`, where IV1 kept its random slope, and
    `correlations`, where all correlations were kept.
    """
    table = of_first_slope(results)
    fits = results.fits[results.fits["term"] == "IV1"]
    fits = fits.merge(results.diagnostics[[*results.fit_key, "singular", "messages"]])
    rejected, said = fits["p"] < 0.05, fits["messages"]
    kinds = {
        "singular": fits["singular"].astype(bool),
        "slope": said.str.contains(r"kept random effects of [^;]*\bIV1\b"),
        "correlations": said.str.contains("kept random effects of .*, with correlations"),
    }
    for name, kind in kinds.items():
        for what, flags in (("", kind), ("rejected_", kind & rejected)):
            share = flags.astype(float).groupby(fits["strategy"]).mean()
            table[f"share_{what}{name}"] = share.reindex(table["strategy"]).to_numpy()
    return table
