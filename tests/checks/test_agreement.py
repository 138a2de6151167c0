"""Two optimizers side by side: equal ones are equal, and each planted difference of one convention is named."""

import numpy as np
import pytest
from stepping_twins import Adaptive, Summed, implementation

from optbench.checks.against.findings import find_differences
from optbench.checks.against.fixes import match_names, search_values, try_fixes
from optbench.checks.against.measurements import measure_both
from optbench.checks.against.rollouts import STEPS, compare, digits, distance, given_streams

PLANTED = [
    (Adaptive(), Adaptive(), [], ""),
    (Adaptive(), Adaptive(inside=True), ["eps"], "outside the root in mine, inside the root in theirs"),
    (Adaptive(), Adaptive(eps=1e-16, inside=True), ["eps"], "1e-08 and 1e-16"),
    (Adaptive(inside=True), Adaptive(), ["eps"], "1e-08 inside counts as 0.0001 outside"),
    (Adaptive(), Adaptive(inside=True, scaled_eps=True), ["eps"], "theirs adds it before the squares are corrected"),
    (Adaptive(inside=True), Adaptive(scaled_eps=True), ["eps"], "outside the root in theirs: 1e-08 and 1e-08"),
    (Adaptive(inside=True), Adaptive(inside=True, scaled_eps=True), ["eps scaled"], "times: 1000 at the first step"),
    (Adaptive(scaled_eps=True), Adaptive(eps=1e-6), ["eps scaled"], "it is 1e-06 in theirs and 1e-08 in mine"),
    (Adaptive(scaled_eps=True), Adaptive(scaled_eps=True), [], ""),
    (Adaptive(inside=True, beta2=0.9), Adaptive(inside=True, beta2=0.9), [], ""),
    (Adaptive(), Adaptive(eps=0.1), ["eps"], "eps is 1e-08 in mine and 0.1 in theirs"),
    (Adaptive(), Adaptive(eps=0.0), ["eps"], "mine has an eps of 1e-08 outside the root, theirs has none"),
    (Adaptive(), Adaptive(scaled_eps=True), ["eps scaled"], "theirs adds eps before the squares are corrected"),
    (Adaptive(), Adaptive(correct_mean=False), ["bias correction"], "theirs does not divide the average of gradients"),
    (Adaptive(correct_squares=False), Adaptive(), ["bias correction"], "mine does not divide the average of squares"),
    (Adaptive(), Adaptive(late=1), ["step count"], "t is 1 more in theirs"),
    (Adaptive(), Adaptive(beta2=0.99), ["beta2"], "beta2 is 0.999 in mine and 0.99 in theirs"),
    (Adaptive(), Adaptive(beta1=0.8), ["beta1"], "beta1 is 0.9 in mine and 0.8 in theirs"),
    (Adaptive(), Adaptive(beta1=0.0), ["momentum"], "mine has momentum (0.9), theirs has none"),
    (Adaptive(), Adaptive(sign=-1.0), ["sign"], "theirs climbs"),
    (Adaptive(), Adaptive(factor=2.0), ["rate"], "2 times as long: give it 0.5 times the rate"),
    (Adaptive(), Adaptive(largest=1.0), ["largest square"], "theirs keeps the largest mean square so far (AMSGrad)"),
    (Adaptive(largest=1.0, largest_corrected=True), Adaptive(), ["largest square"], "mine keeps the largest"),
    (Adaptive(largest=1.0), Adaptive(largest=1.0, largest_corrected=True), ["largest square"], "one after its bias"),
    (Adaptive(beta2=0.9), Adaptive(beta2=0.9, largest=0.99), ["largest square"], "so far (times 0.99 a step), mine"),
    (Adaptive(largest=0.99, largest_corrected=True), Adaptive(), ["largest square"], "(times 0.99 a step)"),
    (Adaptive(beta2=0.9, largest=0.99), Adaptive(beta2=0.9, largest=1.0), ["largest square"], "theirs (AMSGrad)"),
    (Adaptive(largest=0.5, largest_corrected=True), Adaptive(), [], ""),  # no constant factor: nothing is said
    (Adaptive(), Adaptive(trust=True), ["trust ratio"], "the step of theirs depends on the size of the weights"),
    (Adaptive(), Adaptive(by_block=True), ["by block"], "each weight by itself, theirs all weights as a whole"),
    (Adaptive(decay=0.01), Adaptive(), ["weight decay"], "mine has a weight decay of 0.01 (beside the step)"),
    (Adaptive(decay=0.01), Adaptive(decay=0.1), ["weight decay"], "0.01 in mine and 0.1 in theirs"),
    (Adaptive(decay=0.01), Adaptive(decay=0.01, coupled=True), ["weight decay"], "coupled in theirs"),
    (Adaptive(decay=0.01), Adaptive(decay=0.01, decay_without_rate=True), ["weight decay"], "not in theirs"),
    (Adaptive(correct_mean=False, correct_squares=False), Adaptive(), ["bias correction"] * 2, ""),
    (Adaptive(), Adaptive(beta2=0.99, inside=True), ["beta2", "eps"], ""),
    (Adaptive(), Summed(), ["kind"], "the steps of theirs grow with the gradient"),
    (Summed(), Summed(), [], ""),
    (Summed(dampening=0.9, first_as_it_is=False), Summed(), ["rate"], "10 times as long, which is 1 / (1 - beta1)"),
    (Summed(), Summed(dampening=0.9, first_as_it_is=False), ["rate"], "0.1 times as long, which is 1 - beta1"),
    (Summed(dampening=0.9, first_as_it_is=False), Summed(dampening=0.9), ["first step"], "dampening 0.9"),
    (Summed(), Summed(nesterov=True), ["Nesterov"], "theirs looks ahead (Nesterov), mine does not"),
    (Summed(), Summed(beta1=0.0), ["momentum"], "mine has momentum (0.9)"),
    (Summed(), Summed(beta1=0.5), ["beta1"], "0.9 in mine and 0.5 in theirs"),
    (Summed(), Summed(decay=0.1), ["weight decay"], "0.1 (added to the gradient)"),
    (Summed(decay=0.1), Summed(decay=0.1, coupled=False), ["weight decay"], "coupled in mine"),
    (Adaptive(decay=0.01), Adaptive(decay=0.01, decay_after=True), ["order of decay"], "theirs decays the weights"),
    (Adaptive(decay=1e-4, decay_after=True), Adaptive(decay=1e-4), ["order of decay"], "mine decays the weights"),
    (Adaptive(), Adaptive(decay=0.01, decay_after=True), ["weight decay"], "mine has none"),
    (Adaptive(decay=0.1, decay_after=True), Adaptive(decay=0.2, decay_after=True), ["weight decay"], "0.1 in mine"),
    (Adaptive(decay=0.1, decay_after=True), Adaptive(decay=0.01), ["order of decay", "weight decay"], "mine decays"),
    (Summed(decay=0.1, coupled=False), Summed(decay=0.1, coupled=False, decay_after=True), ["order of decay"], ""),
    (Summed(0.0, decay=0.1), Summed(0.0, decay=0.1, coupled=False, decay_after=True), ["order of decay"], ""),
    (Adaptive(), Adaptive(cautious=True), [], ""),
    (Summed(), Summed(rate_inside=True), ["rate in the state"], "theirs keeps the rate inside its state"),
    (Summed(), Summed(longest=1.0), ["clipping"], "theirs limits the step of large gradients"),
]  # fmt: skip


def both(mine, theirs):
    return implementation(mine), implementation(theirs, "theirs")


@pytest.mark.parametrize(("mine", "theirs", "names", "words"), PLANTED)
def test_each_planted_difference_is_named_and_nothing_else(mine, theirs, names, words):
    found = find_differences(*measure_both(*both(mine, theirs)))
    assert [each.name for each in found] == names
    assert not words or words in found[0].text
    compared = [compare(*both(mine, theirs), stream, 1e-9) for stream in given_streams()]
    assert (mine != theirs) == any(each.difference > 1e-9 for each in compared)
    assert all((each.step is None) == (each.difference <= 1e-9) for each in compared)


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (Adaptive(), Adaptive(beta2=0.99, eps=1e-6), "with beta2=0.999 and eps=1e-08 in theirs they agree to 1"),
        (Summed(), Summed(dampening=0.9, first_as_it_is=False), "with 10 times the rate in theirs they agree to 1"),
        (Adaptive(), Adaptive(sign=-1.0), "with -1 times the rate in theirs"),
        (Adaptive(), Adaptive(inside=True), ""),
    ],
)
def test_a_remedy_was_tried(mine, theirs, words):
    pair = both(mine, theirs)
    remedy = try_fixes(*pair, find_differences(*measure_both(*pair)), list(given_streams()), 1e-9)
    assert words in remedy and bool(words) == bool(remedy)


def test_other_values_are_found_where_no_convention_is():
    streams = list(given_streams())
    found, remedy = search_values(*both(Summed(), Summed(dampening=0.5)), streams, 1e-9)
    assert [each.name for each in found] == ["dampening"] and "with dampening=0 in theirs they agree to 1" in remedy
    assert search_values(*both(Adaptive(), Adaptive(inside=True)), streams, 1e-9) is None


def test_names_of_one_meaning():
    rule = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "decay": 0.1}
    assert match_names(rule, {"momentum": 0.0, "alpha": 0.99, "epsilon": 1e-8, "weight_decay": 0.0}) == {
        "beta1": "momentum", "beta2": "alpha", "eps": "epsilon", "decay": "weight_decay"
    }  # fmt: skip
    assert match_names({"beta2": 0.9, "drag": 1.0}, {"decay": 0.9, "b1": 0.0}) == {"beta2": "decay"}
    assert match_names({"decay": 0.9}, {"decay": 0.9}) == {"decay": "decay"}


def test_the_difference_is_relative_to_the_way_and_knows_rounding():
    start = np.ones(2)
    a = start - 1e-3 * np.arange(1, STEPS + 1)[:, None]
    assert distance(a, a, start).max() == 0 and digits(0.0) == 15
    b = a.copy()
    b[9:] += 1e-8
    gaps = distance(a, b, start)
    assert gaps[8] == 0 and gaps[9] == pytest.approx(1e-8 / 1e-2, rel=1e-2)
    b[5], a[7] = np.nan, np.inf
    gaps = distance(a, b, start)
    assert np.isinf(gaps[5]) and np.isinf(gaps[7]) and np.isfinite(gaps[6])
    assert distance(a, np.where(np.isfinite(a), a, np.nan), start).max() == 0
    a[:, 0] = b[:, 0] = np.nan  # a weight that is no number hides no other
    assert distance(a, b + 0.5, start).min() > 0.5
