"""Winners against the budget: crossing curves that were planted, and each budget as a sweep of its own."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic import make_tables, runs_table

from optbench.analysis import against_budget, best_configurations, cut_runs_at, ranking
from optbench.contract.errors import OptbenchError

STEPS = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256])
SIZES = (1, 4, 16)


def planted(seeds=16, spread=0.1, sizes=SIZES, random_seed=0, pace=None, same=False):
    """Batches of B fall by exp(-samples / (8 sqrt(B))) to a floor of 0.1 / B^2: small ones lead first, large ones last.

    16 examples a step at most, 256 steps each; the smaller of two rates is half as quick.
    """
    rng = np.random.default_rng(random_seed)
    rows, curves = [], []
    for size in sizes:
        for lr in (0.1, 0.2):
            for seed in range(seeds):
                b = 1 if same else size
                samples = np.minimum(STEPS * size, 256.0)
                luck = rng.lognormal(0, spread)
                value = luck * (np.exp(-samples * lr * 5 / (8 * math.sqrt(b))) + 0.1 / b**2) / (1 + 0.1 / b**2)
                value[0] = 1.0
                ended = int(256 / size)
                kept = STEPS <= ended
                name = f"r{len(rows)}"
                rows.append({"batch_size": size, "lr": lr, "seed": seed, "steps": ended, "samples": ended * size,
                             "epochs": ended * size / 256, "suboptimality_final": value[kept][-1]})  # fmt: skip
                curves.append(pd.DataFrame({"run_id": name, "step": STEPS[kept], "samples": samples[kept],
                                            "train_loss": value[kept]}))  # fmt: skip
    runs = runs_table(rows)
    runs["cohort_id"] = "c" + runs["batch_size"].astype(str)
    nanoseconds = [1e9 * (pace or {}).get(size, 1.0) for size in sizes]
    timings = pd.DataFrame({"cohort_id": [f"c{size}" for size in sizes], "ns_per_run_step": nanoseconds, "steps": 256})
    problems = pd.DataFrame([{"problem": "p", "minimum": 0.0, "minimum_source": "closed form", "examples": 256}])
    return SimpleNamespace(runs=runs, curves=pd.concat(curves), timings=timings, problems=problems)


def test_the_winner_changes_with_the_budget():
    table = against_budget(planted(), budgets=[8.0, 60.0, 256.0])
    best = table[table["best"]]
    assert best["batch_size"].tolist() == ["1", "4", "16"] and (best["place"] == 1).all()
    assert (table["ended"] == table["budget"].eq(256)).all() and (table["trials"] == 2).all()
    np.testing.assert_allclose(best["value"].iloc[0], (math.exp(-1) + 0.1) / 1.1, rtol=0.1)


def test_equal_levels_share_first_place():
    """Nothing differs but luck, in eight tables: most budgets have no sole winner."""
    tables = [against_budget(planted(spread=0.5, random_seed=seed, same=True), budgets=[250.0]) for seed in range(8)]
    assert np.mean([table["first"].all() for table in tables]) >= 7 / 8


def test_in_seconds_the_pace_counts():
    """A step of a batch of 1 takes a hundred times as long as one of 16 examples: it never leads."""
    table = against_budget(planted(pace={1: 100.0, 4: 1.0, 16: 1.0}), clock="seconds", budgets=[10.0, 16.0])
    assert table.loc[table["best"], "batch_size"].tolist() == ["16", "16"]
    ended = table[table["budget"] == 16].set_index("batch_size")["ended"]
    assert ended.to_dict() == {"1": 0.0, "4": 0.0, "16": 1.0}


@pytest.mark.parametrize("clock", ["samples", "seconds"])
def test_budgets_are_log_spaced_from_a_step_of_all_to_the_last_end(clock):
    results = planted(pace={1: 2.0, 4: 1.0, 16: 1.0})
    grid = against_budget(results, clock=clock, budgets=5)["budget"].unique()
    np.testing.assert_allclose(grid, np.geomspace(*{"samples": (16, 256), "seconds": (2, 512)}[clock], 5))


RATES = (0.003, 0.03, 0.3)
TABLES = SimpleNamespace(**make_tables(problems=("saddle", "breast_cancer"), optimizers=("gd", "adam"), seeds=range(4),
                                       rates=RATES, schedules=("constant",), diverge_above=2.0))  # fmt: skip


def test_each_budget_is_a_sweep_of_its_own():
    """At an evaluated step, the table is that of runs which really ended there, and ranks as it does."""
    step = 16
    now = cut_runs_at(TABLES, "steps", step)
    curves = TABLES.curves[TABLES.curves["step"] <= step]
    last = curves.drop_duplicates("run_id", keep="last").set_index("run_id").loc[now["run_id"]]
    there = (last["step"] == step).to_numpy()
    minimum = TABLES.runs["problem"].map(TABLES.problems.set_index("problem")["minimum"]).to_numpy()
    gap = last["train_loss"].to_numpy() - minimum
    assert there.sum() > 10 and (now["status"] == "diverged").any() and (TABLES.runs["status"] == "diverged").any()
    np.testing.assert_allclose(now["suboptimality_final"][there & (now["status"] == "ok")],
                               gap[there & (now["status"] == "ok")])  # fmt: skip
    ended = TABLES.runs["diverged_at"].le(step).fillna(False).to_numpy(dtype=bool)
    assert (now["status"][ended] == "diverged").all() and np.isinf(now["log_tail"][ended]).all()
    later = (TABLES.runs["status"] == "diverged").to_numpy() & there & ~ended & (now["status"] == "ok").to_numpy()
    assert later.any() and np.isfinite(now["log_tail"][later]).all()
    table = against_budget(TABLES, of="optimizer", clock="steps", budgets=[float(step)])
    expected = ranking(now, of="optimizer").query("problem != 'all'").reset_index(drop=True)
    assert table[["problem", "optimizer", "place", "value"]].equals(
        expected[["problem", "optimizer", "place", "value"]]
    )
    assert len(best_configurations(now, [0, 1])) == 4  # other analysis takes it, too


def test_at_the_end_it_is_the_sweep_itself():
    now = cut_runs_at(TABLES, "steps", 1e9)
    assert (now["status"] == TABLES.runs["status"]).all()
    bad = (now["status"] == "diverged").to_numpy()
    assert np.isinf(now["suboptimality_final"][bad]).all() and now["test_loss_final"].isna().all()


def test_a_run_is_cut_only_once_its_deadline_has_come():
    results = planted()
    results.runs.loc[0, ["status", "steps", "samples"]] = ["deadline", 8, 8]
    assert cut_runs_at(results, "samples", 8)["status"][0] == "ok"
    assert cut_runs_at(results, "samples", 9)["status"][0] == "deadline"


def drawn(blocks=6, sizes=SIZES, hidden=()):
    """A sweep in blocks, each of which drew four rates a batch size, screened them on a seed and reports one on two.

    Losses fall by exp(-rate samples / (20 sqrt(B))) to a floor of 0.1 / B^2; rate 9 fails after half of its samples.
    hidden: pairs of block and size without a holdout.
    """
    rng = np.random.default_rng(5)
    rows, curves = [], []
    for block in range(blocks):
        for size in sizes:
            rates = [*np.exp(rng.uniform(0, 1, 3)).round(4), 9.0]
            ends = {}
            for stage, seeds in (("screen", [10 * block]), ("holdout", [10 * block + 1, 10 * block + 2])):
                chosen = rates if stage == "screen" else [] if (block, size) in hidden else [min(ends, key=ends.get)]
                for rate in chosen:
                    for seed in seeds:
                        bad, last = rate == 9, 256 // size
                        steps = STEPS[last // 2 >= STEPS] if bad else STEPS[last >= STEPS]
                        value = np.exp(-rate * steps * size / (20 * math.sqrt(size))) + 0.1 / size**2
                        value = value / value[0] * np.where(steps > 0, rng.lognormal(0, 0.1), 1.0)
                        curves.append(pd.DataFrame({"run_id": f"r{len(rows)}", "step": steps, "samples": steps * size,
                                                    "train_loss": value}))  # fmt: skip
                        made = steps[-1] + 1 if bad else last
                        rows.append({"optimizer": "gd", "batch_size": size, "lr": rate, "seed": seed, "steps": made,
                                     "samples": made * size, "epochs": made * size / 256, "stage": stage,
                                     "block": block, "suboptimality_final": np.inf if bad else value[-1],
                                     "status": "diverged" if bad else "ok"})  # fmt: skip
                        ends[rate] = rows[-1]["suboptimality_final"]
    timings = pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": 1e9, "steps": 256}])
    problems = pd.DataFrame([{"problem": "p", "minimum": 0.0, "minimum_source": "closed form", "examples": 256}])
    return SimpleNamespace(runs=runs_table(rows), curves=pd.concat(curves), timings=timings, problems=problems)


@pytest.mark.parametrize("of", ["batch_size", "optimizer"])
def test_of_a_sweep_with_blocks_the_holdout_counts(of):
    """Each block has settings of its own: those that it reports are ranked as they stand at the budget."""
    results = drawn() if of == "batch_size" else drawn(sizes=(4,))
    if of == "optimizer":  # two optimizers, whose curves are equal but for a factor
        more = results.runs.assign(optimizer="adam", run_id="a" + results.runs["run_id"])
        more["suboptimality_final"] = more["loss_final"] = more["suboptimality_final"] * 0.5
        results.runs = pd.concat([results.runs, more], ignore_index=True)
        half = results.curves.assign(run_id="a" + results.curves["run_id"])
        half["train_loss"] *= np.where(half["step"] > 0, 0.5, 1.0)
        results.curves = pd.concat([results.curves, half])
    table = against_budget(results, of)
    assert table["budget"].unique().tolist() == [64, 128, 256] and (table["blocks"] == 6).all()
    assert (table["trials"] == 4).all() and (table["failures"] == 0).all()
    curves = {name: part.set_index("samples")["train_loss"] for name, part in results.curves.groupby("run_id")}
    holdout = results.runs[results.runs["stage"] == "holdout"]
    for row in table.to_dict("records"):
        mine = holdout[holdout[of].astype(str) == row[of]]
        logs = [math.log(curves[run][row["budget"]]) for run in mine["run_id"]]
        assert len(logs) == 12 and row["ended"] == float(row["budget"] == 256)
        means = pd.Series(logs).groupby(mine["block"].to_numpy()).mean()
        np.testing.assert_allclose(math.log(row["value"]), means.mean(), atol=0.1)
        assert means.min() <= math.log(row["value"]) <= means.max()
    best = table[table["best"]].set_index("budget")[of]
    assert best[256] == ("16" if of == "batch_size" else "adam")
    if of == "batch_size":
        assert best[64] != "16"


def test_without_a_holdout_nothing_is_ranked():
    hidden = [(block, size) for block in range(6) for size in SIZES]
    assert against_budget(drawn(hidden=hidden)).empty


def test_budgets_up_to_1_are_shares_of_the_longest_run():
    results = planted()
    some, same = against_budget(results, budgets=[0.25, 1, 100]), against_budget(results, budgets=[64.0, 256.0, 100.0])
    assert some["budget"].unique().tolist() == [64, 100, 256]
    pd.testing.assert_frame_equal(some, same)


def test_bad_questions_are_told():
    with pytest.raises(OptbenchError, match="unknown clock 'second': did you mean 'seconds'?"):
        against_budget(TABLES, clock="second")
    with pytest.raises(OptbenchError, match="unknown column to compare 'batchsize': did you mean 'batch_size'?"):
        against_budget(TABLES, of="batchsize")
    with pytest.raises(OptbenchError, match="above 0"):
        against_budget(TABLES, budgets=[0.0])
