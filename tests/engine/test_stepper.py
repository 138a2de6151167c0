"""Update rules on lists of arrays: against the same rule on one flat array, which other tests hold to the papers."""

import os
import signal
import time

import numpy as np
import pytest
from reference.optimizer_rows import LABELS
from stepper_cases import BY_NAME

import optbench
from optbench import OptbenchError, stepper

SHAPES = ((5, 3), (7,), (), (0, 4), (2, 3, 2))
FULL = [shape or (1,) for shape in SHAPES if 0 not in shape]
WRAPPED = ("clip(adam, norm=0.5)", "lookahead(momentum)", "average(gd)", "coupled_decay(adam)", "decoupled_decay(lion)")
NESTED = (
    "clip(muon)",
    "clip(prodigy, norm=0.5)",
    "clip(schedule_free_adamw)",
    "average(novograd)",
    "decoupled_decay(clip(lars))",
)
RULES = sorted(name for name, record in optbench.optimizers().items() if hasattr(record, "total"))
QUICK = ("adamw", "lamb", "muon", "prodigy", "schedule_free_sgd", "clip(adam, norm=0.5)", "lookahead(momentum)")
DTYPES = ("float64", "float32")
CASES = [
    pytest.param(text, dtype, marks=() if text in QUICK and dtype == "float64" else pytest.mark.slow)
    for text in (*RULES, *WRAPPED, *NESTED)
    for dtype in DTYPES
]


def arrays(rng, dtype="float64", shapes=SHAPES):
    return [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in shapes]


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def copied(arrays):
    return [array.copy() for array in arrays]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def make_step(each, g, lr):
    """Make a step; a rule of two gradients gets half of the first for the second."""
    ahead = [0.5 * part for part in g] if isinstance(g, list) else 0.5 * g
    each.step(g, lr=lr, loss=0.1, **({"ahead": ahead, "labels": LABELS} if each.needs_second else {}))


@pytest.mark.parametrize(("text", "dtype"), CASES)
def test_a_list_is_one_array_in_blocks_and_goes_on_bit_for_bit_after_a_break(text, dtype):
    rng = np.random.default_rng(0)
    start, gradients = arrays(rng, dtype), [arrays(rng, dtype) for _ in range(6)]
    w, single = copied(start), flat(start)
    by_list, by_block = stepper(text, w, lr=0.01, **BY_NAME), stepper(text, single, lr=0.01, blocks=FULL, **BY_NAME)
    for t, g in enumerate(gradients):
        make_step(by_list, g, 0.01 / (t + 1))
        make_step(by_block, flat(g), 0.01 / (t + 1))
    near = {"rtol": 1e3 * np.finfo(dtype).eps, "atol": 1e3 * np.finfo(dtype).eps}
    np.testing.assert_allclose(flat(w), single, **near)
    np.testing.assert_allclose(flat(by_list.reported), by_block.reported, **near)
    assert not same(w, start)

    v, single_again = copied(start), flat(start)
    first = stepper(text, v, lr=0.01, **BY_NAME), stepper(text, single_again, lr=0.01, blocks=FULL, **BY_NAME)
    for t, g in enumerate(gradients[:3]):
        make_step(first[0], g, 0.01 / (t + 1))
        make_step(first[1], flat(g), 0.01 / (t + 1))
    second = stepper(text, v, lr=1.0, **BY_NAME), stepper(text, single_again, lr=1.0, blocks=FULL, **BY_NAME)
    for before, after in zip(first, second, strict=True):
        after.load_state_dict(before.state_dict())
        assert (after.lr, after.steps, after.hyperparameters) == (before.lr, before.steps, before.hyperparameters)
    for t, g in enumerate(gradients[3:], start=3):
        make_step(second[0], g, 0.01 / (t + 1))
        make_step(second[1], flat(g), 0.01 / (t + 1))
    assert same(v, w) and same(second[0].reported, by_list.reported)
    assert np.array_equal(single_again, single) and np.array_equal(second[1].reported, by_block.reported)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_change_no_number(dtype):
    """Two large arrays, in pieces, beside small ones; a sum over all of them, too."""
    shapes = [(600, 500), (3,), (70_001,), (1,)]
    for text in ("adamw", "clip(adam, norm=0.5)"):
        results = []
        for threads in (1, 2, 3):
            rng = np.random.default_rng(1)
            w = arrays(rng, dtype, shapes)
            adam = stepper(text, w, lr=0.01, threads=threads)
            for _ in range(3):
                adam.step(arrays(rng, dtype, shapes))
            results.append(w)
        assert same(results[0], results[1]) and same(results[0], results[2])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_has_threads_of_its_own():
    w, g = [np.ones(200_000), np.ones(200_000)], [np.ones(200_000)] * 2
    gd = stepper("gd", w, lr=0.5, threads=2)
    gd.step(g)
    child = os.fork()
    if not child:
        gd.step(g)
        os._exit(0 if (w[0] == 0).all() and (w[1] == 0).all() else 1)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
    assert done and status == 0


def test_pieces_of_an_array_are_the_whole():
    rng = np.random.default_rng(2)
    w = rng.standard_normal(300_000)
    for text in ("clip(adam, norm=0.5)", "lookahead(momentum)"):
        single, pieces = w.copy(), w.copy()
        one, many = stepper(text, single, lr=0.1), stepper(text, [pieces], lr=0.1)
        assert len(many._rule.chunks) > 2
        for _ in range(3):
            g = rng.standard_normal(w.size)
            one.step(g)
            many.step([g])
        np.testing.assert_allclose(pieces, single, atol=1e-13)
        np.testing.assert_allclose(many.reported[0], one.reported, atol=1e-13)


def test_a_gradient_that_is_none_leaves_its_array_and_its_clock():
    """The second array begins two steps later, as an array by itself would."""
    rng = np.random.default_rng(3)
    start, gradients = arrays(rng, shapes=[(2, 3), (4,)]), [arrays(rng, shapes=[(2, 3), (4,)]) for _ in range(5)]
    for text in ("adam", "nadam", "muon", "lookahead(momentum)"):
        w, alone = copied(start), copied(start)
        both = stepper(text, w, lr=0.1)
        first, second = stepper(text, alone[:1], lr=0.1), stepper(text, alone[1:], lr=0.1)
        for t, (a, b) in enumerate(gradients):
            both.step([a, None if t < 2 else b])
            first.step([a])
            second.step([None if t < 2 else b])
            assert same(w, alone) and same(both.reported, [*first.reported, *second.reported])
            assert t > 1 or np.array_equal(w[1], start[1])


def test_clipping_sums_over_the_arrays_that_have_a_gradient():
    w = [np.zeros(1), np.zeros(1), np.zeros(1)]
    gd = stepper("clip(gd, norm=1)", w, lr=1.0)
    gd.step([np.full(1, 3.0), None, np.full(1, 4.0)])
    np.testing.assert_allclose(np.concatenate(w), [-0.6, 0, -0.8])
    gd.step([None, np.full(1, 2.0), None])
    np.testing.assert_allclose(np.concatenate(w), [-0.6, -1.0, -0.8])
    before = copied(w)
    gd.step([None, None, None])
    assert same(w, before) and gd.steps == 3


@pytest.mark.parametrize(
    "text", ["prodigy", "cautious(prodigy)", pytest.param("mechanic(lamb)", marks=pytest.mark.slow)]
)
def test_one_rate_is_estimated_also_for_arrays_that_stayed(text):
    """While a third array stays, the others step as if it were not there; then all have the same distance."""
    rng = np.random.default_rng(4)
    start, shapes = arrays(rng, shapes=[(3,), (2,), (4,)]), [(3,), (2,), (4,)]
    w, alone = copied(start), copied(start[:2])
    first = {"d0": 1e-2} if "prodigy" in text else {"s0": 1e-2}
    three, two = stepper(text, w, lr=1.0, **first), stepper(text, alone, lr=1.0, **first)
    for _ in range(3):
        g = arrays(rng, shapes=shapes)
        three.step([*g[:2], None])
        two.step(g[:2])
    assert same(w[:2], alone) and np.array_equal(w[2], start[2])
    state = three.state_dict()
    assert np.array_equal(next(value for key, value in state.items() if key.endswith("start.2")), start[2])
    three.step(arrays(rng, shapes=shapes))
    assert not np.array_equal(w[2], start[2])
    state = three.state_dict()
    assert np.array_equal(state["shared.0"], state["shared.2"]) and state["clocks"].tolist() == [4, 4, 4]


def test_a_mapping_steps_by_name():
    w = {"weight": np.ones((2, 2)), "bias": np.zeros(2)}
    mean = stepper("average(gd, beta=0)", w, lr=0.5)
    mean.step({"bias": np.ones(2), "weight": None})
    assert w["bias"].tolist() == [-0.5, -0.5] and (w["weight"] == 1).all()
    assert sorted(mean.reported) == ["bias", "weight"] and mean.reported["bias"].tolist() == [-0.5, -0.5]
    assert "slot.average.bias" in mean.state_dict()


def test_the_rate_can_be_read_and_set():
    w = [np.zeros(1)]
    gd = stepper("gd", w, lr=1.0)
    gd.lr = 0.25
    gd.step([np.ones(1)])
    assert gd.lr == 0.25 and w[0] == -0.25
    gd.step([np.ones(1)], lr=0.5)
    assert gd.lr == 0.5 and w[0] == -0.75
    gd.step([np.ones(1)], lr=0)  # a schedule may end there
    assert gd.lr == 0 and w[0] == -0.75
    gd.load_state_dict(gd.state_dict())
    with pytest.raises(OptbenchError, match="stepper: lr: -1 must be a positive finite number"):
        gd.lr = -1
    assert gd.lr == 0


def test_runs_with_blocks_are_the_runs_one_by_one():
    rng = np.random.default_rng(5)
    w, blocks = rng.standard_normal((3, 10)), [(2, 3), (4,)]
    for text in ("lamb", "novograd"):
        many, ones = w.copy(), [w[r].copy() for r in range(3)]
        together = stepper(text, many, lr=0.1, blocks=blocks)
        alone = [stepper(text, one, lr=0.1, blocks=blocks) for one in ones]
        for _ in range(3):
            g = rng.standard_normal(w.shape)
            together.step(g)
            for r, one in enumerate(alone):
                one.step(g[r])
        assert np.array_equal(many, ones)


def test_a_gradient_may_be_read_only():
    w, g = np.zeros(2), np.ones(2)
    g.flags.writeable = False
    stepper("gd", w, lr=1.0).step(g)
    assert w.tolist() == [-1, -1]
