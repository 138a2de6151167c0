"""benchmarks/same_numbers.py on small folders: what it calls the same, and what it says of what is not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def compare(capsys, first, second):
    from benchmarks import same_numbers

    code = same_numbers.main([str(first), str(second)])
    return code, capsys.readouterr().out.splitlines()


def write_sweep(folder, change=lambda runs, curves: (runs, curves)):
    """Eight runs with three points each, and a hyperparameter that half of them have no use for."""
    folder.mkdir()
    asked = [(name, beta, lr, seed) for name, beta in (("gd", np.nan), ("momentum", 0.9)) for lr in (0.1, 0.2)
             for seed in (0, 1)]  # fmt: skip
    runs = pd.DataFrame(asked, columns=["optimizer", "beta", "lr", "seed"])
    ids = [f"{folder.name}-{place}" for place in range(len(runs))]
    runs = runs.assign(run_id=ids, cohort_id=f"{folder.name}-c", status="ok", loss_final=0.5 + 0.25 * runs.index)
    curves = pd.DataFrame({"run_id": np.repeat(ids, 3), "step": np.tile([0, 1, 2], len(runs))})
    curves["train_loss"] = np.linspace(1, 2, len(curves))
    curves["test_loss"] = np.nan
    runs, curves = change(runs, curves)
    runs.to_parquet(folder / "runs.parquet")
    curves.to_parquet(folder / "curves.parquet")
    return folder


def write_lecture(folder, effect=0.25, seconds=1.5, value=3.0):
    (folder / "tables").mkdir(parents=True)
    claims = [
        {"id": "A1", "verdict": "holds", "effect": seconds, "measure": "times as many seconds"},
        {"id": "B3", "verdict": "holds", "effect": effect, "measure": "largest error", "detail": f"{seconds} seconds"},
    ]
    (folder / "results.json").write_text(json.dumps(claims))
    table = pd.DataFrame({"seed": [0, 1], "value": [value, 4.0], "seconds": [seconds, seconds]})
    table.to_parquet(folder / "tables" / "B3-weights.parquet")
    return folder


def flipped(value):
    """Return the next number up: one bit away."""
    return np.nextafter(value, np.inf)


def test_the_same_numbers_under_other_ids_in_another_order_are_the_same(tmp_path, capsys):
    def shuffled(runs, curves):
        return runs.sample(frac=1, random_state=1), curves.sample(frac=1, random_state=2)

    first, second = write_sweep(tmp_path / "a"), write_sweep(tmp_path / "b", shuffled)
    assert compare(capsys, first, second) == (0, ["all: the same, bit for bit"])


def test_one_bit_of_a_run_is_seen_and_where_it_is(tmp_path, capsys):
    def change(runs, curves):
        runs.loc[5, "loss_final"] = flipped(runs.loc[5, "loss_final"])
        return runs[::-1], curves

    code, lines = compare(capsys, write_sweep(tmp_path / "a"), write_sweep(tmp_path / "b", change))
    assert code == 1 and lines[0] == "all: differences: 1"
    assert lines[1] == (
        "  runs: loss_final differs in 1 of 8 rows; the first is 1.75 against 1.7500000000000002"
        " at optimizer=momentum, beta=0.9, lr=0.1, seed=1"
    )


@pytest.mark.parametrize("value", [flipped(1.0), -0.0, np.nan])
def test_one_value_of_a_curve_is_seen_and_which_run_has_it(tmp_path, capsys, value):
    def change(runs, curves, value=value):
        curves.loc[9, "train_loss"] = value
        return runs, curves

    def original(runs, curves):
        return change(runs, curves, 0.0 if value == 0 else 1.0)

    code, lines = compare(capsys, write_sweep(tmp_path / "a", original), write_sweep(tmp_path / "b", change))
    assert code == 1 and len(lines) == 2
    assert lines[1].startswith("  curves: train_loss differs in 1 of 24 rows")
    assert lines[1].endswith(" at optimizer=gd, lr=0.2, seed=1, step=0")


def test_a_run_and_a_column_that_are_missing_are_named(tmp_path, capsys):
    def change(runs, curves):
        return runs.drop(index=6).assign(status=runs["status"].where(runs["seed"] == 0)), curves.drop(
            columns="test_loss"
        )

    first, second = write_sweep(tmp_path / "a"), write_sweep(tmp_path / "b", change)
    code, lines = compare(capsys, first, second)
    assert code == 1 and lines == [
        "all: differences: 3",
        "  runs: rows in the first only: 1, such as optimizer=momentum, beta=0.9, lr=0.2, seed=0",
        "  runs: status differs in 4 of 7 rows; the first is ok against nan at optimizer=gd, lr=0.1, seed=1",
        "  curves: the column test_loss is in the first only",
    ]


def test_a_lecture_is_compared_but_for_its_seconds(tmp_path, capsys):
    first, slower = write_lecture(tmp_path / "a" / "lecture"), write_lecture(tmp_path / "b" / "lecture", seconds=2.5)
    assert compare(capsys, first.parent, slower.parent) == (0, ["lecture: the same, bit for bit"])
    other = write_lecture(tmp_path / "c", effect=0.5, value=3.5)
    code, lines = compare(capsys, first, other)
    assert code == 1 and lines == [
        "all: differences: 2",
        "  claim B3: effect is 0.25 in the first, 0.5 in the second",
        "  B3-weights: value differs in 1 of 2 rows; the first is 3.0 against 3.5 at row 0",
    ]


def test_folders_that_have_nothing_in_common_are_no_proof(tmp_path, capsys):
    first, second = write_sweep(tmp_path / "a"), write_lecture(tmp_path / "b")
    with pytest.raises(SystemExit) as end:
        compare(capsys, first, second)
    assert end.value.code == 2 and "no sweep and no lecture in common" in capsys.readouterr().err


@pytest.mark.slow
def test_the_agreed_set_is_run_by_the_python_that_asks_for_it(tmp_path, monkeypatch):
    from benchmarks import same_numbers

    monkeypatch.setattr(same_numbers, "SET", {"one": ("sweep", str(tmp_path / "one.toml"), "--no-report")})
    (tmp_path / "one.toml").write_text(
        'problems = ["rosenbrock"]\noptimizers = ["gd"]\nbatch_sizes = ["full"]\nschedules = ["constant"]\n'
        "learning_rates = [0.001]\nseeds = 1\ntuning_seeds = 0\nsteps = 5\n"
    )
    assert same_numbers.main(["--make", str(tmp_path / "out")]) == 0
    assert len(pd.read_parquet(tmp_path / "out" / "one" / "runs.parquet")) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one"]  # the first of the two runs is gone
