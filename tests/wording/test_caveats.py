"""Sentences about suboptimalities that end at the floor, or lie below the stated minimum."""

import numpy as np
import pandas as pd
import pytest
from synthetic import runs_table

from optbench.wording.caveats import describe_ranges, describe_smallest_gaps, describe_widening, warn_of_high_minima

FLOOR = float(np.log(1e-14))


def said(rows, judge_by="loss"):
    runs = runs_table(rows)
    return [*describe_smallest_gaps(runs, judge_by), *warn_of_high_minima(runs)]


def row(gap, minimum=0.0, **more):
    return {"problem": "bowl", "loss_final": minimum + gap, "suboptimality_final": gap, "log_tail": -3.0} | more


def test_nothing_is_said_of_usual_runs():
    assert said([row(0.1), row(1e-15), row(-1e-12, minimum=5.0), row(np.nan)]) == []
    assert said([row(-1e-5, minimum=1.0, dtype="float32")]) == []


@pytest.mark.parametrize(("gap", "minimum", "words"), [(-3.0, 0.0, "up to 3 below"), (-1e-8, 1.0, "up to 1e-8 below")])
def test_losses_below_the_stated_minimum_are_told(gap, minimum, words):
    (text,) = said([row(gap / 2, minimum), row(gap, minimum), row(0.5, minimum, problem="other")])
    assert text.startswith("Losses of bowl lie") and words in text
    assert text in said([row(gap, minimum)], "test_accuracy")


def test_a_loss_that_was_below_the_minimum_on_the_way_is_told():
    (text,) = said([row(0.5, 2.0, loss_best=1.75), row(0.5, 2.0, loss_best=2.25)])
    assert "up to 0.25 below" in text
    assert said([row(0.5, 2.0, loss_best=2.0 - 1e-10), row(1e12, 2.0, loss_best=2.0 - 1e-5)]) == []


@pytest.mark.parametrize(
    ("value", "minimum", "told"),
    [(FLOOR, 0.0, 1), (FLOOR + 1, 0.0, 0), (FLOOR + np.log(7), -7.0, 1), (FLOOR + np.log(8), -7.0, 0)],
)
def test_the_floor_is_told_where_it_counts(value, minimum, told):
    runs = [row(0.0, minimum, log_tail=value), row(0.1, minimum)]
    assert len(said(runs)) == told and said(runs, "test_accuracy") == []


def test_ranges_that_were_not_the_same_are_told():
    searched = {
        "gd": {"lr": "log_uniform(0.001, 30)"},
        "adam": {"lr": "log_uniform(0.0001, 1)", "beta1": "uniform(0, 0.9)", "eps": "log_uniform(1e-8, 1)"},
        "lion": {"lr": "log_uniform(0.0001, 1)", "beta1": "uniform(0, 0.9)"},
    }
    first, second, third = describe_ranges(searched)
    assert first == "Searched alike, where it is searched: beta1 in uniform(0, 0.9)."
    assert third == "Searched by one alone: eps in log_uniform(1e-8, 1) of adam."
    assert second == (
        "Not all optimizers searched the same ranges: lr (log_uniform(0.001, 30) of gd; log_uniform(0.0001, 1) of "
        "adam, lion)."
    )
    del searched["gd"]
    assert list(describe_ranges(searched)) == [
        "Searched alike, where it is searched: lr in log_uniform(0.0001, 1), beta1 in uniform(0, 0.9).",
        "Searched by one alone: eps in log_uniform(1e-8, 1) of adam.",
    ]
    assert list(describe_ranges({})) == []


def test_what_one_keeps_fixed_is_not_said_to_be_searched_alike():
    text = "one_minus_log_uniform(0.001, 0.3)"
    searched = {"adam": {"lr": "log_uniform(0.0001, 1)", "beta1": text}, "ours": {"lr": "log_uniform(0.0001, 1)"}}
    has = {"adam": ["beta1", "eps"], "ours": ["beta", "eps"]}
    assert list(describe_ranges(searched, has)) == [
        "Searched alike, where it is searched: lr in log_uniform(0.0001, 1).",
        "Fixed, though others searched it: beta of ours.",
    ]
    assert list(describe_ranges(searched, {**has, "ours": ["eps"]})) == [
        "Searched alike, where it is searched: lr in log_uniform(0.0001, 1).",
        f"Searched by one alone: beta1 in {text} of adam.",
    ]


def test_what_means_the_same_is_searched_alike_whatever_its_name():
    searched = {"ours": {"lr": "a", "beta": "b"}, "momentum": {"lr": "a", "beta1": "b"}}
    assert list(describe_ranges(searched)) == ["All optimizers searched alike: lr in a, beta and beta1 in b."]


def test_what_widening_reached_is_said():
    searched = {"gd": {"lr": "log_uniform(0.01, 1)"}, "adam": {"lr": "log_uniform(0.01, 1)", "k": "choice(1, 2)"}}
    rows = [("gd", "screen", 9.0), ("gd", "widen", 0.5), ("gd", "widen", 3.0), ("adam", "widen", 4.0),
            ("adam", "widen", 0.002)]  # fmt: skip
    runs = pd.DataFrame(rows, columns=["optimizer", "stage", "lr"]).assign(k=5.0)
    (text,) = describe_widening(runs, searched)
    assert text.endswith("beyond it (--widen): lr up to 4 (gd, adam), lr down to 0.002 (adam).")
    assert list(describe_widening(runs[:2], searched)) == list(describe_widening(runs, {})) == []


def test_what_one_optimizer_alone_searches_is_said():
    searched = {"ours": {"lr": "a"}, "adam": {"lr": "a", "eps_root": "b"}}
    assert list(describe_ranges(searched)) == [
        "Searched alike, where it is searched: lr in a.",
        "Searched by one alone: eps_root in b of adam.",
    ]
