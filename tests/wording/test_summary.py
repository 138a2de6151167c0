"""The answer on one screen: what its tables say of planted sweeps, that they fit, and what is left out is counted."""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest
from staged import answer_of, staged_table

import optbench
from optbench.wording import conclusion
from optbench.wording.summary import cut, lay_out, summarize

FACTORS = {"nesterov": 1.0, "momentum": 1.2, "gd": 1.5, "rmsprop": 2.0, "adam": 3.0}


def planted(problems, factors=FACTORS, blocks=4, levels=True):
    """Return runs whose loss is the product of the factors of optimizer, batch size and schedule, but for 1%."""

    def value(problem, optimizer, rate, stage, block, seed):
        luck = 0.01 * math.sin(17 * seed + 7 * list(factors).index(optimizer) + len(problem))
        return math.log(factors[optimizer]) + luck

    rng = np.random.default_rng(0)

    runs = staged_table(value, list(factors), rates=(0.1,), blocks=blocks, problems=problems, holdout=2)
    grid = itertools.product({16: 1.0, 64: 1.6, 256: 20.0}.items(), {"inverse": 1.0, "constant": 4.0}.items())
    parts = [
        runs.assign(
            batch_size=size, schedule=schedule,
            log_tail=runs["log_tail"] + math.log(slow * decay) + 0.01 * rng.standard_normal(len(runs)),
            run_id=runs["run_id"] + f"{size}{schedule}",
        )
        for (size, slow), (schedule, decay) in grid
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True) if levels else runs


@pytest.fixture(scope="module")
def seven():
    return answer_of(
        planted(("quadratic", "rosenbrock", "saddle", "plateau", "least_squares", "logistic", "mlp")), [], "loss"
    )


def test_seven_problems_have_a_line_each_in_both_tables(seven):
    lines = summarize(seven, 80)
    assert len(lines) <= 26 and max(map(len, lines)) <= 80
    title = "The worst batch size has 20× the loss on average, the worst schedule 4×, the"
    assert lines[:2] == [title, "  worst optimizer 3×; nesterov is best on all 7 problems"]
    assert lines[2:4] == ["In short: on these problems, start with nesterov, batch size 16, schedule", "  inverse."]
    (optimizers, settings) = (line.split() for line in lines if line.startswith("quadratic "))
    assert optimizers[:5] == ["quadratic", "loss", "nesterov", "momentum", "~1.2×"], "both end at a limit"
    assert settings[1:5] == ["nesterov", "16", "inverse", "0.1*"], "16 and 0.1 are the lowest and only ones"
    assert settings[5:] == ["256", "20×", "constant", "4×"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_whatever_the_width_nothing_is_cut_without_being_counted(seven, width):
    lines = summarize(seven, width)
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    found = re.findall("nesterov;? (?:batch )?16;? (?:schedule )?inverse;? (?:rate )?0.1[*]", " ".join(text.split()))
    assert len(found) == 7 or width == 40
    if width == 200:
        assert all(f"{name} ~{FACTORS[name]:.2g}×" in text for name in ("momentum", "gd", "rmsprop", "adam"))


def stands(own, problems=("quadratic", "logistic"), **factors):
    """Return what the answer of a planted sweep says of optimizers of one's own."""
    answer = answer_of(planted(problems, FACTORS | factors, levels=False), [], "loss", own=own)
    return [each for each in conclusion.describe_own(answer) if " ".join(summarize(answer, 9999)).count(each) == 1]


def test_an_optimizer_of_ones_own_has_a_sentence_on_where_it_stands():
    assert stands([]) == []
    assert stands(["mine"], mine=0.5) == ["Your optimizer mine is best on both problems."]
    behind = "Your optimizer mine is shown to be behind"
    assert stands(["mine"], mine=2.0) == [f"{behind} on both problems (2× on quadratic and 2× on logistic)."]
    assert stands(["mine"], ("mlp",), mine=2.0) == [f"{behind} (2×)."]
    many = stands(["mine"], [f"problem{place}" for place in range(8)], mine=2.0)
    assert many == [f"{behind} on all 8 problems."], "too many to name each"
    assert len(stands(["a", "b", "c", "d"], a=2.0, b=2.0, c=2.0, d=2.0)) == 3, "the first ones alone"


def test_an_optimizer_of_ones_own_may_lead_here_tie_there_and_be_behind_elsewhere():
    factors = {"p": 1.0, "q": 3.0, "r": 0.3}

    def value(problem, optimizer, rate, stage, block, seed):
        level = math.log(factors[problem]) if optimizer == "mine" else 0.0
        return level + 0.01 * math.sin(17 * seed + (optimizer == "mine"))

    runs = staged_table(value, ("mine", "gd"), rates=(0.1,), blocks=4, problems=tuple(factors), holdout=2)
    (text,) = conclusion.describe_own(answer_of(runs, [], "loss", own=["mine"]))
    best, ties, behind = "is best on r", "may be best on p", "is shown to be behind on 1 of 3 problems (3× on q)"
    assert text == f"Your optimizer mine {best}, {ties} and {behind}."


def test_the_number_of_what_does_not_fit_follows():
    cells = [cut(["gd 1.9× [1.2–3.1]", "adam 3.4×", "lion 5×"], " to 5×")]
    assert lay_out({"p": [["q"]], "behind": cells}, 80) == ["p  behind", "q  gd 1.9× [1.2–3.1], adam 3.4×, lion 5×"]
    assert lay_out({"p": [["q"]], "behind": cells}, 38)[1] == "q  gd 1.9× [1.2–3.1], 2 more to 5×"
    assert lay_out({"p": [["q"]], "behind": cells}, 12) == ["q: behind gd 1.9× [1.2–3.1], adam 3.4×, lion 5×"]
    assert lay_out({"p": [["q"]], "behind": cells}, 35, True) == []
    assert cut(["nesterov", "= gd", "adam"]) == ["nesterov = gd, adam", "nesterov = gd, 1 more", "nesterov, 2 more"]
    assert lay_out({"p": [["q"]], "none": [[]]}, 80) == ["p", "q"], "a column without a word is left out"


@pytest.mark.slow
def test_many_problems_and_optimizers_are_one_table_of_optimizers():
    factors = {f"rule{place:02d}": 1.0 + 0.3 * place for place in range(15)} | {"a name of many words " * 3: 9.0}
    runs = planted([f"problem{place}" for place in range(20)], factors, 2, levels=False)
    lines = summarize(answer_of(runs, [], "loss"), 80)
    assert len(lines) < 30 and max(map(len, lines)) <= 80
    assert lines[0] == "rule00 wins against all others over 20 problems, by signed ranks"
    first = next(line.split() for line in lines if line.startswith("rule00 ") and "of 20" in line)
    assert first[:2] == ["rule00", "1.0"] and first[-6:] == ["20", "of", "20", "20", "1×", "1×"]
    assert lines[-1].startswith("and 4 more, to a mean rank of 16.0")


def test_what_has_no_result_and_what_nothing_was_learned_of_is_said():
    def value(problem, optimizer, rate, stage, block, seed):
        return math.inf if optimizer == "adam" or problem == "q" else 0.01 * np.sin(seed)

    lines = summarize(answer_of(staged_table(value, ("gd", "adam"), rates=(0.1,), blocks=4, problems=("p", "q")), []))
    rows = {line.split()[0]: line for line in lines[1:] if line}
    assert "adam diverged" in rows["p"] and "every run diverged" in rows["q"]
    one = staged_table(lambda *_: 0.0, ("gd", "adam"), rates=(0.1,), blocks=1, problems=("p",))
    assert summarize(answer_of(one, []))[-1] == "Nothing is told apart on p: a single block of seeds: more are needed."


def test_a_variant_that_never_arrives_is_judged_by_the_loss_instead():
    usual = {"lr": "1e-3:1:4", "steps": 500, "seeds": 8, "batch_sizes": "full", "schedules": "constant"}
    answer = optbench.sweep(problems=["quadratic(dim=4)"], ablate="adam(eps=1e-8|1e3)", **usual).ask()
    text = " ".join(" ".join(summarize(answer, 200)).split())
    assert "adam(eps=1000.0) never " in text
    assert text.count("judge by the loss instead: --judge-by loss") == 1
    assert "never" not in " ".join(summarize(answer.tables.ask("loss"), 200))
