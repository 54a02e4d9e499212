"""The registry of strategies: what each is called and how it looks, everywhere."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlmlearn.errors import InputError

__all__ = ["STRATEGIES", "Strategy", "get_strategies", "get_strategy"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to analyse repeated measures, and how it is shown.

    Attributes
    ----------
    id : str
        The name used in code and tables.
    label : str
        The name used in figures and prose.
    color : str
        Hexadecimal colour: Okabe & Ito's palette, moved a little so that all stay
        apart under each colour-vision deficiency, on white and in a dark theme.
    marker : str
        Matplotlib marker, so that colour never carries the meaning alone.
    linestyle : str
        Matplotlib line style, for the same reason.
    description : str
        One line for help texts and legends.
    """

    id: str
    label: str
    color: str
    marker: str
    linestyle: str
    description: str


STRATEGIES: dict[str, Strategy] = {
    strategy.id: strategy
    for strategy in (
        Strategy(
            "mlm_full",
            "Full multilevel",
            "#0055A4",
            "o",
            "-",
            "multilevel model with random intercept and slopes and all their correlations",
        ),
        Strategy(
            "mlm_intercept",
            "Random intercept",
            "#DE6500",
            "s",
            "--",
            "multilevel model with a random intercept only",
        ),
        Strategy(
            "cluster_robust",
            "Cluster-robust OLS",
            "#339E80",
            "^",
            "-.",
            "one OLS over all rows, with cluster-robust standard errors",
        ),
        Strategy(
            "two_stage",
            "Two-stage OLS",
            "#BF78CB",
            "D",
            ":",
            "one OLS per group, then a one-sample t test over the group coefficients",
        ),
    )
}
"""The four strategies, by id, in the order in which the book shows them."""


def get_strategy(strategy: str) -> Strategy:
    """Look a strategy up by its id.

    Parameters
    ----------
    strategy : str
        One of the keys of `STRATEGIES`.

    Raises
    ------
    InputError
        When there is no such strategy; the message lists the known ones.
    """
    try:
        return STRATEGIES[strategy]
    except (KeyError, TypeError):
        raise InputError(
            f"unknown strategy {strategy!r}; the known ones are {', '.join(STRATEGIES)}"
        ) from None


def get_strategies(strategies: str | Iterable[str]) -> list[str]:
    """Check the ids of some strategies, or of one.

    Parameters
    ----------
    strategies : str or iterable of str
        Keys of `STRATEGIES`.

    Returns
    -------
    list of str
        The ids, in the order given.

    Raises
    ------
    InputError
        When there is none, or one that is not known.
    """
    if isinstance(strategies, str):
        strategies = (strategies,)
    chosen = [get_strategy(strategy).id for strategy in strategies]
    if not chosen:
        raise InputError(f"no strategy was named; the known ones are {', '.join(STRATEGIES)}")
    return chosen
