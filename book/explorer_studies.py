"""What the explorer shows of a stored study, told by what the study's file and its table say.

Conditions of one structure make a section: those of a part, or those of all parts that have one
condition each with the same strategies and terms, which are told apart by the parts' names. A
section's keys are what differs between its conditions; every combination of their levels is there,
and conditions are counted with the last key changing fastest.
"""

import ast
import re
from dataclasses import fields
from itertools import product
from math import prod

import numpy as np
from study import FOLDER, Study, load_study

from mlmlearn.ingredient import label

# What conditions may differ in: its name, one level and all levels in a sentence.
KEYS = {
    "case": ("Case", "{}", "every case"),
    "n_groups": ("People", "{} people", "every number of people"),
    "n_obs": ("Observations per person", "{} observations each", "every number of observations"),
    "group_sd": ("Between-person SD", "between-person SD {}", "every between-person SD"),
    "level_sd": ("SD of levels", "levels with SD {}", "every SD of levels"),
    "slope_sd": ("SD of slopes", "slopes with SD {}", "every SD of slopes"),
    "n_predictors": ("Predictors", "{} predictors", "every number of predictors"),
    "betas": ("True coefficients", "true coefficients {}", "all true coefficients"),
    "noise_sd": ("Noise SD", "noise with SD {}", "every noise SD"),
    "ingredients": ("Process", "{}", "every process"),
}
ONE = {"group": "One coefficient", "coefficient": True}
# By the page's name: the table's column, and what the page says.
MEASURES = {
    "covered": ("coverage", ONE | {
        "label": "95 % interval contains the truth", "rate": True, "reference": 95,
        "hint": "How often the intervals contain the true coefficient. The grey line is 95 %.",
    }),
    "type_1_error": ("type_1_error", ONE | {
        "label": "Rejects a true null at 5 %", "rate": True, "reference": 5,
        "hint": "How often a coefficient that is zero is significant. The grey line is 5 %.",
    }),
    "power": ("power", ONE | {
        "label": "Power at 5 %", "rate": True,
        "hint": "How often an effect is significant. A test that rejects true nulls too often has "
                "more power, and that is no merit.",
    }),
    "power_at_size": ("power_at_size", ONE | {
        "label": "Power at equal size", "rate": True,
        "hint": "How often an effect is significant where the tests of all strategies are set to "
                "reject 5 % of true nulls.",
    }),
    "error": ("bias", ONE | {
        "label": "Bias", "scale": "linear", "reference": 0,
        "hint": "The mean of estimate minus truth. The grey line is no bias.",
    }),
    "emp_se": ("emp_se", ONE | {
        "label": "SD of the errors", "scale": "log",
        "hint": "How much estimates differ from data set to data set. Smaller is better.",
    }),
    "se": ("model_se", ONE | {
        "label": "Standard error", "scale": "log",
        "hint": "What the strategy says about its own precision: the root mean square of its "
                "standard errors.",
    }),
    "rmse": ("rmse", ONE | {
        "label": "Root mean square error", "scale": "log",
        "hint": "Bias and spread together. Smaller is better.",
    }),
    "singular": ("share_singular", {
        "group": "The fit", "label": "Singular fit", "rate": True,
        "hint": "The estimated random effects have lost a dimension: a variance is zero, or a "
                "correlation is one.",
    }),
}  # fmt: skip


def explorer_study(name):
    """Write a stored study the way the page reads it.

    Returns
    -------
    dict
        `title`, the address of its `chapter` if one has its name, `measures` by the page's name,
        and `sections`. A section has `keys` with their `levels`, `start` (the levels it opens
        with), what its conditions share in `shared` and `processes`, `terms` and `strategies`; by
        condition the lines of `code`, and `notes`; `n[strategy][condition]`, the number of data
        sets. `summaries[measure][term][strategy][condition]` holds a number and its MCSE, rates in
        percent, with one term where a measure has none of its own, and None where there is no such
        number; `ranges[measure][term]` is what an axis must reach.

    Raises
    ------
    ValueError
        When conditions are no full crossing of what differs between them.
    """
    study, table = Study.find(name), load_study(name)
    alike = {}
    for part, content in study.parts.items():
        terms = tuple(table.loc[table["part"] == part, "term"].unique())
        alone = len(list(content.grid.conditions())) == 1
        alike.setdefault((*content.strategies, terms) if alone else part, []).append(part)
    return {
        "title": _sentence(
            ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text("utf-8")))
        ),
        "chapter": f"{name}.html" if (FOLDER.parent / f"{name}.md").exists() else None,
        "measures": {measure: about for measure, (_, about) in MEASURES.items()},
        "sections": [section(study, table, parts) for parts in alike.values()],
    }


def _sentence(doc):
    return doc.strip().split("\n")[0].replace("`", "").replace("'", "\u2019")


def section(study, table, parts):
    """Write the conditions of a part, or of several with one condition each."""
    found = [(part, one) for part in parts for one in study.parts[part].grid.conditions()]
    conditions = [one for _, one in found]
    if len(parts) == 1:
        levels = levels_of(conditions)
        found = [(parts[0], one) for one in in_order(conditions, levels)]
    else:
        levels = {"case": parts}
    keys = keys_of(levels)
    rows = [_rows(study, table, *one) for one in found]
    terms = list(dict.fromkeys(term for one in rows for term, _ in one.index))
    strategies = list(study.parts[parts[0]].strategies)
    summaries = {}
    for measure, (column, about) in MEASURES.items():
        numbers = [
            [[_number(one, (term, s), column, about) for one in rows] for s in strategies]
            for term in (terms if about.get("coefficient") else terms[:1])
        ]
        if any(number for of_term in numbers for row in of_term for number in row):
            summaries[measure] = numbers
    kinds = dict.fromkeys(type(each) for one in conditions for each in one.ingredients)
    return {
        "id": identifier(parts[0]),
        "label": ", ".join(parts) if len(parts) < 5 else f"{parts[0]} … {parts[-1]}",
        "keys": keys,
        "start": start(keys),
        "shared": shared(conditions),
        "processes": [[kind.__name__, _sentence(kind.__doc__)] for kind in kinds],
        "terms": terms,
        "strategies": strategies,
        "n": [[int(one.xs(s, level=1)["n"].max()) for one in rows] for s in strategies],
        "code": [code(study, *one) for one in found],
        "notes": [_note(one) for one in rows],
        "summaries": summaries,
        "ranges": {
            measure: [_range(of_term, MEASURES[measure][1]) for of_term in numbers]
            for measure, numbers in summaries.items()
        },
    }


# ---- What differs between conditions ---------------------------------------------------------


def levels_of(conditions):
    """Tell what differs between conditions, and its values."""
    # One SD for level and slopes tells as much as two that are always the same.
    for left_out in ("group_sd", "level_sd slope_sd"):
        levels = {
            name: list(dict.fromkeys(value(name, one) for one in conditions))
            for name in KEYS
            if name != "case" and name not in left_out
        }
        levels = {name: values for name, values in levels.items() if len(values) > 1}
        if prod(map(len, levels.values())) == len(conditions):
            return levels
    raise ValueError("these conditions are no full crossing of what differs between them")


def value(name, condition):
    """Take from a condition what a key tells."""
    level, *slopes = condition.group_sds
    sds = {"level_sd": [level], "slope_sd": slopes, "group_sd": [level, *slopes]}.get(name)
    if sds is None:
        return getattr(condition, name)
    return sds[0] if len(set(sds)) == 1 else tuple(sds)


def in_order(conditions, levels):
    """Bring conditions into the order in which they are counted."""
    found = {tuple(value(name, one) for name in levels): one for one in conditions}
    return [found[crossed] for crossed in product(*levels.values())]


def keys_of(levels):
    """Describe what differs, and its levels."""
    keys = []
    for name, values in levels.items():
        what, one, every = KEYS[name]
        words = apart(values)[1] if name == "ingredients" else map(in_words, values)
        told = [{"id": identifier(w), "label": w, "say": one.format(w)} for w in words]
        keys.append({"id": name, "label": what, "every": every, "levels": told})
    return keys


def in_words(found):
    """Write a value for people."""
    if found is None:
        return "drawn anew in each data set"
    if isinstance(found, tuple):
        return ", ".join(map(in_words, found))
    return found if isinstance(found, str) else f"{found:.4g}"


def apart(values):
    """Part tuples of ingredients into what all of them have, and what is each one's own."""
    tables = [{one.key: one for one in ingredients} for ingredients in values]
    shared = [key for key in tables[0] if all(key in table for table in tables)]

    def told(one, name):
        found = getattr(one, name)
        return f"{name}={in_words(found) if isinstance(found, float) else repr(found)}"

    common, differing = [], []
    for key in shared:
        kinds, said, more = [table[key] for table in tables], [], []
        for one in fields(kinds[0]):
            if len({getattr(kind, one.name) for kind in kinds}) > 1:
                differing.append((key, one.name))
                more = ["…"]
            elif getattr(kinds[0], one.name) != one.default:
                said.append(told(kinds[0], one.name))
        common.append(f"{type(kinds[0]).__name__}({', '.join(said + more)})")
    own = [
        [told(table[key], name) for key, name in differing]
        + [str(one) for key, one in table.items() if key not in shared]
        for table in tables
    ]
    return common, [" + ".join(one) or "nothing else" for one in own]


def identifier(text):
    """Write a text as the page's address can hold it."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_")


def shared(conditions):
    """Say what all conditions have in common."""
    tied = not isinstance(value("group_sd", conditions[0]), tuple)
    untold = {"case", "n_predictors", "ingredients"}
    untold |= {"level_sd", "slope_sd"} if tied else {"group_sd"}
    said = []
    for name in (name for name in KEYS if name not in untold):
        found = {value(name, one) for one in conditions}
        if len(found) == 1 and (name, found) != ("noise_sd", {1}):
            said.append(KEYS[name][1].format(in_words(*found)))
    return said + apart([one.ingredients for one in conditions])[0]


def start(keys):
    """Choose what a section opens with: the most levels side by side, the others' middle ones."""
    widest = max(keys, key=lambda one: len(one["levels"]), default=None)
    return {
        one["id"]: "all" if one is widest else one["levels"][len(one["levels"]) // 2]["id"]
        for one in keys
    }


# ---- Numbers and code ------------------------------------------------------------------------


def _rows(study, table, part, condition):
    here = table[table["part"] == part]
    for name, level in study.parts[part].grid.labels(condition).items():
        here = here[here[name] == level]
    return here.set_index(["term", "strategy"])


def _number(rows, at, column, about):
    found = rows[column].get(at, np.nan) if column in rows else np.nan
    if not np.isfinite(found):
        return None
    if f"{column}_mcse" in rows:
        mcse = rows.at[at, f"{column}_mcse"]
    else:  # a share of fits
        mcse = np.sqrt(found * (1 - found) / rows.at[at, "n"])
    scale = 100 if about.get("rate") else 1
    return [float(f"{scale * one:.4g}") if np.isfinite(one) else None for one in (found, mcse)]


def _range(of_term, about):
    """Say where an axis must begin and end for the bars of all conditions."""
    known = [one for row in of_term for one in row if one]
    if not known:
        return None
    ends = [number + side * 2 * (mcse or 0) for number, mcse in known for side in (-1, 1)]
    if about.get("scale") == "log":
        ends = [max(end, min(number for number, _ in known) / 2) for end in ends]
        return [float(f"{end:.4g}") for end in (min(ends) / 1.06, max(ends) * 1.06)]
    ends += [about["reference"]] if "reference" in about else []
    margin = 0.04 * (max(ends) - min(ends)) or 1
    low, high = min(ends) - margin, max(ends) + margin
    if about.get("rate"):
        low, high = max(low, -1), min(high, 101)
    return [float(f"{end:.4g}") for end in (low, high)]


def _note(rows):
    effects = rows["effect"].dropna().unique() if "effect" in rows else []
    if not len(effects):
        return ""
    return (
        f"Power is for an effect of {effects[0]:.3g} that is added to the data sets; the lines "
        "below give all else."
    )


def code(study, part, condition):
    """Write the lines that draw and run a condition as the study did."""
    found = {
        name: getattr(condition, name)
        for name in ("n_groups", "n_obs", "group_sd", "n_predictors", "betas", "noise_sd")
    }
    # What need not be said: the defaults, and what the betas tell.
    usual = {"n_predictors": len(condition.betas or range(4)) - 1, "betas": None, "noise_sd": 1}
    given = {
        name: str(label(one))
        for name, one in found.items()
        if name not in usual or one != usual[name]
    }
    if condition.ingredients:
        all_of_them = ", ".join(map(str, condition.ingredients))
        several = len(condition.ingredients) > 1
        given["ingredients"] = f"({all_of_them})" if several else all_of_them

    def call(what, arguments):
        return f"{what}({', '.join(f'{name}={text}' for name, text in arguments.items())})"

    sds = given["group_sd"]
    listed = {"group_sd": f"[{sds}]" if sds.startswith("(") else sds}
    replications = {"replications": study.parts[part].grid.replications}
    grid = call("Grid", given | listed | replications)
    strategies = list(study.parts[part].strategies)
    processes = sorted({type(one).__name__ for one in condition.ingredients})
    imports = ["from mlmlearn import Condition, Grid, performance, run, simulate"]
    if processes:
        imports.append(f"from mlmlearn.processes import {', '.join(processes)}")
    return [
        f"simulate({call('Condition', given)}, seed={study.seed}, replication=0)",
        f"performance(run({grid}, strategies={strategies}, seed={study.seed}).fits)",
        "; ".join(imports),
    ]
