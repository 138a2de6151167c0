"""What leaves for other tools is what the tables say, read back by pandas, by MLflow's client and from W&B's file."""

import json
import struct
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from staged import staged_table
from synthetic import make_tables, write_folder

from optbench import load
from optbench.report.tracking import MARKS

TABLES = {"batch_sizes": ("full",), "schedules": ("constant",), "rates": (0.1,), "seeds": range(4)}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The folder of a sweep in which momentum is first, and one of its reported runs diverged."""
    luck = np.random.default_rng(0)

    def y(problem, optimizer, rate, stage, block, seed):
        lost = (optimizer, stage, seed) == ("momentum", "report", 11)
        return np.inf if lost else luck.normal(-8.0 * (optimizer == "momentum"), 0.3)

    runs = staged_table(y, ("adam", "momentum"), (0.1,), blocks=2, final=2, report=3, problems=("clear",))
    runs["beta1"] = np.where(runs["optimizer"] == "adam", 0.9, np.nan)
    tables = make_tables(("clear",), **TABLES)
    curves = pd.concat([tables["curves"].head(5).assign(run_id=name, step=range(5)) for name in runs["run_id"]])
    curves["train_loss"] = np.arange(len(curves)) / 8
    write_folder(tmp_path / "planted", tables | {"runs": runs, "curves": curves})
    monkeypatch.chdir(tmp_path)
    return load("planted")


@pytest.fixture
def run(command, monkeypatch):
    """run(*arguments) -> (exit code, standard output, standard error) of an export of that folder."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return partial(command, "export", "planted")


def reported(results):
    """Return by run id the rows of the runs that report, and the losses of each by step."""
    runs = results.runs[results.runs["stage"] == "report"].set_index("run_id")
    curves = results.curves[results.curves["run_id"].isin(runs.index)]
    losses = {name: dict(zip(part["step"], part["train_loss"], strict=True)) for name, part in curves.groupby("run_id")}
    assert len(runs) == 6 and set(losses) == set(runs.index)
    return runs, losses


def test_csv(planted, run):
    code, out, _ = run()
    assert code == 0 and "6 runs" in out and "planted/export/csv" in out
    runs, losses = reported(planted)
    read = pd.read_csv("planted/export/csv/runs.csv", index_col="run_id")
    assert set(read.index) == set(runs.index)
    assert read["lr"].tolist() == runs.loc[read.index, "lr"].tolist()
    curves = pd.read_csv("planted/export/csv/curves.csv")
    assert {(row.run_id, row.step): row.train_loss for row in curves.itertuples()} == {
        (name, step): loss for name, each in losses.items() for step, loss in each.items()
    }
    assert pd.read_csv("planted/export/csv/ranking.csv")["value"].tolist() == pytest.approx(
        planted.ranking()["value"].tolist(), rel=1e-15
    )
    assert run("--seeds", "1")[0] == 0 and len(pd.read_csv("planted/export/csv/runs.csv")) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of these libraries
def test_mlflow_reads_what_the_tables_say(planted, run):
    pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    from mlflow.tracking import MlflowClient

    code, out, err = run("--to", "mlflow", "--out", "tracked", "--project", "study")
    assert code == 0 and "6 runs" in out and "mlflow ui" in out, err
    client = MlflowClient(tracking_uri=f"sqlite:///{Path('tracked/mlflow.db').resolve()}")
    found = client.search_runs([client.get_experiment_by_name("study").experiment_id])
    runs, losses = reported(planted)
    assert sorted(each.data.tags["optbench.run_id"] for each in found) == sorted(runs.index)
    for each in found:
        name = each.data.tags["optbench.run_id"]
        row, params, metrics = runs.loc[name], each.data.params, each.data.metrics
        assert (params["optimizer"], float(params["lr"]), int(params["seed"])) == (row["optimizer"], 0.1, row["seed"])
        assert ("beta1" in params) == (row["optimizer"] == "adam")
        assert metrics["log_tail"] == row["log_tail"] or row["status"] == "diverged"
        assert each.info.status == ("FAILED" if row["status"] == "diverged" else "FINISHED")
        assert ("loss_final" in metrics) == np.isfinite(row["loss_final"])
        history = client.get_metric_history(each.info.run_id, "train_loss")
        assert {point.step: point.value for point in history} == losses[name]
    assert "nothing new" in run("--to", "mlflow", "--out", "tracked", "--project", "study")[1]


def read_wandb(path):
    """Yield the records of a file that W&B keeps offline: those of LevelDB's log behind seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        whole, at = whole + data[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(whole)
            whole = b""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of these libraries
def test_wandb_keeps_what_the_tables_say(planted, run, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    code, out, err = run("--to", "wandb", "--out", "kept", "--project", "study", "--seeds", "1")
    assert code == 0 and "2 runs" in out and "wandb sync" in out, err
    runs, losses = reported(planted)
    files = sorted(Path("kept/wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 2
    for file in files:
        name, history, config = "", {}, {}
        for record in read_wandb(file):
            if record.HasField("run"):
                name, project, group = record.run.run_id, record.run.project, record.run.run_group
                config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if record.HasField("history"):
                point = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                history[point["_step"]] = point["train_loss"]
        assert (project, group) == ("study", f"{runs.loc[name, 'optimizer']} on clear") and history == losses[name]
        assert (config["lr"], config["seed"]) == (0.1, runs.loc[name, "seed"])


def test_what_cannot_be_exported_is_one_line(planted, run, monkeypatch):
    def line(*arguments):
        code, out, err = run(*arguments)
        assert code == 2 and not out and err.count("\n") == 1
        return err

    Path("mine").mkdir()
    Path("mine/runs.csv").write_text("mine")
    for tool in MARKS:
        assert "holds what no export" in line("--to", tool, "--out", "mine")
    assert Path("mine/runs.csv").read_text() == "mine"
    assert "is a file" in line("--out", "mine/runs.csv")
    for tool in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, tool, None)
        assert "pip install -e '.[export]'" in line("--to", tool, "--out", "new")
    assert "did you mean 'wandb'" in line("--to", "wanbd") and "at least 1" in line("--seeds", "0")
    Path("planted/curves.parquet").write_bytes(b"PAR1")
    assert "curves" in line()
    assert not Path("new").exists()
