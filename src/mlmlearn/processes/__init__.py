"""Ingredients of data-generating processes, one a file: a file put here is an ingredient."""

import importlib
import pkgutil

from mlmlearn.ingredient import INGREDIENTS, Ingredient

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

globals().update(INGREDIENTS)

__all__ = ["Ingredient", *INGREDIENTS]
