"""Code of a setting for a library: the function that users call, and the words that it takes."""

from optbench.contract.equals import LIBRARIES
from optbench.contract.errors import unknown
from optbench.translation.setting import Setting

RATE, BATCH_SIZE, EPOCHS = 0.01, 64, 10
"""Where nothing is said."""


def written(setting: Setting, library: str) -> str:
    """The code of a setting.

    Args:
        setting: what is said.
        library: of LIBRARIES.

    Returns:
        A file of Python, which needs the library, and optbench where that has no equal.

    Raises:
        OptbenchError: the library is unknown, or a schedule's source cannot be read.
    """
    if library not in LIBRARIES:
        raise unknown("library", library, LIBRARIES)
    if library == "torch":
        from optbench.translation.torch_code import torch_code

        return torch_code(setting)
    if library == "optax":
        from optbench.translation.optax_code import optax_code

        return optax_code(setting)
    from optbench.translation.keras_code import keras_code

    return keras_code(setting)
