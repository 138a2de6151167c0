"""Every asv benchmark runs once, small; the comparison with the peers loads without them."""

import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from quick import some_quick

ROOT = Path(__file__).parents[2]
MODULES = ["averages", "objectives", "sweeps", "updates"]

# One small combination of parameters for each class.
SMALL = {
    "averages.Ewa": ("float64", True, (3, 50)),
    "objectives.ValueAndGradient": ("rosenbrock", "float64", 2),
    "objectives.Driver": ("rosenbrock", "gd", 1),
    "updates.OneRun": ("gd", "float64", 100),
    "updates.ManyLanes": ("gd", "float64", 4),
    "sweeps.Calls": (),
    "sweeps.Commands": (),
    "sweeps.Default": (),
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


def test_every_benchmark_is_run_here():
    found = {
        f"{module}.{name}"
        for module in MODULES
        for name, value in vars(load(module)).items()
        if inspect.isclass(value) and not name.startswith("_") and value.__module__ == load(module).__name__
    }
    assert found == set(SMALL)
    folder = ROOT / json.loads((ROOT / "asv.conf.json").read_text())["benchmark_dir"]
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", "prepared", *MODULES}


@pytest.mark.parametrize("name", some_quick(SMALL, {*SMALL} - {"sweeps.Default"}))
def test_a_benchmark_runs(name, monkeypatch):
    module, kind = name.split(".")
    benchmark, parameters = getattr(load(module), kind)(), SMALL[name]
    if kind == "Calls":
        benchmark.cohorts, benchmark.steps = 2, 10
    given = parameters
    if kind == "Default":  # as asv does: once, and what it returns comes first
        monkeypatch.setattr(benchmark, "arguments", load(module)._SMALL)
        given = (benchmark.setup_cache(),)
    params, names = getattr(benchmark, "params", []), getattr(benchmark, "param_names", [])
    assert len(params) == len(names) == len(parameters)
    for values, value in zip(params, parameters, strict=True):
        assert len(values) > 0 and isinstance(value, type(values[0]))
    names = measures(benchmark)
    assert names
    getattr(benchmark, "setup", lambda *given: None)(*given)
    try:
        results = {measure: getattr(benchmark, measure)(*given) for measure in names}
    finally:
        getattr(benchmark, "teardown", lambda *given: None)(*given)
    assert all(result > 0 for measure, result in results.items() if measure.startswith("track_"))


def test_peers_loads_without_the_peers():
    script = "import sys\nsys.modules |= dict.fromkeys(('torch', 'jax', 'jaxlib', 'optax'))\nimport benchmarks.peers\n"
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

    now = 0.0

    def call(own, steps):
        def run():
            nonlocal now
            now += own + 1e-6 * steps

        return run

    monkeypatch.setattr(peers.time, "process_time", lambda: now)
    sides = [
        peers.Side("optbench", call(5e-3, 1000), 1000, short=call(5e-3, 1)),
        peers.Side("JAX", call(0, 1000), 1000),
    ]
    assert all(each == pytest.approx([500, 500]) for each in peers.measure(sides, lanes=2, repeats=2, seconds=0.05))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rosenbrock-gd/64", "rosenbrock-adam/64", "logistic/1", "mlp/1"])
def test_our_side_of_a_case_arrives_where_the_reference_does(name):
    from benchmarks import peers

    case = replace(dict(peers.cases())[name](), steps=200)
    assert peers.error(case, peers.optbench_side(case), peers.reference(case, 200)) <= peers.TOLERANCE


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")
@pytest.mark.parametrize("name", ["rosenbrock-adam/64", "logistic/1", "mlp/1"])
def test_the_other_sides_arrive_there(name):
    from benchmarks import peers

    case = replace(dict(peers.cases())[name](), steps=200, torch_steps=20)
    sides = [*peers.jax_sides(case), *([peers.torch_side(case)] if case.lanes == 1 else [])]
    for side in sides:
        assert peers.error(case, side, peers.reference(case, side.steps)) <= peers.TOLERANCE
