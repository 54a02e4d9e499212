"""The right answers of every assignment, for the grader alone: never hand this file out.

One function an assignment, named like it, computes from the student's id and looks at nothing that
the student made, so an answer is right or wrong on its own. Beside it stands one that is asked when
an answer is wrong: what would be right for whoever went on from their own wrong earlier answers?
"""

from functools import cache

import numpy as np
import pandas as pd
from personal import (
    diary,
    diary_process,
    study_plan,
    suspects,
    tasting,
    tasting_process,
    training,
    training_grid,
)

from mlmlearn import (
    POST_STRATEGIES,
    STRATEGIES,
    Grid,
    fit,
    load_reference,
    performance,
    run,
)

__all__ = ["close", "four_strategies", "pooling", "same", "singular_fits", "study_design"]


def flat(values):
    """List the numbers of a number, list, array or table, or of lists of these."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (list, tuple)):
        return [number for one in values for number in flat(one)]
    return [float(values)]


def close(given, right, *, rel=0.006, abs=0.0):
    """Tell whether a number, or every number of a list, is close to the right one.

    The default lets a right answer pass that was rounded to three significant digits. A number
    may come as an array or a list of one, as the instant checks have it.
    """
    given, right = np.array(flat(given)), np.array(flat(right))
    return given.shape == right.shape and bool(
        np.all(np.abs(given - right) <= np.maximum(abs, rel * np.abs(right)) * (1 + 1e-9))
    )


def same(given, right):
    """Tell whether two texts are equal but for case and blanks."""
    given = given.tolist() if hasattr(given, "tolist") else given
    given = given[0] if isinstance(given, list) and len(given) == 1 else given
    return isinstance(given, str) and " ".join(given.split()).casefold() == right.casefold()


def people(value):
    """Return a student's own number of people, or raise ValueError for what no study could have."""
    [number] = flat(value)
    if number % 1 or not 2 <= number <= 1000:
        raise ValueError(f"{number} people")
    return int(number)


def line(x, y):
    """Fit y = a + b x by least squares; return both coefficients and their standard errors."""
    X = np.column_stack([np.ones(len(x)), x])
    coefs, (residual_ss,), *_ = np.linalg.lstsq(X, np.asarray(y))
    covariance = residual_ss / (len(X) - 2) * np.linalg.inv(X.T @ X)
    return coefs, np.sqrt(np.diag(covariance))


@cache
def diaries(student_id):
    """Return slope, standard error and degrees of freedom of the 500 other studies."""
    rows = []
    for replication in range(1, 501):
        other = diary(student_id, replication)
        (_, estimate), (_, se) = line(other["sleep"], other["mood"])
        rows.append((diary_process(student_id)["slope"], estimate, se, len(other) - 2))
    return pd.DataFrame(rows, columns=["truth", "estimate", "se", "df"]).assign(term="sleep")


def sums(fits):
    """Return what question 7 of `pooling` asks of 500 fits."""
    summary = performance(fits, by="term").iloc[0]
    return summary[["emp_se", "model_se", "coverage", "coverage_mcse"]].to_dict()


@cache
def pooling(student_id):
    """Return the right answers of `pooling`."""
    data, truth = diary(student_id), diary_process(student_id)
    coefs, ses = line(data["sleep"], data["mood"])
    own = pd.Series(
        {person: line(rows["sleep"], rows["mood"])[0][1] for person, rows in data.groupby("person")}
    )
    lowest = own.idxmin()
    between, noise = truth["between_sd"] ** 2, truth["noise_sd"] ** 2
    return {
        "n_rows": len(data),
        "n_people": data["person"].nunique(),
        "mood_sd": data["mood"].std(),
        "slope": coefs[1],
        "slope_se": ses[1],
        "lowest_person": lowest,
        "own_slope": own[lowest],
        "pulled_slope": pulled(student_id)[lowest],
        "icc": between / (between + noise),
        "total_sd": np.sqrt(between + noise),
        **sums(diaries(student_id)),
    }


@cache
def pulled(student_id):
    """Return everybody's partially pooled slope."""
    found = fit("mlm_full", "mood ~ sleep", diary(student_id), group="person")
    return found.group_coefs["sleep"]


def pooling_given(student_id, question, own):
    """Yield what is right for whoever went on from their own wrong earlier answers."""
    right = pooling(student_id)
    if question == "q2" and "n_rows" in own:
        n_rows = people(own["n_rows"])
        yield right | {
            "slope_se": right["slope_se"] * np.sqrt((right["n_rows"] - 2) / (n_rows - 2))
        }
    if question == "q4" and "person_slopes" in own:
        slopes = own["person_slopes"](diary(student_id))
        lowest = slopes.idxmin()
        yield right | {
            "lowest_person": lowest,
            "own_slope": slopes[lowest],
            "pulled_slope": pulled(student_id)[lowest],
        }
    if question == "q7" and "slope_se" in own:
        fits, (ratio,) = diaries(student_id), flat(own["slope_se"])
        # The formula's slip is not known: it may have lost a factor, or a root.
        for se in (fits["se"] * ratio / right["slope_se"], fits["se"] ** 2):
            yield right | sums(fits.assign(se=se))


@cache
def ratings(student_id):
    """Fit all four strategies to a coffee tasting."""
    data, formula = tasting(student_id), "rating ~ strength + sweetness"
    return {name: fit(name, formula, data, group="taster") for name in POST_STRATEGIES}


@cache
def four_strategies(student_id):
    """Return the right answers of `four_strategies`."""
    truth, fits = pd.Series(tasting_process(student_id)["coefs"]), ratings(student_id)
    strength = pd.DataFrame({name: result.coefs.loc["strength"] for name, result in fits.items()})
    errors = {
        name: float((result.coefs["estimate"] - truth).abs().sum()) for name, result in fits.items()
    }
    full = fits["mlm_full"]
    surest = certainty(strength)
    return surest | {
        "full_estimate": strength.loc["estimate", "mlm_full"],
        "full_se": strength.loc["se", "mlm_full"],
        "strength_sd": np.sqrt(full.random_cov.loc["strength", "strength"]),
        "residual_sd": full.residual_sd,
        "dfs": strength.loc["df", list(POST_STRATEGIES)].tolist(),
        "errors": errors,
        "nearest": min(errors, key=errors.get),
    }


def certainty(table):
    """Return what question 5 of `four_strategies` asks of one coefficient in all strategies."""
    ses = table.loc["se"]
    return {
        "surest": ses.idxmin(),
        "smallest_se": ses.min(),
        "se_ratio": ses.max() / ses.min(),
    }


def four_strategies_given(student_id, question, own):
    """Yield what is right for whoever took the row of another coefficient, and went on with it."""
    if question == "q5" and "dfs" in own:
        for term in ("Intercept", "sweetness"):
            fits = ratings(student_id)
            table = pd.DataFrame({name: found.coefs.loc[term] for name, found in fits.items()})
            if close(own["dfs"], table.loc["df"].tolist()):
                yield four_strategies(student_id) | certainty(table)


def affordable(plan, n_obs):
    """Count the people that a plan can pay for."""
    return plan["budget"] // (plan["per_person"] + plan["per_answer"] * n_obs)


@cache
def studies(student_id, n_people, n_obs, slope, strategy, first=0):
    """Simulate a design 300 times, fit a strategy to all of them, and sum up the slopes."""
    plan = study_plan(student_id)
    results = run(
        Grid(
            n_people,
            n_obs,
            plan["between_sd"],
            first + 300,
            betas=(0, slope),
            noise_sd=plan["noise_sd"],
        ),
        strategies=strategy,
        seed=plan["seed"],
        progress=False,
    )
    fits = results.fits[results.fits["term"] == "IV1"]
    return performance(fits[fits["replication"] >= first], by="term").iloc[0]


def designs(student_id, few, many, strategy="mlm_full", first=0):
    """Return what questions 4 and 5 of `study_design` ask, with these numbers of people."""
    slope = study_plan(student_id)["slope"]
    people = studies(student_id, few, 4, slope, strategy, first)
    answers = studies(student_id, many, 24, slope, strategy, first)
    return {
        "power_people": people["power"],
        "power_people_mcse": people["power_mcse"],
        "emp_se_people": people["emp_se"],
        "power_answers": answers["power"],
        "power_answers_mcse": answers["power_mcse"],
        "emp_se_answers": answers["emp_se"],
        "difference": people["power"] - answers["power"],
        "difference_mcse": np.hypot(people["power_mcse"], answers["power_mcse"]),
    }


def alarms(student_id, many, first=0):
    """Return what question 8 of `study_design` asks."""
    full, intercept = (
        studies(student_id, many, 24, 0, strategy, first)
        for strategy in ("mlm_full", "mlm_intercept")
    )
    return {
        "alarm_full": full["type_1_error"],
        "alarm_intercept": intercept["type_1_error"],
        "believed_se": intercept["model_se"],
    }


def best_design(plan, n_people):
    """Return the best of the designs with 2 to 60 answers, and so many people each."""
    n_obs = np.arange(2, 61)
    ses = np.sqrt((plan["between_sd"] ** 2 + plan["noise_sd"] ** 2 / n_obs) / n_people)
    best = int(ses.argmin())
    return {
        "best_n_obs": int(n_obs[best]),
        "best_n_people": int(n_people[best]),
        "best_se": ses[best],
    }


CHOICES = (4, 8, 16, 24, 48)


@cache
def study_design(student_id):
    """Return the right answers of `study_design`."""
    plan = study_plan(student_id)
    few, many = affordable(plan, 4), affordable(plan, 24)
    return {
        "n_people": [affordable(plan, n) for n in CHOICES],
        **designs(student_id, few, many),
        **best_design(plan, affordable(plan, np.arange(2, 61))),
        **alarms(student_id, many),
    }


def study_design_given(student_id, question, own):
    """Yield what is right for whoever went on from their own wrong earlier answers."""
    plan, right = study_plan(student_id), study_design(student_id)
    few, many = right["n_people"][0], right["n_people"][3]
    if "people_affordable" in own:
        costs = plan["budget"], plan["per_person"], plan["per_answer"]
        paid = {n: people(own["people_affordable"](*costs, n)) for n in range(2, 61)}
        if question == "q2":
            yield {"n_people": [paid[n] for n in CHOICES]}
        if question == "q7":
            yield best_design(plan, np.array(list(paid.values())))
        few, many = paid[4], paid[24]
    if "n_people" in own:
        chosen = [people(number) for number in flat(own["n_people"])]
        few, many = chosen[0], chosen[3]
    changed = (few, many) != (right["n_people"][0], right["n_people"][3])
    if changed and question in ("q4", "q5"):
        yield designs(student_id, few, many)
    if changed and question == "q8":
        yield alarms(student_id, many)
    if "power_of" in own and question in ("q4", "q5"):
        # The student's own function, asked about as many rejections as there were.
        for one in (right, designs(student_id, few, many)):
            mine = {
                name: own["power_of"]([0.01] * k + [0.5] * (300 - k))
                for name in ("power_people", "power_answers")
                for k in [round(300 * one[name])]
            }
            (power, mcse), (other, other_mcse) = map(flat, mine.values())
            yield one | {
                "power_people": power,
                "power_people_mcse": mcse,
                "power_answers": other,
                "difference": power - other,
                "difference_mcse": np.hypot(mcse, other_mcse),
            }
    if question in ("q5", "q8") and "emp_se_people" in own:
        # Whoever simulated or fitted something else for question 4 did so for the next ones, too.
        for first in (0, 1):
            for strategy in STRATEGIES:
                # Known by its estimates, which the bootstrap takes from OLS and tests for seconds.
                alike = "cluster_robust" if strategy == "wild_bootstrap" else strategy
                one = studies(student_id, few, 4, plan["slope"], alike, first)
                if close(own["emp_se_people"], one["emp_se"], rel=1e-5):
                    yield designs(student_id, few, many, strategy, first)
                    yield alarms(student_id, many, first)
    if question == "q5" and {"power_people", "power_people_mcse"} <= set(own):
        (power,), (mcse,) = flat(own["power_people"]), flat(own["power_people_mcse"])
        for one in (right, designs(student_id, few, many)):
            yield one | {
                "difference": power - one["power_answers"],
                "difference_mcse": np.hypot(mcse, one["power_answers_mcse"]),
            }


SPREADS = (0.2, 0.5, 1.0)


@cache
def trained(student_id, strategy):
    """Fit a strategy to a training study."""
    return fit(strategy, "score ~ practice + feedback", training(student_id), group="learner")


@cache
def singular_fits(student_id):
    """Return the right answers of `singular_fits`."""
    full, simple = (trained(student_id, strategy) for strategy in ("mlm_full", "mlm_intercept"))
    practice = [result.coefs.loc["practice"] for result in (full, simple)]

    sizes = training_grid(student_id)
    results = run(
        Grid(sizes["n_groups"], sizes["n_obs"], SPREADS, replications=100),
        strategies=["mlm_full", "mlm_intercept"],
        seed=sizes["seed"],
        progress=False,
    )
    key = ["group_sd", "replication"]
    flags = results.diagnostics.pivot_table(index=key, columns="strategy", values="singular")
    singular = flags == 1
    rates = flags.groupby("group_sd").mean()
    fits = results.fits[results.fits["term"] != "Intercept"]
    fits = fits.assign(
        covered=fits["truth"].between(fits["ci_low"], fits["ci_high"]),
        width=fits["ci_high"] - fits["ci_low"],
    )
    widths = fits.pivot_table(index=key, columns="strategy", values="width")
    shares = fits.pivot_table(index=key, columns="strategy", values="covered")
    where_singular = shares[singular["mlm_full"]].mean()

    reference, cases = load_reference(), suspects(student_id)
    address = ["n_groups", "n_obs", "group_sd", "replication"]
    best = [
        fit("mlm_full", reference.dataset(case.to_dict())).reml_deviance
        for _, case in cases[address].iterrows()
    ]
    p = rates["mlm_full"]
    return {
        "singular_full": full.singular,
        "random_sds": np.sqrt(np.diag(full.random_cov)).tolist(),
        "deviance_rise": simple.reml_deviance - full.reml_deviance,
        "residual_full": full.residual_sd,
        "residual_intercept": simple.residual_sd,
        "se_kept": practice[0]["se"],
        "se_dropped": practice[1]["se"],
        "df_kept": practice[0]["df"],
        "df_dropped": practice[1]["df"],
        "rates_full": p.tolist(),
        "rates_full_mcse": np.sqrt(p * (1 - p) / 100).tolist(),
        "rates_intercept": rates["mlm_intercept"].tolist(),
        "n_singular": int(singular["mlm_full"].sum()),
        "coverage_full": where_singular["mlm_full"],
        "mean_width_full": widths[singular["mlm_full"]]["mlm_full"].mean(),
        "coverage_intercept": where_singular["mlm_intercept"],
        "best_deviances": best,
        "gaps": (cases["deviance"] - best).tolist(),
    }


def singular_fits_given(student_id, question, own):
    """Yield what is right for whoever took another strategy's fit, and went on with it."""
    if question != "q4" or not {"residual_full", "residual_intercept"} <= set(own):
        return
    changed = {}
    for strategy in STRATEGIES:
        other = trained(student_id, strategy)
        practice = other.coefs.loc["practice"]
        for residual, end in (("residual_full", "kept"), ("residual_intercept", "dropped")):
            if close(own[residual], other.residual_sd, rel=1e-3):
                changed |= {f"se_{end}": practice["se"], f"df_{end}": practice["df"]}
    yield singular_fits(student_id) | changed
