"""The scripts and code of docs/pipelines.md, run as they stand, on a scheduler that is simulated on this machine."""

import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest
from fake_slurm import install, wait

import optbench
from optbench.cli.output import EXIT_CODES
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


@pytest.mark.slow
def test_code_for_dask_jobqueue(place, joined):
    """Where it is installed, as in CI."""
    pytest.importorskip("dask_jobqueue")
    (place[0] / "jobqueue.py").write_text(PYTHON["jobqueue"])
    out = call(place, sys.executable, "jobqueue.py")
    alone, clustered = (pd.read_parquet(place[0] / each / "runs.parquet") for each in ("joined", "clustered"))
    row = optbench.load(place[0] / "joined").ranking()[["problem", "optimizer", "state"]].iloc[0].to_dict()
    assert clustered.equals(alone) and out == f"{len(alone)} runs; {row}\n"
