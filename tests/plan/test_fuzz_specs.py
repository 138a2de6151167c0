"""Specs of any form (mappings, TOML, names, flags): each is a plan, or is refused by one line that names the key."""

import tomllib
from pathlib import Path

import pytest
from fuzzing import ODD, ODD_TEXTS, cases, refusal
from hypothesis import given
from hypothesis import strategies as st

from optbench.catalogue import loader
from optbench.plan.spec import Spec
from optbench.plan.spec_files import make_spec, read_spec
from optbench.run import session

KEYS = sorted(Spec.model_fields)
CATALOGUE = loader.load()
BASE = {"problems": ["rosenbrock"], "optimizers": ["gd"], "batch_sizes": ["full"], "learning_rates": [0.1], "seeds": 2,
        "steps": 3}  # fmt: skip
COUNTS = st.one_of(st.integers(-1, 12), st.sampled_from([10**6, 2**63, 10**30, 0.5, "3", "full", True, None]))
TEXTS = [
    "0.9",
    "[0.8, 0.9]",
    "[]",
    "1e-4:1:3",
    "1:0:3",
    "1e-4:1:99999999",
    "log_uniform(1e-4, 1)",
    "uniform(1, 0)",
    "choice(1, 2)",
    "choice()",
    "None",
    "True",
    "(1, 2)",
    "'a'",
    "{}",
    "lambda: 0",
    "1j",
    "digits",
    "x.csv",
    "~/x.csv",
    "nowhere/x.npz",
    "1e400",
    "-1",
    "10**9",
    "__import__('os')",
]
VALUES = st.one_of(st.integers(-3, 40), st.floats(allow_nan=True), st.sampled_from(TEXTS), ODD_TEXTS).map(str)


@st.composite
def names(draw, known, wrappers):
    """Draw a name with parameters, some of them correct."""
    records = draw(st.sampled_from([known, known, known, {}]))
    text = draw(st.one_of(st.sampled_from(sorted(records)), ODD_TEXTS) if records else ODD_TEXTS)
    record = records.get(text)
    parameters = list(getattr(record, "parameters", None) or getattr(record, "hyperparameters", None) or {})
    keys = st.sampled_from([*parameters, *parameters, "x", "dim", "", "beta1"])
    given = [f"{draw(keys)}={draw(VALUES)}" for _ in range(draw(st.integers(0, 2)))]
    text = f"{text}({', '.join(given)})" if given else text
    for _ in range(draw(st.integers(0, 2)) if wrappers else 0):
        around = draw(st.sampled_from(sorted(wrappers)))
        more = draw(st.sampled_from(["", ", norm=1", ", beta=0.9", ", x=1", ", norm=[1, 2]", ", epochs=1"]))
        text = f"{around}({text}{more})"
    return text


SMALL = {name: family for name, family in CATALOGUE.problems.items() if family.parameters.get("dim", 0) <= 100}
PROBLEMS, SCHEDULES = names(SMALL, {}), names(CATALOGUE.schedules, CATALOGUE.schedule_wrappers)
RULES = names({**CATALOGUE.optimizers, **CATALOGUE.baselines}, CATALOGUE.wrappers)
USUAL = {
    "problems": st.one_of(st.lists(PROBLEMS, max_size=2), PROBLEMS),
    "optimizers": st.one_of(st.lists(RULES, max_size=2), RULES),
    "schedules": st.one_of(st.lists(SCHEDULES, max_size=2), SCHEDULES),
    "batch_sizes": st.lists(st.one_of(st.integers(-1, 40), st.sampled_from(["full", "ful", 10**30, 2.5])), max_size=3),
    "learning_rates": st.one_of(st.lists(st.floats(), max_size=3), VALUES),
    "dtypes": st.lists(st.sampled_from(["float32", "float64", "float16", 3]), max_size=2),
    "points": st.one_of(st.just("every"), st.lists(st.integers(-1, 5), max_size=3)),
    "choose_by": st.sampled_from(["log_tail", "test_loss", "time, loss", ["loss", "test_accuracy"], "x", ",", []]),
    "judge_by": st.sampled_from(["time", "loss", "test_accuracy", "x", ""]),
    "device": st.sampled_from(["cpu", "gpu", "auto", ""]),
    "epochs": st.one_of(st.floats(-1, 3), st.integers(-1, 3)),
    "run_timeout": st.floats(),
    "chosen": st.lists(
        st.fixed_dictionaries(
            {"problem": PROBLEMS, "optimizer": RULES},
            optional={"lr": st.floats(), "x": st.none(), "batch_size": COUNTS, "schedule": SCHEDULES},
        ),
        max_size=2,
    ),
    "plugins": st.lists(ODD_TEXTS, max_size=1),
}
ENTRIES = {key: st.one_of(USUAL.get(key, COUNTS), USUAL.get(key, COUNTS), ODD) for key in KEYS}
CHANGES = st.one_of(
    st.sampled_from(KEYS).flatmap(lambda key: st.fixed_dictionaries({key: ENTRIES[key]})),
    st.fixed_dictionaries({}, optional=ENTRIES),
    st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=5), st.integers()), ODD, max_size=2),
)


def planned(spec):
    """Check that a spec is read back from its own TOML, and plan it."""
    assert make_spec(tomllib.loads(spec.to_toml()), {}) == spec
    session.plan(spec, loader.load_all(spec.plugins))


def named(said, changes):
    """Return True if a refusal names one of the changed keys, a key of a table, or a plug-in."""
    words = {word for key in changes for word in (str(key), str(key).rstrip("s"))}
    return any(word in said for word in words if word) or "key in" in said or "plug-in" in said


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@cases(120)
@given(CHANGES)
def test_mappings(changes):
    base = {key: value for key, value in BASE.items() if not (key == "steps" and "epochs" in changes)}
    said = refusal(lambda: planned(make_spec(base | changes, {})))
    assert not said or named(said, [*changes, "budget", "measure", "ranges", "trials", "seeds", "name"]), said


@pytest.mark.slow
@cases(120)
@given(st.sampled_from(["problem", "optimizer", "schedule"]), st.data())
def test_names(kind, data):
    text = data.draw({"problem": PROBLEMS, "optimizer": RULES, "schedule": SCHEDULES}[kind])
    key = f"{kind}s"
    said = refusal(lambda: planned(make_spec(BASE | {key: [text]}, {})))
    assert not said or kind in said or "data set" in said, said


ODD_LINES = [
    "[problems]",
    "[[problems]]",
    "[[chosen]]",
    "name = 'mlp'",
    "epoch = 2",
    "problem = 'mlp'",
    "# x",
    "",
    "seeds = 2026-01-01",
    "steps = 0x10",
    "steps = 1_0",
    "a.b.c = 1",
    "steps = 3",
    "epochs = inf",
    "[[",
]
LISTS = st.sampled_from(["'gd'", "1, 2", "0.1", "{ name = 'mlp' }", "", "[["])
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from([*KEYS, "x", '"a b"', "problems.x"]), VALUES),
    st.builds("{} = [{}]".format, st.sampled_from(KEYS), LISTS),
    st.sampled_from(ODD_LINES),
    st.text(max_size=12),
)


@pytest.mark.slow
@cases(100)
@given(st.lists(LINES, max_size=5).map("\n".join) | st.text(max_size=40), st.booleans(), st.booleans())
def test_toml(text, more, broken):
    whole = make_spec(BASE, {}).to_toml() if more else ""
    Path("my.toml").write_bytes((text + "\n" + whole).encode("utf-8", "surrogatepass") + b"\xff" * broken)
    said = refusal(lambda: planned(read_spec("my.toml")))
    assert not said or "my.toml" in said or "optimizer" in said or "problem" in said or "plug-in" in said, said


FLAGS = {
    "problems": PROBLEMS, "optimizers": RULES, "schedules": SCHEDULES, "run_timeout": st.floats(),
    "epochs": st.floats(0, 2),
    **dict.fromkeys(("trials", "blocks", "widen", "steps", "tuning_seeds", "search_seed"), COUNTS),
    **dict.fromkeys(("batch_sizes", "learning_rates", "seeds", "dtypes", "choose_by", "judge_by", "device"), VALUES),
}  # fmt: skip


@pytest.mark.slow
@cases(100)
@given(st.fixed_dictionaries({}, optional=FLAGS), st.sampled_from([None, "my.toml", "thorough", "thorou", "no.toml"]))
def test_flags(flags, file):
    """As the command gives them to the reader of specs: texts, and numbers that typer has read."""
    Path("my.toml").write_text(make_spec(BASE, {}).to_toml())
    small = (
        {"problems": "rosenbrock", "optimizers": "gd", "steps": 3, "seeds": "2"} if file in (None, "thorough") else {}
    )
    if "epochs" in flags:
        small.pop("steps", None)
    if "blocks" in flags:
        small.pop("seeds", None)
    said = refusal(lambda: planned(read_spec(file, small | flags)))
    assert not said or named(said, [*flags, "spec", "budget", "measure", "trials", "ranges", "seeds"]), said


FOUND = {
    "wrappers": ("clip(" * 60 + "adam" + ")" * 60, "optimizer"),
    "brackets": ("adam(" * 3000, "optimizers: cannot read"),
    "a megabyte": ("x" * 10**6, "optimizer"),
    "lists": ("adam(beta1=" + "[" * 300 + "]" * 300 + ")", "optimizer"),
    "nothing": ("adam(beta1=[])", "no value for beta1"),
}


@pytest.mark.parametrize(("text", "words"), FOUND.values(), ids=FOUND)
def test_what_was_found(text, words):
    assert words in refusal(lambda: planned(make_spec(BASE | {"optimizers": [text]}, {})))
