"""Plausible wrong answers to the questions of the assignments.

Each code runs after the right solution of its question, in the same namespace, and must cost
exactly that question's points. `tests/test_assignments_content.py` holds that it does so for
many ids, the grader's tests that it does so in a whole notebook.
"""

OTHER = "somebody-else"


def _of_another(assignment: str, *names: str) -> str:
    """Write code that takes over what another student would rightly answer."""
    lines = [f"from answers import {assignment} as _right", f'_other = _right("{OTHER}")']
    return "\n".join(lines + [f'{name} = _other["{name}"]' for name in names])


WRONG_ANSWERS: dict[str, dict[str, dict[str, str]]] = {
    "pooling": {
        "q1": {
            "rows counted as people": "n_people = n_rows - 1",
            "variance for standard deviation": 'mood_sd = data["mood"].var()',
            "standard error for standard deviation": "mood_sd = mood_sd / np.sqrt(len(data))",
            "spread of people's means": 'mood_sd = data.groupby("person")["mood"].mean().std()',
            "another student's": _of_another("pooling", "n_rows", "n_people", "mood_sd"),
        },
        "q2": {
            "variance for standard error": "slope_se = slope_se**2",
            "times the root of n": "slope_se = slope_se * np.sqrt(len(data))",
            "divided by the root of n": "slope_se = slope_se / np.sqrt(len(data))",
            "sign": "slope = -slope",
            "axes swapped": 'slope = np.polyfit(data["mood"], data["sleep"], 1)[0]',
            "another student's": _of_another("pooling", "slope", "slope_se"),
            "another strategy's standard error": (
                'slope_se = fit("two_stage", data, outcome="mood", predictors=["sleep"],'
                ' group="person", engine="batch").coefs.loc["sleep", "se"]'
            ),
        },
        "q3": {
            "axes swapped": (
                "def person_slopes(data):\n"
                "    return pd.Series({p: np.polyfit(own['mood'], own['sleep'], 1)[0]"
                " for p, own in data.groupby('person')})"
            ),
            "intercepts for slopes": (
                "def person_slopes(data):\n"
                "    return pd.Series({p: np.polyfit(own['sleep'], own['mood'], 1)[1]"
                " for p, own in data.groupby('person')})"
            ),
            "lines through zero": (
                "def person_slopes(data):\n"
                "    return pd.Series({p: (own['sleep'] * own['mood']).sum()"
                " / (own['sleep'] ** 2).sum() for p, own in data.groupby('person')})"
            ),
            "partial pooling": (
                "def person_slopes(data):\n"
                "    return fit('mlm_full', data, outcome='mood', predictors=['sleep'],"
                " group='person', engine='batch').group_coefs['sleep']"
            ),
        },
        "q4": {
            "highest for lowest": (
                "lowest_person = person_slopes(data).idxmax();"
                " own_slope = person_slopes(data).max()"
            ),
            "slopes swapped": "own_slope, pulled_slope = pulled_slope, own_slope",
            "complete pooling": 'pulled_slope = np.polyfit(data["sleep"], data["mood"], 1)[0]',
            "wrong strategy": (
                'pulled_slope = fit("mlm_intercept", data, outcome="mood", predictors=["sleep"],'
                ' group="person", engine="batch").group_coefs.loc[lowest_person, "sleep"]'
            ),
            "another student's": _of_another(
                "pooling", "lowest_person", "own_slope", "pulled_slope"
            ),
        },
        "q5": {
            "standard deviations for variances": (
                'icc = truth["between_sd"] / (truth["between_sd"] + truth["noise_sd"])'
            ),
            "the share within": "icc = 1 - icc",
            "ratio for share": 'icc = truth["between_sd"]**2 / truth["noise_sd"]**2',
            "variance for standard deviation": "total_sd = total_sd**2",
            "sum of standard deviations": 'total_sd = truth["between_sd"] + truth["noise_sd"]',
            "another student's": _of_another("pooling", "icc", "total_sd"),
        },
        "q6": {
            "n for n - 1": (
                "def effective_n(n_people, n_answers, icc):\n"
                "    return n_people * n_answers / (1 + n_answers * icc)"
            ),
            "root of the design effect": (
                "def effective_n(n_people, n_answers, icc):\n"
                "    return n_people * n_answers / np.sqrt(1 + (n_answers - 1) * icc)"
            ),
            "people counted twice": (
                "def effective_n(n_people, n_answers, icc):\n"
                "    return n_people * n_answers / (1 + (n_people - 1) * icc)"
            ),
        },
        "q7": {
            "percent for proportion": "coverage = 100 * coverage",
            "misses for hits": "coverage = 1 - coverage",
            "the promise": "coverage = 0.95",
            "variance for standard error": "coverage_mcse = coverage_mcse**2",
            "without the root of n": "coverage_mcse = coverage_mcse * np.sqrt(500)",
            "swapped": "emp_se, model_se = model_se, emp_se",
            "standard error of the mean": "emp_se = emp_se / np.sqrt(500)",
            "another student's": _of_another(
                "pooling", "emp_se", "model_se", "coverage", "coverage_mcse"
            ),
        },
    },
}
