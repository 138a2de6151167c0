"""The archive of the atlas: it says what the sweep said that it is a part of, and it is of the rules that ship."""

import json

import numpy as np
import pandas as pd
import pytest

import optbench
from optbench.atlas import archive, reruns
from optbench.atlas.newcomers import Newcomer, enter
from optbench.atlas.refresh import refresh
from optbench.catalogue import loader
from optbench.plan.spec_files import make_spec, read_spec
from optbench.run.isolation import Isolation
from optbench.wording.rank_texts import describe_reruns

LEFT_OUT = {"sophia_g"}
"""It needs a problem that draws labels from its model."""


@pytest.fixture(scope="module")
def atlas() -> optbench.Results:
    """The archive that ships."""
    return optbench.load(archive.HERE)


def test_a_thinned_sweep_gives_the_same_answer(small_sweep, tmp_path):
    whole = optbench.load(small_sweep)
    archive.write(whole, tmp_path / "thin")
    thin = optbench.load(tmp_path / "thin")
    assert len(thin.runs) < len(whole.runs)
    pd.testing.assert_frame_equal(thin.verdicts(), whole.verdicts())
    same = ["problem", "optimizer", "place", "state", "value", "low", "high", "ratio", "failures", "reached"]
    pd.testing.assert_frame_equal(thin.ranking()[same], whole.ranking()[same])


@pytest.mark.slow
def test_an_optimizer_has_the_same_rank_beside_a_thinned_sweep(small_sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive.write(optbench.load(small_sweep), tmp_path / "thin")
    ranks = [optbench.rank("nesterov", folder, out=f"by_{name}") for name, folder in
             (("thin", tmp_path / "thin"), ("whole", small_sweep))]  # fmt: skip
    thin, whole = (each.table for each in ranks)
    pd.testing.assert_frame_equal(thin, whole)


def test_the_atlas_has_every_shipped_optimizer_on_problems_of_all_kinds(atlas):
    assert set(atlas.runs["optimizer"].unique()) == set(loader.load(()).optimizers) - LEFT_OUT
    assert atlas.runs["problem"].nunique() >= 24
    assert sum(file.stat().st_size for file in archive.HERE.iterdir()) <= 8e6
    spec = read_spec("atlas")
    assert {each.name for each in spec.problems} == {
        each.name for each in read_spec(archive.HERE / "spec.toml").problems
    }


def test_the_atlas_is_of_the_rules_and_problems_that_ship(atlas):
    """Whoever changes a rule runs python -m optbench.atlas.refresh; a problem: sweep atlas, then the archive anew."""
    hashes = loader.load(()).hashes
    changed = [name for name, sha in atlas.provenance["plugins"].items() if hashes.get(name, sha) != sha]
    assert not changed


def test_only_rules_that_changed_run_again(small_sweep, tmp_path):
    """The rule is the same but for its hash, so its runs and all verdicts must come out as they were."""
    whole, folder = optbench.load(small_sweep), tmp_path / "thin"
    archive.write(whole, folder)
    made = json.loads((folder / "provenance.json").read_text())
    made["plugins"]["optimizer momentum"] = "of an earlier version"
    (folder / "provenance.json").write_text(json.dumps(made))
    spec = read_spec(small_sweep / "spec.toml")
    told: list[str] = []
    assert refresh(tmp_path / "again", folder, spec, told.append) == ["momentum"] and "has changed" in told[0]
    assert {each.name for each in (tmp_path / "again").iterdir()} == {"momentum"}
    after = optbench.load(folder)
    columns = ["problem", "a", "b", "verdict", "ratio", "low", "high"]
    pd.testing.assert_frame_equal(after.verdicts()[columns], whole.verdicts()[columns])
    assert after.provenance["plugins"] == whole.provenance["plugins"] and after.look == whole.look
    assert refresh(tmp_path / "again", folder, spec) == []


@pytest.mark.slow
def test_a_refresh_adds_an_optimizer_and_drops_one(small_sweep, tmp_path):
    folder, spec = tmp_path / "thin", read_spec(small_sweep / "spec.toml")
    archive.write(optbench.load(small_sweep), folder)
    other = make_spec({**spec.to_dict(), "optimizers": ["gd", "nesterov"]}, {})
    assert refresh(tmp_path / "again", folder, other) == ["nesterov"]
    after = optbench.load(folder)
    assert set(after.runs["optimizer"]) == {"gd", "nesterov"} and after.look == 1
    beside = optbench.rank("nesterov", small_sweep, out=tmp_path / "beside").pairs
    ratios = abs(np.log(after.verdicts().query("problem != 'all'").set_index("problem")["ratio"]))
    same = abs(np.log(beside.query("problem != 'all' and b == 'gd'").set_index("problem")["ratio"]))
    pd.testing.assert_series_equal(ratios, same, check_like=True)


def test_cells_that_run_again_tell_rounding_from_other_numbers(small_sweep):
    known, cells = optbench.load(small_sweep), (("rosenbrock", "momentum"),)
    plan = enter(Newcomer("adam"), small_sweep, "", Isolation()).plan
    assert [each[2:] for each in reruns.rerun_cells(known, plan, cells)] == [(True, False)]
    assert describe_reruns([("rosenbrock", "momentum", True, False)]) == ""
    noise = np.random.default_rng(0).normal(scale=0.1, size=len(known.runs))
    rounded = known.with_runs(known.runs.assign(log_tail=known.runs["log_tail"] + noise))
    assert [each[2:] for each in reruns.rerun_cells(rounded, plan, cells)] == [(False, False)]
    other = known.with_runs(rounded.runs.assign(log_tail=rounded.runs["log_tail"] + 0.5))
    found = reruns.rerun_cells(other, plan, cells)
    assert [each[2:] for each in found] == [(False, True)]
    assert "momentum on rosenbrock" in describe_reruns(found)
