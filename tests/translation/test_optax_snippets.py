"""Every optimizer written for optax takes the steps of optbench: to 1e-9 in float64.

To 1e-6 with schedules of optax's own, which computes them in float32 whatever JAX is told.
"""

import re

import numpy as np
import pytest
from snippets import (
    ABOVE,
    BATCH,
    EPOCHS,
    EXAMPLES,
    PER_EPOCH,
    START,
    agree,
    data,
    definitions,
    forms,
    has_equal,
    schedules_of,
    setting,
    split,
)

import optbench
from optbench.translation.code import render
from optbench.translation.schedule_code import schedule_call

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
    """Step through gradients as the code's comments say; return the path, these gradients, and the last parameters."""
    import optax

    code = render(each, "optax")
    made = definitions(code, steps_per_epoch=PER_EPOCH)
    optimizer, ema, gradients = made["optimizer"], made.get("ema"), []
    params = last = [jax.numpy.asarray(part) for part in split(START)]
    if looks := "LookaheadParams" in code:
        params = optax.LookaheadParams.init_synced(params)
    state, averages, path = optimizer.init(params), ema and ema.init(params), []
    takes_loss = "value=loss" in code

    @jax.jit
    def update(g, state, params, averages, loss):
        updates, state = optimizer.update(g, state, params, **{"value": loss} if takes_loss else {})
        params = optax.apply_updates(params, updates)
        average, averages = ema.update(params, averages) if ema else (params, averages)
        return params, state, average, averages

    for _ in range(EPOCHS):
        for start in range(0, EXAMPLES, BATCH):
            g = data()[0][start : start + BATCH].mean(0)
            gradients.append(g)
            w = flatten(params.fast if looks else params)
            path.append(w)
            parts = [jax.numpy.asarray(part) for part in split(g)]
            params, state, last, averages = update(parts, state, params, averages, float(g @ w) + ABOVE)
    if looks:
        last = params.slow
    if said := re.search(r"# Evaluate (optax.*)\.$", code, re.MULTILINE):
        last = eval(said[1], {"optax": optax, "state": state, "params": params})
    return np.array(path), np.array(gradients), flatten(last)


def flatten(parts):
    return np.concatenate([np.asarray(part).ravel() for part in parts])


def test_every_optimizer_that_optax_has(jax):
    names = forms("optax")  # what takes long is compiling: one of each form
    assert len(names) > 35
    for place, name in enumerate(names):
        each = setting(name, FORMULA if place % 2 and has_equal(name, "optax", FORMULA) else "constant")
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
