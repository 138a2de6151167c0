"""Records of cohorts: what was written comes back, and nothing else is taken for it."""

import numpy as np
import pyarrow as pa
import pytest
from records import finished

from optbench.store.cohort_files import CohortFiles, Record, encode_cohorts
from optbench.store.rows import make_schema


def _tables(rows: int, more: int = 0) -> dict[str, pa.Table]:
    schemas = {name: make_schema(name) for name in ("runs", "curves", "timings")}
    tables = {
        name: pa.table([pa.nulls(rows, kind) for kind in schema.types], schema) for name, schema in schemas.items()
    }
    numbers = np.arange(rows) / 7.0 + more
    numbers[::5] = np.nan
    runs = tables["runs"].append_column("beta1", pa.array(numbers))
    return {**tables, "runs": runs, "curves": pa.concat_tables([tables["curves"]] * 3)}


def _write(folder, name, *records):
    (folder / "cohorts").mkdir(exist_ok=True)
    (folder / "cohorts" / name).write_bytes(b"".join(records))
    return CohortFiles(folder)


def _assert_same(found, tables):
    assert list(found) == list(tables)
    for name, table in tables.items():
        assert found[name].schema == table.schema
        assert found[name].to_pandas().equals(table.to_pandas())


@pytest.mark.parametrize("rows", [0, 1, 5000, 200_000])
def test_what_was_written_comes_back(rows):
    _assert_same(Record(encode_cohorts(["abc"], _tables(rows))).read("abc"), _tables(rows))


def test_cohorts_of_one_record_come_back_by_themselves(tmp_path):
    cohorts = {}
    for name, runs, points in (("first", 2, 3), ("second", 1, 5), ("third", 3, 1)):
        tables, ids = _tables(runs, runs), [f"{name} {place}" for place in range(runs)]
        own = {"cohort_id": [name] * runs, "run_id": ids}
        tables["curves"] = pa.concat_tables([make_schema("curves").empty_table(), pa.table({"run_id": ids * points})],
                                            promote_options="default").sort_by("run_id")  # fmt: skip
        for column, values in own.items():
            at = tables["runs"].column_names.index(column)
            tables["runs"] = tables["runs"].set_column(at, column, pa.array(values))
        tables["timings"] = pa.concat_tables([make_schema("timings").empty_table(), pa.table({"cohort_id": [name]})],
                                             promote_options="default")  # fmt: skip
        cohorts[name] = tables
    whole = {name: pa.concat_tables([tables[name] for tables in cohorts.values()]) for name in cohorts["first"]}
    files = _write(tmp_path, "000001.cohorts", encode_cohorts(list(cohorts), whole))
    assert files.ids() == list(cohorts) and not files.damaged
    for name, tables in cohorts.items():
        _assert_same(files.read(name), tables)
    assert len({files.content(name) for name in cohorts}) == 1


def test_a_flipped_bit_costs_one_record_of_a_file(tmp_path):
    records = [encode_cohorts([name], _tables(3)) for name in ("first", "second", "third")]
    begin = len(records[0])
    for at in range(begin, begin + len(records[1])):
        content = bytearray(b"".join(records))
        content[at] ^= 1 << at % 8
        files = _write(tmp_path, "000001.cohorts", content)
        assert files.ids() == ["first", "third"] and list(files.damaged) == ["000001.cohorts"]
        assert files.content("first") == records[0] and files.content("third") == records[2]


def test_a_cut_costs_the_record_that_is_cut(tmp_path):
    content = b"".join(encode_cohorts([name], _tables(3)) for name in "ab")
    middle = len(content) // 2
    for at in range(len(content) + 1):
        files = _write(tmp_path, "000001.cohorts", content[:at])
        assert files.ids() == ["a", "b"][: at // middle]
        assert bool(files.damaged) == (at not in (middle, 2 * middle))


def test_what_is_between_records_is_told_and_set_aside(tmp_path):
    first, second, late = (encode_cohorts([name], _tables(3)) for name in ("first", "second", "late"))
    content = first + b"a\nforeign text\n" + second[:-5] + second
    _write(tmp_path, "000001.cohorts", content)
    files = _write(tmp_path, "000007.cohorts", late)
    assert files.ids() == ["first", "late", "second"]
    told = files.set_aside()
    assert told.startswith("damaged, set aside in ") and "000001.cohorts (" in told and not files.set_aside()
    assert (files.folder / "damaged" / "000001.cohorts").read_bytes() == content
    assert (files.folder / "000007.cohorts").read_bytes() == late
    assert sorted((files.folder / "000008.cohorts").read_bytes()) == sorted(first + second)
    assert finished(tmp_path) == files.ids() and not CohortFiles(tmp_path).describe_damage()


def test_of_two_records_of_a_cohort_the_later_counts(tmp_path):
    earlier, later, last = (encode_cohorts(["a"], _tables(3, more)) for more in range(3))
    files = _write(tmp_path, "000001.cohorts", earlier, later)
    assert files.content("a") == later
    for record in (earlier, last):
        files.save(record)
    assert files.content("a") == CohortFiles(tmp_path).content("a") == last


def test_of_many_damaged_files_the_first_are_named(tmp_path):
    for number in range(9):
        files = _write(tmp_path, f"{number}.cohorts", b"not a record")
    assert files.describe_damage().count("it is no record") == 5
    text = files.set_aside()
    assert "0.cohorts (it is no record of a cohort, at byte 0)" in text and text.endswith(" and 4 more")
    assert len(list((files.folder / "damaged").iterdir())) == 9 and CohortFiles(tmp_path).damaged == {}
