"""Any order of parts, merges, extensions and sweeps, killed anywhere: the end is the sweep in one piece."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from harness import CATALOGUE

import optbench
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import make_spec, read_spec
from optbench.run import session
from optbench.run.merging import merge_folders, select_shard
from optbench.store.folder import extend_spec

pytestmark = pytest.mark.slow

SPEC = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001, 0.003, 0.01, 0.03, 0.1],
        "steps": 8, "blocks": 2, "screen": 1, "race": 1, "holdout": 1, "finalists": 2}  # fmt: skip
MORE = [{"learning_rates": [1e-2, 1.0]}, {"optimizers": ["momentum"]}, {"batch_sizes": [64]}, {"blocks": 3}]
TABLES = ("runs.parquet", "curves.parquet", "paths.parquet")
FIRST, REPLACED = 6, 30
"""Files and records that a killed sweep has written: one record at least, and about as many as one of these writes."""


class Killed(BaseException):
    """Stands for the end of the process."""


def attempt(do: Callable[[], object], rng: random.Random, monkeypatch, killed: float = 0.4) -> bool:
    """Call ``do``, with probability ``killed`` killed as it writes a file or a record; return True if it finished."""
    left = rng.randrange(FIRST, REPLACED) if rng.random() < killed else 10**9
    replace, write = os.replace, os.write

    def counted(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return replace(*arguments)

    def appended(file, content):
        nonlocal left
        left -= 1
        if left < 0:
            write(file, content[: rng.randrange(len(content))])
            raise Killed
        return write(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted)
        patch.setattr(os, "write", appended)
        try:
            do()
        except Killed:
            return False
    return True


def run(folder: Path, spec, shard: str = "", extend: bool = False) -> None:
    plan = session.plan(spec, CATALOGUE)
    options = session.Options(workers=1, extend=extend)
    session.execute(select_shard(plan, shard) if shard else plan, folder, options, tell=str)


def extend(folder: Path, changes) -> None:
    run(folder, extend_spec(folder, None, changes, str), extend=True)


def join(folders: list[Path], out: Path) -> None:
    merge_folders(folders, out, (), "a test", str)


def loaded(folder: Path) -> set[str]:
    """Return the ids of the runs that ``load`` gives, of those that tune.

    What reports is chosen for a target that all blocks share, and may be another setting where there are more of them.
    """
    try:
        runs = optbench.load(folder).runs
        return set(runs.loc[runs["stage"].isin(["screen", "widen", "race"]), "run_id"])
    except OptbenchError:
        return set()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(folder, make_spec(SPEC, {}))
    return folder


@pytest.mark.parametrize("seed", range(2))
def test_parts_and_merges(seed, whole, tmp_path, monkeypatch):
    """Merge, go on with the parts and with the merged folder: no run goes, and the end has the bytes of one sweep."""
    rng, out, spec = random.Random(seed), tmp_path / "out", make_spec(SPEC, {})
    parts = {f"{number}/2": tmp_path / f"part-{number}" for number in (1, 2)}
    every = loaded(whole)

    def one(name: str) -> None:
        place = parts.get(name, out)
        before = loaded(place)
        if name in parts:
            done = attempt(lambda: run(place, spec, name), rng, monkeypatch)
        elif name == "merge":
            folders = rng.sample(list(parts.values()), 2)
            done = attempt(lambda: join(folders, out), rng, monkeypatch)
        else:
            done = attempt(lambda: run(out, spec), rng, monkeypatch)
        assert loaded(place) <= every
        assert not done or before <= loaded(place), name

    order = [*parts, "merge", "merge", *rng.choices(["merge", "sweep", *parts], k=2)]
    for name in order:
        one(name)
    run(out, spec)
    for name in TABLES:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), (order, name)


def test_extensions_and_merges(tmp_path, monkeypatch):
    """Extend folders, and merge them: each ends with the tables of a new sweep, up to the last bits."""
    rng = random.Random(0)
    folders = [tmp_path / name for name in "ab"]
    for place in folders:
        attempt(lambda place=place: run(place, make_spec({**SPEC, **rng.choice(MORE)}, {})), rng, monkeypatch)
    log = []
    for _ in range(3):
        place, changes = rng.choice(folders), rng.choice(MORE)
        log.append((place.name, changes))
        attempt(lambda place=place, changes=changes: extend(place, changes), rng, monkeypatch)
    for _ in range(2):
        attempt(lambda: join(folders, tmp_path / "out"), rng, monkeypatch)
    out = rng.choice([place for place in (*folders, tmp_path / "out") if (place / "spec.toml").exists()])
    extend(out, {})
    run(tmp_path / "whole", read_spec(out / "spec.toml"))
    for name in TABLES:
        mine, right = (pd.read_parquet(place / name) for place in (out, tmp_path / "whole"))
        pd.testing.assert_frame_equal(mine, right, rtol=1e-9, obj=f"{name} of {out.name} after {log}")
