"""Folders joined: the parts of a sweep end as the sweep would, and sweeps of a kind become one."""

import dataclasses
import shutil

import pandas as pd
import pytest
from harness import CATALOGUE
from records import finished
from typer.testing import CliRunner

import optbench
from optbench.catalogue import loader
from optbench.cli.app import app
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import make_spec
from optbench.run import executors, session
from optbench.run.merging import merge_folders, select_shard
from optbench.store import manifest

BLOCKS = {"problems": ["rosenbrock", {"name": "logistic", "steps": 30}], "optimizers": ["gd", "momentum"],
          "batch_sizes": [64, 256], "schedules": ["constant", "sqrt_step"], "learning_rates": "1e-4:1e-1:3",
          "steps": 20, "blocks": 2, "screen": 1, "race": 1, "holdout": 2, "finalists": 2, "widen": 2, "final": 1,
          "report": 2}  # fmt: skip
GRID = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-3], "seeds": 2, "tuning_seeds": 1,
        "steps": 10}  # fmt: skip


def joined(folders, out, plugins=()):
    told = []
    return merge_folders(folders, out, plugins, "a test", told.append), told


def run_parts(spec, folder, count):
    """Run each part by itself, and return the folders of all parts."""
    checked = make_spec(spec, {})
    plan = session.plan(checked, loader.load_all(checked.plugins) if checked.plugins else CATALOGUE)
    folders = [folder / f"part-{number}" for number in range(1, count + 1)]
    for number, each in enumerate(folders, start=1):
        session.execute(select_shard(plan, f"{number}/{count}"), each, session.Options(workers=1))
    return folders


def same_bytes(folder, other):
    for name in ("runs.parquet", "curves.parquet", "paths.parquet"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_parts_end_as_the_whole_would(count, tmp_path):
    optbench.sweep(BLOCKS, out=tmp_path / "whole", workers=1)
    folders = run_parts(BLOCKS, tmp_path, count)
    assert "part 1/" in optbench.load(folders[0]).missing and not (folders[0] / "chosen.toml").exists()
    lacking, told = joined(folders, tmp_path / "all")
    assert lacking and not told
    found, right = optbench.load(tmp_path / "all"), optbench.load(tmp_path / "whole").runs
    assert "are missing" in found.missing and found.missing.endswith("report"), "the report, at least"
    tables = [each.drop(columns=["first_target", "first_look"], errors="ignore") for each in (found.runs, right)]
    tuning = [each[each["stage"].isin(["screen", "widen", "race"])] for each in tables]
    pd.testing.assert_frame_equal(*tuning)
    assert {"widen", "race", "holdout"} <= set(found.runs["stage"]) and set(found.runs["run_id"]) < set(right["run_id"])
    assert joined(folders, tmp_path / "all") == (lacking, []), "the same merge again changes nothing"
    pd.testing.assert_frame_equal(optbench.load(tmp_path / "all").runs, found.runs)
    assert optbench.sweep(BLOCKS, out=tmp_path / "all", workers=1).missing == ""
    same_bytes(tmp_path / "all", tmp_path / "whole")


@pytest.mark.slow
def test_some_of_the_parts_keep_all_that_their_blocks_have_run(tmp_path):
    spec = {**BLOCKS, "problems": ["rosenbrock"], "choose_by": "loss", "judge_by": "loss", "blocks": 3}
    folders = run_parts(spec, tmp_path, 3)
    optbench.sweep(spec, out=tmp_path / "whole", workers=1)
    lacking, told = joined([folders[0], folders[2]], tmp_path / "some")
    found = optbench.load(tmp_path / "some")
    parts = [optbench.load(folder).runs for folder in (folders[0], folders[2])]
    assert lacking and not told
    assert set(found.runs["run_id"]) == set(pd.concat(parts)["run_id"]), "a part loses nothing, its holdout included"
    assert "stages that are planned when these are complete: race, holdout, final, report" in found.missing
    optbench.sweep(spec, out=tmp_path / "some", workers=1)
    same_bytes(tmp_path / "some", tmp_path / "whole")


@pytest.mark.slow
def test_a_holdout_of_more_choices_lends_no_runs_to_one_of_fewer(tmp_path):
    """The last bits of a run may depend on its company: a part that chose more by its own target ran it in another."""
    spec = {**BLOCKS, "problems": ["rosenbrock"], "optimizers": ["adam"], "batch_sizes": [16], "judge_by": "loss",
            "schedules": ["constant"], "steps": 100, "widen": 0}  # fmt: skip
    more = optbench.sweep({**spec, "choose_by": ["time", "loss"]}, out=tmp_path / "more", workers=1)
    whole = optbench.sweep({**spec, "choose_by": "loss"}, out=tmp_path / "whole", workers=1)
    lanes = [each.runs.query("stage == 'holdout'").groupby("seed").size() for each in (more, whole)]
    assert (lanes[0] > lanes[1]).any()
    shutil.copytree(tmp_path / "more" / "cohorts", tmp_path / "again" / "cohorts")
    again = optbench.sweep({**spec, "choose_by": "loss"}, out=tmp_path / "again", workers=1)
    assert again.missing == ""
    same_bytes(tmp_path / "again", tmp_path / "whole")


@pytest.mark.slow
def test_a_second_look_is_one_when_it_is_merged(tmp_path):
    optbench.sweep(GRID, out=tmp_path / "a", workers=1)
    optbench.sweep(out=tmp_path / "a", extend=True, seeds=4, workers=1)
    optbench.sweep({**GRID, "seeds": 4}, out=tmp_path / "b", workers=1, learning_rates=[1e-2])
    joined([tmp_path / "b", tmp_path / "a"], tmp_path / "all")
    assert [optbench.load(tmp_path / name).look for name in ("a", "b", "all")] == [2, 1, 2]
    folders = run_parts({**GRID, "seeds": 4}, tmp_path, 2)
    joined(folders, tmp_path / "parts")
    assert optbench.load(tmp_path / "parts").look == 1, "that of a part is none of the whole"


def test_parts_of_a_grid_are_whole_when_they_are_joined(monkeypatch, tmp_path):
    spec = {**GRID, "optimizers": ["gd", "adam"], "seeds": 4}
    optbench.sweep(spec, out=tmp_path / "whole", workers=1)
    folders = run_parts(spec, tmp_path, 3)
    runs = [set(optbench.load(each).runs["run_id"]) for each in folders]
    assert sum(map(len, runs)) == len(set.union(*runs)) == 8 and max(map(len, runs)) <= 4
    monkeypatch.setattr(executors, "run_together", None)
    assert joined(folders, tmp_path / "all") == (0, [])
    same_bytes(tmp_path / "all", tmp_path / "whole")
    assert (tmp_path / "all" / "chosen.toml").read_text() == (tmp_path / "whole" / "chosen.toml").read_text()


@pytest.mark.slow
def test_parts_of_which_an_optimizer_cannot_run(tmp_path):
    """An optimizer that fails everywhere is left out when later stages are planned, as in a single sweep."""
    file = tmp_path / "bad.py"
    file.write_text(
        "from optbench import optimizer\n@optimizer(source='a test')\ndef bad(w, g, lr):\n    return w - lr * missing\n"
    )
    spec = {**BLOCKS, "problems": ["rosenbrock"], "optimizers": ["gd", "bad"], "plugins": [str(file)]}
    with pytest.warns(UserWarning, match="could not run rosenbrock with bad"):
        optbench.sweep(spec, out=tmp_path / "whole", workers=1)
    folders = run_parts(spec, tmp_path, 1)
    lacking, _ = joined(folders, tmp_path / "all", [file])
    assert lacking and optbench.load(tmp_path / "all").missing.endswith(": report")
    with pytest.warns(UserWarning, match="could not run rosenbrock with bad"):
        optbench.sweep(spec, out=tmp_path / "all", workers=1)
    same_bytes(tmp_path / "all", tmp_path / "whole")


def test_groups_stay_together_and_are_dealt_by_cost():
    plan = session.plan(make_spec(BLOCKS, {}), CATALOGUE)
    parts = [select_shard(plan, f"{number}/3").cohorts for number in (1, 2, 3)]
    groups = [{(c.cohort.problem.name, c.block) for c in each} for each in parts]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 4
    assert sorted(c.cohort_id for each in parts for c in each) == sorted(c.cohort_id for c in plan.cohorts)
    costs = [sum(c.cost for c in each) for each in parts]
    dearest = max(sum(c.cost for c in each) / len(group) for each, group in zip(parts, groups, strict=True))
    assert max(costs) - min(costs) <= 1.01 * dearest
    for bad in ("0/3", "4/3", "x", "1", "1/0", "-1/2", "1/3/5", ""):
        with pytest.raises(OptbenchError, match="such as 2/8"):
            select_shard(plan, bad)
    with pytest.raises(OptbenchError, match="4 parts at most"):
        select_shard(plan, "9/9")


@pytest.mark.slow
def test_sweeps_of_other_rates_and_seeds_become_one(tmp_path):
    optbench.sweep(GRID, out=tmp_path / "a", workers=1)
    optbench.sweep(GRID, out=tmp_path / "b", workers=1, learning_rates=[1e-2])
    optbench.sweep(GRID, out=tmp_path / "c", workers=1, learning_rates=[1e-3], seeds=4)
    assert joined([tmp_path / "a", tmp_path / "b"], tmp_path / "ab") == (0, [])
    found = optbench.load(tmp_path / "ab")
    whole = optbench.sweep({**GRID, "learning_rates": [1e-3, 1e-2]}, workers=1)
    pd.testing.assert_frame_equal(found.runs, whole.runs, rtol=1e-9)
    pd.testing.assert_frame_equal(found.curves, whole.curves, rtol=1e-9)
    lacking, _ = joined([tmp_path / "ab", tmp_path / "c"], tmp_path / "abc")
    found = optbench.load(tmp_path / "abc")
    assert lacking == 2 and len(found.runs) == 6 and "2 of 4 cohorts are missing (rosenbrock: gd)" in found.missing
    assert len(optbench.sweep(out=tmp_path / "abc", extend=True, workers=1).runs) == 8


@pytest.mark.slow
def test_runs_of_another_rule_are_counted(tmp_path):
    file, rule = tmp_path / "rule.py", "from optbench import optimizer\n@optimizer(source='a test')\n"
    rule += "def mine(w, g, lr):\n    return w - {} * g\n"
    file.write_text(rule.format("lr"))
    spec = {**GRID, "optimizers": ["gd", "mine"], "plugins": [str(file)]}
    optbench.sweep(spec, out=tmp_path / "a", workers=1)
    optbench.sweep(spec, out=tmp_path / "b", workers=1, optimizers=["adam"])
    file.write_text(rule.format("2 * lr"))
    lacking, told = joined([tmp_path / "a", tmp_path / "b"], tmp_path / "all", [file])
    assert lacking == 2
    assert told == [f"{tmp_path / 'a'}: 2 of 4 runs are kept; 2 of mine are not: optimizer mine has changed"]
    assert set(optbench.load(tmp_path / "all").runs["optimizer"]) == {"gd", "adam"}


@pytest.mark.slow
def test_what_is_not_of_a_kind_is_refused(tmp_path):
    optbench.sweep(GRID, out=tmp_path / "a", workers=1)
    optbench.sweep(GRID, out=tmp_path / "b", workers=1, steps=11)
    with pytest.raises(OptbenchError, match="cannot merge .*: they differ in steps"):
        joined([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    with pytest.raises(OptbenchError, match="no sweep in .*none"):
        joined([tmp_path / "a", tmp_path / "none"], tmp_path / "out")
    with pytest.raises(OptbenchError, match="folders that differ"):
        joined([tmp_path / "a", tmp_path / "a"], tmp_path / "out")
    with pytest.raises(OptbenchError, match="another one as out .--out."):
        joined([tmp_path / "a", tmp_path / "b"], tmp_path / "a")
    assert not (tmp_path / "out").exists()
    optbench.sweep(GRID, out=tmp_path / "c", workers=1, learning_rates=[1e-2])
    message = "holds another sweep than these folders .different: learning_rates, steps.; choose another"
    with pytest.raises(OptbenchError, match=message):
        joined([tmp_path / "a", tmp_path / "c"], tmp_path / "b")


def test_a_folder_is_for_one_part_or_for_the_whole(tmp_path):
    """Another part's tables would stand in the place of those that are there."""
    spec = {**GRID, "seeds": 4}
    first, _ = run_parts(spec, tmp_path, 2)
    before = (first / "runs.parquet").read_bytes()
    plan = session.plan(make_spec(spec, {}), CATALOGUE)
    with pytest.raises(
        OptbenchError, match="part-1' holds part 1/2 of a sweep: choose another --out or out= for part 2/2"
    ):
        session.execute(select_shard(plan, "2/2"), first)
    assert (first / "runs.parquet").read_bytes() == before
    session.execute(plan, first)
    assert len(optbench.load(first).runs) == 4
    with pytest.raises(OptbenchError, match="holds the whole of a sweep: choose another --out or out= for part 2/2"):
        session.execute(select_shard(plan, "2/2"), first)


def test_damage_in_a_folder_is_told_and_not_copied(tmp_path):
    folders = run_parts({**GRID, "seeds": 4}, tmp_path, 2)
    (victim,), there = (folders[0] / "cohorts").iterdir(), finished(folders[0])
    victim.write_bytes(victim.read_bytes()[:-9])
    lacking, told = joined(folders, tmp_path / "all")
    assert lacking == 1 and len(told) == 1 and victim.name in told[0]
    assert victim.exists() and set(finished(folders[0])) < set(there)
    assert finished(tmp_path / "all") == sorted([*finished(folders[0]), *finished(folders[1])])


@pytest.mark.slow
def test_the_commands(tmp_path):
    call = CliRunner().invoke
    spec = tmp_path / "spec.toml"
    optbench.sweep(BLOCKS, out=tmp_path / "whole", workers=1, problems="rosenbrock")
    shutil.copy(tmp_path / "whole" / "spec.toml", spec)
    for number in (1, 2):
        done = call(app, ["sweep", str(spec), "--shard", f"{number}/2", "--out", str(tmp_path / f"{number}")])
        assert done.exit_code == 0 and f"unfinished: part {number}/2 of the sweep" in done.output
    done = call(app, ["merge", *(str(tmp_path / name) for name in "12"), "--out", str(tmp_path / "all")])
    assert done.exit_code == 3, done.output  # the last race needs all blocks
    done = call(app, ["sweep", str(tmp_path / "all" / "spec.toml"), "--out", str(tmp_path / "all")])
    assert done.exit_code == 0 and "unfinished" not in done.output
    same_bytes(tmp_path / "all", tmp_path / "whole")


@pytest.mark.slow
def test_nothing_that_a_folder_names_is_run(tmp_path):
    """Whoever sends a folder must not run code by it: page, comparison and merge need the tables alone."""
    witness, evil = tmp_path / "witness", tmp_path / "evil.py"
    evil.write_text(f"open({str(witness)!r}, 'w').write('it ran')\n")
    for name in ("a", "b"):
        optbench.sweep(GRID, out=tmp_path / name, workers=1, seeds=2 + (name == "b"))
        spec = tmp_path / name / "spec.toml"
        spec.write_text(spec.read_text().replace("plugins = []", f"plugins = [{str(evil)!r}]"))
        forge_manifest(tmp_path / name, spec.read_text())
    a, b, new, call = (*(str(tmp_path / name) for name in ("a", "b", "new")), CliRunner().invoke)
    assert call(app, ["report", a]).exit_code == 0
    assert call(app, ["compare", a, b]).exit_code == 0
    optbench.load(a).verdicts()
    for words in (["merge", a, b, "--out", new], ["sweep", "--extend", "--out", a, "--seeds", "4"]):
        done = call(app, words)
        assert isinstance(done.exception, OptbenchError) and f"--plugin {evil}" in str(done.exception), done.output
    assert not witness.exists()


def forge_manifest(folder, spec):
    """Have the manifest say that this is the sweep, with a checksum that is right."""
    before = manifest.read_manifest(folder)
    files = before.files | {"spec.toml": manifest.digest_of(folder / "spec.toml")}
    dataclasses.replace(before, spec=spec, files=files).write(folder)
