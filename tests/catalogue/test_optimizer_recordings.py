"""Every update rule and wrapper against trajectories that other libraries recorded, and the table that names them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, drive_rule
from twins import TWINS

from optbench.checks.interpreter import Interpreter
from optbench.contract import names

FOLDER = Path(__file__).parents[1] / "reference"
RECORDED = np.load(FOLDER / "trajectories.npz")
ENTRIES = {entry["key"]: entry for entry in map(json.loads, RECORDED["index"])}
INDEX = {key: entry for key, entry in ENTRIES.items() if "note" not in entry}
"""Without what was recorded for docs/agreement.md alone."""
LOOSER = {
    "pytorch_optimizer.mars": 2e-12,  # it adds 1e-15 under the root
    "pytorch_optimizer.soap": 1e-9,  # it divides a number near rounding by its own size
    "pytorch_optimizer.adahessian_falling": 1e-12,  # a difference of two gradients has fewer digits than they
    "sophia-opt.sophia_g_decay": 2e-12,  # a hundred times a rounding of its gradients: 4e-13 on a processor without FMA
}
LOOSER |= {f"modded-nanogpt.{key}": 1e-11 for key in ("soap_muon", "seldom")}  # likewise
# Roots of a matrix with small eigenvalues are less exact than the matrix.
LOOSER |= {f"distributed_shampoo.{key}": 1e-11 for key in ("adam", "often", "decay", "pieces")}
FEW = {"mechanic": 30, "sam": 70, "sps_smooth": 140}
"""Steps in a closed loop of a rule that amplifies roundings: in 200 steps, mechanic makes them 1e11 times as large, and
so does sam near the minimum, where a small gradient still has a direction of length 1. Steps of sps_smooth grow until
they make what had come to 0 but for roundings grow, too."""
CASES = [
    pytest.param(key, marks=pytest.mark.xdist_group(entry["optimizer"].split("(")[0])) for key, entry in INDEX.items()
]
"""With the other tests of the rule on one worker: they need the same kernels."""


@pytest.mark.slow
@pytest.mark.parametrize("key", CASES)
@pytest.mark.parametrize("loop", ["open", "closed"])
def test_rule_follows_the_recorded_trajectory(key, loop):
    """Open loop: on the recorded gradients. Closed loop: on gradients of the recorded objective where the rule is."""
    entry = INDEX[key]
    record, _ = CATALOGUE.optimizer(entry["optimizer"])
    assert set(entry["hyperparameters"]) == set(record.hyperparameters)
    count = FEW.get(names.parse(entry["optimizer"])[0]) if loop == "closed" else None
    expected, runs = RECORDED[f"{key}.trajectory"], 1 if record.matrix else 2
    matrix, quartic = RECORDED[f"{entry['problem']}.matrix"], RECORDED["problem.quartic"]
    slope = lambda w: w @ matrix + quartic * w**3  # noqa: E731
    gradients = RECORDED[f"{key}.gradients"] if loop == "open" else lambda _, w: slope(w)
    losses = lambda _, w: ((0.5 * w @ matrix + 0.25 * quartic * w**3) * w).sum(axis=1)  # noqa: E731
    values = [record.with_values(entry["hyperparameters"])] * runs
    rates, blocks = np.linspace(*np.broadcast_to(entry["lr"], 2), len(expected) - 1), entry["blocks"]
    rates, blocks = np.tile(rates[:count, None], runs), tuple(map(tuple, blocks))
    for part, reported in (("trajectory", False), ("reported", True)):
        if f"{key}.{part}" in RECORDED:
            w = np.tile(expected[0], (runs, 1))
            path = drive_rule(record, "rows", w, gradients, rates, values, blocks=blocks, reported=reported,
                              second=slope, losses=losses)  # fmt: skip
            for r in range(runs):
                np.testing.assert_allclose(
                    path[:, r], RECORDED[f"{key}.{part}"][: len(path)], rtol=1e-12, atol=LOOSER.get(key, 1e-13)
                )


@pytest.mark.parametrize("name", ["momo", "momo_adam", "soap"])
def test_rule_in_plain_python_begins_as_recorded(name):
    """On the recorded gradients. Nothing is compiled, so that settings need not wait for the slow part.

    After 57 steps, soap would differ if it did not sort v with its bases.
    """
    for key, entry in INDEX.items():
        if entry["optimizer"] != name:
            continue
        matrix, quartic = RECORDED[f"{entry['problem']}.matrix"], RECORDED["problem.quartic"]
        record = replace(CATALOGUE.optimizers[name], hyperparameters=entry["hyperparameters"])
        rule = Interpreter(record, tuple(map(tuple, entry["blocks"])))
        expected, gradients = RECORDED[f"{key}.trajectory"], RECORDED[f"{key}.gradients"]
        rates, w = np.linspace(*np.broadcast_to(entry["lr"], 2), len(gradients)), expected[0]
        for k in range(60):
            loss = ((0.5 * w @ matrix + 0.25 * quartic * w**3) * w).sum()
            w = rule.step(w, gradients[k], rates[k], loss)
            np.testing.assert_allclose(w, expected[k + 1], rtol=1e-12, atol=LOOSER.get(key, 1e-13), err_msg=key)


def test_a_rule_without_a_twin_was_recorded_at_two_values_of_its_hyperparameters():
    settings = {}
    for entry in INDEX.values():
        settings.setdefault(entry["optimizer"], set()).add(json.dumps(entry["hyperparameters"], sort_keys=True))
    for name in set(OPTIMIZERS) - set(TWINS):
        wanted = 2 if CATALOGUE.optimizers[name].hyperparameters else 1
        assert len(settings.get(name, ())) >= wanted, f"{name}: record it at other values, or write its twin"


def test_where_w_is_not_reported_both_are_recorded():
    reporting = {key for key, entry in INDEX.items() if CATALOGUE.optimizer(entry["optimizer"])[0].report}
    assert reporting == {key for key in INDEX if f"{key}.reported" in RECORDED}


def table():
    """Return the libraries by optimizer, from the table in the README."""
    lines = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", (FOLDER / "README.md").read_text(), flags=re.MULTILINE)
    return {name: set(cell.split(", ")) for name, cell in lines}


def test_the_table_says_who_recorded_every_optimizer_and_wrapper():
    recorded = {name: set() for name in [*OPTIMIZERS, *CATALOGUE.wrappers]}
    for entry in INDEX.values():
        # A wrapped optimizer's row stands for the wrapper.
        recorded[names.parse(entry["optimizer"])[0]].add(entry["library"])
    assert table() == {name: libraries or {"nobody"} for name, libraries in recorded.items()}
