"""Every asv benchmark runs once, small; the comparison with the peers loads without them."""

import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from harness import CATALOGUE, lane, problem_of

from optbench.engine.cohort import Cohort
from optbench.engine.run import run

ROOT = Path(__file__).parents[2]
MODULES = ["averages", "executors", "networks", "objectives", "sizes", "sweeps", "updates"]

# One small combination of parameters for each class.
SMALL = {
    "averages.Ewa": ("float64", True, (3, 50)),
    "executors.Executors": ("dask",),
    "networks.SmallNetworks": ((64, 32, 10), "float32", 1),
    "networks.Evaluations": ((64, 32, 10), "float64"),
    "objectives.ValueAndGradient": ("rosenbrock", "float64", 2),
    "objectives.Driver": ("rosenbrock", "gd", 1),
    "updates.OneRun": ("gd", "float64", 100),
    "updates.Lists": ("adam", "float32", 1, 1),
    "updates.ManyLanes": ("gd", "float64", 4),
    "updates.Bandwidth": ("gd", "float32"),
    "sizes.DryRun": (10_000,),
    "sizes.Growth": (1_000, 1),
    "sizes.Report": (320,),
    "sweeps.Calls": (),
    "sweeps.Commands": (),
    "sweeps.FirstStart": (),
}


@pytest.fixture(autouse=True)
def checkout(monkeypatch, tmp_path):
    """In a folder of its own, as asv runs them."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(tmp_path)


def load(module):
    return importlib.import_module(f"benchmarks.asv.{module}")


def measures(benchmark):
    return [
        name for name, _ in inspect.getmembers(benchmark, callable) if name.startswith(("time_", "peakmem_", "track_"))
    ]


LONG = ("sizes.Report", "sizes.DryRun", "sizes.Growth", "sweeps.FirstStart", "executors.Executors")
"""The benchmarks that only CI runs."""


def test_every_benchmark_is_run_here():
    found = {
        f"{module}.{name}"
        for module in MODULES
        for name, value in vars(load(module)).items()
        if inspect.isclass(value) and not name.startswith("_") and value.__module__ == load(module).__name__
    }
    assert found == set(SMALL)
    folder = ROOT / json.loads((ROOT / "asv.conf.json").read_text())["benchmark_dir"]
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", "versions", *MODULES}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in SMALL if name != "sweeps.Commands"],
)
def test_a_benchmark_runs(name, monkeypatch):
    module, kind = name.split(".")
    if module == "sizes":  # time and memory are those of one command
        monkeypatch.setattr(load(module), "_peak", cache(load(module)._peak))
    benchmark, parameters = getattr(load(module), kind)(), SMALL[name]
    if kind in ("Bandwidth", "Lists"):
        benchmark.parameters = 1000  # not 20 million
    if kind == "FirstStart":
        benchmark.arguments = load(module)._SMALL
    if module == "networks":
        monkeypatch.setattr(load(module), "_REPEATS", 2)
    if kind == "Executors":
        benchmark.cohorts, benchmark.steps = 2, 10
    params, names = getattr(benchmark, "params", []), getattr(benchmark, "param_names", [])
    assert len(params) == len(names) == len(parameters)
    for values, value in zip(params, parameters, strict=True):
        assert len(values) > 0 and isinstance(value, type(values[0]))
    names = measures(benchmark)
    assert names
    benchmark.setup(*parameters)
    try:
        results = {measure: getattr(benchmark, measure)(*parameters) for measure in names}
    finally:
        getattr(benchmark, "teardown", lambda *parameters: None)(*parameters)
    assert all(result > 0 for measure, result in results.items() if measure.startswith("track_"))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("objectives.Driver", ("mlp", "gd", 64)), ("networks.SmallNetworks", ((64, 32, 10), "float64", 64))],
)
def test_every_lane_of_a_network_makes_its_own_steps(name, parameters):
    """Lanes of one setting are one run: 63 of 64 would be given what the first one has."""
    module, kind = name.split(".")
    benchmark = getattr(load(module), kind)()
    benchmark.prepare(*parameters)
    lanes = [lane("gd", settings["lr"]) for settings in benchmark.settings]
    cohort = Cohort(problem_of(benchmark.problem), CATALOGUE.optimizers["gd"], lanes, batch_size=64, steps=10)
    assert len(lanes) == 64 and run(cohort).parts[0].reused_steps == 0


def test_the_commands_that_are_timed_run(monkeypatch):
    """The small ones in processes of their own, as asv does; of the others, that they would run."""
    from optbench.cli import app
    from optbench.cli import sweep as sweep_command

    sweeps = load("sweeps")
    commands, planned, real = [], [], subprocess.run

    def run(command, **options):
        assert command[:3] == [sys.executable, "-m", "optbench"]
        commands.append(command[3:])
        if commands.count(command[3:]) == 1 and (command[3] == "--help" or "NUMBA_CACHE_DIR" not in options["env"]):
            real(command, **options)

    monkeypatch.setattr(sweeps.subprocess, "run", run)
    monkeypatch.setattr(sweep_command, "print_plan", lambda plan, workers: planned.append(plan.runs))
    benchmark = sweeps.Commands()
    benchmark.setup()
    for name in measures(benchmark):
        getattr(benchmark, name)()
    assert len(commands) == 4
    for command in commands:
        if command[0] == "sweep":
            monkeypatch.setattr(sys, "argv", ["optbench", *command, "--dry-run"])
            with pytest.raises(SystemExit) as end:
                app.main()
            assert not end.value.code
    assert sorted(planned) == [1, 1, 576]


def test_the_peers_modules_load_without_the_peers():
    names = ["benchmarks.peers"]
    names += [f"benchmarks.sides.{path.stem}" for path in sorted((ROOT / "benchmarks" / "sides").glob("[a-z]*.py"))]
    jobs = ROOT / "benchmarks" / "jobs"
    names += [f"benchmarks.jobs.{path.stem}" for path in sorted(jobs.glob("[a-z]*.py")) if path.stem != "jax_programs"]
    assert {"jax_side", "numpy_side", "optbench_side", "torch_side"} <= {name.rpartition(".")[2] for name in names}
    script = (
        "import importlib, sys\nfor name in ('torch', 'jax', 'jaxlib', 'optax'):\n    sys.modules[name] = None\n"
        f"for name in {names}:\n    importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_peers_says_what_it_needs(monkeypatch, capsys):
    from benchmarks import peers

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("torch", "jax") else True)
    before = dict(os.environ)
    assert peers.main([]) == 2 and os.environ == before
    assert capsys.readouterr().err == "peers.py: needs torch, jax: pip install -e '.[peers]'\n"


def test_what_a_short_call_costs_is_taken_off(monkeypatch):
    """A call of 5 ms and 1 us a step: 1 us a step is measured, whatever the call costs."""
    from benchmarks import peers
    from benchmarks.sides.cases import Side

    now = 0.0

    def call(own, steps):
        def run():
            nonlocal now
            now += own + 1e-6 * steps

        return run

    monkeypatch.setattr(peers, "best_clock", lambda: lambda: now)
    ours = Side("optbench", call(5e-3, 1000), 1000, short=call(5e-3, 1), short_steps=1)
    longer = Side(
        "optbench", call(9.0, 1), 1, short=call(5e-3, 1), short_steps=1, long=call(5e-3, 9000), long_steps=9000
    )
    sides = [ours, Side("JAX", call(0, 1000), 1000), longer]
    times, shorts = peers.measure(sides, items=2, repeats=2, seconds=0.05)
    assert all(each == pytest.approx([500, 500]) for each in times)
    assert shorts[0] == pytest.approx([5.001e6, 5.001e6]) and shorts[1] == []


@pytest.mark.parametrize(
    "name", ["rosenbrock-gd/float64/1", "logistic/float64/1", "adam-list-1e4/float64/1", "ewa-corrected/float64/1"]
)
def test_our_side_of_a_case_arrives_where_the_reference_does(name):
    from benchmarks import peers
    from benchmarks.sides.cases import TOLERANCE, cases
    from benchmarks.sides.optbench_side import optbench_side

    case = dict(cases(quick=True))[name]()
    errors = peers.check(case, [optbench_side(case)])
    assert errors["optbench"] <= TOLERANCE[case.dtype]
