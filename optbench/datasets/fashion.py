"""Fashion-MNIST, from its four files in the idx format of MNIST."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.datasets.copies import copy_of
from optbench.datasets.record import Entry, Raw

_SYSTEM = "/usr/share/datasets/fashion-mnist"  # where Debian's package dataset-fashion-mnist puts them
_IDX = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def fashion_files(path: str) -> list[Path]:
    """Return the four files of Fashion-MNIST, in the order of _IDX; path: their folder, "" for the usual ones.

    Raises OptbenchError if no folder has all of them.
    """
    folders = [path] if path else [os.environ.get("OPTBENCH_DATA", ""), _SYSTEM]
    for folder in filter(None, (copy_of(path), *(Path(each).expanduser() for each in folders if each))):
        found = [next(filter(Path.is_file, (folder / name, folder / f"{name}.gz")), None) for name in _IDX]
        if all(found):
            return found
    raise OptbenchError(
        f"data set fashion_mnist: no files {_IDX[0]} (or .gz) and so on in {' or '.join(filter(None, folders))}; "
        "say where: fashion_mnist(path=FOLDER)"
    )


def _fashion_mnist(path):
    """60,000 training and 10,000 test images of clothes, in the four idx files of a folder: ``path``, or that of the
    environment variable OPTBENCH_DATA, or the one of Debian's package dataset-fashion-mnist.
    """
    x, y, x_test, y_test = (_idx(file) for file in fashion_files(path))
    if y.shape != x.shape[:1] or y_test.shape != x_test.shape[:1] or x.shape[1:] != x_test.shape[1:]:
        raise OptbenchError("data set fashion_mnist: the numbers of images and labels differ")
    if max(y.max(initial=0), y_test.max(initial=0)) > 9:
        raise OptbenchError("data set fashion_mnist: there are labels above 9")
    pairs = [(images.reshape(len(images), -1) / 255.0, labels) for images, labels in ((x, y), (x_test, y_test))]
    source = "Xiao, Rasul & Vollgraf 2017: 60,000 training and 10,000 test images of 28 x 28, 10 kinds of clothes"
    return Raw(*pairs[0], 10, source, test=pairs[1], scaled=True, target="target: the kind of clothes")


def _idx(place):
    """Read an array in the idx format of MNIST: 0, 0, the type (8: bytes), the number of axes, their lengths, data."""
    try:
        with (gzip.open if place.suffix == ".gz" else open)(place, "rb") as file:
            zero, kind, axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            data = np.frombuffer(file.read(), np.uint8)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise OptbenchError(f"data set fashion_mnist: {place} cannot be read: {in_one_line(error)}") from error
    if zero or kind != 8 or data.size != math.prod(shape):
        raise OptbenchError(f"data set fashion_mnist: {place} is not a whole idx file of bytes")
    return data.reshape(shape)


SETS = {
    "fashion_mnist": Entry(
        _fashion_mnist, {"path": ""}, 70_000, 784, "10 classes",
        "Xiao, Rasul & Vollgraf 2017: 28 x 28 images of clothes, from its files in a folder of yours",
    ),
}  # fmt: skip
