"""An update rule on arrays of one's own, one step at a time."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine import settings, stepper_state
from optbench.engine.parameter_lists import parameters_of

# Threads: more than a machine has cores; beyond it is a typing error
_MOST_THREADS = 1024


class Stepper:
    """A compiled rule that changes ``w`` in place, with the state that it keeps.

    Args:
        optimizer: the record.
        w: as for :func:`stepper`.
        lr: the learning rate.
        blocks: shapes of the parameter blocks of one array, for rules that use them; by default one vector.
        hyperparameters: all of the rule's.
        device: "cpu" or "cuda".
        threads: at most so many for a list of arrays; None: one a core.

    Raises:
        OptbenchError: an array or a value does not serve.

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
        device: str = "cpu",
        threads: int | None = None,
    ):
        self.w, self.steps, self.device = w, 0, arguments.word("stepper: device", device, ("cpu", "cuda"))
        self.optimizer, self.hyperparameters = optimizer, dict(hyperparameters)
        rate = settings.checked("stepper: lr", lr)
        count = None if threads is None else arguments.whole("stepper: threads", threads, 1, _MOST_THREADS)
        self._parameters, self._update = _parts(self.device, optimizer, w, blocks, self.hyperparameters, count)
        self.lr = rate

    @property
    def lr(self) -> float:
        """The learning rate, which may be set; a schedule may end at 0."""
        return self._rate

    @lr.setter
    def lr(self, rate: float) -> None:
        self._rate = settings.rate_of_step("stepper: lr", rate)
        self._update.rate(self._rate)

    def step(self, g: Any, lr: float | None = None) -> None:
        """Take one step.

        Args:
            g: the gradient, of w's shape and dtype; of a list, one for each array in its order, of a mapping, by name.
                There None says that an array stays, with its state, as in PyTorch.
            lr: the learning rate from now on; None: as before.

        Raises:
            OptbenchError: g is not like w, or the rate makes no sense; nothing has changed then.
        """
        rows = self._parameters.gradients(g)
        if lr is not None:
            self.lr = lr
        self.steps += 1
        self._parameters.begin()
        self._update.step(rows)
        self._parameters.end()

    @property
    def reported(self) -> Any:
        """What the rule reports, in the form of w: w itself, or for some rules an average of it, in new arrays."""
        return self._parameters.reported([self._update.reported(k) for k in range(len(self._parameters.rows))])

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later as if there had been no break, beside w itself.

        Returns:
            Texts, numbers and NumPy arrays, copies all of them, in a flat dictionary: for pickle, ``torch.save``
            (loaded with ``weights_only=False``) or ``np.savez(file, **state)``.

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
        return stepper_state.state_of(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state: rate and hyperparameters are taken over, too.

        Args:
            state: what :meth:`state_dict` gave, or ``np.load`` of what ``np.savez`` made of it.

        Raises:
            OptbenchError: it is of another rule, other shapes or another dtype; nothing has changed then.
        """
        stepper_state.restore(self, state)


def _parts(
    device: str,
    record: Optimizer,
    w: Any,
    blocks: Any,
    values: Mapping[str, float],
    threads: int | None,
) -> tuple[Any, Any]:
    """The arrays as kernels take them, and what keeps a rule's arrays for them, on that device."""
    if device == "cuda":
        from optbench.compiler import cuda

        if missing := cuda.found().missing:
            raise OptbenchError(f"stepper: device='cuda' cannot run here: {missing}")
        from optbench.engine.cuda.parameter_lists import parameters_of as on_card
        from optbench.engine.cuda.pieces import CudaPieces

        parameters: Any = on_card(w, blocks)
        return parameters, CudaPieces(record, parameters.rows, parameters.blocks, parameters.dtype, values)
    from optbench.engine.cpu.pieces import CpuPieces

    parameters = parameters_of(w, blocks)
    kept = record, parameters.rows, parameters.blocks, parameters.dtype, values, parameters.split
    return parameters, CpuPieces(*kept, threads=threads)


def stepper(
    optimizer: str | Optimizer,
    w: Any,
    *,
    lr: float,
    blocks: Sequence[tuple[int, ...]] | None = None,
    device: str = "cpu",
    threads: int | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
    **hyperparameters: float,
) -> Stepper:
    """A compiled update rule for arrays of your own, one step at a time, at the speed of the benchmark.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        w: the parameters, all float64 or all float32, which are changed in place. A list (or what else can be counted
            up, such as ``module.parameters()``) of NumPy arrays or CPU tensors of any shapes, each a parameter block;
            or a mapping of names to them; or one NumPy array, C-contiguous, (dim,) or (runs, dim) for so many runs of
            the same setting. Tensors stay where they are: their memory is shared. What is to have another rate or
            other hyperparameters gets a stepper of its own; what a rule sums up, it sums over its own arrays.
        lr: the learning rate.
        blocks: shapes of the parameter blocks of one array, for rules that use them; by default one vector.
        device: "cpu"; or "cuda", with arrays that have ``__cuda_array_interface__``.
        threads: at most so many work on a list; None: one a core. Numbers do not depend on it. One array has one.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        What steps: ``.step(g, lr=None)``, along gradients in the form of w; ``.lr``, ``.reported``, ``.state_dict()``.

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
    return Stepper(record, w, lr, blocks, record.with_values(values | hyperparameters), device, threads)
