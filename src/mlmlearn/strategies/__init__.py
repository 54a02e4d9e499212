"""The registry of strategies. Each is a file of this folder, found by being there."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from mlmlearn.errors import InputError
from mlmlearn.strategies.base import Fitted, Strategy

__all__ = [
    "POST_STRATEGIES", "STRATEGIES", "Fitted", "Strategy", "get_strategies", "get_strategy",
    "register",
]  # fmt: skip

STRATEGIES: dict[str, Strategy] = {}
"""The strategies, by id, in the order in which the book shows them."""


def register(strategy: Strategy) -> Strategy:
    """Make a strategy known by its id, in place of an earlier one of that id."""
    STRATEGIES[strategy.id] = strategy
    ordered = sorted(STRATEGIES.values(), key=lambda one: one.place)
    STRATEGIES.clear()
    STRATEGIES.update((one.id, one) for one in ordered)
    return strategy


for _module in pkgutil.iter_modules(__path__):
    if _module.name not in ("base", "_multilevel"):
        register(import_module(f"{__name__}.{_module.name}").STRATEGY)


POST_STRATEGIES: dict[str, Strategy] = {
    name: strategy for name, strategy in STRATEGIES.items() if strategy.in_post
}
"""The 2019 post's four, which `compare` and `run` take unless told otherwise."""


def get_strategy(strategy: str) -> Strategy:
    """Look a strategy up by its id, or raise `InputError` with the known ones."""
    try:
        return STRATEGIES[strategy]
    except (KeyError, TypeError):
        raise InputError(
            f"unknown strategy {strategy!r}; the known ones are {', '.join(STRATEGIES)}"
        ) from None


def get_strategies(strategies: str | Iterable[str] | None) -> list[Strategy]:
    """Look some ids up, or one; without any, take the post's four."""
    if strategies is None:
        return list(POST_STRATEGIES.values())
    if isinstance(strategies, str):
        strategies = (strategies,)
    chosen = [get_strategy(strategy) for strategy in strategies]
    if not chosen:
        raise InputError(f"no strategy was named; the known ones are {', '.join(STRATEGIES)}")
    return chosen
