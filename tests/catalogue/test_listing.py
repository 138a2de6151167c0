"""The commands list and show, and the data behind them."""

import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from quick import slow
from rich.console import Console

from optbench import OptbenchError
from optbench.catalogue import loader
from optbench.catalogue.description import list_facts
from optbench.catalogue.listing import KINDS, list_names, values_text
from optbench.cli import console as terminal
from optbench.contract import names

ROOT = Path(__file__).parents[2]


TWINS = """
import numpy as np
from optbench import Problem, optimizer, problem


@optimizer(source="a test", drag=0.5)
def twin(w, g, lr, drag):
    return w - lr * drag * g


def _twin(sharpness=(1.0, 2.0)):
    return Problem("single", 1, lambda rng: np.ones(1), lambda w, g: 0.0, 0.0, "closed form")


_twin.__name__ = "twin"
other = problem(source="a test")(_twin)
"""


def everything(catalogue):
    return [row for kind in KINDS for row in list_names(catalogue, kind)]


def registered(catalogue):
    return [row for row in everything(catalogue) if row["kind"] != "data_set"]


def one(catalogue, text):
    (found,) = list_facts(catalogue, text)
    return found


def test_every_name_has_a_row_with_its_words(catalogue):
    found = registered(catalogue)
    assert sorted(f"{row['kind']} {row['name']}" for row in found) == sorted(catalogue.files)
    for row in found:
        assert all(row[key] for key in ("formula", "source", "family")), row
        assert len(row["formula"]) < 250 and not row["formula"].endswith("."), row
        assert (
            f"def {row['name']}(" in Path(row["file"]).read_text()
            or f'"{row["name"]}"' in Path(row["file"]).read_text()
        )


def test_defaults_are_written_as_they_are_read(catalogue):
    """The defaults listed beside a name can be typed in brackets behind it, and give the same record."""
    registries = {registry[:-1]: getattr(catalogue, registry) for kind in KINDS.values() for registry in kind}
    for row in registered(catalogue):
        record = registries[row["kind"]][row["name"]]
        defaults = getattr(record, "parameters", None) or getattr(record, "hyperparameters", {})
        name, given = names.parse(f"{row['name']}({values_text(row['defaults'])})")
        assert name == row["name"] and names.fill_defaults("", name, given, defaults) == dict(defaults)
        assert given.keys() == defaults.keys()


def test_a_list_builds_no_problem(catalogue, monkeypatch):
    monkeypatch.setattr("optbench.contract.problems.Family.build", None)
    assert len(list_names(catalogue, "problems")) == len(catalogue.problems) + len(catalogue.problem_wrappers)


def test_every_name_can_be_shown(catalogue):
    for row in registered(catalogue):
        record = next(found for found in list_facts(catalogue, row["name"]) if found["kind"] == row["kind"])
        json.dumps(record, allow_nan=False)
        assert record["source"] == row["source"] and record["files"] == [row["file"]]
        assert {key: each["value"] for key, each in record["parameters"].items()} == row["defaults"]
        assert all(each["value"] == each["default"] for each in record["parameters"].values())


@pytest.mark.slow
def test_the_limits_shown_are_those_enforced(catalogue):
    """A value a little below an interval is refused in the words that show has for it; also inside wrappers."""
    texts = [name for kind in ("optimizers", "baselines", "schedules", "problems") for name in getattr(catalogue, kind)]
    texts += [f"{name}(adam)" for name in catalogue.wrappers] + ["warmup(cosine)"]
    tried = 0
    for text in texts:
        record = one(catalogue, text)
        for key, each in record["parameters"].items():
            if not isinstance(each["limit"], str) or "-inf" in each["limit"]:
                continue
            low = float(each["limit"][1:].split(",")[0])
            value = int(low) - 1 if isinstance(each["default"], int) else low - (each["limit"][0] == "[") * 0.25
            name, given = names.parse(text)
            given[key] = (value,) if isinstance(each["default"], list) else value
            with pytest.raises(OptbenchError, match=re.escape(f"{key}=")):
                list_facts(catalogue, names.canonical(name, given))
            tried += 1
    assert tried > 150


def test_an_optimizer_tells_what_it_keeps(catalogue):
    adam = one(catalogue, "adam(beta1=0.8)")
    assert adam["state"] == {"by_parameter": ["m", "v"], "by_block": [], "by_run": [], "matrix": []}
    assert adam["parameters"]["beta1"] == {"value": 0.8, "default": 0.9, "limit": "[0, 1)"}
    assert adam["reported"] == "w" and adam["sums"] == {"all": [], "block": [], "matrix": []}
    assert one(catalogue, "lookahead(adam)")["reported"] == one(catalogue, "lookahead")["reported"] == "slow"
    assert one(catalogue, "lookahead")["state"]["by_parameter"] == ["slow"]
    # L and R, (64, 64) and (32, 32), and as much for their roots; a second moment of rank one: 64 + 32.
    assert one(catalogue, "shampoo")["state"]["matrix"] == [{"block": [64, 32], "numbers": 2 * (64**2 + 32**2)}]
    assert one(catalogue, "adafactor")["state"]["matrix"] == [{"block": [64, 32], "numbers": 64 + 32}]
    assert one(catalogue, "lbfgs(memory=3)")["state"] is None


def test_a_composition_tells_of_both(catalogue):
    both = one(catalogue, "clip(adam(beta2=0.99), norm=2)")
    values = {key: each["value"] for key, each in both["parameters"].items()}
    assert values == {"beta1": 0.9, "beta2": 0.99, "eps": 0.0, "eps_root": 1e-8, "norm": 2.0}
    assert both["name"] == "clip(adam(beta2=0.99), norm=2)" and both["kind"] == "optimizer"
    assert both["state"]["by_parameter"] == ["m", "v"] and both["sums"]["all"] == ["square"]
    assert [Path(file).name for file in both["files"]] == ["wrappers.py", "adam.py"]
    twice = one(catalogue, "average(clip(momentum))")
    assert twice["state"]["by_parameter"] == ["average", "m"] and len(twice["parameters"]) == 3


def test_a_schedule_tells_its_factors(catalogue):
    found = one(catalogue, "warmup(cosine(final=0.2), fraction=0.05)")
    assert found["around"]["name"] == "cosine(final=0.2)"
    assert found["around"]["parameters"] == {"final": {"value": 0.2, "default": 0.0, "limit": "[0, inf)"}}
    assert found["parameters"]["fraction"] == {"value": 0.05, "default": 0.1, "limit": "[0, 1]"}
    example = found["factors"]
    assert (example["steps"], example["epochs"], example["step"]) == (1000, 10, [*range(1, 1000, 100), 1000])
    # 50 steps of warm-up, then half a wave over the 950 that remain; the first step's factor is 1/50.
    wave = [0.2 + 0.8 * (1 + math.cos(math.pi * (t - 51) / 950)) / 2 for t in example["step"][1:]]
    np.testing.assert_allclose(example["factor"], [1 / 50, *wave], rtol=1e-12)
    halves = one(catalogue, "exponential(base=0.5)")["factors"]["factor"]
    np.testing.assert_allclose(halves, [*(0.5**epoch for epoch in range(10)), 0.5**9], rtol=1e-12)
    assert one(catalogue, "warmup")["factors"] is None


def test_a_problem_tells_its_minimum_and_sizes(catalogue):
    found = one(catalogue, "rosenbrock(dim=4, noise=0)")
    assert (found["dim"], found["blocks"], found["minimum"], found["minimizer"]) == (4, [[4]], 0.0, [1.0] * 4)
    assert found["data"] is False and found["noise"] == 0 and found["metrics"] == [] and found["test_examples"] == 0
    assert found["parameters"]["dim"] == {"value": 4, "default": 2, "limit": "[2, inf)"}
    digits = one(catalogue, "mlp(hidden=16)")
    assert digits["blocks"] == [[64, 16], [16], [16, 10], [10]] and digits["parameters"]["hidden"]["value"] == [16]
    assert digits["examples"] + digits["validation_examples"] + digits["test_examples"] == 1797 and digits[
        "metrics"
    ] == ["accuracy"]


def test_a_name_of_two_kinds_is_shown_twice(tmp_path, run):
    twins = tmp_path / "twins.py"
    twins.write_text(TWINS)
    both = loader.load((twins,))
    assert [found["kind"] for found in list_facts(both, "twin")] == ["optimizer", "problem"]
    assert one(both, "twin(drag=1)")["kind"] == "optimizer"
    assert one(both, "twin(sharpness=3)")["kind"] == "problem"
    code, out, _ = run("show", "twin", "--plugin", str(twins))
    assert code == 0 and "optimizer twin\n" in out and "\nproblem twin\n" in out


@pytest.mark.parametrize("kind", KINDS)
def test_elsewhere_every_entry_is_one_line(run, catalogue, kind):
    code, out, err = run("list", kind)
    assert code == 0 and not err
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ")}
    for row in list_names(catalogue, kind):
        line = lines[row["name"]]
        assert row["formula"] in line and line.endswith(values_text(row["defaults"])) and row["family"]


@pytest.mark.parametrize("arguments", [("list", "optimizers"), ("list", "problems"), ("list",), ("show", "prodigy"),
                                       ("show", "warmup(one_cycle)")], ids=" ".join)  # fmt: skip
@pytest.mark.parametrize("width", [slow(50), 80])
def test_a_terminal_gets_the_same_words_in_its_width(run, monkeypatch, arguments, width):
    _, elsewhere, _ = run(*arguments)
    there = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=there, force_terminal=True, width=width))
    assert run(*arguments)[:2] == (0, "")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", there.getvalue())
    assert shown.split() == elsewhere.split()
    assert max(len(line) for line in shown.splitlines() if "/" not in line) <= width


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [(("list", "schedules"), lambda catalogue: list_names(catalogue, "schedules")), (("list",), everything),
     (("show", "quadratic(dim=3)"), lambda catalogue: list_facts(catalogue, "quadratic(dim=3)"))],
    ids=["schedules", "all", "show"],
)  # fmt: skip
def test_json(run, catalogue, arguments, wanted):
    code, out, err = run(*arguments, "--json")
    assert code == 0 and not err and json.loads(out) == wanted(catalogue)


@pytest.mark.parametrize(
    ("kind", "registries"),
    [("wrappers", ["wrapper", "schedule_wrapper", "problem_wrapper"]), ("Baseline", ["baseline"]),
     ("problem", ["problem", "problem_wrapper"]),
     ("schedule", ["schedule", "schedule_wrapper"]), ("schedule wrappers", ["schedule_wrapper"])],
)  # fmt: skip
def test_kinds_in_the_singular_and_parts_of_them_are_listed(run, catalogue, kind, registries):
    code, out, err = run("list", kind, "--json")
    wanted = [name for registry in registries for name in getattr(catalogue, f"{registry}s")]
    assert code == 0 and not err and [row["name"] for row in json.loads(out)] == wanted
    assert list(dict.fromkeys(row["kind"] for row in json.loads(out))) == registries


@pytest.mark.slow
def test_a_closed_pipe_is_no_error_to_read_about():
    for arguments in ("list optimizers", "list problems --json"):
        with subprocess.Popen(
            [sys.executable, "-m", "optbench", *arguments.split()], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            process.stdout.close()
            assert not process.stderr.read()
            assert process.wait() != 0
