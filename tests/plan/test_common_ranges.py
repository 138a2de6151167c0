"""One range for all optimizers that search a parameter of the same meaning, and what it does to a comparison."""

import numpy as np
import pytest

import optbench
from optbench.contract.errors import OptbenchError
from optbench.contract.search import RATES, parse_range
from optbench.plan import planned_cohorts
from optbench.plan.spec_files import make_spec, parse_spec

BASE = {"problems": ["rosenbrock"], "batch_sizes": [16], "seeds": 1, "steps": 3, "trials": 4}
SMALL = {
    "batch_sizes": [16], "blocks": 6, "trials": 12, "race": 1, "holdout": 2, "final": 1, "report": 2, "widen": 0,
    "epochs": 5, "choose_by": ["loss"],
}  # fmt: skip
FOUR = ["rosenbrock", "quadratic(dim=10)", "logistic", "saddle"]
TWO_RULES = """
from optbench import log_uniform, optimizer


@optimizer(source="a test", search={"lr": log_uniform(1e-4, 1)})
def wary(w, g, lr):
    return w - lr * g


@optimizer(source="a test", search={"lr": log_uniform(1e-4, 10)})
def bold(w, g, lr):
    return w - lr * g


@optimizer(source="a test", momentum=0.9, search={"momentum": log_uniform(0.5, 0.9)})
def unstated(w, g, m, lr, momentum):
    m = momentum * m + g
    return w - lr * m, m


@optimizer(source="a test", beta=0.9, beta2=0.99, own=0.5)
def plain(w, g, m, lr, beta, beta2, own):
    m = beta * m + beta2 * g
    return w - lr * own * m, m
"""


def make(catalogue, **changes):
    return planned_cohorts.expand(make_spec(BASE | changes), catalogue)


@pytest.fixture
def own_rules(tmp_path):
    file = tmp_path / "two_rules.py"
    file.write_text(TWO_RULES)
    return file


def test_a_shared_range_holds_the_ranges_of_all(catalogue):
    made = make(catalogue, optimizers="adamw, momentum, gd, lbfgs, clip(adan)")
    assert made.spec.ranges == {
        "lr": "log_uniform(0.0001, 30)", "beta1": "one_minus_log_uniform(0.005, 0.5)",
        "beta2": "one_minus_log_uniform(0.001, 0.32)", "beta3": "one_minus_log_uniform(0.0025, 0.04)",
        "weight_decay": "log_uniform(1e-5, 0.1)", "memory": "choice(3, 5, 10, 20)", "norm": "log_uniform(0.1, 10)",
    }  # fmt: skip
    assert made.searched["gd"] == {"lr": "log_uniform(0.0001, 30)"}
    assert made.searched["adamw"]["beta1"] == made.searched["momentum"]["beta1"] == made.searched["clip(adan)"]["beta1"]
    assert made.searched["lbfgs"] == {"memory": "choice(3, 5, 10, 20)"}
    assert made.notes == (
        "searched by all alike: lr=log_uniform(0.0001, 30), beta1=one_minus_log_uniform(0.005, 0.5), "
        "beta2=one_minus_log_uniform(0.001, 0.32)",
    )
    assert made.warnings == []


def test_a_rate_that_means_something_else_keeps_its_range(catalogue):
    names = [name for name, record in catalogue.optimizers.items() if record.rate_means]
    assert {"prodigy", "adadelta", "lars", "rprop"} <= set(names) and "gd" not in names
    made = make(catalogue, optimizers=["gd", *names])
    for name in names:
        assert made.searched[name]["lr"] == catalogue.optimizers[name].search["lr"].text
    assert made.searched["gd"]["lr"] == "log_uniform(0.001, 30)"
    own = [text for text in made.notes if "keeps a range of rates of its own" in text]
    assert len(own) == len(names) and any("its lr is a factor of the rate that it estimates" in text for text in own)


def test_what_somebody_gives_goes_before_the_shared_range(catalogue):
    texts = ["adamw(beta1=uniform(0, 0.5))", "adam(beta1=[0.8, 0.9])", "nadam", "momentum"]
    made = make(catalogue, optimizers=texts, learning_rates="log_uniform(0.01, 0.1)")
    assert {ranges["lr"] for ranges in made.searched.values()} == {"log_uniform(0.01, 0.1)"}
    found = {name: ranges["beta1"] for name, ranges in made.searched.items()}
    assert found["adamw"] == "uniform(0, 0.5)" and found["adam"] == "choice(0.8, 0.9)"
    assert found["nadam"] == found["momentum"] == "one_minus_log_uniform(0.005, 0.5)"
    made = make(catalogue, optimizers="nadam, momentum", ranges="beta=one_minus_log_uniform(0.001, 0.9)")
    assert {ranges["beta1"] for ranges in made.searched.values()} == {"one_minus_log_uniform(0.001, 0.9)"}
    assert made.warnings == []


def test_a_rule_without_ranges_searches_what_the_others_search(own_rules):
    catalogue = optbench.catalogue.loader.load((own_rules,))
    made = make(catalogue, optimizers="plain, adam")
    assert made.searched["plain"] == {"lr": made.searched["adam"]["lr"], "beta": made.searched["adam"]["beta1"],
                                      "beta2": made.searched["adam"]["beta2"]}  # fmt: skip
    assert "plain states no search=: beta, beta2 searched as by the others" in made.notes
    assert make(catalogue, optimizers=["plain(beta=0.9, beta2=0.99)", "adam"]).searched["plain"].keys() == {"lr"}
    assert make(catalogue, optimizers="plain, gd").searched["plain"].keys() == {"lr"}
    assert make(catalogue, optimizers="plain, adam", ranges="own").searched["plain"].keys() == {"lr"}
    assert planned_cohorts.expand(parse_spec(made.spec.to_toml()), catalogue).searched == made.searched


def test_a_given_range_counts_for_a_single_optimizer_too(own_rules):
    catalogue = optbench.catalogue.loader.load((own_rules,))
    text = "one_minus_log_uniform(0.01, 0.5)"
    assert make(catalogue, optimizers="plain", ranges=f"beta={text}").searched["plain"]["beta"] == text
    made = make(catalogue, optimizers="adam", ranges=f"beta1={text}, lr=log_uniform(0.01, 0.1)")
    assert made.searched["adam"]["beta1"] == text and made.searched["adam"]["lr"] == "log_uniform(0.01, 0.1)"
    assert make(catalogue, optimizers="adam", ranges="beta1=uniform(0.5, 0.9)").warnings == []  # spread otherwise


def test_each_ones_own_is_had(catalogue):
    made = make(catalogue, optimizers="adamw, gd", ranges="own")
    assert made.searched["gd"]["lr"] == "log_uniform(0.001, 30)" != made.searched["adamw"]["lr"]
    assert made.warnings == []


def test_ranges_that_nobody_states_are_held_by_the_shared_one(own_rules):
    catalogue = optbench.catalogue.loader.load((own_rules,))
    made = make(catalogue, optimizers="unstated, adam")
    (text,) = made.warnings
    assert text.startswith(
        "unstated states no range of rates, so that log_uniform(0.0001, 10) is taken, and all optimizers"
    )
    assert made.searched["adam"]["lr"] == made.searched["unstated"]["lr"] == RATES.text and "--lr" in text
    assert made.searched["unstated"]["momentum"] == "log_uniform(0.5, 0.9)"  # which no shared range can hold
    assert make(catalogue, optimizers="unstated").warnings == make(catalogue, optimizers="gd, adam").warnings == []
    assert make(catalogue, optimizers="unstated, adam", learning_rates="log_uniform(1e-4, 1)").warnings == []


@pytest.mark.parametrize(("search", "left"), [
    ('{"beta": uniform(0.5, 0.9)}', "beta2 at its default, which others search: name it in its search="),
    ('{"lr": uniform(1e-4, 1.0)}', "beta and beta2 at their defaults, which others search: name them in its search="),
    ('{"beta": uniform(0.5, 0.9), "beta2": uniform(0.9, 0.99)}', ""),
])  # fmt: skip
def test_a_rule_of_ones_own_that_searches_less_than_others_is_told_of(tmp_path, search, left):
    file = tmp_path / "less.py"
    head = f"@optimizer(source='none', beta=0.9, beta2=0.99, search={search})\ndef less(w, g, m, lr, beta, beta2):\n"
    body = "    m = beta * m + beta2 * g\n    return w - lr * m, m\n"
    file.write_text(f"from optbench import optimizer, uniform\n\n\n{head}{body}")
    catalogue = optbench.catalogue.loader.load((file,))
    told = [text for text in make(catalogue, optimizers="less, adam").warnings if "which others search" in text]
    assert [text.startswith(f"less keeps {left}") for text in told] == [True] * bool(left)
    fixed = make(catalogue, optimizers="less(beta2=0.95, beta=0.8), adam").warnings
    assert not any("which others search" in text for text in fixed)


@pytest.mark.slow
def test_an_optimizer_that_is_added_moves_no_trial_that_was_drawn(tmp_path):
    spec = {**BASE, "optimizers": ["adamw", "nadam"], "seeds": 2}
    before = optbench.sweep(spec, out=tmp_path, workers=1).runs
    after = optbench.sweep(out=tmp_path, extend=True, optimizers="momentum", workers=1)
    assert set(before["run_id"]) < set(after.runs["run_id"]) and len(after.runs) == len(before) * 3 // 2
    assert len(set(map(str, (ranges["lr"] for ranges in after.searched.values())))) == 1
    kept = parse_spec((tmp_path / "spec.toml").read_text())
    assert kept.ranges["lr"] == "log_uniform(0.0001, 1)"
    again = optbench.sweep(tmp_path / "spec.toml", out=tmp_path, workers=1)  # a folder's own spec is a spec
    assert again.runs.equals(after.runs)


def test_wider_ranges_are_asked_for_by_name(tmp_path):
    optbench.sweep({**BASE, "optimizers": ["adamw", "momentum"]}, out=tmp_path, workers=1)
    with pytest.warns(UserWarning, match="0 of 8 runs are kept; .* drawn anew, .* unused, and this is a further look"):
        found = optbench.sweep(out=tmp_path, extend=True, ranges="beta1=one_minus_log_uniform(0.001, 0.9)", workers=1)
    assert {each["beta1"] for each in found.searched.values()} == {"one_minus_log_uniform(0.001, 0.9)"}
    assert found.look == 2 and optbench.sweep(out=tmp_path, extend=True, workers=1).look == 2
    with pytest.raises(OptbenchError, match="cannot extend .*: they differ in ranges"):
        optbench.sweep(out=tmp_path, extend=True, ranges="own", workers=1)


def count_told_apart(results):
    table = results.verdicts()
    return int(table.loc[table["problem"] != "all", "verdict"].isin(["wins", "loses"]).sum())


@pytest.mark.slow
def test_equal_rules_with_other_ranges_are_not_told_apart(own_rules):
    spec = {**SMALL, "problems": FOUR, "optimizers": ["wary", "bold"], "plugins": [str(own_rules)]}
    results = optbench.sweep(spec, workers=2, isolate="never")
    assert count_told_apart(results) == 0
    assert results.searched["wary"] == results.searched["bold"] == {"lr": "log_uniform(0.0001, 10)"}


@pytest.mark.torch
def test_a_rule_and_its_equal_in_pytorch_are_not_told_apart():
    results = optbench.sweep({**SMALL, "problems": FOUR, "optimizers": ["adamw", "torch:AdamW"], "epochs": 2})
    assert count_told_apart(results) == 0
    first, second = (results.searched[name] for name in ("adamw", "torch:AdamW"))
    assert first == second


def test_joined_ranges_hold_both():
    """For each pair of ranges of a kind, both ends of both lie inside the joined one."""
    from optbench.contract.search import join_ranges

    rng = np.random.default_rng(0)
    for kind in ("uniform", "log_uniform", "one_minus_log_uniform"):
        for _ in range(50):
            pairs = np.sort(rng.uniform(0.01, 0.99, (2, 2)), axis=1)
            first, second = (parse_range(f"{kind}({low}, {high})") for low, high in pairs)
            low, high = join_ranges([first, second]).ends
            ends = [*first.ends, *second.ends]
            assert low == min(ends) and high == max(ends)
    assert join_ranges([parse_range("uniform(0, 1)"), parse_range("log_uniform(0.1, 1)")]) is None
    assert join_ranges([parse_range("choice(1, 2)")] * 2) == parse_range("choice(1, 2)")
