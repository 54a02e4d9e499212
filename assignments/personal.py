"""Make the data of an assignment from the student's id, and check the form of answers.

Keep this file in the folder of your notebook. The same id always gives the same data, on
every computer, and two ids give different data.
"""

import hashlib
import math
import unicodedata
from numbers import Real

import numpy as np
import pandas as pd

from mlmlearn import Condition, fit, load_reference, simulate

PLACEHOLDERS = {"", "...", "id", "myid", "yourid", "studentid", "name", "yourname", "todo", "none"}


def normal_id(student_id):
    """Return the id without white space and in lower case, or say what is wrong with it."""
    if isinstance(student_id, (int, np.integer)) and not isinstance(student_id, bool):
        student_id = str(student_id)
    if not isinstance(student_id, str):
        given = "..." if student_id is Ellipsis else repr(student_id)
        raise ValueError(
            f"student_id is {given}; write your own id between quotation marks, such as "
            'student_id = "ab12345", and run that cell again'
        )
    # Not even what cannot be seen makes another id: blanks of every kind, and half an emoji.
    seen = (c for c in student_id if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    normal = "".join("".join(seen).split()).casefold()
    if "".join(c for c in normal if c.isalnum()) in PLACEHOLDERS:
        raise ValueError(
            f"student_id is {student_id!r}, which is nobody's id; write your own, such as "
            'student_id = "ab12345", and run that cell again'
        )
    return normal


def seed_of(student_id, purpose):
    """Return the whole number below 2**63 that belongs to an id and a purpose."""
    digest = hashlib.sha256(f"{purpose}\n{normal_id(student_id)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _choices(student_id, purpose):
    """Return the generator that draws the student's own numbers for an assignment."""
    return np.random.default_rng(seed_of(student_id, purpose))


# Assignment `pooling`: a sleep and mood diary


def diary_process(student_id):
    """Return the true numbers behind the student's diary study.

    Returns
    -------
    dict
        n_people; level and slope, the average person's mood after a usual night and its
        change for one more hour of sleep; between_sd, by which people differ in level and in
        slope; noise_sd, by which days of one person differ. All but the first in mood points.
    """
    rng = _choices(student_id, "pooling")
    noise_sd = rng.uniform(3, 4.5)
    return {
        "n_people": int(rng.integers(18, 31)),
        "level": round(rng.uniform(42, 58), 1),
        "slope": round(rng.uniform(1, 3), 2),
        "between_sd": round(noise_sd * rng.uniform(1.15, 1.4), 2),
        "noise_sd": round(noise_sd, 2),
    }


def diary(student_id, replication=0):
    """Return a diary study as a data frame, one row a day that a person reported.

    Parameters
    ----------
    student_id : str
        Your id.
    replication : int, default 0
        0 for the study you analyse; 1, 2, 3 and so on for what the same study would have
        given with other people.

    Returns
    -------
    DataFrame
        person (a label), sleep (hours more than a usual night), mood (0 bad, 100 good).
    """
    truth = diary_process(student_id)
    n_people, longest = truth["n_people"], 12
    # The process knows one SD for level and slope; everything is in units of the noise.
    unit = truth["noise_sd"]
    condition = Condition(
        n_people,
        longest,
        truth["between_sd"] / unit,
        n_predictors=1,
        betas=[truth["level"] / unit, truth["slope"] / unit],
    )
    drawn = simulate(condition, seed=seed_of(student_id, "diary"), replication=replication).data
    rng = _choices(student_id, "who answers how often")
    days = rng.integers(3, longest + 1, size=n_people)
    labels = rng.permutation([a + b for a in "ABCDEFGHJK" for b in "aeiouy"])[:n_people]
    kept = (np.arange(longest) < days[:, None]).ravel()
    return pd.DataFrame(
        {
            "person": np.repeat(labels, longest)[kept],
            "sleep": drawn["IV1"].to_numpy()[kept],
            "mood": unit * drawn["DV"].to_numpy()[kept],
        }
    )


# Assignment `four_strategies`: a coffee tasting


def tasting_process(student_id):
    """Return the true numbers behind the student's coffee tasting.

    Returns
    -------
    dict
        n_people; coefs, the average person's Intercept, strength and sweetness; between_sd,
        by which people differ in each of them; noise_sd. All but the first in rating points.
    """
    rng = _choices(student_id, "four_strategies")
    noise_sd = rng.uniform(0.4, 0.7)
    return {
        "n_people": int(rng.integers(14, 25)),
        "coefs": {
            "Intercept": round(rng.uniform(4.5, 6.5), 2),
            "strength": round(noise_sd * rng.uniform(0.3, 0.7), 3),
            "sweetness": round(-noise_sd * rng.uniform(0.1, 0.5), 3),
        },
        "between_sd": round(noise_sd * rng.uniform(0.6, 1.1), 3),
        "noise_sd": round(noise_sd, 3),
    }


def tasting(student_id):
    """Return the student's coffee tasting as a data frame, one row a cup.

    Returns
    -------
    DataFrame
        taster (a label), strength and sweetness (of the cup, in standard deviations around
        the average cup), rating (0 dreadful, 10 divine).
    """
    truth = tasting_process(student_id)
    n_people, most = truth["n_people"], 16
    unit = truth["noise_sd"]
    condition = Condition(
        n_people,
        most,
        truth["between_sd"] / unit,
        n_predictors=2,
        betas=[coef / unit for coef in truth["coefs"].values()],
    )
    drawn = simulate(condition, seed=seed_of(student_id, "tasting")).data
    rng = _choices(student_id, "who drinks how many cups")
    cups = rng.integers(8, most + 1, size=n_people)
    labels = rng.permutation([a + b for a in "LMNPRSTVWZ" for b in "aeiou"])[:n_people]
    kept = (np.arange(most) < cups[:, None]).ravel()
    return pd.DataFrame(
        {
            "taster": np.repeat(labels, most)[kept],
            "strength": drawn["IV1"].to_numpy()[kept],
            "sweetness": drawn["IV2"].to_numpy()[kept],
            "rating": unit * drawn["DV"].to_numpy()[kept],
        }
    )


# Assignment `study_design`: a study on a budget


def study_plan(student_id):
    """Return what the student's planned study may cost and what it expects to find.

    Returns
    -------
    dict
        budget, per_person and per_answer, in euros; slope, the effect that the study hopes
        to find; between_sd, by which people are thought to differ in level and in slope;
        noise_sd; seed, for every simulation of the assignment.
    """
    rng = _choices(student_id, "study_design")
    n_people = int(rng.integers(32, 46))
    # Either people differ little and are dear, or they differ much and are cheap: the two
    # call for different studies.
    if rng.random() < 0.5:
        per_person, per_answer = int(rng.integers(35, 46)), 1
        between_sd, strength = rng.uniform(0.1, 0.2), rng.uniform(2.1, 2.3)
    else:
        per_person, per_answer = int(rng.integers(20, 29)), int(rng.integers(2, 4))
        between_sd, strength = rng.uniform(0.6, 0.9), rng.uniform(2.6, 3)
    slope = strength * math.sqrt((between_sd**2 + 1 / 4) / n_people)
    unit = rng.uniform(0.4, 1.6)
    return {
        "budget": n_people * (per_person + 4 * per_answer) + int(rng.integers(0, per_person)),
        "per_person": per_person,
        "per_answer": per_answer,
        "slope": round(unit * slope, 4),
        "between_sd": round(unit * between_sd, 4),
        "noise_sd": round(unit, 4),
        "seed": seed_of(student_id, "study"),
    }


# Assignment `singular_fits`: a training study, and three suspects


def training(student_id):
    """Return the student's training study, on which the full model is singular.

    Returns
    -------
    DataFrame
        learner (a label), practice and feedback (in standard deviations around the average
        session), score (of the session's test, 0 to 20 points).
    """
    rng = _choices(student_id, "singular_fits")
    n_people, n_sessions = int(rng.integers(12, 19)), int(rng.integers(7, 12))
    unit, level = rng.uniform(2, 3), rng.uniform(10, 14)
    betas = [level / unit, rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.3)]
    condition = Condition(n_people, n_sessions, 0.35, n_predictors=2, betas=betas)
    seed = seed_of(student_id, "training")
    for replication in range(1000):
        drawn = simulate(condition, seed=seed, replication=replication)
        full = fit("mlm_full", drawn)
        simple = fit("mlm_intercept", drawn)
        # A dimension is lost, and yet people differ in what practice does for them.
        slope_sd = math.sqrt(full.random_cov.loc["IV1", "IV1"])
        ratio = full.coefs.loc["IV1", "se"] / simple.coefs.loc["IV1", "se"]
        if full.singular and slope_sd > 0.25 and ratio > 1.15:
            break
    labels = rng.permutation([a + b for a in "BDFGHKM" for b in "aeiou"])[:n_people]
    return pd.DataFrame(
        {
            "learner": np.repeat(labels, n_sessions),
            "practice": drawn.data["IV1"],
            "feedback": drawn.data["IV2"],
            "score": unit * drawn.data["DV"],
        }
    )


def training_grid(student_id):
    """Return the sizes and the seed of the student's simulated training studies."""
    rng = _choices(student_id, "training_grid")
    return {
        "n_groups": int(rng.integers(10, 21)),
        "n_obs": int(rng.integers(6, 13)),
        "seed": seed_of(student_id, "training_grid"),
    }


def suspects(student_id):
    """Return three fits of lme4 from the book's reference run that it complained about.

    Returns
    -------
    DataFrame
        Three rows: n_groups, n_obs, group_sd and replication, which address the data set;
        messages, what lme4 and lmerTest said; deviance, where lme4 ended.
    """
    rng = _choices(student_id, "suspects")
    reference = load_reference()
    full = reference.diagnostics.query("strategy == 'mlm_full'")
    negative = full["messages"].str.contains("lmerTest:")
    kinds = (
        full[~full["singular"] & ~negative & (full["messages"] != "")],
        full[full["singular"] & ~negative],
        full[full["singular"] & negative],
    )
    address = ["n_groups", "n_obs", "group_sd", "replication"]
    chosen = [kind.iloc[rng.integers(len(kind))] for kind in kinds[:2]]
    for place in rng.permutation(len(kinds[2])):
        row = kinds[2].iloc[place]
        best = fit("mlm_full", reference.dataset(row[address].to_dict()))
        if row["reml_deviance"] > best.reml_deviance + 0.05:
            break
    order = rng.permutation(3)
    table = pd.DataFrame([*chosen, row]).iloc[order].reset_index(drop=True)
    table = table.rename(columns={"reml_deviance": "deviance"})
    return table[[*address, "messages", "deviance"]].infer_objects()


# What the instant checks use

NOTHING = "run the cell that sets it, or let the function return something"


def there(value, name):
    """Return an answer, or say that there is none yet."""
    assert value is not Ellipsis, f"{name} is still ...; put your answer in its place"
    assert value is not None, f"{name} is nothing (None); {NOTHING}"
    # An array, a Series or a list of one is what it holds.
    if isinstance(value, (np.ndarray, pd.Series)) and value.size == 1:
        value = value.item() if isinstance(value, np.ndarray) else value.iloc[0]
    return value


def number(value, name, exact=False):
    """Return an answer as a float, or say what is wrong with its form.

    `exact` is for questions that ask for a number as computed.
    """
    value = there(value, name)
    is_number = isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))
    assert is_number, f"{name} should be one number, but it is of type {type(value).__name__}"
    assert np.isfinite(value), f"{name} should be a finite number, but it is {value}"
    rounded = exact and float(f"{float(value):.5g}") == float(value)
    assert not rounded, f"{name} should be given as computed, not rounded to {value}"
    return float(value)


def numbers(values, name, n):
    """Return an answer of n numbers as an array, or say what is wrong with its form."""
    assert values is not Ellipsis, f"{name} is still ...; put your answer in its place"
    assert values is not None, f"{name} is nothing (None); {NOTHING}"
    assert isinstance(values, (list, tuple, np.ndarray, pd.Series, pd.Index)), (
        f"{name} should be a list of {n} numbers, but it is of type {type(values).__name__}"
    )
    values = np.squeeze(values) if isinstance(values, np.ndarray) and n > 1 else values
    assert len(values) == n, f"{name} should hold {n} numbers, but it holds {len(values)}"
    return np.array([number(value, f"each part of {name}") for value in values])


def named(values, name, keys):
    """Return an answer of one number for each key as a dictionary, or say what is wrong."""
    there(values, name)
    if isinstance(values, pd.Series):
        values = values.to_dict()
    assert isinstance(values, dict), (
        f"{name} should be a dictionary, such as {{{keys[0]!r}: 1.5, ...}}, "
        f"but it is of type {type(values).__name__}"
    )
    found = {str(key).strip().casefold(): value for key, value in values.items()}
    assert set(found) == set(keys), f"{name} should have the keys {', '.join(keys)}"
    return {key: number(found[key], f"{name}[{key!r}]") for key in keys}


def text(value, name, choices):
    """Return an answer that is one of some texts, whatever its case and blanks."""
    value = there(value, name)
    assert isinstance(value, str), (
        f"{name} should be text, but it is of type {type(value).__name__}"
    )
    for choice in choices:
        if " ".join(value.split()).casefold() == choice.casefold():
            return choice
    raise AssertionError(
        f"{name} should be one of {', '.join(choices)}, as text, but it is {value!r}"
    )


def yes_or_no(value, name):
    """Return an answer that is True or False."""
    value = there(value, name)
    assert isinstance(value, (bool, np.bool_)), (
        f"{name} should be True or False, without quotation marks"
    )
    return bool(value)


def function(value, name):
    """Return an answer that is a function, or say that it is none."""
    assert value is not None, f"{name} is not there yet; run the cell that defines it"
    assert callable(value), f"{name} should be a function; start it with def {name}(...):"
    return value
