"""Choose the device that cohorts run on: the CPU, or a GPU that CUDA can use."""

from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.types import Device, DeviceChoice

DEVICES: tuple[DeviceChoice, ...] = ("cpu", "cuda", "auto")


def checked(device: str) -> DeviceChoice:
    """Return ``device`` if it is one of DEVICES; raise OptbenchError if not."""
    for choice in DEVICES:
        if isinstance(device, str) and device == choice:
            return choice
    if isinstance(device, str) and "gpu" in device.lower():  # by its letters it is next to "cpu"
        raise OptbenchError(f"unknown device {shown(device)}: did you mean 'cuda'?")
    raise unknown("device", device, DEVICES)


def choose(device: str) -> tuple[Device, str]:
    """Return the device to run on, "cpu" or "cuda", and a note: the name of the GPU, or why "auto" found none.

    Raises OptbenchError for another word, and for "cuda" if no kernel can run: it says what is missing.
    """
    if checked(device) == "cpu":
        return "cpu", ""
    from optbench.compiler import cuda

    found = cuda.find_parts()
    if found.missing is None:
        return "cuda", found.cards[0]["name"]
    if device == "auto":
        return "cpu", found.missing
    raise OptbenchError(f"device: cuda cannot run here: {found.missing}; cpu or auto works")
