"""A ladder of difficulty: how much stress can tuned baselines take?

    python benchmarks/ladder.py --out reports/ladder.csv         # measure all steps, some minutes
    python benchmarks/ladder.py --problems                       # the kept steps' problems, for a sweep

A step is a problem under a stress wrapper of some severity. An optimizer, its rate tuned for each step by itself,
solves it if it needs at most twice the samples that it needs, tuned, without the stress. Samples are expected running
times to a target that is kept, on seeds that tuned nothing: all samples over the number of runs that came there. The
target is the hardest share of the first suboptimality, of 1% at the least, to which every baseline comes without the
stress, in all runs, and in a third of the length of a run at most. A step is easy if all baselines solve it, a
nightmare if none does, and of the ladder else; the hardest easy one and the least nightmare of each wrapper are kept
as its ends. Times are those of five seeds: a failed run may make a step look harder than the next one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "reports" / "ladder.csv"
BASELINES = ["gd", "momentum", "rmsprop", "adam"]
BASES = {"quadratic": 40, "mlp": 10}
"""The problems, and how many epochs a run takes."""
SEVERITIES = {
    "noisy({}, law='student', scale={})": (0.003, 0.01, 0.03, 0.1, 0.3),
    "delayed({}, steps={})": (1, 2, 3, 5, 10),
    "sparse({}, share={})": (0.8, 0.6, 0.4, 0.3, 0.2),
}
"""The wrappers, each from its least severity to its largest."""
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
SETTINGS: dict[str, Any] = {
    "learning_rates": "1e-5:10:25", "batch_sizes": [16], "schedules": ["constant"], "seeds": 8, "tuning_seeds": 3,
}  # fmt: skip
SLOWER = 2.0
"""So many times the samples of the problem without stress may a solved step take: the ladder's rule."""


def measure(base: str, steps: Sequence[str], optimizers: Sequence[str]) -> pd.DataFrame:
    """A row for each step and optimizer: base, step, optimizer, target, clean, samples, and how many times as many.

    steps: names of wrapped problems.
    """
    import optbench

    found = optbench.sweep(
        {**SETTINGS, "problems": [base, *steps], "optimizers": optimizers, "epochs": BASES[base]}, progress=False
    )
    runs = found.runs
    first = sorted(runs["seed"].unique())[: SETTINGS["tuning_seeds"]]
    rows = []
    for target in SHARES:
        tuned = expected_samples(runs, f"samples_to_{target:g}", first)
        clean = tuned.loc[base]
        if not (clean["all"].all() and 3 * clean["samples"].max() <= runs["samples"].max()):
            break
        rows = [
            (base, name, optimizer, target, clean.loc[optimizer, "samples"], row["samples"])
            for (name, optimizer), row in tuned.iterrows()
            if name != base
        ]
    table = pd.DataFrame(rows, columns=["base", "step", "optimizer", "target", "clean", "samples"])
    return table.assign(times=table["samples"] / table["clean"])


def expected_samples(runs: pd.DataFrame, column: str, tuning: Sequence[int]) -> pd.DataFrame:
    """By problem and optimizer, of the rate that needs least on the tuning seeds: samples on the others, all arrived.

    column: of samples to the target, infinite where a run did not come there.
    """
    came = np.isfinite(runs[column])
    runs = runs.assign(spent=runs[column].where(came, runs["samples"]), came=came)
    keys = ["problem", "optimizer"]

    def times(part: pd.DataFrame) -> pd.DataFrame:
        sums = part.groupby([*keys, "lr"], sort=False).agg(
            spent=("spent", "sum"), came=("came", "sum"), all=("came", "all")
        )
        return sums.assign(samples=(sums["spent"] / sums["came"]).where(sums["came"] > 0, np.inf))

    chosen = times(runs[runs["seed"].isin(tuning)])["samples"].groupby(keys, sort=False).idxmin()
    return times(runs[~runs["seed"].isin(tuning)]).loc[chosen.tolist()].droplevel("lr")[["samples", "all"]]


def classify(table: pd.DataFrame) -> pd.DataFrame:
    """A row a step, in order of severity: base, step, target, each optimizer's times, solved, kind and kept."""
    wide = table.pivot_table(index=["base", "step", "target"], columns="optimizer", values="times", sort=False)
    solved = (wide <= SLOWER).sum(axis=1)
    kind = np.select([solved == wide.shape[1], solved == 0], ["easy", "nightmare"], "ladder")
    wide = wide.assign(solved=solved, kind=kind).reset_index()
    wrapper = wide["step"].str.split("(").str[0]
    ends = {
        number
        for _, part in wide.groupby([wide["base"], wrapper], sort=False)
        for number in (*part.index[part["kind"] == "easy"][-1:], *part.index[part["kind"] == "nightmare"][:1])
    }
    return wide.assign(kept=(wide["kind"] == "ladder") | wide.index.isin(ends))


def read_table() -> pd.DataFrame:
    """The committed table, without its first line, which says what made it."""
    return pd.read_csv(TABLE, comment="#")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="measure all steps and write them to this CSV")
    parser.add_argument("--problems", action="store_true", help="print the kept steps' problems")
    given = parser.parse_args(arguments)
    if given.problems:
        print(", ".join(read_table().query("kept")["step"]))
    elif given.out:
        from optbench import __version__

        parts = [
            measure(
                base, [text.format(base, each) for text, levels in SEVERITIES.items() for each in levels], BASELINES
            )
            for base in BASES
        ]
        table = classify(pd.concat(parts, ignore_index=True)).round(3)
        head = f"# optbench {__version__}: python benchmarks/ladder.py --out {given.out}\n"
        Path(given.out).write_text(head + table.to_csv(index=False))
        print(table.to_string(index=False))
    else:
        parser.error("give --out or --problems")


if __name__ == "__main__":
    main(sys.argv[1:])
