"""Whether two versions compute the same numbers, bit for bit.

    old/.venv/bin/python benchmarks/same_numbers.py --make old-numbers   # 10 minutes: two sweeps, the lecture, twice
    python benchmarks/same_numbers.py --make new-numbers
    python benchmarks/same_numbers.py old-numbers new-numbers

``--make`` runs the agreed set with the optbench that this Python has installed. Two folders are compared table by
table: a sweep's, the lecture's, or one that holds such folders under the same names. Rows of ``runs`` and ``curves``
are matched by what was asked for (problem, optimizer, hyperparameters, seed, ...), never by their ids or their order.
Ids and measured seconds are left out. It says which columns and rows differ, and where first, and ends with 1; with 0
where all is the same, and with 2 where there is nothing to compare. It reads the tables by itself, so that no version
of optbench stands between it and them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
SET = {
    "default": ("sweep", "--no-report"),
    "twelve": ("sweep", str(HERE / "twelve.toml"), "--no-report"),
    "lecture": ("lecture",),
}
"""The agreed set: the folder under ``--make`` and the command that fills it."""

IDS = ("run_id", "cohort_id")
SECONDS = ("seconds",)
"""Columns that are measured: two runs of one version differ in them."""
OUTCOMES = (
    "steps", "epochs", "samples", "status", "diverged_at", "loss_initial", "loss_final", "loss_best",
    "suboptimality_final", "test_loss_final", "log_tail",
)  # fmt: skip
METRICS = ("train_", "validation_", "test_", "early_", "jackknife_", "w_")
"""How the columns of metrics begin; every other column of ``runs`` is part of what was asked for."""
CLAIM = ("verdict", "effect", "low", "high", "measure", "on", "detail", "error")
"""What a claim's result says. Where it is measured in seconds only the verdict counts; no text with seconds does."""


def differing(a: pd.Series, b: pd.Series) -> np.ndarray:
    """Where two columns differ in any bit; not-a-number is the same as itself, and 0.0 is not -0.0."""
    nothing = (a.isna() & b.isna()).to_numpy()
    if a.dtype == b.dtype and a.dtype.kind == "f":
        bits = f"i{a.dtype.itemsize}"
        return (a.to_numpy().view(bits) != b.to_numpy().view(bits)) & ~nothing
    return ~((a.to_numpy(object) == b.to_numpy(object)) | nothing)


def match(
    name: str, first: pd.DataFrame, second: pd.DataFrame, keys: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The rows that both tables have by their keys, in one order, and a line for those that one of them lacks."""
    sides = [
        table[keys].assign(again=table.groupby(keys, dropna=False, sort=False).cumcount(), place=np.arange(len(table)))
        for table in (first, second)  # a row may stand there twice
    ]
    both, lines = sides[0].merge(sides[1], "outer", [*keys, "again"], indicator=True), []
    for mark, where in (("left_only", "first"), ("right_only", "second")):
        alone = both[both["_merge"] == mark]
        if len(alone):
            lines.append(f"{name}: rows in the {where} only: {len(alone):,}, such as {tell(alone[keys].iloc[0])}")
    both = both[both["_merge"] == "both"].sort_values("place_x")
    return first.iloc[both["place_x"].to_numpy(int)], second.iloc[both["place_y"].to_numpy(int)], lines


def tell(row: pd.Series) -> str:
    """What a row is, for who reads of it."""
    return ", ".join(f"{key}={value}" for key, value in row.items() if not pd.isna(value)) or f"row {row.name}"


def columns(
    name: str, first: pd.DataFrame, second: pd.DataFrame, about: pd.DataFrame, dropped: Sequence[str] = ()
) -> Iterator[str]:
    """A line for each column that differs; about: what each row is."""
    for column in dict.fromkeys([*first, *second]):
        if column in dropped:
            continue
        if column not in first or column not in second:
            yield f"{name}: the column {column} is in the {'first' if column in first else 'second'} only"
            continue
        a, b = first[column].reset_index(drop=True), second[column].reset_index(drop=True)
        if a.dtype != b.dtype:
            yield f"{name}: {column} is {a.dtype} in the first, {b.dtype} in the second"
        wrong = np.flatnonzero(differing(a, b))
        if len(wrong):
            place = wrong[0]
            yield (
                f"{name}: {column} differs in {len(wrong):,} of {len(a):,} rows; the first is {a[place]} against "
                f"{b[place]} at {tell(about.iloc[place])}"
            )


def sweep(first: Path, second: Path) -> Iterator[str]:
    """The tables of two sweeps."""
    runs = [pd.read_parquet(folder / "runs.parquet") for folder in (first, second)]
    asked = [
        column for column in runs[0]
        if column in runs[1] and column not in (*IDS, *OUTCOMES) and not column.startswith(METRICS)
    ]  # fmt: skip
    *matched, lines = match("runs", *runs, asked)
    yield from [*lines, *columns("runs", *matched, matched[0][asked], IDS)]
    # A run's name is its place among the matched ones; the columns asked for then say which one it is.
    curves = [
        pd.read_parquet(folder / "curves.parquet").merge(table[["run_id"]].assign(run=np.arange(len(table))))
        for folder, table in zip((first, second), matched, strict=True)
    ]
    *points, lines = match("curves", *curves, ["run", "step"])
    about = matched[0][asked].iloc[points[0]["run"]].assign(step=points[0]["step"].to_numpy())
    yield from [*lines, *columns("curves", *points, about, IDS)]
    for name, keys in (("problems", ["problem"]), ("landscapes", ["problem", "w_1", "w_2"])):
        paths = [folder / f"{name}.parquet" for folder in (first, second)]
        if all(path.exists() for path in paths):
            *found, lines = match(name, *map(pd.read_parquet, paths), keys)
            yield from [*lines, *columns(name, *found, found[0][keys])]


def lecture(first: Path, second: Path) -> Iterator[str]:
    """The results and tables of two lectures; the rows of a table are matched by their order."""
    results = [
        {claim["id"]: claim for claim in json.loads((folder / "results.json").read_text(encoding="utf-8"))}
        for folder in (first, second)
    ]
    for name in sorted(results[0].keys() ^ results[1].keys()):
        yield f"claim {name} is in the {'first' if name in results[0] else 'second'} only"
    for name in (name for name in results[0] if name in results[1]):
        one, other = results[0][name], results[1][name]
        for key in CLAIM[:1] if "seconds" in one["measure"] else CLAIM:
            if one.get(key) != other.get(key) and "seconds" not in str(one.get(key)):
                yield f"claim {name}: {key} is {one.get(key)!r} in the first, {other.get(key)!r} in the second"
    tables = [{path.stem: path for path in sorted((folder / "tables").glob("*.parquet"))} for folder in (first, second)]
    for name in sorted(tables[0].keys() ^ tables[1].keys()):
        yield f"table {name} is in the {'first' if name in tables[0] else 'second'} only"
    for name in sorted(tables[0].keys() & tables[1].keys()):
        one, other = (pd.read_parquet(paths[name]) for paths in tables)
        if len(one) != len(other):
            yield f"{name}: {len(one):,} rows against {len(other):,}"
        count = min(len(one), len(other))
        yield from columns(name, one[:count], other[:count], one[:count][[]], SECONDS)


def folders(first: Path, second: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the comparisons of two folders, by name; none if the two have nothing in common."""
    if all((folder / "runs.parquet").exists() for folder in (first, second)):
        yield "", sweep(first, second)
    elif all((folder / "results.json").exists() for folder in (first, second)):
        yield "", lecture(first, second)
    else:
        for name in sorted(path.name for path in first.iterdir() if path.is_dir() and (second / path.name).is_dir()):
            for inner, lines in folders(first / name, second / name):
                yield f"{name}/{inner}" if inner else name, lines


def make(out: Path) -> int:
    """Run the agreed set, all of it twice: kernels that were compiled a moment ago round a few sums otherwise (by one
    bit) than the same kernels from the cache, so that what a first start gives is no measure. The second is kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, command in SET.items():
        if (out / name).exists():
            print(f"same_numbers.py: {out / name} is there already; delete it to run it anew", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(dir=out) as first:
            for folder in (Path(first) / name, (out / name).resolve()):
                # In a folder of no version: Python would take the package of the one it is called in.
                done = subprocess.run(
                    [sys.executable, "-m", "optbench", *command, "--out", str(folder)], cwd=first, check=False
                )
                if done.returncode:
                    return done.returncode
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="same_numbers.py", description="Whether two versions compute the same numbers, bit for bit."
    )
    parser.add_argument("folders", metavar="FOLDER", type=Path, nargs="*", help="two of them: what two versions wrote")
    parser.add_argument("--make", metavar="OUT", type=Path, help="run the agreed set with the installed version")
    options = parser.parse_args(arguments)
    if options.make is not None and not options.folders:
        return make(options.make)
    if options.make is not None or len(options.folders) != 2:
        parser.error("give two folders, or --make OUT")
    for folder in options.folders:
        if not folder.is_dir():
            parser.error(f"there is no folder {folder}")
    counts = []
    for name, lines in folders(*options.folders):
        differences = list(lines)
        counts.append(len(differences))
        print(f"{name or 'all'}: {f'differences: {counts[-1]}' if differences else 'the same, bit for bit'}")
        for line in differences:
            print(f"  {line}")
    if not counts:
        parser.error("the two folders have no sweep and no lecture in common")
    return 1 if any(counts) else 0


if __name__ == "__main__":
    sys.exit(main())
