"""Which columns of a table hold texts: whatever pandas keeps them in, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from optbench.contract.errors import OptbenchError
from optbench.sweeps.store import schemas

FULL, WITH_GAPS, OTHER = "texts", "texts with gaps", "something else"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series(["a", "b"]), FULL),
        (pd.Series(["a", "b"], dtype=object), FULL),
        (pd.Series(["a", "b"], dtype="string"), FULL),
        (pd.Series(["a", "b"], dtype="category"), FULL),
        (pd.Series([np.str_("a"), "b"], dtype=object), FULL),
        (pd.Series([], dtype=float), FULL),
        (pd.Series(["a", None]), WITH_GAPS),
        (pd.Series(["a", None], dtype="category"), WITH_GAPS),
        (pd.Series([np.nan, np.nan]), WITH_GAPS),
        (pd.Series(["a", 1], dtype=object), OTHER),
        (pd.Series([1, 2]), OTHER),
        (pd.Series([1, 2], dtype="category"), OTHER),
        (pd.Series([b"a"], dtype=object), OTHER),
        (pd.Series([["a"]], dtype=object), OTHER),
        (pd.Series(["a", pd.Timestamp(0)], dtype=object), OTHER),
    ],
)
def test_texts(values, kind):
    """In ``problem`` in every row, in ``stage`` in some."""
    said = {"problem": FULL, "stage": FULL}
    for name in said:
        try:
            schemas._column("runs", name, values)
        except OptbenchError as error:
            said[name] = str(error).removeprefix(f"the column '{name}' ")
    full = {FULL: FULL, WITH_GAPS: "has empty rows", OTHER: "must hold texts"}[kind]
    assert said == {"problem": full, "stage": FULL if kind == WITH_GAPS else full}
