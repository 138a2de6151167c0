"""The text of a fused kernel's steps whose gradient makes them: where the rule moves each parameter by its slope alone.

Every slope is used at once and never stored. 64 lanes of 20 parameters of Styblinski and Tang's with gd take 3.6 ns a
lane instead of 4.8, of 100 of Rosenbrock's with adam 109 instead of 145, one lane of these with gd 37 instead of 51.
"""

import numba

from optbench.compiler import steps_inside
from optbench.compiler.contracts import GradientArguments
from optbench.compiler.fused_update import UNROLLED, FusedBeginArguments, StepWriter
from optbench.compiler.pipelines_inside import PART
from optbench.compiler.signatures import call
from optbench.compiler.translator import OPTIONS, STRICT
from optbench.contract.optimizers import Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName


def can_step_at_once(problem: Problem, rule: Optimizer) -> bool:
    """Whether its gradient can make the steps of the rule; fewer parameters stay in registers anyway."""
    alone = rule.elementwise and not rule.shared and problem.dim > UNROLLED
    return alone and steps_inside.only_sets(problem.value_and_gradient)


def parts_at_once(rule: Optimizer, dtype: DtypeName, dim: int, one: bool) -> tuple[dict, str]:
    """What the text calls, by name, and a key of it."""
    functions = StepWriter(rule, dtype, dim, one).functions()
    begin, step = (numba.njit(**OPTIONS | STRICT | PART)(function) for function in functions)
    return {"_begin": begin, "_steps": steps_inside.steps(step)}, " ".join(each.__name__ for each in functions)


def steps_at_once(rule: Optimizer, lanes: int, dim: int) -> str:
    """The text: there and back between two arrays. The last step of a call is left, whose slopes are wanted, and so is
    one that is not to be made."""
    there, back = ("_w[0]", "_new", "_state[0]", "_fresh"), ("_new", "_w[0]", "_fresh", "_state[0]")
    restored = _BACK.format(dim=dim, lanes=lanes, slots=len(rule.own), place="k, r, i" if lanes == 1 else "k, i, r")
    return _AT_ONCE + _one_step(rule, lanes, there, "") + _one_step(rule, lanes, back, restored)


def _one_step(rule: Optimizer, lanes: int, arrays: tuple[str, ...], restored: str) -> str:
    begin = call(FusedBeginArguments, "_begin", w=arrays[0], scalars="_scalars[0]", powers="_powers[0]")
    gradient = call(
        GradientArguments, "_gradient", w=arrays[0], g=f"_steps({', '.join(arrays)}, _scalars[0], _powers[0], t)",
        f="_f[0]", work="_work", first="0", last=str(lanes),
    )  # fmt: skip
    powers = len(rule.powers)
    return _ONE_STEP.format(lanes=lanes, powers=powers, begin=begin, gradient=gradient, restored=restored)


_AT_ONCE = """
                while s + 2 < steps and not (judged or noisy):"""
_ONE_STEP = """
                    t = done + s + 1
                    for r in range({lanes}):
                        for k in range({powers}):
                            _before[k, r] = _powers[0, k, r]
                    for r in range(changing):
                        _scalars[0, 0, r] = _base[0, r] * factors[_schedule_of[0, r], s]
                    {begin}
                    {gradient}
                    below = True
                    for r in range({lanes}):
                        below &= _f[0, r] <= _limit[0, r]
                    if not below:
                        for r in range({lanes}):
                            for k in range({powers}):
                                _powers[0, k, r] = _before[k, r]{restored}
                        break
                    s += 1"""
_BACK = """
                            for i in range({dim}):
                                _w[0, i, r] = _new[i, r]
                                for k in range({slots}):
                                    _state[0, {place}] = _fresh[{place}]"""
