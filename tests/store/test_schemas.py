"""Columns of a table: of the types that they must have, whatever pandas or Arrow keeps them in, and nothing else."""

import pandas as pd
import pyarrow as pa
import pytest

from optbench.contract.columns import TARGETS
from optbench.contract.errors import OptbenchError
from optbench.store import schemas
from optbench.store.rows import make_schema

FULL, EMPTY, OTHER = "right", "has empty rows", "must hold texts"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pa.array(["a", "b"]), FULL),
        (pa.array(["a", "b"], pa.large_string()), FULL),
        (pa.array(["a", "b"]).dictionary_encode(), FULL),
        (pa.array([], pa.null()), FULL),
        (pa.array(["a", None]), EMPTY),
        (pa.nulls(2), EMPTY),
        (pa.array([1, 2]), OTHER),
        (pa.array([b"a"]), OTHER),
        (pa.array([pd.Timestamp(0)]), OTHER),
    ],
)
def test_texts(values, said):
    """In ``problem`` in every row, in ``source`` in some."""
    for name in ("problem", "source"):
        table = pa.table({"problem": values, "source": values} if name == "problem" else {
            "problem": pa.array(["a"] * len(values), pa.string()), "source": values})  # fmt: skip
        want = FULL if name == "source" and said == EMPTY else said
        try:
            schemas.check_schema("problems", table.schema)
            schemas.to_frame("problems", table)
            found = FULL
        except OptbenchError as error:
            found = str(error).removeprefix(f"the column {name!r} ")
        assert found == want


@pytest.mark.parametrize(
    ("values", "right"),
    [([1, 2], True), ([1.0, 2.0], True), ([1, None], False), ([0.5], False), ([-1], False), ([float("nan")], False),
     ([2.0**63], False), (pa.array([2**64 - 1], pa.uint64()), False), ([], True)],
)  # fmt: skip
def test_whole_numbers(values, right):
    values = pa.array(values, pa.float64()) if not len(values) else pa.array(values)
    text = pa.array(["a"] * len(values), pa.string())
    numbers = dict.fromkeys(("step", "samples"), values) | dict.fromkeys(("epoch", "train_loss"), values)
    table = pa.table({"run_id": text, **numbers})
    schemas.check_schema("curves", table.schema)
    if right:
        assert schemas.to_frame("curves", table)["step"].dtype == "int64"
    else:
        with pytest.raises(OptbenchError, match="'step' must hold whole numbers from 0"):
            schemas.to_frame("curves", table)


def test_runs_without_the_columns_of_targets_are_read():
    """Folders of 0.14 lack them; a cohort file, which is joined with others, must not."""
    whole = make_schema("runs")
    older = pa.schema([field for field in whole if not field.name.startswith("samples_to_")])
    assert len(whole) - len(older) == len(TARGETS)
    schemas.check_schema("runs", older)
    row = {field.name: "a" if pa.types.is_string(field.type) else 1 for field in older} | {"status": "ok"}
    assert list(schemas.to_frame("runs", pa.Table.from_pylist([row], older))) == older.names
    with pytest.raises(OptbenchError, match="'samples_to_0.5' is missing"):
        schemas.check_schema("runs", older, exact=True)
