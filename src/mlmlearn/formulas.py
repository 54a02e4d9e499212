"""From a formula and a data frame to checked arrays, or to one sentence that says what to do.

Formulas are formulaic's; lme4's bars are split off before. Whatever a single column can be asked is
asked here. What the columns say together is asked of the triangles, for one data set as for
thousands (`Batch.problems`).
"""

import re
import warnings
from collections.abc import Hashable
from datetime import date, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError
from numpy.typing import NDArray

from mlmlearn.clustered import ClusteredData, in_order, listed
from mlmlearn.errors import InputError
from mlmlearn.triangles import CONSTANT, REPEATED, triangles_of_groups

__all__ = ["Written", "read", "written"]

# Groups to look at first: a column that varies on its own shows it soon.
SOME = 50


class Written(NamedTuple):
    """A formula taken apart: fixed part, random part (or None), correlated, group (or None)."""

    fixed: str
    random: str | None
    correlated: bool
    group: str | None


def written(formula: str) -> Written:
    """Split lme4's bars off a formula, or say in an `InputError` what is not understood."""
    if not isinstance(formula, str) or "~" not in formula:
        given = repr(formula) if isinstance(formula, str) else f"a {type(formula).__name__}"
        raise InputError(f"a formula is needed, such as 'y ~ x', not {given}")
    quiet = re.sub(r"`[^`]*`", lambda name: "`" + "_" * (len(name[0]) - 2) + "`", formula)
    bars = list(re.finditer(r"\+?\s*\(([^()|]*(?:\([^()]*\)[^()|]*)*)(\|\|?)([^()|]*)\)", quiet))
    fixed = formula
    for bar in reversed(bars):
        fixed = fixed[: bar.start()] + fixed[bar.end() :]
    fixed = re.sub(r"~\s*\+\s*", "~ ", fixed).strip()
    fixed = fixed + " 1" if fixed.endswith("~") else fixed
    if "|" not in quiet:
        return Written(fixed, None, True, None)
    if len(bars) != 1 or quiet.count("|") != len(bars[0][2]):
        raise InputError(
            f"one random part is understood, such as (x | person), but {formula!r} has "
            f"{'several' if len(bars) > 1 else 'bars outside of brackets'}; "
            "name one group, with all its random effects in one pair of brackets"
        )
    random, double, group = (formula[slice(*bars[0].span(i))].strip() for i in (1, 2, 3))
    if not re.fullmatch(r"`[^`]+`|[^\W\d][\w.]*", group):
        raise InputError(f"the group behind the bar must be one column, not {group!r}")
    return Written(fixed, random, double == "|", group.strip("`"))


def read(formula: str, data: Any, group: Hashable = None, missing: str = "refuse") -> ClusteredData:
    """Read outcome, predictors and groups from a data frame; the arguments are those of `fit`.

    Raises
    ------
    InputError
        With one sentence that says what is wrong and what to do.
    """
    parts = written(formula)
    if missing not in ("refuse", "drop"):
        raise InputError(f"missing must be 'refuse' or 'drop', not {missing!r}")
    if parts.group is not None:
        if group is not None and group != parts.group:
            raise InputError(
                f"the formula names the group {parts.group!r} and group= names {group!r}; name one"
            )
        group = parts.group
    if group is None:
        raise InputError(
            "the group was not given; name its column, with group= or behind a bar of the formula"
        )
    frame, model = _pandas(data), _parsed(parts.fixed)
    used = _used(model, parts.fixed, frame)
    levels = [n for n in (*used, group) if n in frame.index.names and n not in frame.columns]
    frame = frame.reset_index(level=list(dict.fromkeys(levels))) if levels else frame
    columns = {name: _present(frame, name) for name in used}
    before = labels = _present(frame, group, "group")
    if frame.empty:
        raise InputError("the data frame has no rows")
    usable = {n: _usable(column, n) for n, column in columns.items()}
    frame = pd.DataFrame(usable, pd.RangeIndex(len(labels)), copy=False)
    gone = frame.isna().any(axis=1).to_numpy() | labels.isna().to_numpy()
    if gone.any():
        if missing == "refuse":
            gaps = {n: column.isna().sum() for n, column in [*frame.items(), (group, labels)]}
            counts = ", ".join(f"{n!r} in {count}" for n, count in gaps.items() if count)
            raise InputError(
                f"values are missing of {counts} of {len(frame)} rows; repair them, or leave "
                'those rows out with missing="drop"'
            )
        frame, labels = frame[~gone].reset_index(drop=True), labels[~gone]
        if frame.empty:
            raise InputError("no row is left once those with missing values are dropped")
        for name in frame.select_dtypes("category"):
            frame[name] = frame[name].cat.remove_unused_categories()
    for name in used:
        if frame[name].dtype != float and len(frame[name].unique()) == 1:
            raise InputError(
                f"the predictor {name!r} is constant (always {frame[name].iloc[0]!r}), so its "
                "effect cannot be told from the intercept; leave it out"
            )
    codes, index = _groups(labels, group)
    sizes = np.bincount(codes)
    arrays, terms, outcome = _matrices(model, frame)
    chosen = None if parts.random is None else _chosen(parts.random, frame, terms)
    arrays.insert(0, codes)
    del columns, usable, frame, codes  # which may be copies
    y, predictors = in_order(arrays)
    within = _within(predictors, y, sizes)
    random = within if chosen is None else chosen
    lost = len(before) - len(labels)
    dropped = lost, before.nunique() - len(index) if lost else 0
    return ClusteredData(y, predictors, sizes, terms, random, within, index, outcome, dropped)


def _pandas(data: Any) -> pd.DataFrame:
    """Make any known kind of frame pandas'."""
    if isinstance(data, pd.DataFrame):
        return data
    try:
        frame: pd.DataFrame = nw.from_native(data, eager_only=True).to_pandas()
        return frame
    except TypeError:
        raise InputError(
            f"the data must be a data frame (of pandas, polars or Arrow), not {type(data).__name__}"
        ) from None


def _used(model: Any, fixed: str, frame: pd.DataFrame) -> list[str]:
    """List the columns that a formula uses, in its order.

    formulaic forgets those inside of poly(), scale() and their like, which keep a state.
    """
    words = re.findall(r"`([^`]*)`|(?<![\w.])([^\W\d]\w*)(?!\w|\s*\(|\s*=(?!=))", fixed)
    numbers = [quoted for quoted, _ in words if re.fullmatch(r"[\d.]+", quoted)]
    if numbers:  # which formulaic takes for numbers
        raise InputError(
            f"a column called {numbers[0]!r} cannot stand in a formula; give it a name with a "
            "letter, for example with df.add_prefix('x')"
        )
    inside = {quoted or plain for quoted, plain in words} & {
        str(name) for name in (*frame.columns, *frame.index.names)
    }
    used = sorted({*map(str, model.required_variables), *inside}, key=fixed.find)
    if "Intercept" in used:
        raise InputError(
            "no column of a formula may be called 'Intercept', the name of the constant term; "
            "rename the column"
        )
    return used


def _present(frame: pd.DataFrame, name: Hashable, role: str = "formula") -> "pd.Series[Any]":
    """Pick one column by name; a formula can only write the names of columns as text."""
    if role == "formula" and name not in frame.columns:
        alike = [column for column in frame.columns if str(column) == name]
        name = alike[0] if len(alike) == 1 else name
    if not isinstance(name, Hashable) or name not in frame.columns:
        raise InputError(
            f"there is no column {name!r} for the {role}; the columns are "
            f"{listed(frame.columns, 20)}"
        )
    found = frame[name]
    if isinstance(found, pd.DataFrame):
        raise InputError(f"{found.shape[1]} columns are called {name!r}; give each its own name")
    return found


def _usable(column: "pd.Series[Any]", name: str) -> Any:
    """Turn a column into floats, or leave it as categories for formulaic."""
    kind = pd.api.types
    if kind.is_complex_dtype(column):
        raise InputError(f"{name!r} holds complex numbers; use their real part or their size")
    if kind.is_numeric_dtype(column) or kind.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = int(np.isinf(values).sum())
        if infinite:
            raise InputError(
                f"{name!r} has {infinite} infinite value{'s' if infinite > 1 else ''} in "
                f"{len(values)} rows; drop or repair those rows first"
            )
        return values
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories().array
    known = column.dropna()
    # NumPy's strings are strings: rng.choice(["A", "B"]) gives one.
    kinds = {str if isinstance(value, str) else type(value) for value in known}
    if known.empty or all(issubclass(kind, (Real, Decimal, np.bool_)) for kind in kinds):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if all(issubclass(kind, timedelta) for kind in kinds):
        raise InputError(
            f"{name!r} holds spans of time; give them as numbers in a unit, for example "
            f"df[{name!r}] / pandas.Timedelta(days=1)"
        )
    if all(issubclass(kind, date) for kind in kinds):
        raise InputError(
            f"{name!r} holds dates or times; count time from a start in a unit, for example "
            f"(t - t.min()) / pandas.Timedelta(days=1) with t = pandas.to_datetime(df[{name!r}])"
        )
    named = ", ".join(sorted(kind.__name__ for kind in kinds))
    if len(kinds) > 1:
        raise InputError(
            f"{name!r} mixes values of the types {named}; make it numbers with pandas.to_numeric, "
            "or text with astype(str)"
        )
    if kinds != {str}:
        raise InputError(f"{name!r} holds values of the type {named}; make them numbers or text")
    numbers = pd.to_numeric(known.astype(object), errors="coerce").notna()
    if numbers.mean() > 0.5:
        others = listed(known[~numbers].unique(), 3)
        raise InputError(
            f"{name!r} is text, though {numbers.sum()} of its {len(known)} values are numbers"
            f"{f', unlike {others}' if others else ''}; make it numbers with pandas.to_numeric, "
            "or a category with astype('category')"
        )
    return [value if known else None for value, known in zip(column, column.notna(), strict=True)]


def _parsed(fixed: str) -> Any:
    try:
        model = Formula(fixed)
    except FormulaicError as error:
        raise InputError(f"the formula {fixed!r} cannot be read: {_plain(error)}") from None
    if not hasattr(model, "lhs"):
        raise InputError(f"the formula {fixed!r} has no outcome; write it on the left of ~")
    return model


def _evaluated(model: Any, frame: pd.DataFrame) -> Any:
    """Evaluate a formula; transforms may fail, or make what is no number."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return model.get_model_matrix(frame, na_action="ignore")
    except Exception as error:  # whatever a transform of the user's may raise
        raise InputError(f"the formula cannot be computed: {_plain(error)}") from None


def _plain(error: Exception) -> str:
    """Take formulaic's colours out of a message, and what follows its first sentence."""
    text = re.sub(r"[⧛⧚\x1b](\[[\d;]*m)?", "", " ".join(str(error).split()))
    return re.sub(r"\.( [A-Z`.].*)?$", "", text)


def _names(matrix: pd.DataFrame) -> tuple[str, ...]:
    """Name the terms; the levels of whole numbers, which are floats by now, without a point."""
    return tuple(re.sub(r"(\[(?:\w+\.)?-?\d+)\.0\]", r"\1]", str(n)) for n in matrix.columns)


def _matrices(model: Any, frame: pd.DataFrame) -> tuple[list[Any], tuple[str, ...], str]:
    """Evaluate both sides of a formula: the outcome before the predictors, and their names."""
    made = _evaluated(model, frame)
    if made.lhs.shape[1] != 1:
        raise InputError(
            f"the outcome must be one column of numbers, but the left of ~ gives "
            f"{listed(made.lhs.columns)}; code it as one number a row"
        )
    terms = _names(made.rhs)
    if not terms or terms[0] != "Intercept":
        raise InputError(
            "the formula leaves the intercept out, and every strategy here has one; take 0 or -1 "
            "out of it"
        )
    names = [*made.lhs.columns, *terms[1:]]
    columns = [np.asarray(made.lhs.iloc[:, 0], float)]
    columns += [np.asarray(made.rhs.iloc[:, i], float) for i in range(1, len(terms))]
    for name, column in zip(names, columns, strict=True):
        bad = int((~np.isfinite(column)).sum())
        if bad:
            raise InputError(
                f"{name!r} is no number in {bad} of {len(column)} rows; transform what is defined "
                "for every row, or leave those rows out"
            )
    return columns, terms, str(made.lhs.columns[0])


def _groups(labels: "pd.Series[Any]", group: Hashable) -> tuple[NDArray[np.intp], pd.Index]:
    """Give every group a number, in the order of their labels."""
    try:
        twins = _twins(labels) if labels.dtype == object else None
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # pandas warns when it cannot sort
            codes, found = pd.factorize(labels, sort=True)
    except (TypeError, RuntimeWarning):
        raise InputError(
            f"the labels of the group {group!r} cannot be put in order; "
            "use numbers or strings, for example with astype(str)"
        ) from None
    if twins:
        raise InputError(
            f"the labels {twins[0]!r} and {twins[1]!r} of the group {group!r} differ only in "
            "type; make all of them text with astype(str), or all numbers"
        )
    if len(found) < 2:
        raise InputError(
            f"the group {group!r} has only {len(found)} distinct value; "
            "clustered data need at least two groups"
        )
    return codes, pd.Index(found, name=group)


def _twins(labels: "pd.Series[Any]") -> tuple[Any, Any] | None:
    """Find two labels that are written alike."""
    seen: dict[str, Any] = {}
    for label in labels.unique():
        whole = isinstance(label, float) and label.is_integer()
        for text in {str(label), str(int(label) if whole else label)}:
            if text in seen:
                return seen[text], label
            seen[text] = label
    return None


def _within(
    predictors: NDArray[np.float64], y: NDArray[np.float64], sizes: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell which columns vary within groups, and are not in every group made of the others.

    Age of a person does not, nor does its product with a dose that varies: in every group it is a
    multiple of the dose. A column that varies in some groups alone does.
    """
    R = triangles_of_groups(predictors, y, sizes)[:-1, :-1].transpose(2, 1, 0)
    unit = np.maximum(R.max(axis=(0, 1)), -R.min(axis=(0, 1)))  # or squares would overflow
    unit, within = np.where(unit > 0, unit, 1), np.ones(R.shape[2], dtype=bool)
    for column in range(R.shape[2] - 1, 0, -1):
        others = [int(i) for i in np.flatnonzero(within) if i != column]
        if _own(R[:SOME] / unit, sizes[:SOME], others, column)[0].any():
            continue
        own, forced = _own(R / unit, sizes, others, column)
        within[column] = own.any()
        if own.any() or not forced.any():
            continue
        # Small groups cannot tell from so many others; few of them are enough for age and dose.
        within[column] = True
        for few in [[0], *([0, i] for i in others[1:])]:
            own, forced = _own(R / unit, sizes, few, column)
            within[column] &= own.any() or forced.all()
    return within


def _own(
    R: NDArray[np.float64], sizes: NDArray[np.intp], others: list[int], column: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell in which groups a column is not made of others, and in which it cannot but be."""
    centred = R[:, 1:]  # the first row is what a column has in common with the intercept
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    varies = lengths > CONSTANT * np.linalg.norm(R, axis=1, keepdims=True)
    unit = np.where(varies, centred, 0) / np.where(varies, lengths, 1)
    one = unit[..., column]
    # Not by QR, in which a column that is made of others would use a direction up.
    U, s, _ = np.linalg.svd(unit[..., others[1:]], full_matrices=False)
    shared = U * (s > REPEATED)[:, None]
    rest = one[..., None] - shared @ (shared.swapaxes(1, 2) @ one[..., None])
    return np.linalg.norm(rest[..., 0], axis=1) > REPEATED, 1 + (s > REPEATED).sum(axis=1) >= sizes


def _chosen(random: str, frame: pd.DataFrame, terms: tuple[str, ...]) -> NDArray[np.bool_]:
    """Find the columns of a random part among those of the fixed part."""
    model = _parsed(f"y ~ {random}").rhs
    unknown = [name for name in model.required_variables if name not in frame]
    names = [] if unknown else list(_names(_evaluated(model, frame)))
    unknown += [name for name in names if name not in terms]
    if unknown:
        raise InputError(
            f"the random part names {listed(unknown)}, which the fixed part lacks; write them "
            "there, too"
        )
    if "Intercept" not in names:
        raise InputError(
            f"the random part {random!r} has no intercept, and every strategy here has one; take 0 "
            "or -1 out of it"
        )
    return np.isin(terms, names)
