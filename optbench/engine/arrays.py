"""Arrays as kernels want them."""

import numpy as np


def arrays(pair, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) as the kernels want them; empty where there is no data."""
    if pair is None:
        return np.zeros((0, 0), dtype), np.zeros(0, dtype)
    x, y = (np.require(part, dtype, ["C", "W"]) for part in pair)  # kernels are compiled for writable arrays only
    return x, y.reshape(-1)


def aligned(shape, dtype: str) -> np.ndarray:
    """Zeros that begin at a cache line: off it, as numpy's own may be, small kernels take up to 1.3 times as long."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + 64, np.uint8)
    first = -room.ctypes.data % 64
    return room[first : first + size].view(dtype).reshape(shape)
