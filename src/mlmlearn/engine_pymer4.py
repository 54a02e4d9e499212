"""The reference engine: pymer4 over R's lme4 and lmerTest.

pymer4 is given a data frame of our own making: plain column names (some names crash it),
rows sorted by group and numbered 0 … n - 1 (otherwise its cluster-robust standard errors
and its two-stage fits come out wrong without a word).
"""

import importlib.metadata
import importlib.util
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmlearn import multilevel
from mlmlearn.batch import Batch
from mlmlearn.clustered import ClusteredData
from mlmlearn.errors import EngineError, FitError
from mlmlearn.machine import restored
from mlmlearn.multilevel import arbitrary, undecided
from mlmlearn.ols import no_standard_error, resting_on_few
from mlmlearn.strategies.base import Fitted, Strategy
from mlmlearn.triangles import FloatArray

__all__ = ["fit", "lm", "lm2", "lmer", "versions"]

# What pymer4's summary leaves out, read from the fitted R object. The gradient is lme4's
# own criterion (checkConv): per parameter the smaller of the plain gradient and the one
# scaled by the Cholesky factor of the Hessian. The intercept is that of the data's own zero.
INSPECT = """
function(model, contrast) {
    optinfo <- model@optinfo
    gradient <- optinfo$derivs$gradient
    hessian <- optinfo$derivs$Hessian
    scaled <- if (is.null(gradient)) NULL else
        tryCatch(solve(chol(hessian), gradient), error = function(e) gradient)
    text <- function(x) as.character(unlist(x))
    list(
        singular = lme4::isSingular(model),
        max_gradient = if (is.null(gradient)) NA_real_ else
            max(pmin(abs(gradient), abs(scaled))),
        code = as.integer(c(optinfo$conv$opt, 0L)[1]),
        optimiser = text(c(optinfo$message, optinfo$warnings)),
        lme4 = text(optinfo$conv$lme4$messages),
        deviance = lme4::REMLcrit(model),
        sigma = stats::sigma(model),
        intercept = if (is.null(contrast)) NA_real_ else
            as.numeric(lmerTest::contest1D(model, contrast)[c("Estimate", "Std. Error", "df")]),
        random_cov = as.numeric(as.matrix(Matrix::bdiag(lapply(lme4::VarCorr(model), as.matrix)))),
        group_coefs = as.numeric(as.matrix(lme4::ranef(model, condVar = FALSE)$g))
    )
}
"""

SINGULAR = "boundary (singular) fit"

# Condition number of the design up to which pymer4's inverse of X'X keeps 5 or 6 digits.
WORST_CONDITION = 1e5

# A predictor whose mean is at most one SD from zero, and whose SD lies between these, is handed
# on as it is. Any other is centred and scaled first, since lme4's search, and pymer4's inverse,
# lose their way far from there.
USUAL_SPREAD = (0.5, 2)

# Deviances this far above that of a nested model are no rounding.
NESTED = 1e-3

# The standard errors of one OLS over all rows.
CLUSTERED = {"robust": "cluster", "cluster": "g"}

# An outcome whose mean lies further than this from zero, in its SDs, is centred first.
FAR = 100

# SDs of the outcome between which lmerTest's degrees of freedom can be trusted: it
# differentiates numerically by the residual SD, with steps that do not know its size.
USUAL_SD = (1e-3, 1e3)

# lmerTest says only on R's console that the Hessian behind its degrees of freedom is not
# positive definite. lme4's own messages, worded differently, are in the fitted object.
LMERTEST_WARNING = (
    r"Model (?:failed to converge|may not have converged) with \d+ (?:negative )?eigenvalues?"
    r"(?: close to zero)?:(?: -?\d\.\de[+-]\d+)+"
)


def fit(strategy: Strategy, batch: Batch) -> Fitted:
    """Fit one strategy with pymer4 to data sets that it does not refuse.

    Raises
    ------
    EngineError
        When pymer4, R, lme4 or lmerTest is missing.
    """
    _require_r()
    assert strategy.pymer4 is not None
    found = []
    with warnings.catch_warnings(), _default_conversion():
        # pymer4 0.8.2 calls DataFrame.applymap, which pandas 2 only discourages.
        warnings.filterwarnings("ignore", "DataFrame.applymap", FutureWarning)
        # A perfect fit divides by a standard error of zero; the result then says so.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="pymer4")
        for i in range(len(batch)):
            try:
                found.append(_with_usual_outcome(strategy.pymer4, batch.rows(i)).complete())
            except (FitError, ArithmeticError, np.linalg.LinAlgError) as error:
                nan, problem = np.full((1, batch.n_fixed), np.nan), np.array([str(error)], object)
                found.append(Fitted(nan, nan, nan, problem=problem).complete())
    return Fitted.joined(found)


def data_sets_at_once(n_groups: int, n_obs: int) -> int:
    """Say how many data sets to fit at once: R takes one after another."""
    return 1


def versions() -> dict[str, str]:
    """Return the versions of what the results depend on, or raise as `fit` does."""
    _require_r()
    from rpy2 import robjects

    found = {package: importlib.metadata.version(package) for package in ("pymer4", "rpy2")}
    with _default_conversion():
        found["R"] = str(robjects.r("as.character(getRversion())")[0])
        for package in ("lme4", "lmerTest", "Matrix", "Rcpp", "nloptr", "minqa", "emmeans"):
            found[package] = str(robjects.r(f'packageDescription("{package}")$Version')[0])
    return found


def _with_usual_outcome(fit: Callable[..., Fitted], data: ClusteredData) -> Fitted:
    """Fit with an outcome far from zero centred and a very large or small one scaled."""
    mean, sd, (low, high) = float(data.y.mean()), float(data.y.std()), USUAL_SD
    mean = mean if abs(mean) > FAR * sd else 0.0
    unit = 1.0 if low <= sd <= high else float(_power_of_two(sd))
    found = fit(replace(data, y=(data.y - mean) / unit))
    n, k = len(data.y), len(data.terms)
    level = mean * (np.arange(k) == 0)
    changed = {"estimate": found.estimate * unit + level}
    if found.group_coefs is not None:
        changed["group_coefs"] = found.group_coefs * unit + level[:, None]
    if found.reml_deviance is not None:
        changed["reml_deviance"] = found.reml_deviance + 2 * (n - k) * np.log(unit)
    for name, by in (("se", unit), ("residual_sd", unit), ("random_cov", unit**2)):
        if getattr(found, name) is not None:
            changed[name] = getattr(found, name) * by
    return replace(found, **changed)


def _frame(data: ClusteredData, X: FloatArray, first: int = 1) -> pd.DataFrame:
    """Give columns, outcome and groups plain names, which pymer4 needs: x1, x2 ..., y, g."""
    names = [f"x{i}" for i, _ in enumerate(X.T, first)]
    return pd.DataFrame(X, columns=names).assign(y=data.y, g=data.codes + 1)


def _sum(columns: Iterable[int]) -> str:
    """Write some columns as a formula; column 0 is the intercept."""
    return " + ".join("1" if i == 0 else f"x{i}" for i in columns)


def _numbers(model: Any) -> FloatArray:
    """Return a model's estimates, standard errors and degrees of freedom, shape (k, 3)."""
    return np.asarray(model.coefs.reindex(columns=["Estimate", "SE", "DF"]), dtype=float)


def _power_of_two(size: Any) -> Any:
    """Round to a power of two, by which numbers divide without rounding."""
    return np.exp2(np.round(np.log2(size)))


def _standardising(data: ClusteredData) -> tuple[Any, Any]:
    """Choose what to subtract from the columns of X, and by what to divide them, shape (k,) each.

    These are 0 and 1 for the intercept, and for all columns when none needs it.
    """
    X = data.design
    means, sds = X.mean(axis=0), X.std(axis=0)
    means[0], sds[0] = 0, 1
    low, high = USUAL_SPREAD
    if ((np.abs(means) <= sds) & (low <= sds) & (sds <= high)).all():
        return np.zeros_like(means), np.ones_like(sds)
    return means, _power_of_two(sds)


def _contrasts(means: FloatArray, scales: FloatArray) -> FloatArray:
    """Return what takes coefficients of standardised columns back: the intercept is at zero."""
    back = np.diag(1 / scales)
    back[0, 1:] = -means[1:] / scales[1:]
    return back


def lm(data: ClusteredData) -> Fitted:
    """Fit pymer4's OLS with cluster-robust standard errors: Lm(...).fit(robust="cluster")."""
    means, scales = _standardising(data)
    k, Z = len(data.terms), (data.design - means) / scales
    condition = np.linalg.cond(Z)
    if condition > WORST_CONDITION:
        raise FitError(
            f"cluster_robust would lose its precision (condition number {condition:.0e}): a "
            "predictor nearly repeats others, or one of its values lies very far from all others; "
            "leave one out, or look at that value"
        )
    numbers = _lm(f"y ~ {_sum(range(k))}", _frame(data, Z[:, 1:]), **CLUSTERED)
    numbers[:, :2] /= scales[:, None]
    if means.any():
        # The intercept is the outcome where every predictor is zero: a contrast of the new
        # coefficients. Columns turned so that it is one of them keep their condition.
        contrast = _contrasts(means, scales)[0]
        turn = np.linalg.qr(np.column_stack([contrast, np.eye(k)[:, 1:]]))[0]
        length = turn[:, 0] @ contrast  # with its sign, which QR leaves open
        names = " + ".join(f"x{i}" for i in range(k))
        turned = _lm(f"y ~ 0 + {names}", _frame(data, Z @ turn, first=0), **CLUSTERED)
        numbers[0, :2] = turned[0, :2] * [length, abs(length)]
    return _fitted(numbers, data, messages=[resting_on_few(Batch.of_one(data))[0]])


def _lm(formula: str, frame: pd.DataFrame, **errors: str) -> FloatArray:
    from pymer4.models import Lm

    model = Lm(formula, data=frame)
    model.fit(summarize=False, **errors)
    return _numbers(model)


def lm2(
    data: ClusteredData, explained: FloatArray, touched: NDArray[np.bool_], places: NDArray[np.intp]
) -> Fitted:
    """Fit pymer4's two-stage OLS; what is constant within groups, by its OLS over the groups.

    With the m columns first that vary within groups, the others add `explained`, shape (g, m, k -
    m), to each group's coefficients, and explain those that are `touched`, shape (m, k - m);
    `places`, shape (k,), says where a column stands then.
    """
    from pymer4.models import Lm2

    k, within = len(data.terms), np.flatnonzero(data.within)
    scale = _power_of_two(np.abs(data.design).max(axis=0))
    model = Lm2(f"y ~ {_sum(within)}", data=_frame(data, (data.design / scale)[:, 1:]), group="g")
    model.fit(summarize=False)
    own = np.full((data.n_groups, k), np.nan)
    own[:, within] = model.fixef.to_numpy() / scale[within]
    numbers = _numbers(model)
    numbers[:, :2] /= scale[within, None]
    if len(within) < k:
        numbers = _second_stage(own[:, within], explained, touched)[places]
    return _fitted(numbers, data, group_coefs=own.T[None])


def _second_stage(own: FloatArray, explained: FloatArray, touched: NDArray[np.bool_]) -> FloatArray:
    """Regress each coefficient of the groups on what explains it, with pymer4's `Lm`."""
    m = own.shape[1]
    numbers = np.empty((m + touched.shape[1], 3))
    for r in range(m):
        columns = np.flatnonzero(touched[r])
        scale = _power_of_two(np.abs(explained[:, r, columns]).max(axis=0))
        names = [f"x{i}" for i in range(1, len(columns) + 1)]
        frame = pd.DataFrame(explained[:, r, columns] / scale, columns=names)
        found = _lm(f"y ~ {_sum(range(len(columns) + 1))}", frame.assign(y=own[:, r]))
        numbers[[r, *(m + columns)]] = found / [[by, by, 1] for by in (1, *scale)]
    return numbers


def lmer(
    name: str, data: ClusteredData, random: NDArray[np.bool_], *, correlated: bool = True
) -> Fitted:
    """Fit the multilevel model with random effects of some columns, shape (k,), with lme4.

    The intercept is one of them; `name` is what a message calls the strategy.
    """
    from rpy2 import robjects
    from rpy2.rinterface_lib.embedded import RRuntimeError

    # A model with all correlations, or with a random intercept alone, does not depend on where a
    # predictor has its zero, and none on its unit.
    means, scales = _standardising(data)
    if not correlated:
        means = means * ~random
    back, k = _contrasts(means, scales), len(scales)
    these, bar = np.flatnonzero(random), "|" if correlated else "||"
    formula = f"y ~ {_sum(range(k))} + ({_sum(these)} {bar} g)"
    frame = _frame(data, ((data.design - means) / scales)[:, 1:])
    model = _lmer_with_console()(formula, data=frame)
    try:
        with _r_console() as console:
            model.fit(summarize=False, no_warnings=True)
        moved = robjects.FloatVector(back[0]) if means.any() else robjects.NULL
        inspected = _inspector()(model.model_obj, moved)
        found = {name: np.asarray(value) for name, value in inspected.items()}
    except RRuntimeError as error:
        text = " ".join(str(error).split())
        raise FitError(f"{name} could not be fitted; R says: {text}") from error
    numbers = _numbers(model)
    if len(numbers) < k:
        raise FitError(
            f"{name} could not be fitted: to lme4 the predictors are linearly dependent; "
            "subtract the mean from predictors that lie far from zero for their spread, and "
            "bring predictors to similar units"
        )
    messages = _said(found, " ".join("".join(console).split()))
    if "DF" not in model.coefs:
        messages.append("lmerTest: no degrees of freedom, so no p values")
    numbers[:, :2] /= scales[:, None]
    if means.any():
        numbers[0] = found["intercept"]
    # Back to the units and the zero of the predictors.
    m, back = len(these), back[np.ix_(these, these)]
    groups = np.tile(numbers[:, :1], data.n_groups)
    groups[these] += back @ found["group_coefs"].reshape(m, data.n_groups)
    cov, own = np.full((k, k), np.nan), back @ found["random_cov"].reshape(m, m) @ back.T
    cov[np.ix_(these, these)] = own
    # lme4 does not see where the data leave its random effects open, and a standard error with.
    unknown = undecided(Batch.of_one(data), random, own, float(found["sigma"][0]), correlated)
    messages += [arbitrary(unknown)] if len(unknown) else []
    deviance = float(found["deviance"][0] + 2 * np.log(scales).sum())
    nested = _nested_deviance(data) if m > 1 else np.inf
    if above := deviance > nested + NESTED:
        messages.append(
            f"mlmlearn: lme4 ended at a deviance {deviance - nested:.3g} above that of the random "
            'intercept alone, so its search has not converged; use engine="batch"'
        )
    sound = not found["code"][0] and all(SINGULAR in text for text in found["lme4"])
    return _fitted(
        numbers,
        data,
        messages=messages,
        converged=np.array([sound and not len(unknown) and not above]),
        singular=found["singular"].astype(bool),
        max_gradient=found["max_gradient"].astype(float),
        reml_deviance=np.array([deviance]),
        group_coefs=groups[None],
        random_cov=cov[None],
        residual_sd=found["sigma"],
    )


def _said(found: Mapping[str, Any], console: str) -> list[str]:
    """Collect what lme4, its optimiser and lmerTest had to say, each with its source in front."""
    messages = [f"lme4: {' '.join(message.split())}" for message in found["lme4"]]
    if code := int(found["code"][0]):
        stated = "; ".join(found["optimiser"]) or "no message"
        messages.append(f"optimiser: code {code} ({stated})")
    hessian_warnings = re.findall(LMERTEST_WARNING, console)
    return messages + [f"lmerTest: {text}" for text in dict.fromkeys(hessian_warnings)]


def _nested_deviance(data: ClusteredData) -> float:
    """REML deviance of the random intercept alone, which no model with more can exceed."""
    batch = Batch.of_one(data)
    intercept = np.arange(batch.n_fixed) == 0
    with np.errstate(all="ignore"):
        return float(multilevel.fit(batch, intercept).reml_deviance[0])


def _fitted(
    numbers: FloatArray, data: ClusteredData, *, messages: Iterable[str] = (), **details: Any
) -> Fitted:
    """Put pymer4's coefficients and what else is known together."""
    estimate, se, df = numbers.T[:, None]
    # An SE that moves no outcome by more than rounding does is rounding itself.
    moves = se[0] * np.abs(data.design).max(axis=0)
    useless = ~(np.isfinite(moves) & (moves > 1e-13 * np.abs(data.y).max()))
    if useless.any():
        messages = [*messages, no_standard_error(np.array(data.terms)[useless])]
    said = np.array(["\n".join(filter(None, messages))], dtype=object)
    return Fitted(estimate, np.where(useless, np.nan, se), df, messages=said, **details)


@cache
def _require_r() -> None:
    """Check once that the whole chain is there, and name the missing link when not."""
    remedy = (
        "Install R with lme4, lmerTest and emmeans (on Debian or Ubuntu: apt-get install "
        "r-base-dev r-cran-lme4 r-cran-lmertest r-cran-emmeans), then "
        "pip install 'mlmlearn[pymer4]'. Or do without R: engine=\"batch\"."
    )
    needed = "the pymer4 engine needs"
    for package in ("rpy2", "pymer4"):
        if importlib.util.find_spec(package) is None:
            raise EngineError(f"{needed} the Python package {package}, which is missing. {remedy}")
    from rpy2.situation import get_r_home

    if not get_r_home():
        raise EngineError(f"{needed} R, which was not found on this machine. {remedy}")
    # Loading R puts the system's libraries first for every later process of this one. Worker
    # processes would load the system's libpython in place of their own interpreter's.
    with restored("LD_LIBRARY_PATH"):
        from rpy2 import robjects
    packages = ("lme4", "lmerTest", "emmeans")
    with _default_conversion():
        found = robjects.r(f"nzchar(sapply(c{packages}, function(p) system.file(package = p)))")
    missing = [name for name, present in zip(packages, found, strict=True) if not present]
    if missing:
        raise EngineError(f"{needed} the R packages {', '.join(missing)}, not installed. {remedy}")
    # Loading R packages says things on the console that help nobody.
    with _default_conversion(), _r_console():
        importlib.import_module("pymer4.models")


def _default_conversion() -> Any:
    """Give rpy2 its own rules, which a thread lacks and which a user may have changed."""
    from rpy2 import robjects
    from rpy2.robjects.conversion import localconverter

    return localconverter(robjects.default_converter)


@cache
def _inspector() -> Any:
    from rpy2 import robjects

    return robjects.r(INSPECT)


@contextmanager
def _r_console() -> Iterator[list[str]]:
    """Collect what R writes to its console, warnings at once instead of at the end."""
    from rpy2 import robjects
    from rpy2.rinterface_lib import callbacks

    lines: list[str] = []
    before = robjects.r('options("warn")')
    robjects.r("options(warn = 1)")
    try:
        with callbacks.obj_in_module(callbacks, "consolewrite_warnerror", lines.append):
            yield lines
    finally:
        robjects.r["options"](before)


@cache
def _lmer_with_console() -> Any:
    """Make pymer4's `Lmer` leave R's console alone, which it would silence."""
    from pymer4.models import Lmer

    return type("LmerWithConsole", (Lmer,), {"_set_R_stdout": lambda self, verbose: None})
