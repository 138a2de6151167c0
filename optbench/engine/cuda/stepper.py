"""A rule on a GPU with its kernels and arrays, and the arrays of steppers there, of any library for CUDA."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from optbench.compiler.contracts import SharedUpdateArguments
from optbench.compiler.cuda import BLOCK, GRID, blocks, cuda, put
from optbench.compiler.cuda_updates import DOWN, SHARES, WARP, across, compile_rule, total
from optbench.compiler.scalars import rows_of_run
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.optimizers import ONE_EXAMPLE, Optimizer, Sizes
from optbench.contract.roles import VECTOR
from optbench.contract.types import DtypeName, Order
from optbench.engine.arrays import StepInputs, make_block_table, make_initial_scalars
from optbench.engine.chunks import Chunk, ChunkedRule
from optbench.engine.parameter_arrays import ArrayList, OneArray, check_dense, check_dtype, check_list, detached


def gpu_view(name: str, x: Any) -> Any:
    """Return a numba device array that shares x's memory; raise OptbenchError unless it is contiguous float32 or 64."""
    check_dense(name, x)
    try:
        x = detached(x)
        if not _is_on_gpu(x):
            raise OptbenchError(
                f"{name}={shown(x)} must lie on the card, as an array of numba, CuPy or PyTorch does: "
                "it has no __cuda_array_interface__"
            )
        view = check_dtype(name, x if hasattr(x, "__cuda_ndarray__") else cuda.as_cuda_array(x))
    except OptbenchError:
        raise
    except Exception as error:  # each library has errors of its own
        raise OptbenchError(f"{name}: {in_one_line(error)}") from None
    if not view.is_c_contiguous():
        raise OptbenchError(f"{name} has gaps or another order: on a card arrays must be C-contiguous")
    return view


def _is_on_gpu(x: Any) -> bool:
    """Return True for a GPU array of numba, CuPy or PyTorch."""
    return hasattr(x, "__cuda_ndarray__") or hasattr(x, "__cuda_array_interface__")


def _copy_on_card(array: Any) -> Any:
    """Return another array of the same numbers, on the card."""
    copy = cuda.device_array(tuple(array.shape), array.dtype)
    copy.copy_to_device(array)
    return copy


def _like(x: Any, row: Any, shape: tuple[int, ...]) -> Any:
    """Return a row as a new array of x's kind: a tensor if it is one."""
    if hasattr(x, "detach") and hasattr(x, "clone"):
        x = x.detach().clone()
        gpu_view("", x).reshape(*row.shape).copy_to_device(row)
        return x
    return row.reshape(shape)


class GpuArray(OneArray):
    """One array on a GPU, (dim,) or (runs, dim)."""

    def row(self, array: Any) -> Any:
        """Return the array as (runs, dim). Raises OptbenchError."""
        view = gpu_view("stepper: w and g", array)
        if len(view.shape) not in (1, 2) or 0 in tuple(view.shape):
            raise OptbenchError("stepper: w and g must be (dim,) or (runs, dim), or lists of arrays")
        return view if len(view.shape) == 2 else view.reshape(1, view.shape[0])

    def like(self, x: Any, row: Any, shape: tuple[int, ...]) -> Any:
        return _like(x, row, shape)


class GpuList(ArrayList):
    """Arrays of any shapes on a GPU."""

    def view(self, name: str, x: Any) -> Any:
        """Return `gpu_view` of an array that is not read-only; raise OptbenchError for others."""
        interface = getattr(detached(x), "__cuda_array_interface__", {"data": (0, False)})
        if interface["data"][1]:
            raise OptbenchError(f"{name} is read-only, and would have to be changed in place")
        return gpu_view(name, x)

    def is_contiguous(self, array: Any) -> bool:
        return True

    def row(self, array: Any) -> Any:
        """Return (1, numbers): the array's memory."""
        size = int(np.prod(tuple(array.shape)))
        # An empty array has no view on a GPU, and no kernel is called on it.
        return array.reshape(1, size) if size else np.empty((1, 0), array.dtype)

    def bounds(self, array: Any) -> tuple[int, int]:
        """Return the address of the array's first byte, and that behind its last one."""
        first = self.address(array)
        return first, first + array.nbytes

    def address(self, array: Any) -> int:
        """Return the array's address on the card."""
        interface = getattr(array, "__cuda_array_interface__", None)
        return interface["data"][0] if interface else array.ctypes.data  # in the simulator they are NumPy's

    def overlap(self, one: Any, other: Any) -> bool:
        """Return True: contiguous arrays with overlapping bounds share elements."""
        return True

    def view_gradient(self, name: str, x: Any) -> Any:
        """Return `gpu_view` of a gradient, which may be read-only."""
        return gpu_view(name, x)

    def copy(self, array: Any) -> Any:
        """Return another array of the same numbers, on the card."""
        return _copy_on_card(array)

    def like(self, x: Any, row: Any, shape: tuple[int, ...]) -> Any:
        return _like(x, row, shape)


def gpu_arrays(w: Any, blocks: Any) -> ArrayList | OneArray:
    """Return the weights ``w``, a GPU array or a list of them, as kernels need them; raise OptbenchError for others."""
    if _is_on_gpu(detached(w)):
        return GpuArray(w, blocks)
    if isinstance(w, np.ndarray):
        raise OptbenchError("stepper: w lies in the CPU's memory, and device='cuda' takes arrays on the card")
    check_list(w, blocks)
    return GpuList(w)


class Update:
    """A rule's kernels with its arrays on the card for some runs, as the CPU's Update.

    Raises PluginError for a rule that cannot run there.
    """

    def __init__(
        self,
        record: Optimizer,
        order: Order,
        shapes: Sequence[tuple[int, ...]],
        dtype: DtypeName,
        hyperparameters: Sequence[Mapping[str, float]],
        roles: Sequence[str] = (),
        seed: int = 0,
        place: int = 0,
        sizes: Sizes = ONE_EXAMPLE,
    ):
        """Allocate the state of a run for each entry of ``hyperparameters``, and choose the grids of the kernels.

        roles: of the blocks; by default those of their places. seed, place, sizes: as for the CPU's Update.
        """
        runs = len(hyperparameters)
        table, dim, _ = make_block_table(record, shapes, {}, roles, place)
        if not record.by_block:
            table = np.array([[0, dim, dim, 1, 0, 0, VECTOR, place]])
        self.code = compile_rule(record, order, dtype)
        shape = (runs, dim) if order == "rows" else (dim, runs)
        self.state = put(np.zeros((len(record.own), *shape), dtype))
        scalars = make_initial_scalars(record, len(table), dtype, hyperparameters, 0, seed, sizes)
        self.scalars, self.table = put(scalars), put(table)
        self.powers = put(np.ones((len(record.powers), runs)))
        self.sums = put(np.zeros((len(self.code.sums), len(table), runs), dtype))
        most = max((len(group) for group, _ in self.code.shares), default=0)
        self.partial = put(np.zeros((most, SHARES, len(table), runs), dtype))
        few = min(len(table), GRID)
        if order == "rows":
            self.threads, down = (BLOCK, 1), blocks(dim)
            self.grid, self.shared_grid = (down, min(runs, GRID), few), (min(down, SHARES), min(runs, GRID), few)
            self.used = self.shared_grid[0]
        else:
            high = BLOCK // WARP
            self.threads, wide, down = (WARP, high), blocks(runs, WARP), blocks(dim, high)
            self.grid, self.shared_grid = (wide, min(down, DOWN), few), (wide, min(down, SHARES // high), few)
            self.used = self.shared_grid[1] * high
        self.runs = runs

    @contextmanager
    def edit(self, name: str) -> Iterator[np.ndarray]:
        """Give a copy of one of the arrays, such as "scalars", to be changed, and put it back on the card."""
        array = getattr(self, name)
        copy = array.copy_to_host()
        yield copy
        array.copy_to_device(copy)

    def __call__(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Make step ``t`` (from 1) of every run: change ``w`` in place, by the gradients ``g``, on a CUDA stream.

        Both are device arrays, (runs, dim) in the order "rows", else (dim, runs). The caller has written the learning
        rate and the other inputs of this step to ``scalars``.
        """
        self.begin(w, g, t, stream)
        for k in range(len(self.code.shares)):
            self.share(k, w, g, t, stream)
        self.apply(w, g, t, stream)

    # The parts of a step: a step on several arrays takes them one by one.

    def begin(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Multiply the powers, and take over the new values of shared slots; the arguments are those of a call."""
        if self.code.begin is not None:
            self.code.begin[blocks(self.runs), BLOCK, stream](*self._arguments(w, g, t))

    def share(self, k: int, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Compute the sums over parameters of group ``k``, an index of ``code.shares``."""
        group, whole = self.code.shares[k]
        first = sum(len(earlier) for earlier, _ in self.code.shares[:k])
        self.code.share[k][self.shared_grid, self.threads, stream](*self._arguments(w, g, t))
        total[blocks(self.runs), BLOCK, stream](self.partial[: len(group)], self.sums, first, self.used, whole)

    def apply(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Apply the rule to every parameter: change w and the state."""
        self.code.apply[self.grid, self.threads, stream](*self._arguments(w, g, t))

    def _arguments(self, w: Any, g: Any, t: int) -> SharedUpdateArguments:
        """Return the arguments of the rule's kernels."""
        return SharedUpdateArguments(
            w=w, g=g, state=self.state, scalars=self.scalars, powers=self.powers, sums=self.sums, blocks=self.table,
            partial=self.partial, t=t,
        )  # fmt: skip


class CudaChunks(ChunkedRule):
    """A rule on whole arrays on a GPU, in one stream. Raises PluginError for a rule that cannot run there."""

    def __init__(self, record: Optimizer, rows: Sequence[Any], shapes: Any, dtype: DtypeName, values: Any,
                 seed: int = 0, sizes: Sizes = ONE_EXAMPLE):  # fmt: skip
        """Make one chunk of each array, and put their global sums side by side."""
        super().__init__(record, rows, shapes, dtype, values, False, seed, sizes)
        if self.has_global_sums:  # the sums of all arrays side by side, so that a kernel can add them up
            self._sums = put(np.zeros((len(self.chunks), *self.chunks[0].update.sums.shape), self.dtype))
            for k, chunk in enumerate(self.chunks):
                chunk.update.sums = self._sums[k]

    def new_update(
        self, shapes: Sequence[tuple[int, ...]], values: list[Mapping[str, float]], roles: Sequence[str], place: int
    ) -> Update:
        return Update(self.record, "rows", shapes, self.dtype, values, roles, self.seed, place, self.sizes)

    def write_inputs(self, inputs: StepInputs) -> None:
        """Write what the rule sees of the next step to the rows of all ``scalars``, without waiting for the card."""
        names = self.record.inputs
        for chunk in self.chunks:
            rows = np.empty((len(names), chunk.update.runs), self.dtype)
            inputs.write_rows(names, rows)
            for row, values in enumerate(rows):
                chunk.update.scalars[row] = put(values)

    def step_chunks(self, present: Sequence[Chunk]) -> None:
        """Make one step of these chunks; sums over all parameters come first, group by group."""
        if not self.has_global_sums:
            for chunk in present:
                chunk.update(chunk.w, chunk.g, chunk.clock)
            return
        present_ids = set(map(id, present))
        members = put(np.array([id(chunk) in present_ids for chunk in self.chunks]))
        for chunk in present:
            chunk.update.begin(chunk.w, chunk.g, chunk.clock)
        first = 0
        for k, (group, whole) in enumerate(present[0].update.code.shares):
            for chunk in present:
                chunk.update.share(k, chunk.w, chunk.g, chunk.clock)
            if whole:
                across[1, 1](self._sums, members, first, len(group))
            first += len(group)
        for chunk in present:
            chunk.update.apply(chunk.w, chunk.g, chunk.clock)

    def make_first_step(self, chunk: Chunk, other: Chunk) -> None:
        """Make the first step of ``other`` along no gradient, and put its w back; ``chunk`` has made that step."""
        self.copy_shared(chunk, other)
        before, zeros = self.concatenate([other.w]), put(np.zeros(other.w.shape, self.dtype))
        for k, (_, whole) in enumerate(other.update.code.shares):
            if not whole:
                other.update.share(k, other.w, zeros, chunk.clock)
        other.update.apply(other.w, zeros, chunk.clock)
        other.w.copy_to_device(before)

    def copy_shared(self, chunk: Chunk, other: Chunk) -> None:
        """Copy powers, and the shared slots of the run, to ``other``, on the card."""
        for row in rows_of_run(self.record):
            other.update.scalars[row].copy_to_device(chunk.update.scalars[row])
        other.update.powers.copy_to_device(chunk.update.powers)

    def copy(self, source: Any, target: Any) -> None:
        target.copy_to_device(source)

    def concatenate(self, parts: list[Any]) -> Any:
        """Return a copy of the only part: arrays are whole on a GPU."""
        (part,) = parts
        return _copy_on_card(part)
