"""Values of every wrong kind for every argument of every public function."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import optbench


class _Unsayable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def _circle() -> list:
    items: list = []
    items.append(items)
    return items


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "True": lambda: True, "minus one": lambda: -1, "nan": lambda: float("nan"),
    "a huge number": lambda: 10**5000, "imaginary": lambda: 1j, "NUL": lambda: "a\0b",
    "half a letter": lambda: "\udc80",
    "lines": lambda: "a\nb\x1b[31m", "a list": lambda: ["x"], "a circle": _circle, "a mapping": lambda: {"x": 1},
    "a generator": lambda: (each for each in ["x"]), "a billion": lambda: range(10**9), "no text": _Unsayable,
    "a type": lambda: int, "a NumPy number": lambda: np.float64(0.5), "an array": lambda: np.ones(2),
    "a table": lambda: pd.DataFrame({"x": [1]}),
}  # fmt: skip
"""Values that have broken a check before, by what they are; one of each kind."""


@dataclass(frozen=True)
class Call:
    """A public function with arguments that it takes."""

    function: Callable
    given: dict[str, Any] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    """Further arguments, which the signature does not name."""

    @property
    def arguments(self) -> list[str]:
        kinds = inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL
        named = [each.name for each in inspect.signature(self.function).parameters.values() if each.kind not in kinds]
        return [*named, *self.more]


RUN = {"problem": "rosenbrock", "optimizer": "momentum", "steps": 2}
DATA = {"problem": "logistic", "X": np.eye(9), "y": np.arange(9) % 2}
SPEC = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "seeds": 1, "steps": 2}


def _sweep(**given):
    return optbench.sweep(**given)


def calls(swept: str) -> dict[str, Call]:
    """By name. ``swept``: a folder with a small sweep."""
    results = optbench.load(swept)
    spec = [key for key in _spec_keys() if key not in ("chosen",)]
    return {
        "minimize": Call(optbench.minimize, {**RUN, "lr": 0.01}, ("beta1",)),
        "cohort": Call(optbench.cohort, {**RUN, "settings": [{"lr": 0.01}]}),
        "sweep": Call(_sweep, {"spec": SPEC}, ("out", "workers", *spec)),
        "objective": Call(optbench.objective, {"problem": "logistic"}),
        "Objective": Call(optbench.Objective, {"problem": optbench.problems()["rosenbrock"].build()}),
        "stepper": Call(optbench.stepper, {"optimizer": "momentum", "w": np.ones(3), "lr": 0.1}, ("beta1",)),
        "training_code": Call(optbench.training_code, {"optimizer": "adam"}, ("beta1",)),
        "scipy_method": Call(optbench.scipy_method, {"optimizer": "momentum", "lr": 0.1}, ("beta1",)),
        "mini_batches": Call(optbench.mini_batches, {"problem": "logistic", "batch_size": 64, "steps": 2}),
        "trace": Call(optbench.trace, {"problem": "mlp(hidden=4)", "layer": 1, "batch": 1, "example": 1}),
        "with_data": Call(optbench.with_data, {**DATA, "folder": "data"}, ("l2",)),
        "ewa": Call(optbench.ewa, {"x": [1.0, 2.0], "beta": 0.9}),
        "EWA": Call(optbench.EWA, {"beta": 0.9}),
        "EWA.update": Call(lambda theta: optbench.EWA(0.9).update(theta), {"theta": 1.0}),
        "load": Call(optbench.load, {"path": swept}),
        "compare": Call(optbench.compare, {"a": swept, "b": swept}),
        "verdicts": Call(results.verdicts),
        "ranking": Call(results.ranking),
        "costs": Call(results.costs),
        "best_of_n": Call(results.best_of_n),
        "curves_of": Call(results.curves_of, {"run_ids": ["x"]}),
        "optimizers": Call(optbench.optimizers),
        "problems": Call(optbench.problems),
        "schedules": Call(optbench.schedules),
        "uniform": Call(optbench.uniform, {"low": 1, "high": 2}),
        "log_uniform": Call(optbench.log_uniform, {"low": 1, "high": 2}),
        "one_minus_log_uniform": Call(optbench.one_minus_log_uniform, {"low": 0.1, "high": 0.2}),
        "choice": Call(lambda value: optbench.choice(1, value), {"value": 2}),
    }


def _spec_keys() -> list[str]:
    from optbench.plan.spec import Spec

    return list(Spec.model_fields)
