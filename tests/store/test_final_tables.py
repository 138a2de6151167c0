"""Tables put together file by file: the bytes depend on the rows, and on nothing else."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from quick import slow

import optbench
from optbench.store import final_tables
from optbench.store.cohort_files import TABLES, CohortFiles, compose_tables
from optbench.store.manifest import read_manifest

SPEC = {"problems": ["rosenbrock", "logistic"], "optimizers": ["gd", "adam"], "learning_rates": "1e-4:1e-2:5",
        "batch_sizes": [64], "seeds": 3, "tuning_seeds": 1, "steps": 12}  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept") / "out"
    optbench.sweep(SPEC, out=folder, workers=1)
    return folder


def write(folder, target):
    files = CohortFiles(folder)
    final_tables.write_tables(files, read_manifest(folder).find_sources(files.ids()), target)


@pytest.mark.parametrize("rows", [slow(1), 7, 64])
def test_row_groups_are_cut_by_rows_and_hold_what_one_table_would(rows, swept, tmp_path, monkeypatch):
    monkeypatch.setattr(final_tables, "ROWS", rows)
    write(swept, tmp_path)
    for name in TABLES:
        mine, whole = tmp_path / f"{name}.parquet", pq.read_table(swept / f"{name}.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(mine), whole.to_pandas())
        held = pq.ParquetFile(mine).metadata
        sizes = [held.row_group(i).num_rows for i in range(held.num_row_groups)]
        assert set(sizes[:-1]) <= {rows} and 0 < sizes[-1] <= rows
        with final_tables.parquet_writer(tmp_path / "at once", whole.schema) as add:
            add(whole)
        assert (tmp_path / "at once").read_bytes() == mine.read_bytes(), "how rows come does not show"
    assert not list(tmp_path.glob(".tmp-*"))


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
    runs = pd.read_parquet(swept / "runs.parquet")
    names = list(runs)
    assert names.index("optimizer") < names.index("beta1") < names.index("schedule") < names.index("train_accuracy")
    assert runs.loc[runs["optimizer"] == "gd", "beta1"].isna().all()
    assert (runs["train_accuracy"].notna() == (runs["problem"] == "logistic")).all()


def test_a_cohort_is_put_together_from_the_runs_of_several_files(swept):
    files = CohortFiles(swept)
    names = [entry.cohort_id for entry in read_manifest(swept).cohorts if entry.optimizer == "gd"][:2]
    first, second = (files.read_runs(name)["run_id"].to_pylist() for name in names)
    wanted = [second[4], first[0], second[1]]
    sources = [files.read(name) for name in (names[0], names[1], names[0])]
    tables = compose_tables(wanted, sources)
    assert tables["runs"]["run_id"].to_pylist() == wanted
    curves, everything = tables["curves"].to_pandas(), pd.read_parquet(swept / "curves.parquet")
    right = pd.concat([everything[everything["run_id"] == run_id] for run_id in wanted])
    pd.testing.assert_frame_equal(curves, right[list(curves)].reset_index(drop=True))
    (row,) = tables["timings"].to_pylist()
    parts = [source["timings"].to_pylist()[0]["seconds"] for source in sources]
    assert row["lanes"] == 3 and row["seconds"] == pytest.approx(parts[0] / 5 + parts[1] * 2 / 5)
