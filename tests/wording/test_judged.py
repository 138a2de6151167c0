"""Sentences on verdicts, from tables by hand: who is first, who ties, who is behind and by how much, what is open."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from optbench.analysis.texts import BOTH_SMALL, SOLVED, turn_known
from optbench.wording.certainty import UNDECIDED, find_state
from optbench.wording.judged import Judged, format_ratio

NAMES = ("nesterov", "momentum", "gd", "rmsprop", "adam")


def judged(states, pairs=(), target=1e-5, problem="quadratic", levels=None, **more):
    """Judged levels with these states, the best first; pairs: {(a, b): columns} about a, others being wins of the
    first."""
    names = list(states)
    rows = [
        {"problem": problem, "optimizer": name, "state": state, "value": 10.0 + place, "mean_rank": 1.0 + place,
         "failures": 1.0 if state == "failed" else 0.0, "trials": 20, "blocks": 8, "limit": False, "reached": 1.0}
        for place, (name, state) in enumerate(states.items())
    ]  # fmt: skip
    for row in rows:
        row |= (levels or {}).get(row["optimizer"], {})
    usual = {"verdict": "wins", "bound": "", "ratio": 1.3, "low": 1.2, "high": 1.4, "known": "", "blocks": 8,
             "blocks_needed": math.nan, "reason": "", "probability": 0.9, "trials_a": 20, "trials_b": 20,
             "failures_a": 0.0, "failures_b": 0.0}  # fmt: skip
    given = dict(pairs)
    table = [
        {"problem": problem, "a": a, "b": b, **usual, **given.get((a, b), {})}
        for a, b in itertools.combinations(names, 2)
    ]
    verdicts = pd.DataFrame(table, columns=["problem", "a", "b", *usual])
    return Judged(pd.DataFrame(rows), verdicts, targets={problem: target}, **more)


def test_the_sentence_has_each_optimizer_once_in_its_place():
    states = dict(zip(NAMES, ("first", "tie", "behind", "behind", "open"), strict=True))
    pairs = {
        ("nesterov", "momentum"): {"verdict": "tie", "known": "within 10% of each other"},
        ("nesterov", "rmsprop"): {"bound": "at least", "ratio": 1.6, "low": 1.3, "high": 2.0},
        ("nesterov", "adam"): {"verdict": "open", "known": "too noisy to place", "blocks_needed": 21.2},
    }
    assert judged(states, pairs).sentence("quadratic") == (
        "quadratic: nesterov leads so far; momentum ties with it (within 10%); gd needs 1.3 times the samples "
        "[96% CI 1.2–1.4], rmsprop at least 1.6× [1.3–2]; not told apart from it: adam (too noisy to place; 14 more "
        "blocks would probably settle this)"
    )
    states["adam"] = "behind"
    text = judged(states, dict(list(pairs.items())[:2])).sentence("quadratic")
    assert text.startswith("quadratic: nesterov is first; ") and "told apart" not in text and ", adam 1.3× [" in text


def test_who_loses_to_another_and_is_open_with_the_leader_is_not_told_apart():
    states = {"nesterov": "first", "adam": "behind", "gd": "behind", "momentum": "behind"}
    open_ = {"verdict": "open", "known": "too noisy to place", "blocks_needed": 21.2}
    pairs = {("nesterov", "gd"): open_, ("gd", "momentum"): open_, ("nesterov", "momentum"): {"verdict": "wins"}}
    made = judged(states, pairs)
    assert made.list_open("quadratic") == ["gd"]
    assert made.sentence("quadratic") == (
        "quadratic: nesterov leads so far; adam needs 1.3 times the samples [96% CI 1.2–1.4], momentum 1.3× [1.2–1.4]; "
        "not told apart from it: gd (loses to adam; too noisy to place; 14 more blocks would probably settle this)"
    )
    assert find_state(SimpleNamespace(judged=made), "quadratic") == UNDECIDED


@pytest.mark.parametrize(
    ("measure", "target", "words"),
    [
        ("time", 0.1, "b needs 1.3 times the samples [96% CI 1.2–1.4]"),
        ("time", math.nan, "b has 1.3 times the loss [96% CI 1.2–1.4]"),
        ("loss", math.nan, "b has 1.3 times the loss [96% CI 1.2–1.4]"),
        ("test_accuracy", math.nan, "b makes 1.3 times the errors [96% CI 1.2–1.4]"),
        ("test_loss", math.nan, "b has 1.3 times the test loss [96% CI 1.2–1.4]"),
    ],
)
def test_a_ratio_says_of_what_it_is(measure, target, words):
    each = judged({"a": "first", "b": "behind"}, target=target, judge_by=measure)
    assert each.sentence("quadratic") == f"quadratic: a is first{' (10 over 8 blocks)' * ('test' in measure)}; {words}"
    stand_in = judged({"a": "first", "b": "behind"}, judge_by="test_loss", without=frozenset(["quadratic"]))
    assert stand_in.unit("quadratic") == "loss"


def test_what_never_reaches_the_target_has_no_ratio():
    levels = {"b": {"reached": 0.0}, "c": {"reached": 0.0}}
    states = {"a": "first", "b": "behind", "c": "behind"}
    assert (
        judged(states, levels=levels, target=1e-8).describe("quadratic") == "a is first; b and c never reach 0.000001%"
    )
    text = judged(states, levels={"b": {"reached": 0.0}}, target=0.001).describe("quadratic")
    assert text == "a is first; c needs 1.3 times the samples [96% CI 1.2–1.4]; b never reaches 0.1%"


def test_equals_are_said_to_be_equal():
    tie = {"verdict": "tie", "known": "within 10% of each other"}
    five = {pair: tie for pair in itertools.combinations(NAMES, 2)}
    assert judged(dict.fromkeys(NAMES, "tie"), five).describe("quadratic") == "all five tie (within 10%)"
    two = {"nesterov": "first", "gd": "tie"}
    assert judged(two, five).describe("quadratic") == "nesterov and gd tie (within 10%)"
    solved = {pair: {"verdict": "tie", "known": SOLVED} for pair in five}
    text = judged(dict.fromkeys(NAMES, "tie"), solved, judge_by="loss").describe("quadratic")
    assert text == "all five solve it (loss below 1e-8 of the start)"


def test_nobody_is_first_where_nobody_leads():
    states = {"a": "open", "b": "open", "c": "behind"}
    pairs = {
        ("a", "b"): {"verdict": "open", "known": "ahead, perhaps by less than 5%", "blocks_needed": math.inf},
        ("a", "c"): {"verdict": "open", "known": "too noisy to place", "blocks_needed": math.inf},
    }
    assert judged(states, pairs).describe("quadratic") == (
        "undecided: a needs the fewest samples so far; not told apart from it: b (behind, perhaps by less than 5%; "
        "1,000 more blocks would probably not settle this), c (loses to b; too noisy to place; 1,000 more blocks would "
        "not change that)"
    )
    few = {("a", "b"): {"verdict": "open", "reason": "a single block of seeds: more are needed"}}
    text = judged({"a": "open", "b": "open"}, few).describe("quadratic")
    assert text == "undecided (a single block of seeds: more are needed); lowest first: a and b"


def test_a_leader_at_a_limit_of_the_search_is_not_first():
    text = judged({"a": "first", "b": "behind"}, levels={"a": {"limit": True}}).describe("quadratic")
    assert text.startswith("a leads, at the limit of the search; b needs ")


def test_failures_stand_beside_the_rest():
    levels = {"b": {"failures": 0.25, "failures_low": 0.12, "failures_high": 0.43}}
    text = judged({"a": "first", "b": "behind"}, levels=levels).describe("quadratic")
    assert text.endswith("b needs 1.3 times the samples [96% CI 1.2–1.4] and fails in 25% of runs [12–43]")
    known = {("a", "b"): {"verdict": "open", "known": "the other fails in 25% [12–43] of runs", "blocks_needed": 9.0}}
    text = judged({"a": "first", "b": "open", "c": "behind"}, known, levels=levels).describe("quadratic")
    assert text.endswith("not told apart from it: b (fails in 25% [12–43] of runs)")
    text = judged({"a": "first", "b": "failed", "c": "behind"}).describe("quadratic")
    assert text == "a is first; c needs 1.3 times the samples [96% CI 1.2–1.4]; b diverges in every run"
    states = {"a": "failed", "b": "failed"}
    assert judged(states).describe("quadratic") == "every run diverged, so there is nothing to compare"


def test_ratios_of_small_losses_are_capped():
    pairs = {("a", "b"): {"ratio": 100.0, "low": 100.0, "high": 100.0, "known": BOTH_SMALL}}
    text = judged({"a": "first", "b": "behind"}, pairs, judge_by="loss").describe("quadratic")
    assert text == "a is first; b has more than 100 times the loss (both losses below 1e-5 of the start)"


def test_levels_of_other_columns_have_their_column_in_front():
    table = judged({"16": "first", "full": "behind"})
    ranking = table.ranking.rename(columns={"optimizer": "batch_size"})
    names = {"full": "the full batch"}
    sizes = Judged(ranking, table.verdicts, "batch_size", "time", table.targets, names=names)
    assert sizes.sentence("quadratic") == (
        "batch size on quadratic: 16 is first; the full batch needs 1.3 times the samples [96% CI 1.2–1.4]"
    )


def test_a_short_sentence_names_a_few():
    states = {"a": "first"} | dict.fromkeys("bcdef", "behind")
    assert judged(states).describe("quadratic", short=True) == (
        "a is first; b needs 1.3 times the samples [96% CI 1.2–1.4], c 1.3× [1.2–1.4], 3 more are behind"
    )


def test_more_runs_are_whole_and_beyond_those_that_there_are():
    pairs = {("a", "b"): {"verdict": "open", "blocks_needed": 8.4}}
    blocks = judged({"a": "first", "b": "open", "c": "behind"}, pairs)
    assert blocks.count_more(blocks.pairs["quadratic", "a", "b"]) == 1
    assert blocks.count_more(blocks.pairs["quadratic", "b", "a"]) == 1
    pairs["a", "b"] |= {"blocks_needed": 16.0}
    seeds = judged({"a": "first", "b": "open", "c": "behind"}, pairs, seeds=24)
    assert "24 more seeds would probably settle this" in seeds.describe("quadratic")


def over(count, ranks=(1.9, 2.4), stays=True, verdict="open"):
    """Judged optimizers whose mean ranks over so many problems are known."""
    rows = [
        {"problem": "all", "optimizer": name, "state": "open", "value": np.nan, "mean_rank": rank, "low": 1.3,
         "high": 2.6, "worst_rank": 3.0, "stays_first": stays, "blocks": count, "trials": 1, "failures": 0.0}
        for name, rank in zip(NAMES, ranks, strict=False)
    ]  # fmt: skip
    pair = judged({"nesterov": "first", "momentum": "open"}, {NAMES[:2]: {"verdict": verdict}}, problem="all").verdicts
    return Judged(pd.DataFrame(rows), pair)


def test_over_all_problems():
    text = over(30, stays=False).overall()
    assert text.startswith("over 30 problems, nesterov has the best mean rank: 1.9 of 2 [1.3–2.6], then momentum 2.4. ")
    assert ". Leaving out one problem changes who leads. " in text
    text = over(30, verdict="wins").overall()
    assert text.endswith("2.4. On problems like these nesterov wins against each of the others")
    assert over(30).overall().endswith("2.4. On others the order may differ: no difference is shown")
    assert "nesterov and momentum share the best mean rank: 1.5 of 2" in over(20, (1.5, 1.5)).overall()
    assert judged({"a": "first", "b": "behind"}).overall() == ""


def test_what_is_known_is_turned_with_its_pair():
    for text, turned in (
        ("ahead, perhaps by less than 5%", "behind, perhaps by less than 5%"),
        ("at most 1.5 times worse", "at most 1.5 times better"),
        ("fails in 25% [12–43] of runs", "the other fails in 25% [12–43] of runs"),
        ("within 20% of each other", "within 20% of each other"),
        ("", ""),
    ):
        assert turn_known(text) == turned and turn_known(turned) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(1.004, "1.004"), (1.04, "1.04"), (1.3, "1.3"), (144, "140"), (2e6, "2e6"), (0.96, "0.96")]
)
def test_ratios_near_one_have_more_digits(ratio, text):
    assert format_ratio(ratio) == text
