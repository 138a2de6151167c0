"""What a step of an optimizer costs, and what it keeps: counted in its rule, so that neither can go out of date."""

from collections import Counter
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from optbench.contract.composition import wrap
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Matrix, Optimizer, Wrapper, arguments
from optbench.contract.roles import HIDDEN

BLOCK = (64, 32)
"""The shape of the block of which memory is counted."""
_SMALL = (2, 2)  # of the block whose products are counted: how many there are depends on no size
_STEPS = range(102, 202)  # those that are counted: behind the start, and of a multiple of the usual periods
_PRODUCTS = (np.dot, np.matmul)
_DECOMPOSITIONS = tuple(
    getattr(np.linalg, name) for name in ("cholesky", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "pinv",
                                          "qr", "solve", "svd")
)  # fmt: skip
_NEW = ("empty", "empty_like", "eye", "full", "full_like", "identity", "ones", "ones_like", "zeros", "zeros_like")


class Cost(NamedTuple):
    """What a step reads, writes and computes of a parameter block, and what it keeps."""

    arrays: float
    """Numbers a parameter that a step reads or writes, one for each time that a formula names an array as long as w:
    3 of gradient descent, which reads w and g and writes w."""
    products: float
    """Products of matrices a block, the mean of 100 steps."""
    decompositions: float
    """Decompositions of a matrix a block, such as eigh and qr, the mean of 100 steps."""
    memory: float
    """Numbers a parameter that are kept from step to step, besides w, of a block of shape BLOCK."""


def cost_of(record: Optimizer, values: dict[str, float] | None = None) -> Cost | None:
    """Return the cost of a rule.

    Args:
        record: the rule.
        values: its hyperparameters; by default the record's.

    Returns:
        The cost; None if a function of its matrices raises an error.
    """
    values = dict(record.hyperparameters) if values is None else values
    size, stages = BLOCK[0] * BLOCK[1], record.matrix.values()
    named = {"w", "g", *record.own, *record.matrix}
    arrays: float = len(named) + 1 + len(record.own)  # read, and written, by the rule
    for function in (*record.total.values(), *record.block.values(), *(stage.term for stage in stages)):
        arrays += len(named.intersection(arguments(function)))
    if record.point_rule is not None and (point := cost_of(record.point_rule, values)):
        arrays += point.arrays / record.second_every
    try:
        kept = [stage.numbers(*BLOCK, values) / size for stage in stages]
        counts = [_count_calls(record, stage, values) for stage in stages]
    except Exception:  # whatever a user's function may raise
        return None
    arrays += sum(1 + 2 * (1 + each) for each in kept)  # the term's result, and what the transform changes
    products, decompositions = (sum(each[key] for each in counts) for key in ("products", "decompositions"))
    return Cost(arrays, products, decompositions, len(record.own) + sum(kept))


def added_cost(wrapper: Wrapper, base: Optimizer) -> Cost | None:
    """Return what a wrapper adds to the cost of a rule; None if that is not known."""
    try:
        both, alone = cost_of(wrap(wrapper, base)), cost_of(base)
    except PluginError:  # the wrapper is broken, which a sweep says
        return None
    return both and alone and Cost(*(whole - part for whole, part in zip(both, alone, strict=True)))


def plain(cost: Cost | None) -> dict:
    """Return {"cost": its counts by name, "memory": numbers a parameter}, both None where the cost is not known."""
    counts = cost and cost._asdict()
    return {"memory": counts and counts.pop("memory"), "cost": counts}


def cost_text(counts: dict, added: bool = False) -> str:
    """Return counts in words, "4.3 and 15 products": the arrays over gd's 3, then what is done to matrices.

    counts: the plain ones; added: those that a wrapper adds.
    """
    parts = ["+" * added + f"{counts['arrays'] / 3:.2g}"]
    nouns = [noun for noun in ("products", "decompositions") if counts[noun]]
    parts += [f"{counts[noun]:.3g} {noun[:-1] if counts[noun] == 1 else noun}" for noun in nouns]
    return " and ".join(parts) if len(parts) < 3 else f"{parts[0]}, {parts[1]} and {parts[2]}"


def _count_calls(record: Optimizer, stage: Matrix, values: dict[str, float]) -> dict[str, float]:
    """Return how many products and decompositions a transform makes a step."""
    transform, names = _counting(stage.transform, {}), arguments(stage.transform)[2:]
    memory = np.zeros(stage.numbers(*_SMALL, values)).view(_Array)
    known: dict[str, Any] = {"lr": 0.01, "rows": _SMALL[0], "columns": _SMALL[1], "role": HIDDEN, **values}
    rng, counted = np.random.default_rng(0), _STEPS if "t" in names else _STEPS[:1]  # without t all are alike
    for t in (1, *counted):
        if t == counted[0]:
            _Array.calls = Counter()
        known |= {"t": float(t)} | {f"{name}_t": values[name] ** t for name in record.powers}
        block = rng.standard_normal(_SMALL).view(_Array)
        with np.errstate(all="ignore"):
            transform(block, memory, *(known.get(name, 1) for name in names))
    return {name: _Array.calls[name] / len(counted) for name in ("products", "decompositions")}


class _Array(np.ndarray):
    """An array whose products and decompositions are counted."""

    calls: Counter = Counter()
    """By their kind, since it was set."""

    def __array_function__(self, function: Any, types: Any, given: Any, named: Any) -> Any:
        """Call a function of NumPy."""
        _Array.calls["products"] += function in _PRODUCTS
        _Array.calls["decompositions"] += function in _DECOMPOSITIONS
        return super().__array_function__(function, types, given, named)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = (), **kwargs: Any) -> Any:
        """Call a function of NumPy on plain arrays, a product by ``@`` or ``matmul`` among them."""
        _Array.calls["products"] += ufunc in _PRODUCTS
        plain = [each.view(np.ndarray) if isinstance(each, _Array) else each for each in (*inputs, *out)]
        result = getattr(ufunc, method)(*plain, **kwargs)
        return result.view(_Array) if isinstance(result, np.ndarray) else result


class _NumPy:
    """NumPy, whose new arrays count, too."""

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of NumPy's."""
        plain = getattr(np, name)
        return (lambda *given, **named: plain(*given, **named).view(_Array)) if name in _NEW else plain


def _counting(function: Callable, known: dict[Callable, Callable]) -> Callable:
    """Return a function whose new arrays count, and those of what it calls; known: functions made so far."""
    if function not in known:
        scope = dict(function.__globals__)
        clone = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
        known[function] = clone
        for name in function.__code__.co_names:
            value = getattr(scope.get(name), "py_func", scope.get(name))  # of a function that numba has compiled
            if value is np:
                scope[name] = _NumPy()
            elif isinstance(value, FunctionType):
                scope[name] = _counting(value, known)
    return known[function]
