"""The tables of docs/agreement.md: in how many digits other libraries' steps are those of the catalogue's rules.

Each rule follows the recordings of tests/reference in plain Python, on the recorded gradients.
"""

import json
import re
from dataclasses import replace
from math import floor, log10
from pathlib import Path

import numpy as np

from optbench.catalogue import loader
from optbench.checks.interpreter import Interpreter
from optbench.contract import names
from optbench.contract.optimizers import Sizes
from tests.reference.optimizer_rows import LABELS, SIZES

FOLDER = Path(__file__).parent / "reference"
MOST = 12
"""Digits that are shown at most: beyond, machines round differently."""
SAME = 10
"""Digits from which on steps are the same: what is less has a reason other than rounding."""


def read_recordings():
    """Return the arrays by name, and the entries of the index."""
    with np.load(FOLDER / "trajectories.npz") as file:
        arrays = dict(file)
    return arrays, [*map(json.loads, arrays["index"])]


def read_remarks():
    """Return what tests/reference/README.md says of each rule, by its name."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*?) *\|$", text, flags=re.MULTILINE))


def measure(catalogue, arrays, entry):
    """Return the digits in which all weights agree after 1, 10 and all steps, relative to the largest weight."""
    record, _ = catalogue.optimizer(entry["optimizer"])
    record = replace(record, hyperparameters=record.with_values(entry["hyperparameters"]))
    expected, gradients = arrays[f"{entry['key']}.trajectory"], arrays[f"{entry['key']}.gradients"]
    matrix, quartic = arrays[f"{entry['problem']}.matrix"], arrays["problem.quartic"]
    run = Interpreter(record, tuple(map(tuple, entry["blocks"])), sizes=Sizes(*SIZES))
    w, distances = expected[0], []
    rates = np.linspace(*np.broadcast_to(entry["lr"], 2), len(gradients))
    for gradient, at, after, rate in zip(gradients, expected[:-1], expected[1:], rates, strict=True):
        loss = (0.5 * at @ matrix + 0.25 * quartic * at**3) @ at
        w = run.step(w, gradient, rate, loss, lambda there: there @ matrix + quartic * there**3, LABELS)
        distances.append(np.max(np.abs(w - after)) / np.max(np.abs(expected)))
    return tuple(_digits(np.max(distances[:steps])) for steps in (1, 10, len(distances)))


def _digits(distance):
    """Return how many decimal digits a relative distance leaves, from 0 to MOST."""
    if not distance < 1:  # NaN, too
        return 0
    return MOST if distance <= 10**-MOST else floor(-log10(distance))


def write_tables():
    """Return the two tables: those whose steps are the same, and those whose steps differ."""
    catalogue, remarks = loader.load(), read_remarks()
    arrays, entries = read_recordings()
    same, other = {}, []
    for entry in sorted(entries, key=lambda each: (names.parse(each["optimizer"])[0], each["library"])):
        digits, rule = measure(catalogue, arrays, entry), names.parse(entry["optimizer"])[0]
        if digits[-1] >= SAME:
            rows = same.setdefault((rule, entry["library"]), [])
            rows.append((entry["class"].rpartition(".")[2], len(arrays[f"{entry['key']}.gradients"]), digits[-1]))
        else:
            shown = ", ".join(map(str, digits))
            cells = f"`{entry['optimizer']}`", entry["library"], f"`{entry['class']}`", shown, entry.get("note", "")
            other.append(f"| {' | '.join(cells)} |")
    lines, last = [], ""
    for (rule, library), rows in same.items():
        classes = ", ".join(f"`{name}`" for name in dict.fromkeys(name for name, _, _ in rows))
        numbers = str(len(rows)), str(max(steps for _, steps, _ in rows)), str(min(digits for _, _, digits in rows))
        cells = f"`{rule}`", library, classes, *numbers, remarks.get(rule, "") * (rule != last)
        lines.append(f"| {' | '.join(cells)} |")
        last = rule
    head = ["| rule | library | class | settings | steps | digits | what to know |", "|---|---|---|--:|--:|--:|---|"]
    differ = ["| rule | library | class | digits after 1, 10, all steps | what differs |", "|---|---|---|---|---|"]
    return "\n".join(
        ["## The same steps", "", *head, *lines, "", "## Other steps under the same name", "", *differ, *other]
    )
