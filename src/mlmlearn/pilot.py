"""What a pilot study, once fitted, says of the data that a larger study would have."""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from mlmlearn.checks import number_in
from mlmlearn.clustered import ClusteredData
from mlmlearn.errors import InputError
from mlmlearn.fit_result import FitResult
from mlmlearn.ingredient import FloatArray, Ingredient
from mlmlearn.processes.binary_predictor import BinaryPredictor
from mlmlearn.processes.correlated_coefficients import CorrelatedCoefficients
from mlmlearn.processes.person_predictor import PersonPredictor
from mlmlearn.processes.predictor_mean import PredictorMean
from mlmlearn.processes.predictor_scale import PredictorScale
from mlmlearn.processes.time_predictor import TimePredictor
from mlmlearn.processes.uncertain_truth import UncertainTruth
from mlmlearn.processes.varying_sizes import VaryingSizes

__all__ = ["read_pilot"]

MADE = "{!r} is made of other columns, which no ingredient can draw; "

# A predictor of persons may be this far from standard units before it is refused.
STANDARD = 0.1


def read_pilot(
    kind: Any, result: FitResult, effects: Mapping[str, float] | None, uncertain: bool
) -> tuple[Any, dict[str, str]]:
    """Make a condition as `Condition.from_fit` does, and say what it calls the fit's terms.

    `kind` is `Condition` itself, which stands above this module.
    """
    if not isinstance(result, FitResult):
        raise InputError(
            'a pilot is what fit returns, such as fit("mlm_full", "y ~ x", df, group="person"), '
            f"not {result!r}"
        )
    if result.random_cov is None:
        raise InputError(
            f'{result.strategy} does not say how much people differ; fit the pilot with "mlm_full"'
        )
    data, effects = result.data, effects or {}
    estimates = result.coefs["estimate"].copy()
    for term, effect in effects.items():
        if term not in estimates:
            raise InputError(f"the pilot has no term {term!r}; it has {', '.join(estimates.index)}")
        estimates[term] = number_in(f"the effect of {term}", effect, "(-inf, inf)")
    slopes, names, ingredients = _predictors(data, estimates)
    order = ["Intercept", *slopes]
    cov = result.random_cov.reindex(index=order, columns=order, fill_value=0.0).to_numpy()
    sds = np.sqrt(np.diagonal(cov))
    ingredients += [*_correlations(cov, sds), *_sizes(data)]
    condition = kind(
        n_groups=result.n_groups,
        n_obs=int(np.rint(data.sizes.mean())),
        group_sd=tuple(sds),
        betas=tuple(estimates[order]),
        noise_sd=result.residual_sd,
        ingredients=tuple(ingredients),
    )
    if uncertain:
        terms = {new: term for term, new in names.items()}
        ordered = [terms[new] for new in condition.terms]
        unknown = _left_open(result, ordered, order, cov, set(effects))
        condition = replace(condition, ingredients=(*condition.ingredients, unknown))
    return condition, names


def _predictors(
    data: ClusteredData, estimates: "pd.Series[float]"
) -> tuple[list[str], dict[str, str], list[Ingredient]]:
    """List the terms that vary within persons, each term's new name, and what draws predictors."""
    slopes: list[str] = []
    names = {"Intercept": "Intercept"}
    found: list[Ingredient] = []
    persons: dict[str, PersonPredictor] = {}
    columns = dict(zip(data.terms[1:], data.predictors.T, strict=True))
    within = [term for term, own in zip(data.terms, data.within, strict=True) if own]
    of_persons = [term for term, x in columns.items() if _constant(x, data)]
    for terms in (within, of_persons):
        _refuse_categories({term: columns[term] for term in terms if term in columns})
    for term, x in columns.items():
        if term in within:
            if any(mark in term for mark in ":(*"):
                raise InputError(MADE.format(term) + "fit the pilot with columns as they are")
            slopes.append(term)
            names[term] = f"IV{len(slopes)}"
            found += _drawing(x, data, names[term])
        elif term in of_persons:
            # As a formula can write it: arm[T.new] becomes arm_T_new.
            names[term] = re.sub(r"\W+", "_", term).strip("_")
            persons[term] = _of_persons(term, x, data, names[term], estimates[term])
    for term in [term for term in columns if term not in names]:
        slope, person = _factors(term, columns, slopes, of_persons)
        if persons[person].interaction is not None:
            raise InputError(f"{person!r} goes with two slopes, and an ingredient with one only")
        persons[person] = replace(persons[person], slope=names[slope], interaction=estimates[term])
        names[term] = f"{names[slope]}:{names[person]}"
    return slopes, names, [*found, *persons.values()]


def _refuse_categories(columns: dict[str, FloatArray]) -> None:
    """Refuse several levels of one category: 0 and 1 each, and never two of them at once."""
    binary = [(term, x) for term, x in columns.items() if len(np.unique(x)) == 2]
    for (one, x), (other, z) in combinations(binary, 2):
        if not (x * z).any():
            raise InputError(
                f"{one!r} and {other!r} look like two levels of one category, which no ingredient "
                "can draw; plan for two of its levels at a time"
            )


def _factors(
    term: str, columns: dict[str, FloatArray], slopes: list[str], of_persons: list[str]
) -> tuple[str, str]:
    """Find the predictors, within persons and of persons, whose product a term is."""
    for slope, person in product(slopes, of_persons):
        if np.allclose(columns[slope] * columns[person], columns[term]):
            return slope, person
    raise InputError(
        MADE.format(term) + "a product of a predictor within persons and one of persons needs both "
        "in the formula"
    )


def _means(x: FloatArray, data: ClusteredData) -> FloatArray:
    return np.bincount(data.codes, x) / data.sizes


def _constant(x: FloatArray, data: ClusteredData) -> bool:
    return bool(np.allclose(x, _means(x, data)[data.codes]))


def _drawing(x: FloatArray, data: ClusteredData, name: str) -> list[Ingredient]:
    """Say what draws a predictor that varies within persons."""
    sizes = data.sizes
    position = np.arange(len(x)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_order = x[np.lexsort((x, data.codes))]
    start, step = in_order[0], in_order[1] - in_order[0]
    if step > 0 and np.allclose(in_order, start + step * position):
        scale = [PredictorScale(step, name)] if step != 1 else []
        mean = [PredictorMean(start, predictor=name)] if start else []
        return [TimePredictor(name), *scale, *mean]
    values = np.unique(x)
    if len(values) == 2:
        low, high = values
        return [BinaryPredictor((x == high).mean(), low, high, name)]
    means = _means(x, data)
    unit = np.sqrt(((x - means[data.codes]) ** 2).sum() / (len(x) - len(sizes)))
    between = max(0, means.var(ddof=1) - (unit**2 / sizes).mean())
    around = PredictorMean(means.mean(), np.sqrt(between), predictor=name)
    return [PredictorScale(unit, name), around]


def _of_persons(
    term: str, x: FloatArray, data: ClusteredData, name: str, effect: float
) -> PersonPredictor:
    """Say what draws a predictor that belongs to the persons."""
    own = _means(x, data)
    if set(np.unique(own)) == {0.0, 1.0}:
        return PersonPredictor(effect, treated=int(own.sum()), name=name)
    mean, sd = own.mean(), own.std(ddof=1)
    if max(abs(mean), abs(sd - 1)) > STANDARD or len(np.unique(own)) == 2:
        raise InputError(
            f"{term!r} belongs to the persons and is neither 0 and 1 nor in standard units (its "
            f"mean is {mean:.3g} and its SD {sd:.3g}); subtract its mean and divide by its SD"
        )
    return PersonPredictor(effect, name=name)


def _correlations(cov: FloatArray, sds: FloatArray) -> list[Ingredient]:
    """Say how the coefficients of persons go together, where they do."""
    scale = np.where(sds > 0, sds, 1.0)
    correlation = np.where(np.eye(len(sds)) == 1, 1.0, np.clip(cov / np.outer(scale, scale), -1, 1))
    correlation = (correlation + correlation.T) / 2
    return [] if (correlation == np.eye(len(sds))).all() else [CorrelatedCoefficients(correlation)]


def _sizes(data: ClusteredData) -> list[Ingredient]:
    """Say how the numbers of rows differ, where they do."""
    sizes = data.sizes
    if np.ptp(sizes) == 0:
        return []
    return [VaryingSizes(np.log(sizes).std(ddof=1), least=int(sizes.min()))]


def _left_open(
    result: FitResult, terms: list[str], order: list[str], cov: FloatArray, known: set[str]
) -> Ingredient:
    """Say how well a fit knows its betas and SDs, `terms` being those of the condition in order.

    The covariance is that of generalised least squares at the fitted variances. That of a model
    without predictors of persons tells what is sampling in a person's own coefficient.
    """
    data, X = result.data, result.data.design
    places = [data.terms.index(term) for term in terms]
    own = [data.terms.index(term) for term in order]
    sigma2, J = result.residual_sd**2, result.n_groups
    whole, alone = np.zeros((len(terms),) * 2), np.zeros((len(own),) * 2)
    for j in range(J):
        rows = data.codes == j
        Z = X[rows][:, own]
        V = Z @ cov @ Z.T + sigma2 * np.eye(len(Z))
        whole += X[rows][:, places].T @ np.linalg.solve(V, X[rows][:, places])
        alone += Z.T @ np.linalg.solve(V, Z)
    open_ = np.array([term not in known for term in terms])
    covariance = np.linalg.inv(whole) * np.outer(open_, open_)
    sampling = np.maximum(J * np.diagonal(np.linalg.inv(alone)) - np.diagonal(cov), 0)
    of_persons = sum(_constant(X[:, place], data) for place in places[1:])
    df = [
        max(1.0, J - 1.0 - of_persons if term in result.random else result.coefs["df"][term])
        for term in terms
    ]
    return UncertainTruth(
        covariance=(covariance + covariance.T) / 2,
        sampling=[s if t in result.random else None for t, s in zip(order, sampling, strict=True)],
        df=df,
        noise_df=max(1.0, result.n_rows - float(J * len(result.random))),
    )
