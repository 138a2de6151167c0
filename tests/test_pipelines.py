"""The scripts and code of docs/pipelines.md, run as they stand, on a scheduler that is simulated on this machine."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from fake_slurm import install, wait

import optbench
from optbench.cli.output import EXIT_CODES
from tests.staged import staged_table
from tests.synthetic import make_tables, write_folder
from tests.test_docs import read_blocks

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
BLOCKS = read_blocks("docs/pipelines.md")
PYTHON = {each.word: each.text for each in BLOCKS if each.kind == "python"}


def test_the_exit_codes_are_those_of_the_help():
    rows = re.findall(r"^\| (\d[\d, ]*) \| (.*) \|$", TEXT, flags=re.M)
    assert {code: words.replace("`", "") for code, words in rows} == EXIT_CODES


@pytest.mark.slow
def test_the_error_is_the_one_that_is_shown(tmp_path):
    (shown,) = re.findall(r"`(\{\"error\".*?\})`", TEXT, flags=re.S)
    command = [sys.executable, "-m", "optbench", "sweep", "--problems", "rosenbrok", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.returncode, json.loads(done.stdout)) == (2, json.loads(shown.replace("\n", " ")))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the page shows, and the environment: optbench and SLURM's commands on the path."""
    folder = tmp_path_factory.mktemp("pipelines")
    for text in (each.text for each in BLOCKS):
        if name := re.match(r"(?:#!.*\n)?# file: (\S+)\n", text):
            (folder / name[1]).write_text(text, encoding="utf-8")
    environment = os.environ | install(folder / "slurm")
    command = folder / "slurm" / "bin" / "optbench"
    command.write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} -m optbench "$@"\n')
    command.chmod(0o755)
    places = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return folder, environment | {"PYTHONPATH": places}


def call(place, *command):
    """Run a command in the folder; return its output."""
    folder, environment = place
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def joined(place):
    """The folder that the array and the job behind it have made."""
    last = call(place, "bash", "submit.sh")
    folder = place[0]
    logs = "\n".join(path.read_text() for path in folder.glob("slurm/*.out"))
    assert wait(folder / "slurm", int(last.split()[-1])) == 0, logs
    return folder / "joined"


@pytest.mark.slow
def test_the_gate_of_ci(place):
    assert "rosenbrock: " in call(place, "bash", "gate.sh")
    suite = ElementTree.parse(place[0] / "compare.xml").find("testsuite")
    assert suite.get("failures") == "0" and int(suite.get("tests")) == 2


@pytest.mark.slow
def test_a_job_array_gives_what_one_machine_gives(place, joined):
    folder = place[0]
    assert json.loads((folder / "joined.json").read_text())["finished"] and (joined / "report" / "index.html").exists()
    call(place, "optbench", "sweep", "my.toml", "--out", "alone", "--no-report")
    for name in ("runs", "curves"):
        assert (joined / f"{name}.parquet").read_bytes() == (folder / "alone" / f"{name}.parquet").read_bytes()


class Recorder(ModuleType):
    """Stands for mlflow or wandb: keeps what a snippet logs."""

    def __init__(self):
        self.logged, self.summary = [], {}
        for name in ("params", "metrics", "artifact"):
            setattr(self, f"log_{name}", self.logged.append)

    def start_run(self, **named):
        return nullcontext(self)

    init = start_run

    def log(self, tables):
        self.logged.append(tables)

    @staticmethod
    def Table(dataframe):
        return dataframe


SMALL = {"batch_sizes": ("full",), "schedules": ("constant",), "rates": (0.1,), "seeds": range(4)}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The current folder has a sweep, joined, in which momentum is first on one problem and nobody on the other."""
    luck = np.random.default_rng(0)

    def y(problem, optimizer, *setting):
        return luck.normal(-4, 2) if problem == "open" else luck.normal(-8.0 * (optimizer == "momentum"), 0.3)

    runs = staged_table(y, ("adam", "momentum", "gd"), (0.1,), blocks=4, final=2, report=4, problems=("clear", "open"))
    tables = make_tables(("clear", "open"), **SMALL)
    curves = tables["curves"].head(len(runs)).assign(run_id=runs["run_id"])
    write_folder(tmp_path / "joined", tables | {"runs": runs, "curves": curves})
    monkeypatch.chdir(tmp_path)


def log_to(name, monkeypatch):
    """Run the snippet of mlflow or wandb; return what it has logged."""
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, name, recorder)
    exec(PYTHON[name], {})
    return recorder


def test_wandb_is_told_who_is_first(planted, monkeypatch):
    told = log_to("wandb", monkeypatch)
    assert told.summary == {"clear: first": "momentum", "open: first": "nobody"}
    verdicts, curves = told.logged[0]["verdicts"], told.logged[1]["curves"]
    assert set(verdicts.query("problem == 'clear' and b == 'momentum'")["verdict"]) == {"loses"}
    assert len(curves) == 3 * 2 * 4 and set(curves["optimizer"]) == {"adam", "momentum", "gd"}


def test_mlflow_is_told_the_recommended_settings(planted, monkeypatch):
    logged, ranking = log_to("mlflow", monkeypatch).logged, optbench.load("joined").ranking()
    setting = {"lr": 0.1, "batch_size": 16, "schedule": "constant"}
    for problem, names in {"clear": ["momentum"], "open": ["adam", "gd", "momentum"]}.items():
        found = [place for place in range(0, len(logged), 3) if logged[place]["problem"] == problem]
        assert sorted(logged[place]["optimizer"] for place in found) == names
        for place in found:
            params, metrics, artifact = logged[place : place + 3]
            row = ranking[(ranking["problem"] == problem) & (ranking["optimizer"] == params["optimizer"])]
            assert params == {"problem": problem, "optimizer": params["optimizer"], **setting}
            assert metrics == row[["value", "low", "high"]].iloc[0].to_dict() and artifact == "joined/chosen.toml"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), [("wandb", "wandb"), ("jobqueue", "dask_jobqueue")])
def test_code_for_another_tool(place, joined, name, package):
    """Where it is installed, as in CI; a run of W&B is kept on this machine."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    place[1].update(WANDB_MODE="offline", WANDB_SILENT="true")
    (place[0] / f"{name}_export.py").write_text(PYTHON[name])
    out = call(place, sys.executable, f"{name}_export.py")
    if name == "jobqueue":
        alone, clustered = (pd.read_parquet(place[0] / each / "runs.parquet") for each in ("joined", "clustered"))
        row = optbench.load(place[0] / "joined").ranking()[["problem", "optimizer", "state"]].iloc[0].to_dict()
        assert clustered.equals(alone) and out == f"{len(alone)} runs; {row}\n"
