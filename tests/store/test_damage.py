"""Flipped bits and cuts in any file of a result folder: tables are right, or an error names the file."""

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fuzzing import cases
from hypothesis import given
from hypothesis import strategies as st
from records import finished

import optbench
from optbench.contract.errors import OptbenchError
from optbench.store import manifest
from optbench.store.cohort_files import CohortFiles

pytestmark = pytest.mark.slow

SPEC = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "adam"], "learning_rates": [1e-4, 1e-3],
        "seeds": 2, "tuning_seeds": 1, "steps": 8}  # fmt: skip
TABLES = ("runs", "curves")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A finished folder, and one of the same cohorts whose tables are not yet put together; and the right tables."""
    done = tmp_path_factory.mktemp("damage") / "done"
    right = optbench.sweep(SPEC, out=done, workers=1)
    tables = {name: getattr(right, name) for name in TABLES}
    open_ = done.with_name("open")
    shutil.copytree(done, open_)
    for path in open_.glob("*.parquet"):
        path.unlink()
    held = manifest.read_manifest(open_)
    only = {name: held.files[name] for name in ("spec.toml", "provenance.json")}
    replace(held, finished=False, files=only).write(open_)
    return [done, open_], tables


def damage(path: Path, cut: bool, where: float, bit: int) -> None:
    content = bytearray(path.read_bytes())
    at = int(where * len(content))
    if cut:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    path.write_bytes(content)


def whole_or_lacking(place, tables):
    """Return the tables; of a sweep that is not done those without the runs that are lost, if it says how many."""
    found = optbench.load(place)
    if found.missing:
        there = CohortFiles(place)
        assert there.damaged and f"{8 - len(there.ids())} of 8 cohorts" in found.missing
        kept = tables["runs"].loc[tables["runs"]["cohort_id"].isin(there.ids()), "run_id"]
        tables = {name: table[table["run_id"].isin(kept)].reset_index(drop=True) for name, table in tables.items()}
        tables = {name: table[list(getattr(found, name))] for name, table in tables.items()}
    return tables


def right(found, tables) -> None:
    for name, table in tables.items():
        pd.testing.assert_frame_equal(getattr(found, name), table)


@cases(12)
@given(
    number=st.integers(0, 1), file=st.floats(0, 1, exclude_max=True), cut=st.booleans(),
    where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7),
)  # fmt: skip
def test_damage_is_never_taken_for_a_result(folders, tmp_path, number, file, cut, where, bit):
    """Damage one file of a copy; load it, and go on with it: what a sweep gives is loaded again from its folder."""
    places, tables = folders
    place = tmp_path / "copy"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(places[number], place)
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != ".lock")
    victim = files[int(file * len(files))]
    damage(victim, cut, where, bit)
    records = victim.suffix == ".cohorts"
    try:
        right(optbench.load(place), whole_or_lacking(place, tables) if records else tables)
    except OptbenchError as error:
        assert "\n" not in str(error)
        assert victim.name in str(error) or (records and not finished(place))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = optbench.sweep(SPEC, out=place, workers=1)
    assert all(victim.name in str(each.message) for each in told)
    assert told or not records
    right(found, tables)
