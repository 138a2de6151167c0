"""CUDA: the only module that imports it, and is itself imported only where a GPU was asked for.

``cuda`` is numba's own target, or numba-cuda, which takes its place where it is installed, or its successor
numba-cuda-mlir where neither is left. It may be numba's simulator (NUMBA_ENABLE_CUDASIM=1), too.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numba
import numpy as np

from optbench.compiler import cuda_inside, numba_compat
from optbench.contract.errors import in_one_line


def _toolkit_home() -> Path | None:
    """Return the CUDA toolkit's folder: beside the ptxas or nvcc on PATH, in its usual place, or in NVIDIA's wheels."""
    programs = filter(None, map(shutil.which, ("ptxas", "nvcc")))
    homes = [*(Path(program).resolve().parents[1] for program in programs), Path("/usr/local/cuda")]
    wheels = find_spec("nvidia")
    homes += [Path(place) / "cu13" for place in (wheels and wheels.submodule_search_locations) or ()]
    return next((home for home in homes if (home / "nvvm").is_dir()), None)


def _tell_home() -> None:
    """Tell numba where the toolkit is, unless the user did; conda's packages go before it."""
    if not {"CUDA_HOME", "CUDA_PATH"} & os.environ.keys() and (home := _toolkit_home()):
        os.environ["CUDA_HOME"] = str(home)


_tell_home()

_broken = None
try:
    from numba import cuda
except Exception as error:  # numba-cuda fails in many ways where numba or numpy is too new for it
    _broken, cuda = in_one_line(error), None
    with suppress(ImportError):
        from numba_cuda_mlir import cuda

SIMULATED = numba.config.ENABLE_CUDASIM != 0


if cuda is not None and not SIMULATED:
    cuda_inside.open_wheels(os.environ.get("CUDA_HOME", ""))
# Small grids are the user's choice; a warning a kernel would bury what the commands say.
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
index = int if SIMULATED else numba.uint64
"""The type of indices in inner loops: of signed ones, every access would ask whether they count from the end."""
BLOCK = 4 if SIMULATED else 128
"""Threads of a block, where nothing asks for another number: four warps, a usual choice and an estimate. In the
simulator each is a thread of the system."""
GRID = 2 if SIMULATED else 1 << 15
"""The most blocks along one axis of a grid: kernels stride over what is left. CUDA allows 65,535 along y and z."""


@dataclass(frozen=True)
class Found:
    """The parts of CUDA that were found; None for one that was not."""

    package: str | None = None
    """The module that serves as ``cuda``, with its version."""
    driver: str | None = None
    """The CUDA version that the driver supports."""
    toolkit: str | None = None
    """The path of libnvvm, which compiles kernels."""
    ptxas: str | None = None
    """The path of the assembler, which only shows a kernel's registers."""
    cards: tuple[dict, ...] = ()
    """For each card its name, compute_capability, memory (bytes) and multiprocessors."""
    missing: str | None = None
    """The reason why no kernel can run, with what to do about it; None if kernels can run."""


def find_parts() -> Found:
    """Return the parts of CUDA that are installed here, or why no kernel can run. It never raises."""
    package, ptxas = _package(), _ptxas()
    if cuda is None:
        return Found(package, ptxas=ptxas, missing=f"{package} does not load ({_broken}): {_install_command()}")
    if SIMULATED:
        return Found(package, ptxas=ptxas, cards=({"name": "numba's simulator"},))
    (driver, no_driver), toolkit = _driver(), _toolkit()
    cards = () if no_driver else _cards()
    missing = [no_driver] if no_driver else [] if cards else [_NO_CARD]
    if toolkit is None:
        missing.append(
            f"there is no CUDA toolkit (libnvvm with libdevice): {_install_command(driver)}, or set CUDA_HOME"
        )
    if not missing and (error := _compile_trial(cards[0])):
        missing.append(f"{package} cannot compile for {cards[0]['name']} ({error}): {_install_command(driver)}")
    return Found(package, driver, toolkit, ptxas, cards, "; ".join(missing) or None)


_NO_CARD = "the NVIDIA driver sees no card (is one hidden by CUDA_VISIBLE_DEVICES?)"


def _install_command(driver: str | None = None) -> str:
    """Return the command that installs what CUDA lacks, for the CUDA version that the driver supports."""
    extra = "cuda12" if driver and float(driver) < 13 else "cuda13"
    return f"pip install -e '.[{extra}]'"


def _package() -> str | None:
    """Return the installed package that serves as ``cuda``, with its version."""
    home = getattr(cuda, "__name__", "numba.cuda")
    # numba-cuda serves under numba's name.
    names = ("numba-cuda", "numba") if home == "numba.cuda" else ("numba-cuda-mlir",)
    for name in names:
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return None


def _driver() -> tuple[str | None, str | None]:
    """Return the driver's CUDA version and None; or None and the reason why it does not work."""
    release, error = cuda_inside.driver_state(cuda)
    if release:
        return release, None
    if "cannot be found" in error:
        return None, "there is no NVIDIA driver (libcuda): install the one for your card"
    if "NO_DEVICE" in error:
        return None, _NO_CARD
    return None, f"the NVIDIA driver does not start ({' '.join(error.split())})"


def _toolkit() -> str | None:
    """Return the path that libnvvm was loaded from; or its version, on a system that does not tell."""
    release = cuda_inside.toolkit_version(cuda)
    if release is None:
        return None
    with suppress(OSError, StopIteration):
        maps = Path("/proc/self/maps").read_text().splitlines()
        return next(line.split(maxsplit=5)[-1] for line in maps if "libnvvm" in line)
    return f"libnvvm {release}"


def _ptxas() -> str | None:
    """Return the path of the assembler ptxas; None if there is none."""
    homes = [os.path.join(os.environ[key], "bin") for key in ("CUDA_HOME", "CUDA_PATH") if key in os.environ]
    return shutil.which("ptxas", path=os.pathsep.join([*homes, os.environ.get("PATH", os.defpath)]))


def _cards() -> tuple[dict, ...]:
    """Return the properties of all cards; none if the driver fails."""
    try:
        return tuple(_card(device) for device in cuda.gpus)
    except Exception:
        return ()


def _write_zero(x: Any) -> None:
    x[0] = 0.0


def _compile_trial(card: dict) -> str | None:
    """Return why a first kernel cannot be compiled: numpy too new for numba-cuda, a card too new for the toolkit."""
    try:
        major, minor = map(int, card["compute_capability"].split("."))
        cuda.compile_ptx(_write_zero, numba.void(numba.float64[:]), cc=(major, minor))
    except Exception as error:
        return in_one_line(error)[:100]
    return None


def _card(device: Any) -> dict:
    """Return a card's properties, as in `Found.cards`."""
    return {
        "name": _name(device),
        "compute_capability": "{}.{}".format(*device.compute_capability),
        "memory": cuda_inside.total_memory(cuda, device),
        "multiprocessors": device.MULTIPROCESSOR_COUNT,
    }


def jit(function: Callable, **options: Any) -> Callable:
    """Return a device function, compiled for the types of its calls; the compiler decides on inlining."""
    return cuda.jit(device=True, **options)(function)


def kernel(function: Callable) -> Any:
    """Return a kernel, compiled for the types of its launches and cached on disk where possible."""
    if SIMULATED:
        return cuda.jit(function)
    return numba_compat.cached(cuda.jit, function)


def put(array: np.ndarray, stream: Any = 0) -> Any:
    """Return a copy of the array on the card; a zero for an empty one, whose strides look like another layout to numba.

    stream: a CUDA stream, 0 for the default one.
    """
    if not array.size:
        array = np.zeros([max(1, size) for size in array.shape], array.dtype)
    return cuda.to_device(array, stream=stream)


def free_bytes() -> int:
    """Return the card's free memory in bytes."""
    return 1 << 30 if SIMULATED else cuda.current_context().get_memory_info().free


def card_name() -> str:
    """Return the name of the GPU in use, such as "NVIDIA H100"; "numba's simulator" where that serves."""
    if SIMULATED:
        return "numba's simulator"
    return _name(cuda.get_current_device())


def _name(device: Any) -> str:
    """Return the name of a device of numba as str: some versions give bytes."""
    return device.name.decode() if isinstance(device.name, bytes) else device.name


def blocks(count: int) -> int:
    """Return the number of blocks of a grid-stride kernel over ``count`` elements."""
    return max(1, min(-(-count // BLOCK), GRID))
