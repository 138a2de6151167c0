"""Code of a card's settings for PyTorch, optax and Keras, as far as what they name is still there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.contract.equals import LIBRARIES
from optbench.contract.errors import OptbenchError
from optbench.sweeps import spec_files
from optbench.sweeps.results import Results
from optbench.translation.code import written
from optbench.translation.setting import WORDS, Setting, equal_of


class Carrier:
    """What can be said in other libraries of the rows of one sweep.

    Args:
        results: the sweep, whose plug-ins are read again where they are as they were.
    """

    def __init__(self, results: Results):
        self.runs = results.runs
        self.catalogue = _catalogue(results)

    def codes(self, row: Mapping, hyperparameters: Sequence[str]) -> list[dict]:
        """The code of a setting for each library.

        Args:
            row: of the best settings: problem, optimizer, schedule, rate, batch size, values of hyperparameters.
            hyperparameters: the columns that hold values.

        Returns:
            A dictionary each with the library's name, whether it takes the same steps, and the code; none for what
            cannot be said any more.
        """
        try:
            record, _ = self.catalogue.optimizer(row["optimizer"])
            values = {key: row[key] for key in hyperparameters if not _is_empty(row[key])}
            size = "full" if row["full_batch"] else int(row["batch_size"])
            setting = Setting(
                record, record.with_values(values), float(row["lr"]) if not _is_empty(row["lr"]) else 1.0,
                self.catalogue.schedule(row["schedule"]), size, self._epochs(row),
            )  # fmt: skip
        except OptbenchError:
            return []
        return [part for library in LIBRARIES for part in _code(setting, library)]

    def _epochs(self, row: Mapping) -> int:
        """The passes over the data that its runs took, the last one as a whole."""
        same = (self.runs["problem"] == row["problem"]) & (self.runs["optimizer"] == row["optimizer"])
        same &= self.runs["batch_size"] == row["batch_size"]
        epochs = self.runs.loc[same, "epochs"].max()
        return max(1, math.ceil(epochs - 1e-9)) if math.isfinite(epochs) else 1


def _code(setting: Setting, library: str) -> list[dict]:
    try:
        equal = equal_of(setting, library).call is not None
        return [{"name": WORDS[library], "equal": equal, "code": written(setting, library)}]
    except OptbenchError:  # an optimizer of another library, or a schedule whose source is gone
        return []


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _catalogue(results: Results) -> Catalogue:
    """With the sweep's plug-ins, where they are still there and as they were."""
    known = set((results.provenance.get("plugins") or {}).values())
    try:
        files = spec_files.read(results.directory / "spec.toml").plugins
        catalogue = loader.load(tuple(files))
        if all(digest in known for _, digest in _digests(catalogue)):
            return catalogue
    except (OptbenchError, OSError, AttributeError, TypeError):
        pass
    return loader.load()


def _digests(catalogue: Catalogue) -> list[tuple[str, str]]:
    shipped = set(loader.shipped_files())
    return [(key, catalogue.hashes[key]) for key, path in catalogue.files.items() if path not in shipped]
