"""Few people, or a predictor that few of them carry: true nulls that strategies reject.

Beside the strategies stand the standard errors of "cluster_robust" with other critical values:
normal ones ("cluster_robust_z") and those of t with J - 1 degrees of freedom ("cluster_robust_t").
"""

import pandas as pd
from scipy import stats
from study import Part, rates

from mlmlearn import Grid, performance
from mlmlearn.processes import PersonPredictor, PredictorSpread, VaryingSizes

SEED = 21
OLS = ["cluster_robust", "cluster_robust_cr2", "wild_bootstrap"]
ALL = ["mlm_full", *OLS, "two_stage"]
PEOPLE = [6, 10, 20, 30, 50]
COMMON = {
    "n_obs": 10, "group_sd": [(1, 0.5)], "n_predictors": 1, "betas": (0, 0), "replications": 3000,
}  # fmt: skip
# People, and how many of them are treated.
TREATED = [
    (6, 3), (10, 1), (10, 2), (10, 5), (12, 6), (20, 2), (20, 4), (30, 1), (30, 3), (30, 15),
    (50, 3), (50, 5), (50, 10),
]  # fmt: skip


def trial(people: int, treated: int) -> Grid:
    """Treat some of the people."""
    return Grid(people, ingredients=PersonPredictor(treated=treated), **COMMON)


def unequal_clusters(people: int) -> Grid:
    """Draw large clusters of unequal sizes that hardly differ (ICC .018), half of them treated."""
    level_sd = (0.018 / 0.982) ** 0.5
    sizes = VaryingSizes(0.8, least=5)
    ingredients = (sizes, PersonPredictor(treated=people // 2))
    options = COMMON | {"n_obs": 50, "group_sd": [(level_sd, 0)]}
    return Grid(people, ingredients=ingredients, **options)


PARTS = {
    "equal": Part(Grid(PEOPLE, ingredients=PersonPredictor(), **COMMON), ALL),
    "spread": Part(Grid(PEOPLE, ingredients=PredictorSpread(1), **COMMON), ALL),
    "sizes": Part(
        Grid(PEOPLE, ingredients=(VaryingSizes(1, least=4), PersonPredictor()), **COMMON), ALL
    ),
    **{f"treated {m} of {people}": Part(trial(people, m), ALL) for people, m in TREATED},
    **{f"clusters {people}": Part(unequal_clusters(people), OLS) for people in PEOPLE},
    "five": Part(Grid(5, **COMMON), ["cluster_robust_cr2", "two_stage"]),
}


def reduce(results):
    """Add the other critical values, and the mean degrees of freedom that CR2 finds."""
    fits = results.fits
    tables = [rates(results)]
    robust = fits[fits["strategy"] == "cluster_robust"]
    for name, df in [
        ("cluster_robust_z", float("inf")),
        ("cluster_robust_t", robust["n_groups"] - 1),
    ]:
        if len(robust):
            half_width = stats.t.ppf(0.975, df) * robust["se"]
            other = robust.assign(
                strategy=name,
                ci_low=robust["estimate"] - half_width,
                ci_high=robust["estimate"] + half_width,
            )
            tables.append(performance(other, by=["strategy", "term"]))
    careful = fits[fits["strategy"] == "cluster_robust_cr2"].groupby("term")["df"].mean()
    table = pd.concat(tables, ignore_index=True)
    return table.assign(effective_df=table["term"].map(careful))
