"""Code for other libraries, run on given gradients, and the rules of optbench in plain Python.

The loss is linear, mean(inputs) . w + ABOVE, so that a batch is its own gradient whatever w is, and what the code got
can be given to the rule step by step. The parameters stand in two blocks, SHAPES.
"""

import ast
import re
from dataclasses import replace

import numpy as np
from harness import CATALOGUE, SCHEDULES

from optbench.checks.interpreter import Interpreter
from optbench.contract.optimizers import Sizes
from optbench.translation.schedule_code import schedule_call
from optbench.translation.setting import Setting, find_equal

SHAPES = ((2, 3), (4,))
START = np.array([1.5, -1.0, 0.75, -0.5, 2.0, 0.25, -1.25, 1.0, -0.75, 0.5])
BATCH, EPOCHS, EXAMPLES = 4, 2, 22
PER_EPOCH = 6
ABOVE = 1.0
"""So much of the loss depends on nothing: rules that step by the loss move where it is above their lower bound, 0."""
STEPS = EPOCHS * PER_EPOCH
SPECIAL = [
    "adam(eps=0)", "adam(eps=0, eps_root=0)", "adam(eps_root=0, eps=1e-6)", "rmsprop(eps_root=0, eps=1e-6)",
    "rmsprop(beta2=0.7)", "adagrad(eps=0)", "adamw(eps=0, weight_decay=0.3)", "amsgrad(eps=0)", "adamax(eps=0)",
    "nadam(momentum_decay=1)", "radam(eps=0, beta2=0.5)", "radam(beta2=0.5)", "heavy_ball(dampening=0.4)",
    "heavy_ball(beta1=0)", "nesterov(beta1=0)", "rmsprop_centered(eps=0, beta2=0.5)", "rmsprop_momentum(eps=0)",
    "lion(weight_decay=0.3)", "yogi(initial=0)", "lamb(weight_decay=0)", "lars(trust=0.1)",
    "novograd(weight_decay=0.2)", "prodigy(d0=0.01)", "muon(weight_decay=0.2)", "muon(vector_rate=0.5)",
    "muon(consistent_rms=0.2)", "asgd(t0=3, lambd=0.5)",
    "adafactor(eps2=0.5, weight_decay=0.1)", "schedule_free_sgd(weight_decay=0.2)",
    "schedule_free_adamw(weight_decay=0.2)", "adopt(eps=0.5, beta1=0.5)",
]  # fmt: skip
"""Values for which a condition holds that the defaults do not meet, and others that are not the defaults."""
WRAPPED = [
    *(f"{wrapper}({base})" for wrapper in sorted(CATALOGUE.wrappers) for base in ("adam_torch", "nesterov")),
    "clip(coupled_decay(momentum))", "coupled_decay(clip(adam_torch, norm=0.5))", "decoupled_decay(lookahead(gd))",
    "clip(average(adam_torch))", "lookahead(clip(momentum, norm=0.3), k=3)", "clip(schedule_free_sgd)",
    "clip(decoupled_decay(heavy_ball), norm=0.2)", "clip(asgd)", "decoupled_decay(adafactor)", "decoupled_decay(lamb)",
]  # fmt: skip
NAMES = [*sorted(CATALOGUE.optimizers), *SPECIAL, *WRAPPED]


def setting(text, schedule="constant", lr=0.05, batch_size=BATCH, epochs=EPOCHS):
    """Return the setting of these texts."""
    record, values = CATALOGUE.optimizer(text)
    return Setting(record, values, lr, CATALOGUE.schedule(schedule), batch_size, epochs)


def forms(library):
    """Return the settings that a library has an equal for, one for each form of the call."""
    found = {}
    for name in NAMES:
        call = find_equal(setting(name), library).call
        if call is not None:
            found[re.sub(r"\b\d[\w.-]*", "0", ast.unparse(call))] = name
    return list(found.values())


def has_equal(text, library, schedule="constant"):
    """Return whether the library takes the same steps."""
    return find_equal(setting(text, schedule), library).call is not None


def rates(each):
    """Return the rate of every step of a run of EXAMPLES."""
    done = np.arange(STEPS)
    return each.lr * np.asarray(each.schedule(done + 1, done // PER_EPOCH, STEPS), float)


def ours(each, gradients):
    """Return the path of the rule on those gradients, in plain Python, and the iterate that it reports."""
    rule = Interpreter(replace(each.optimizer, hyperparameters=each.values), SHAPES, sizes=Sizes(BATCH, EXAMPLES))
    path = [START]
    for gradient, rate in zip(gradients, rates(each), strict=True):
        path.append(rule.step(path[-1], gradient, rate, float(gradient @ path[-1]) + ABOVE))
    report = each.optimizer.report
    return np.array(path), np.array(rule.own[report]) if report else path[-1]


def data(dtype="float64"):
    """Return examples whose columns are of different sizes, and targets that nothing uses."""
    random = np.random.default_rng(5)
    return (random.standard_normal((EXAMPLES, 10)) * np.geomspace(0.1, 3, 10)).astype(dtype), np.zeros(
        (EXAMPLES, 1), dtype
    )


def split(flat):
    """Return the blocks of a vector."""
    parts, at = [], 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        parts.append(flat[at : at + size].reshape(shape))
        at += size
    return parts


def definitions(code, **given):
    """Return what the code defines; its example does not run. given: what it is to be given by name."""
    scope = {"__name__": "snippet", **given}
    exec(compile(code, "<snippet>", "exec"), scope)
    return scope


def agree(each, path, gradients, last, rtol):
    """Assert that the path of the code is the rule's, and so are its last weights."""
    expected, reported = ours(each, gradients)
    assert len(path) == STEPS and np.abs(path[-1] - path[0]).max() > 0
    scale = np.abs(expected).max()
    np.testing.assert_allclose(path, expected[:-1], rtol=rtol, atol=rtol * scale, err_msg=each.name)
    np.testing.assert_allclose(last, reported, rtol=rtol, atol=rtol * scale, err_msg=each.name)


def schedules_of(library):
    """Return the schedules that a library has of its own, and two that are formulas."""
    texts = [*SCHEDULES, "cosine(final=0.1)", "staircase(epochs=1)", "staircase(steps=5)", "linear(start=0.5, end=0.1)"]
    own = [text for text in texts if schedule_call(CATALOGUE.schedule(text), library, "1")]
    return [*own, "constant", "warmup(linear)", "cosine_restarts"]
