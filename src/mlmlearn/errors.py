"""The errors a user can meet, each with one sentence that says what to do."""

__all__ = ["EngineError", "FitError", "InputError", "RunError", "StrategyError"]


class InputError(ValueError):
    """An argument or a data frame that cannot be used as given."""


class StrategyError(InputError):
    """Data that are fine in themselves but that one strategy cannot analyse."""


class EngineError(RuntimeError):
    """An engine that cannot run on this machine."""


class FitError(RuntimeError):
    """A fit that the engine began and could not finish."""


class RunError(RuntimeError):
    """A run that cannot go on, or a folder that cannot hold or give one."""
