"""Advice to search wider, on tables whose best values lie at an end of what was tried."""

import shlex

import numpy as np
import pandas as pd
import pytest
from quick import slow
from staged import answer_of
from synthetic import runs_table

from optbench.analysis import best_configurations
from optbench.analysis.edges import find_edges
from optbench.catalogue.loader import find_shipped_limits
from optbench.contract.limits import is_inside
from optbench.contract.search import parse_range
from optbench.wording.answers import describe_measure
from optbench.wording.wider_search import advise_wider_search, describe_limits, name_limits, say_wider_search


def texts_of(edges, directory=".", provenance=None):
    """Return each advice in words, with its options."""
    found = advise_wider_search(edges, directory, provenance or {})
    begin = ("optbench", "sweep", "--extend", "--out", directory)
    assert all(each.command[:5] == begin for each in found)
    return [f"{say_wider_search(each)}; wider: {shlex.join(each.command[5:])}" for each in found]


def test_the_next_rate_of_a_grid_is_a_round_number():
    """The grid 1:31.6228:4, as it stands in the tables: with 4 digits."""
    rows = [{"lr": lr, "seed": s, "suboptimality_final": 1 / lr} for lr in (1, 3.162, 10, 31.62) for s in range(4)]
    (text,) = texts_of(answer_of(runs_table(rows), [0, 1]).edges)
    assert text.endswith("wider: --lr 100")


def test_edges_come_with_the_option_that_searches_wider():
    rows = [
        {"problem": problem, "optimizer": "momentum", "beta1": beta, "lr": lr, "batch_size": size, "seed": seed,
         "epochs": 50.0, "suboptimality_final": (1 / lr if problem == "p" else lr) + 1 - beta + size}
        for problem in "pq" for beta in (0.8, 0.9) for lr in (0.01, 0.1, 1.0) for size in (16, 64) for seed in range(4)
    ]  # fmt: skip
    runs = runs_table(rows)
    texts = texts_of(answer_of(runs, [0, 1]).edges)
    assert "at the upper end of the search: p (momentum: rate 1); wider: --lr 10" in texts
    assert "at the lower end of the search: q (momentum: rate 0.01); wider: --lr 0.001" in texts
    assert any(text.endswith("q (momentum: beta1 0.9); wider: --optimizers 'momentum(beta1=0.95)'") for text in texts)
    assert any(text.endswith("wider: --batch-sizes 4") for text in texts)
    inside = runs_table(
        [{"lr": lr, "seed": s, "suboptimality_final": abs(lr - 2)} for lr in (1, 2, 3) for s in range(4)]
    )
    assert texts_of(answer_of(inside, [0, 1]).edges) == []


@pytest.mark.parametrize("best", [slow("lowest"), "highest"])
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
        ("log_uniform(0.01, 1)", (0.011, 0.012, 0.015, 0.1, 0.5), 0.011, "--lr 'log_uniform(0.001, 1)'"),
        ("log_uniform(0.01, 1)", (0.02, 0.1, 0.7, 0.8, 0.95), 0.95, "--lr 'log_uniform(0.01, 10)'"),
        ("uniform(0, 1)", (0.02, 0.1, 0.87, 0.9, 0.99), 0.99, "--lr 'uniform(0, 2)'"),
        ("uniform(0, 1)", (0.02, 0.1, 0.6, 0.7, 0.99), 0.99, None),  # one is always the highest
        ("log_uniform(0.01, 1)", (0.02, 0.1, 0.5), 0.5, None),  # the largest that was drawn, and yet inside
    ],
)
def test_the_ends_of_a_range_are_those_it_was_drawn_from(text, values, best, option):
    rows = [
        {"lr": lr, "seed": seed, "suboptimality_final": 1e-3 + abs(lr - best)} for lr in values for seed in range(4)
    ]
    answer = answer_of(runs_table(rows), [0, 1], searched={"gd": {"lr": text}})
    texts = texts_of(answer.edges)
    assert f"Searched: lr in {text} by all." in describe_measure(answer)
    assert answer.best["edge"].tolist() == [option is not None], "the note in a table says the same"
    assert [each.split("wider: ")[1] for each in texts] == ([option] if option else [])


def test_one_command_widens_all_ranges_and_names_all_of_them():
    """Both ends of the rate, which two optimizers share with beta1, and one's own nu."""
    rates, betas, nus = np.geomspace(0.011, 0.99, 10), 1 - np.geomspace(0.49, 0.0101, 10), np.linspace(0.01, 0.99, 10)
    rows = [
        {"problem": problem, "optimizer": optimizer, "lr": rates[place], "beta1": betas[place], "seed": seed,
         "nu": nus[place] if optimizer == "gd" else np.nan, "suboptimality_final": 1e-3 + abs(place - best)}
        for problem, optimizer, best in (("p", "gd", 0), ("q", "adam", 9)) for place in range(10) for seed in range(4)
    ]  # fmt: skip
    beta = "one_minus_log_uniform(0.01, 0.5)"
    searched = {name: {"lr": "log_uniform(0.01, 1)", "beta1": beta} for name in ("gd", "adam")}
    searched["gd"]["nu"] = "uniform(0, 1)"
    table = find_edges(
        runs_table(rows), best_configurations(runs_table(rows), [0, 1]), searched,
        lambda name: {"beta1": "[0, 1)", "nu": "[-1, 2]"},
    )  # fmt: skip
    (text,) = texts_of(table, "out", {"ranges": {"beta1": beta}, "searched": searched})
    assert "p (gd: rate 0.011, " in text and "q (adam: " in text
    command = text.split("; wider: ")[1]
    assert "--lr 'log_uniform(0.001, 10)'" in command
    assert "--ranges 'beta1=one_minus_log_uniform(0.001, 1)'" in command
    assert "--optimizers 'gd(nu=uniform(-1, 1))'" in command


def test_a_list_gets_the_next_value_of_each_optimizer_at_its_end():
    rows = [
        {"problem": "p", "optimizer": optimizer, "beta1": beta, "seed": seed, "suboptimality_final": 1 - beta}
        for optimizer, betas in (("momentum", (0.8, 0.9)), ("nadam", (0.5, 0.95)))
        for beta in betas for seed in range(4)
    ]  # fmt: skip
    (text,) = texts_of(answer_of(runs_table(rows), [0, 1]).edges)
    assert text.endswith(
        "p (momentum: beta1 0.9; nadam: beta1 0.95); wider: --optimizers 'momentum(beta1=0.95), nadam(beta1=0.995)'"
    )


def test_batch_sizes_have_all_their_digits_and_rates_three():
    rows = [("p", "o", "batch_size", "low", 16384.0, 1024.0), ("p", "o", "lr", "high", 1234.5, 12345.0)]
    edges = pd.DataFrame(rows, columns=["problem", "optimizer", "parameter", "side", "value", "wider"])
    ends = "batch 16384 at the lower end and rate 1.23e3 at the upper end"
    assert name_limits(edges, "p", "o") == ends and name_limits(edges, "q", "o") == ""
    assert describe_limits(edges, "p", "o") == f"at a limit of the search: {ends}; try batch 1024 and rate 1.23e4"
