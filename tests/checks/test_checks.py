"""The public checks: everything shipped passes them, and each of them catches what it is there for."""

import re

import pytest
from broken_plugins import HEAD, OPTIMIZERS, PROBLEMS, SCHEDULES, SOUND
from harness import ONE_OF_EACH_KIND
from quick import some_quick

from optbench import checks
from optbench.catalogue import loader

CATALOGUE = loader.load()
SHIPPED = [key.split(" ", 1) for key in CATALOGUE.hashes]


def first_failure(folder, kind, text):
    (folder / "plugin.py").write_text(HEAD + text)
    return first_failure_of(kind, "mine", loader.load((folder / "plugin.py",)))


def first_failure_of(kind, name, catalogue):
    return next(finding for finding in checks.check_record(kind, name, catalogue) if not finding.ok)


SOME = {
    "problem": {"rosenbrock", "logistic", "softmax", "saddle", "mlp", "matrix_factorization", "random_field"},
    "optimizer": {*ONE_OF_EACH_KIND},
}
"""One of each kind: test_problems.py and test_optimizers.py hold all of them to closer tolerances."""


def assert_says(finding, check, words):
    assert check in finding.name
    assert re.search(words, finding.message) and "\n" not in finding.message, finding.message


@pytest.mark.parametrize(
    ("name", "kind"),
    some_quick(
        ((name, kind) for kind, name in SHIPPED if name in SOME.get(kind, [name])),
        {"rosenbrock", "adam", *CATALOGUE.schedules},
    ),
)
def test_what_ships_passes(name, kind):
    findings = list(checks.check_record(kind, name, CATALOGUE))
    assert findings and not [finding for finding in findings if not finding.ok or finding.message]


@pytest.mark.slow
def test_what_the_broken_ones_were_made_from_passes(own_kernels):
    (own_kernels / "sound.py").write_text(HEAD + SOUND)
    catalogue = loader.load((own_kernels / "sound.py",))
    for kind, name in (("problem", "single"), ("problem", "data"), ("problem", "drawing"), ("problem", "wide"),
                       ("optimizer", "sound"), ("schedule", "quarter")):  # fmt: skip
        assert [finding.message for finding in checks.check_record(kind, name, catalogue) if not finding.ok] == []


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """All broken plug-ins in one file, number k of a kind named after both: what they share is compiled once."""
    text = [HEAD]
    for k, (kernel, arguments, *_) in enumerate(PROBLEMS.values()):
        kernel, arguments = (re.sub(r"\bbad\b", f"bad_{k}", part) for part in (kernel, arguments))
        text += [kernel, f"@problem(source='a test')\ndef problem_{k}():\n    return make({arguments})\n"]
    for k, (slots, result, *_) in enumerate(OPTIMIZERS.values()):
        text += [f"@optimizer(source='a test')\ndef optimizer_{k}(w, g, {slots}lr):\n    return {result}\n"]
    file = tmp_path_factory.mktemp("broken") / "plugin.py"
    file.write_text("\n\n\n".join(text))
    return loader.load((file,))


@pytest.mark.parametrize("case", some_quick(PROBLEMS, {"wrong gradient"}))
def test_a_broken_problem_is_caught(case, broken, own_kernels):
    *_, check, words = PROBLEMS[case]
    assert_says(first_failure_of("problem", f"problem_{list(PROBLEMS).index(case)}", broken), check, words)


@pytest.mark.parametrize("case", some_quick(OPTIMIZERS, {"NaN hidden"}))
def test_a_broken_optimizer_is_caught(case, broken, own_kernels):
    *_, check, words = OPTIMIZERS[case]
    assert_says(first_failure_of("optimizer", f"optimizer_{list(OPTIMIZERS).index(case)}", broken), check, words)


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_broken_schedule_is_caught(case, tmp_path):
    factor, words = SCHEDULES[case]
    text = f"\n\n@schedule(source='a test')\ndef mine(step, epoch, total_steps):\n    return {factor}\n"
    assert_says(first_failure(tmp_path, "schedule", text), "gives one finite", words)


def test_a_problem_that_cannot_be_built_is_a_finding(tmp_path):
    text = "\n\n@problem(source='a test')\ndef mine():\n    return make(form='square')\n"
    assert_says(first_failure(tmp_path, "problem", text), "builds with its defaults", "must be 'single' or 'lanes'")
    text = text.replace("make(form='square')", "None.nothing")
    assert_says(first_failure(tmp_path, "problem", text), "builds", "AttributeError: .*nothing")


def test_a_baseline_with_a_wrong_option_is_caught(tmp_path):
    text = (
        "\nfrom optbench import Baseline\nmine = Baseline('mine', 'CG', {}, 'a test', '', lambda h, n: {'speed': 1})\n"
    )
    (tmp_path / "plugin.py").write_text(HEAD + text)
    finding = next(checks.check_record("baseline", "mine", loader.load((tmp_path / "plugin.py",))))
    assert not finding.ok and "Unknown solver options: speed" in finding.message


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("{'memory': choice(0.5, 5)}", r"memory=0.5 must be in \[1, inf\)"),
        ("{'lr': log_uniform(0.1, 1)}", "searches lr, which means nothing to a method of SciPy"),
        ("{'m': choice(5)}", "unknown hyperparameter in the search space of mine 'm'"),
    ],
)
def test_a_baseline_tuned_outside_its_limits_is_caught(search, words, tmp_path):
    text = (
        "\nfrom optbench import Baseline, choice, log_uniform\n"
        "mine = Baseline('mine', 'L-BFGS-B', {'memory': 5.0}, 'a test', '', options=lambda h, n: {'maxcor': 5},\n"
        f"                limits={{'memory': '[1, inf)'}}, search={search})\n"
    )
    assert_says(first_failure(tmp_path, "baseline", text), "is tuned inside", words)


@pytest.mark.slow
def test_a_rule_without_ranges_is_told_what_is_tuned(tmp_path):
    rule = "@optimizer(source='test', beta=0.9{})\ndef mine(w, g, m, lr, beta):\n    return w - lr * m, beta * m + g\n"
    said = []
    for search in ("", ", search={'beta': uniform(0.5, 0.9)}"):
        (tmp_path / "plugin.py").write_text(f"from optbench import optimizer, uniform\n\n{rule.format(search)}")
        found = list(checks.check_record("optimizer", "mine", loader.load((tmp_path / "plugin.py",))))
        assert all(each.ok for each in found)
        said.append(next(each.message for each in found if "is tuned" in each.name))
    assert said == ["lr alone is tuned: state search= for others, or they share the ranges of the comparison", ""]
