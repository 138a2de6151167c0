"""A folder whose sweep is not done: what is there is loaded, reported and compared, and what is missing is said."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from records import keep

import optbench
from optbench.contract.errors import OptbenchError
from optbench.report import write_report
from optbench.store import manifest

SPEC = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "momentum"], "batch_sizes": [100],
        "learning_rates": "1e-4:1e-2:4", "steps": 20,
        "blocks": 3, "screen": 1, "race": 1, "holdout": 2, "finalists": 2}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "out"
    optbench.sweep(SPEC, out=folder, workers=1)
    return folder


def unfinished(whole, folder, stages, lacking):
    """A copy as a sweep leaves it that is killed in the last of these stages, before these cohorts of it have run."""
    shutil.copytree(whole, folder)
    for path in folder.glob("*.parquet"):
        path.unlink()
    held = manifest.read_manifest(folder)
    there = tuple(entry for entry in held.cohorts if entry.stage in stages)
    lost = [there[i] for i in lacking]
    keep(folder, [entry.cohort_id for entry in there if entry not in lost])
    replace(held, finished=False, cohorts=there, files={}).write(folder)
    return folder


CASES = {
    "in the screen": (["screen"], [0, 1], "2 of 12 cohorts planned so far are missing (rosenbrock: gd); stages"),
    "before the race": (["screen"], [], "unfinished: stages not begun: race, holdout, final, report"),
    "in the race": (
        ["screen", "race"],
        [-1],
        "is missing (saddle: momentum); stages that are planned when these are complete: holdout, final, report",
    ),
    "in the holdout": (["screen", "race", "holdout"], [-1], "1 of 48 cohorts planned so far is missing (saddle"),
    "at the first cohort": (["screen"], range(1, 12), "11 of 12 cohorts planned so far are missing (rosen"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_is_there_is_read_and_what_is_missing_is_said(case, whole, tmp_path):
    stages, lacking, text = CASES[case]
    folder = unfinished(whole, tmp_path / "out", stages, lacking)
    found, everything = optbench.load(folder), optbench.load(whole)
    assert found.missing.startswith("unfinished: ") and text in found.missing
    for name in ("runs", "curves"):
        right, mine = getattr(everything, name), getattr(found, name)
        assert 0 < len(mine) < len(right)
        there = right[right["run_id"].isin(found.runs["run_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, there[list(mine)])  # of an optimizer without runs there is no column
    assert len(found.ranking()) and found.in_memory().missing == found.missing
    if case in ("in the screen", "in the holdout"):
        told = []
        page = write_report(folder, warn=told.append).read_text()
        assert told == [found.missing] and found.missing.removeprefix("u") in page
    assert optbench.compare(found, everything).table["identical"].eq(1).all()
    assert optbench.sweep(SPEC, out=folder, workers=1).missing == ""
    for name in ("runs.parquet", "curves.parquet"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_a_folder_with_nothing_finished_says_so(whole, tmp_path):
    folder = unfinished(whole, tmp_path / "out", ["screen"], range(12))
    with pytest.raises(OptbenchError, match="no cohort of the sweep in .* is finished yet"):
        optbench.load(folder)


def test_a_folder_without_a_manifest_is_read(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "old")
    (tmp_path / "old" / "manifest.json").unlink()
    pd.testing.assert_frame_equal(optbench.load(tmp_path / "old").runs, optbench.load(whole).runs)
