"""Code of a setting for a library: the function that users call, and what it takes where nothing is said."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from optbench.catalogue import loader
from optbench.contract.equals import LIBRARIES
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.optimizers import Baseline
from optbench.contract.schedules import Schedule
from optbench.contract.values import is_real, is_whole
from optbench.translation.setting import Setting

RATE, BATCH_SIZE, EPOCHS = 0.01, 64, 10
"""Where nothing is said."""
MOST = 10**9
"""Examples of a batch, and epochs: more are a typing error."""


def written(setting: Setting, library: str) -> str:
    """The code of a setting.

    Args:
        setting: what is said.
        library: of LIBRARIES.

    Returns:
        A file of Python, which needs the library, and optbench where that has no equal.

    Raises:
        OptbenchError: the library is unknown or cannot say it, or a schedule's source cannot be read.
    """
    if library not in LIBRARIES:
        raise unknown("library", library, LIBRARIES)
    if isinstance(setting.optimizer, Baseline):
        from optbench.translation.baseline_code import baseline_code

        return baseline_code(setting, library)
    if library == "torch":
        from optbench.translation.torch_code import torch_code

        return torch_code(setting)
    if library == "optax":
        from optbench.translation.optax_code import optax_code

        return optax_code(setting)
    from optbench.translation.keras_code import keras_code

    return keras_code(setting)


def training_code(
    optimizer: Any,
    library: Literal["torch", "optax", "keras"] = "torch",
    *,
    lr: float = RATE,
    schedule: str | Schedule = "constant",
    batch_size: int | Literal["full"] = BATCH_SIZE,
    epochs: int = EPOCHS,
    plugin: str | Path | Iterable[str | Path] = (),
    **hyperparameters: float,
) -> str:
    """Code that trains a model in another library with the steps that optbench takes.

    Rates are translated: PyTorch's momentum is a sum, and its rate ``lr * (1 - beta1)``. Where the library has no
    optimizer that takes the same steps, a comment says why, and the code takes them by :func:`optbench.stepper`.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        library: "torch", "optax" or "keras".
        lr: the learning rate, as optbench means it.
        schedule: its schedule, a name or a record.
        batch_size: examples in a batch, or "full".
        epochs: passes over the data.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        A file of Python that runs as it is, on an example that your model and data take the place of.

    Raises:
        OptbenchError: a name is unknown, or a value makes no sense.

    Example:
        >>> print(training_code("momentum", lr=0.1).partition("optimizer = ")[2].partition("\\n")[0])
        torch.optim.SGD(parameters, lr=0.1 * (1 - 0.9), momentum=0.9)
    """
    if not isinstance(library, str) or library not in LIBRARIES:
        raise unknown("library", library, LIBRARIES)
    if not (is_real(lr) and lr > 0):
        raise OptbenchError(f"lr: {shown(lr)} must be a positive finite number")
    if not (isinstance(batch_size, str) and batch_size == "full" or is_whole(batch_size) and 1 <= batch_size <= MOST):
        raise OptbenchError(f"batch_size: {shown(batch_size)} must be a positive whole number or 'full'")
    if not (is_whole(epochs) and 1 <= epochs <= MOST):
        raise OptbenchError(f"epochs: {shown(epochs)} must be a positive whole number")
    catalogue = loader.load_all(plugin)
    record, values = catalogue.optimizer(optimizer)
    values = record.with_values(values | hyperparameters)
    size: int | Literal["full"] = "full" if isinstance(batch_size, str) else int(batch_size)
    return written(Setting(record, values, float(lr), catalogue.schedule(schedule), size, int(epochs)), library)
