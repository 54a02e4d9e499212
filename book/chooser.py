"""The chooser: four questions about a study, and the analysis that the book's results lead to.

Its rules are data, so that tests can hold each to the stored study it stands on. The page shows
them as a table; where scripts run, a form takes the table's place (_static/chooser.js).
"""

import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from IPython.display import HTML
from study import load_study

from mlmlearn import STRATEGIES

WITHIN, BETWEEN, CROSS, BOTH = "within", "between", "cross", "both"
VARIES = {
    WITHIN: "changes from row to row: a condition, a dose, the day",
    BETWEEN: "belongs to the group: a treatment arm, an age, a school's size",
    CROSS: "is such a pair: does what belongs to the group change what a row's predictor does "
    "(treatment by time)?",
    BOTH: "does both: rows differ within a group, and groups differ in their means "
    "(stress, asked every day)",
}
NOTHING, ITEMS, NESTED = "nothing", "items", "nested"
REPEATS = {
    NOTHING: "nothing else",
    ITEMS: "items, raters or words that many groups share",
    NESTED: "groups lie in larger groups (pupils in classes in schools)",
}
MANY = 10**6


@dataclass(frozen=True)
class Rule:
    """What to do for one kind of study; of several rules that fit, the first counts.

    Attributes
    ----------
    name, kind : str
        An identifier, and the kind of study in words.
    varies, repeats : tuple of str
        Answers it is for.
    groups, rows : tuple of int
        Smallest and largest number of groups, and of rows per group.
    strategy : str or None
        The strategy's id; None where mlmlearn has none for such data.
    mlmlearn, lme4, statsmodels : str
        What to type; empty where the program has no such model.
    caution, paper : str
        What can go wrong, and a sentence for the paper.
    simulated : bool
        Whether the book has simulated such data.
    """

    name: str
    kind: str
    varies: tuple[str, ...]
    repeats: tuple[str, ...]
    groups: tuple[int, int]
    rows: tuple[int, int]
    strategy: str | None
    mlmlearn: str
    lme4: str
    statsmodels: str
    caution: str
    paper: str
    simulated: bool = True


REPORT = "b = …, 95 % CI [… , …], t(…) = …, p = …, from … rows of … people."

RULES = [
    Rule(
        "items", "Groups cross with items", tuple(VARIES), (ITEMS,), (2, MANY), (2, MANY),
        None,
        "",
        "lmer(y ~ x + (x | person) + (x | item))",
        "",
        "Items are a sample too: with people's differences alone the model takes a finding about "
        "these items for one about all. This book does not study such data, and mlmlearn has one "
        "kind of group.",
        "We modelled y in a mixed model with crossed random effects: intercepts and slopes of x "
        "for people and for items; " + REPORT,
        simulated=False,
    ),
    Rule(
        "nested", "Groups in larger groups", tuple(VARIES), (NESTED,), (2, MANY), (2, MANY),
        "cluster_robust_cr2",
        'fit("cluster_robust_cr2", "y ~ x", data, group="school")',
        "lmer(y ~ x + (x | school/class))",
        "",
        "The larger groups are those that count, so name them as the group, and count them as "
        "your sample: their number decides how sure you can be.",
        "We regressed y on x with standard errors that allow for clusters of schools (CR2, "
        "Satterthwaite degrees of freedom); " + REPORT,
        simulated=False,
    ),
    Rule(
        "few_between", "Below 30 groups, and a predictor that belongs to them", (BETWEEN,),
        (NOTHING,), (2, 29), (2, MANY),
        "two_stage",
        'fit("two_stage", "y ~ arm", data, group="person")',
        "lmer(y ~ arm + (1 | person))",
        'smf.ols("y ~ arm", data.groupby("person").mean()).fit()',
        "Each group counts once, however many rows it has, so more rows hardly help. The full "
        "model is a little too sure with so few. With three groups or fewer in one arm no strategy "
        "has much to go by.",
        "We compared the people's means between the arms; " + REPORT,
    ),
    Rule(
        "between", "A predictor that belongs to the group", (BETWEEN,), (NOTHING,),
        (30, MANY), (2, MANY),
        "mlm_full",
        'fit("mlm_full", "y ~ arm", data, group="person")',
        "lmer(y ~ arm + (1 | person))",
        'smf.mixedlm("y ~ arm", data, groups="person").fit()',
        "Degrees of freedom count groups, not rows. If a predictor that changes within groups "
        "stands in the formula too, let its slope vary, and give it its zero in the middle.",
        "We modelled y in a multilevel model with random intercepts for people (REML, "
        "Satterthwaite degrees of freedom); " + REPORT,
    ),
    Rule(
        "cross", "Does what belongs to the group change a slope?", (CROSS,), (NOTHING,),
        (2, MANY), (2, MANY),
        "mlm_full",
        'fit("mlm_full", "y ~ arm * time", data, group="person")',
        "lmer(y ~ arm * time + (time | person))",
        'smf.mixedlm("y ~ arm * time", data, groups="person", re_formula="~time").fit()',
        "The slope of time must vary between people. A random intercept alone counts rows where "
        "only people count.",
        "We modelled y by arm, time and their product in a multilevel model with random intercepts "
        "and slopes of time for people (REML, Satterthwaite degrees of freedom); arm by time: "
        + REPORT,
    ),
    Rule(
        "both", "One predictor, two effects", (BOTH,), (NOTHING,), (2, MANY), (2, MANY),
        "mlm_full",
        'data["mean"] = data.groupby("person")["x"].transform("mean")\n'
        'data["deviation"] = data["x"] - data["mean"]\n'
        'fit("mlm_full", "y ~ deviation + mean", data, group="person")',
        "lmer(y ~ deviation + mean + (deviation | person))",
        'smf.mixedlm("y ~ deviation + mean", data, groups="person", '
        're_formula="~deviation").fit()',
        "Left whole, the predictor has one coefficient that mixes the two. The means of few rows "
        "are noisy, which pulls the coefficient of the mean towards that of the deviations.",
        "We split x into each person's mean and the deviation from it, and modelled y by both "
        "with random intercepts and slopes of the deviation (REML, Satterthwaite degrees of "
        "freedom); within people: " + REPORT,
    ),
    Rule(
        "very_few_within", "Very few groups, many rows each", (WITHIN,), (NOTHING,),
        (2, 9), (6, MANY),
        "two_stage",
        'fit("two_stage", "y ~ x", data, group="person")',
        "lmer(y ~ x + (x | person))",
        "",
        "So few groups know little of the others, and the interval is wide; that is honest.",
        "We fitted y by x for each person and tested the mean slope against zero; " + REPORT,
    ),
    Rule(
        "within", "A predictor that changes within groups", (WITHIN,), (NOTHING,),
        (2, MANY), (2, MANY),
        "mlm_full",
        'fit("mlm_full", "y ~ x", data, group="person")',
        "lmer(y ~ x + (x | person))",
        'smf.mixedlm("y ~ x", data, groups="person", re_formula="~x").fit()',
        "Let the slope vary even if its variance looks small. statsmodels tests with z, which is "
        "too sure with few groups.",
        "We modelled y by x in a multilevel model with random intercepts and slopes of x for "
        "people (REML, Satterthwaite degrees of freedom); " + REPORT,
    ),
]  # fmt: skip


def choose(groups, rows, varies, repeats=NOTHING):
    """Return the rule for a study."""
    for rule in RULES:
        fits = varies in rule.varies and repeats in rule.repeats
        if (
            fits
            and rule.groups[0] <= groups <= rule.groups[1]
            and rule.rows[0] <= rows <= rule.rows[1]
        ):
            return rule
    raise ValueError(f"no rule for {groups} groups of {rows} rows, {varies}, {repeats}")


# Which rows of stored studies stand behind a kind of predictor: slopes differ moderately, with an
# SD of half the noise, and the term is one of the kind.
SOURCES = {
    WITHIN: [("error_rates", "part == 'main' and level_sd == 1 and slope_sd == 0.5")],
    BETWEEN: [
        ("few_people", "part == 'equal' and term == 'W'"),
        (
            "beyond_grid",
            "part == 'between' and term == 'W' and ingredients == 'PersonPredictor(interaction=0)'",
        ),
    ],
    CROSS: [
        ("person_level", "part == 'predictor' and term == 'IV1:W' and slope_sd == 0.5"),
        (
            "beyond_grid",
            "part == 'between' and term == 'IV1:W' "
            "and ingredients == 'PersonPredictor(interaction=0, treated=15)'",
        ),
    ],
    BOTH: [
        (
            "within_between",
            "part == 'level' and term == 'IV1' and ingredients.str.contains('PersonMeans') "
            "and ingredients.str.contains('correlation=0.6')",
        )
    ],
}


def evidence(varies):
    """Coverage of every strategy at each size of study that was simulated.

    Returns
    -------
    list of dict
        groups, rows, slope_sd (in units of the noise), and coverage: by strategy a pair of
        percent and its Monte Carlo standard error.
    """
    found = []
    for study, where in SOURCES[varies]:
        table = load_study(study).query(where, engine="python")
        for (groups, rows), cell in table.groupby(["n_groups", "n_obs"]):
            if cell["strategy"].duplicated().any():
                raise ValueError(f"{where} in {study} names more than one condition")
            found.append(
                {
                    "groups": int(groups),
                    "rows": int(rows),
                    "slope_sd": float(cell["slope_sd"].iloc[0]),
                    "coverage": {
                        row.strategy: [100 * row.coverage, 100 * row.coverage_mcse]
                        for row in cell.itertuples()
                    },
                }
            )
    return found


def chooser():
    """Show the chooser: a table, which a form replaces where scripts run."""
    data = {
        "rules": [asdict(rule) for rule in RULES],
        "evidence": {varies: evidence(varies) for varies in VARIES},
        "labels": {name: strategy.label for name, strategy in STRATEGIES.items()},
    }
    # The closing tag of a script must not stand in its data.
    said = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    script = (Path(__file__).parent / "_static" / "chooser.js").read_text(encoding="utf-8")
    return HTML(
        '<div class="chooser">'
        f'<script type="application/json">{said}</script>'
        f"{_form()}{_table()}</div><script>{script}</script>"
    )


def _form():
    def select(name, label, options):
        inside = "".join(f'<option value="{k}">{escape(v)}</option>' for k, v in options.items())
        return (
            f'<label for="chooser-{name}">{label}</label>'
            f'<select id="chooser-{name}" name="{name}">{inside}</select>'
        )

    def number(name, label, value):
        return (
            f'<label for="chooser-{name}">{label}</label>'
            f'<input id="chooser-{name}" name="{name}" type="number" inputmode="numeric" '
            f'min="2" step="1" value="{value}" required>'
        )

    fields = (
        number("groups", "How many people (or schools, clinics, plants)?", 30)
        + number("rows", "How many rows each, about?", 10)
        + select("varies", "The predictor that you ask about …", VARIES)
        + select("repeats", "What else repeats?", REPEATS)
    )
    return f'<form hidden>{fields}<output aria-live="polite"></output></form>'


def _table():
    rows = "".join(
        f"<tr><td>{escape(rule.kind)}</td><td>{_size(rule)}</td>"
        f"<td>{escape(STRATEGIES[rule.strategy].label) if rule.strategy else 'not in this book'}"
        f"</td><td><pre>{escape(rule.mlmlearn or rule.lme4)}</pre></td></tr>"
        for rule in RULES
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Study", "Size", "Use", "Call"))
    return f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _size(rule):
    said = []
    for name, (least, most) in (("groups", rule.groups), ("rows each", rule.rows)):
        if least > 2 and most == MANY:
            said.append(f"{least} or more {name}")
        elif most < MANY:
            said.append(f"up to {most} {name}")
    return ", ".join(said) or "any"
