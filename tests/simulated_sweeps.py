"""Sweeps drawn from recorded runs: the protocol in plain NumPy, thousands of blocks at a time.

`tests/reference/record_calibration.py` recorded y of real settings on many seeds. A block draws its seeds from them,
tunes and reports; the blocks of a sweep are independent. So what the recorded seeds say is the truth that intervals
must cover.
"""

import itertools
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from synthetic import runs_table

from optbench.analysis.protocol import CodedRuns

ROOT = Path(__file__).parents[1]
ARCHIVE = ROOT / "tests" / "reference" / "calibration.npz"


class Design(NamedTuple):
    """Numbers of blocks, of seeds for each stage of a block, and of settings that race."""

    blocks: int
    screen: int
    race: int
    holdout: int
    finalists: int


def shipped(name: str) -> Design:
    """Return the design of a shipped spec, which must be calibrated, whatever it says."""
    spec = tomllib.loads((ROOT / "optbench" / "sweeps" / name).read_text(encoding="utf-8"))
    return Design(spec["blocks"], *(spec[key] for key in ("screen", "race", "holdout")), spec.get("finalists", 10))


def archive() -> dict[str, np.ndarray]:
    """Return y, (settings, seeds), by "problem.optimizer"."""
    with np.load(ARCHIVE) as data:
        return {name: data[name].astype(np.float64) / 1000 for name in data.files if name != "facts"}


def drawn_seeds(count: int, seeds: int, total: int, rng) -> np.ndarray:
    """Return (count, seeds): blocks of different seeds of `total`; far apart blocks are parts of the same shuffle."""
    parts = total // seeds
    decks = rng.permuted(np.tile(np.arange(total), (-(-count // parts), 1)), axis=1)[:, : parts * seeds]
    return decks.reshape(len(decks), parts, seeds).swapaxes(0, 1).reshape(-1, seeds)[:count]


def tuned(y: np.ndarray, seeds: np.ndarray, design: Design) -> np.ndarray:
    """Return (blocks, report): y of the setting that each block chose, on its reporting seeds; seeds: by block."""
    tuning = design.screen + design.race
    first = y[:, seeds[:, : design.screen]].mean(axis=2)
    raced = np.sort(np.argpartition(first, design.finalists - 1, axis=0)[: design.finalists], axis=0)
    means = y[raced[:, :, None], seeds[None, :, :tuning]].mean(axis=2)
    chosen = raced[np.argmin(means, axis=0), np.arange(len(seeds))]
    return y[chosen[:, None], seeds[:, tuning:]]


def clones(y: np.ndarray, sweeps: int, names: int, design: Design, rng) -> np.ndarray:
    """Return (names, sweeps, blocks, report): one optimizer under several names, with independent draws."""
    size = design.screen + design.race + design.holdout
    seeds = drawn_seeds(names * sweeps * design.blocks, size, y.shape[1], rng)
    return tuned(y, seeds, design).reshape(names, sweeps, design.blocks, -1)


def as_runs(parts: dict[str, tuple[np.ndarray, np.ndarray]], design: Design) -> pd.DataFrame:
    """Return the `runs` of a sweep whose race and holdout run all settings; parts: by name, y and seeds by block."""
    stages = np.repeat(["screen", "race", "holdout"], [design.screen, design.race, design.holdout])
    rows = []
    for name, (y, seeds) in parts.items():
        first = y[:, seeds[:, : design.screen]].mean(axis=2)
        raced = [set(np.argsort(column)[: design.finalists]) for column in first.T]
        for block, place, setting in itertools.product(range(len(seeds)), range(seeds.shape[1]), range(len(y))):
            if stages[place] == "screen" or setting in raced[block]:
                row = {"optimizer": name, "lr": float(setting), "stage": stages[place], "block": block}
                row |= {"seed": block * seeds.shape[1] + place, "log_tail": y[setting, seeds[block, place]]}
                rows.append(row)
    return runs_table(rows)


def finer_grids(y: np.ndarray, sweeps: int, seeds: int, blocks: int, rng) -> CodedRuns:
    """Pairs of clones as a table of `sweeps` problems: cell 2 k has a quarter of the settings, 2 k + 1 has all.

    Every setting ran on `seeds` seeds, which form so many blocks, whose first half tunes.
    """
    total, few = len(y), len(y) // 4
    stage, block = [], []
    for number, part in enumerate(np.array_split(np.arange(seeds), blocks)):
        stage += [0] * (len(part) // 2) + [2] * (len(part) - len(part) // 2)
        block += [number] * len(part)
    values, settings = [], []
    for sweep in range(sweeps):
        for cell, kept in ((2 * sweep, rng.permutation(total)[:few]), (2 * sweep + 1, np.arange(total))):
            values.append(y[kept][:, rng.permutation(y.shape[1])[:seeds]])
            settings += [cell] * len(kept)
    whole = np.concatenate(values)
    size = len(whole)
    table = pd.DataFrame({"cell": settings})
    cells = pd.DataFrame({"problem": np.repeat(np.arange(sweeps), 2), "optimizer": ["few", "all"] * sweeps})
    no = np.zeros(size * seeds, dtype=bool)
    arrays = {"bad": no, "cut": no, "stage": np.tile(stage, size), "block": np.tile(block, size)}
    arrays |= {"seed": np.tile(np.arange(seeds), size), "row": np.arange(size * seeds)}
    return CodedRuns(y=whole.ravel(), setting=np.repeat(np.arange(size), seeds), settings=table, cells=cells, **arrays)
