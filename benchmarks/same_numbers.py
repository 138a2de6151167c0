"""Whether two versions compute the same numbers, bit for bit.

    old/.venv/bin/python benchmarks/same_numbers.py --make old-numbers   # 10 minutes: two sweeps, the lecture, twice
    python benchmarks/same_numbers.py --make new-numbers
    python benchmarks/same_numbers.py old-numbers new-numbers

``--make`` runs the agreed set with the optbench that this Python has installed. Two folders are compared table by
table: a sweep's, the lecture's, or one that holds such folders under the same names. Rows of ``runs`` and ``curves``
are matched by what was asked for (problem, optimizer, hyperparameters, seed, ...), never by their ids or their order.
Ids and measured seconds are left out. It says which columns and rows differ, and by how much, and ends with 1; with 0
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
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Pair:
    """Two tables with their rows matched: row k of ``first`` and of ``second`` are the same question."""

    first: pd.DataFrame
    second: pd.DataFrame
    keys: list[str]
    """The columns by which rows were matched; none where it was by their order."""
    about: pd.DataFrame
    """What each row is, for who reads of it."""

    def row(self, place: int) -> str:
        values = self.about.iloc[place]
        return ", ".join(f"{key}={value}" for key, value in values.items() if not pd.isna(value)) or f"row {place}"

    def common(self, chosen: np.ndarray) -> str:
        """What the chosen rows have in common and the others have not."""
        part = self.about[chosen]
        same = [key for key in part if part[key].notna().all() and part[key].nunique() == 1 < self.about[key].nunique()]
        return f", all at {', '.join(f'{key}={part[key].iloc[0]}' for key in same)}" if same and len(part) > 1 else ""


def differing(a: pd.Series, b: pd.Series) -> np.ndarray:
    """Where two columns differ in any bit; not-a-number is the same as itself, and 0.0 is not -0.0."""
    nothing = (a.isna() & b.isna()).to_numpy()
    if a.dtype == b.dtype and a.dtype.kind == "f":
        bits = f"i{a.dtype.itemsize}"
        return (a.to_numpy().view(bits) != b.to_numpy().view(bits)) & ~nothing
    return ~((a.to_numpy(object) == b.to_numpy(object)) | nothing)


def plain(value: object) -> str:
    """A value as Python writes it, whatever NumPy calls its type."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def amount(a: pd.Series, b: pd.Series) -> str:
    """How far apart the numbers of two columns are, at most."""
    if any(not pd.api.types.is_numeric_dtype(column) or column.dtype.kind == "b" for column in (a, b)):
        return ""
    x, y = a.to_numpy(float), b.to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.abs(x - y)
        share = gap / np.maximum(np.abs(x), np.abs(y))
    if not np.isfinite(gap).all():
        return ", a number against none or an infinite one"
    return f", at most by {gap.max():.3g} ({np.nanmax(share, initial=0.0):.3g} of the larger)"


def columns(name: str, pair: Pair, dropped: Sequence[str]) -> Iterator[str]:
    """A line for each column that differs."""
    first, second = pair.first, pair.second
    for column in [*first, *(column for column in second if column not in first)]:
        if column in dropped or column in pair.keys:
            continue
        if column not in first or column not in second:
            yield f"{name}: the column {column} is in the {'first' if column in first else 'second'} only"
            continue
        a, b = first[column].reset_index(drop=True), second[column].reset_index(drop=True)
        if a.dtype != b.dtype:
            yield f"{name}: {column} is {a.dtype} in the first, {b.dtype} in the second"
        wrong = differing(a, b)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            much = f"{wrong.sum():,} of {len(a):,} rows{pair.common(wrong)}{amount(a[wrong], b[wrong])}"
            example = f"{plain(a[place])} against {plain(b[place])} at {pair.row(place)}"
            yield f"{name}: {column} differs in {much}; the first is {example}"


def matched(name: str, first: pd.DataFrame, second: pd.DataFrame, keys: list[str]) -> tuple[Pair, list[str]]:
    """The rows that both tables have, and a line for those that one of them lacks."""
    sides = []
    for table in (first, second):
        side = table[keys].astype({key: object for key in keys if table[key].dtype.kind not in "bif"})
        side["again"] = table.groupby(keys, dropna=False, sort=False).cumcount()  # a row may stand there twice
        sides.append(side.assign(place=np.arange(len(table))))
    both = sides[0].merge(sides[1], on=[*keys, "again"], how="outer", indicator=True, suffixes=("_1", "_2"))
    lines = []
    for mark, where in (("left_only", "first"), ("right_only", "second")):
        alone = both[both["_merge"] == mark]
        if len(alone):
            example = Pair(alone, alone, keys, alone[keys]).row(0)
            lines.append(f"{name}: rows in the {where} only: {len(alone):,}, such as {example}")
    both = both[both["_merge"] == "both"].sort_values("place_1")
    places = both["place_1"].to_numpy(int), both["place_2"].to_numpy(int)
    chosen = first.iloc[places[0]]
    return Pair(chosen, second.iloc[places[1]], keys, chosen[keys]), lines


def sweep(first: Path, second: Path) -> Iterator[str]:
    """The tables of two sweeps."""
    runs = [pd.read_parquet(folder / "runs.parquet") for folder in (first, second)]
    asked = [
        column for column in runs[0]
        if column in runs[1] and column not in (*IDS, *OUTCOMES) and not column.startswith(METRICS)
    ]  # fmt: skip
    pair, lines = matched("runs", *runs, asked)
    yield from lines
    yield from columns("runs", pair, IDS)
    curves = []
    for folder, table in ((first, pair.first), (second, pair.second)):
        # A run's name is its place among the matched ones; the columns asked for then say which one it is.
        names = table[["run_id"]].assign(run=np.arange(len(table)))
        curves.append(pd.read_parquet(folder / "curves.parquet").merge(names, on="run_id", how="inner"))
    points, lines = matched("curves", *curves, ["run", "step"])
    about = pair.about.iloc[points.first["run"]].assign(step=points.first["step"].to_numpy())
    yield from [*lines, *columns("curves", replace(points, about=about), IDS)]
    for name, keys in (("problems", ["problem"]), ("landscapes", ["problem", "w_1", "w_2"])):
        paths = [folder / f"{name}.parquet" for folder in (first, second)]
        if all(path.exists() for path in paths):
            pair, lines = matched(name, *(pd.read_parquet(path) for path in paths), keys)
            yield from [*lines, *columns(name, pair, ())]


def lecture(first: Path, second: Path) -> Iterator[str]:
    """The results and tables of two lectures; the rows of a table are matched by their order."""
    results = [
        {claim["id"]: claim for claim in json.loads((folder / "results.json").read_text(encoding="utf-8"))}
        for folder in (first, second)
    ]
    for name in [*results[0], *(name for name in results[1] if name not in results[0])]:
        if name not in results[0] or name not in results[1]:
            yield f"claim {name} is in the {'first' if name in results[0] else 'second'} only"
            continue
        one, other = results[0][name], results[1][name]
        timed = "seconds" in one["measure"]
        for key in CLAIM[:1] if timed else CLAIM:
            if one.get(key) != other.get(key) and "seconds" not in str(one.get(key)):
                yield f"claim {name}: {key} is {one.get(key)!r} in the first, {other.get(key)!r} in the second"
    tables = [{path.stem: path for path in sorted((folder / "tables").glob("*.parquet"))} for folder in (first, second)]
    for name in sorted(tables[0].keys() | tables[1].keys()):
        if name not in tables[0] or name not in tables[1]:
            yield f"table {name} is in the {'first' if name in tables[0] else 'second'} only"
            continue
        one, other = (pd.read_parquet(paths[name]) for paths in tables)
        if len(one) != len(other):
            yield f"{name}: {len(one):,} rows against {len(other):,}"
        count = min(len(one), len(other))
        yield from columns(name, Pair(one[:count], other[:count], [], one[:count][[]]), SECONDS)


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
