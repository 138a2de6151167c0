"""Ranking an optimizer in a finished sweep: the same runs as in the extended sweep, and a folder left as it was."""

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optbench
from optbench.analysis.placing import place
from optbench.atlas.archive import HERE
from optbench.contract.errors import OptbenchError
from optbench.wording.rank_texts import headline_rank

LAZY = """
from optbench import optimizer


@optimizer(source="gd that stands still in two of three steps, with as much of its other settings")
def lazy(w, g, n, lr):
    n = n + 1
    w = w - lr * g if n % 3 == 0 else w
    return w, n


{more}
"""


@pytest.fixture(scope="module")
def adam(small_sweep) -> optbench.Ranked:
    """adam, ranked in it."""
    return optbench.rank("adam", small_sweep, out=small_sweep.parent / "adam", against="gd")


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digests(folder: Path) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def test_the_newcomer_runs_as_it_would_in_the_extended_sweep(small_sweep, adam):
    extended = small_sweep.parent / "extended"
    shutil.copytree(small_sweep, extended)
    whole = optbench.sweep(optimizers=["adam"], out=extended, extend=True).runs
    there = whole[(whole["optimizer"] == "adam") & (whole["stage"] != "report")]
    own = adam.results.runs[adam.results.runs["optimizer"] == "adam"]
    assert set(own.loc[own["stage"] != "report", "run_id"]) == set(there["run_id"])
    # the sweep chose how many seeds report before it knew of adam, and adam reports on just these
    seeds = {
        name: set(part["seed"]) for name, part in adam.results.runs.query("stage == 'report'").groupby("optimizer")
    }
    assert seeds["adam"] == seeds["gd"]
    assert set(own.loc[own["stage"] == "report", "run_id"]) & set(whole["run_id"])


def test_nothing_of_the_sweep_changes_and_what_has_run_is_found_again(small_sweep, adam):
    before, again = digests(small_sweep), digests(small_sweep.parent / "adam")
    found = optbench.rank("adam", small_sweep, out=small_sweep.parent / "adam", against="gd")
    assert digests(small_sweep) == before
    assert found.table.equals(adam.table)
    same = {name for name, digest in digests(small_sweep.parent / "adam").items() if again[name] == digest}
    assert {name for name in again if "cohorts" in name} <= same


def test_ratios_are_those_of_expected_running_times(small_sweep, adam):
    """A naive twin: samples spent by all reporting runs of a recommended setting, over the number that arrived."""
    results = adam.results
    for problem in ("quadratic(dim=4)", "rosenbrock"):
        target = results.ask().targets[problem]
        times = {}
        for name in ("adam", "gd"):
            best = results.ask().settings.query("problem == @problem and optimizer == @name").iloc[0]
            keys = ["lr", "schedule", "batch_size"]
            runs = results.runs.query("problem == @problem and optimizer == @name and stage == 'report'")
            runs = runs[(runs[keys] == best[keys]).all(axis=1)].set_index("seed")
            reached = runs[f"samples_to_{target:g}"].astype(float)
            spent = reached.where(np.isfinite(reached), runs["samples"])
            times[name] = np.log(spent / np.where(np.isfinite(reached), 1, 0.5))
        ratio = np.exp((times["adam"] - times["gd"]).mean())
        row = adam.pairs.query("problem == @problem and b == 'gd'").iloc[0]
        assert row["ratio"] == pytest.approx(ratio, rel=1e-9)
    logs = np.log(adam.pairs[adam.pairs["problem"] != "all"].groupby("b")["ratio"].apply(list).to_dict()["gd"])
    over = adam.pairs.query("problem == 'all' and b == 'gd'").iloc[0]
    assert over["ratio"] == pytest.approx(np.exp(np.mean(logs)), rel=1e-9)
    assert over["low"] < over["ratio"] < over["high"]


def test_a_mean_of_ratios_is_a_bound_where_one_of_them_is():
    pairs = optbench.rank("gd", fast=True).pairs.query("ratio.notna()")
    means = pairs[pairs["problem"] == "all"].set_index("b")["bound"]
    seen = set()
    for rival, part in pairs[pairs["problem"] != "all"].groupby("b"):
        kinds = set(part["bound"]) - {""}
        expected = kinds.pop() if len(kinds) == 1 else "about" if kinds else ""
        assert means[rival] == expected
        seen.add(expected)
    assert len(seen) > 1


@pytest.mark.slow
def test_what_diverges_everywhere_has_the_mean_of_its_ratios_over_all(small_sweep, workplace):
    """Nothing that the rows do not show goes into the last one; each ratio counts as 100 at most."""
    Path("up.py").write_text("from optbench import optimizer\n\n\n@optimizer(source='none')\ndef up(w, g, lr):\n"
                             "    return w + 1e6 * lr * g\n")  # fmt: skip
    table = optbench.rank("up.py", small_sweep, against="gd").table
    *rows, over = table["against_ratio"]
    assert over == pytest.approx(float(np.exp(np.mean(np.log(np.clip(rows, 0.01, 100))))))
    assert table["bound"].isin(["at least", "about"]).all() and (table["loses"] == 2).all()


def test_a_rank_lies_between_those_it_loses_to_and_those_it_beats(adam):
    for row in adam.table.to_dict("records"):
        pairs = adam.pairs[adam.pairs["problem"] == row["problem"]]
        assert row["rank_low"] == 1 + (pairs["low"] > 1.05).sum() == 1 + row["loses"]
        assert row["rank_high"] == 1 + len(pairs) - (pairs["high"] < 1 / 1.05).sum() == 1 + len(pairs) - row["beats"]
        assert row["rank_low"] <= row["rank"] <= row["rank_high"]
        assert row["beats"] + row["ties"] + row["loses"] + row["open"] == row["optimizers"] - 1 == 2


def test_who_never_reached_the_target_has_no_rank():
    known = optbench.load(HERE)
    answer = known.with_runs(known.runs[known.runs["problem"] == "nqm(dim=100)"].reset_index(drop=True)).ask()
    text = headline_rank(place(answer, "adamw"), answer)
    assert text == "adamw has no rank on nqm(dim=100): no run of it reached the target; it loses to 3 of 65"
    assert headline_rank(place(answer, "momo_adam"), answer).startswith("momo_adam ranks 1 of 66 [")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:optimizer lazy")  # it drops a NaN gradient where it stands still
def test_a_lazy_copy_of_gd_loses_to_it_and_a_clone_does_not(small_sweep, workplace):
    Path("lazy.py").write_text(LAZY.format(more=""))
    slow = optbench.rank("lazy.py", small_sweep, against="gd")
    row = slow.table.iloc[-1]
    assert row["against_low"] > 1.05, "it needs three times the samples"
    assert slow.pairs.query("problem == 'all' and b == 'gd'")["verdict"].tolist() == ["loses"]
    assert (workplace / "ranked" / "lazy" / "runs.parquet").exists()
    Path("clone.py").write_text(LAZY.replace("lazy", "clone").replace("n % 3 == 0", "n > 0").format(more=""))
    clone = optbench.rank("clone.py", small_sweep, against="gd")
    assert not {"wins", "loses"} & set(clone.pairs.query("b == 'gd'")["verdict"])
    assert clone.table["rank_low"].iloc[-1] <= 2


def test_an_optimizer_of_the_sweep_is_placed_without_a_run(small_sweep, workplace):
    found = optbench.rank("momentum", small_sweep)
    assert not (workplace / "ranked").exists()
    assert set(found.pairs["b"]) == {"gd"}
    other = optbench.rank("gd", small_sweep)
    both = [each.pairs.set_index("problem")[["ratio", "low", "high"]] for each in (found, other)]
    inverse = (1 / both[1]).rename(columns={"low": "high", "high": "low"})
    pd.testing.assert_frame_equal(both[0], inverse[["ratio", "low", "high"]])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fresh_seeds_are_none_of_the_sweep_and_a_clone_stays_one(small_sweep, workplace):
    Path("clone.py").write_text(LAZY.replace("lazy", "clone").replace("n % 3 == 0", "n > 0").format(more=""))
    found = optbench.rank("clone.py", small_sweep, against="gd", confirm=True)
    (folder,) = Path("ranked/clone").glob("fresh-*")
    fresh = optbench.load(folder).runs
    assert not set(fresh["seed"]) & set(found.results.runs["seed"])
    assert fresh["seed"].nunique() == 20 and set(fresh["optimizer"]) == {"clone", "gd", "momentum"}
    chosen = fresh.groupby(["problem", "optimizer"])["lr"].unique()
    assert (chosen.str.len() == 1).all(), "nothing is tuned again"
    beside = found.confirmed.query("b == 'gd'")
    assert set(beside["problem"]) == {"quadratic(dim=4)", "rosenbrock", "all"}
    assert not {"wins", "loses"} & set(beside["verdict"])
    assert "On 20 fresh seeds, with the same settings, and so without the luck of the search, clone ranks" in found.text
    again = optbench.rank("clone.py", small_sweep, against="gd", confirm=True)
    assert [*Path("ranked/clone").glob("fresh-*")] == [folder], "the same file meets the same seeds"
    assert "versions of clone" not in again.text
    file = Path("clone.py")
    file.write_text(file.read_text().replace("n > 0", "n % 2 == 0"))
    with pytest.warns(UserWarning, match="clone has changed"):
        text = optbench.rank("clone.py", small_sweep, confirm=True).text
    assert len([*Path("ranked/clone").glob("fresh-*")]) == 2, "another version meets others"
    assert "2 versions of clone have been ranked here by now" in text and "--confirm" not in text


def test_the_reference_is_among_those_on_fresh_seeds(small_sweep, workplace, monkeypatch):
    monkeypatch.setattr("optbench.atlas.reruns.NEAREST", 0)
    found = optbench.rank("adam", small_sweep, against="momentum", confirm=True)
    assert set(found.confirmed["b"]) == {"momentum"}


@pytest.mark.slow
def test_versions_of_an_optimizer_are_counted_and_told(small_sweep, workplace):
    file = Path("clone.py")
    for every in (1, 2):
        file.write_text(LAZY.replace("lazy", "clone").replace("% 3", f"% {every}").format(more=""))
        text = optbench.rank("clone.py", small_sweep, out=f"out{every}").text
        assert ("2 versions of clone have been ranked here by now" in text) == (every == 2)


@pytest.mark.parametrize("damage", ["", "[", "[1]", '{"clone beside atlas": 7}'])
def test_a_damaged_count_begins_anew(tmp_path, damage):
    from optbench.atlas.looks import cache_folder, count_versions

    file = cache_folder() / "ranked.json"
    file.parent.mkdir()
    file.write_text(damage)
    assert [count_versions("clone", "atlas", each) for each in ("a", "b", "a")] == [1, 2, 2]
    assert count_versions("clone", "elsewhere", "b") == 1
    file.unlink()
    file.mkdir()  # nothing can be written
    assert [count_versions("clone", "atlas", each) for each in ("a", "b")] == [1, 1]


@pytest.mark.slow
def test_objects_are_ranked_as_well(small_sweep, workplace):
    @optbench.optimizer(source="gd of half the rate")
    def half(w, g, lr):
        return w - lr * g / 2

    found = optbench.rank(half, optbench.load(small_sweep), against="")
    assert found.headline.startswith("half ranks ")
    assert max(map(len, repr(found).split("\n\n")[1].splitlines())) <= 80
    assert "<pre>half ranks" in found._repr_html_()


@pytest.mark.parametrize(("change", "message"), [
    (lambda known: known.provenance["plugins"].update({"problem rosenbrock": "0"}),
     "problem rosenbrock has changed since the sweep in 'SWEEP': a newcomer would not run on what the others did"),
    (lambda known: setattr(known, "missing", "2 of 9 cohorts are missing"),
     "'SWEEP': 2 of 9 cohorts are missing: rank in a sweep that has ended"),
])  # fmt: skip
def test_a_sweep_that_is_unfinished_or_not_the_same_is_refused(small_sweep, workplace, monkeypatch, change, message):
    known = optbench.load(small_sweep)
    change(known)
    monkeypatch.setattr("optbench.atlas.newcomers.load", lambda folder: known)
    with pytest.raises(OptbenchError, match=re.escape(message.replace("SWEEP", str(small_sweep)))):
        optbench.rank("adam", small_sweep)
    assert not list(workplace.iterdir())
