"""One file a cohort: what was written comes back, and nothing else is taken for it."""

import numpy as np
import pyarrow as pa
import pytest

from optbench.sweeps.store.cohort_files import Damaged, decode_cohort, encode_cohort


def _tables(rows: int) -> dict[str, pa.Table]:
    numbers = np.arange(rows) / 7.0
    numbers[::5] = np.nan
    missing = pa.array(np.arange(rows), mask=np.arange(rows) % 3 == 0)
    runs = pa.table({"run_id": [f"r{i}" for i in range(rows)], "lr": numbers, "diverged_at": missing})
    return {"runs": runs, "curves": pa.concat_tables([runs, runs]), "timings": pa.table({"host": ["가"]})}


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_what_was_written_comes_back(rows):
    tables = _tables(rows)
    back = decode_cohort(encode_cohort("abc", tables), "abc")
    assert list(back) == list(tables)
    for name, table in tables.items():
        assert back[name].schema == table.schema
        assert back[name].to_pandas().equals(table.to_pandas())


def test_every_flipped_bit_and_every_cut_is_seen():
    content = encode_cohort("abc", _tables(3))
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        for wrong in (bytes(damaged), content[:at]):
            with pytest.raises(Damaged):
                decode_cohort(wrong, "abc")
    for wrong in (content + b"\0", encode_cohort("xyz", _tables(3))):
        with pytest.raises(Damaged):
            decode_cohort(wrong, "abc")
