"""optax' transformations as members of a cohort, against optax' own loop written by hand."""

import inspect

import numpy as np
import pytest
from eager_problems import TARGET, X, learned

import optbench
from optbench.catalogue import loader
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.run_cohorts import run

pytestmark = [pytest.mark.optax, pytest.mark.slow]
STEPS, SIZE, SEED, RATE = 6, 16, 3, 0.01
FITTING = {
    "adam": {"b1": 0.8}, "adamw": {"nesterov": True}, "lamb": {}, "rmsprop": {"centered": True}, "rprop": {},
    "sgd": {"momentum": 0.9}, "contrib.momo": {}, "contrib.prodigy": {},
    "polyak_sgd": {"f_min": 0.1},
}  # fmt: skip
"""Of each kind one: sums over blocks, options, numbers that steer the function, the loss besides."""
REFUSED = {"lbfgs": "value_fn", "contrib.sophia": "obj_fn must be provided"}
START = np.random.default_rng(1).standard_normal(8)


def by_hand(factory, given, factor=lambda t: 1.0, evaluated=None):
    """The weights after optax' own loop, with jax' gradients; evaluated: what is made of state and parameters."""
    import jax
    import jax.numpy as jnp
    import optax

    def loss_of(parts, x, y):
        return 0.5 * jnp.mean((jnp.tanh(x @ parts[0]) @ parts[1] - y) ** 2)

    with jax.enable_x64(True):
        parts = [jnp.array(START[:6].reshape(3, 2)), jnp.array(START[6:])]
        count = iter(range(1, STEPS + 1))
        state = optax.with_extra_args_support(factory(RATE, **given)).init(parts)

        @jax.jit  # op by op takes seconds to compile
        def step(parts, state, x, y, rate):
            transformation = optax.with_extra_args_support(factory(rate, **given))
            loss, gradient = jax.value_and_grad(loss_of)(parts, x, y)
            updates, state = transformation.update(gradient, state, parts, value=loss)
            return optax.apply_updates(parts, updates), state

        for rows in optbench.mini_batches(learned(), batch_size=SIZE, steps=STEPS, seed=SEED):
            parts, state = step(parts, state, X[rows], TARGET[rows], RATE * factor(next(count)))
        parts = parts if evaluated is None else evaluated(state, parts)
        return np.concatenate([np.asarray(part).ravel() for part in parts])


def ours(optimizer, **more):
    settings = {"lr": RATE, "steps": STEPS, "batch_size": SIZE, "seed": SEED, "start": START}
    return optbench.minimize(learned(), optimizer, **settings | more).w


@pytest.mark.parametrize("kind", FITTING)
def test_transformations_are_the_same_as_in_their_own_loop(kind):
    import optax

    factory = getattr(optax.contrib if "." in kind else optax, kind.removeprefix("contrib."))
    given = FITTING[kind]
    text = f"optax:{kind}({', '.join(f'{key}={value}' for key, value in given.items())})"
    np.testing.assert_allclose(ours(text), by_hand(factory, given), rtol=1e-10, atol=1e-13)


def test_a_schedule():
    import optax

    expected = by_hand(optax.adamw, {}, lambda t: 0.5 ** ((t - 1) // 4))
    found = ours("optax:adamw", schedule="staircase(factor=0.5, steps=4)")
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


def test_a_schedule_free_one_is_evaluated_at_its_other_point():
    import optax

    kind = optax.contrib.schedule_free_adamw
    expected = by_hand(kind, {}, evaluated=optax.contrib.schedule_free_eval_params)
    np.testing.assert_allclose(ours("optax:contrib.schedule_free_adamw"), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_fit_is_a_failed_run_with_its_reason(kind):
    with pytest.raises(optbench.OptbenchError) as error:
        ours(f"optax:{kind}")
    assert str(error.value).startswith(f"optax:{kind}: ") and REFUSED[kind] in str(error.value)


def test_lanes_beside_single_runs_and_precision():
    import jax

    usual = jax.numpy.ones(1).dtype
    settings = [{"lr": rate, "b1": b1} for rate in (0.1, 0.01) for b1 in (0.8, 0.9)]
    given = {"steps": STEPS, "batch_size": SIZE, "seed": SEED, "start": START}
    together = optbench.cohort(learned(), "optax:adam", settings, **given).w
    alone = [ours("optax:adam", **setting) for setting in settings]
    np.testing.assert_allclose(together, alone, rtol=1e-13)
    single = optbench.cohort(learned(), "optax:adam", settings, dtype="float32", **given).w
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, together, rtol=1e-4)
    assert jax.numpy.ones(1).dtype == usual  # the precision of the process is as it was


FILE = """
import optax
import optbench

def mine(learning_rate, norm=1.0, power=2):
    "A chain of the user's."
    if norm <= 0:  # a number that steers the function
        raise ValueError("norm must be positive")
    return optax.chain(optax.clip_by_global_norm(norm), optax.scale_by_adam(), optax.scale(-learning_rate))

registered = optbench.optax_optimizer(mine, "registered", norm=0.5)
"""


def test_a_chain_of_the_users_whose_numbers_steer_it(tmp_path):
    import optax

    file = tmp_path / "mine.py"
    file.write_text(FILE)

    def mine(rate, norm=1.0):
        return optax.chain(optax.clip_by_global_norm(norm), optax.scale_by_adam(), optax.scale(-rate))

    expected = {norm: by_hand(mine, {"norm": norm}) for norm in (0.5, 1.0)}
    for text in ("registered", "optax:mine(norm=0.5)"):
        np.testing.assert_allclose(ours(text, plugin=file), expected[0.5], rtol=1e-10, atol=1e-13)
    catalogue = loader.load((file,))
    record, values = catalogue.optimizer("registered")
    lanes = [Lane(RATE, catalogue.schedule("constant"), {**values, "norm": norm}) for norm in (1.0, -1.0, 0.5)]
    outcome = run(Cohort(learned(), record, lanes, SIZE, STEPS, SEED, start=START))
    failures = outcome.parts[0].failures
    assert failures == ("", "registered: ValueError: norm must be positive", "") and outcome.eager == "optax"
    np.testing.assert_allclose(outcome.parts[0].w[[0, 2]], [expected[1.0], expected[0.5]], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optax:adamW", "unknown optimizer of optax 'adamW': did you mean 'adamw'?"),
        ("optax:chain", "optimizer optax:chain: it has no learning rate, an argument lr or learning_rate"),
        ("optax:adam(beta1=0.8)", "unknown parameter of optimizer optax:adam 'beta1': did you mean 'b1'?"),
        ("optax:contrib.dpsgd", "'l2_norm_clip' has no default: give it a value"),
    ],
)
def test_what_is_wrong_is_one_line(text, message):
    with pytest.raises(optbench.OptbenchError) as error:
        ours(text)
    assert message in str(error.value)


def test_a_transformation_without_a_rate_to_be_tuned_is_refused():
    import optax

    with pytest.raises(optbench.OptbenchError, match="must be a function of learning_rate that gives the transform"):
        optbench.optax_optimizer(optax.adam(0.1), "mine")
    assert "learning_rate" in inspect.signature(optax.adam).parameters
