"""The right answers of every assignment, for the grader alone: never hand this file out.

One function an assignment, named like it. Each computes from the student's id and looks at
nothing that the student made, so an answer is right or wrong on its own.
"""

from functools import cache

import numpy as np
import pandas as pd
from personal import diary, diary_process

from mlmlearn import fit, performance

__all__ = ["close", "pooling"]


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
