"""What a strategy is, and what it finds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mlmlearn.batch import Batch, Texts, no_texts
from mlmlearn.triangles import FloatArray

__all__ = ["TESTS", "Fitted", "Strategy", "refusals"]

TESTS = ("estimate", "se", "df", "p", "ci_low", "ci_high")


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a strategy found in the b data sets of a batch, in the units of the data.

    Only estimates, standard errors and degrees of freedom are needed; whatever else a strategy
    does not know is missing.

    Attributes
    ----------
    estimate, se, df : ndarray, shape (b, k)
    p, ci_low, ci_high : ndarray, shape (b, k), optional
        Two-sided p values and 95 % intervals that do not come from t with df.
    converged, singular : ndarray of bool, shape (b,), optional
    max_gradient, reml_deviance, residual_sd : ndarray, shape (b,), optional
    group_coefs : ndarray, shape (b, k, g), optional
        Missing for terms that have no coefficient of each group's own.
    random_cov : ndarray, shape (b, k, k), optional
        Missing for terms that have no random effect.
    problem, messages : ndarray of str, shape (b,), optional
        Why there is no fit; what else is to be known, a line a sentence.
    """

    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    p: Any = None
    ci_low: Any = None
    ci_high: Any = None
    converged: Any = None
    singular: Any = None
    max_gradient: Any = None
    reml_deviance: Any = None
    residual_sd: Any = None
    group_coefs: Any = None
    random_cov: Any = None
    problem: Any = None
    messages: Any = None

    @property
    def t(self) -> FloatArray:
        """Estimates over standard errors, shape (b, k)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimate / self.se

    def complete(self) -> "Fitted":
        """Fill in tests and intervals from t with df, and what is missing of a fit's status."""
        b = len(self.estimate)
        half_width = special.stdtrit(self.df, 0.975) * self.se
        default: dict[str, Any] = {
            "p": 2 * special.stdtr(self.df, -np.abs(self.t)),
            "ci_low": self.estimate - half_width,
            "ci_high": self.estimate + half_width,
            "converged": np.ones(b, dtype=bool),
            "singular": np.zeros(b, dtype=bool),
            "max_gradient": np.full(b, np.nan),
            "reml_deviance": np.full(b, np.nan),
            "residual_sd": np.full(b, np.nan),
            "problem": no_texts(b),
            "messages": no_texts(b),
        }
        missing = {name: v for name, v in default.items() if getattr(self, name) is None}
        return replace(self, **missing)

    def _known(self) -> dict[str, Any]:
        """Return what is not missing, by name."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in own.items() if values is not None}

    @classmethod
    def joined(cls, parts: Sequence["Fitted"]) -> "Fitted":
        """Put the fits of several batches one after another."""
        known = [part._known() for part in parts]
        shared = [name for name in known[0] if all(name in one for one in known)]
        return cls(**{name: np.concatenate([one[name] for one in known]) for name in shared})

    def take(self, which: NDArray[np.bool_]) -> "Fitted":
        """Keep the fits of some of the data sets."""
        return Fitted(**{name: values[which] for name, values in self._known().items()})

    def replaced(self, which: NDArray[np.bool_], others: "Fitted") -> "Fitted":
        """Put other fits in the place of some."""
        found = {name: values.copy() for name, values in self._known().items()}
        for name, values in found.items():
            values[which] = getattr(others, name)
        return Fitted(**found)

    def ordered(self, places: NDArray[np.intp]) -> "Fitted":
        """Take the terms in another order; `places` says where each is here."""
        if (places[1:] > places[:-1]).all():
            return self
        known, by_term = self._known(), (*TESTS, "group_coefs")
        found = {name: known[name][:, places] for name in by_term if name in known}
        if self.random_cov is not None:
            found["random_cov"] = self.random_cov[:, places][:, :, places]
        return replace(self, **found)

    def spread(self, places: NDArray[np.bool_], problems: Texts) -> "Fitted":
        """Put the fits at their places among all data sets, with nothing but problems elsewhere."""
        if places.all():
            return self
        found = {}
        for name, values in self._known().items():
            kind: Any = {"b": False, "O": ""}.get(values.dtype.kind, np.nan)
            found[name] = np.full((len(places), *values.shape[1:]), kind, values.dtype)
            found[name][places] = values
        found["problem"] = np.where(places, found["problem"], problems)
        return Fitted(**found)


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to analyse repeated measures.

    Attributes
    ----------
    id, label, description : str
        The name in code and tables, that in figures and prose, and what it is in one line.
    refuse : callable
        Given a batch, says for each data set why it cannot be analysed, or nothing.
    fit : callable
        Given a batch of data sets that were not refused, returns what it found.
    pymer4 : callable, optional
        Given one data set, has pymer4 fit it; without it only the batch engine can.
    in_post : bool
        Whether it is one of the 2019 post's four, which `compare` and `run` take by default.
    place : int
        Where it stands among the others, from the first to the last.
    """

    id: str
    label: str
    description: str
    refuse: Callable[[Batch], Texts]
    fit: Callable[[Batch], Fitted]
    pymer4: Callable[..., Fitted] | None = None
    in_post: bool = False
    place: int = 100


def refusals(
    batch: Batch, where: Any, sentence: Callable[[int], str], earlier: Texts | None = None
) -> Texts:
    """Return, for each data set, what was said earlier, or a sentence where it is refused."""
    found = no_texts(len(batch)) if earlier is None else earlier.copy()
    for i in np.flatnonzero(np.asarray(where) & (found == "")):
        found[i] = sentence(int(i))
    return found
