"""The verdict on two optimizers: the comparisons made, the blocks on which they differ, and the reported weights."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from stepping_twins import Adaptive, Summed, implementation

from optbench import OptbenchError
from optbench.checks.against import agreement, fixes
from optbench.checks.against.agreement import compare_all
from optbench.checks.against.fixes import search_values
from optbench.checks.against.measurements import is_coarse
from optbench.checks.against.rollouts import given_streams
from optbench.cli.agreement import _print_agreement


def _by_shapes(twin, choose, name="theirs"):
    """Return a twin that is ``choose(shapes)`` where that is another one, or raises."""
    made = implementation(twin, name)
    return replace(made, begin=lambda shapes, values: implementation(choose(shapes) or twin).begin(shapes, {}))


@dataclass
class Averaged(Summed):
    """Evaluates another point than its weights."""

    def step(self, w, g, rate):
        self.last = w
        return super().step(w, g, rate)

    def reported(self):
        return self.last


@dataclass
class Broken:
    """Gives no number after so many steps."""

    after: int
    steps: int = 0

    def step(self, w, g, rate):
        self.steps += 1
        return w - rate * np.sign(g) if self.steps <= self.after else np.full_like(w, np.nan)

    def reported(self):
        return None


def _broken(after, name):
    return replace(implementation(Summed(), name), begin=lambda shapes, values: Broken(after))


def _no_matrices(shapes):
    if any(len(shape) == 2 for shape in shapes):
        raise OptbenchError("theirs: vectors only")


def test_one_that_takes_vectors_only_is_still_asked(catalogue, capsys):
    found = compare_all(implementation(Summed()), _by_shapes(Summed(beta1=0.5), _no_matrices), catalogue, 1e-9)
    assert [each.name for each in found.findings] == ["beta1"] and found.table["refused"].ne("").sum() < 5
    assert "agree to 1" in found.remedy or not found.remedy
    _print_agreement(found)
    out = " ".join(capsys.readouterr().out.split())
    assert "in 8 of 8 compared (2 of 10 were not)" in out and "not on" in out


def test_one_that_differs_on_large_blocks_only(catalogue):
    def larger(shapes):
        return Adaptive(factor=2.0) if max(np.prod(shape) for shape in shapes) > 50 else None

    found = compare_all(implementation(Adaptive()), _by_shapes(Adaptive(), larger), catalogue, 1e-9)
    assert not found.equal and [each.name for each in found.findings] == ["blocks"] and not found.remedy
    assert "differ only on larger or other blocks" in found.findings[0].text
    assert "mlp(hidden=(8,))" in found.findings[0].text and "rosenbrock" not in found.findings[0].text


def test_what_is_evaluated_is_told_from_what_is_stepped(catalogue):
    found = compare_all(implementation(Summed()), implementation(Averaged(), "theirs"), catalogue, 1e-9)
    assert [each.name for each in found.findings] == ["reported weights"] and not found.equal
    found = compare_all(implementation(Summed()), implementation(Averaged(beta1=0.5), "theirs"), catalogue, 1e-9)
    assert [each.name for each in found.findings] == ["beta1"]


def test_two_that_give_no_number_are_not_equal(catalogue):
    with pytest.raises(OptbenchError, match="neither mine nor theirs is finite, from step 1 on"):
        compare_all(_broken(0, "mine"), _broken(0, "theirs"), catalogue, 1e-9)


def test_steps_that_are_no_numbers_are_not_counted(catalogue, capsys):
    _print_agreement(compare_all(_broken(7, "mine"), _broken(7, "theirs"), catalogue, 1e-9))
    assert "over 7 steps" in capsys.readouterr().out
    found = compare_all(_broken(7, "mine"), _broken(8, "theirs"), catalogue, 1e-9)
    assert not found.equal and min(each.step for each in found.comparisons) == 8


def test_numbers_kept_in_float32_are_named_before_all_else(catalogue):
    single = implementation(Adaptive(single=True), "theirs")
    found = compare_all(implementation(Adaptive()), single, catalogue, 1e-9)
    assert [each.name for each in found.findings] == ["precision"] and found.digits >= 6
    assert "theirs keeps a part in float32" in found.findings[0].text
    assert "below the 1e-06 that float32 is held to; --tolerance 1e-06 takes it as equal" in found.findings[0].text
    found = compare_all(implementation(Adaptive(inside=True, eps=1e-4)), single, catalogue, 1e-9)
    assert [each.name for each in found.findings] == ["precision", "eps"]


def test_a_rule_with_an_eps_for_each_place_gets_the_values_that_make_it_equal():
    found = agreement.agreement("adam", "adam_torch")
    assert [each.name for each in found.findings] == ["eps"]
    assert "inside the root in adam, outside the root in adam_torch: 1e-08 and 1e-08" in found.findings[0].text
    assert "with eps=0 and eps_root=1e-08 in adam_torch they agree to 15 digits" in found.remedy
    assert (
        "with eps=1e-08 and eps_root=0 in adam they agree to 15 digits"
        in agreement.agreement("adam_torch", "adam").remedy
    )


@pytest.mark.parametrize("name", ["adam", "muon", "adafactor", "rprop", "lion", "lookahead(gd)"])
def test_rules_in_float64_are_not_taken_for_float32(name, catalogue):
    assert not is_coarse(agreement.implementation(name, catalogue))


def test_a_number_of_tries_and_no_clock_decides_what_is_found(monkeypatch):
    begun = []
    theirs = implementation(Adaptive(inside=True), "theirs")
    counted = replace(theirs, begin=lambda *given: begun.append(1) or theirs.begin(*given))
    monkeypatch.setattr(fixes, "_TRIES", 7)
    assert search_values(implementation(Adaptive()), counted, list(given_streams()), 1e-9) is None
    assert len(begun) == 1 + 7


def test_what_does_not_add_up_is_not_said_to_look_ahead(catalogue):
    found = compare_all(implementation(Adaptive()), implementation(Adaptive(cautious=True), "theirs"), catalogue, 1e-9)
    assert not found.equal and not found.findings and len(found.steps) == 4
