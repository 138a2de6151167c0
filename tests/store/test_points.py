"""Points that are read some runs at a time, against those of a table in memory."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import make_tables, write_folder

from optbench.analysis import costs, log_area, time_to_target
from optbench.contract.errors import OptbenchError
from optbench.results.results import load
from optbench.store import final_tables

TABLES = make_tables(problems=("rosenbrock", "breast_cancer"), optimizers=("gd", "adam"), seeds=range(4), points=9,
                     schedules=("constant",), rates=(0.01, 0.1), batch_sizes=(16, 64))  # fmt: skip


ORDERS = {
    "as written": lambda curves: curves,
    "of another sweep besides": lambda curves: pd.concat([curves.assign(run_id="x" + curves["run_id"]), curves]),
    "without some runs": lambda curves: curves[~curves["run_id"].isin(curves["run_id"].unique()[5:9])],
}


@pytest.fixture(params=ORDERS)
def both(request, tmp_path, monkeypatch):
    """The same results from a folder and in memory; of the folder a few rows are read at a time."""
    monkeypatch.setattr(final_tables, "ROWS", 50)
    folder = write_folder(tmp_path, {**TABLES, "curves": ORDERS[request.param](TABLES["curves"])})
    return load(folder), load(folder).in_memory()


@pytest.mark.slow
def test_what_is_read_by_pieces_is_what_a_whole_table_says(both):
    by_pieces, whole = both
    assert by_pieces.points is not None and whole.points is None
    np.testing.assert_array_equal(log_area(by_pieces), log_area(whole))
    for table in (time_to_target, costs):
        pd.testing.assert_frame_equal(table(by_pieces), table(whole))
    assert by_pieces.points is not None, "nothing of this reads the whole table"


def test_costs_of_some_runs_are_those_of_all_that_concern_them(both):
    by_pieces, whole = both
    some = whole.runs[whole.runs["seed"] >= 2]
    every = time_to_target(whole)
    pd.testing.assert_frame_equal(
        time_to_target(by_pieces, runs=some), every[every["run_id"].isin(some["run_id"])].reset_index(drop=True)
    )
    np.testing.assert_array_equal(
        log_area(by_pieces, (whole.runs["seed"] >= 2).to_numpy()), log_area(whole)[some.index]
    )


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_every_run_comes_once_and_whole(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(final_tables, "ROWS", rows)
    curves = TABLES["curves"]
    path = tmp_path / "curves.parquet"
    pq.write_table(pa.Table.from_pandas(curves), path, row_group_size=100)
    ids = curves["run_id"].drop_duplicates().sample(frac=0.5, random_state=1).reset_index(drop=True)
    places = []
    for piece in final_tables.read_points(path, ids):
        places += piece.places.tolist()
        for place, number in zip(piece.places, range(len(piece.places)), strict=True):
            wanted = curves[curves["run_id"] == ids[place]]
            np.testing.assert_array_equal(piece.step[piece.run == number], wanted["step"])
            np.testing.assert_array_equal(piece.loss[piece.run == number], wanted["train_loss"])
    assert sorted(places) == list(range(len(ids)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda curves: curves.drop(columns="train_loss"), "the column 'train_loss' is missing"),
        (lambda curves: curves.sort_values("step", kind="stable"), "the rows of a run do not stand together"),
    ],
)
def test_what_is_no_table_of_points_is_named(tmp_path, monkeypatch, change, words):
    monkeypatch.setattr(final_tables, "ROWS", 50)
    folder = write_folder(tmp_path, {**TABLES, "curves": change(TABLES["curves"])})
    with pytest.raises(OptbenchError, match=f"curves.parquet' is no table of a sweep: {words}"):
        log_area(load(folder))


def test_a_table_may_have_no_points(tmp_path):
    folder = write_folder(tmp_path, {**TABLES, "curves": TABLES["curves"].iloc[:0]})
    assert np.isnan(log_area(load(folder))).all()
