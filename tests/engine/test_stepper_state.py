"""A stepper's state: what takes it, and what it refuses. That a break changes no bit is tested with every rule."""

import io
import pickle

import numpy as np
import pytest

from optbench import OptbenchError, stepper


def arrays(dtype="float64"):
    return [np.ones((2, 3), dtype), np.zeros(4, dtype)]


def trained(text="novograd", steps=3, **options):
    w = arrays()
    rule = stepper(text, w, lr=0.1, **options)
    for t in range(steps):
        rule.step([np.full((2, 3), 1.0 + t), np.full(4, 2.0 - t)])
    return rule


def savez(state):
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file) as arrays:  # without pickles
        return dict(arrays)


@pytest.mark.parametrize("kept", [lambda state: state, lambda state: pickle.loads(pickle.dumps(state)), savez])
@pytest.mark.parametrize("text", ["novograd", "prodigy", "muon"])
def test_pickle_and_savez_keep_it(text, kept):
    rule = trained(text, beta2=0.95)
    state = kept(rule.state_dict())
    other = stepper(text, [w.copy() for w in rule.w], lr=1.0)
    other.load_state_dict(state)
    assert (other.lr, other.steps, other.hyperparameters) == (0.1, 3, rule.hyperparameters)
    for each in (rule, other):
        each.step([np.ones((2, 3)), np.ones(4)])
    assert all(np.array_equal(a, b) for a, b in zip(rule.w, other.w, strict=True))


def test_it_is_a_copy_of_plain_things():
    rule = trained("adam")
    state = rule.state_dict()
    assert {type(value) for value in state.values()} == {int, float, str, np.ndarray}
    assert state["optimizer"] == "adam" and state["hyperparameter.beta1"] == 0.9 and state["clocks"].tolist() == [3, 3]
    assert state["slot.m.0"].shape == (2, 3)
    before = state["slot.m.0"].copy()
    rule.step(arrays())
    assert np.array_equal(state["slot.m.0"], before)


@pytest.mark.parametrize("change", [{"format": 2}, {"hyperparameter.beta1": 1.5}, {"slot.m.1": np.ones(3)}])
def test_a_state_that_is_refused_changes_nothing(change):
    rule, twin = trained("adam"), trained("adam")
    with pytest.raises(OptbenchError):
        rule.load_state_dict(rule.state_dict() | change)
    for each in (rule, twin):
        each.step([np.ones((2, 3)), np.ones(4)])
    assert all(np.array_equal(a, b) for a, b in zip(rule.w, twin.w, strict=True))
