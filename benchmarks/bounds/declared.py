"""What a record declares: operations and bytes of a problem's gradient and of a rule's step, for so many lanes."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import optbench
from benchmarks.bounds.counting import Real, counted, counting, reals

_STEP = 3
"""The step that is counted: neither the first, at which some rules begin, nor one at which every k-th is special."""
_SMALL = 1e-3
"""In the place of a hyperparameter's 0, with which a kernel computes as with any other number."""


@dataclass(frozen=True)
class Work:
    """Of one call for all lanes."""

    operations: Counter[str]
    """By name, as in counting.py."""
    numbers: int
    """Read or written at least once, those that are read and written twice; scratch is none of them."""
    arrays: int
    """In all arrays that those numbers are in: what must fit into a cache."""


def gradient_work(problem: optbench.Problem, rows: int, lanes: int) -> Work:
    """Of ``value_and_gradient`` on the first ``rows`` examples: for one lane; or for two and three, the rest follows.

    Read are weights, examples and constants, written the gradient and the value.
    """
    x, y = (np.zeros((0, 0)), np.zeros(0)) if problem.data is None else (part[:rows] for part in problem.data)
    if problem.form == "single" or lanes == 1:  # of one lane a product is another loop
        operations = Counter({name: count * lanes for name, count in _gradient(problem, x, y, 1).items()})
    else:
        two, three = (_gradient(problem, x, y, few) for few in (2, 3))
        operations = Counter({name: two[name] + (lanes - 2) * (three[name] - two[name]) for name in two})
    given = np.size(x) + np.size(y) + np.size(problem.constants)
    return Work(operations, *2 * (lanes * (2 * problem.dim + 1) + given,))


def _gradient(problem: optbench.Problem, x: np.ndarray, y: np.ndarray, lanes: int) -> Counter[str]:
    start = np.asarray(problem.start(np.random.default_rng(0)), np.float64)
    single = problem.form == "single"
    shape = (problem.dim,) if single else (problem.dim, lanes)
    scratch = 0 if problem.work is None else problem.work(max(len(x), 1), lanes)
    given = {
        "w": reals(start if single else np.tile(start[:, None], lanes)),
        "g": reals(np.zeros(shape)),
        "f": reals(np.zeros(lanes)),
        "x": reals(x),
        "y": reals(y),
        "constants": np.asarray(problem.constants, np.float64).reshape(-1),
        "layout": np.asarray(problem.layout, np.int64).reshape(-1),
        "work": reals(np.zeros(scratch)),
    }
    return counted(lambda: _called(counting(problem.value_and_gradient), given))


def rule_work(rule: optbench.Optimizer, shape: tuple[int, int], lanes: int) -> Work:
    """Of a step of one parameter block of that shape: sums, what is done to matrices, and the rule itself.

    Read are weights, gradient and state, written weights and state; numbers a lane (rates, sums) are none of them.
    """
    size = shape[0] * shape[1]
    memory = sum(stage.numbers(*shape, rule.hyperparameters) for stage in rule.matrix.values())
    given: dict[str, Any] = {name: Real(0.5) for name in ("w", "g", *rule.own)}
    # Shared slots and sums so far apart that radam rectifies, as it does after its first steps.
    given |= {name: 8.0**k for k, name in enumerate((*rule.shared, *rule.total, *rule.block))} | {
        name: Real(0.5) for name in rule.matrix
    }
    given |= {"lr": 0.01, "loss": 0.5, "labels": 8.0, "t": float(_STEP), "rows": shape[0], "columns": shape[1]}
    given |= {"batch_size": 8.0, "examples": 32.0}
    given["role"] = 1.0 if shape[1] > 1 else 0.0  # a hidden layer, or a vector
    given |= {"normal": Real(0.5), "rademacher": Real(1.0), "key": 1}  # drawn elsewhere: here they are read
    given |= {name: value or _SMALL for name, value in rule.hyperparameters.items()}
    given |= {f"{name}_t": rule.hyperparameters[name] ** _STEP for name in rule.powers}
    operations: Counter[str] = Counter()
    for stage in (*rule.total.values(), *rule.block.values()):
        operations += _times(counted(lambda stage=stage: _called(counting(stage), given)), size)
        operations["add"] += size
    for matrix in rule.matrix.values():
        operations += _times(counted(lambda matrix=matrix: _called(counting(matrix.term), given)), size)
        block = reals(np.random.default_rng(0).standard_normal(shape))
        places = {"block": block, "memory": reals(np.zeros(matrix.numbers(*shape, rule.hyperparameters)))}
        order = list(inspect.signature(matrix.transform).parameters)[:2]
        renamed = given | dict(zip(order, places.values(), strict=True))
        operations += counted(lambda matrix=matrix, renamed=renamed: _called(counting(matrix.transform), renamed))
    own = ["w", "g", *rule.slots, "lr", *rule.scalars]
    operations += _times(counted(lambda: counting(rule.rule)(*(given[name] for name in own))), size)
    kept = len(rule.own) * size + memory
    return Work(_times(operations, lanes), lanes * (3 * size + 2 * kept), lanes * (2 * size + kept))


def _called(function: Callable, given: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return function(**{name: given[name] for name in inspect.signature(function).parameters})


def _times(operations: Counter[str], count: int) -> Counter[str]:
    return Counter({name: count * each for name, each in operations.items()})
