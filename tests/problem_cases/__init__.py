"""Data about each problem that the generic tests need beside its record, in one file for each group.

SETTINGS: texts of settings worth testing beside the defaults. FORMULAS: text -> (value of one point, its keywords),
plain NumPy from the paper; data problems get x and y, too. NOT_ANALYTIC: names
whose formula has no complex derivative.
"""

import importlib
import pkgutil

_GROUPS = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
SETTINGS = [text for group in _GROUPS for text in group.SETTINGS]
FORMULAS = {text: pair for group in _GROUPS for text, pair in group.FORMULAS.items()}
NOT_ANALYTIC = set().union(*(group.NOT_ANALYTIC for group in _GROUPS))
