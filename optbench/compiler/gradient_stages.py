"""What happens to the gradients of a step between problem and rule: its stages, written once for all loops.

A stage is a plain function of arrays (dim, lanes), or (lanes,), of one lane or of more. Compiled loops have it as a
part, driver.py on the CPU and cuda_steps.py on a GPU; an eager loop calls it by itself. A cohort has those it uses.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from optbench.compiler.contracts import Double, Lanes2, Reals1, StageArguments, Whole
from optbench.compiler.signatures import Kind, kinds, signature
from optbench.compiler.translator import STRICT, jit
from optbench.contract.eager import Eager
from optbench.contract.optimizers import Optimizer, arguments
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName


def move(w: Lanes2, at: Lanes2, path: Reals1) -> None:
    """Write to ``at`` where w lies from an objective that has moved by ``path``, (dim,)."""
    for i in range(at.shape[0]):
        moved = path[i]
        for r in range(at.shape[1]):
            at[i, r] = w[i, r] - moved


def give_loss(loss: Reals1, f: Reals1) -> None:
    """Let the rule see the loss f."""
    for r in range(loss.shape[0]):
        loss[r] = f[r]


def give_noisy_loss(loss: Reals1, f: Reals1, at: Lanes2, noise: Reals1) -> None:
    """Let the rule see the loss whose gradient `add_noise` gives it: that of the same examples."""
    dim = at.shape[0]
    for r in range(loss.shape[0]):
        value = noise[dim] * f[r]
        for i in range(dim):
            value += noise[i] * at[i, r]
        loss[r] = value


def count_labels(count: Reals1, rows: Whole, labels_each: Whole) -> None:
    """Let the rule see how many labels are drawn for a mini-batch of so many rows, ``labels_each`` for an example."""
    for r in range(count.shape[0]):
        count[r] = rows * labels_each


def add_noise(g: Lanes2, noise: Reals1) -> None:
    """Multiply all gradients by the last number of ``noise``, (dim + 1,), and add those before it."""
    dim = g.shape[0]
    weight = noise[dim]
    for i in range(dim):
        term = noise[i]
        for r in range(g.shape[1]):
            g[i, r] = weight * g[i, r] + term


def measure_unit(g: Lanes2, unit: Reals1, t: Whole) -> None:
    """Write each lane's unit of `change` at the first step: the root mean square of its gradient."""
    for r in range(g.shape[1] if t == 1 else 0):
        total = 0.0
        for i in range(g.shape[0]):
            total += g[i, r] * g[i, r]
        unit[r] = math.sqrt(total / g.shape[0])


def change(g: Lanes2, stress: Reals1, unit: Reals1) -> None:
    """Multiply by the factors in ``stress``, (2 dim,), and add the terms behind them, in the lane's unit."""
    dim = g.shape[0]
    for i in range(dim):
        factor, term = stress[i], stress[dim + i]
        for r in range(g.shape[1]):
            g[i, r] = factor * g[i, r] + unit[r] * term


def round_off(g: Lanes2, levels: Double) -> None:
    """Round to so many ``levels`` from 0 to a lane's largest coordinate; NaN and infinity stay."""
    for r in range(g.shape[1]):
        peak = 0.0
        for i in range(g.shape[0]):
            if abs(g[i, r]) > peak:
                peak = abs(g[i, r])
        for i in range(g.shape[0] if 0 < peak < math.inf else 0):
            if g[i, r] == g[i, r]:
                size = int(abs(g[i, r]) / peak * levels + 0.5) / levels * peak
                g[i, r] = size if g[i, r] > 0 else -size


def delay(g: Lanes2, past: Lanes2, oldest: Lanes2, lag: Whole, t: Whole) -> None:
    """Exchange g for the one of ``lag`` steps before, in ``past``, where it is kept; at first for the first one."""
    for i in range(g.shape[0]):
        for r in range(g.shape[1]):
            before = past[i, r]
            past[i, r] = g[i, r]
            g[i, r] = before if t > lag else oldest[i, r]


def start_second(point: Lanes2, w: Lanes2) -> None:
    """Begin at w, from where a rule finds the point of a second gradient."""
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            point[i, r] = w[i, r]


class Stage(NamedTuple):
    """A stage, and what it takes of the loop that calls it."""

    apply: Callable[..., None]
    """The function; the names of its arguments are those of `write_stages`."""
    arguments: tuple[str, ...]
    """What the loop takes for it, of StageArguments."""
    second: bool = False
    """True if it changes a step's second gradient, too."""


MOVE, NOISE = Stage(move, ("at", "path"), second=True), Stage(add_noise, ("noise",), second=True)
LOSS, NOISY_LOSS = Stage(give_loss, ()), Stage(give_noisy_loss, ("noise",), second=True)
LABELS = Stage(count_labels, ("labels_each",))
UNIT, CHANGE = Stage(measure_unit, ("unit",)), Stage(change, ("stress", "unit"), second=True)
ROUND, DELAY = Stage(round_off, ("levels",)), Stage(delay, ("late",))
DRAWN = "path", "noise", "stress", "labels"
"""Those of StageArguments with an axis of steps."""
_SECOND = ("second_every", "point_scalars", "point", "point_rows", "ahead", "f_ahead")
SECOND, SECOND_OF_LABELS = Stage(start_second, _SECOND), Stage(start_second, (*_SECOND, "labels"))


def stages_of(problem: Problem, optimizer: Optimizer | Eager, noisy: bool) -> tuple[Stage, ...]:
    """Return the stages that a cohort uses, in order; ``noisy``: whether its steps draw gradient noise.

    They are what happens to a gradient between problem and rule: a minimum that moves, the loss and the labels that a
    rule reads, noise, stress (a direction and the change along it), rounding, delay, and a second gradient.
    """
    reads = optimizer.inputs if isinstance(optimizer, Optimizer) else ("loss",) * noisy
    used = {
        MOVE: problem.drift is not None,
        LOSS: "loss" in reads and not noisy,
        NOISY_LOSS: "loss" in reads and noisy,
        LABELS: "labels" in reads,
        NOISE: noisy,
        UNIT: bool(problem.stress),
        CHANGE: bool(problem.stress),
        ROUND: problem.levels > 0,
        DELAY: problem.delay > 0,
        SECOND: optimizer.second_every > 0 and not optimizer.draws_labels,
        SECOND_OF_LABELS: optimizer.draws_labels,
    }
    return tuple(stage for stage in used if used[stage])


@cache
def stage_function(stage: Stage, dtype: DtypeName) -> Callable[..., None]:
    """Return the function of a stage compiled for calls from Python."""
    return jit(stage.apply, signature(stage.apply, dtype), **STRICT)


def arguments_of(stages: tuple[Stage, ...]) -> dict[str, Kind]:
    """Return those of StageArguments that these stages take."""
    taken = {name for stage in stages for name in stage.arguments}
    return {name: kind for name, kind in kinds(StageArguments).items() if name in taken}


def thread_arguments_of(stages: tuple[Stage, ...]) -> dict[str, Kind]:
    """Return the same for a GPU, whose kernels have numbers as literals, and point and slot at hand."""
    return {
        name: replace(kind, axes=kind.axes + (name in DRAWN))
        for name, kind in arguments_of(stages).items()
        if kind.axes and name not in ("point_rows", "ahead", "f_ahead")
    }


def divide_stages(stages: Iterable[Stage]) -> tuple[list[Stage], list[Stage], list[Stage], list[Stage]]:
    """Return those before a gradient, behind it, the one that begins a second gradient, and those behind that."""
    before = [stage for stage in stages if stage is MOVE]
    begin = [stage for stage in stages if stage.apply is start_second]
    behind = [stage for stage in stages if stage not in (*before, *begin)]
    return before, behind, begin, [stage for stage in behind if stage.second]


def write_stages(stages: tuple[Stage, ...], texts: Mapping[str, str], second: tuple[str, str]) -> tuple[str, str]:
    """Return the code of a step before its gradient and behind it, where the stages are functions ``_name``.

    texts: the code of each argument of a stage, of the lanes at hand, where that is not its name. second: the code that
    moves ``point`` to where a step's second gradient is taken, and that takes it there.
    """
    before, behind, begin, again = divide_stages(stages)
    texts = {name: name for name in ("t", "rows", *kinds(StageArguments))} | dict(texts)
    lines = _calls(behind, texts)
    if begin:
        there = {**texts, "w": texts["point"], "at": texts["point"], "g": texts["ahead"]}
        there |= {"f": texts["f_ahead"], "loss": texts["f_ahead"]}
        inside = _calls(begin, texts), [second[0]], _calls(before, there), [second[1]], _calls(again, there)
        lines += [f"if (t - 1) % {texts['second_every']} == 0:", *(f"    {line}" for part in inside for line in part)]
    return "\n".join(_calls(before, texts)), "\n".join(lines)


def _calls(stages: Iterable[Stage], texts: Mapping[str, str]) -> list[str]:
    """Return the code of the calls of these stages."""
    return [f"_{stage.apply.__name__}({', '.join(texts[name] for name in arguments(stage.apply))})" for stage in stages]
