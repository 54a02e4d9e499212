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
                'slope_se = fit("two_stage", "mood ~ sleep", data, group="person")'
                '.coefs.loc["sleep", "se"]'
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
                "    return fit('mlm_full', 'mood ~ sleep', data, group='person')"
                ".group_coefs['sleep']"
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
                'pulled_slope = fit("mlm_intercept", "mood ~ sleep", data, group="person")'
                '.group_coefs.loc[lowest_person, "sleep"]'
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
            "rounded": (
                "def effective_n(n_people, n_answers, icc):\n"
                "    return round(n_people * n_answers / (1 + (n_answers - 1) * icc))"
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
            "mean for root mean square": 'model_se = fits["se"].mean()',
            "studies 0 to 499": (
                "_shifted = pd.concat([pd.DataFrame([one_study(0)]), fits.iloc[:-1]]);"
                ' _sum = performance(_shifted, by="term").iloc[0];'
                ' emp_se, model_se = _sum["emp_se"], _sum["model_se"];'
                ' coverage, coverage_mcse = _sum["coverage"], _sum["coverage_mcse"]'
            ),
            "another student's": _of_another(
                "pooling", "emp_se", "model_se", "coverage", "coverage_mcse"
            ),
        },
    },
    "four_strategies": {
        "q1": {
            "wrong strategy": (
                'full_se = fit("mlm_intercept", formula, data, group="taster")'
                '.coefs.loc["strength", "se"]'
            ),
            "wrong row": (
                'full_estimate = fit("mlm_full", formula, data, group="taster")'
                '.coefs.loc["sweetness", "estimate"]'
            ),
            "variance for standard error": "full_se = full_se**2",
            "times the root of n": 'full_se = full_se * np.sqrt(data["taster"].nunique())',
            "sign": "full_estimate = -full_estimate",
            "another student's": _of_another("four_strategies", "full_estimate", "full_se"),
        },
        "q2": {
            label: (
                "def two_stage(data, outcome, predictor, group):\n"
                "    b = np.array([np.polyfit(own[predictor], own[outcome], 1)[0]"
                " for _, own in data.groupby(group)])\n"
                f"    return {returned}"
            )
            for label, returned in {
                "standard deviation for standard error": "b.mean(), b.std(ddof=1), len(b) - 1",
                "root of rows for root of people": (
                    "b.mean(), b.std(ddof=1) / np.sqrt(len(data)), len(b) - 1"
                ),
                "variance for standard error": "b.mean(), b.var(ddof=1) / len(b), len(b) - 1",
                "n for n - 1 in the standard deviation": (
                    "b.mean(), b.std() / np.sqrt(len(b)), len(b) - 1"
                ),
                "rows for people in df": (
                    "b.mean(), b.std(ddof=1) / np.sqrt(len(b)), len(data) - 2"
                ),
                "people in df": "b.mean(), b.std(ddof=1) / np.sqrt(len(b)), len(b)",
                "complete pooling": (
                    "np.polyfit(data[predictor], data[outcome], 1)[0],"
                    " b.std(ddof=1) / np.sqrt(len(b)), len(b) - 1"
                ),
                "median for mean": ("np.median(b), b.std(ddof=1) / np.sqrt(len(b)), len(b) - 1"),
            }.items()
        },
        "q3": {
            "variance for standard deviation": "strength_sd = strength_sd**2",
            "standard error for standard deviation": (
                'strength_sd = fit("mlm_full", formula, data, group="taster")'
                '.coefs.loc["strength", "se"]'
            ),
            "residual variance": "residual_sd = residual_sd**2",
            "wrong strategy": (
                'residual_sd = fit("mlm_intercept", formula, data, group="taster").residual_sd'
            ),
            "another student's": _of_another("four_strategies", "strength_sd", "residual_sd"),
        },
        "q4": {
            "order": "dfs = dfs[::-1]",
            "people minus one for all": 'dfs = 4 * [data["taster"].nunique() - 1]',
            "rows for all": "dfs = 4 * [len(data) - 3]",
            "of the intercept": (
                "dfs = compare(formula, data, group='taster')"
                ".query(\"term == 'Intercept'\")['df'].tolist()"
            ),
            "another student's": _of_another("four_strategies", "dfs"),
        },
        "q5": {
            "the least sure": 'surest = "two_stage"',
            "variances": "se_ratio = se_ratio**2",
            "times the root of n": 'smallest_se = smallest_se * np.sqrt(data["taster"].nunique())',
            "upside down": "se_ratio = 1 / se_ratio",
            "wrong term": (
                "_se = compare(formula, data, group='taster')"
                ".query(\"term == 'Intercept'\")['se'];"
                " se_ratio = _se.max() / _se.min()"
            ),
            "another student's": _of_another(
                "four_strategies", "surest", "smallest_se", "se_ratio"
            ),
        },
        "q6": {
            label: f"def interval(estimate, se, df):\n    w = {width}\n    return {ends}"
            for label, width, ends in [
                ("normal quantile", "1.96 * se", "estimate - w, estimate + w"),
                ("one-sided", "stats.t.ppf(0.95, df) * se", "estimate - w, estimate + w"),
                ("one standard error", "se", "estimate - w, estimate + w"),
                ("ends swapped", "stats.t.ppf(0.975, df) * se", "estimate + w, estimate - w"),
                (
                    "divided by the root of n",
                    "stats.t.ppf(0.975, df) * se / np.sqrt(df + 1)",
                    "estimate - w, estimate + w",
                ),
            ]
        },
        "q7": {
            label: f"errors = {{n: float({each}) for n in POST_STRATEGIES for e in "
            "[fit(n, formula, data, group='taster').coefs['estimate'] - pd.Series(truth)]}"
            for label, each in {
                "squares": "(e**2).sum()",
                "mean for sum": "e.abs().mean()",
                "without the intercept": "e.drop('Intercept').abs().sum()",
            }.items()
        }
        | {
            "standard errors for errors": (
                'errors = {n: fit(n, formula, data, group="taster").coefs["se"].sum()'
                " for n in POST_STRATEGIES}"
            ),
            "the farthest": "nearest = max(errors, key=errors.get)",
            "another student's": _of_another("four_strategies", "errors", "nearest"),
        },
    },
    "study_design": {
        "q1": {
            label: (
                "def people_affordable(budget, per_person, per_answer, n_obs):\n"
                f"    return {returned}"
            )
            for label, returned in {
                "rounded": "round(budget / (per_person + per_answer * n_obs))",
                "rounded up": "int(np.ceil(budget / (per_person + per_answer * n_obs)))",
                "one answer": "budget // (per_person + per_answer)",
                "answers free": "budget // per_person",
                "people free": "budget // (per_answer * n_obs) if per_answer else 0",
                "every answer recruits": "budget // ((per_person + per_answer) * n_obs)",
            }.items()
        },
        "q2": {
            "one person too many": "n_people = [n + 1 for n in n_people]",
            "order": "n_people = n_people[::-1]",
            "answers free": 'n_people = 5 * [plan["budget"] // plan["per_person"]]',
            "another student's": _of_another("study_design", "n_people"),
        },
        "q3": {
            label: (
                "def power_of(p_values, alpha=0.05):\n"
                "    p = np.asarray(p_values)\n"
                "    power = np.mean(p < alpha)\n"
                f"    return {returned}"
            )
            for label, returned in {
                "variance for standard error": "power, power * (1 - power) / len(p)",
                "without the root of n": "power, np.sqrt(power * (1 - power))",
                "percent for proportion": (
                    "100 * power, 100 * np.sqrt(power * (1 - power) / len(p))"
                ),
                "misses for hits": "1 - power, np.sqrt(power * (1 - power) / len(p))",
                "alpha ignored": (
                    "np.mean(p < 0.05), np.sqrt(np.mean(p < 0.05) * np.mean(p >= 0.05) / len(p))"
                ),
                "count for share": "np.sum(p < alpha), np.sqrt(power * (1 - power) / len(p))",
            }.items()
        },
        "q4": {
            "percent for proportion": "power_people = 100 * power_people",
            "variance for standard error": "power_people_mcse = power_people_mcse**2",
            "without the root of n": "power_people_mcse = power_people_mcse * np.sqrt(300)",
            "standard error of the mean": "emp_se_people = emp_se_people / np.sqrt(300)",
            "replications 1 to 300": (
                "_condition = Condition(n_people[0], 4, plan['between_sd'], n_predictors=1,"
                " betas=[0, plan['slope']], noise_sd=plan['noise_sd']);"
                " _study = simulate(_condition, seed=plan['seed'], replication=300);"
                " _row = fit('mlm_full', _study).coefs.loc[['IV1']];"
                " _row = _row.assign(truth=plan['slope'], term='IV1');"
                " _sum = performance(pd.concat([many_people.iloc[1:], _row]), by='term').iloc[0];"
                " power_people, power_people_mcse = _sum['power'], _sum['power_mcse'];"
                " emp_se_people = _sum['emp_se']"
            ),
            "1.96 for t": (
                "power_people = (many_people['estimate'].abs() > 1.96 * many_people['se']).mean()"
            ),
            "wrong design": (
                "from answers import study_design as _right; _r = _right(student_id);"
                ' power_people = _r["power_answers"]; emp_se_people = _r["emp_se_answers"]'
            ),
            "another student's": _of_another(
                "study_design", "power_people", "power_people_mcse", "emp_se_people"
            ),
        },
        "q5": {
            "sign": "difference = -difference",
            "errors added": (
                'difference_mcse = people_summary["power_mcse"] + answers_summary["power_mcse"]'
            ),
            "variance for standard error": "difference_mcse = difference_mcse**2",
            "percent for proportion": "difference = 100 * difference",
            "the other design": "power_answers = power_answers + difference",
            "standard error of the mean": "emp_se_answers = emp_se_answers / np.sqrt(300)",
            "another student's": _of_another(
                "study_design", "power_answers", "emp_se_answers", "difference", "difference_mcse"
            ),
        },
        "q6": {
            label: f"def replications_needed(power, mcse):\n    return int(np.ceil({needed}))"
            for label, needed in {
                "root forgotten": "power * (1 - power) / mcse",
                "root of the right answer": "np.sqrt(power * (1 - power)) / mcse",
                "worst case for all": "0.25 / mcse**2",
                "square of p (1 - p)": "(power * (1 - power) / mcse) ** 2",
                "1 - p left out": "power / mcse**2",
                "rounded for the ceiling": "round(power * (1 - power) / mcse**2)",
            }.items()
        },
        "q7": {
            "most people": (
                'best_n_obs = 2; best_n_people = plan["budget"]'
                ' // (plan["per_person"] + 2 * plan["per_answer"])'
            ),
            "variance for standard error": "best_se = best_se**2",
            "without the root of n": "best_se = best_se * np.sqrt(best_n_people)",
            "rows for people": "best_se = best_se / np.sqrt(best_n_obs)",
            "noise not divided": (
                'best_se = np.sqrt((plan["between_sd"]**2 + plan["noise_sd"]**2) / best_n_people)'
            ),
            "people do not differ": (
                'best_se = np.sqrt(plan["noise_sd"]**2 / best_n_obs / best_n_people)'
            ),
            "another student's": _of_another(
                "study_design", "best_n_obs", "best_n_people", "best_se"
            ),
        },
        "q8": {
            "strategies swapped": "alarm_full, alarm_intercept = alarm_intercept, alarm_full",
            "the promise": "alarm_full = alarm_intercept = 0.05",
            "percent for proportion": "alarm_intercept = 100 * alarm_intercept",
            "with the effect": (
                "from answers import study_design as _right;"
                ' alarm_full = _right(student_id)["power_answers"]'
            ),
            "wrong strategy": 'believed_se = null_full["model_se"]',
            "what it should believe": 'believed_se = null_intercept["emp_se"]',
            "mean for root mean square": (
                "from mlmlearn import Grid, run\n"
                "_grid = Grid(n_people[3], 24, plan['between_sd'], 300, betas=(0, 0),"
                " noise_sd=plan['noise_sd'])\n"
                "_fits = run(_grid, strategies='mlm_intercept', seed=plan['seed'],"
                " progress=False).fits\n"
                "believed_se = _fits.loc[_fits['term'] == 'IV1', 'se'].mean()"
            ),
            "variance for standard error": "believed_se = believed_se**2",
            "another student's": _of_another(
                "study_design", "alarm_full", "alarm_intercept", "believed_se"
            ),
        },
    },
    "singular_fits": {
        "q1": {
            "converged, so not singular": "singular_full = not singular_full",
            "variances for standard deviations": "random_sds = [sd**2 for sd in random_sds]",
            "standard errors for standard deviations": (
                'random_sds = fit("mlm_full", formula, data, group="learner").coefs["se"].tolist()'
            ),
            "order": "random_sds = random_sds[::-1]",
            "times the root of n": (
                'random_sds = [sd * np.sqrt(data["learner"].nunique()) for sd in random_sds]'
            ),
            "another student's": _of_another("singular_fits", "random_sds"),
        },
        "q2": {
            label: f"def dimensions(cov):\n    C = np.asarray(cov)\n    return {returned}"
            for label, returned in {
                "variances that are not zero": "int((np.diag(C) > 1e-4 * np.diag(C).max()).sum())",
                "fixed threshold": "int((np.linalg.eigvalsh(C) > 1e-4).sum())",
                "any that is positive": "int((np.linalg.eigvalsh(C) > 0).sum())",
                "all": "len(C)",
                "lost ones": "len(C) - np.linalg.matrix_rank(C, tol=1e-4 * C.max())",
            }.items()
        },
        "q3": {
            "sign": "deviance_rise = -deviance_rise",
            "log-likelihood for deviance": "deviance_rise = deviance_rise / 2",
            "deviance for its rise": "deviance_rise = simple.reml_deviance",
            "fits swapped": (
                "residual_full, residual_intercept = residual_intercept, residual_full"
            ),
            "variance for standard deviation": "residual_full = residual_full**2",
            "another student's": _of_another(
                "singular_fits", "deviance_rise", "residual_full", "residual_intercept"
            ),
        },
        "q4": {
            "fits swapped": (
                "se_kept, se_dropped = se_dropped, se_kept;"
                " df_kept, df_dropped = df_dropped, df_kept"
            ),
            "variance for standard error": "se_kept = se_kept**2",
            "wrong term": (
                'se_kept, df_kept = fit("mlm_full", formula, data, group="learner")'
                '.coefs.loc["Intercept", ["se", "df"]]'
            ),
            "times the root of n": 'se_kept = se_kept * np.sqrt(data["learner"].nunique())',
            "another student's": _of_another(
                "singular_fits", "se_kept", "df_kept", "se_dropped", "df_dropped"
            ),
        },
        "q5": {
            "percent for proportion": "rates_full = [100 * rate for rate in rates_full]",
            "fits that are not singular": "rates_full = [1 - rate for rate in rates_full]",
            "strategies swapped": "rates_full, rates_intercept = rates_intercept, rates_full",
            "order": "rates_full = rates_full[::-1]",
            "variance for standard error": "rates_full_mcse = [e**2 for e in rates_full_mcse]",
            "without the root of n": "rates_full_mcse = [e * 10 for e in rates_full_mcse]",
            "300 for 100": "rates_full_mcse = [e / np.sqrt(3) for e in rates_full_mcse]",
            "another student's": _of_another(
                "singular_fits", "rates_full", "rates_intercept", "rates_full_mcse"
            ),
        },
        "q6": {
            "percent for proportion": "coverage_full = 100 * coverage_full",
            "strategies swapped": (
                "coverage_full, coverage_intercept = coverage_intercept, coverage_full"
            ),
            "the promise": "coverage_intercept = 0.95",
            "misses for hits": "coverage_intercept = 1 - coverage_intercept",
            "intervals for data sets": "n_singular = 3 * n_singular",
            "1.96 for t": (
                "_full = slopes[slopes['strategy'] == 'mlm_full'];"
                " coverage_full = ((_full['estimate'] - _full['truth']).abs()"
                " <= 1.96 * _full['se']).mean(); mean_width_full = 2 * 1.96 * _full['se'].mean()"
            ),
            "half for whole width": "mean_width_full = mean_width_full / 2",
            "one standard error": (
                "coverage_full = ((slopes['estimate'] - slopes['truth']).abs() <= slopes['se'])"
                "[slopes['strategy'] == 'mlm_full'].mean()"
            ),
            "another student's": _of_another(
                "singular_fits",
                "n_singular",
                "coverage_full",
                "coverage_intercept",
                "mean_width_full",
            ),
        },
        "q7": {
            "every word of lme4 a warning": (
                'def kind(message):\n    return "warning" if message else "nothing"'
            ),
            "curvature not looked for": (
                "def kind(message):\n"
                '    return "singular" if "singular" in message else'
                ' ("warning" if message else "nothing")'
            ),
            "every negative eigenvalue singular": (
                "def kind(message):\n"
                '    if "negative" in message:\n'
                '        return "singular, negative curvature"\n'
                '    return "singular" if "singular" in message else'
                ' ("warning" if message else "nothing")'
            ),
        },
        "q8": {
            "sign": "gaps = [-gap for gap in gaps]",
            "log-likelihood for deviance": "gaps = [gap / 2 for gap in gaps]",
            "lme4's deviances": 'best_deviances = cases["deviance"].tolist(); gaps = [0, 0, 0]',
            "order": "gaps = gaps[1:] + gaps[:1]",
            "wrong strategy": (
                'best_deviances = [fit("mlm_intercept", reference.dataset(c.to_dict()))'
                ".reml_deviance for _, c in cases[address].iterrows()];"
                ' gaps = (cases["deviance"] - best_deviances).tolist()'
            ),
            "another student's": _of_another("singular_fits", "best_deviances", "gaps"),
        },
    },
}


# Other ways to be right: code that must lose nothing.
ALSO_RIGHT: dict[str, list[str]] = {
    "pooling": [
        "mood_sd = data['mood'].std(ddof=0)",
        "coverage_mcse = pd.Series(np.arange(500) < round(500 * coverage)).sem()",
        "effective_n = lambda n_people, n_answers, icc: np.array("
        "[n_people * n_answers / (1 + (n_answers - 1) * icc)])",
    ],
    "four_strategies": [
        "def two_stage(data, outcome, predictor, group):\n"
        "    slopes = data.groupby(group)[[predictor, outcome]].apply("
        "lambda own: np.polyfit(own[predictor], own[outcome], 1)[0])\n"
        "    return pd.Series([slopes.mean(), slopes.sem(), len(slopes) - 1.0])",
        "interval = lambda estimate, se, df: stats.t.interval(0.95, df, estimate, se)",
    ],
    "study_design": [
        "def power_of(p_values, alpha=0.05):\n"
        "    hits = pd.Series(np.asarray(p_values) < alpha)\n"
        "    return np.array([hits.mean(), hits.sem()])",
        "n_people = np.array(n_people, dtype=float)",
        "people_affordable = lambda budget, per_person, per_answer, n_obs: np.floor("
        "budget / (per_person + per_answer * n_obs))",
        "replications_needed = lambda power, mcse: int(power * (1 - power) / mcse**2) + 1",
    ],
    "singular_fits": [
        "rates_full_mcse = [e * np.sqrt(100 / 99) for e in rates_full_mcse]",
        "from scipy import stats\n"
        "_half = stats.t.ppf(0.975, slopes['df']) * slopes['se']\n"
        "_hits = (slopes['estimate'] - slopes['truth']).abs() <= _half\n"
        "_full = slopes['strategy'] == 'mlm_full'\n"
        "coverage_full, coverage_intercept = _hits[_full].mean(), _hits[~_full].mean()\n"
        "mean_width_full = 2 * _half[_full].mean()",
        "best_deviances = [fit('mlm_full', reference.dataset(c.to_dict()), engine='batch')"
        ".reml_deviance for _, c in cases[address].iterrows()]",
        "dimensions = lambda cov: np.float64((np.linalg.eigvalsh(cov) >"
        " max(1e-4 * np.linalg.eigvalsh(cov).max(), 0)).sum())",
    ],
}

# Slips that a later answer builds on: what the student does, and the one question that it costs.
_STUDY = (
    "_few, _many = {few}, {many};"
    " _one = _answers.designs(student_id, _few, _many, {strategy!r}, {first});"
    " _two = _answers.alarms(student_id, _many, {first});"
    " globals().update({{**_one, **_two}})"
)
SLIPS: dict[str, list[tuple[str, str]]] = {
    "pooling": [
        (
            "q1",
            "n_rows = n_people + 1;"
            " slope_se = np.sqrt((residuals**2).sum() / (n_rows - 2) / spread)",
        ),
        (
            "q3",
            "def person_slopes(data):\n"
            "    return pd.Series({p: -np.polyfit(own['sleep'], own['mood'], 1)[0]"
            " for p, own in data.groupby('person')})\n"
            "lowest_person = person_slopes(data).idxmin(); own_slope = person_slopes(data).min()\n"
            "pulled_slope = pulled[lowest_person]",
        ),
        (
            "q2",
            "slope_se = slope_se * np.sqrt(2);"
            " _sum = performance(fits.assign(se=fits['se'] * np.sqrt(2)), by='term').iloc[0];"
            " model_se, coverage = _sum['model_se'], _sum['coverage'];"
            " coverage_mcse = _sum['coverage_mcse']",
        ),
    ],
    "four_strategies": [
        (
            "q4",
            "_table = compare(formula, data, group='taster')"
            ".query(\"term == 'sweetness'\").set_index('strategy');"
            " dfs = _table['df'].tolist(); surest = _table['se'].idxmin();"
            " smallest_se = _table['se'].min(); se_ratio = _table['se'].max() / _table['se'].min()",
        ),
    ],
    "study_design": [
        (
            "q1",
            "def people_affordable(budget, per_person, per_answer, n_obs):\n"
            "    return int(np.ceil(budget / (per_person + per_answer * n_obs)))\n"
            "costs = plan['budget'], plan['per_person'], plan['per_answer']\n"
            "n_people = [people_affordable(*costs, n) for n in (4, 8, 16, 24, 48)]\n"
            "globals().update(_answers.best_design(plan,"
            " np.array([people_affordable(*costs, n) for n in range(2, 61)])))\n"
            + _STUDY.format(few="n_people[0]", many="n_people[3]", strategy="mlm_full", first=0),
        ),
        (
            "q2",
            "n_people = [n + 1 for n in n_people]\n"
            + _STUDY.format(few="n_people[0]", many="n_people[3]", strategy="mlm_full", first=0),
        ),
        (
            "q3",
            "def power_of(p_values, alpha=0.05):\n"
            "    power = np.mean(np.asarray(p_values) < alpha)\n"
            "    return power, power * (1 - power) / len(p_values)\n"
            "power_people_mcse = power_people * (1 - power_people) / 300\n"
            "difference_mcse = np.hypot(power_people_mcse,"
            " power_answers * (1 - power_answers) / 300)",
        ),
        (
            "q4",
            _STUDY.format(few="n_people[0]", many="n_people[3]", strategy="mlm_full", first=1),
        ),
        (
            "q4",
            _STUDY.format(
                few="n_people[0]", many="n_people[3]", strategy="mlm_uncorrelated", first=0
            ),
        ),
        (
            "q4",
            "power_people = 1 - power_people; difference = power_people - power_answers",
        ),
    ],
    "singular_fits": [
        (
            "q3",
            "residual_full = simple.residual_sd; deviance_rise = 0.0;"
            " se_kept, df_kept = simple.coefs.loc['practice', ['se', 'df']]",
        ),
    ],
}
