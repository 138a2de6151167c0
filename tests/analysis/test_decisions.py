"""What one decides by a sweep on data, from planted runs: a quicker batch size, good rates, the length of a run."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from staged import answer_of, staged_table

from optbench.analysis.answer import Answer
from optbench.analysis.decisions import (
    LastQuarter,
    find_good_rates,
    find_kept,
    find_last_quarter,
    find_lowest,
    find_moved_rates,
    find_quicker,
    find_start,
    list_own,
    step_seconds,
)
from optbench.results.results import Results
from optbench.wording import decision_texts
from optbench.wording.conclusion import say_start_value
from optbench.wording.summary import summarize

RATES = tuple(float(rate) for rate in np.geomspace(1e-4, 1.0, 9))


def answer_with(value, **more):
    return answer_of(staged_table(value, rates=RATES, blocks=4, **more), [], "loss")


def test_a_step_has_a_fixed_part_and_one_of_each_weight_and_example():
    small, large = step_seconds(1_000, 1), step_seconds(1_000, 256)
    assert large < 1.1 * small, "of a small network the fixed part is nearly all"
    assert step_seconds(1e6, 512) - step_seconds(1e6, 256) == pytest.approx(1e6 * 256 * 6e-11)


@pytest.mark.parametrize(("first", "last"), [(0, 8), (2, 5), (3, 4)])
def test_the_range_of_rates_that_are_as_good(first, last):
    """Within 4% of each other between two rates, and twice as bad beyond them."""

    def value(problem, optimizer, rate, stage, block, seed):
        place = RATES.index(rate)
        bad = math.log(2) * (not first <= place <= last)
        return bad + 0.04 * math.sin(31 * place) / 2 + 0.001 * seed

    rates = find_good_rates(answer_with(value), "p")
    assert (rates.low, rates.high) == (RATES[first], RATES[last]) and not rates.points


@pytest.mark.filterwarnings("error")
def test_rates_that_err_as_seldom_and_blow_the_loss_up_are_none_of_them():
    """All rates are right on 90%; the loss is 1 up to the sixth rate, and beyond 200 on every other seed, and 0."""
    runs = staged_table(lambda *_: 0.0, rates=RATES, blocks=4)
    runs["loss_final"] = np.where(runs["lr"] <= RATES[5], 1.0, 200.0 * (runs["seed"] % 2))
    runs["test_accuracy"] = 0.9 + 1e-3 * np.array([math.sin(17 * seed) for seed in runs["seed"]])
    rates = find_good_rates(answer_of(runs, [], "test_accuracy", choose_by=("test_accuracy",)), "p")
    assert rates.points and (rates.low, rates.high) == (RATES[0], RATES[5])


def test_one_good_rate_is_no_range_that_leaves_it_out():
    """On the first screen another rate was lucky: a range without the recommended rate is no advice."""

    def value(problem, optimizer, rate, stage, block, seed):
        lucky = stage == "screen" and rate == RATES[7]
        return -1.0 if lucky else 0.0 if rate == RATES[2] else 2.0

    rates = find_good_rates(answer_with(value), "p")
    assert rates is None or rates.low <= RATES[2] <= rates.high


@pytest.mark.parametrize(("factor", "steady"), [(0.8, True), (1.2, True), (1.0, False)])
def test_what_the_loss_does_in_the_last_quarter(factor, steady):
    def value(problem, optimizer, rate, stage, block, seed):
        return abs(math.log(rate / 0.1)) + (optimizer == "gd") + 0.001 * seed

    runs = staged_table(value, rates=RATES, blocks=4)
    rows = []
    for seed, run in zip(runs["seed"], runs["run_id"], strict=True):
        end = factor * (1 + 0.01 * (-1) ** seed)  # half of those that stand still fall, and half rise
        for step, loss in ((0, 5.0), (50, 2.0), (75, 1.0), (90, 3.0), (100, end)):
            rows.append({"run_id": run, "step": step, "epoch": step / 10, "samples": step, "train_loss": loss})
    results = Results(runs, pd.DataFrame(rows), provenance={"tuning_seeds": [], "choose_by": ("loss",)})
    last = find_last_quarter(results.ask("loss"), "p")
    assert last.ratio == pytest.approx(factor, rel=0.02) and last.steady == steady and not last.validation


@pytest.mark.parametrize(("shift", "names"), [(0, "width=8|128"), (2, "width=8|128"), (2, "width=8; depth=3")])
def test_what_a_rate_costs_where_the_best_one_has_moved(shift, names):
    """The ln of losses rises by 0.4 a rate from the best one, which moves by `shift` rates to the next width."""
    first, second = [f"net({each.strip()})" for each in names.replace("|", ";width=").split(";")]

    def value(problem, optimizer, rate, stage, block, seed):
        best = 3 + shift * (problem == second)
        return 0.4 * abs(RATES.index(rate) - best) + (optimizer == "gd") + 0.001 * seed

    found = find_moved_rates(answer_with(value, problems=(first, second)))
    if "depth" in names:
        assert not found, "they differ in two parameters"
        return
    moved = found[first, second]
    assert (moved.parameter, moved.first, moved.second) == ("width", 8, 128)
    assert (moved.rate, moved.best) == (RATES[3], RATES[3 + shift])
    assert moved.cost == pytest.approx(math.exp(0.4 * shift), rel=1e-6)


def planted_batches(worse, digest=""):
    """Return the answer of a sweep at batch sizes 4 and 64, the loss of the second so many times the first's."""

    def value(problem, optimizer, rate, stage, block, seed):
        return abs(math.log(rate / 0.1)) + 0.3 * (optimizer == "gd") + 0.1 * math.sin(17 * seed)

    shapes = {"rates": (0.03, 0.1, 0.3), "blocks": 4, "final": 4, "report": 24}
    small = staged_table(value, **shapes).assign(batch_size=4, steps=1600)
    noise = np.array([0.1 * math.sin(31 * seed) for seed in small["seed"]])
    large = small.assign(
        batch_size=64, steps=100, log_tail=small["log_tail"] + math.log(worse) + noise, run_id=small["run_id"] + "b"
    )
    problems = pd.DataFrame([{"problem": "p", "dim": 500, "examples": 640, "constant_answer": 0.0, "digest": digest}])
    return answer_of(pd.concat([small, large], ignore_index=True), [], "loss", problems=problems)


def test_a_quicker_batch_size_that_is_not_told_apart():
    answer = planted_batches(1.05, "1f")
    quicker, lowest = find_quicker(answer, "p"), find_lowest(answer, "p")
    assert quicker.setting["batch_size"] == 64 and quicker.setting["optimizer"] == "adam"
    assert quicker.seconds == pytest.approx(100 * step_seconds(500, 64))
    assert find_start(answer, "p")[1:] == quicker[1:]
    assert lowest.setting["batch_size"] == 4 and lowest.value < quicker.value
    assert lowest.seconds == pytest.approx(1600 * step_seconds(500, 4))


@pytest.mark.parametrize(("worse", "digest", "size"), [(1.05, "1f", 64), (3.0, "1f", 4), (1.05, "", 4)])
def test_one_starts_with_the_quickest_that_may_be_best_on_a_table_of_ones_own(worse, digest, size):
    answer = planted_batches(worse, digest)
    assert find_start(answer, "p").setting["batch_size"] == size
    text = " ".join(" ".join(summarize(answer)).split())
    assert (f"p start with adam {size} 0.1" if digest else f" adam {size} 0.1") in text
    assert ("p lowest adam 4 0.1 " in text) == (size == 64)
    said = f"In short: start with adam at learning rate 0.1, batch size {size}, schedule constant; "
    one = len(answer.candidates("p")) == 1
    end = "it is shown to be better than the other one" if one else "nothing tried is shown to be better"
    assert f"{said}{end}." in text


def test_what_may_be_best_and_has_a_much_higher_value_is_neither_kept_nor_started_with():
    """The user's own has 1.8 times the loss, and a spread from seed to seed that could explain it."""

    def value(problem, optimizer, rate, stage, block, seed):
        own = 0.6 + 3 * math.sin(29 * seed)
        return abs(math.log(rate / 0.1)) + (own if optimizer == "gd" else 0.1 * math.sin(17 * seed))

    runs = staged_table(value, rates=(0.09, 0.1, 0.11), blocks=4, final=4, report=24)
    problems = pd.DataFrame([{"problem": "p", "dim": 500, "examples": 640, "constant_answer": 0.0, "digest": "1f"}])
    answer = answer_of(runs, [], "loss", problems=problems, incumbents=["gd"])
    values = answer.rows("p").set_index("optimizer")["value"]
    assert "gd" in answer.candidates("p") and values["gd"] > 1.5 * values["adam"]
    text = " ".join(" ".join(summarize(answer)).split())
    assert find_kept(answer, "p") == "" and find_start(answer, "p").setting["optimizer"] == "adam"
    title = "Nothing is shown to be better than what you have on p (though adam has 0."
    assert text.startswith(title) and " its loss) In short: " in text
    assert re.search(r"In short: start with adam at .*; with what you have loss \S+, which may be luck\)", text)
    assert f"({say_start_value(answer, 'p')})." in text, "the page's card has it, too"


@pytest.mark.parametrize("kept", [True, False])
def test_one_keeps_what_one_has_where_nothing_is_shown_to_be_better(kept):
    """Gd is the user's own: as good as adam but for noise, or clearly behind."""

    def value(problem, optimizer, rate, stage, block, seed):
        own = (0.0 if kept else 1.0) + 0.1 * math.sin(29 * seed)
        return abs(math.log(rate / 0.1)) + (own if optimizer == "gd" else 0.1 * math.sin(17 * seed))

    runs = staged_table(value, rates=(0.09, 0.1, 0.11), blocks=4, final=4, report=24)
    problems = pd.DataFrame([{"problem": "p", "dim": 500, "examples": 640, "constant_answer": 0.0, "digest": "1f"}])
    answer = answer_of(runs, [], "loss", problems=problems, incumbents=["gd"])
    text = " ".join(" ".join(summarize(answer)).split())
    assert find_start(answer, "p").setting["optimizer"] == ("gd" if kept else "adam")
    assert ("In short: keep what you have." in text) == kept
    assert ("p: keep what you have, as nothing is shown to be better (loss " in text) == kept
    assert (re.search(r"p: loss \S+ with what you have, \S+ with adam", text) is not None) == (not kept)


def own_beside(own, epochs=10.0):
    """Return the answer on a table where gd, the user's own, takes `own` steps and these epochs, adam 100 and 10."""

    def value(problem, optimizer, rate, stage, block, seed):
        return abs(math.log(rate / 0.1)) + (optimizer == "gd") + 0.1 * math.sin(17 * seed)

    runs = staged_table(value, rates=(0.09, 0.1, 0.11), blocks=4, final=4, report=24)
    mine = runs["optimizer"] == "gd"
    runs = runs.assign(steps=np.where(mine, own, 100), epochs=np.where(mine, epochs, 10.0))
    problems = pd.DataFrame([{"problem": "p", "dim": 500, "examples": 640, "constant_answer": 0.0, "digest": "1f"}])
    return answer_of(runs, [], "loss", problems=problems, incumbents=["gd"])


@pytest.mark.parametrize("own", [100, 4000])
def test_what_one_has_and_what_to_start_with_in_seconds(own):
    answer = own_beside(own)
    step = step_seconds(500, answer.runs["batch_size"].iloc[0])
    assert find_start(answer, "p").setting["optimizer"] == "adam"
    (mine,) = list_own(answer, "p")
    assert [find_start(answer, "p").seconds, mine.seconds] == pytest.approx([100 * step, own * step])
    lines = [line.split() for line in summarize(answer)]
    (start,), (yours,) = ([line for line in lines if word in line[1:2]] for word in ("start", "yours"))
    assert (start[3:5], start[-1]) == (["adam", "0.1"], f"{100 * step:.2g}")
    assert (yours[2:4], yours[-1]) == (["gd", "0.1"], f"{own * step:.2g}")


@pytest.mark.parametrize(("epochs", "option"), [(10.0, "--epochs"), (5.0, "its epochs in --have")])
def test_longer_runs_are_asked_for_where_their_length_stands(monkeypatch, epochs, option):
    monkeypatch.setattr(decision_texts, "find_last_quarter", lambda *_: LastQuarter(0.8, True, False))
    text = " ".join(decision_texts.describe_decisions(own_beside(100, epochs)))
    assert f"falls by 20% in the last quarter of {epochs:g} epochs: it may need longer runs ({option})" in text


def test_what_is_quicker_has_an_optimizer_that_may_be_best(monkeypatch):
    """Batch sizes and optimizers are compared by themselves: the best at 64 may have an optimizer that is behind."""
    answer = planted_batches(1.05, "1f")
    several = {"optimizer": ["gd"], "batch_size": ["4", "64"]}
    monkeypatch.setattr(Answer, "candidates", lambda self, problem: several[self.of])
    assert find_quicker(answer, "p") is None and find_start(answer, "p").setting["batch_size"] == 4


def test_what_is_shown_to_be_worse_is_not_quicker():
    assert find_quicker(planted_batches(3.0), "p") is None
