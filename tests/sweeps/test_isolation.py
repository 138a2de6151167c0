"""Plug-ins that kill, stop or fill their process: their cohorts fail with the reason, and the rest goes on."""

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest
from hostile_plugins import BREAKS, HEAD, LEAVES, LOADS, LOOP, OUT_OF_BOUNDS, SCHEDULE, START, STARTS

import optbench
from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.sweeps import session
from optbench.sweeps.run.isolation import Isolation
from optbench.sweeps.spec import make_spec

SMALL = {"problems": ["rosenbrock", "bad"], "optimizers": ["gd"], "batch_sizes": ["full"], "learning_rates": [0.001],
         "steps": 20, "seeds": 2, "tuning_seeds": 0}  # fmt: skip


@pytest.fixture
def run(tmp_path, own_kernels, monkeypatch):
    """run(text of the plug-in, stall, memory, changes) -> the table runs"""
    monkeypatch.setenv("NUMBA_CACHE_DIR", numba.config.CACHE_DIR)

    def call(text, stall=60.0, memory=None, mode="auto", again=False, **changes):
        file = tmp_path / "plugin.py"
        file.write_text(HEAD + text)
        spec = make_spec({**SMALL, "plugins": [str(file)]}, changes)
        isolation = Isolation(mode, stall, memory)
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


@pytest.mark.slow
def test_start_points_that_end_their_process(run):
    text = "".join(START.format(name.replace(" ", "_"), body) for name, (body, _) in STARTS.items())
    names = [f"bad_{name.replace(' ', '_')}" for name in STARTS]
    runs, status = run(text, stall=8.0, memory=0.6e9, problems=["rosenbrock", "fine", *names], seeds=1)
    reasons = runs.set_index("problem")["failure"]
    for name, (_, words) in zip(names, STARTS.values(), strict=True):
        assert words in reasons[name] and 0 < len(reasons[name]) <= 300, (name, reasons[name])
    assert set(status.failed) == {f"{name} with gd" for name in names}
    assert set(runs.loc[runs["status"] == "ok", "problem"]) == {"rosenbrock", "fine"}


@pytest.mark.parametrize(
    "text", [pytest.param(LOOP, marks=pytest.mark.slow), OUT_OF_BOUNDS], ids=["loops for ever", "writes out of bounds"]
)
def test_a_kernel_that_ends_its_process(text, run):
    runs, _ = run(text, stall=4.0)
    (reason,) = set(split(runs))
    assert ("no sign of progress for 4 s" in reason) if text is LOOP else ("died of SIG" in reason), reason


@pytest.mark.slow
def test_a_schedule_that_ends_its_process_fails_its_own_lanes(run):
    runs, status = run(SCHEDULE, problems="rosenbrock", optimizers="gd,adam", schedules="constant,harsh")
    harsh = runs["schedule"] == "harsh"
    assert (runs.loc[~harsh, "status"] == "ok").all() and harsh.sum() == 4
    assert set(runs.loc[harsh, "failure"]) == {"schedule harsh: its worker process ended by itself with exit code 5"}
    assert "2 of 4 runs failed" in status.failed["rosenbrock with gd"]


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


@pytest.mark.parametrize(("case", "where"), [*itertools.product(LOADS, ["loaded"]), ("leaves", "built")])
def test_a_file_that_ends_whoever_loads_it_is_one_line(case, where, run):
    body, words = LOADS[case]
    text = f"\n\n{body}\n" if where == "loaded" else f"\n\n@problem(source='a test')\ndef bad():\n    {body}\n"
    with pytest.raises(OptbenchError) as caught:
        run(text, stall=4.0)
    what = "loading plugin.py" if where == "loaded" else "building the problem bad"
    assert f"the plug-in plugin.py: while {what}: " in str(caught.value) and words in str(caught.value)
    assert "\n" not in str(caught.value)


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


def command(tmp_path, body):
    """Run the command with a plug-in that does this; its exit code, its last line, and what it had to say."""
    (tmp_path / "plugin.py").write_text(f"{HEAD}\n{body}\n{GENTLE}")
    words = ["sweep", "--plugin", "plugin.py", "--optimizers", "gd, mine", "--problems", "rosenbrock", "--lr", "1e-3"]
    words += ["--batch-sizes", "full", "--schedules", "constant", "--steps", "20", "--seeds", "2", "--no-report"]
    run = subprocess.run(
        [sys.executable, "-m", "optbench", *words, "--out", "out"], cwd=tmp_path, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert "Traceback" not in run.stdout + run.stderr, run.stderr
    return run.returncode, run.stderr


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "a child process")) for name in LEAVES]
)
def test_what_a_file_leaves_behind_does_not_reach_the_sweep(name, tmp_path, own_kernels):
    code, words = command(tmp_path, LEAVES[name])
    runs = optbench.load(tmp_path / "out").runs
    assert set(runs.loc[runs["optimizer"] == "gd", "status"]) == {"ok"}, words
    assert code == (2 if "failed" in set(runs["status"]) else 0), words


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKS)
def test_what_a_file_breaks_is_one_line(name, tmp_path):
    code, words = command(tmp_path, BREAKS[name])
    assert code == 2 and words.count("\n") <= 2 and "optbench: " in words, words
