"""The arrays that a user gives to a stepper, one or a list, as the rows (runs, numbers) that kernels take.

A row is the user's own memory; only arrays with gaps are copied, before and after each step. No other library is
imported here: a tensor is detached, and then read through its NumPy view or through DLPack.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.types import DtypeName
from optbench.engine.settings import DTYPES

_CPU_DEVICES = (1, 3)
"""DLPack's numbers of the CPU's memory, and of memory that is pinned for a GPU."""
_OVERLAP_EFFORT = 10_000
"""Steps of NumPy's search for an element that two arrays with gaps share; an estimate."""


class OneArray:
    """One array, (dim,) for one run or (runs, dim) for several runs of the same setting.

    Args:
        w: C-contiguous, float64 or float32.
        blocks: shapes of the parameter blocks; None: one vector.

    Raises:
        OptbenchError: the array is of another kind, or the blocks do not add up.

    Attributes:
        rows: the array as (runs, dim), in a list.
        shapes, blocks: its shape, and those of its parameter blocks, in lists.
        labels: its name in a state dictionary.
    """

    labels = ("0",)

    def __init__(self, w: Any, blocks: Any):
        """View the array as rows, and check that the blocks add up to it."""
        self.w, self.rows = w, [self.row(w)]
        self.dtype: DtypeName = "float32" if self.rows[0].dtype == np.float32 else "float64"
        self.shapes = [tuple(w.shape)]
        dim = self.rows[0].shape[1]
        shapes = block_shapes("stepper: blocks", blocks, dim)
        if sum(math.prod(shape) for shape in shapes) != dim:
            raise OptbenchError(f"stepper: blocks={shown(blocks)} do not add up to the {dim} parameters of w")
        self.blocks = [shapes]

    def row(self, array: Any) -> Any:
        """Return the array as (runs, dim). Raises OptbenchError."""
        is_sound = isinstance(array, np.ndarray) and array.dtype in (np.float32, np.float64) and array.ndim in (1, 2)
        if not (is_sound and array.flags.c_contiguous and array.flags.writeable and array.size):
            raise OptbenchError(
                "stepper: w and g must be (dim,) or (runs, dim), C-contiguous, float64 or float32, or lists of arrays"
            )
        return array if array.ndim == 2 else array[None]

    def gradients(self, g: Any) -> list[Any]:
        """Return the gradient as (runs, dim), in a list. Raises OptbenchError unless it has w's dtype and shape."""
        if getattr(g, "shape", None) != self.w.shape or g.dtype != self.w.dtype:
            raise OptbenchError(f"stepper: g must be {self.w.dtype} of the shape {tuple(self.w.shape)}, like w")
        if isinstance(g, np.ndarray) and not g.flags.writeable:
            g = g.copy()  # kernels are compiled for writable arrays
        return [self.row(g)]

    def read(self) -> None:
        """Do nothing: the row is the array."""

    def write(self) -> None:
        """Do nothing: the row is the array."""

    def reported(self, rows: Sequence[Any]) -> Any:
        """Return the array of ``rows``, a list of one (runs, dim), in w's shape: w itself if it is w's own row."""
        return self.w if rows[0] is self.rows[0] else rows[0].reshape(self.shapes[0])


def block_shapes(name: str, blocks: Any, dim: int) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of parameter blocks as given, or that of one vector. Raises OptbenchError."""
    if blocks is None:
        return ((dim,),)
    shapes = [arguments.list_items(name, shape) for shape in arguments.list_items(name, blocks)]
    return tuple(tuple(arguments.whole_number(name, side, 1) for side in shape) for shape in shapes) or ((dim,),)


class ArrayList:
    """Arrays of any shapes, each a parameter block of its own.

    Args:
        w: a list or another iterable of arrays.

    Raises:
        OptbenchError: the list is empty, or an array is of another kind.

    Attributes: those of OneArray, an entry for each array.
    """

    def __init__(self, w: Any):
        """View each array as rows, and check that all have one dtype and memory of their own."""
        self.given = arguments.list_items("stepper: w", w)
        if not self.given:
            raise OptbenchError("stepper: w is empty: there is nothing to step")
        self.labels = [str(k) for k in range(len(self.given))]
        self._w_names, self._g_names = ([f"stepper: {x}[{label}]" for label in self.labels] for x in "wg")
        self.views = [_view(name, x) for name, x in zip(self._w_names, self.given, strict=True)]
        first = self.views[0].dtype
        for name, view in zip(self._w_names, self.views, strict=True):
            if view.dtype != first:
                one = f"{name} is {view.dtype}, and w[{self.labels[0]}] {first}"
                raise OptbenchError(f"{one}: all must be of one dtype")
        self.dtype: DtypeName = "float32" if first == np.float32 else "float64"
        self.shapes = [tuple(view.shape) for view in self.views]
        self.blocks = [(shape or (1,),) for shape in self.shapes]
        self._check_memory()
        self.rows = [_row(view) for view in self.views]
        self._addresses = [(k, x.data_ptr, x.data_ptr()) for k, x in enumerate(self.given) if hasattr(x, "data_ptr")]
        self._with_gaps = [(k, view) for k, view in enumerate(self.views) if not view.flags.carray]

    def _check_memory(self) -> None:
        """Raise OptbenchError if two parameters share memory; else keep the bounds of all of them, in order."""
        bounds = sorted((*np.lib.array_utils.byte_bounds(view), k) for k, view in enumerate(self.views) if view.size)
        highest, last = 0, -1
        for low, high, k in bounds:
            if low < highest and _overlap(self.views[last], self.views[k]):
                one, other = sorted((last, k))
                raise OptbenchError(
                    f"{self._w_names[one]} and w[{self.labels[other]}] share memory: each parameter is to be given once"
                )
            if high > highest:
                highest, last = high, k
        self._lows = [low for low, _, _ in bounds]
        self._highs = np.maximum.accumulate([high for _, high, _ in bounds]).tolist() if bounds else []

    def _is_parameter(self, array: Any) -> bool:
        """Return True if a contiguous array may lie in the memory of the parameters."""
        low = array.__array_interface__["data"][0]
        k = bisect_right(self._lows, low + array.nbytes - 1) - 1
        return k >= 0 and self._highs[k] > low

    def gradients(self, g: Any) -> list[Any]:
        """Return a row for each array, None for those without a gradient. Raises OptbenchError."""
        for k, address, before in self._addresses:
            if address() != before:
                raise OptbenchError(
                    f"{self._w_names[k]} has moved, as by .to(): make a new stepper, and load this state"
                )
        wanted = f"stepper: g must hold a gradient, or None, for each of the {len(self.given)} arrays of w"
        if is_one_array(g):
            raise OptbenchError(f"{wanted}, and is one {type(g).__name__}")
        given = arguments.list_items("stepper: g", g)
        if len(given) != len(self.given):
            raise OptbenchError(f"{wanted}, and holds {len(given)}")
        return [None if x is None else self._gradient_row(k, x) for k, x in enumerate(given)]

    def _gradient_row(self, k: int, x: Any) -> Any:
        """Return the gradient of array k as (1, numbers), a copy if it lies in the parameters' memory.

        Raises OptbenchError if its dtype or shape is not that of the array.
        """
        array = _view_gradient(self._g_names[k], x)
        if array.shape != self.shapes[k] or array.dtype != self.views[k].dtype:
            raise OptbenchError(
                f"{self._g_names[k]} is {array.dtype} of the shape {tuple(array.shape)}, "
                f"and its array {self.views[k].dtype} of the shape {self.shapes[k]}"
            )
        # A kernel must not write what it reads.
        if array.flags.carray and array.size and self._is_parameter(array):
            array = array.copy()
        return _row(array)

    def read(self) -> None:
        """Copy arrays with gaps into their rows, before a step."""
        for k, view in self._with_gaps:
            self.rows[k][...] = view.reshape(1, -1)

    def write(self) -> None:
        """Copy their rows back, after a step."""
        for k, view in self._with_gaps:
            view[...] = self.rows[k].reshape(view.shape)

    def reported(self, rows: Sequence[Any]) -> Any:
        """Return rows in the form of w: NumPy arrays, and tensors where those of w are."""
        return [
            detached(x) if row is own else _like(x, row, shape)
            for x, own, row, shape in zip(self.given, self.rows, rows, self.shapes, strict=True)
        ]


def _view(name: str, x: Any) -> np.ndarray:
    """Return the NumPy view of x, an array of w; name: its words in messages. Raises OptbenchError if read-only."""
    view = as_numpy_view(name, x)
    if not view.flags.writeable:
        raise OptbenchError(f"{name} is read-only, and would have to be changed in place")
    if _has_repeated_elements(view):
        raise OptbenchError(f"{name} has elements that share memory, as after expand or broadcast_to")
    return view


def _view_gradient(name: str, x: Any) -> np.ndarray:
    """Return the NumPy view of x, the user's gradient of one array; name: its words in messages.

    Raises OptbenchError for what is no array of floats on the CPU; shapes are not compared.
    """
    if type(x) is np.ndarray:
        return x
    try:  # of a tensor that is as it should be: a fifth of the time of as_numpy_view
        array = x.detach().numpy()
    except Exception:
        return as_numpy_view(name, x)
    return array if type(array) is np.ndarray else as_numpy_view(name, x)


def _row(array: np.ndarray) -> np.ndarray:
    """Return (1, numbers): the array's memory, or a copy without its gaps."""
    return (array if array.flags.carray else np.array(array, order="C")).reshape(1, -1)


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Return True if arrays whose bounds overlap share an element, or if that is hard to find out."""
    try:
        return np.shares_memory(one, other, _OVERLAP_EFFORT)  # type: ignore[arg-type]  # any number is taken
    except Exception:  # numpy.exceptions.TooHardError
        return True


def _like(x: Any, row: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return a row as a new array of x's kind."""
    if not (hasattr(x, "detach") and hasattr(x, "clone")):
        return row.reshape(shape)
    x = x.detach().clone()
    as_numpy_view("", x)[...] = row.reshape(shape)
    return x


def parameter_arrays(w: Any, blocks: Any) -> ArrayList | OneArray:
    """Return one array, or a list, as kernels of the CPU take them. Raises OptbenchError."""
    if isinstance(w, np.ndarray):
        return OneArray(w, blocks)
    if is_one_array(w):
        raise OptbenchError(f"stepper: w is one {type(w).__name__}: put it in a list, [w], as one parameter block")
    if isinstance(w, Mapping):
        raise OptbenchError("stepper: w is a mapping: give a list, list(w.values()), and its gradients in that order")
    if callable(getattr(w, "parameters", None)):
        raise OptbenchError(f"stepper: w is a {type(w).__name__}: give its parameters, w.parameters()")
    if isinstance(w, str | bytes | type) or not hasattr(type(w), "__iter__"):
        raise OptbenchError(f"stepper: w={shown(w)} must be an array, or a list of arrays")
    if blocks is not None:
        raise OptbenchError("stepper: blocks= are those of one array; in a list each array is a block of its shape")
    return ArrayList(w)


def is_one_array(x: Any) -> bool:
    """Return True if x itself is an array or a tensor of some library, on a CPU or a GPU; False for a list of them."""
    return hasattr(x, "__dlpack__") or hasattr(x, "__cuda_array_interface__") or hasattr(x, "__cuda_ndarray__")


def detached(x: Any) -> Any:
    """Return a tensor without its history, of the same memory; anything else as it is."""
    return x.detach() if hasattr(x, "detach") else x


def as_numpy_view(name: str, x: Any) -> np.ndarray:
    """Return a NumPy array of x's memory, float32 or float64, maybe read-only or with gaps. Raises OptbenchError."""
    if isinstance(x, np.ma.MaskedArray):
        raise OptbenchError(f"{name} is a masked array: no rule knows what to do with its gaps")
    if isinstance(x, np.ndarray | np.generic):
        return check_dtype(name, np.asarray(x))
    check_dense(name, x)
    if not hasattr(x, "__dlpack__"):
        raise OptbenchError(f"{name}={shown(x)} must be a NumPy array or a CPU tensor")
    try:
        x = detached(x)
        if x.__dlpack_device__()[0] in _CPU_DEVICES:
            check_dtype(name, x)
            return x.numpy() if hasattr(x, "detach") and hasattr(x, "numpy") else np.from_dlpack(x)
    except OptbenchError:
        raise
    except Exception as error:  # each library has errors of its own
        raise OptbenchError(f"{name}: {in_one_line(error)}") from None
    raise OptbenchError(f"{name} does not lie in the CPU's memory: move it there, as by .cpu()")


def check_dtype(name: str, x: Any) -> Any:
    """Return the array. Raises OptbenchError for a dtype that rules are not compiled for."""
    dtype = str(x.dtype).rpartition(".")[2]  # torch.float32
    if dtype not in DTYPES:
        raise OptbenchError(f"{name} is {dtype}: it must be float32 or float64")
    return x


def check_dense(name: str, x: Any) -> None:
    """Raise OptbenchError for what is sparse, or a pair of a name and an array."""
    if "sparse" in str(getattr(x, "layout", "")) or hasattr(x, "tocsr"):
        raise OptbenchError(f"{name} is sparse: give it dense, by .to_dense() or .toarray()")
    if isinstance(x, tuple) and len(x) == 2 and isinstance(x[0], str):
        raise OptbenchError(f"{name} is a pair of a name and an array: give the array alone")


def _has_repeated_elements(view: np.ndarray) -> bool:
    """Return True if two elements of an array may be one place in memory."""
    extent = view.itemsize
    for stride, size in sorted((abs(stride), size) for stride, size in zip(view.strides, view.shape, strict=True)):
        if size > 1:
            if stride < extent and view.size:
                return True
            extent += stride * (size - 1)
    return False
