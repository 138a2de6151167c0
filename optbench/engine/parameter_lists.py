"""Lists of arrays of one's own, as the rows that kernels take: the same memory, never a copy."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.types import DtypeName
from optbench.engine.array_views import Place, detached, gradient_of, repeats, share, view_of
from optbench.engine.one_array import OneArray


class ArrayList:
    """Arrays of any shapes, each a parameter block of its own; where they lie is for four methods to know.

    Args:
        w: a list, or anything else that can be counted up; or a mapping of names to arrays.

    Raises:
        OptbenchError: one of them does not serve.
    """

    split = True

    def __init__(self, w: Any):
        self.keys = list(w) if isinstance(w, Mapping) else None
        self.given = arguments.items("stepper: w", w) if self.keys is None else [w[key] for key in self.keys]
        if not self.given:
            raise OptbenchError("stepper: w is empty: there is nothing to step")
        self.labels = [str(key) for key in self._places()]
        if len(set(self.labels)) < len(self.labels):
            raise OptbenchError("stepper: two names in w are the same text")
        self._names, self._gradients = ([Place(argument, key) for key in self._places()] for argument in "wg")
        self.views = [self.view(name, x) for name, x in zip(self._names, self.given, strict=True)]
        first = self.views[0].dtype
        for k, view in enumerate(self.views):
            if view.dtype != first:
                raise OptbenchError(
                    f"{self._names[k]} is {view.dtype}, and w[{shown(self._places()[0])}] {first}: "
                    "all must be of one dtype"
                )
        self.dtype: DtypeName = "float32" if first == np.float32 else "float64"
        self.shapes = [tuple(view.shape) for view in self.views]
        self.blocks = [(shape or (1,),) for shape in self.shapes]
        self._check_memory()
        self.rows = [self.row(view) for view in self.views]
        self._homes = [(k, x.data_ptr, x.data_ptr()) for k, x in enumerate(self.given) if hasattr(x, "data_ptr")]
        self._gaps = [(k, view) for k, view in enumerate(self.views) if not self.whole(view)]

    # Where arrays lie: of the CPU here, of a card in engine/cuda/parameter_lists.py.

    def view(self, name: Place, x: Any) -> Any:
        """One of w as an array that may be written. Raises OptbenchError."""
        view = view_of(name, x)
        if not view.flags.writeable:
            raise OptbenchError(f"{name} is read-only, and would have to be changed in place")
        if repeats(view):
            raise OptbenchError(f"{name} has elements that share memory, as after expand or broadcast_to")
        return view

    def whole(self, array: Any) -> bool:
        """Whether kernels can take it as it lies."""
        return array.flags.carray

    def row(self, array: Any) -> Any:
        """(1, numbers): the array's memory, or a copy without its gaps."""
        return (array if self.whole(array) else np.array(array, order="C")).reshape(1, -1)

    def bounds(self, array: Any) -> tuple[int, int]:
        """The first and the last address of an array, and one."""
        return np.lib.array_utils.byte_bounds(array)

    def address(self, array: Any) -> int:
        """Where an array without gaps begins."""
        return array.__array_interface__["data"][0]

    def overlap(self, one: Any, other: Any) -> bool:
        """Whether arrays whose bounds overlap share an element."""
        return share(one, other)

    def gradient(self, name: Place, x: Any) -> Any:
        """A gradient as an array. Raises OptbenchError."""
        return gradient_of(name, x)

    def copy(self, array: Any) -> Any:
        """Another array of the same numbers."""
        return array.copy()

    def like(self, x: Any, row: Any, shape: tuple[int, ...]) -> Any:
        """A row as a new array of x's kind."""
        if hasattr(x, "detach") and hasattr(x, "clone"):
            x = x.detach().clone()
            view_of("", x)[...] = row.reshape(shape)
            return x
        return row.reshape(shape)

    # The same everywhere.

    def _places(self) -> Sequence[Any]:
        return range(len(self.given)) if self.keys is None else self.keys

    def _check_memory(self) -> None:
        bounds = sorted((*self.bounds(view), k) for k, view in enumerate(self.views) if 0 not in view.shape)
        reach, last = 0, -1
        for low, high, k in bounds:
            if low < reach and self.overlap(self.views[last], self.views[k]):
                one, other = sorted((last, k))
                raise OptbenchError(
                    f"{self._names[one]} and w[{shown(self._places()[other])}] share memory: "
                    "each parameter is to be given once"
                )
            if high > reach:
                reach, last = high, k
        self._lows = [low for low, _, _ in bounds]
        self._highs = np.maximum.accumulate([high for _, high, _ in bounds]).tolist() if bounds else []

    def _is_ours(self, array: Any) -> bool:
        """Whether an array may lie in the memory of the parameters."""
        low = self.address(array)
        k = bisect_right(self._lows, low + array.nbytes - 1) - 1
        return k >= 0 and self._highs[k] > low

    def gradients(self, g: Any) -> list[Any]:
        """A row for each array, or None where it stays. Raises OptbenchError."""
        for k, here, home in self._homes:
            if here() != home:
                raise OptbenchError(f"{self._names[k]} has moved, as by .to(): make a new stepper, and load this state")
        given = self._in_order(g) if self.keys is None else self._by_name(self.keys, g)
        return [None if x is None else self._row_of_gradient(k, x) for k, x in enumerate(given)]

    def _in_order(self, g: Any) -> list[Any]:
        wanted = f"stepper: g must hold a gradient, or None, for each of the {len(self.given)} arrays of w"
        if is_array(g):
            raise OptbenchError(f"{wanted}, and is one {type(g).__name__}")
        given = arguments.items("stepper: g", g)
        if len(given) != len(self.given):
            raise OptbenchError(f"{wanted}, and holds {len(given)}")
        return given

    def _by_name(self, keys: list, g: Any) -> list[Any]:
        if not isinstance(g, Mapping):
            raise OptbenchError("stepper: g must be a mapping of the names in w to gradients")
        known = set(keys)
        for key in g:
            if key not in known:
                raise unknown("name in g", key, self.labels)
        for key in keys:
            if key not in g:
                raise OptbenchError(f"stepper: g has no {shown(key)}; None there says that this array stays")
        return [g[key] for key in keys]

    def _row_of_gradient(self, k: int, x: Any) -> Any:
        array = self.gradient(self._gradients[k], x)
        if array.shape != self.shapes[k] or array.dtype != self.views[k].dtype:
            raise OptbenchError(
                f"{self._gradients[k]} is {array.dtype} of the shape {tuple(array.shape)}, "
                f"and its array {self.views[k].dtype} of the shape {self.shapes[k]}"
            )
        # What a kernel writes must not be what it reads.
        if self.whole(array) and array.size and self._is_ours(array):
            array = self.copy(array)
        return self.row(array)

    def begin(self) -> None:
        """Take in arrays with gaps, whose rows are copies."""
        for k, view in self._gaps:
            self.rows[k][...] = view.reshape(1, -1)

    def end(self) -> None:
        """Write those arrays."""
        for k, view in self._gaps:
            view[...] = self.rows[k].reshape(view.shape)

    def reported(self, rows: Sequence[Any]) -> Any:
        """Rows in the form of w: NumPy arrays, and tensors where those of w are."""
        found = []
        for x, own, row, shape in zip(self.given, self.rows, rows, self.shapes, strict=True):
            found.append(detached(x) if row is own else self.like(x, row, shape))
        return found if self.keys is None else dict(zip(self.keys, found, strict=True))


def parameters_of(w: Any, blocks: Any) -> ArrayList | OneArray:
    """What kernels take of one array, or of a list. Raises OptbenchError."""
    if isinstance(w, np.ndarray):
        return OneArray(w, blocks)
    if is_array(w):
        raise OptbenchError(f"stepper: w is one {type(w).__name__}: put it in a list, [w], as one parameter block")
    check_list(w, blocks)
    return ArrayList(w)


def check_list(w: Any, blocks: Any) -> None:
    """Raises OptbenchError for what is neither a list nor a mapping, and for blocks, which its arrays are."""
    if callable(getattr(w, "parameters", None)):
        raise OptbenchError(f"stepper: w is a {type(w).__name__}: give its parameters, w.parameters()")
    if isinstance(w, str | bytes | type) or not hasattr(type(w), "__iter__"):
        raise OptbenchError(
            f"stepper: w={shown(w)} must be an array, a list of arrays, or a mapping of names to arrays"
        )
    if blocks is not None:
        raise OptbenchError("stepper: blocks= are those of one array; in a list each array is a block of its shape")


def is_array(x: Any) -> bool:
    """Whether something is one array of some library."""
    return hasattr(x, "__dlpack__") or hasattr(x, "__cuda_array_interface__") or hasattr(x, "__cuda_ndarray__")
