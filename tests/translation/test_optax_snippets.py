"""Every snippet for optax runs and takes the steps of optbench: to 1e-9 in float64.

To 1e-6 with schedules of optax's own, which computes them in float32 whatever JAX is told.
"""

import numpy as np
import pytest
from harness import CATALOGUE
from snippets import ABOVE, START, agree, data, definitions, forms, has_equal, schedules_of, setting, split

import optbench
from optbench.translation.code import render
from optbench.translation.schedules import schedule_call

pytestmark = [pytest.mark.optax, pytest.mark.slow]
FORMULA = "warmup(cosine, fraction=0.3)"


@pytest.fixture(scope="module")
def jax():
    """JAX in float64, which spends its time here on compiling."""
    import jax

    known = jax.config.jax_enable_x64
    for value, precise in ((True, True), (False, known)):
        jax.config.update("jax_enable_x64", precise)
        jax.config.update("jax_disable_most_optimizations", value)
        if value:
            yield jax


def run_code(jax, each):
    """Run the code on a linear loss; return its path, the gradients that it got, and its last parameters."""
    path, seen = [], []

    def note(w, gradient):
        path.append(np.array(w))
        seen.append(np.array(gradient))

    def loss(params, inputs, targets):
        w = jax.numpy.concatenate([part.reshape(-1) for part in params])
        jax.debug.callback(note, w, inputs.mean(0), ordered=True)
        return (inputs @ w).mean() + ABOVE

    last = definitions(render(each, "optax"))["train"]([jax.numpy.asarray(part) for part in split(START)], loss, data())
    jax.effects_barrier()
    return np.array(path), np.array(seen), np.concatenate([np.asarray(part).ravel() for part in last])


def test_every_optimizer_that_optax_has(jax):
    names = forms("optax")  # what takes long is compiling: one of each form
    assert len(names) > 35
    for place, name in enumerate(names):
        each = setting(name, FORMULA if place % 2 and has_equal(name, "optax", FORMULA) else "constant")
        agree(each, *run_code(jax, each), rtol=1e-9)


def test_the_kernel_takes_the_steps_where_optax_has_no_equal(jax):
    """For some of them: the code around the kernel is one, and PyTorch's snippets run it with every rule."""
    single = [name for name, record in CATALOGUE.optimizers.items() if record.gradients == 1]
    names = [name for name in single if not has_equal(name, "optax")][::4]
    assert len(names) > 2
    for name in [*names, "sps_smooth"]:
        each = setting(name)
        agree(each, *run_code(jax, each), rtol=1e-9)
    each = setting("schedule_free_sgd", "linear(fraction=0.5)")
    agree(each, *run_code(jax, each), rtol=1e-9)


def test_schedules_of_optax(jax):
    """And two formulas; the text of formulas is that of PyTorch's snippets, where all of them are run."""
    for schedule in schedules_of("optax"):
        each = setting("momentum", schedule)
        own = schedule_call(each.schedule, "optax", "1")
        agree(each, *run_code(jax, each), rtol=1e-6 if own else 1e-9)


def test_functions_of_optax_are_said_as_they_are(jax):
    code = optbench.training_code("optax:adamw(b1=0.8)", "optax", lr=0.1)
    assert "optax.adamw(learning_rate=0.1, b1=0.8," in code


@pytest.mark.parametrize("text", ["momentum", "cg"])
def test_the_example_runs(jax, text, capsys):
    exec(compile(optbench.training_code(text, "optax", lr=0.1, epochs=3), "train.py", "exec"), {"__name__": "__main__"})
    assert float(capsys.readouterr().out.split()[1]) < 0.4
