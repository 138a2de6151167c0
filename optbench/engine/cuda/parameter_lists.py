"""Arrays of one's own on a card, one or a list: anything with ``__cuda_array_interface__``, seen as numba's arrays."""

from typing import Any

import numpy as np

from optbench.compiler.cuda import cuda
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.engine.array_views import dense, detached, real
from optbench.engine.one_array import OneArray
from optbench.engine.parameter_lists import ArrayList, check_list


def view_of(name: Any, x: Any) -> Any:
    """A device array of numba of the same memory, C-contiguous, float32 or float64. Raises OptbenchError."""
    dense(name, x)
    try:
        x = detached(x)
        if not _on_card(x):
            raise OptbenchError(
                f"{name}={shown(x)} must lie on the card, as an array of numba, CuPy or PyTorch does: "
                "it has no __cuda_array_interface__"
            )
        view = real(name, x if hasattr(x, "__cuda_ndarray__") else cuda.as_cuda_array(x))
    except OptbenchError:
        raise
    except Exception as error:  # each library has errors of its own
        raise OptbenchError(f"{name}: {in_one_line(error)}") from None
    if not view.is_c_contiguous():
        raise OptbenchError(f"{name} has gaps or another order: on a card arrays must be C-contiguous")
    return view


def _on_card(x: Any) -> bool:
    return hasattr(x, "__cuda_ndarray__") or hasattr(x, "__cuda_array_interface__")


class CardArray(OneArray):
    """One array on a card, (dim,) or (runs, dim)."""

    def row(self, array: Any) -> Any:
        view = view_of("stepper: w and g", array)
        if len(view.shape) not in (1, 2) or 0 in tuple(view.shape):
            raise OptbenchError("stepper: w and g must be (dim,) or (runs, dim), or lists of arrays")
        return view if len(view.shape) == 2 else view.reshape(1, view.shape[0])


class CardList(ArrayList):
    """Arrays on a card, of any shapes."""

    def view(self, name: Any, x: Any) -> Any:
        interface = getattr(detached(x), "__cuda_array_interface__", {"data": (0, False)})
        if interface["data"][1]:
            raise OptbenchError(f"{name} is read-only, and would have to be changed in place")
        return view_of(name, x)

    def whole(self, array: Any) -> bool:
        return True

    def row(self, array: Any) -> Any:
        size = int(np.prod(tuple(array.shape)))
        # No kernel is called on nothing, of which a card knows no view.
        return array.reshape(1, size) if size else np.empty((1, 0), array.dtype)

    def bounds(self, array: Any) -> tuple[int, int]:
        first = self.address(array)
        return first, first + array.nbytes

    def address(self, array: Any) -> int:
        interface = getattr(array, "__cuda_array_interface__", None)
        return interface["data"][0] if interface else array.ctypes.data  # in the simulator they are NumPy's

    def overlap(self, one: Any, other: Any) -> bool:
        return True

    def gradient(self, name: Any, x: Any) -> Any:
        return view_of(name, x)

    def copy(self, array: Any) -> Any:
        copy = cuda.device_array(tuple(array.shape), array.dtype)
        copy.copy_to_device(array)
        return copy

    def like(self, x: Any, row: Any, shape: tuple[int, ...]) -> Any:
        if hasattr(x, "detach") and hasattr(x, "clone"):
            x = x.detach().clone()
            view_of("", x).reshape(*row.shape).copy_to_device(row)
            return x
        return row.reshape(shape)


def parameters_of(w: Any, blocks: Any) -> ArrayList | OneArray:
    """What kernels take of one array on a card, or of a list. Raises OptbenchError."""
    if _on_card(detached(w)):
        return CardArray(w, blocks)
    if isinstance(w, np.ndarray):
        raise OptbenchError("stepper: w lies in the CPU's memory, and device='cuda' takes arrays on the card")
    check_list(w, blocks)
    return CardList(w)
