"""A sweep on a GPU, as far as the sweep goes: which cohorts go there together, what stays on the CPU, and how it ends.

The engine of the GPU is a stand-in that runs its cohorts on the CPU.
"""

import inspect
import json
import threading
import time
import warnings
from dataclasses import replace

import pandas as pd
import pytest
from harness import plan_of, run_stage

import optbench
from optbench.compiler import cuda
from optbench.contract.errors import OptbenchError, PluginError
from optbench.engine import cuda as engine
from optbench.engine.run_cohorts import run
from optbench.engine.runner import Cancelled
from optbench.plan.spec_files import make_spec
from optbench.store.folder import Store

SMALL = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "momentum"], "learning_rates": [1e-4, 1e-3],
         "batch_sizes": [100, "full"], "seeds": 3, "tuning_seeds": 1, "steps": 5}  # fmt: skip
KEYS = ["run_id", "cohort_id"]


class StandIn:
    """A stand-in for the module optbench.engine.cuda.cohorts that records its calls."""

    def __init__(self):
        self.refused, self.broken = {}, {}
        self.compilations, self.calls = [], []
        self.lock = threading.Lock()

    def refusal_reason(self, problem, optimizer):
        return self.refused.get(optimizer.name)

    def compile_kernels(self, problem, optimizer, dtype, batch_size):
        self.compilations.append((problem.name, optimizer.name, dtype, batch_size))
        if problem.name in self.broken:
            raise self.broken[problem.name]

    def run_cohorts(self, cohorts, progress, stop):
        first, seeds = cohorts[0], [cohort.seed for cohort in cohorts]
        with self.lock:
            self.calls.append(
                (first.problem.name, first.optimizer.name, first.dtype, first.batch_size, first.steps, seeds)
            )
        outcomes = [run(replace(cohort, device="cpu"), progress, stop) for cohort in cohorts]
        return [replace(outcome, device="cuda", device_note="a card") for outcome in outcomes]


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU, and the stand-in for its engine."""
    found = cuda.Found("numba 1.0", "13.0", "/toolkit/libnvvm.so", cards=({"name": "a card"},))
    monkeypatch.setattr(cuda, "find_parts", lambda: found)
    made = StandIn()
    monkeypatch.setattr(engine, "cohorts", made, raising=False)
    return made


def pairs(results):
    """Per problem and optimizer: where its cohorts ran, and the notes."""
    joined = results.runs.drop_duplicates("cohort_id").merge(results.timings, on="cohort_id")
    return {
        key: (set(group["device"]), set(group["device_note"]))
        for key, group in joined.groupby(["problem", "optimizer"])
    }


@pytest.mark.slow
def test_seeds_go_together_and_the_numbers_come_back_in_order(gpu):
    found, expected = optbench.sweep(SMALL, device="cuda"), optbench.sweep(SMALL)
    wanted = [
        (problem, optimizer, "float64", size, 5, [0, 1, 2])
        for problem in SMALL["problems"] for optimizer in SMALL["optimizers"] for size in (100, 1024)
    ]  # fmt: skip
    assert sorted(gpu.calls) == sorted(wanted) and len(gpu.compilations) == 8 == len(set(gpu.compilations))
    for name in ("runs", "curves"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        mine, theirs = (table.drop(columns=KEYS, errors="ignore") for table in (mine, theirs))
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
    assert set(found.timings["device"]) == {"cuda"} and set(found.timings["device_note"]) == {"a card"}
    assert not set(found.runs["run_id"]) & set(expected.runs["run_id"])


def test_what_differs_in_more_than_its_seed_does_not_go_together(gpu):
    changes = {
        "problems": ["rosenbrock", {"name": "saddle", "steps": 3}],
        "dtypes": "float64,float32",
        "run_timeout": 60.0,
    }
    optbench.sweep(SMALL, device="cuda", optimizers="gd", batch_sizes="full", **changes)
    assert sorted(gpu.calls) == sorted(
        (problem, "gd", dtype, 1024, steps, [0, 1, 2])
        for problem, steps in (("rosenbrock", 5), ("saddle", 3)) for dtype in ("float64", "float32")
    )  # fmt: skip


def test_what_a_gpu_cannot_run_runs_on_the_cpu_and_the_table_says_why(gpu):
    gpu.refused["momentum"] = "momentum is refused"
    gpu.broken["saddle"] = PluginError("saddle asks\ntoo much")
    found = optbench.sweep(SMALL, device="auto")
    assert pairs(found) == {
        ("rosenbrock", "gd"): ({"cuda"}, {"a card"}),
        ("rosenbrock", "momentum"): ({"cpu"}, {"momentum is refused"}),
        ("saddle", "gd"): ({"cpu"}, {"saddle asks too much"}),
        ("saddle", "momentum"): ({"cpu"}, {"momentum is refused"}),
    }
    assert {call[:2] for call in gpu.calls} == {("rosenbrock", "gd")}
    assert {compiled[1] for compiled in gpu.compilations} == {"gd"}, "what is refused is not compiled"
    columns = [name for name in found.runs if name not in KEYS]
    pd.testing.assert_frame_equal(found.runs[columns], optbench.sweep(SMALL).runs[columns], check_exact=True)


def prepared(tmp_path, **changes):
    plan = plan_of(make_spec(SMALL, {"device": "cuda", **changes}))
    return list(plan.cohorts), Store(tmp_path, plan.spec, {})


def test_progress_comes_to_the_whole(gpu, tmp_path):
    gpu.refused["momentum"] = "momentum is refused"
    plans, store = prepared(tmp_path, seeds=2)
    seen = []
    status = run_stage(plans, store, lambda status: seen.append((status.compiled, status.to_compile)))
    assert status.cost == pytest.approx(status.total_cost) and status.runs == status.total_runs == 32
    # Compiled for the GPU: 2 problems x 2 optimizers x 2 batch sizes; for the CPU momentum on each problem.
    assert seen[-1] == (10, 10) and all(done <= count for done, count in seen)
    assert status.cohorts == 16 and not status.failed


def test_an_interruption_stops_the_groups_and_keeps_what_was_finished(gpu, tmp_path, monkeypatch):
    begun, run = threading.Event(), gpu.run_cohorts

    def hang(cohorts, progress, stop):
        if cohorts[0].problem.name == "rosenbrock":
            return run(cohorts, progress, stop)
        begun.set()
        while not stop():
            time.sleep(0.001)
        raise Cancelled

    monkeypatch.setattr(gpu, "run_cohorts", hang)
    plans, store = prepared(tmp_path, optimizers="gd", batch_sizes="full")

    def watch(status):
        if begun.is_set() and status.cohorts == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stage(plans, store, watch)
    kept = {planned.cohort.problem.name for planned in plans if store.has(planned.cohort_id)}
    assert kept == {"rosenbrock"} and len(store.files.ids()) == 3
    monkeypatch.setattr(gpu, "run_cohorts", run)
    gpu.calls.clear()
    assert run_stage(plans, store).cohorts == 6
    assert [call[0] for call in gpu.calls] == ["saddle"], "what was finished is not run again"


def test_one_group_that_fails_leaves_the_others(gpu, monkeypatch):
    run = gpu.run_cohorts

    def fail(cohorts, *rest):
        if cohorts[0].problem.name == "saddle":
            raise MemoryError("the card\nis full")
        return run(cohorts, *rest)

    monkeypatch.setattr(gpu, "run_cohorts", fail)
    with pytest.warns(UserWarning, match="could not run saddle with (gd|momentum): MemoryError: the card is full"):
        found = optbench.sweep(SMALL, device="cuda")
    ends = found.runs.groupby("problem")["status"].agg(set)
    assert ends["saddle"] == {"failed"} and "failed" not in ends["rosenbrock"] and len(found.timings) == 12


def test_only_the_seeds_that_are_left_run(gpu, tmp_path):
    plans, store = prepared(tmp_path, problems="rosenbrock", optimizers="gd", batch_sizes="full")
    run_stage(plans[1:2], store)
    run_stage(plans, store)
    assert [call[-1] for call in gpu.calls] == [[1], [0, 2]]


@pytest.mark.slow
def test_provenance_names_the_device(gpu, tmp_path):
    optbench.sweep(SMALL, device="auto", out=tmp_path / "gpu", seeds=1)
    optbench.sweep(SMALL, out=tmp_path / "cpu", seeds=1)
    on_gpu, on_cpu = (json.loads((tmp_path / name / "provenance.json").read_text()) for name in ("gpu", "cpu"))
    gpu_alone = {"device": "cuda", "card": "a card", "cuda": "numba 1.0", "cuda_driver": "13.0",
            "cuda_toolkit": "/toolkit/libnvvm.so"}  # fmt: skip
    assert gpu_alone.items() <= on_gpu.items()
    assert on_cpu["device"] == "cpu" and set(on_gpu) - set(on_cpu) == set(gpu_alone) - {"device"}
    with pytest.raises(OptbenchError, match=r"holds another sweep \(different: device\)"):
        optbench.sweep(SMALL, device="cuda", out=tmp_path / "cpu", seeds=1)


def test_minimize(gpu):
    def run(device, optimizer="gd"):
        return optbench.minimize("rosenbrock", optimizer, lr=1e-3, steps=5, batch_size=100, seed=3, device=device)

    expected = run("cpu")
    assert gpu.calls == []
    found = run("cuda")
    assert gpu.calls == [("rosenbrock", "gd", "float64", 100, 5, [3])]
    assert found.w.tolist() == expected.w.tolist()
    pd.testing.assert_frame_equal(found.curve, expected.curve, check_exact=True)
    gpu.refused["gd"] = "gd is refused"
    with pytest.raises(
        OptbenchError, match="^minimize: device: rosenbrock with gd cannot run on a GPU: gd is refused$"
    ):
        run("cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("auto").w.tolist() == expected.w.tolist()
    assert len(gpu.calls) == 1


@pytest.fixture
def command(command, monkeypatch, tmp_path):
    """command(*arguments) -> (standard output, standard error), blanks collapsed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code, *texts = command(
            "sweep", "--problems", "rosenbrock, saddle", "--optimizers", "gd, momentum, nesterov", "--batch-sizes",
            "full", "--schedules", "constant", "--lr", "1e-3", "--seeds", "2", "--steps", "5", *arguments,
        )  # fmt: skip
        assert code == 0
        return tuple(" ".join(text.split()) for text in texts)

    return call


@pytest.mark.slow
def test_the_command_tells_the_device_and_what_stayed_on_the_cpu(gpu, command):
    gpu.refused |= {"momentum": "it is refused", "nesterov": "it is refused"}
    out, err = command("--device", "auto", "--no-report")
    assert err == "on the GPU: a card"
    assert (
        "8 of 12 cohorts ran on the CPU: rosenbrock with momentum, rosenbrock with nesterov, saddle with momentum "
        "and 1 more (it is refused)"
    ) in out
    out, err = command("--device", "cuda", "--no-report", "--out", "other", "--optimizers", "gd")
    assert err == "on the GPU: a card" and "on the CPU" not in out


def test_a_dry_run_on_a_gpu_runs_nothing_there(gpu, command):
    out, err = command("--device", "cuda", "--dry-run")
    assert err == "on the GPU: a card" and "12 cohorts, 12 runs" in out and "no estimate" in out
    assert gpu.calls == gpu.compilations == []


def test_the_engine_takes_what_the_stand_in_takes():
    from optbench.engine.cuda import cohorts

    for name in ("refusal_reason", "compile_kernels", "run_cohorts"):
        given = inspect.signature(getattr(StandIn(), name)).parameters
        inspect.signature(getattr(cohorts, name)).bind(**dict.fromkeys(given))
