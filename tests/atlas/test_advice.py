"""Advice from a planted table, whose best settings and track record are reckoned by hand."""

import json
import math
import shlex

import numpy as np
import pandas as pd
import pytest

from optbench.atlas import advisor
from optbench.contract.errors import OptbenchError
from optbench.wording import advice_texts

# samples to the target on three problems at each of two rates: muon is the best but on c, where its rate is another
SAMPLES = {
    ("muon", 0.01): (100, 100, 300), ("muon", 0.1): (120, 500, 100),
    ("adamw", 0.01): (140, 200, 120), ("adamw", 0.1): (400, 105, 900),
    ("gd", 0.01): (1000, 1000, 1000), ("gd", 0.1): (900, 900, 900),
}  # fmt: skip


@pytest.fixture
def costs() -> advisor.Costs:
    rows = [
        (problem, optimizer, "constant", 16, lr, 10.0, math.log(samples[place]))
        for (optimizer, lr), samples in SAMPLES.items() for place, problem in enumerate("abc")
    ]  # fmt: skip
    names = ["problem", "optimizer", "schedule", "batch_size", "lr", "epochs", "y"]
    return advisor.measure_costs(pd.DataFrame(rows, columns=names))


def test_the_settings_with_the_least_mean_logarithm_come_first(costs):
    first, second, third = advisor.choose(costs.at_rate)
    # ln ratios at 0.01: muon 0, 0, ln 3; adamw ln 1.4, ln 2, ln 1.2; at 0.03 between: interpolated
    assert [each[0] for each in (first, second, third)] == ["muon", "adamw", "gd"]
    assert (first[-1], second[-1]) == (0.01, 0.01)
    middle = costs.at_rate.loc["c", ("muon", "constant", 16, 0.03)]
    assert math.isclose(middle, math.log(3) * (1 - math.log(3) / math.log(10)))
    assert np.isinf(costs.at_rate.loc["a", ("muon", "constant", 16, 1.0)])  # not tried


def test_a_rate_at_an_end_of_those_tried_is_said(costs):
    found = advisor.tabulate(costs.at_rate.loc[["c"]])
    assert found.set_index("optimizer")["limit"].to_dict() == {"muon": "high", "adamw": "low", "gd": "high"}
    text = advice_texts.write_advice(advice_texts.About("c", ("c",), None, None), found, advisor.advise("mlp").record)
    assert "1 muon: rate 0.1 is at the upper end of those tried on some problem; a higher" in text


def test_a_tie_goes_to_the_smaller_worst_ratio():
    columns = pd.MultiIndex.from_tuples(
        [("adamw", "constant", 16, 0.1), ("gd", "constant", 16, 0.1)],
        names=["optimizer", "schedule", "batch_size", "lr"],
    )
    even = pd.DataFrame([[0.0, 0.2], [0.4, 0.2]], index=["a", "b"], columns=columns)
    assert advisor.choose(even, 1)[0][0] == "gd"


def test_the_track_record_is_that_of_each_problem_advised_from_the_others(costs):
    record = advisor.track(costs, {"c": ["a", "b"], "a": []}).set_index("problem")
    # from a and b muon at 0.01 is the first: 3 times the best on c; the three have adamw at 0.01, 1.2
    assert math.isclose(record.loc["c", "first"], 3)
    assert math.isclose(record.loc["c", "three_tuned"], 1)
    assert math.isclose(record.loc["c", "always_tuned"], 1.2)
    assert list(record.index) == ["c"]


RECORD = pd.DataFrame({
    "three": [1.0, 1.3, 9.0], "first": [1.0, 2.0, 9.0], "always": [1.05, 9.0, 9.0],
    "three_tuned": [1.0, 1.0, 2.0], "first_tuned": [1.0, 1.6, 2.0], "always_tuned": [1.0, 1.2, 1.4],
})  # fmt: skip


def test_the_track_record_is_counted_in_a_table_and_told_where_it_is_no_better():
    assert advice_texts.count_record(RECORD) == [
        ["best of the three", "1 of 3", "2 of 3", "2 of 3", "2 of 3"],
        ["first of them", "1 of 3", "1 of 3", "1 of 3", "1 of 3"],
        ["always AdamW", "1 of 3", "1 of 3", "1 of 3", "3 of 3"],
    ]
    assert advice_texts.describe_record(RECORD)[1:] == [
        "The best of the three is no better than always AdamW within 10% and within 1.5× tuned.",
        "The first of them is no better than always AdamW within 10%, within 1.5×, within 10% tuned and within 1.5× "
        "tuned.",
    ]
    better = RECORD.assign(always=9.0, always_tuned=9.0)
    assert len(advice_texts.describe_record(better)) == 1


def test_the_text_is_80_letters_wide_but_for_code_and_one_rate_is_no_range():
    found = advisor.advise(kind="networks")
    text = [line for line in str(found).splitlines() if line[2:] not in set(found.table["torch"])]
    assert max(map(len, text)) <= 80
    one = found.table["lr_low"] == found.table["lr_high"]
    assert one.any() and sum("only " in line for line in text) == one.sum()


def test_a_problem_is_advised_from_its_own_name_else_its_kind():
    known = ["quadratic", "noisy(quadratic)", "mlp", "convolution(channels=[4, 8])"]
    assert advisor.find_family("quadratic(dim=5)", known) == ["quadratic"]
    assert advisor.find_family("noisy(mlp)", known) == ["mlp"]
    assert advisor.find_family("rnn_add", known) == ["mlp", "convolution(channels=[4, 8])"]
    with pytest.raises(OptbenchError, match="did you mean 'quadratic'"):
        advisor.find_family("quadratik", known)


@pytest.mark.parametrize(("given", "message"), [
    ({}, "advice for what"),
    ({"problem": "mlp", "kind": "networks"}, "problem and kind: give one of them"),
    ({"kind": "network"}, "did you mean 'networks'"),
    ({"kind": "networks", "target": "y"}, "target: names a column of data"),
    ({"kind": "networks", "batch_size": 0}, "batch_size=0 must be"),
    ({"kind": "networks", "budget": 1000}, "budget: no such problem of the atlas ran for about 1e3 epochs"),
    ({"problem": "styblinski_tang"}, "the atlas has none like styblinski_tang"),
])  # fmt: skip
def test_what_cannot_be_advised_is_one_line(given, message):
    with pytest.raises(OptbenchError, match=message):
        advisor.advise(**given)


def test_advice_in_torch_names_calls_of_pytorch_and_counts_from_the_best_of_all(command):
    found, every = advisor.advise(kind="networks", in_torch=True), advisor.advise(kind="networks")
    assert found.table["torch"].str.fullmatch(r"torch\.optim\.\w+\(lr=.*\)").all()
    assert not every.table["torch"].str.fullmatch(r"torch\.optim\.\w+\(lr=.*\)").all()
    assert found.table["ratio"].min() > every.table["ratio"].min() > 1
    assert found.record["always"].tolist() == every.record["always"].tolist()  # AdamW is in both
    code, out, _ = command("advise", "--kind", "networks", "--in-torch")
    assert code == 0 and out.rstrip() == str(found)


def test_the_command_prints_what_the_function_returns(command):
    code, out, _ = command("advise", "--kind", "linear models", "--batch-size", "100", "--json")
    found, same = json.loads(out), advisor.advise(kind="linear models", batch_size=100)
    assert code == 0
    assert found["problems"] == list(same.problems)
    assert [row["lr"] for row in found["table"]] == same.table["lr"].tolist()
    assert {row["batch_size"] for row in found["table"]} == {64}
    assert len(found["record"]) == len(same.record)
    assert command("advise", "--kind", "network")[::2] == (
        2, "optbench: unknown kind of problem 'network': did you mean 'networks'?\n",
    )  # fmt: skip


def test_a_table_is_advised_from_linear_models_and_networks():
    table = pd.DataFrame({"size": np.arange(30.0) ** 1.5, "y": np.arange(30) % 2})
    found = advisor.advise(data=table, target="y")
    assert set(found.record["kind"]) == {"linear models", "networks"}
    assert set(found.problems) == set(found.record["problem"])
    assert "linear models and networks on your data (the same for any table" in str(found)
    assert "optbench sweep" not in str(found)  # the command cannot name a DataFrame


@pytest.mark.parametrize("given", [{"problem": "quadratic(condition=1e4)"}, {"data": "my data.csv", "target": "is y"}])
def test_the_next_step_is_a_sweep_of_the_three_that_a_shell_takes(given, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"size": np.arange(30.0) ** 1.5, "is y": np.arange(30) % 2}).to_csv("my data.csv", index=False)
    found = advisor.advise(**given)
    (line,) = (line for line in str(found).splitlines() if line.startswith("    optbench sweep"))
    words = shlex.split(line)[1:]
    assert words[-1] == ", ".join(found.table["optimizer"])
    assert set(given.values()) <= set(words)
    code, _, errors = command(*words, "--dry-run")
    assert code == 0, errors


@pytest.mark.parametrize(("problem", "message"), [
    ("mlp(hidde=3)", "unknown parameter of problem mlp 'hidde': did you mean 'hidden'"),
    ("noizy(mlp)", "unknown problem 'noizy': did you mean 'noisy'"),
])  # fmt: skip
def test_a_problem_that_no_sweep_could_run_is_refused(problem, message):
    with pytest.raises(OptbenchError, match=message):
        advisor.advise(problem)


def test_the_sweep_that_is_printed_runs_as_it_is(command):
    out = command("advise", "--problem", "convolution(channels=(4, 8))")[1]
    line = next(line for line in out.splitlines() if "optbench sweep " in line)
    assert command(*shlex.split(line)[1:], "--dry-run")[0] == 0
