"""What tables and lists of a sweep's results must look like before anything reads them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown


def settings(defaults: Any) -> pd.DataFrame:
    """A row a setting, of a table or of mappings. Raises OptbenchError for anything else."""
    if isinstance(defaults, pd.DataFrame):
        return defaults
    rows = arguments.items("defaults", defaults)
    if strange := [row for row in rows if not isinstance(row, Mapping)]:
        raise OptbenchError(
            f"defaults: {shown(strange[0])} must be a mapping, such as {{'optimizer': 'gd', 'lr': 0.1}}"
        )
    return pd.DataFrame(rows)


def names(key: str, given: Any) -> list[str]:
    """Texts, such as the ids of runs. Raises OptbenchError for anything else."""
    found = arguments.items(key, given, 10**8)
    if strange := [name for name in found if not isinstance(name, str) or not name.isprintable()]:
        raise OptbenchError(f"{key}: {shown(strange[0])} must be a text")
    return found
