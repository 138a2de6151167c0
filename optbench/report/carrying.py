"""Code of a card's settings for PyTorch, optax and Keras, as far as what they name is still there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.contract.equals import LIBRARIES
from optbench.contract.errors import OptbenchError
from optbench.contract.names import number_text
from optbench.sweeps import spec_files
from optbench.sweeps.manifest import digest_of
from optbench.sweeps.results import Results
from optbench.translation.code import written
from optbench.translation.places import WORDS
from optbench.translation.setting import Setting, equal_of


class Carrier:
    """What can be said in other libraries of the rows of one sweep.

    Args:
        results: the sweep, whose plug-ins are read again where they are as they were.
    """

    def __init__(self, results: Results):
        self.runs = results.runs
        self.catalogue, self.changed = _catalogue(results)

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
                self.catalogue.schedule(row["schedule"]), size, *self._epochs(row),
            )  # fmt: skip
        except Exception:  # of a plug-in, or of a library: for want of a fold no page is lost
            return []
        return [part for library in LIBRARIES for part in _code(setting, library)]

    def gone(self, codes: Sequence[dict]) -> str:
        """Why a setting has no code, where a file of the user's is the reason.

        Args:
            codes: what :meth:`codes` gave for it.

        Returns:
            A few words; empty where there is code, or another reason.
        """
        if codes or not self.changed:
            return ""
        return f"no code, for {', '.join(self.changed)} {'is' if len(self.changed) == 1 else 'are'} not as in the sweep"

    def _epochs(self, row: Mapping) -> tuple[int, str]:
        """The passes over the data that its runs took, the last one as a whole; and a remark where it was none."""
        same = (self.runs["problem"] == row["problem"]) & (self.runs["optimizer"] == row["optimizer"])
        same &= self.runs["batch_size"] == row["batch_size"]
        epochs = float(self.runs.loc[same, "epochs"].max())
        if not math.isfinite(epochs):
            return 1, ""
        whole = max(1, math.ceil(epochs - 1e-9))
        if whole - epochs < 1e-6:
            return whole, ""
        return (
            whole,
            f"The sweep ran {number_text(round(epochs, 3))} epochs; a schedule is stretched here to whole ones.",
        )


def _code(setting: Setting, library: str) -> list[dict]:
    try:
        equal = equal_of(setting, library).call is not None
        return [{"name": WORDS[library], "equal": equal, "code": written(setting, library)}]
    except Exception:  # an optimizer of another library, a schedule whose source is gone, or what nobody thought of
        return []


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _catalogue(results: Results) -> tuple[Catalogue, list[str]]:
    """With the sweep's plug-ins, where they are still there and as they were; and the names of those that are not."""
    known, changed = set((results.provenance.get("plugins") or {}).values()), []
    try:
        files = spec_files.read(results.directory / "spec.toml").plugins
        changed = [path.name for path in map(Path, files) if not path.is_file() or digest_of(path) not in known]
        catalogue, shipped = loader.load(tuple(files)), set(loader.shipped_files())
        if all(catalogue.hashes[key] in known for key, path in catalogue.files.items() if path not in shipped):
            return catalogue, []
    except (OptbenchError, OSError, AttributeError, TypeError):
        pass
    return loader.load(), changed
