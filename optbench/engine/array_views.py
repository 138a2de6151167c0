"""Arrays and tensors of the CPU as NumPy arrays of the same memory, and who shares memory with whom.

Nothing here imports another library: a tensor is detached where it can be, and then seen through its NumPy view or,
where it has none, through DLPack.
"""

from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.engine.settings import DTYPES

_ON_CPU = (1, 3)
"""DLPack's numbers of memory of the CPU, and of such that is pinned for a card."""
_WORK = 10_000
"""Steps of NumPy's search for an element that two arrays with gaps share."""


class Place:
    """What a message calls an array of a list: a text that is written when it is needed."""

    def __init__(self, argument: str, key: Any):
        self.argument, self.key = argument, key

    def __str__(self) -> str:
        return f"stepper: {self.argument}[{shown(self.key)}]"


def gradient_of(name: Any, x: Any) -> np.ndarray:
    """As view_of, and quick where nothing is wrong; of any dtype."""
    if type(x) is np.ndarray:
        return x
    try:
        array = x.detach().numpy()
        return array if type(array) is np.ndarray else view_of(name, x)
    except Exception:  # no tensor, or one that does not serve
        return view_of(name, x)


def detached(x: Any) -> Any:
    """A tensor without its history, of the same memory; anything else as it is."""
    return x.detach() if hasattr(x, "detach") else x


def view_of(name: Any, x: Any) -> np.ndarray:
    """A NumPy array of the same memory, float32 or float64; it may be read-only or have gaps. Raises OptbenchError."""
    if isinstance(x, np.ma.MaskedArray):
        raise OptbenchError(f"{name} is a masked array: no rule knows what to do with its gaps")
    if isinstance(x, np.ndarray | np.generic):
        return real(name, np.asarray(x))
    dense(name, x)
    if not hasattr(x, "__dlpack__"):
        raise OptbenchError(f"{name}={shown(x)} must be a NumPy array or a CPU tensor")
    try:
        x = detached(x)
        on_cpu = x.__dlpack_device__()[0] in _ON_CPU
        if on_cpu:
            real(name, x)
            return x.numpy() if hasattr(x, "detach") and hasattr(x, "numpy") else np.from_dlpack(x)
    except OptbenchError:
        raise
    except Exception as error:  # each library has errors of its own
        raise OptbenchError(f"{name}: {in_one_line(error)}") from None
    raise OptbenchError(f"{name} does not lie in the CPU's memory: move it there, or say device='cuda'")


def real(name: Any, x: Any) -> Any:
    """An array of a precision that rules are compiled for. Raises OptbenchError."""
    dtype = str(x.dtype).rpartition(".")[2]  # torch.float32
    if dtype not in DTYPES:
        raise OptbenchError(f"{name} is {dtype}: it must be float32 or float64")
    return x


def dense(name: Any, x: Any) -> None:
    """Raises OptbenchError for what is sparse, or a pair of a name and an array."""
    if "sparse" in str(getattr(x, "layout", "")) or hasattr(x, "tocsr"):
        raise OptbenchError(f"{name} is sparse: give it dense, by .to_dense() or .toarray()")
    if isinstance(x, tuple) and len(x) == 2 and isinstance(x[0], str):
        raise OptbenchError(f"{name} is a pair of a name and an array: dict(...) makes a mapping of such pairs")


def repeats(view: np.ndarray) -> bool:
    """Whether two elements of an array may be one place in memory."""
    extent = view.itemsize
    for stride, size in sorted((abs(stride), size) for stride, size in zip(view.strides, view.shape, strict=True)):
        if size > 1:
            if stride < extent and view.size:
                return True
            extent += stride * (size - 1)
    return False


def share(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays share an element; where that is hard to say, they do."""
    try:
        return np.shares_memory(one, other, _WORK)  # type: ignore[arg-type]  # any number is taken
    except Exception:  # numpy.exceptions.TooHardError
        return True
