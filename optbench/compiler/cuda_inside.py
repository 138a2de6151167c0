"""All that reaches beyond numba's documented interface for GPUs; ``cuda`` is numba.cuda or what takes its place.

As in numba_inside.py, each trick says what to do when it breaks. Nothing of numba.cuda is imported before a function
that needs it is called.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def strided_view(simulated: bool) -> Callable:
    """Return ``view(array, shape)`` for kernels: it reshapes an array with one stride between its elements.

    numba reshapes arrays in C order only, but lanes are interleaved on a GPU, so that a lane's numbers are far apart.
    When it breaks: numba/np/arrayobj.py builds arrays as it is done here.
    """
    if simulated:
        return _simulated_view
    from numba.cuda.extending import intrinsic

    from optbench.compiler.numba_inside import view

    return intrinsic(view)


def _simulated_view(array, shape):
    """Return a view of that shape of an array of the simulator."""
    whole = getattr(array, "_item", array)
    whole = np.asarray(getattr(whole, "_ary", whole))
    step = whole.strides[-1]
    strides: list = []
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return np.lib.stride_tricks.as_strided(whole, shape, strides)


def open_wheels(home: str) -> None:
    """Let numba's own target find libnvvm in NVIDIA's wheels, too, where it finds libdevice by itself.

    ``home``: CUDA_HOME. numba-cuda, which takes numba's place where it is installed, looks there itself. When it
    breaks, tests of PTX say that there is no libnvvm: see how numba/cuda/cudadrv/nvvm.py opens it.
    """
    libraries = sorted((Path(home) / "lib").glob("libnvvm.so.*"))
    with suppress(ImportError, AttributeError):
        from numba.cuda.cudadrv import nvvm

        known = nvvm.open_cudalib
        if libraries:
            nvvm.open_cudalib = lambda name: ctypes.CDLL(str(libraries[0])) if name == "nvvm" else known(name)


def driver_state(cuda: ModuleType) -> tuple[str | None, str]:
    """Return the CUDA version that the driver supports and ""; or None and the reason why it does not work.

    numba's documented ``is_available`` gives no reason. When it breaks, the reason is Python's error message.
    """
    try:
        driver = cuda.cudadrv.driver.driver
        if not driver.is_available:
            return None, driver.initialization_error or ""
        return "{}.{}".format(*driver.get_version()), ""
    except Exception as problem:  # each package has its own kind
        return None, str(problem)


def toolkit_version(cuda: ModuleType) -> str | None:
    """Load libnvvm and libdevice and return the version of libnvvm; None if one of them is missing.

    When it breaks, every machine seems to lack a toolkit: see numba/cuda/cudadrv/nvvm.py.
    """
    try:
        release = cuda.cudadrv.nvvm.NVVM().get_version()
        cuda.cudadrv.nvvm.LibDevice()
    except Exception:  # each package has its own kind
        return None
    return "{}.{}".format(*release)


def total_memory(cuda: ModuleType, device: Any) -> int | None:
    """Return a card's memory in bytes; None if the driver does not state it.

    numba would create a context for it, which takes time, and memory on every card.
    """
    memory = ctypes.c_size_t()
    try:
        cuda.cudadrv.driver.driver.lib.cuDeviceTotalMem_v2(ctypes.byref(memory), ctypes.c_int(int(device.id)))
    except Exception:  # as above
        return None
    return memory.value or None
