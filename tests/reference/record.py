"""Record optimizer trajectories from PyTorch and optax into trajectories.npz and versions.json beside this file.

Objective, in 5 dimensions and float64:  f(w) = w' A w / 2 + (c / 4) sum_i w_i^4,  gradient  A w + c w^3.
A has eigenvalues 0.5 .. 50 in a basis that is no coordinate basis. Every constant is a small dyadic number, so A is
exact whatever library multiplies it. Each library computes its own gradients by its own automatic differentiation.

Run it with the extra `peers` installed:  python tests/reference/record.py
The layout of the file is in README.md. No part of optbench is imported here, and no test imports this file.
"""

import json
import platform
from pathlib import Path

import jax
import numpy as np
import optax
import torch

HERE = Path(__file__).parent
STEPS = 200
QUARTIC = 0.5
START = np.array([1.5, -1.0, 0.75, -0.5, 2.0])
_AXIS = np.array([1.0, 1.0, 1.0, 1.0, 2.0])
_BASIS = np.eye(5) - np.outer(_AXIS, _AXIS) / 4.0  # a Householder reflection, since |axis|^2 = 8
MATRIX = _BASIS @ np.diag([0.5, 2.0, 8.0, 32.0, 50.0]) @ _BASIS
STATEMENT = "f(w) = w' A w / 2 + (c / 4) sum_i w_i^4; gradient A w + c w^3; A = problem.matrix, c = problem.quartic"


def torch_run(name, settings):
    """Trajectory (STEPS + 1, 5) and gradients (STEPS, 5) of torch.optim.<name>; row k of both is the same point."""
    matrix = torch.tensor(MATRIX)
    w = torch.tensor(START, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w], **settings)
    trajectory, gradients = [w.detach().numpy().copy()], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * (w @ matrix @ w) + 0.25 * QUARTIC * (w**4).sum()).backward()
        gradients.append(w.grad.numpy().copy())
        optimizer.step()
        trajectory.append(w.detach().numpy().copy())
    return np.array(trajectory), np.array(gradients)


def optax_run(name, settings):
    """The same for optax.<name>; a name `ema` stands for the transformation followed by the learning rate."""
    matrix = jax.numpy.asarray(MATRIX)
    gradient_of = jax.grad(lambda w: 0.5 * (w @ matrix @ w) + 0.25 * QUARTIC * (w**4).sum())
    if name == "ema":
        rest = {key: value for key, value in settings.items() if key != "learning_rate"}
        optimizer = optax.chain(optax.ema(**rest), optax.scale_by_learning_rate(settings["learning_rate"]))
    else:
        optimizer = getattr(optax, name)(**settings)

    @jax.jit
    def step(w, state):
        gradient = gradient_of(w)
        updates, state = optimizer.update(gradient, state, w)
        return optax.apply_updates(w, updates), state, gradient

    w = jax.numpy.asarray(START)
    state = optimizer.init(w)
    trajectory, gradients = [np.asarray(w)], []
    for _ in range(STEPS):
        w, state, gradient = step(w, state)
        gradients.append(np.asarray(gradient))
        trajectory.append(np.asarray(w))
    return np.array(trajectory), np.array(gradients)


def ewa_rate(lr, beta):
    """The rate that makes v = beta v + g, w -= rate v equal to the moving average m = (1 - beta) v with `lr`."""
    return lr * (1 - beta)


# (key, library's name, library's settings, our optimizer, our lr, our hyperparameters). Settings that are not named are
# the library's defaults, which is the point: torch's eps 1e-8 (Adagrad 1e-10), optax's Adam eps 1e-8 and eps_root 0.
TORCH = [
    ("gd", "SGD", {"lr": 0.02}, "gd", 0.02, {}),
    # dampening 0 (torch's default) is v = beta v + g: the change of variables is exact, also at the first step.
    ("momentum", "SGD", {"lr": ewa_rate(0.1, 0.9), "momentum": 0.9}, "momentum", 0.1, {"beta1": 0.9}),
    ("momentum_0.5", "SGD", {"lr": ewa_rate(0.03, 0.5), "momentum": 0.5}, "momentum", 0.03, {"beta1": 0.5}),
    ("nesterov", "SGD", {"lr": ewa_rate(0.1, 0.9), "momentum": 0.9, "nesterov": True}, "nesterov", 0.1, {"beta1": 0.9}),
    ("adagrad", "Adagrad", {"lr": 0.3}, "adagrad", 0.3, {"eps": 1e-10}),
    ("rmsprop", "RMSprop", {"lr": 0.01}, "rmsprop_torch", 0.01, {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0}),
    ("rmsprop_eps", "RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 0.5}, "rmsprop_torch", 0.02,
     {"beta2": 0.9, "eps": 0.5, "eps_root": 0.0}),
    ("adam", "Adam", {"lr": 0.02}, "adam_torch", 0.02, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0}),
    ("adam_eps", "Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 0.5}, "adam_torch", 0.05,
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.5, "eps_root": 0.0}),
]  # fmt: skip
OPTAX = [
    ("gd", "sgd", {"learning_rate": 0.02}, "gd", 0.02, {}),
    ("momentum", "sgd", {"learning_rate": ewa_rate(0.1, 0.9), "momentum": 0.9}, "momentum", 0.1, {"beta1": 0.9}),
    # ema without debiasing is the moving average itself: no change of variables.
    ("momentum_ema", "ema", {"learning_rate": 0.1, "decay": 0.9, "debias": False}, "momentum", 0.1, {"beta1": 0.9}),
    ("nesterov", "sgd", {"learning_rate": ewa_rate(0.1, 0.9), "momentum": 0.9, "nesterov": True}, "nesterov", 0.1,
     {"beta1": 0.9}),
    # optax puts AdaGrad's eps inside the root and starts the sum at 0.1; with both at 0 the rules coincide (no gradient
    # is exactly 0 here, where optax would give 0 and ours 0 / 0).
    ("adagrad", "adagrad", {"learning_rate": 0.3, "initial_accumulator_value": 0.0, "eps": 0.0}, "adagrad", 0.3,
     {"eps": 0.0}),
    # optax's default, eps_in_sqrt=True with decay 0.9 and the average from 0, is the lecture's RMSProp. The rate is low
    # because from 0.007 on it reaches the minimum in 200 steps and hops about it chaotically: a change of 1e-13 in the
    # start becomes 1e-3 there, and no two implementations can agree.
    ("rmsprop", "rmsprop", {"learning_rate": 0.004}, "rmsprop", 0.004, {"beta2": 0.9, "eps": 0.0, "eps_root": 1e-8}),
    ("rmsprop_eps", "rmsprop", {"learning_rate": 0.02, "decay": 0.95, "eps": 0.5}, "rmsprop", 0.02,
     {"beta2": 0.95, "eps": 0.0, "eps_root": 0.5}),
    ("rmsprop_outside", "rmsprop", {"learning_rate": 0.01, "decay": 0.99, "eps_in_sqrt": False}, "rmsprop_torch", 0.01,
     {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0}),
    ("adam", "adam", {"learning_rate": 0.02}, "adam_torch", 0.02,
     {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0}),
    # eps only inside the root, on the corrected average: the lecture's Adam.
    ("adam_lecture", "adam", {"learning_rate": 0.02, "eps": 0.0, "eps_root": 1e-8}, "adam", 0.02,
     {"beta1": 0.9, "beta2": 0.999, "eps": 0.0, "eps_root": 1e-8}),
    ("adam_eps", "adam", {"learning_rate": 0.05, "b1": 0.8, "b2": 0.95, "eps": 0.25, "eps_root": 0.5}, "adam", 0.05,
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.25, "eps_root": 0.5}),
]  # fmt: skip


def schedule_factors(base=0.95, epochs=12, steps_per_epoch=7):
    """Rate factors of torch's ExponentialLR and optax's exponential_decay at the steps 1, 2, ..., and the epochs."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=base)
    by_torch, epoch_of_step = [], []
    for epoch in range(epochs):
        for _ in range(steps_per_epoch):
            by_torch.append(optimizer.param_groups[0]["lr"])
            epoch_of_step.append(epoch)
            optimizer.step()
        scheduler.step()
    decay = optax.exponential_decay(1.0, transition_steps=steps_per_epoch, decay_rate=base, staircase=True)
    by_optax = [float(decay(count)) for count in range(epochs * steps_per_epoch)]
    return np.array(by_torch), np.array(by_optax), np.array(epoch_of_step)


def main():
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    arrays = {"problem.matrix": MATRIX, "problem.quartic": QUARTIC, "problem.start": START}
    arrays["problem.statement"] = STATEMENT
    index = []
    peers = [("torch", torch_run, "torch.optim", TORCH), ("optax", optax_run, "optax", OPTAX)]
    for library, run, module, rows in peers:
        for key, name, settings, optimizer, lr, hyperparameters in rows:
            key = f"{library}.{key}"
            arrays[f"{key}.trajectory"], arrays[f"{key}.gradients"] = run(name, settings)
            entry = {"key": key, "library": library, "class": f"{module}.{name}", "settings": settings}
            index.append(entry | {"optimizer": optimizer, "lr": lr, "hyperparameters": hyperparameters})
    by_torch, by_optax, epochs = schedule_factors()
    recorded = [("torch", "torch.optim.lr_scheduler.ExponentialLR", by_torch)]
    recorded += [("optax", "optax.exponential_decay", by_optax)]
    schedules = []
    for library, name, factors in recorded:
        key = f"{library}.exponential"
        arrays |= {f"{key}.factors": factors, f"{key}.epochs": epochs, f"{key}.steps": np.arange(1, len(epochs) + 1)}
        entry = {"key": key, "library": library, "class": name}
        schedules.append(entry | {"schedule": "exponential", "parameters": {"base": 0.95}})
    arrays["index"] = np.array([json.dumps(entry) for entry in index])
    arrays["schedules"] = np.array([json.dumps(entry) for entry in schedules])
    for name, array in arrays.items():
        values = np.asarray(array)
        if values.dtype.kind == "f" and not (values.dtype == np.float64 and np.isfinite(values).all()):
            raise ValueError(f"{name} is not finite float64: was x64 on?")
    np.savez_compressed(HERE / "trajectories.npz", **arrays)
    versions = {module.__name__: module.__version__ for module in (torch, optax, jax, np)}
    versions["python"] = platform.python_version()
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
    print(f"{len(index)} trajectories and {len(schedules)} schedules recorded in {HERE / 'trajectories.npz'}")


if __name__ == "__main__":
    main()
