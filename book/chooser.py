"""The chooser: five questions about a study, and the analysis that the book's results lead to.

Its rules are data, so that tests can hold each to the stored study it stands on. The page shows
them as a table; where scripts run, a form takes the table's place (_static/chooser.js).
"""

import json
import re
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from IPython.display import HTML
from study import load_study

from mlmlearn import STRATEGIES

WITHIN, BETWEEN, CROSS, BOTH = "within", "between", "cross", "both"
VARIES = {
    WITHIN: "changes from row to row: a condition, a dose, the day",
    BETWEEN: "belongs to the person or school, and we ask for a difference in level: arm, age",
    CROSS: "treatment by time: does what belongs to the person change what a row's predictor does?",
    BOTH: "does both: rows differ within a person, and people differ in their means (daily stress)",
}
NOTHING, ITEMS, NESTED = "nothing", "items", "nested"
REPEATS = {
    NOTHING: "nothing else",
    ITEMS: "items, raters or words that many people share",
    NESTED: "three levels: pupils in classes in schools (pupils in schools are two, so: nothing)",
}
COMPLETE, GAPS = "complete", "gaps"
MISSING = {
    COMPLETE: "no",
    GAPS: "yes, or not sure: people stop early, or skip some of their times",
}
MANY = 10**6


@dataclass(frozen=True)
class Rule:
    """What to do for one kind of study; of several rules that fit, the first counts.

    Attributes
    ----------
    name, kind : str
        An identifier, and the kind of study in words.
    varies, repeats, missing : tuple of str
        Answers it is for.
    groups, rows : tuple of int
        Smallest and largest number of groups, and of rows per group.
    strategy : str or None
        The strategy's id; None where mlmlearn has none for such data.
    mlmlearn, r, statsmodels : str
        What to type; empty where the program has no such model.
    caution, paper : str
        What can go wrong, and a sentence for the paper.
    chapter : str
        The page that explains it.
    example : tuple of str
        A study of the kind that the book goes through, and where.
    simulated : bool
        Whether the book has simulated such data.
    """

    name: str
    kind: str
    varies: tuple[str, ...]
    groups: tuple[int, int]
    rows: tuple[int, int]
    strategy: str | None
    mlmlearn: str
    r: str
    statsmodels: str
    caution: str
    paper: str
    chapter: str
    repeats: tuple[str, ...] = (NOTHING,)
    missing: tuple[str, ...] = (COMPLETE, GAPS)
    simulated: bool = True
    example: tuple[str, ...] = ()


PATIENTS = ("20 patients, 8 visits, two arms", "person_level.html#twenty-patients")
STUDENTS = ("40 students, 120 trials each, two conditions", "within_between.html#forty-students")
SCHOOLS = ("12 schools, 30 pupils each, two programs", "few_people.html#twelve-schools")

REPORT = "b = …, SE = …, 95 % CI [… , …], t(…) = …, p = …, from … rows of … people."
SPREADS = " Between people, levels differed with an SD of … and slopes with one of …."
CODED = "Write an arm as 0 and 1: of two words, the first in the alphabet becomes the reference."

RULES = [
    Rule(
        "items", "People cross with items", tuple(VARIES), (2, MANY), (2, MANY),
        None,
        "",
        "lmer(y ~ x + (x | person) + (x | item), data)",
        "",
        "Items are a sample too: with people's differences alone the model takes a finding about "
        "these items for one about all. This book does not study such data, and mlmlearn has one "
        "kind of group.",
        "We modelled y in a mixed model with crossed random effects: intercepts and slopes of x "
        "for people and for items; " + REPORT,
        "conclusions",
        repeats=(ITEMS,), simulated=False,
    ),
    Rule(
        "nested", "Three levels, such as pupils in classes in schools", tuple(VARIES),
        (2, MANY), (2, MANY),
        "cluster_robust_cr2",
        'fit("cluster_robust_cr2", "y ~ x", data, group="school")',
        'clubSandwich::coef_test(lm(y ~ x, data), vcov = "CR2", cluster = data$school)',
        "",
        "The larger groups are those that count, so name them as the group, and count them as "
        "your sample: their number decides how sure you can be. With many larger groups a model "
        "with both levels tells you more, in R lmer(y ~ x + (x | school/class), data).",
        "We regressed y on x with standard errors that allow for clusters of schools (CR2, "
        "Satterthwaite degrees of freedom); " + REPORT,
        "few_people",
        repeats=(NESTED,), simulated=False,
    ),
    Rule(
        "few_between", "A predictor that belongs to people, of whom there are fewer than 30",
        (BETWEEN,), (2, 29), (2, MANY),
        "two_stage",
        'fit("two_stage", "y ~ arm", data, group="person")',
        "summary(lm(y ~ arm, aggregate(y ~ person + arm, data, mean)))",
        'smf.ols("y ~ arm", data.groupby(["person", "arm"], as_index=False)["y"].mean()).fit()',
        "Each person counts once, however many rows there are, so more rows hardly help. With 6 "
        "to 12 simulated people, half of them treated, a model with random slopes of another "
        "predictor was too sure. With three people or fewer in one arm no strategy has much to go "
        "by. From what else you add that varies within "
        "people, subtract each person's mean: otherwise the arms are compared where it is zero. "
        + CODED,
        "We compared the people's means between the arms; " + REPORT,
        "person_level",
        missing=(COMPLETE,), example=SCHOOLS,
    ),
    Rule(
        "between", "A predictor that belongs to people", (BETWEEN,), (30, MANY), (2, MANY),
        "mlm_full",
        'fit("mlm_full", "y ~ arm", data, group="person")',
        "lmer(y ~ arm + (1 | person), data)",
        'smf.mixedlm("y ~ arm", data, groups="person").fit()',
        "Degrees of freedom count people, not rows. If a predictor that changes within people "
        "stands in the formula too, let its slope vary, and give it its zero in the middle. "
        + CODED,
        "We modelled y in a multilevel model with random intercepts for people (REML, "
        "Satterthwaite degrees of freedom); " + REPORT,
        "person_level",
        missing=(COMPLETE,),
    ),
    Rule(
        "between_gaps", "A predictor that belongs to people, and some stop early", (BETWEEN,),
        (2, MANY), (2, MANY),
        "mlm_full",
        'data["time"] = data["time"] - data["time"].mean()\n'
        'fit("mlm_full", "y ~ arm * time", data, group="person")',
        "lmer(y ~ arm * I(time - mean(time)) + (I(time - mean(time)) | person), data)",
        'data["time"] = data["time"] - data["time"].mean()\n'
        'smf.mixedlm("y ~ arm * time", data, groups="person", re_formula="~time").fit()',
        "If the outcome changes over time, the mean of someone who left early is one of early "
        "answers alone. So time belongs in the formula, with its zero in the middle: then the row "
        "of the arm is its difference over the whole time. Below 30 people set two-stage OLS "
        "beside it. " + CODED,
        "We modelled y by arm, time (zero in the middle) and their product in a multilevel model "
        "with random intercepts and slopes of time for people (REML, Satterthwaite degrees of "
        "freedom); arm: " + REPORT + SPREADS,
        "person_level",
        missing=(GAPS,), example=PATIENTS,
    ),
    Rule(
        "cross", "Treatment by time: does what belongs to people change a slope?", (CROSS,),
        (2, MANY), (2, MANY),
        "mlm_full",
        'fit("mlm_full", "y ~ arm * time", data, group="person")',
        "lmer(y ~ arm * time + (time | person), data)",
        'smf.mixedlm("y ~ arm * time", data, groups="person", re_formula="~time").fit()',
        "The slope of time must vary between people. A random intercept alone counts rows where "
        "only people count. The answer is the row of the product; the row of the arm is the "
        "difference where time is zero, so number the first visit 0. " + CODED,
        "We modelled y by arm, time and their product in a multilevel model with random intercepts "
        "and slopes of time for people (REML, Satterthwaite degrees of freedom); arm by time: "
        + REPORT + SPREADS,
        "person_level",
        example=PATIENTS,
    ),
    Rule(
        "both", "One predictor, two effects", (BOTH,), (2, MANY), (2, MANY),
        "mlm_full",
        'data["mean"] = data.groupby("person")["x"].transform("mean")\n'
        'data["deviation"] = data["x"] - data["mean"]\n'
        'fit("mlm_full", "y ~ deviation + mean", data, group="person")',
        "data$mean <- ave(data$x, data$person)\n"
        "data$deviation <- data$x - data$mean\n"
        "lmer(y ~ deviation + mean + (deviation | person), data)",
        'smf.mixedlm("y ~ deviation + mean", data, groups="person", '
        're_formula="~deviation").fit()',
        "Left whole, the predictor has one coefficient that mixes the two. The means of few rows "
        "are noisy, which pulls the coefficient of the mean towards that of the deviations.",
        "We split x into each person's mean and the deviation from it, and modelled y by both "
        "with random intercepts and slopes of the deviation (REML, Satterthwaite degrees of "
        "freedom); within people: " + REPORT + SPREADS,
        "within_between",
    ),
    Rule(
        "very_few_within", "Very few people, many rows each", (WITHIN,), (2, 9), (6, MANY),
        "two_stage",
        'fit("two_stage", "y ~ x", data, group="person")',
        't.test(sapply(split(data, data$person), function(one) coef(lm(y ~ x, one))["x"]))',
        "",
        "So few people know little of the others, and the interval is wide; that is honest.",
        "We fitted y by x for each person and tested the mean slope against zero; " + REPORT,
        "few_people",
        missing=(COMPLETE,),
    ),
    Rule(
        "within", "A predictor that changes within people", (WITHIN,), (2, MANY), (2, MANY),
        "mlm_full",
        'fit("mlm_full", "y ~ x", data, group="person")',
        "lmer(y ~ x + (x | person), data)",
        'smf.mixedlm("y ~ x", data, groups="person", re_formula="~x").fit()',
        "Let the slope vary even if its variance looks small.",
        "We modelled y by x in a multilevel model with random intercepts and slopes of x for "
        "people (REML, Satterthwaite degrees of freedom); " + REPORT + SPREADS,
        "random_slopes",
        example=STUDENTS,
    ),
]  # fmt: skip


def choose(groups, rows, varies, repeats=NOTHING, missing=COMPLETE):
    """Return the rule for a study."""
    for rule in RULES:
        if (
            varies in rule.varies
            and repeats in rule.repeats
            and missing in rule.missing
            and rule.groups[0] <= groups <= rule.groups[1]
            and rule.rows[0] <= rows <= rule.rows[1]
        ):
            return rule
    raise ValueError(f"no rule for {groups} groups of {rows} rows, {varies}, {repeats}, {missing}")


# Rows of stored studies that stand behind a kind of predictor, and what was simulated there: the
# term is one of the kind.
OF_ROWS, OF_PEOPLE = "a predictor that varies from row to row", "a predictor of people, like age"
TREATED = "a treatment of half of them"
SOURCES = {
    WITHIN: [("error_rates", "part == 'main' and level_sd == 1", OF_ROWS)],
    BETWEEN: [
        ("few_people", "part == 'treated 3 of 6' and term == 'W'", TREATED),
        ("few_people", "part == 'treated 5 of 10' and term == 'W'", TREATED),
        ("person_level", "part == 'predictor' and term == 'W'", TREATED),
        (
            "beyond_grid",
            "part == 'between' and term == 'W' "
            "and ingredients == 'PersonPredictor(interaction=0, treated=15)'",
            TREATED,
        ),
        ("few_people", "part == 'equal' and term == 'W' and n_groups == 50", OF_PEOPLE),
    ],
    CROSS: [
        (
            "person_level",
            "part == 'predictor' and term == 'IV1:W'",
            f"{OF_ROWS}, and {TREATED}",
        ),
        (
            "beyond_grid",
            "part == 'between' and term == 'IV1:W' "
            "and ingredients == 'PersonPredictor(interaction=0, treated=15)'",
            f"{OF_ROWS}, and {TREATED}",
        ),
    ],
    BOTH: [
        (
            "within_between",
            "part == 'level' and term == 'IV1' and ingredients.str.contains('PersonMeans') "
            "and ingredients.str.contains('correlation=0.6')",
            "a predictor taken apart, its effect within",
        )
    ],
}


def calls(rule, missing):
    """Return what to type in each program, with the rows left out in which something is missing.

    R leaves them out unasked.
    """
    gaps = missing == GAPS
    ours, other = rule.mlmlearn, rule.statsmodels
    if ours:
        end = ', missing="drop")' if gaps else ")"
        ours = f"from mlmlearn import fit\n{ours.removesuffix(')')}{end}"
    return {
        "mlmlearn": ours,
        "R (lme4, lmerTest)": rule.r,
        "statsmodels": other.replace(" data,", " data.dropna(),") if gaps else other,
    }


def evidence(varies):
    """Coverage of every strategy at each size of study and spread of slopes that was simulated.

    Returns
    -------
    list of dict
        groups, rows, of (what the predictor was), slope_sd (in units of the noise), and
        coverage: by strategy a pair of percent and its Monte Carlo standard error.
    """
    found = []
    for study, where, of in SOURCES[varies]:
        table = load_study(study).query(where, engine="python")
        for (groups, rows, sd), cell in table.groupby(["n_groups", "n_obs", "slope_sd"]):
            if cell["strategy"].duplicated().any():
                raise ValueError(f"{where} in {study} names more than one condition")
            found.append(
                {
                    "groups": int(groups),
                    "rows": int(rows),
                    "of": of,
                    "slope_sd": float(sd),
                    "coverage": _coverage(cell),
                }
            )
    return found


def gap_evidence(part):
    """Coverage of an average slope where answers go missing, as `evidence` gives it."""
    table = load_study("dropout").query("part == @part and term == 'IV1'")
    return _coverage(table)


def _coverage(table):
    return {
        row.strategy: [100 * row.coverage, 100 * row.coverage_mcse] for row in table.itertuples()
    }


def chooser():
    """Show the chooser: a table, which a form replaces where scripts run."""
    rules = [
        asdict(rule)
        | {"calls": {missing: calls(rule, missing) for missing in MISSING}, "title": _title(rule)}
        for rule in RULES
    ]
    data = {
        "rules": rules,
        "evidence": {varies: evidence(varies) for varies in VARIES},
        "gaps": {
            "seen": gap_evidence("given the last answer"),
            "unseen": gap_evidence("given the answer itself"),
        },
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


def _title(rule):
    """Return the title of the chapter that explains a rule."""
    source = (Path(__file__).parent / f"{rule.chapter}.md").read_text(encoding="utf-8")
    return re.search(r"^# (.*)$", source, re.M)[1]


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
        + select("missing", "Are answers missing?", MISSING)
    )
    return f'<form hidden>{fields}<output aria-live="polite"></output></form>'


def _table():
    rows = "".join(
        f'<tr><td><a href="{rule.chapter}.html">{escape(rule.kind)}</a></td>'
        f"<td>{_size(rule)}</td>"
        f"<td>{escape(STRATEGIES[rule.strategy].label) if rule.strategy else 'not in this book'}"
        f"</td><td><pre>{escape(rule.mlmlearn or rule.r)}</pre></td></tr>"
        for rule in RULES
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Study", "Size", "Use", "Call"))
    return f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _size(rule):
    said = []
    for name, (least, most) in (("people", rule.groups), ("rows each", rule.rows)):
        if least > 2 and most == MANY:
            said.append(f"{least} or more {name}")
        elif most < MANY:
            said.append(f"up to {most} {name}")
    return ", ".join(said) or "any"
