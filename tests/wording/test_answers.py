"""A sweep's answer in sentences, on tables with planted winners."""

import numpy as np
import pytest
from staged import staged_table
from synthetic import failure, runs_table

from optbench.analysis import best_configurations
from optbench.analysis.edges import find_edges
from optbench.contract.limits import is_inside
from optbench.contract.search import parse_range
from optbench.wording.answers import (
    advise_wider_search,
    answer_of,
    describe_measure,
    describe_settings,
    find_shipped_limits,
)

WORSE = {"gd": 3.0, "adam": 1.0, "lion": 1.0, "slow": 40.0}
"""The factor by which each optimizer is worse than adam."""


def planted(optimizers, spread=0.05, blocks=8, problems=("p", "q"), failing=()):
    """Return a table in which 0.2 is the best rate, and optimizers differ by their factor in WORSE."""
    rng = np.random.default_rng(1)

    def value(problem, optimizer, rate, stage, block, seed):
        if (optimizer, stage) in failing:
            return np.inf
        return np.log(1e-3 * WORSE[optimizer]) + 10 * abs(rate - 0.2) + spread * rng.standard_normal()

    return staged_table(value, optimizers, blocks=blocks, problems=problems, holdout=3)


def test_who_is_first_and_by_how_much():
    answer = answer_of(planted(["gd", "adam", "slow"]), [])
    text = answer.sentence("p")
    assert text.startswith("p: adam is first; gd is ") and answer.firsts("p") == ["adam"]
    ratio = float(text.split("gd is ")[1].split(" times worse [")[0])
    assert ratio == pytest.approx(3, rel=0.05)
    assert "times worse" in text and text.count("times worse") == 1 and ", slow 4" in text
    low, high = map(float, text.split("worse [")[1].split("]")[0].split(", "))
    assert low <= 3 <= high


def test_equals_share_first_place():
    near = answer_of(planted(["adam", "lion"], spread=0.001), [])
    assert near.sentence("p").endswith("share first place (equivalent: within 10%)")
    far = answer_of(planted(["adam", "lion"], spread=1.0), [])
    assert " share first place (undecided: " in far.sentence("p") and "blocks of seeds would tell)" in far.sentence("p")
    assert sorted(near.firsts("p")) == sorted(far.firsts("q")) == ["adam", "lion"]


def test_an_optimizer_whose_every_setting_was_cut_is_told_with_the_rest():
    rng = np.random.default_rng(0)
    runs = staged_table(lambda p, optimizer, *_: None if optimizer == "adam" else rng.standard_normal(), blocks=4)
    answer = answer_of(runs, [])
    assert answer.firsts("p") == ["gd"]
    assert answer.sentence("p") == "p: gd is first; adam has no setting without a stopped or failed run"
    texts = describe_settings(answer, runs)
    assert sorted(texts) == [("p", "adam"), ("p", "gd")] and "8/8 stopped by --run-timeout" in texts["p", "adam"]


def test_over_all_problems():
    text = answer_of(planted(["gd", "adam", "slow"], problems=tuple("pqrstuvwxyz")), []).overall()
    assert text == "over 11 problems: adam is first; mean ranks: adam 1.0, gd 2.0 and slow 3.0"
    assert answer_of(planted(["gd", "adam"], problems=("p",)), []).overall() == ""


def test_what_cannot_be_compared_is_said():
    alone = answer_of(planted(["gd"]), [])
    assert alone.sentence("p") == "p: gd alone, so there is nothing to compare"
    rows = [{"optimizer": name, "lr": lr, "seed": seed} for name in ("gd", "adam") for lr in (1, 2) for seed in (0, 1)]
    assert "undecided (a single block of seeds: more are needed); lowest first: " in answer_of(
        runs_table(rows), [0]
    ).sentence("p")


def test_settings_in_words():
    runs = planted(["gd", "adam"])
    answer = answer_of(runs, [])
    text = describe_settings(answer, runs)["p", "adam"]
    assert text.startswith("adam: batch 16, constant, rate 0.2; 0.001") and text.endswith(" on 24 fresh seeds")
    rows = [failure(seed=seed) if seed == 4 else {"seed": seed} for seed in range(9)]
    rows += [{"problem": "z", "seed": seed, "status": "deadline"} for seed in range(9)]
    runs = runs_table(rows)
    texts = describe_settings(answer_of(runs, [0, 1, 2]), runs)
    assert texts["p", "gd"].endswith("; 0.5 [0.5, inf] on 6 fresh seeds, 1 failed")
    assert texts["z", "gd"].endswith("(6/6 stopped by --run-timeout)")


def test_the_next_rate_of_a_grid_is_a_round_number():
    """The grid 1:31.6228:4, as it stands in the tables: with 4 digits."""
    rows = [{"lr": lr, "seed": s, "suboptimality_final": 1 / lr} for lr in (1, 3.162, 10, 31.62) for s in range(4)]
    (text,) = advise_wider_search(answer_of(runs_table(rows), [0, 1]).edges)
    assert text.endswith("wider: --lr 100")


def test_edges_come_with_the_option_that_searches_wider():
    rows = [
        {"problem": problem, "optimizer": "momentum", "beta1": beta, "lr": lr, "batch_size": size, "seed": seed,
         "epochs": 50.0, "suboptimality_final": (1 / lr if problem == "p" else lr) + 1 - beta + size}
        for problem in "pq" for beta in (0.8, 0.9) for lr in (0.01, 0.1, 1.0) for size in (16, 64) for seed in range(4)
    ]  # fmt: skip
    runs = runs_table(rows)
    texts = advise_wider_search(answer_of(runs, [0, 1]).edges)
    assert "rate at the highest that was tried: p (momentum); wider: --lr 10" in texts
    assert "rate at the lowest that was tried: q (momentum); wider: --lr 0.001" in texts
    assert any(
        text.endswith("q (momentum); wider: --optimizers 'momentum(beta1=0.95)'")
        and text.startswith("beta1 at the high")
        for text in texts
    )
    assert any(text.endswith("wider: --batch-sizes 8") for text in texts)
    inside = runs_table(
        [{"lr": lr, "seed": s, "suboptimality_final": abs(lr - 2)} for lr in (1, 2, 3) for s in range(4)]
    )
    assert advise_wider_search(answer_of(inside, [0, 1]).edges) == []


@pytest.mark.parametrize("best", ["lowest", "highest"])
def test_every_shipped_optimizer_takes_the_value_that_is_advised(best, catalogue):
    """Of each hyperparameter, beyond values that it takes; and each end of a wider range."""
    rows, searched = [], {}
    for name in [*catalogue.optimizers, *catalogue.baselines, *(f"{wrapper}(gd)" for wrapper in catalogue.wrappers)]:
        record = catalogue.optimizer(name)[0]
        for key, default in record.hyperparameters.items():
            limit, values = record.all_limits.get(key), [default, 2 * default + 1]
            if limit is not None:
                values = [value for value in (default / 10, default, 0.3, 1.0, 5.0) if is_inside(value, limit)]
            order = sorted(set(values), reverse=best == "lowest")
            for drawn in (False, True) if key in record.search else (False,):
                optimizer, low_high = (f"{name}, drawn" if drawn else name), record.space.get(key)
                if drawn:
                    searched[optimizer] = {**searched.get(optimizer, {}), key: low_high.text}
                    low, high = low_high.ends if low_high.kind != "choice" else (min(values), max(values))
                    order = [low + share * (high - low) for share in (0.5, 0.999 if best == "highest" else 0.001)]
                rows += [
                    {"problem": key, "optimizer": optimizer, key: value, "suboptimality_final": 1.0 / (1 + place)}
                    for place, value in enumerate(order)
                ]
    runs = runs_table(rows)
    advice = find_edges(
        runs, best_configurations(runs, []), searched, lambda name: find_shipped_limits(name.removesuffix(", drawn"))
    )
    assert len(advice) > 60 and (advice["range"] != "").sum() > 20
    for row in advice.itertuples():
        record = catalogue.optimizer(row.optimizer.removesuffix(", drawn"))[0]
        for value in parse_range(row.range).ends if row.range else (row.wider,):
            record.with_values({row.parameter: value})


@pytest.mark.parametrize(
    ("text", "values", "best", "option"),
    [
        ("log_uniform(0.01, 1)", (0.011, 0.1, 0.5), 0.011, "--lr 'log_uniform(0.001, 1)'"),
        ("log_uniform(0.01, 1)", (0.02, 0.1, 0.95), 0.95, "--lr 'log_uniform(0.01, 10)'"),
        ("uniform(0, 1)", (0.02, 0.1, 0.99), 0.99, "--lr 'uniform(0, 2)'"),
        ("log_uniform(0.01, 1)", (0.02, 0.1, 0.5), 0.5, None),  # the largest that was drawn, and yet inside
    ],
)
def test_the_ends_of_a_range_are_those_it_was_drawn_from(text, values, best, option):
    rows = [
        {"lr": lr, "seed": seed, "suboptimality_final": 1e-3 + abs(lr - best)} for lr in values for seed in range(4)
    ]
    answer = answer_of(runs_table(rows), [0, 1], searched={"gd": {"lr": text}})
    texts = advise_wider_search(answer.edges)
    assert "same ranges" not in describe_measure(answer, "log_tail", runs_table(rows))
    assert answer.best["edge"].tolist() == [option is not None], "the note in a table says the same"
    assert [each.split("wider: ")[1] for each in texts] == ([option] if option else [])


def test_failures_have_no_ratio():
    lost = [(name, stage) for name in ("gd", "adam") for stage in ("screen", "race", "holdout")]
    assert answer_of(planted(["gd", "adam"], failing=lost), []).sentence("p") == (
        "p: every run failed, so there is nothing to compare"
    )
    text = answer_of(planted(["gd", "adam"], failing=lost[:3]), []).sentence("p")
    assert text == "p: adam is first; gd failed on every seed"


def test_a_ratio_near_one_is_told_from_one():
    WORSE["near"] = 1.004
    text = answer_of(planted(["near", "adam"], spread=1e-5), []).sentence("p")
    assert text == "p: adam is first; near is 1.004 times worse [1.004, 1.004]"


def test_what_is_compared_is_said_as_it_was():
    rows = [{"optimizer": name, "lr": lr, "problem": problem, "test_loss_final": 0.5 if problem == "p" else np.nan}
            for name in ("gd", "adam") for lr in (1, 2) for problem in "pq"]  # fmt: skip
    runs = runs_table(rows)
    text = describe_measure(answer_of(runs, [0], "test_loss"), "test_loss", runs)
    assert "Compared by the test loss." in text and "where there are no others, reported on the same" in text
    assert "There is none on q, where suboptimality in the last fifth of a run stands in." in text
