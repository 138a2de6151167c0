"""Verdicts and rankings against a naive twin in plain Python with SciPy, and planted tables."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from quick import slow
from scipy import stats
from staged import (
    SAMPLES,
    add_times,
    naive_choices,
    naive_targets,
    only,
    plain_table,
    ranking,
    shuffled,
    staged_table,
    time_of,
    verdicts,
)
from synthetic import runs_table

from optbench.contract.columns import target_column

OPTIMIZERS = ("gd", "momentum", "adam")
SPEED = dict(zip(OPTIMIZERS, (0.0, 0.1, -2.0), strict=True))
FIRST_LOOK = 0.025


def noisy(seed=0, problems=("p", "q"), speed=SPEED, blocks=6, spread=0.5, fails=0.02, **options):
    """Optimizers whose best y lies at their speed; noise of the seed, and of the run; some reporting runs fail."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=1000)

    def value(problem, optimizer, rate, stage, block, seed):
        y = speed[optimizer] + abs(rate - 0.2) + common[seed] + spread * rng.normal()
        return math.inf if stage == "holdout" and rng.random() < fails else y

    return staged_table(value, tuple(speed), problems=problems, blocks=blocks, **options)


def timed(seed=0, **options):
    """The same with times, of which those on q lead to harder targets."""
    runs, luck = noisy(seed, **options), iter(np.random.default_rng(seed).normal(size=100_000))
    scale = {"p": 250, "q": 60}
    slow = {"gd": 1.0, "momentum": 1.5, "adam": 2.5}
    return add_times(runs, lambda row: scale[row.problem] * slow[row.optimizer] * math.exp(0.3 * next(luck) + row.lr))


def naive(runs, measure):
    """{(problem, a, b): (differences of blocks, share of seeds that a wins)}, {(problem, optimizer): values}"""
    chosen = naive_choices(runs, 10)
    if measure == "time":
        shared, in_block = naive_targets(runs)
        assert shared["p"] > shared["q"]
        chosen = naive_choices(
            runs, 10,
            lambda row: time_of(row, shared[row["problem"]]),
            lambda row: time_of(row, in_block[row["problem"], row["block"]]),
        )  # fmt: skip
    reports = {}
    for row in runs.to_dict("records"):
        key = row["problem"], row["optimizer"], row["block"]
        if row["stage"] == "holdout" and row["lr"] == chosen[key][1]:
            reports.setdefault(key, {})[row["seed"]] = row

    def costs(rows, target):
        hit = [row for row in rows if row["status"] != "diverged" and math.isfinite(row[target_column(target)])]
        spent = sum(row[target_column(target)] for row in hit) + SAMPLES * (len(rows) - len(hit))
        return math.log(spent / max(len(hit), 0.5))

    def worth(row, target):
        if row["status"] == "diverged":
            return math.inf
        if target is None:
            return row["log_tail"]
        return min(row[target_column(target)], 2 * SAMPLES)

    pairs, values = {}, {}
    for problem in runs["problem"].unique():
        target = shared[problem] if measure == "time" else None
        blocks = sorted({block for name, _, block in reports if name == problem})
        for name in OPTIMIZERS:
            each = [list(reports[problem, name, block].values()) for block in blocks]
            values[problem, name] = [
                np.mean([row["log_tail"] for row in rows if row["status"] == "ok"]) if target is None
                else costs(rows, target) for rows in each
            ]  # fmt: skip
        for a, b in itertools.combinations(OPTIMIZERS, 2):
            differences, won = [], []
            for place, block in enumerate(blocks):
                one, other = reports[problem, a, block], reports[problem, b, block]
                both = [seed for seed in one if one[seed]["status"] == other[seed]["status"] == "ok"]
                each = [other[seed]["log_tail"] - one[seed]["log_tail"] for seed in both]
                times = values[problem, b][place] - values[problem, a][place]
                differences.append(np.mean(each) if target is None else times)
                for seed in one:
                    first, second = worth(one[seed], target), worth(other[seed], target)
                    won.append(1.0 if first < second else 0.5 if first == second else 0.0)
            pairs[problem, a, b] = differences, np.mean(won)
    return pairs, values


@pytest.mark.parametrize("measure", ["loss", "time"])
def test_verdicts_equal_a_naive_twin(measure):
    runs = (timed if measure == "time" else noisy)(holdout=3)
    expected, _ = naive(runs, measure)
    table = verdicts(shuffled(runs), measure)
    assert len(table) == 9 and (table["blocks"] == [6] * 6 + [2] * 3).all() and (table["seeds"][:6] == 18).all()
    words = set()
    for row in table[table["problem"] != "all"].itertuples():
        turn = (row.problem, row.a, row.b) not in expected
        differences, share = expected[(row.problem, row.b, row.a) if turn else (row.problem, row.a, row.b)]
        differences, share = (-np.array(differences), 1 - share) if turn else (np.array(differences), share)
        test = stats.ttest_1samp(differences, 0.0)
        wide = test.confidence_interval((1 - FIRST_LOOK) ** (1 / 3))  # three pairs at once
        assert [row.ratio, row.low, row.high] == pytest.approx(np.exp([np.mean(differences), *wide]).tolist())
        assert row.p == pytest.approx(test.pvalue) and row.probability == pytest.approx(share)
        assert row.p_adjusted == pytest.approx(1 - (1 - test.pvalue) ** 3)
        tie = row.low >= 1 / 1.1 and row.high <= 1.1
        word = "tie" if tie else "wins" if row.low > 1.05 else "loses" if row.high < 1 / 1.05 else "open"
        assert row.verdict == word and (row.blocks_needed > 6) == (word == "open")
        words.add(word)
    assert {"wins", "loses"} & words and "open" in words


@pytest.mark.parametrize("measure", ["loss", slow("time")])
def test_a_ranking_follows_from_the_verdicts(measure):
    runs = (timed if measure == "time" else noisy)(holdout=4)
    pairs, values = naive(runs, measure)
    table, rows = ranking(runs, measure), verdicts(runs, measure)
    assert table["optimizer"].tolist() == list(OPTIMIZERS) * 3
    for row in table[table["problem"] != "all"].to_dict("records"):
        name, mine = row["optimizer"], rows[rows["problem"] == row["problem"]]
        wins = (mine["a"].eq(name) & mine["verdict"].eq("wins")) | (mine["b"].eq(name) & mine["verdict"].eq("loses"))
        lost = (mine["a"].eq(name) & mine["verdict"].eq("loses")) | (mine["b"].eq(name) & mine["verdict"].eq("wins"))
        assert (row["beats"], row["beaten_by"], row["place"]) == (wins.sum(), lost.sum(), 1 + lost.sum())
        logs = values[row["problem"], name]
        interval = stats.ttest_1samp(logs, 0.0).confidence_interval(0.95)  # of six blocks none is cut
        assert [row[key] for key in ("value", "low", "high")] == pytest.approx(np.exp([np.mean(logs), *interval]))
        worse = [1 - share if a == name else share for (problem, a, b), (_, share) in pairs.items()
                 if problem == row["problem"] and name in (a, b)]  # fmt: skip
        assert row["mean_rank"] == pytest.approx(1 + sum(worse)) and row["trials"] == 3 and row["blocks"] == 6


def test_a_time_without_a_hit_counts_as_two_budgets_and_bounds_the_ratio():
    """gd reaches the target in 300 samples, lion in one of four runs of a block, adam never."""
    runs = staged_table(lambda *_: 0.0, ("gd", "adam", "lion"), rates=(0.1,), screen=1, race=0, holdout=4, blocks=4)
    first = runs.groupby("block")["seed"].transform("min")
    hits = {"gd": 1.0, "adam": 0.0}
    hit = np.where(runs["optimizer"] == "lion", runs["seed"] <= first + 1, runs["optimizer"].map(hits).fillna(0) > 0)
    runs["samples_to_0.5"] = np.where(hit, 300.0, math.inf)
    table = verdicts(runs).set_index(["a", "b"])
    assert table.loc[("gd", "adam"), "ratio"] == pytest.approx(4 * SAMPLES / 0.5 / 300)
    assert table.loc[("gd", "lion"), "ratio"] == pytest.approx((300 + 3 * SAMPLES) / 300)
    assert table["bound"].to_dict() == {("gd", "adam"): "at least", ("gd", "lion"): "", ("adam", "lion"): "at most"}
    assert ranking(runs).set_index("optimizer")["reached"].to_dict() == {"gd": 1.0, "adam": 0.0, "lion": 0.25}
    runs.loc[(runs["optimizer"] == "lion") & (runs["stage"] == "holdout"), "samples_to_0.5"] = math.inf
    row = verdicts(runs).set_index(["a", "b"]).loc[("adam", "lion")]
    assert (row["verdict"], row["reason"], row["bound"]) == ("open", "neither reaches the target", "about")


def test_a_block_without_a_hit_bounds_the_ratio_whatever_the_limits_of_what_never_arrives():
    """gd reaches the target on each seed in common, lion on all but one, adam never."""
    runs = staged_table(lambda *_: 0.0, ("gd", "adam", "lion"), rates=(0.1,), blocks=4, final=4, report=24)
    late = runs["seed"] == runs.loc[runs["stage"] == "report", "seed"].max()
    never = (runs["optimizer"] == "adam") | ((runs["optimizer"] == "lion") & late)
    runs["samples_to_0.5"] = np.where(never, math.inf, 300.0)
    edges = pd.DataFrame({"problem": "p", "optimizer": ["adam"]})  # of rates that are all as bad, one is the best
    for limits in (None, edges):
        bounds = verdicts(runs, edges=limits).set_index(["a", "b"])["bound"].to_dict()
        assert bounds == {("gd", "adam"): "at least", ("gd", "lion"): "at least", ("adam", "lion"): "about"}


@pytest.mark.slow
def test_recommendations_at_a_limit_bound_the_ratio():
    runs = noisy(problems=("p",), speed={"gd": 0.0, "adam": -3.0}, blocks=4, fails=0)

    def found(*names):
        edges = pd.DataFrame({"problem": "p", "optimizer": list(names)})
        return verdicts(runs, "loss", edges=edges).iloc[0], ranking(runs, "loss", edges=edges).set_index("optimizer")

    bounds = [found(*names)[0]["bound"] for names in ((), ("gd",), ("adam",), ("gd", "adam"), ("lion",))]
    assert bounds == ["", "at least", "at most", "about", ""]
    places = [found(*names)[1].loc["adam", ["state", "alone", "limit"]].tolist() for names in (("gd",), ("adam",))]
    assert places == [["first", True, False], ["first", False, True]]


def test_solved_and_small_losses_are_not_told_apart_by_their_rounding():
    """The first loss is 1: below 1e-8 all is solved, and two below 1e-5 differ by a factor of 100 at most."""
    deep = {"gd": -30.0, "adam": -20.0, "lion": math.log(1e-6), "lbfgs": math.log(3e-4)}
    runs = staged_table(lambda p, name, rate, *_: deep[name] + 0.01 * rate, tuple(deep), blocks=4)
    table = verdicts(runs, "loss").set_index(["a", "b"])
    assert table.loc[("gd", "adam"), ["verdict", "ratio"]].tolist() == ["tie", 1.0]
    assert table.loc[("gd", "adam"), "known"] == "both solve it: below 1e-8 of the gap at the start"
    assert table.loc[("adam", "lion"), "ratio"] == pytest.approx(100.0, rel=0.01)  # not 460 to 22,000
    far = {"gd": -30.0, "lion": math.log(9e-6)}
    row = verdicts(staged_table(lambda p, name, *_: far[name], tuple(far), blocks=8), "loss").iloc[0]
    assert (row["verdict"], row["ratio"], row["high"]) == ("wins", 100.0, 100.0)
    assert row["known"] == "more than 100 times, both below 1e-5 of the gap at the start"
    assert table.loc[("gd", "lbfgs"), "ratio"] == pytest.approx(3e4, rel=0.01)  # lbfgs is not small


def test_a_tie_a_margin_and_what_is_open():
    def row_of(shift, spread):
        noise = np.random.default_rng(1).normal(size=8)
        noise = (noise - noise.mean()) / noise.std(ddof=1)
        runs = staged_table(
            lambda p, name, rate, stage, block, seed: (name == "gd") * (shift + spread * noise[block]), blocks=8
        )
        return verdicts(runs, "loss").iloc[0]

    def words(shift, spread):
        return row_of(shift, spread)[["verdict", "known"]].tolist()

    assert words(0.0, 0.0) == ["tie", "within 10% of each other"]
    assert words(0.009, 0.001)[0] == "tie"  # however small p is
    assert words(0.09, 0.001)[0] == "tie" and words(0.12, 0.001)[0] == "loses" and words(-0.12, 0.001)[0] == "wins"
    assert words(0.07, 0.04)[0] == "open" and words(0.0, 3.0) == ["open", "too noisy to place"]
    shown = row_of(0.1, 0.07)  # what keeps it open, though p is small, stands beside the word
    assert shown["p_adjusted"] < 0.01 and list(shown.index[3:6]) == ["verdict", "known", "reason"]
    assert shown["verdict"] == "open" and shown["known"] == "behind, perhaps by less than 5%"


def test_failures_are_an_outcome_of_their_own():
    """gd has the lower losses, and fails in a quarter of its runs in every block: it neither wins nor ties."""

    def value(p, name, rate, stage, block, seed):
        return math.inf if name == "gd" and stage == "holdout" and seed % 4 == 0 else (0.0 if name == "gd" else 1.0)

    runs = staged_table(value, blocks=8, race=3, holdout=4, screen=1)
    row = verdicts(runs, "loss").iloc[0]
    assert (row["verdict"], row["failures_a"], row["failures_b"]) == ("open", 0.25, 0.0)
    assert row["ratio"] == pytest.approx(math.e) and "fails in 25%" in row["known"]  # of the runs that finished
    assert row["probability"] == 0.75  # a failure is worse than all
    assert not ranking(runs, "loss")["state"].eq("first").any()


def test_what_always_fails_loses_and_is_last():
    always = staged_table(lambda p, name, *_: {"gd": math.inf, "adam": 0.1, "lion": 2.0}[name], ("gd", "adam", "lion"),
                          blocks=8)  # fmt: skip
    assert verdicts(always, "loss")["verdict"].tolist() == ["loses", "loses", "wins"]
    table = ranking(always, "loss").set_index("optimizer")
    assert table["state"].to_dict() == {"gd": "failed", "adam": "first", "lion": "behind"}
    assert table["place"].to_dict() == {"gd": 3, "adam": 1, "lion": 2} and table["alone"]["adam"]
    few = only(always, lambda row: row.block == 0)
    assert verdicts(few, "loss")["reason"][0] == "every reporting run of one side failed"
    assert ranking(few, "loss")["place"].tolist() == [3, 1, 1]
    every = staged_table(lambda *_: math.inf)
    assert verdicts(every, "loss")["reason"][0] == "every reporting run failed on both sides"


@pytest.mark.slow
def test_states_of_levels():
    """a leads, b ties with it, c is behind, d is too noisy, e always fails."""
    center, spread = {"a": 0.0, "b": 0.02, "c": 1.0, "d": 0.3}, {"a": 0.01, "b": -0.01, "c": 0.03, "d": 1.0}

    def value(p, name, rate, stage, block, seed):
        return math.inf if name == "e" else center[name] + spread[name] * (-1) ** block

    runs = staged_table(value, tuple("abcde"), rates=(0.1,), blocks=8)
    table = ranking(runs, "loss").set_index("optimizer")
    assert table["state"].to_dict() == {"a": "first", "b": "tie", "c": "behind", "d": "open", "e": "failed"}
    assert not table["alone"].any() and table["beaten_by"]["c"] == 2
    alone = ranking(only(runs, lambda row: row.optimizer in "ac"), "loss").set_index("optimizer")
    assert alone["alone"].to_dict() == {"a": True, "c": False}
    equal = ranking(only(runs, lambda row: row.optimizer in "ab"), "loss").set_index("optimizer")
    assert equal["state"].to_dict() == {"a": "first", "b": "tie"} and not equal["alone"].any()
    nobody = ranking(only(runs, lambda row: row.optimizer in "bd"), "loss")
    assert nobody["state"].tolist() == ["open", "open"]
    near = ranking(only(runs, lambda row: row.optimizer in "abd"), "loss").set_index("optimizer")
    assert near["state"].to_dict() == {"a": "open", "b": "tie", "d": "open"}, "nobody is behind"


@pytest.mark.slow
def test_over_all_problems_ranks_decide_from_twenty_on():
    speed = {"gd": 0.0, "adam": -3.0}
    runs = noisy(problems=tuple("abcdefghijklmnopqrst"), speed=speed, blocks=3, rates=(0.2,), race=0, holdout=1)
    table = verdicts(runs, "loss")
    row, logs = table.iloc[-1], np.log(table["ratio"].to_numpy()[:-1])
    assert (row["problem"], row["verdict"], row["blocks"]) == ("all", "loses", 20)
    assert row["p"] == pytest.approx(stats.wilcoxon(logs, mode="exact").pvalue)
    walsh = [(logs[i] + logs[j]) / 2 for i in range(20) for j in range(i, 20)]
    assert row["ratio"] == pytest.approx(math.exp(np.median(walsh)))
    over = ranking(runs, "loss").set_index(["problem", "optimizer"]).loc["all"]
    assert over["mean_rank"].to_dict() == {"gd": 2.0, "adam": 1.0} and over["worst_rank"].to_dict() == {
        "gd": 2.0, "adam": 1.0,
    }  # fmt: skip
    assert over["stays_first"].tolist() == [False, True] and over["state"].tolist() == ["behind", "first"]
    few = verdicts(only(runs, lambda row: row.problem in "abcdefg"), "loss").iloc[-1]
    assert few["verdict"] == "open" and few["reason"] == "20 problems are needed"


@pytest.mark.slow
def test_what_cannot_be_decided_says_why():
    rows = [
        {"lr": lr, "optimizer": name, "seed": seed} for lr in (1, 2) for name in ("gd", "adam") for seed in range(3)
    ]
    row = verdicts(runs_table(rows)).iloc[0]
    assert (row["verdict"], row["blocks"]) == ("open", 1) and "more are needed" in row["reason"]
    cut = staged_table(lambda p, optimizer, *_: None if optimizer == "gd" else 1.0)
    assert "stopped or failed run" in verdicts(cut)["reason"][0] and verdicts(cut)["verdict"][0] == "open"
    unreported = staged_table(lambda *_: 1.0, holdout=0)
    assert verdicts(unreported)["reason"][0] == "no reporting seeds"
    assert verdicts(runs_table([{}])).empty and ranking(runs_table([{}]))["place"].tolist() == [1]


@pytest.mark.slow
def test_each_further_look_is_at_a_smaller_alpha():
    runs = noisy(holdout=3, fails=0)
    widths = [np.log(table["high"] / table["low"])[:6] for table in (verdicts(runs, "loss", look=k) for k in (1, 2, 3))]
    for look, alpha in ((1, 0.025), (2, 0.015), (3, 0.005)):
        expected = stats.t.isf((1 - (1 - alpha) ** (1 / 3)) / 2, 5) / stats.t.isf((1 - 0.975 ** (1 / 3)) / 2, 5)
        np.testing.assert_allclose(widths[look - 1] / widths[0], expected)


UNEQUAL = {"gd": (0.1, 0.2, 0.3), "adam": tuple(np.arange(1, 13) / 100)}


def unequal(problems, blocks=8, seed=0, best=0.0):
    """Two optimizers whose settings are all alike, a draw each; adam has four times as many."""
    rng = np.random.default_rng(seed)
    skill = {(p, name, rate, block): rng.normal() + best * (name == "adam") for p in problems for name in UNEQUAL
             for rate in UNEQUAL[name] for block in range(blocks)}  # fmt: skip

    def value(p, name, rate, stage, block, seed):
        return skill[p, name, rate, block]

    return staged_table(value, rates=UNEQUAL, blocks=blocks, race=0, holdout=1, problems=problems)


@pytest.mark.slow
def test_a_clone_with_four_times_the_trials_never_wins_or_ties():
    """The ratio is that of both as tuned: the best of twelve draws beside the best of three."""
    runs = unequal([f"p{k}" for k in range(150)])
    table = verdicts(runs, "loss")
    assert (table.loc[table["problem"] == "all", "verdict"] == "open").all(), "the same over problems"
    table = table[table["problem"] != "all"]
    assert table[["trials", "trials_a", "trials_b"]].drop_duplicates().values.tolist() == [[3, 3, 12]]
    behind = table[table["ratio"] < 1]  # else the one with fewer trials had luck, and more blocks would settle it
    assert (table["verdict"] == "open").all() and len(behind) > 140
    assert behind["blocks_needed"].isna().all()
    assert (behind["reason"] == "unequal trials, and the best of more is better").all()
    draws = np.random.default_rng(0).normal(size=(100_000, 15))
    ahead = np.mean(draws[:, :12].min(axis=1) - draws[:, 12:].min(axis=1))
    error = math.sqrt((np.var(draws[:, :12].min(axis=1)) + np.var(draws[:, 12:].min(axis=1))) / (150 * 8))
    assert np.log(table["ratio"]).mean() == pytest.approx(ahead, abs=4 * error)


def test_who_had_fewer_trials_may_win():
    runs = unequal([f"p{k}" for k in range(20)], blocks=12, best=4.0)
    table = verdicts(runs, "loss").set_index("problem")
    assert (table["verdict"] == "wins").sum() > 15 and table.loc["all", "verdict"] == "wins"
    assert (table["a"] == "gd").all() and (table["reason"][table["verdict"] == "wins"] == "").all()


def test_batch_sizes_with_unequal_trials_are_compared():
    """How many trials draw one of them varies by chance, and favours none."""
    runs = levels(["screen", "holdout"])
    few = only(runs, lambda row: row.batch_size != 256 or row.lr == 0.1 or row.stage != "screen")
    row = verdicts(few, "loss", of="batch_size").iloc[0]
    assert row["trials_a"] > row["trials_b"] and row["verdict"] == "wins"


def test_a_miss_counts_two_budgets_in_the_probability_of_the_better_run():
    """gd reaches the target after 1500 samples; adam, which was given 1000, never does."""
    runs = staged_table(lambda *_: -1.0, rates=(0.1,), blocks=4, race=0, holdout=2)
    adam = runs["optimizer"] == "adam"
    runs = runs.assign(
        batch_size=np.where(adam, 32, 16), samples=np.where(adam, 1000, 1600),
        **{target_column(0.01): np.where(adam, np.inf, 1500.0)},
    )  # fmt: skip
    row = verdicts(runs, "time").iloc[0]
    assert (row["a"], row["b"], row["probability"]) == ("gd", "adam", 1.0) and row["ratio"] > 1
    ranks = ranking(runs, "time").set_index("optimizer")["mean_rank"]
    assert ranks.to_dict() == {"gd": 1.0, "adam": 2.0}


def levels(stages, seed=0):
    """Two optimizers at two rates, batch sizes and schedules, in blocks; the size of 4 was only tried at an edge."""
    rng = np.random.default_rng(seed)
    rows = []
    names = list(itertools.product(("gd", "adam"), (0.1, 0.2), (16, 256), ("constant", "sqrt_step(k=1.0)")))
    for block, (place, stage) in itertools.product(range(6), enumerate(stages)):
        for name, rate, size, schedule in names:
            y = rate + (name == "gd") + 2 * (size == 256) + 0.5 * (schedule == "constant") + 0.4 * rng.normal()
            row = {"optimizer": name, "lr": rate, "seed": 10 * block + place, "batch_size": size, "schedule": schedule}
            full = {"steps": 100 if size == 16 else 10, "epochs": 10.0}
            rows.append({**row, **full, "log_tail": y, "stage": stage, "block": block})
        if stage == "screen":
            rows.append({**rows[-1], "batch_size": 4, "stage": "widen", "log_tail": -9.0, "steps": 400})
    return runs_table(rows)


@pytest.mark.parametrize("of", [slow("batch_size"), "schedule"])
def test_batch_sizes_and_schedules_are_compared_with_all_else_tuned(of):
    runs = levels(("screen", "race", "holdout", "holdout"))
    rows = runs[runs["batch_size"] != 4].to_dict("records")
    values = {}
    for block, level in itertools.product(range(6), dict.fromkeys(row[of] for row in rows)):
        mine = [row for row in rows if row["block"] == block and row[of] == level]
        settings = {}
        for row in mine:
            key = row["optimizer"], row["lr"], row["batch_size"], row["schedule"]
            settings.setdefault(key, {"screen": [], "race": [], "holdout": []})[row["stage"]].append(row["log_tail"])
        best = min(settings.values(), key=lambda each: np.mean(each["screen"] + each["race"]))
        values.setdefault(level, []).append(np.mean(best["holdout"]))
    first, second = values
    row = verdicts(runs, "loss", of=of).iloc[0]
    names = [row["a"], row["b"]]
    assert names == (["16", "full"] if of == "batch_size" else ["constant", "sqrt_step(k=1.0)"])
    assert row["ratio"] == pytest.approx(np.exp(np.mean(np.subtract(values[second], values[first]))))
    assert row["trials"] == 8 and row["blocks"] == 6
    assert ranking(runs, "loss", of=of)[of].tolist() == names


def test_batch_sizes_of_a_plain_grid():
    runs = levels(("a", "b", "c", "d")).drop(columns=["stage", "block"])
    row = verdicts(runs, "loss", of="batch_size").iloc[0]
    assert (row["a"], row["b"], row["verdict"], row["trials"]) == ("16", "full", "wins", 8)
    assert row["ratio"] == pytest.approx(math.exp(2), rel=0.3)


@pytest.mark.slow
def test_nothing_is_decided_by_suboptimalities_from_a_minimum_that_is_too_high():
    """Of p losses lie 0.3 below it; q stands, and so does the accuracy on test data."""
    runs = plain_table({"adam": 0.01}, seeds=8, spread=0.1)
    runs["test_accuracy"] = runs["optimizer"].map({"gd": 0.5, "adam": 0.9}) + 0.01 * (runs["seed"] % 3)
    lower = runs["problem"].eq("p") & runs["seed"].eq(3)
    runs.loc[lower, "loss_best"] = runs.loc[lower, "loss_final"] - runs.loc[lower, "suboptimality_final"] - 0.3
    for measure in ("loss", "time"):
        table = verdicts(runs, measure).set_index("problem")
        assert table["verdict"].to_dict() == {"p": "open", "q": "loses"}
        assert table.loc["p", "reason"] == "losses lie up to 0.3 below the stated minimum"
        unknown = ["ratio", "low", "high", "p", "probability", "blocks_needed"]
        assert table.loc["p", unknown].isna().all() and table.loc["q", "reason"] == ""
        places = ranking(runs, measure).set_index(["problem", "optimizer"])["place"].to_dict()
        assert places == {("p", "gd"): 1, ("p", "adam"): 1, ("q", "gd"): 2, ("q", "adam"): 1}
    assert verdicts(runs, "test_accuracy")["verdict"].tolist()[:2] == ["loses", "loses"]
