"""A set for logistic regression that may be larger than the memory: generated once, kept in files, mapped from there.

The files stand in the cache, one folder a set and one folder in it a dtype. They are written in pieces.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from optbench.contract import resources
from optbench.contract.arguments import MOST_EXAMPLES
from optbench.contract.errors import OptbenchError
from optbench.datasets.cache import cache_folder, file_error, write_atomically
from optbench.datasets.generated import require, require_memory
from optbench.datasets.record import Dataset, Entry

_VERSION = 1  # of what is generated: with the next one, files of this one are no longer found
_PIECE = 1 << 16  # examples generated at a time, each piece from a stream of its own
# Validation and test examples: the standard error of an accuracy is then below 0.25%
_MOST_HELD_OUT = 100_000
_OWNER = "data set mapped"


@dataclass(frozen=True)
class Mapped:
    """Rows [first, last) of a set's features: an array to NumPy, a view of the file of the dtype that is asked for.

    Writing to the view changes no file (copy on write).
    """

    files: "Files"
    first: int
    last: int

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Return the rows as an array: for float64 and float32 a view of the file, unless ``copy`` is True."""
        dtype = np.dtype(dtype or float)
        if dtype not in (np.float64, np.float32):
            return np.asarray(self).astype(dtype)
        view = np.asarray(self.files.array("x", dtype.name)[self.first : self.last])
        return view.copy() if copy else view

    def __len__(self):
        """Return the number of rows."""
        return self.last - self.first

    def __getitem__(self, index):
        """Return rows or elements of the float64 array, as NumPy indexes it."""
        return np.asarray(self)[index]

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, features + 1): the last column is ones."""
        return np.asarray(self).shape

    dtype = np.dtype(float)
    known_finite = True
    """Generated so: no check needs to read all of it."""

    @property
    def features(self) -> int:
        """The number of features without the last column, which is ones."""
        return self.files.features


@dataclass(frozen=True)
class Files:
    """The files of a set's arrays: x (rows, features + 1), its last column ones, and y (rows,), 0 or 1.

    x is there in each dtype that was asked for, y in float64 alone.
    """

    folder: Path
    rows: int
    features: int
    seed: int

    @lru_cache(maxsize=8)  # noqa: B019  # maps, which cost nothing to keep
    def array(self, name: str, dtype: str) -> np.memmap:
        """Return the array "x" or "y" of the set from its file, which is written if it is not there.

        Raises OptbenchError if that fails.
        """
        folder = self.folder / dtype
        if not folder.is_dir():
            size = np.dtype(dtype).itemsize * self.rows * (self.features + 2)
            resources.need_disk(f"data set mapped: {self.rows:,} examples of {self.features:,} features", folder, size)
            write_atomically(folder, lambda place: self._write(place, dtype), _OWNER)
        try:
            array = np.load(folder / f"{name}.npy", mmap_mode="c")
        except (OSError, ValueError, EOFError) as error:
            raise file_error(_OWNER, "read", folder, error) from error
        if array.shape != self._shape(name) or array.dtype != dtype:
            raise OptbenchError(f"data set mapped: {folder} holds another array; delete the folder")
        return array

    def _write(self, place, dtype) -> None:
        """Write the arrays x and y piece by piece into the folder ``place``; y for float64 only."""
        # Into files, not into maps of them: on a full disk that is an error, where a map would kill the process.
        place.mkdir()
        with contextlib.ExitStack() as opened:
            files = {}
            for name in ("x", "y") if dtype == "float64" else ("x",):
                files[name] = opened.enter_context((place / f"{name}.npy").open("wb"))
                header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": self._shape(name)}
                np.lib.format.write_array_header_1_0(files[name], header)
            for piece in self._pieces():
                for name, file in files.items():
                    file.write(piece[name].astype(dtype, copy=False).data)

    def _shape(self, name) -> tuple[int, ...]:
        """Return the shape of the array x or y."""
        return (self.rows, self.features + 1) if name == "x" else (self.rows,)

    def _pieces(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield normal x, and y = 1 with probability 1 / (1 + exp(-x'v)) for a random v of length 2, piece by piece."""
        teacher = np.random.default_rng([self.seed, 0]).standard_normal(self.features)
        teacher *= 2 / np.linalg.norm(teacher)
        for number, first in enumerate(range(0, self.rows, _PIECE), start=1):
            rng = np.random.default_rng([self.seed, number])
            x = np.ones((_PIECE, self.features + 1))
            x[:, :-1] = rng.standard_normal((_PIECE, self.features))
            y = rng.random(_PIECE) < 1 / (1 + np.exp(-(x[:, :-1] @ teacher)))
            count = min(_PIECE, self.rows - first)
            yield {"x": x[:count], "y": y[:count].astype(float)}


def with_intercept(data: Dataset) -> tuple:
    """Return (x, x_validation, x_test) with ones as the last column; x_validation may be None.

    A mapped set has the column already, and is not copied.
    """
    parts = data.x, data.x_validation, data.x_test
    if isinstance(data.x, Mapped):
        return parts
    return tuple(None if part is None else np.column_stack([part, np.ones(len(part))]) for part in parts)


def load_or_compute(data: Dataset, key: str, compute: Callable, valid: Callable) -> np.ndarray:
    """Return ``compute()``, an array; for a mapped set, keep it beside its files, and read it from there next time.

    ``key``: the name of the file. ``valid``: array -> whether a stored one can be used.
    """
    if not isinstance(data.x, Mapped):
        return compute()
    path = data.x.files.folder / f"{key}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        kept = np.load(path)
        if valid(kept):
            return kept
    value = compute()
    write_atomically(path, lambda place: np.save(place, value), _OWNER)
    return value


def _mapped(examples, features, seed) -> Dataset:
    """Logistic regression on normal features; a fifth as many are held out, at most 100,000: half to validate, half to
    test.

    Features come with a last column of ones for the intercept, and unscaled (they are normal by construction), so that
    nothing has to be copied.
    """
    rows = examples + min(max(examples // 5, 1), _MOST_HELD_OUT)
    require("mapped", rows <= MOST_EXAMPLES, f"examples={examples} must be below {MOST_EXAMPLES - _MOST_HELD_OUT:,}")
    require_memory("mapped", _PIECE, features + 1)
    files = Files(cache_folder() / f"mapped-{rows}x{features}-{seed}-v{_VERSION}", rows, features, seed)
    y = np.asarray(files.array("y", "float64"))
    middle = examples + (rows - examples) // 2
    source = f"generated: {examples:,} normal examples, labels from a logistic model, mapped from files"
    validation = (Mapped(files, examples, middle), y[examples:middle]) if middle > examples else (None, None)
    return Dataset(
        Mapped(files, 0, examples), y[:examples], Mapped(files, middle, rows), y[middle:], 2, source,
        x_validation=validation[0], y_validation=validation[1],
        target="target: drawn from a logistic model (2 classes)",
    )  # fmt: skip


SETS = {
    "mapped": Entry(
        _mapped, {"examples": 20_000, "features": 20, "seed": 0}, 24_000, 20, "2 classes",
        "of any size, for logistic: kept in files below OPTBENCH_DATA, and read from there",
    ),
}  # fmt: skip
