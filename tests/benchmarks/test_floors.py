"""The counts of floors.py, against counts by hand; a floor as the larger of its two times; and the table."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import optbench

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def problem(name):
    return optbench.objective(name).problem


def test_rosenbrock_by_hand():
    """Two coordinates: 200 (y - x x); 1 - x; y - x x; a a + 100 b b; -2 a - 400 x b. Four numbers and f a lane."""
    from benchmarks.bounds.declared import gradient_work

    for lanes in (1, 64):
        work = gradient_work(problem("rosenbrock"), 64, lanes)
        assert work.operations == Counter(add=(1 + 1 + 1 + 1 + 1) * lanes, multiply=(2 + 1 + 3 + 3) * lanes)
        assert work.numbers == work.arrays == 5 * lanes


def test_adam_by_hand():
    """m: 2 products and a sum; v: 3 and a sum; m over a number, v over a number; w - lr m / (sqrt(v + eps) + eps).

    1 - beta and 1 - beta^t are constants of a lane.
    """
    from benchmarks.bounds.declared import rule_work

    work = rule_work(optbench.optimizers()["adam"], (10, 10), 2)
    assert work.operations == Counter(multiply=8 * 200, add=5 * 200, sqrt=200, divide=200)
    assert work.numbers == 200 * 7 and work.arrays == 200 * 4  # w, g, m, v; w, m and v are written, too


def test_every_record_can_be_counted():
    from benchmarks.bounds.declared import gradient_work, rule_work

    for name in optbench.problems():
        if name not in ("convolution", "autoencoder", "vae"):  # long
            assert sum(gradient_work(problem(name), 2, 2).operations.values()) > 0, name
    for name, record in optbench.optimizers().items():
        if isinstance(record, optbench.Optimizer):
            assert sum(rule_work(record, (2, 3), 1).operations.values()) > 0, name


def test_numbers_that_count_compute_what_floats_do():
    from benchmarks.bounds.counting import Real, counted, counting, reals

    def formula(x, y):
        return math.exp(-abs(x)) * max(y, 0.5) / (1.0 + x**3) + 2.0 / y - x / 4 + math.sqrt(y)

    values = []
    tally = counted(lambda: values.append(counting(formula)(Real(1.25), Real(0.75))))
    assert float(values[0]) == pytest.approx(formula(1.25, 0.75), rel=1e-15)
    assert tally == Counter(exp=1, multiply=1 + 2 + 1, divide=2, add=1 + 3, sqrt=1)
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    out = reals(np.zeros((2, 4)))
    assert counted(lambda: np.dot(reals(a), reals(b), out)) == Counter(product=2 * 2 * 3 * 4)
    assert np.array_equal(out.astype(float), a @ b)


def test_the_floor_is_the_larger_of_two_times():
    from benchmarks.bounds.declared import Work
    from benchmarks.bounds.machine import Machine

    machine = Machine("float32", repeats=1)
    machine.peak, machine.product = 10.0, 20.0
    machine._bandwidths, machine._functions = {1 << 14: 8.0, 1 << 21: 2.0}, {"exp": 0.5}
    operations = Counter(add=40, multiply=60, product=100, exp=8)  # 10 + 5 + 4 ns
    assert machine.floor(Work(operations, 10, 1000)) == (pytest.approx(19.0), "flops")
    assert machine.floor(Work(operations, 1000, 1000)) == (pytest.approx(500.0), "memory, 3.91 KiB")
    assert machine.floor(Work(operations, 1000, 500_000)) == (pytest.approx(2000.0), "memory, 1.91 MiB")


def test_the_table_is_written(tmp_path, capsys, monkeypatch):
    from benchmarks import floors, peers

    monkeypatch.setattr(peers.os, "environ", dict(peers.os.environ))
    monkeypatch.setattr(floors, "pin", lambda: None)
    files = tmp_path / "floors.json", tmp_path / "floors.md"
    arguments = ["--quick", "--only", "beale", "--json", str(files[0]), "--table", str(files[1])]
    assert floors.main(arguments) == 0
    (row,) = json.loads(files[0].read_text())["rows"]
    assert row["name"] == "beale" and row["share"] == pytest.approx(row["floor_ns"] / row["ns"])
    assert 0 < row["share"] and "| problem | beale |" in files[1].read_text()
    assert "beale" in capsys.readouterr().out
    assert floors.main(["--only", "nothing"]) == 2
