"""An update rule for arrays of your own, one step at a time, with a state that can be saved and loaded."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optbench.catalogue import loader
from optbench.compiler.scalar_rows import scalar_rows
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import ONE_EXAMPLE, Baseline, Optimizer, Sizes
from optbench.engine import settings
from optbench.engine.arrays import StepInputs
from optbench.engine.cpu.list_rule import ListRule
from optbench.engine.parameter_arrays import parameter_arrays

_FORMAT = 1
"""The version of a state dictionary; other versions are refused."""


class Stepper:
    """A compiled update rule with its state, which changes ``w`` in place.

    Args:
        optimizer: the record.
        w: as for :func:`stepper`.
        lr: the learning rate.
        blocks: shapes of the parameter blocks of one array, for rules that use them; by default one vector.
        hyperparameters: all of the rule's.
        seed: of the random numbers of a rule that draws some.
        sizes: of its mini-batches.

    Raises:
        OptbenchError: an array or a value is not valid.

    Example:
        >>> w = np.ones((2, 3))
        >>> adam = stepper("adam", w, lr=0.1)
        >>> adam.step(w.copy())
        >>> adam.steps
        1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        w: Any,
        lr: float,
        blocks: Sequence[tuple[int, ...]] | None,
        hyperparameters: Mapping[str, float],
        seed: int = 0,
        sizes: Sizes = ONE_EXAMPLE,
    ):
        """Check the arguments, and allocate the rule's state for ``w``."""
        self.w, self.steps = w, 0
        self.optimizer, self.hyperparameters = optimizer, dict(hyperparameters)
        self.lr = settings.checked("stepper: lr", lr)
        self.seed, self._sizes = settings.checked("seed", seed), sizes
        self._parameters = given = parameter_arrays(w, blocks)
        rest = given.blocks, given.dtype, self.hyperparameters, self.seed, sizes
        self._rule, point_rule = ListRule(optimizer, given.rows, *rest), optimizer.point_rule
        self._point_rule = (
            None if point_rule is None else ListRule(point_rule, [row.copy() for row in given.rows], *rest)
        )

    @property
    def lr(self) -> float:
        """The learning rate, which may be set, to 0 as well, if a schedule ends there."""
        return self._rate

    @lr.setter
    def lr(self, rate: float) -> None:
        """Set the learning rate of the next steps."""
        self._rate = settings.rate_of_step("stepper: lr", rate)

    @property
    def needs_second(self) -> bool:
        """True if the next step takes a second gradient: every one of ``sam``, every tenth of ``sophia_h``."""
        every = self.optimizer.second_every
        return bool(every) and max(self._rule.clocks) % every == 0

    def second_point(self, g: Any) -> Any:
        """Return the point at which a step wants its second gradient, for rules that take one, such as ``sam``.

        Args:
            g: the gradient at w, as for :meth:`step`.

        Returns:
            New arrays in the form of w, which stays as it is. The gradient there, of the same mini-batch, is ``ahead``
            of :meth:`step`.

        Raises:
            OptbenchError: g is not like w, or the rule takes one gradient a step.

        Example:
            >>> w = np.array([3.0, 4.0])
            >>> sam = stepper("sam(gd, rho=1)", w, lr=0.1)
            >>> point = sam.second_point(w)
            >>> point.round(3).tolist()
            [3.6, 4.8]
            >>> sam.step(w.copy(), ahead=point)
            >>> w.round(3).tolist()
            [2.64, 3.52]
        """
        if self._point_rule is None:
            raise OptbenchError(f"stepper: {self.optimizer.name} takes one gradient a step, and none at another point")
        rows, parameters = self._parameters.gradients(g), self._parameters
        parameters.read()
        for point, row in zip(self._point_rule.rows, parameters.rows, strict=True):
            point[...] = row
        self._point_rule.clocks = list(self._rule.clocks)
        self._point_rule.step(rows, StepInputs(self.steps + 1, self.lr))
        return parameters.reported([point.copy() for point in self._point_rule.rows])

    def step(
        self, g: Any, lr: float | None = None, loss: Any = None, ahead: Any = None, labels: int | None = None
    ) -> None:
        """Take one step.

        Args:
            g: the gradient, of w's shape and dtype. Of a list: one for each array, in its order. None in a list leaves
                that array and its state as they are, as in PyTorch. Where a rule takes a second gradient every tenth
                step, an array that misses one has to do without until the next.
            lr: the learning rate from now on; None: as before.
            loss: the loss whose gradient g is, for rules that step by it, such as ``sps``; one for each run of an array
                (runs, dim), or a number.
            ahead: the gradient at the point of :meth:`second_point`, like g, of a step that takes a second one
                (``needs_second``). For ``sophia_g``, whose point is w: draw a label for each example from the model's
                probabilities, and give the gradient of the mean loss over these labels.
            labels: how many labels were drawn for ``ahead``, for rules that ask for it, such as ``sophia_g``.

        Raises:
            OptbenchError: g is not like w, the rate makes no sense, or a rule needs the loss, a second gradient or
                the number of labels; nothing has changed then.
        """
        rows, value = self._parameters.gradients(g), math.nan if loss is None else self._read_loss(loss)
        if loss is None and "loss" in self.optimizer.inputs:
            raise OptbenchError(f"stepper: {self.optimizer.name} steps by the loss: give it, step(g, loss=...)")
        if ahead is not None or self.needs_second:
            self._check_second(ahead, labels)
            self._write_ahead(rows, ahead)
        if lr is not None:
            self.lr = lr
        self.steps += 1
        self._parameters.read()
        self._rule.step(rows, StepInputs(self.steps, self.lr, value, math.nan if labels is None else labels))
        self._parameters.write()

    def _check_second(self, ahead: Any, labels: Any) -> None:
        """Raise OptbenchError if a second gradient, or the number of its labels, is missing or not wanted."""
        text, draws = "", self.optimizer.draws_labels
        if self._point_rule is None:
            text = "takes one gradient a step, and no ahead"
        elif not self.needs_second:
            text = f"takes a second gradient every {self.optimizer.second_every} steps, and none at this one: no ahead"
        elif ahead is None and not draws:
            text = "takes a second gradient: give that at the point of second_point(g), step(g, ahead=...)"
        elif ahead is None or (labels is None and "labels" in self.optimizer.inputs):
            text = "takes a second gradient, of labels drawn from the model: give it, and how many they are, "
            text += "step(g, ahead=..., labels=...)"
        if text:
            raise OptbenchError(f"stepper: {self.optimizer.name} {text}")
        if labels is not None:
            arguments.whole_number("stepper: labels", labels, 1)

    def _write_ahead(self, rows: Sequence[Any], ahead: Any) -> None:
        """Write the second gradient of the next step to its slot; rows: the first ones. Raises OptbenchError."""
        slot, second = self.optimizer.own.index(self.optimizer.ahead), self._parameters.gradients(ahead)
        given = [k for k, one in enumerate(rows) if one is not None]
        for k in given:
            if second[k] is None:
                raise OptbenchError(f"stepper: g has a gradient of array {k}, and ahead none: give both")
        for k in self._rule.updates.keys() & given:
            self._rule.updates[k].state[slot][...] = second[k]

    def _read_loss(self, loss: Any) -> float | tuple[float, ...]:
        """Return a loss, or those of the runs of an array; the argument may be a tensor. Raises OptbenchError."""
        found = loss.tolist() if hasattr(loss, "tolist") else loss
        runs = max((len(w) for w in self._parameters.rows), default=1)
        if isinstance(found, list) and len(found) in (1, runs) and all(map(arguments.is_number, found)):
            return float(found[0]) if len(found) == 1 else tuple(map(float, found))
        if arguments.is_number(found):
            return float(found)
        raise OptbenchError(f"stepper: loss={shown(loss)} must be a number, or one for each of {runs} runs")

    @property
    def reported(self) -> Any:
        """The iterate that the rule reports, in the form of w: w itself, or an average in new arrays."""
        return self._parameters.reported([self._rule.reported(k) for k in range(len(self._parameters.rows))])

    def state_dict(self) -> dict[str, Any]:
        """Return the state that, with w, it takes to continue later with the same bits.

        Returns:
            Texts, numbers and copies of arrays in a flat dictionary, for pickle, ``torch.save`` (to be loaded with
            ``weights_only=False``) or ``np.savez(file, **state)``.

        Example:
            >>> w = [np.ones((2, 2)), np.ones(3)]
            >>> adam = stepper("adam", w, lr=0.1)
            >>> adam.step([np.ones((2, 2)), np.ones(3)])
            >>> state = adam.state_dict()
            >>> state["optimizer"], state["lr"], state["slot.m.1"].round(3).tolist()
            ('adam', 0.1, [0.1, 0.1, 0.1])
            >>> other = stepper("adam", w, lr=1.0)
            >>> other.load_state_dict(state)
            >>> other.steps, other.lr
            (1, 0.1)
        """
        parameters = self._parameters
        arrays = zip(parameters.labels, parameters.shapes, parameters.blocks, strict=True)
        shapes = [[label, list(shape), [list(block) for block in blocks]] for label, shape, blocks in arrays]
        return {
            "format": _FORMAT,
            "optimizer": self.optimizer.name,
            "dtype": parameters.dtype,
            "shapes": json.dumps(shapes),
            "steps": self.steps,
            "lr": self.lr,
            **({"seed": self.seed} if self.optimizer.is_random else {}),
            **{name: getattr(self._sizes, name) for name in self.optimizer.sizes},
            **{f"hyperparameter.{name}": value for name, value in self.hyperparameters.items()},
            "clocks": np.array(self._rule.clocks, np.int64),
            **{name: array.copy() for name, array in _state_arrays(self)},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state; its rate and hyperparameters replace those of this stepper.

        Args:
            state: the result of :meth:`state_dict`, or ``np.load`` of the file that ``np.savez`` made of it.

        Raises:
            OptbenchError: it is of another rule, seed, size of mini-batches, shape or dtype; nothing has changed then.
        """
        if not isinstance(state, Mapping):
            raise OptbenchError(f"load_state_dict: {shown(state)} must be what state_dict gave")
        state = {key: state[key] for key in state}  # np.load reads the file at each access
        self.lr, self.steps, self.hyperparameters = _check_state(self, state)
        self._rule.clocks = state["clocks"].tolist()
        for rule in (self._rule, self._point_rule) if self._point_rule is not None else (self._rule,):
            rule.write_hyperparameters(self.hyperparameters)
        for name, array in _state_arrays(self):
            array[...] = state[name]


def _state_arrays(stepper: Stepper) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and array of the state, not copied: slots, memory of matrices, powers and shared slots."""
    record, parameters = stepper.optimizer, stepper._parameters
    for i, update in stepper._rule.updates.items():
        label = parameters.labels[i]
        for k, slot in enumerate(record.own):
            yield f"slot.{slot}.{label}", update.state[k].reshape(parameters.shapes[i])
        if record.matrix:
            yield f"memory.{label}", update.memory
        if record.powers:
            yield f"powers.{label}", update.powers
        if record.shared:
            yield f"shared.{label}", update.scalars[len(scalar_rows(record)) :]


def _check_state(stepper: Stepper, state: Mapping[str, Any]) -> tuple[float, int, dict[str, float]]:
    """Return the rate, the number of steps and the hyperparameters of a state. Raises OptbenchError if it is another's.

    ``np.savez`` makes an array without axes of a text or a number.
    """
    wanted, prefix = stepper.state_dict(), "hyperparameter."
    facts = {
        key: value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value
        for key, value in state.items()
        if not isinstance(wanted.get(key), np.ndarray)
    }
    for key in ("format", "optimizer", "dtype", "shapes", "seed", *Sizes._fields):
        if key in facts and key in wanted and facts[key] != wanted[key]:
            given, here = shown(facts[key]), shown(wanted[key])
            raise OptbenchError(f"load_state_dict: the state is of {key} {given}, and this stepper of {here}")
    for key in wanted:
        if key not in state:
            raise OptbenchError(f"load_state_dict: the state has no {key!r}")
    for key, array in state.items():
        if key not in wanted:
            raise OptbenchError(f"load_state_dict: the state has {shown(key)}, which is unknown here")
        own = wanted[key]
        if isinstance(own, np.ndarray) and (getattr(array, "dtype", None), np.shape(array)) != (own.dtype, own.shape):
            found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else shown(array)
            raise OptbenchError(f"load_state_dict: {key} is {found}, and must be {own.dtype} {own.shape}")
    rate, steps = settings.rate_of_step("load_state_dict: lr", facts["lr"]), facts["steps"]
    if type(steps) is not int or steps < 0:
        raise OptbenchError(f"load_state_dict: steps={shown(steps)} must be a whole number from 0")
    values = {key.removeprefix(prefix): value for key, value in facts.items() if key.startswith(prefix)}
    return rate, steps, stepper.optimizer.with_values(values)


def stepper(
    optimizer: str | Optimizer,
    w: Any,
    *,
    lr: float,
    blocks: Sequence[tuple[int, ...]] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    examples: int | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
    **hyperparameters: float,
) -> Stepper:
    """Return a compiled update rule for arrays of your own, which makes one step at a time at the benchmark's speed.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        w: the parameters, all float64 or all float32, which are changed in place. A list, or another iterable such as
            ``module.parameters()``, of NumPy arrays or CPU tensors of any shapes, each a parameter block; or one NumPy
            array, C-contiguous, (dim,), or (runs, dim) for several runs of the same setting. Tensors share their
            memory. Rules that see matrices, such as ``muon``, take a layer's weights as (inputs, outputs): of
            ``torch.nn.Linear``, give ``weight.detach().T``. Use a stepper for each group of parameters with its own
            rate or hyperparameters; a rule's sums run over the arrays of its stepper.
        lr: the learning rate.
        blocks: shapes of the parameter blocks of one array, for rules that use them; by default one vector.
        seed: of the random numbers of a rule that draws some; the runs of one array draw the same ones.
        batch_size: the number of examples in a mini-batch, for rules that ask for it; all of them if it is larger.
        examples: that of an epoch, likewise.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        The stepper: ``.step(g, lr=None, loss=None, ahead=None, labels=None)`` with gradients in the form of w;
        ``.second_point(g)``, ``.lr``, ``.reported``, ``.state_dict()``.

    Raises:
        OptbenchError: the optimizer does not exist, or an array or a value does not serve.

    Example:
        >>> w = np.array([3.0, 4.0])
        >>> momentum = stepper("momentum", w, lr=0.1, beta1=0.5)
        >>> momentum.step(w.copy())
        >>> w.tolist()
        [2.85, 3.8]
        >>> layer = [np.ones((2, 3)), np.zeros(3)]
        >>> gd = stepper("clip(gd, norm=5)", layer, lr=0.1)
        >>> gd.step([np.full((2, 3), 2.0), np.full(3, 4.0)], lr=1.0)
        >>> layer[0][0].round(3).tolist(), layer[1].round(3).tolist()
        ([-0.179, -0.179, -0.179], [-2.357, -2.357, -2.357])
    """
    record, values = loader.load_all(plugin).optimizer(optimizer)
    if not isinstance(record, Optimizer):
        why = "searches its own steps" if isinstance(record, Baseline) else "steps by itself"
        raise OptbenchError(f"stepper: {record.name} {why}; it serves minimize and sweep")
    values, sizes = record.with_values(values | hyperparameters), _read_sizes(record, batch_size, examples)
    return Stepper(record, w, lr, blocks, values, seed, sizes)


def _read_sizes(record: Optimizer, batch_size: Any, examples: Any) -> Sizes:
    """Return these numbers, 1 where none is given. Raises OptbenchError."""
    given = {"batch_size": batch_size, "examples": examples}
    missing = [name for name in record.sizes if given[name] is None]
    if missing:
        words, named = " and ".join(missing), ", ".join(f"{name}=..." for name in missing)
        raise OptbenchError(f"stepper: {record.name} steps by {words}: give them, stepper(..., {named})")
    numbers = {key: arguments.whole_number(f"stepper: {key}", n, 1) for key, n in given.items() if n is not None}
    if examples is not None and batch_size is not None:
        numbers["batch_size"] = min(numbers["batch_size"], numbers["examples"])
    return Sizes(**numbers)
