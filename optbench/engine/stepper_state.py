"""The state of a stepper as a flat dictionary, and back: bit for bit, on either device."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from optbench.compiler.update_text import scalar_rows
from optbench.contract.errors import OptbenchError, shown
from optbench.engine import settings

_FORMAT = 1
"""Of the dictionary; another one is refused."""


class _Entry(NamedTuple):
    """An array of the dictionary."""

    key: str
    dtype: Any
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    """A copy."""
    write: Callable[[np.ndarray], None]


def state_of(stepper: Any) -> dict[str, Any]:
    """The dictionary that Stepper.state_dict describes."""
    return _heading(stepper) | {entry.key: entry.read() for entry in _entries(stepper)}


def _heading(stepper: Any) -> dict[str, Any]:
    """All but the arrays."""
    return {
        "format": _FORMAT,
        "optimizer": stepper.optimizer.name,
        "dtype": stepper._parameters.dtype,
        "shapes": _shapes(stepper._parameters),
        "steps": stepper.steps,
        "lr": stepper.lr,
        **{f"hyperparameter.{name}": value for name, value in stepper.hyperparameters.items()},
    }


def _shapes(parameters: Any) -> str:
    """Of each array its name, its shape, and the shapes of its blocks; (2, 3) (3,) as JSON."""
    arrays = zip(parameters.labels, parameters.shapes, parameters.blocks, strict=True)
    return json.dumps([[label, list(shape), [list(block) for block in blocks]] for label, shape, blocks in arrays])


def _entries(stepper: Any) -> Iterator[_Entry]:
    update, parameters = stepper._update, stepper._parameters
    record, first_shared = update.record, len(scalar_rows(update.record))

    def clocks(array: np.ndarray) -> None:
        update.clocks = array.tolist()

    yield _Entry("clocks", np.int64, (len(update.clocks),), lambda: np.array(update.clocks, np.int64), clocks)
    dtype = np.dtype(parameters.dtype)
    for label, shape, pieces in zip(parameters.labels, parameters.shapes, update.arrays, strict=True):
        if not pieces:
            continue
        for k, slot in enumerate(record.own):
            yield _Entry(f"slot.{slot}.{label}", dtype, shape, *_slot(pieces, k, shape))
        (runs, _), first = pieces[0].w.shape, pieces[0].update
        if record.matrix:
            part = (slice(len(record.own) + 1, None), slice(int(first.blocks[-1, 5])))
            yield _Entry(f"memory.{label}", dtype, (part[1].stop,), *_memory(first, *part))
        if record.powers:
            yield _Entry(f"powers.{label}", np.dtype(float), (len(record.powers), runs), *_rows(pieces, "powers", 0))
        if record.shared:
            rows = first.scalars.shape[0] - first_shared
            yield _Entry(f"shared.{label}", dtype, (rows, runs), *_rows(pieces, "scalars", first_shared))


def _slot(pieces: Any, k: int, shape: tuple[int, ...]) -> tuple[Callable, Callable]:
    def read() -> np.ndarray:
        return np.concatenate([_host(piece.update.state)[k] for piece in pieces], axis=1).reshape(shape)

    def write(array: np.ndarray) -> None:
        rows = array.reshape(pieces[0].w.shape[0], -1)
        for piece in pieces:
            _put(piece.update, "state", k, rows[:, piece.first : piece.last])

    return read, write


def _memory(update: Any, depth: slice, numbers: slice) -> tuple[Callable, Callable]:
    def read() -> np.ndarray:
        return update.state[depth].reshape(-1)[numbers].copy()

    def write(array: np.ndarray) -> None:
        update.state[depth].reshape(-1)[numbers] = array

    return read, write


def _rows(pieces: Any, name: str, first: int) -> tuple[Callable, Callable]:
    def read() -> np.ndarray:
        return _host(getattr(pieces[0].update, name))[first:].copy()

    def write(array: np.ndarray) -> None:
        for piece in pieces:
            _put(piece.update, name, slice(first, None), array)

    return read, write


def _host(array: Any) -> np.ndarray:
    return array.copy_to_host() if hasattr(array, "copy_to_host") else array


def _put(update: Any, name: str, index: Any, values: np.ndarray) -> None:
    """Write into one of an update's arrays, wherever it lies."""
    array = _host(getattr(update, name))
    array[index] = values
    if array is not getattr(update, name):
        from optbench.compiler.cuda import put

        setattr(update, name, put(array))


def restore(stepper: Any, state: Any) -> None:
    """What Stepper.load_state_dict does. Raises OptbenchError before anything has changed."""
    if not isinstance(state, Mapping):
        raise OptbenchError(f"load_state_dict: {shown(state)} must be what state_dict gave")
    state = {key: state[key] for key in state}  # of np.load, each of which reads the file
    wanted, entries = _heading(stepper), list(_entries(stepper))
    missing = next((key for key in [*wanted, *(entry.key for entry in entries)] if key not in state), None)
    heading = {key: _plain(value) for key, value in state.items() if key in wanted}
    for key in ("format", "optimizer", "dtype", "shapes"):
        if key in heading and heading[key] != wanted[key]:
            given, here = shown(heading[key]), shown(wanted[key])
            raise OptbenchError(f"load_state_dict: the state is of {key} {given}, and this stepper of {here}")
    if missing is not None:
        raise OptbenchError(f"load_state_dict: the state has no {missing!r}")
    known = {*wanted, *(entry.key for entry in entries)}
    strange = next((key for key in state if key not in known), None)
    if strange is not None:
        raise OptbenchError(f"load_state_dict: the state has {shown(strange)}, which is unknown here")
    named = {key.removeprefix("hyperparameter."): value for key, value in heading.items() if key.startswith("hyper")}
    values = stepper.optimizer.with_values(named)
    rate = settings.rate_of_step("load_state_dict: lr", heading["lr"])
    steps = heading["steps"]
    if type(steps) is not int or steps < 0:
        raise OptbenchError(f"load_state_dict: steps={shown(steps)} must be a whole number from 0")
    arrays = [_checked(entry, state[entry.key]) for entry in entries]

    for entry, array in zip(entries, arrays, strict=True):
        entry.write(array)
    stepper.steps, stepper.hyperparameters = steps, values
    for piece in stepper._update.pieces:
        for row, name in enumerate(stepper.optimizer.hyperparameters, start=1):
            _put(piece.update, "scalars", row, np.asarray(values[name]))
    stepper.lr = rate


def _plain(value: Any) -> Any:
    """A text or a number, out of the array without axes that np.savez makes of it."""
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value


def _checked(entry: _Entry, array: Any) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.shape != entry.shape or array.dtype != entry.dtype:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else shown(array)
        raise OptbenchError(
            f"load_state_dict: {entry.key} is {found}, and must be {np.dtype(entry.dtype)} {entry.shape}"
        )
    return array
