"""The right answers of every assignment, for the grader alone: never hand this file out.

One function an assignment, named like it. Each computes from the student's id and looks at
nothing that the student made, so an answer is right or wrong on its own.
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
from scipy import stats

from mlmlearn import STRATEGIES, Condition, Grid, fit, load_reference, performance, run
from mlmlearn.engine_batch import compress, fit_many
from mlmlearn.simulation import draw_many

__all__ = ["close", "four_strategies", "pooling", "singular_fits", "study_design"]


def close(given, right, *, rel=0.006, abs=0.0):
    """Tell whether a number, or every number of a list, is close to the right one.

    The default lets a right answer pass that was rounded to three significant digits.
    """
    given, right = np.asarray(given, dtype=float), np.asarray(right, dtype=float)
    return given.shape == right.shape and bool(
        np.all(np.abs(given - right) <= np.maximum(abs, rel * np.abs(right)) * (1 + 1e-9))
    )


def line(x, y):
    """Fit y = a + b x by least squares; return both coefficients and their standard errors."""
    X = np.column_stack([np.ones(len(x)), x])
    coefs, (residual_ss,), *_ = np.linalg.lstsq(X, np.asarray(y))
    covariance = residual_ss / (len(X) - 2) * np.linalg.inv(X.T @ X)
    return coefs, np.sqrt(np.diag(covariance))


@cache
def pooling(student_id):
    """Return the right answers of `pooling`."""
    data, truth = diary(student_id), diary_process(student_id)
    coefs, ses = line(data["sleep"], data["mood"])
    own = pd.Series(
        {person: line(rows["sleep"], rows["mood"])[0][1] for person, rows in data.groupby("person")}
    )
    roles = {"outcome": "mood", "predictors": ["sleep"], "group": "person", "engine": "batch"}
    lowest = own.idxmin()
    between, noise = truth["between_sd"] ** 2, truth["noise_sd"] ** 2

    rows = []
    for replication in range(1, 501):
        other = diary(student_id, replication)
        (_, estimate), (_, se) = line(other["sleep"], other["mood"])
        rows.append((truth["slope"], estimate, se, len(other) - 2))
    fits = pd.DataFrame(rows, columns=["truth", "estimate", "se", "df"]).assign(term="sleep")
    summary = performance(fits, by="term").iloc[0]
    return {
        "n_rows": len(data),
        "n_people": data["person"].nunique(),
        "mood_sd": data["mood"].std(),
        "slope": coefs[1],
        "slope_se": ses[1],
        "lowest_person": lowest,
        "own_slope": own[lowest],
        "pulled_slope": fit("mlm_full", data, **roles).group_coefs.loc[lowest, "sleep"],
        "icc": between / (between + noise),
        "total_sd": np.sqrt(between + noise),
        **summary[["emp_se", "model_se", "coverage", "coverage_mcse"]].to_dict(),
    }


@cache
def four_strategies(student_id):
    """Return the right answers of `four_strategies`."""
    data, truth = tasting(student_id), pd.Series(tasting_process(student_id)["coefs"])
    roles = {"outcome": "rating", "predictors": ["strength", "sweetness"], "group": "taster"}
    fits = {strategy: fit(strategy, data, engine="batch", **roles) for strategy in STRATEGIES}
    strength = pd.DataFrame({name: result.coefs.loc["strength"] for name, result in fits.items()})
    errors = {
        name: float((result.coefs["estimate"] - truth).abs().sum()) for name, result in fits.items()
    }
    full = fits["mlm_full"]
    return {
        "full_estimate": strength.loc["estimate", "mlm_full"],
        "full_se": strength.loc["se", "mlm_full"],
        "strength_sd": np.sqrt(full.random_cov.loc["strength", "strength"]),
        "residual_sd": full.residual_sd,
        "dfs": strength.loc["df", list(STRATEGIES)].tolist(),
        "surest": strength.loc["se"].idxmin(),
        "smallest_se": strength.loc["se"].min(),
        "se_ratio": strength.loc["se"].max() / strength.loc["se"].min(),
        "errors": errors,
        "nearest": min(errors, key=errors.get),
    }


def affordable(plan, n_obs):
    """Count the people that a plan can pay for."""
    return plan["budget"] // (plan["per_person"] + plan["per_answer"] * n_obs)


def studies(plan, n_people, n_obs, slope, strategy):
    """Simulate a design 300 times, fit all data sets at once, and sum up the slopes."""
    condition = Condition(
        n_people,
        n_obs,
        plan["between_sd"],
        n_predictors=1,
        betas=[0, slope],
        noise_sd=plan["noise_sd"],
    )
    drawn = draw_many(condition, plan["seed"], range(300))
    found = fit_many(strategy, compress(drawn.X, drawn.y))
    columns = {"estimate": found.estimate[:, 1], "se": found.se[:, 1], "df": found.df[:, 1]}
    fits = pd.DataFrame(columns).assign(term="IV1", truth=slope)
    return performance(fits, by="term").iloc[0]


@cache
def study_design(student_id):
    """Return the right answers of `study_design`."""
    plan = study_plan(student_id)
    people, answers = (
        studies(plan, affordable(plan, n_obs), n_obs, plan["slope"], "mlm_full")
        for n_obs in (4, 24)
    )
    null = {
        strategy: studies(plan, affordable(plan, 24), 24, 0, strategy)
        for strategy in ("mlm_full", "mlm_intercept")
    }
    n_obs = np.arange(2, 61)
    n_people = affordable(plan, n_obs)
    ses = np.sqrt((plan["between_sd"] ** 2 + plan["noise_sd"] ** 2 / n_obs) / n_people)
    best = int(ses.argmin())
    return {
        "n_people": [affordable(plan, n) for n in (4, 8, 16, 24, 48)],
        "power_people": people["power"],
        "power_people_mcse": people["power_mcse"],
        "emp_se_people": people["emp_se"],
        "power_answers": answers["power"],
        "difference": people["power"] - answers["power"],
        "difference_mcse": np.hypot(people["power_mcse"], answers["power_mcse"]),
        "emp_se_answers": answers["emp_se"],
        "best_n_obs": int(n_obs[best]),
        "best_n_people": int(n_people[best]),
        "best_se": ses[best],
        "alarm_full": null["mlm_full"]["type_1_error"],
        "alarm_intercept": null["mlm_intercept"]["type_1_error"],
        "believed_se": null["mlm_intercept"]["model_se"],
    }


SPREADS = (0.2, 0.5, 1.0)


@cache
def singular_fits(student_id):
    """Return the right answers of `singular_fits`."""
    data = training(student_id)
    roles = {"outcome": "score", "predictors": ["practice", "feedback"], "group": "learner"}
    full, simple = (
        fit(strategy, data, engine="batch", **roles) for strategy in ("mlm_full", "mlm_intercept")
    )
    practice = [result.coefs.loc["practice"] for result in (full, simple)]

    sizes = training_grid(student_id)
    results = run(
        Grid(sizes["n_groups"], sizes["n_obs"], SPREADS, replications=100),
        engine="batch",
        strategies=["mlm_full", "mlm_intercept"],
        seed=sizes["seed"],
        progress=False,
    )
    key = ["group_sd", "replication"]
    flags = results.diagnostics.pivot_table(index=key, columns="strategy", values="singular")
    singular = flags == 1
    rates = flags.groupby("group_sd").mean()
    fits = results.fits[results.fits["term"] != "Intercept"]
    half_width = stats.t.ppf(0.975, fits["df"]) * fits["se"]
    covered = fits.assign(covered=(fits["estimate"] - fits["truth"]).abs() <= half_width)
    shares = covered.pivot_table(index=key, columns="strategy", values="covered")
    where_singular = shares[singular["mlm_full"]].mean()

    reference, cases = load_reference(), suspects(student_id)
    address = ["n_groups", "n_obs", "group_sd", "replication"]
    best = [
        fit("mlm_full", reference.dataset(case.to_dict()), engine="batch").reml_deviance
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
        "coverage_intercept": where_singular["mlm_intercept"],
        "best_deviances": best,
        "gaps": (cases["deviance"] - best).tolist(),
    }
