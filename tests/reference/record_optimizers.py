"""Record optimizer trajectories from other libraries into trajectories.npz and versions.json beside this file.

Objective, in float64:  f(w) = w' A w / 2 + (c / 4) sum_i w_i^4,  gradient  A w + c w^3,  in 5 dimensions (one vector)
or in 10 (some blocks). A has eigenvalues 0.5 .. 50 in a basis that is no coordinate basis. Every constant is a small
dyadic number, so A is exact whatever library multiplies it. Each library computes its own gradients by its own
automatic differentiation.

Run it with the extra `peers` and the packages pytorch_optimizer, schedulefree, prodigyopt and momo-opt installed:
    python tests/reference/record_optimizers.py
    python tests/reference/record_optimizers.py --only laprop,sps   # their rows; others stay as they are, byte for byte
With --only the libraries of those rows are enough. The rows stand in optimizer_rows.py, the layout of the file in
README.md. No part of optbench is imported here, and no test imports this file.
"""

import argparse
import importlib
import json
import platform
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import optimizer_rows

HERE = Path(__file__).parent
STEPS = {5: 120, 10: 80}
QUARTIC = 0.5
STATEMENT = "f(w) = w' A w / 2 + (c / 4) sum_i w_i^4; gradient A w + c w^3; A = <problem>.matrix, c = problem.quartic"
PROBLEMS = {5: "problem", 10: "blocks"}
STARTS = {
    5: np.array([1.5, -1.0, 0.75, -0.5, 2.0]),
    10: np.array([1.5, -1.0, 0.75, -0.5, 2.0, 0.25, -1.25, 1.0, -0.75, 0.5]),
}


def _matrix(eigenvalues, axis):
    axis = np.array(axis)
    basis = np.eye(len(axis)) - np.outer(axis, axis) * (2.0 / (axis @ axis))  # a reflection; |axis|^2 is a power of 2
    return basis @ np.diag(eigenvalues) @ basis


MATRICES = {
    5: _matrix([0.5, 2.0, 8.0, 32.0, 50.0], [1.0, 1.0, 1.0, 1.0, 2.0]),
    10: _matrix([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, 50.0], [1.0] * 4 + [2.0, 2.0] + [1.0] * 4),
}


def starts(shapes):
    """Return the start point in blocks."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(STARTS[ends[-1]], ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def torch_run(module, name, settings, shapes, steps):
    """Trajectory (steps + 1, dim), gradients (steps, dim) and the reported iterates, if they are others."""
    import torch

    torch.set_default_dtype(torch.float64)
    matrix = torch.tensor(MATRICES[_dim(shapes)])
    parameters = [torch.tensor(part, requires_grad=True) for part in starts(shapes)]
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    optimizer = getattr(importlib.import_module(module), name)(parameters, **settings)

    def flat(tensors):
        return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])

    def reported():
        if name == "ASGD":
            return flat([optimizer.state[p]["ax"] for p in parameters])
        optimizer.eval()
        seen = flat(parameters)
        optimizer.train()
        return seen

    averages = name == "ASGD" or module == "schedulefree"
    trajectory, gradients, seen = [flat(parameters)], [], [flat(parameters)]
    if module == "schedulefree":
        optimizer.train()
    for _ in range(steps):
        optimizer.zero_grad()
        w = torch.cat([p.reshape(-1) for p in parameters])
        loss = 0.5 * (w @ matrix @ w) + 0.25 * QUARTIC * (w**4).sum()
        loss.backward()
        gradients.append(flat([p.grad for p in parameters]))
        optimizer.step(**({"loss": loss} if module == "momo" else {}))
        states = (state for state in optimizer.state.values() if isinstance(state, dict))  # MoMo has a list
        for state in states:  # QHAdam keeps its weights in float32; at the first step they are 1
            state |= {k: v.double() for k, v in state.items() if getattr(v, "dtype", None) == torch.float32}
        trajectory.append(flat(parameters))
        if averages:
            seen.append(reported())
    return np.array(trajectory), np.array(gradients), np.array(seen) if averages else None


def optax_optimizer(name, settings):
    """Return the transformation; names that are not optax's own stand for what wraps another one here."""
    import optax

    outer, _, inner = name.partition(" ")
    rate = settings.pop("learning_rate")
    if name == "ema" or name.startswith("scale_by"):
        return optax.chain(getattr(optax, name)(**settings), optax.scale_by_learning_rate(rate))
    if inner:
        base = getattr(optax, inner)(rate)
        wraps = {
            "clipped": lambda: optax.chain(optax.clip_by_global_norm(**settings), base),
            "lookahead": lambda: optax.lookahead(base, **settings),
            "averaged": lambda: base,
        }
        return wraps[outer]()
    home, _, name = name.rpartition(".")
    return getattr(optax.contrib if home else optax, name)(rate, **settings)


def optax_run(name, settings, shapes, steps):
    """Run an optimizer of optax, and return its steps."""
    import jax
    import optax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    matrix, own = jax.numpy.asarray(MATRICES[_dim(shapes)]), dict(settings)
    optimizer = optax_optimizer(name, own)
    blocks = [jax.numpy.asarray(part) for part in starts(shapes)]

    def flat(tree):
        return jax.numpy.concatenate([jax.numpy.ravel(part) for part in tree])

    def value(tree):
        w = flat(tree)
        return 0.5 * (w @ matrix @ w) + 0.25 * QUARTIC * (w**4).sum()

    looking = name.startswith("lookahead")
    at = optax.LookaheadParams.init_synced(blocks) if looking else blocks
    state = optimizer.init(at)
    ema = optax.ema(settings.get("decay", 0.9), debias=True)
    averages = ema.init(blocks)

    @jax.jit
    def step(at, state, averages):
        loss, gradient = jax.value_and_grad(value)(at.fast if looking else at)
        updates, state = optax.with_extra_args_support(optimizer).update(gradient, state, at, value=loss)
        at = optax.apply_updates(at, updates)
        average, averages = ema.update(at.fast if looking else at, averages)
        return at, state, averages, flat(gradient), flat(average)

    trajectory, gradients, seen = [flat(blocks)], [], [flat(blocks)]
    for _ in range(steps):
        at, state, averages, gradient, average = step(at, state, averages)
        gradients.append(gradient)
        trajectory.append(flat(at.fast if looking else at))
        if looking:
            seen.append(flat(at.slow))
        elif name.startswith("averaged"):
            seen.append(average)
        elif "schedule_free" in name:
            seen.append(flat(optax.contrib.schedule_free_eval_params(state, at)))
    return np.array(trajectory), np.array(gradients), np.array(seen) if len(seen) > 1 else None


def _dim(shapes):
    return sum(int(np.prod(shape)) for shape in shapes)


def entries():
    """Return pairs of an entry of the index and the function that runs it."""
    peers = [
        ("torch", "torch.optim", optimizer_rows.TORCH),
        ("optax", "optax", optimizer_rows.OPTAX),
        ("schedulefree", "schedulefree", optimizer_rows.SCHEDULEFREE),
        ("prodigyopt", "prodigyopt", optimizer_rows.PRODIGYOPT),
        ("pytorch_optimizer", "pytorch_optimizer", optimizer_rows.COLLECTION),
        ("momo-opt", "momo", optimizer_rows.MOMO),
    ]
    for library, module, rows in peers:
        for key, name, settings, optimizer, lr, hyperparameters, *rest in rows:
            settings = {"learning_rate" if library == "optax" else "lr": lr} | settings
            shapes = rest[0] if rest else [[5]]
            steps = rest[1] if len(rest) > 1 else STEPS[_dim(shapes)]
            entry = {"key": f"{library}.{key}", "library": library, "class": f"{module}.{name}", "settings": settings}
            entry |= {"optimizer": optimizer, "lr": lr, "hyperparameters": hyperparameters}
            entry |= {"problem": PROBLEMS[_dim(shapes)], "blocks": shapes}
            if library == "optax":
                yield entry, partial(optax_run, name, settings, shapes, steps)
            else:
                yield entry, partial(torch_run, module, name, settings, shapes, steps)


def recorded(key, before):
    """Return the arrays of a row as they are in the file."""
    names = [f"{key}.{part}" for part in ("trajectory", "gradients", "reported")]
    if names[0] not in before:
        raise SystemExit(f"{key} has never been recorded: record its optimizer, too")
    return {name: before[name] for name in names if name in before}


def main(only=""):
    before = dict(np.load(HERE / "trajectories.npz")) if only else {}
    entries_before = {entry["key"]: entry for entry in map(json.loads, before.get("index", ()))}
    arrays = {"problem.quartic": QUARTIC, "problem.statement": STATEMENT}
    for dim, problem in PROBLEMS.items():
        arrays |= {f"{problem}.matrix": MATRICES[dim], f"{problem}.start": STARTS[dim]}
    index = []
    for entry, run in entries():
        if only and entry["optimizer"].partition("(")[0] not in only.split(","):
            arrays |= recorded(entry["key"], before)
            index.append(entries_before[entry["key"]])
            continue
        trajectory, gradients, reported = run()
        if only:
            entry["version"] = version(entry["library"])
        arrays |= {f"{entry['key']}.trajectory": trajectory, f"{entry['key']}.gradients": gradients}
        if reported is not None:
            arrays[f"{entry['key']}.reported"] = reported
        index.append(entry)
    arrays["index"] = np.array([json.dumps(entry) for entry in index])
    for name, array in arrays.items():
        values = np.asarray(array)
        if values.dtype.kind == "f" and not (values.dtype == np.float64 and np.isfinite(values).all()):
            raise ValueError(f"{name} is not finite float64: was x64 on?")
    np.savez_compressed(HERE / "trajectories.npz", **arrays)
    if only:
        print(f"the rows of {only} recorded in {HERE / 'trajectories.npz'}")
        return
    packages = ("torch", "optax", "jax", "numpy", "pytorch_optimizer", "schedulefree", "prodigyopt")
    versions = {package: version(package) for package in packages} | {"python": platform.python_version()}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
    print(f"{len(index)} trajectories recorded in {HERE / 'trajectories.npz'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="NAMES", help="record the rows of these optimizers alone")
    main(**vars(parser.parse_args()))
