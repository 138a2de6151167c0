"""Plug-ins that kill or stop their process: their cohorts fail with the reason, and the rest goes on."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest
from hostile_plugins import HEAD, LOOP, OUT_OF_BOUNDS, SCHEDULE, START, STARTS

import optbench
from optbench.catalogue import loader
from optbench.plan.spec_files import make_spec
from optbench.run import session
from optbench.run.isolation import Isolation
from optbench.run.processes import WorkerProcess

SMALL = {"problems": ["rosenbrock", "bad"], "optimizers": ["gd"], "batch_sizes": ["full"], "learning_rates": [0.001],
         "steps": 20, "seeds": 2, "tuning_seeds": 0}  # fmt: skip


@pytest.fixture
def run(tmp_path, own_kernels, monkeypatch):
    """run(text of the plug-in, stall, changes) -> the table runs"""
    monkeypatch.setenv("NUMBA_CACHE_DIR", numba.config.CACHE_DIR)

    def call(text, stall=60.0, mode="auto", again=False, **changes):
        file = tmp_path / "plugin.py"
        file.write_text(HEAD + text)
        spec = make_spec({**SMALL, "plugins": [str(file)]}, changes)
        isolation = Isolation(mode, stall)
        plan = session.load_and_plan(spec, isolation)
        options = session.Options(workers=2, isolation=isolation, retry_failed=again)
        status = session.execute(plan, tmp_path / "out", options)
        return optbench.load(tmp_path / "out").runs, status

    return call


def split(runs):
    """Return the reasons of the problem bad, whose runs all failed while all others ran."""
    bad = runs["problem"] == "bad"
    assert (runs.loc[~bad, "status"] == "ok").all() and (runs.loc[bad, "status"] == "failed").all()
    assert bad.any() and not bad.all() and runs.loc[bad, "failure"].str.len().between(1, 300).all()
    return runs.loc[bad, "failure"].tolist()


def _first_of_the_path(report):
    return os.environ["PYTHONPATH"].split(os.pathsep)[0]


def test_a_worker_looks_for_the_package_where_it_lies_and_not_a_folder_above():
    # above a clone that is called optbench, Python would take the clone itself for a namespace package
    with contextlib.closing(WorkerProcess()) as worker:
        first = worker.call(_first_of_the_path)
    assert Path(first, "optbench", "__init__.py").is_file()


@pytest.mark.slow
def test_start_points_that_end_their_process(run):
    text = "".join(START.format(name.replace(" ", "_"), body) for name, (body, _) in STARTS.items())
    names = [f"bad_{name.replace(' ', '_')}" for name in STARTS]
    runs, status = run(text, stall=8.0, problems=["rosenbrock", "fine", *names], seeds=1)
    reasons = runs.set_index("problem")["failure"]
    for name, (_, words) in zip(names, STARTS.values(), strict=True):
        assert words in reasons[name] and 0 < len(reasons[name]) <= 300, (name, reasons[name])
    assert set(status.failed) == {f"{name} with gd" for name in names}
    assert set(runs.loc[runs["status"] == "ok", "problem"]) == {"rosenbrock", "fine"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [pytest.param(LOOP, marks=pytest.mark.slow), OUT_OF_BOUNDS], ids=["loops for ever", "writes out of bounds"]
)
def test_a_kernel_that_ends_its_process(text, run):
    runs, _ = run(text, stall=4.0)
    (reason,) = set(split(runs))
    assert ("no sign of progress for 4 s" in reason) if text is LOOP else ("died of SIG" in reason), reason


@pytest.mark.slow
def test_a_pair_of_which_workers_die_is_given_up_and_not_tried_again_unless_told(run, tmp_path, monkeypatch):
    tries = tmp_path / "tries"
    monkeypatch.setenv("TRIES", str(tries))
    text = START.format("dying", "open(os.environ['TRIES'], 'a').write('x'); os._exit(9)")
    changes = {"seeds": 8, "problems": ["bad_dying", "fine"]}
    runs, status = run(text, **changes)
    reasons = runs.loc[runs["problem"] == "bad_dying", "failure"]
    tried, not_tried = (reasons.str.startswith(word).sum() for word in ("its worker process", "skipped: "))
    count = len(tries.read_text()) - 1  # every sweep begins with a quick check of the problem
    assert 3 <= count == tried <= 4 and tried + not_tried == 8, reasons.tolist()
    assert (runs.loc[runs["problem"] == "fine", "status"] == "ok").all()
    before = (tmp_path / "out" / "runs.parquet").read_bytes()
    _, again = run(text, **changes)
    assert (tmp_path / "out" / "runs.parquet").read_bytes() == before and again.failed == status.failed
    assert len(tries.read_text()) == count + 2, "it was tried again"
    run(text, **changes, again=True)
    assert 3 <= len(tries.read_text()) - count - 3 <= 4


GENTLE = """

@optimizer(source="a test", beta=0.5)
def mine(w, g, m, lr, beta):
    m = beta * m + g
    return w - lr * m, m
"""


@pytest.mark.slow
def test_the_same_bytes_whoever_runs_them(run, tmp_path):
    tables = []
    for mode in ("never", "auto", "always"):
        run(
            GENTLE,
            mode=mode,
            problems="rosenbrock, fine, logistic",
            optimizers="gd,mine",
            seeds=3,
            learning_rates=[0.01, 0.1],
        )
        folder = tmp_path / "out"
        tables.append([(folder / f"{name}.parquet").read_bytes() for name in ("runs", "curves", "problems")])
        folder.rename(tmp_path / mode)
    assert tables[0] == tables[1] == tables[2]


def test_what_ships_stays_in_threads(run, tmp_path, monkeypatch):
    isolation = Isolation()
    spec = make_spec({**SMALL, "problems": ["rosenbrock"]}, {})
    plan = session.plan(spec, loader.load_all(()))
    assert not any(isolation.isolates_cohort(each) for each in plan.cohorts)
    assert all(Isolation("always").isolates_cohort(each) for each in plan.cohorts)
    (tmp_path / "plugin.py").write_text(HEAD + GENTLE + SCHEDULE)
    files = (str(tmp_path / "plugin.py"),)
    cases = [
        ({"optimizers": "gd"}, False), ({"optimizers": "mine"}, True), ({"problems": "fine"}, True),
        ({"schedules": "constant,harsh"}, True), ({"optimizers": "lookahead(mine)"}, True),
    ]  # fmt: skip
    for changes, isolated in cases:
        spec = make_spec({**SMALL, "problems": ["rosenbrock"], "plugins": files}, changes)
        plan = session.plan(spec, loader.load_all(files))
        assert {isolation.isolates_cohort(each) for each in plan.cohorts} == {isolated}, changes


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "plugin.py").write_text(HEAD + LOOP)
    command = [sys.executable, "-m", "optbench", "sweep", "--problems", "bad", "--optimizers", "gd", "--lr", "0.1",
               "--steps", "9", "--seeds", "2", "--plugin", "plugin.py", "--out", "out"]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE)

    def workers():
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if f"PPid:\t{process.pid}\n" in status.read_text():
                    found.append(int(status.parent.name))
            except OSError:
                continue
        return found

    end = time.monotonic() + 60
    while not (tmp_path / "out" / "cohorts").exists() or len(workers()) < 2:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    children = workers()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < end, "a worker has outlived its parent"
        time.sleep(0.1)
