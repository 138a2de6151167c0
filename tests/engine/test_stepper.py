"""Update rules on lists of arrays: against the same rule on one flat array, which other tests hold to the papers."""

import numpy as np
import pytest
from quick import slow
from reference.optimizer_rows import LABELS, SIZES

import optbench
from optbench import OptbenchError, stepper

BY_NAME = dict(zip(("batch_size", "examples"), SIZES, strict=True))
"""What a stepper gives to rules that ask for it."""
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
CASES = [
    *((text, "float64") if text in QUICK else slow(text, "float64") for text in (*RULES, *WRAPPED, *NESTED)),
    *(slow(text, "float32") for text in QUICK),
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


@pytest.mark.parametrize("text", ["prodigy", slow("cautious(prodigy)"), slow("mechanic(lamb)")])
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
