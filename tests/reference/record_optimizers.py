"""Record optimizer trajectories from other libraries into trajectories.npz and versions.json beside this file.

Objective, in float64:  f(w) = w' A w / 2 + (c / 4) sum_i w_i^4,  gradient  A w + c w^3,  in 5 dimensions (one vector)
or in 10 (some blocks). A has eigenvalues 0.5 .. 50 in a basis that is no coordinate basis. Every constant is a small
dyadic number, so A is exact whatever library multiplies it. Each library computes its own gradients by its own
automatic differentiation.

Run it with the extra `peers` and the packages pytorch_optimizer, torch-optimi, heavyball, came-pytorch, dog-optimizer,
dadaptation, adam-mini, momo-opt, kron-torch, schedulefree, sophia-opt and prodigyopt installed:
    python tests/reference/record_optimizers.py
    python tests/reference/record_optimizers.py --only laprop,sps   # their rows; others stay as they are, byte for byte
    python tests/reference/record_optimizers.py --only optax.adan.compared                            # or one row alone
Meta's distributed_shampoo is the folder of that name in github.com/facebookresearch/optimizers, on the path; of
modded-nanogpt, the script records/track_3_optimization/results/20260609_soap_f1_auxb2_clean/train_gpt_clean_SOTA.py;
of github.com/IssamLaradji/sps, the file sps/sps.py.
With --only the libraries of those rows are enough. The rows stand in optimizer_rows.py, the layout of the file in
README.md. No part of optbench is imported here, but for the random numbers of AdaHessian, Sophia and Kron, which a
recording must share; and no test imports this file.
"""

import argparse
import ast
import importlib.util
import json
import platform
import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
import optimizer_rows

HERE = Path(__file__).parent
COMMITS = {  # in no package
    "distributed_shampoo": "facebookresearch/optimizers f6066066",
    "modded-nanogpt": "KellerJordan/modded-nanogpt f411b3d3",
    "sps": "IssamLaradji/sps 6d112a1d",
}
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


def _leave_bfloat16():
    """Let Newton-Schulz steps of PyTorch and pytorch_optimizer compute in float64."""
    import torch

    torch.Tensor.bfloat16 = torch.Tensor.clone
    try:
        from pytorch_optimizer.optimizer.utils.matrix import zero_power_via_newton_schulz_5 as steps
    except ImportError:
        return
    steps.__defaults__ = tuple(torch.float64 if x is torch.bfloat16 else x for x in steps.__defaults__)


def _to_tuples(value):
    """Return settings with tuples in the place of lists, as PyTorch's optimizers want them."""
    if isinstance(value, dict):
        return {key: _to_tuples(each) for key, each in value.items()}
    return tuple(map(_to_tuples, value)) if isinstance(value, list) else value


class InDouble:
    """PyTorch for a module that decomposes in float32: there that is float64."""

    def __getattr__(self, name):
        import torch

        return torch.float64 if name == "float32" else getattr(torch, name)


@contextmanager
def in_double(kind):
    """Let the module of a class, and `.float()`, compute in float64."""
    import torch

    module = patch.object(sys.modules[kind.__module__], "torch", InDouble())
    with module, patch.object(torch.Tensor, "float", torch.Tensor.double):
        yield


def distributed_shampoo(parameters, lr, betas=(0.9, 0.999), grafting_epsilon=1e-8, **settings):
    """Return Meta's optimizer as in its README, in float64, and without merging the sides of small matrices."""
    import distributed_shampoo as meta
    import torch

    dtypes = dict.fromkeys(("factor_matrix_dtype", "inv_factor_matrix_dtype"), torch.float64)
    return meta.DistributedShampoo(
        parameters,
        lr=lr,
        betas=betas,
        grafting_config=meta.AdamPreconditionerConfig(beta2=betas[1], epsilon=grafting_epsilon),
        preconditioner_config=meta.RootInvShampooPreconditionerConfig(**dtypes),
        distributed_config=meta.SingleDeviceDistributedConfig(target_parameter_dimensionality=2),
        **settings,
    )


def soap_muon(parameters, lr, mu=0.95, beta2=0.9, eps=1e-8, every=1, weight_decay=0.0):
    """Return SOAP-Muon for matrices by the functions of modded-nanogpt's script, in float64, with the Frobenius norm.

    The script's own norm is that of the fourth powers of singular values.
    """
    import torch

    place = importlib.util.find_spec("train_gpt_clean_SOTA").origin
    parts = [part for part in ast.parse(Path(place).read_text()).body if isinstance(part, ast.FunctionDef)]
    parts = [part for part in parts if part.name.startswith(("soap_", "_ns_inner", "zeropower", "muon_update"))]
    script = {"torch": torch, "Tensor": torch.Tensor, "SOAP_BETA2": beta2, "SOAP_PRECONDITION_FREQUENCY": every}
    script |= {"SOAP_DENOM_POWER": 0.5, "gram_frobenius_norm_estimate": lambda x, keepdim=False, eps=0.0: x.norm()}
    exec(compile(ast.Module(parts, []), place, "exec"), script)  # the rest of the script trains

    class SoapMuon(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if not state:
                        state |= {"m": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p), "soap_step": 0}
                        state |= {"row_gg": torch.zeros(len(p), len(p)), "q_row": None, "q_col": None}
                        state["col_gg"] = torch.zeros(p.shape[1], p.shape[1])
                    state["m"].lerp_(p.grad, 1 - mu)
                    with patch.object(torch.Tensor, "float", torch.Tensor.double):
                        update = script["soap_precondition_momentum"](p.grad.lerp(state["m"], mu), state, eps=eps)
                        update = script["muon_update"](update)
                        script["soap_update_preconditioner"](p.grad, state)
                    p -= group["lr"] * (update + weight_decay * p)

    return SoapMuon(parameters, {"lr": lr})


def torch_optimizer(module, name, given, settings):
    """Return the optimizer; of two names, the first wraps the second, and its own settings are named "wrapper.name"."""
    import torch

    if name == "DistributedShampoo":
        return distributed_shampoo(given, **settings)
    if name == "Muon" and module == "train_gpt_clean_SOTA":
        return soap_muon(given, **settings)
    home = importlib.import_module(module)
    if module == "sps":
        settings["init_step_size"] = settings.pop("lr")
        settings["n_batches_per_epoch"] = optimizer_rows.SIZES[1] / optimizer_rows.SIZES[0]
    if module == "heavyball":
        importlib.import_module("heavyball.utils").compile_mode = None
        settings["storage_dtype"] = "float64"
    if module == "kron_torch":
        settings["precond_dtype"] = torch.float64
        schedule = home.precond_update_prob_schedule(**settings.pop("schedule", {}))
        settings["preconditioner_update_probability"] = schedule
    outer, _, inner = name.partition(" ")
    if not inner:
        return getattr(home, name)(given, **settings)
    own = {key.partition(".")[2]: settings.pop(key) for key in [*settings] if "." in key}
    base, around = getattr(home if module == "heavyball" else torch.optim, inner), getattr(home, outer)
    if outer == "SAM":  # it makes the inner one itself
        return around(given, base, **settings, **own)
    if outer == "SAMWrapper":
        return around(given, base(given, **settings), **own)
    return around(base(given, **settings), **own)


def curvatures(parameters, matrix, t, difference):
    """Return z (f'(w + d z) - f'(w)) / d of step t for each block, with the rule's signs z and d."""
    import torch

    from optbench.kit.random import key_of, rademacher

    w = torch.cat([p.detach().reshape(-1) for p in parameters])
    z = torch.tensor([rademacher(key_of(0, t, 0), i) for i in range(len(w))])
    d = difference * w.square().mean().sqrt().clamp(min=1)
    there = w + d * z
    found = z * (matrix @ (there - w) + QUARTIC * (there**3 - w**3)) / d
    return [
        part.reshape(p.shape) for part, p in zip(found.split([p.numel() for p in parameters]), parameters, strict=True)
    ]


def feed_sophia_g(optimizer, found):
    """Let SophiaG average these curvatures, or none, in the place of its squared gradients; return what step takes."""
    import torch

    if found:
        parameters = optimizer.param_groups[0]["params"]
        gradients = [p.grad for p in parameters]
        for p in parameters:
            p.grad = torch.zeros_like(p)
        optimizer.update_hessian()
        for p, gradient, each in zip(parameters, gradients, found, strict=True):
            p.grad = gradient
            optimizer.state[p]["hessian"].add_(each, alpha=1 - optimizer.param_groups[0]["betas"][1])
    return {"bs": 1}


@contextmanager
def given_noise(shapes, t):
    """Let Kron draw the rule's random numbers of step t, compute in float64, and fit to a copy of the momentum."""
    import torch
    from kron_torch import kron

    from optbench.kit.random import key_of, normal

    sizes = [int(np.prod(shape)) for shape in shapes]
    keys = [key_of(0, t, first) for first in np.cumsum([0, *sizes[:-1]]).tolist()]
    drawn = iter([torch.tensor([normal(key, i) for i in range(size)]) for key, size in zip(keys, sizes, strict=True)])
    fit = kron._update_precond
    with (
        torch.compiler.set_stance("force_eager"),
        patch.object(torch, "randn_like", lambda block: next(drawn).reshape(block.shape)),
        patch.object(torch.Tensor, "float", torch.Tensor.double),
        patch.object(kron, "_update_precond", lambda q, exprs, block, *rest: fit(q, exprs, block.clone(), *rest)),
    ):
        yield


def torch_run(module, name, settings, shapes, steps):
    """Trajectory (steps + 1, dim), gradients (steps, dim) and the reported iterates, if they are others.

    settings: where they have "groups", the parameter group of each block, whose matrices are (outputs, inputs).
    """
    import torch

    torch.set_default_dtype(torch.float64)
    _leave_bfloat16()
    matrix, settings = torch.tensor(MATRICES[_dim(shapes)]), _to_tuples(settings)
    groups, difference = settings.pop("groups", ()), settings.pop("difference", 0.0)
    turned = bool(groups) or module in ("adam_mini", "train_gpt_clean_SOTA")
    parameters = [torch.tensor(part.T.copy() if turned else part, requires_grad=True) for part in starts(shapes)]
    given, averager = parameters, None
    if groups:
        given = [{"params": [p]} | group for p, group in zip(parameters, groups, strict=True)]
    elif module == "adam_mini":
        given = [(f"{k}.{'mlp' if p.ndim > 1 else 'bias'}", p) for k, p in enumerate(parameters)]
    elif module == "dog":
        model = torch.nn.ParameterList(parameters)
        parameters = given = list(model)
        averager = importlib.import_module("dog").PolynomialDecayAverager(model, settings.pop("gamma", 8.0))
    rates = np.linspace(*settings["lr"], steps).tolist() if isinstance(settings["lr"], tuple) else []
    if rates:
        settings["lr"] = rates[0]
    optimizer, looks = torch_optimizer(module, name, given, settings), name.startswith("SAM")

    def joined(tensors):
        return torch.cat([(tensor.t() if turned else tensor).reshape(-1) for tensor in tensors])

    def flat(tensors):
        return joined(tensors).detach().numpy()

    def reported():
        if name == "ASGD":
            return flat([optimizer.state[p]["ax"] for p in parameters])
        if averager:
            averager.step()
            return flat(averager.averaged_model)
        optimizer.eval()
        seen = flat(parameters)
        optimizer.train()
        return seen

    def compute_gradients():
        optimizer.zero_grad()
        w = joined(parameters)
        loss = 0.5 * (w @ matrix @ w) + 0.25 * QUARTIC * (w**4).sum()
        loss.backward()
        return loss

    averages = name in ("ASGD", "SPlus") or module in ("schedulefree", "dog")
    trajectory, gradients, seen = [flat(parameters)], [], [flat(parameters)]
    if module == "schedulefree":
        optimizer.train()
    for s in range(steps):
        for group in optimizer.param_groups if rates else ():
            group["lr"] = rates[s]
        loss = compute_gradients()
        gradients.append(flat([p.grad.clone() for p in parameters]))
        more = {"closure": compute_gradients} if looks else {"loss": loss} if module in ("momo", "sps") else {}
        if difference and (not name.startswith("Sophia") or s % 10 == 0):
            more = {"hessian": curvatures(parameters, matrix, s + 1, difference)}
        if name == "SophiaG" and difference:
            more = feed_sophia_g(optimizer, more.get("hessian"))
        elif name == "SophiaG":  # its second gradient is the first one: the objective has no labels
            if s % 10 == 0:
                optimizer.update_hessian()
            more = {"bs": optimizer_rows.LABELS}
        around = in_double(type(optimizer)) if looks or name in ("SOAP", "SPlus") else nullcontext()
        with given_noise(shapes, s + 1) if name == "Kron" else around:
            optimizer.step(**more)
        for state in optimizer.state.values():  # QHAdam keeps its weights in float32; at the first step they are 1
            if isinstance(state, dict):  # MoMo has a list
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
            "scheduled": lambda: optax.contrib.schedule_free(base, rate, **settings),
            "mechanize": lambda: optax.contrib.mechanize(base, **settings),
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
        elif "schedule" in name:
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
        ("torch-optimi", "optimi", optimizer_rows.OPTIMI),
        ("heavyball", "heavyball", optimizer_rows.HEAVYBALL),
        ("came_pytorch", "came_pytorch", optimizer_rows.CAME_PYTORCH),
        ("distributed_shampoo", "distributed_shampoo", optimizer_rows.DISTRIBUTED_SHAMPOO),
        ("dog-optimizer", "dog", optimizer_rows.DOG),
        ("dadaptation", "dadaptation", optimizer_rows.DADAPTATION),
        ("adam-mini", "adam_mini", optimizer_rows.ADAM_MINI),
        ("momo-opt", "momo", optimizer_rows.MOMO),
        ("sps", "sps", optimizer_rows.SPS),
        ("kron-torch", "kron_torch", optimizer_rows.KRON_TORCH),
        ("sophia-opt", "sophia_opt", optimizer_rows.SOPHIA_OPT),
        ("modded-nanogpt", "train_gpt_clean_SOTA", optimizer_rows.MODDED_NANOGPT),
    ]
    peers += [(library, module, [row], note) for library, module, note, row in optimizer_rows.COMPARED]
    for library, module, rows, *note in peers:
        for key, name, settings, optimizer, lr, hyperparameters, *rest in rows:
            key += ".compared" * len(note)
            settings = {"learning_rate" if library == "optax" else "lr": lr} | settings
            shapes = rest[0] if rest else [[5]]
            run = {"name": name, "settings": settings, "shapes": shapes}
            run["steps"] = rest[1] if len(rest) > 1 else STEPS[_dim(shapes)]
            entry = {"key": f"{library}.{key}", "library": library, "class": f"{module}.{name}", "settings": settings}
            entry |= {"optimizer": optimizer, "lr": lr, "hyperparameters": hyperparameters}
            entry |= {"problem": PROBLEMS[_dim(shapes)], "blocks": shapes} | ({"note": note[0]} if note else {})
            if library == "optax":
                yield entry, partial(optax_run, **run)
            else:
                yield entry, partial(torch_run, module, **run)


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
        if only and not {entry["optimizer"].partition("(")[0], entry["key"]} & {*only.split(",")}:
            arrays |= recorded(entry["key"], before)
            index.append(entries_before[entry["key"]])
            continue
        trajectory, gradients, reported = run()
        if only:
            entry["version"] = COMMITS.get(entry["library"]) or version(entry["library"])
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
    packages = dict.fromkeys([*(entry["library"] for entry in index), "jax", "numpy"])
    versions = {package: COMMITS.get(package) or version(package) for package in packages}
    versions["python"] = platform.python_version()
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
    print(f"{len(index)} trajectories recorded in {HERE / 'trajectories.npz'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", metavar="NAME", help="record the rows of this optimizer, or this key, or A,B"
    )
    main(**vars(parser.parse_args()))
