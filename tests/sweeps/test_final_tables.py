"""Tables put together file by file: the bytes depend on the rows, and on nothing else."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import optbench
from optbench.sweeps.store import final_tables, manifest
from optbench.sweeps.store.cohort_files import TABLES, CohortFiles
from optbench.sweeps.store.run_index import RunIndex, composed

SPEC = {"problems": ["rosenbrock", "logistic"], "optimizers": ["gd", "adam"], "learning_rates": "1e-4:1e-2:5",
        "batch_sizes": [64], "seeds": 3, "tuning_seeds": 1, "steps": 12}  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept") / "out"
    optbench.sweep(SPEC, out=folder, workers=1)
    return folder


def write(folder, target):
    files = CohortFiles(folder)
    final_tables.write_tables(files, manifest.read(folder).sources(files.ids()), target)


@pytest.mark.parametrize("rows", [1, 7, 64, 10_000])
def test_row_groups_are_cut_by_rows_and_hold_what_one_table_would(rows, swept, tmp_path, monkeypatch):
    monkeypatch.setattr(final_tables, "ROWS", rows)
    write(swept, tmp_path)
    for name in TABLES:
        mine, right = tmp_path / f"{name}.parquet", swept / f"{name}.parquet"
        pd.testing.assert_frame_equal(pd.read_parquet(mine), pd.read_parquet(right))
        held = pq.ParquetFile(mine).metadata
        sizes = [held.row_group(i).num_rows for i in range(held.num_row_groups)]
        assert set(sizes[:-1]) <= {rows} and 0 < sizes[-1] <= rows
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize("parts", [1, 3, 50])
def test_how_rows_come_does_not_show(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(final_tables, "ROWS", 40)
    rng = np.random.default_rng(0)
    table = pa.table({"name": rng.choice(["a", "b", "c"], 100).tolist(), "value": rng.normal(size=100)})
    for name, count in (("whole", 1), ("parts", parts)):
        size = -(-100 // count)
        with final_tables.parquet_writer(tmp_path / name, table.schema) as add:
            for at in range(0, 100, size):
                add(table.slice(at, size))
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()


def test_a_failure_leaves_the_old_tables(swept, tmp_path, monkeypatch):
    (tmp_path / "runs.parquet").write_bytes(b"old")

    def refuse(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(final_tables.pq.ParquetWriter, "write_table", refuse)
    with pytest.raises(OSError, match="No space"):
        write(swept, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["runs.parquet"]
    assert (tmp_path / "runs.parquet").read_bytes() == b"old"


def test_columns_that_a_problem_or_an_optimizer_lacks_are_empty(swept):
    names = pq.read_schema(swept / "runs.parquet").names
    assert names.index("optimizer") < names.index("beta1") < names.index("schedule") < names.index("train_accuracy")
    runs = pq.read_table(swept / "runs.parquet").to_pandas()
    assert runs.loc[runs["optimizer"] == "gd", "beta1"].isna().all()
    assert runs.loc[runs["problem"] == "rosenbrock", "train_accuracy"].isna().all()
    assert runs.loc[runs["problem"] == "logistic", "train_accuracy"].notna().all()


def test_a_cohort_is_put_together_from_the_runs_of_several_files(swept):
    files = CohortFiles(swept)
    names = [entry.cohort_id for entry in manifest.read(swept).cohorts if entry.optimizer == "gd"][:2]
    index = RunIndex.of(files, names)
    first, second = (files.table(name, "runs")["run_id"].to_pylist() for name in names)
    wanted = [second[4], first[0], second[1]]
    found, sources = index.find([*wanted, "0" * 16, first[2]])
    assert found.tolist() == [True, True, True, False, True] and sources == tuple(names)
    assert index.outside(np.array(first, "S16")) == {names[1]: 5}
    tables = composed("abc", wanted, [files.tables(name) for name in names])
    assert tables["runs"]["run_id"].to_pylist() == wanted
    assert set(tables["runs"]["cohort_id"].to_pylist()) == {"abc"}
    curves = tables["curves"].to_pandas()
    assert list(dict.fromkeys(curves["run_id"])) == wanted
    everything = pq.read_table(swept / "curves.parquet").to_pandas()
    for run_id, rows in curves.groupby("run_id"):
        right = everything[everything["run_id"] == run_id]
        assert rows["train_loss"].tolist() == right["train_loss"].tolist()
    (row,) = tables["timings"].to_pylist()
    parts = [files.table(name, "timings").to_pylist()[0] for name in names]
    assert row["lanes"] == 3 and row["seconds"] == pytest.approx(parts[0]["seconds"] / 5 + parts[1]["seconds"] * 2 / 5)
