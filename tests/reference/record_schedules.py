"""Record learning-rate factors from PyTorch and optax into schedules.npz beside this file.

Each row states a schedule of ours, the length of the run, and the library's schedule that it must equal. Where the
two count differently, the library's settings say so here: a warm-up over n steps is a line there, from 1 / n to 1.

Run it with the extra `peers` installed:  python tests/reference/record_schedules.py
The layout of the file is in README.md. No part of optbench is imported here, and no test imports this file.
"""

import json
import warnings
from pathlib import Path

import jax
import numpy as np
import optax
import torch
from torch.optim import lr_scheduler as lrs

PER_EPOCH = 7
CYCLIC = {"base_lr": 0.25, "max_lr": 1.0, "step_size_up": 5, "cycle_momentum": False}

# (our schedule, steps of the run, steps between two calls of scheduler.step(), the scheduler around an optimizer).
TORCH = [
    ("constant", 20, 1, lambda o: lrs.ConstantLR(o, factor=1.0)),
    ("exponential(base=0.95)", 84, PER_EPOCH, lambda o: lrs.ExponentialLR(o, gamma=0.95)),
    ("exponential(base=1.02)", 84, PER_EPOCH, lambda o: lrs.ExponentialLR(o, gamma=1.02)),
    ("staircase(factor=0.5, epochs=3)", 84, PER_EPOCH, lambda o: lrs.StepLR(o, 3, gamma=0.5)),
    ("staircase(factor=0.7, steps=9)", 60, 1, lambda o: lrs.StepLR(o, 9, gamma=0.7)),
    ("step(factor=0.1, every=0.3)", 60, 1, lambda o: lrs.StepLR(o, 18, gamma=0.1)),
    ("step(factor=0.5, every=0.1)", 90, 1, lambda o: lrs.StepLR(o, 9, gamma=0.5)),
    ("multi_step(factor=0.1, milestones=(0.5, 0.75))", 60, 1, lambda o: lrs.MultiStepLR(o, [30, 45], gamma=0.1)),
    ("multi_step(factor=0.2, milestones=(0.3, 0.6, 0.8))", 50, 1,
     lambda o: lrs.MultiStepLR(o, [15, 30, 40], gamma=0.2)),
    ("linear(start=1, end=0.1)", 60, 1, lambda o: lrs.LinearLR(o, 1.0, 0.1, total_iters=60)),
    ("linear(start=0.25, end=1, fraction=0.5)", 60, 1, lambda o: lrs.LinearLR(o, 0.25, 1.0, total_iters=30)),
    ("polynomial(power=0.9)", 60, 1, lambda o: lrs.PolynomialLR(o, total_iters=60, power=0.9)),
    ("polynomial(power=2)", 60, 1, lambda o: lrs.PolynomialLR(o, total_iters=60, power=2.0)),
    ("cosine", 60, 1, lambda o: lrs.CosineAnnealingLR(o, 60)),
    ("cosine(final=0.1)", 60, 1, lambda o: lrs.CosineAnnealingLR(o, 60, eta_min=0.1)),
    ("cosine_restarts(cycles=3, multiplier=2, final=0.05)", 70, 1,
     lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2, eta_min=0.05)),
    ("cosine_restarts(cycles=4, multiplier=1)", 60, 1, lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=15)),
    # 8 + 16 + 32 steps, and 4 of 64.
    ("cosine_restarts(cycles=3.0625, multiplier=2)", 60, 1, lambda o: lrs.CosineAnnealingWarmRestarts(o, 8, 2)),
    ("triangular(cycles=6, low=0.25)", 60, 1, lambda o: lrs.CyclicLR(o, **CYCLIC)),
    ("triangular(cycles=6, low=0.25, shrink=0.5)", 60, 1, lambda o: lrs.CyclicLR(o, **CYCLIC, mode="triangular2")),
    (f"exp_range(cycles=6, low=0.25, final={0.97**60})", 60, 1,
     lambda o: lrs.CyclicLR(o, **CYCLIC, mode="exp_range", gamma=0.97)),
    # OneCycleLR of 60 steps has its peak at step 18 and its end at step 60, both from 1: after 17 and 59 steps.
    (f"one_cycle(peak={17 / 59})", 59, 1, lambda o: lrs.OneCycleLR(o, 1.0, total_steps=60)),
    (f"one_cycle(peak={17 / 59}, anneal='linear', final=0.002, start=0.1)", 59, 1,
     lambda o: lrs.OneCycleLR(o, 1.0, total_steps=60, anneal_strategy="linear", div_factor=10, final_div_factor=50)),
    (f"one_cycle(peak={17 / 59}, tail={25 / 59})", 59, 1,
     lambda o: lrs.OneCycleLR(o, 1.0, total_steps=60, three_phase=True)),
    ("warmup(constant, fraction=0.1)", 60, 1, lambda o: lrs.LinearLR(o, 1 / 6, total_iters=5)),
    ("warmup(cosine(final=0.1), fraction=0.1)", 60, 1, lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 1 / 6, total_iters=5), lrs.CosineAnnealingLR(o, 54, eta_min=0.1)], [6])),
    ("warmup(step(factor=0.5, every=0.2), steps=10)", 60, 1, lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 1 / 10, total_iters=9), lrs.StepLR(o, 10, gamma=0.5)], [10])),
    ("warmup_stable_decay(warmup=0.1, decay=0.2, final=0.05)", 60, 1, lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 1 / 6, total_iters=5), lrs.ConstantLR(o, 1.0), lrs.LinearLR(o, 1.0, 0.05, total_iters=12)],
        [6, 48])),
]  # fmt: skip


def ramp(steps, start=0.0):
    """From the first of so many equal increments up to 1."""
    return optax.linear_schedule(start + (1 - start) / steps, 1.0, steps - 1)


# (our schedule, steps of the run, optax's schedule).
OPTAX = [
    ("constant", 20, optax.constant_schedule(1.0)),
    ("exponential(base=0.95)", 84, optax.exponential_decay(1.0, PER_EPOCH, 0.95, staircase=True)),
    ("staircase(factor=0.5, epochs=3)", 84, optax.exponential_decay(1.0, 3 * PER_EPOCH, 0.5, staircase=True)),
    ("staircase(factor=0.7, steps=9)", 60, optax.exponential_decay(1.0, 9, 0.7, staircase=True)),
    ("multi_step(factor=0.1, milestones=(0.5, 0.75))", 60, optax.piecewise_constant_schedule(1.0, {30: 0.1, 45: 0.1})),
    ("table(factors=(1, 0.5, 0.05), at=(0.25, 0.7))", 60, optax.piecewise_constant_schedule(1.0, {15: 0.5, 42: 0.1})),
    ("table(factors=(0.5, 1, 0.1, 0.01))", 5 * PER_EPOCH,
     optax.piecewise_constant_schedule(0.5, {PER_EPOCH: 2.0, 2 * PER_EPOCH: 0.1, 3 * PER_EPOCH: 0.1})),
    ("linear(start=1, end=0.1)", 60, optax.linear_schedule(1.0, 0.1, 60)),
    ("polynomial(power=2, final=0.1)", 60, optax.polynomial_schedule(1.0, 0.1, 2, 60)),
    ("cosine(final=0.1)", 60, optax.cosine_decay_schedule(1.0, 60, alpha=0.1)),
    ("cosine_restarts(cycles=3, multiplier=2, final=0.05)", 70, optax.sgdr_schedule([
        {"init_value": 1.0, "peak_value": 1.0, "warmup_steps": 0, "decay_steps": n, "end_value": 0.05}
        for n in (10, 20, 40)])),
    ("one_cycle", 60, optax.cosine_onecycle_schedule(60, 1.0)),
    ("one_cycle(peak=0.3, tail=0.15, anneal=linear)", 60, optax.linear_onecycle_schedule(60, 1.0)),
    ("warmup(constant, steps=6, start=0.4)", 60, optax.warmup_constant_schedule(0.5, 1.0, 5)),
    ("warmup(cosine(final=0.1), fraction=0.2)", 60,
     optax.join_schedules([ramp(12), optax.cosine_decay_schedule(1.0, 48, alpha=0.1)], [12])),
    ("warmup(polynomial(power=2, final=0), fraction=0.25, start=0.2)", 40,
     optax.join_schedules([ramp(10, 0.2), optax.polynomial_schedule(1.0, 0.0, 2, 30)], [10])),
    ("warmup_stable_decay(warmup=0.2, decay=0.4, final=0.1)", 50, optax.join_schedules(
        [ramp(10), optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.1, 20)], [10, 30])),
]  # fmt: skip


def torch_factors(total, every, make):
    """Return the rate at each step of the run with base rate 1, and the scheduler's class."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=1.0)
    scheduler = make(optimizer)
    factors = []
    for step in range(1, total + 1):
        factors.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if step % every == 0:
            scheduler.step()
    return factors


def main():
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    warnings.filterwarnings("ignore", "The epoch parameter in", UserWarning)  # SequentialLR's own call
    recorded = [("torch", text, torch_factors(total, every, make)) for text, total, every, make in TORCH]
    recorded += [("optax", text, [float(schedule(t)) for t in range(total)]) for text, total, schedule in OPTAX]
    arrays, index = {}, []
    for number, (library, text, factors) in enumerate(recorded):
        arrays[f"{number}.factors"] = np.array(factors)
        index.append({"key": str(number), "library": library, "schedule": text})
    for name, values in arrays.items():
        if not (values.dtype == np.float64 and np.isfinite(values).all()):
            raise ValueError(f"{name} is not finite float64")
    arrays["index"] = np.array([json.dumps(entry) for entry in index])
    arrays["per_epoch"] = PER_EPOCH
    file = Path(__file__).with_name("schedules.npz")
    np.savez_compressed(file, **arrays)
    print(f"{len(index)} schedules recorded in {file}")


if __name__ == "__main__":
    main()
