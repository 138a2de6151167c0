"""The checks of a problem's record: what its kernels are given is what they are compiled for.

Kernels check no index: data of unequal length would be read beyond their ends.
"""

import math
from typing import Any, get_args

import numpy as np

from optbench.contract import resources, values
from optbench.contract.errors import PluginError, in_one_line, shown
from optbench.contract.types import Form

_TEXTS = ("minimum_source", "digest", "data_text", "data_warning", "name", "source")
_VECTORS = 3
"""Of a run at least: weights, gradient and start point."""
_KINDS = "biuf"  # of NumPy's dtypes: truth values, whole numbers, reals


def checked(record: Any) -> dict[str, Any]:
    """The fields of a problem whose kind or default depends on others, made whole.

    Args:
        record: a Problem with its fields as they were given.

    Returns:
        New values by name.

    Raises:
        PluginError: a value makes no sense; the message names the field.
    """
    owner = "problem"
    if not isinstance(record.form, str) or record.form not in get_args(Form):
        raise values.wrong(owner, "form", record.form, "'single' or 'lanes'")
    dim = values.whole(owner, "dim", record.dim, 1, 2**63 - 1)
    resources.need_memory(f"problem: dim={dim}", _VECTORS * resources.REAL * dim)
    for key in _TEXTS:
        values.text(owner, key, getattr(record, key))
    values.function(owner, "start", record.start, 1)
    if not isinstance(record.eager, bool):
        raise values.wrong(owner, "eager", record.eager, "True or False")
    if record.eager and record.form != "single":
        raise PluginError("problem: an eager one has form='single'")
    code = values.function if record.eager else values.source_function
    code(owner, "value_and_gradient", record.value_and_gradient)
    fields: dict[str, Any] = {"dim": dim, "minimum": values.real(owner, "minimum", record.minimum)}
    fields["noise"] = values.real(owner, "noise", record.noise, 0)
    fields["examples"] = values.whole(owner, "examples", record.examples, 1, values.MOST_EXAMPLES)
    fields["metrics"] = values.words(owner, "metrics", record.metrics)
    if record.evaluate is not None:
        code(owner, "evaluate", record.evaluate)
    elif record.metrics:
        raise PluginError(f"problem: metrics {record.metrics} need an evaluate function")
    if record.work is not None:
        scratch(owner, record.work, 1, 1)
    fields |= _of_data(record)
    if record.minimizer is not None:
        vector("minimizer", record.minimizer, dim)
    if record.curvature is not None:
        found = vector("curvature", record.curvature, dim, ", none below 0, not all 0")
        if (found < 0).any() or not found.any():
            raise PluginError(f"problem: curvature must be {dim} finite numbers, none below 0, not all 0")
    numbers = _array(record.constants)
    if numbers is None or not np.isfinite(numbers).all():
        raise values.wrong(owner, "constants", record.constants, "finite real numbers, as one array")
    fields["layout"] = _whole_numbers("layout", record.layout, -(2**63))
    fields["blocks"] = _blocks(record.blocks, dim)
    if record.domain is not None:
        fields["domain"] = _domain(record.domain)
    return fields


def scratch(owner: str, work: Any, rows: int, runs: int) -> int:
    """How much scratch a problem's ``work`` asks for.

    Args:
        owner: whose it is, for the message.
        work: the function.
        rows: examples of a call.
        runs: its runs.

    Returns:
        A number of numbers.

    Raises:
        PluginError: it fails, or gives no whole number.
        OptbenchError: they do not fit into memory.
    """
    values.function(owner, "work", work, 2)
    try:
        size = work(rows, runs)
    except (Exception, SystemExit) as error:  # a plug-in may raise anything
        raise PluginError(f"{owner}: work(rows={rows}, runs={runs}) fails: {in_one_line(error)}") from error
    if not values.is_whole(size) or size < 0:
        raise PluginError(f"{owner}: work(rows={rows}, runs={runs}) must give a whole number, not {shown(size)}")
    resources.need_memory(
        f"{owner}: the scratch that work(rows={rows}, runs={runs}) asks for", resources.REAL * int(size)
    )
    return int(size)


def vector(key: str, value: Any, dim: int, more: str = "") -> np.ndarray:
    """One number a parameter.

    Args:
        key: the field.
        value: as it was given.
        dim: how many parameters there are.
        more: what else is wanted, for the message.

    Returns:
        (dim,) float64

    Raises:
        PluginError: it has another shape, or holds what is no finite real number.
    """
    found = _array(value)
    if found is None or found.shape != (dim,) or not np.isfinite(found).all():
        shape = "" if found is None or found.shape == (dim,) else f" of the shape {found.shape}"
        raise PluginError(f"problem: {key} must be {dim} finite numbers{more}, not {shown(value)}{shape}")
    return found.astype(float)


def _array(value: Any) -> np.ndarray | None:
    """Real numbers as an array; None for what holds others, or does not make one."""
    try:
        found = np.asarray(value)
    except Exception:  # ragged sequences, and whatever else has a mind of its own
        return None
    if not found.size and found.dtype.kind not in "cOSUmMV":
        return found.astype(float)
    return found if found.dtype.kind in _KINDS else None


def _of_data(record: Any) -> dict[str, Any]:
    """What depends on the data: how many examples there are, and the data in words."""
    if record.data is None:
        if record.test is not None:
            raise PluginError("problem: test examples are for problems with data: give data=(x, y), too")
        return {}
    if record.noise:
        raise PluginError("problem: gradient noise is for problems without data")
    rows, features = _pair("data", record.data)
    if rows > values.MOST_EXAMPLES:
        raise PluginError(f"problem: data holds {rows:,} examples, and at most {values.MOST_EXAMPLES:,} are possible")
    more = ""
    if record.test is not None:
        test_rows, test_features = _pair("test", record.test)
        more = f" and {test_rows:,} test"
        if test_features != features:
            raise PluginError(f"problem: data has {features} features and test {test_features}: give both the same")
    return {"examples": rows, "data_text": record.data_text or f"{rows:,} training{more} rows"}


def _pair(key: str, value: Any) -> tuple[int, int]:
    """The numbers of rows and features of (x, y)."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise PluginError(f"problem: {key} must be a pair of arrays, x (n, features) and y (n,)")
    x, y = (_array(part) for part in value)
    if x is None or y is None:
        raise PluginError(f"problem: {key} must hold real numbers: x and y with a dtype such as float64")
    if x.ndim != 2 or not x.size or y.shape not in ((len(x),), (len(x), 1)):
        raise PluginError(f"problem: {key} must be x (n, features) and y (n,), not {x.shape} and {y.shape}")
    for letter, part, given in (("x", x, value[0]), ("y", y, value[1])):
        if not getattr(given, "known_finite", False) and not _finite(part):
            raise PluginError(f"problem: {letter} of {key} holds numbers that are missing or not finite")
    return x.shape


def _finite(part: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        if math.isfinite(part.sum(dtype=float)):  # four times as quick as to look at each
            return True
    return bool(np.isfinite(part).all())


def _whole_numbers(key: str, value: Any, least: int) -> tuple[int, ...]:
    found = _array(value)
    if found is not None and (found.dtype.kind in "iu" or not found.size) and found.ndim == 1:
        numbers = found.tolist()
        if all(least <= number < 2**63 for number in numbers):
            return tuple(map(int, numbers))
    raise values.wrong("problem", key, value, f"a tuple of whole numbers{', each at least 1' * (least > 0)}")


def _blocks(value: Any, dim: int) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, tuple | list) or not all(isinstance(block, tuple | list) and block for block in value):
        raise values.wrong("problem", "blocks", value, f"a tuple of shapes, such as (({dim},),)")
    shapes = tuple(_whole_numbers("blocks", block, 1) for block in value) or ((dim,),)
    if sum(math.prod(block) for block in shapes) != dim:
        raise PluginError(f"problem: blocks {shown(shapes)} do not add up to dim={dim}")
    return shapes


def _domain(value: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    found = _array(value)
    if found is None or found.shape != (2, 2) or not np.isfinite(found).all() or not (found[:, 0] < found[:, 1]).all():
        raise values.wrong("problem", "domain", value, "((left, right), (bottom, top)), the lower number first")
    (left, right), (bottom, top) = found.tolist()
    return (left, right), (bottom, top)
