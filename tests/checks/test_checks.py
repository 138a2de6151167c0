"""The public checks: everything shipped passes them, and each of them catches what it is there for."""

import re

import pytest
from broken_plugins import HEAD, OPTIMIZERS, PROBLEMS, SCHEDULES, SOUND

from optbench import checks
from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError

CATALOGUE = loader.load()
SHIPPED = [key.split(" ", 1) for key in CATALOGUE.hashes]


def first_failure(folder, kind, text):
    (folder / "plugin.py").write_text(HEAD + text)
    findings = checks.run(kind, "mine", loader.load((folder / "plugin.py",)))
    return next(finding for finding in findings if not finding.ok)


def assert_says(finding, check, words):
    assert check in finding.name
    assert re.search(words, finding.message) and "\n" not in finding.message, finding.message


@pytest.mark.parametrize(("kind", "name"), SHIPPED)
def test_what_ships_passes(kind, name):
    findings = list(checks.run(kind, name, CATALOGUE))
    assert findings and not [finding for finding in findings if not finding.ok or finding.message]


def test_what_the_broken_ones_were_made_from_passes(own_kernels):
    (own_kernels / "sound.py").write_text(HEAD + SOUND)
    catalogue = loader.load((own_kernels / "sound.py",))
    for kind, name in (("problem", "single"), ("problem", "data"), ("problem", "wide"), ("optimizer", "sound"),
                       ("schedule", "quarter")):  # fmt: skip
        assert [finding.message for finding in checks.run(kind, name, catalogue) if not finding.ok] == []


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_broken_problem_is_caught(case, own_kernels):
    kernel, arguments, check, words = PROBLEMS[case]
    text = f"\n\n{kernel}\n\n\n@problem(source='a test')\ndef mine():\n    return make({arguments})\n"
    assert_says(first_failure(own_kernels, "problem", text), check, words)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_broken_optimizer_is_caught(case, own_kernels):
    slots, result, check, words = OPTIMIZERS[case]
    text = f"\n\n@optimizer(source='a test')\ndef mine(w, g, {slots}lr):\n    return {result}\n"
    assert_says(first_failure(own_kernels, "optimizer", text), check, words)


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


def test_after_a_first_failure_nothing_else_is_tried(own_kernels):
    (own_kernels / "plugin.py").write_text(
        HEAD + "\n\n@optimizer(source='a test')\ndef mine(w, g, m, lr):\n    return w - lr * g\n"
    )
    assert len(list(checks.run("optimizer", "mine", loader.load((own_kernels / "plugin.py",))))) == 1


def test_a_baseline_with_a_wrong_option_is_caught(tmp_path):
    text = (
        "\nfrom optbench import Baseline\nmine = Baseline('mine', 'CG', {}, 'a test', '', lambda h, n: {'speed': 1})\n"
    )
    (tmp_path / "plugin.py").write_text(HEAD + text)
    finding = next(checks.run("baseline", "mine", loader.load((tmp_path / "plugin.py",))))
    assert not finding.ok and "Unknown solver options: speed" in finding.message


@pytest.mark.parametrize("kind", ["optimizer", "schedule"])
def test_an_unknown_name_is_an_error(kind):
    with pytest.raises(OptbenchError, match=f"unknown {kind} 'nothing'"):
        list(checks.run(kind, "nothing", CATALOGUE))
