"""What a report is to have besides its page, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optbench.contract.errors import OptbenchError, unknown

FORMATS = ("png", "svg", "pdf", "gif")
STYLES = ("screen", "paper", "slides")
TABLES = ("csv", "tex")


@dataclass(frozen=True)
class Options:
    """Raises OptbenchError for a value that there is not, with the nearest one that there is."""

    out: Path | None = None
    """The file of the page, or its folder; None: the folder `report` of the results."""
    static: bool = False
    """Without foreign script: all figures are pictures."""
    formats: Sequence[str] = ()
    """Of the picture files beside the page; none: no files."""
    style: str = "screen"
    """Of these."""
    tables: Sequence[str] = ()
    """Formats of the tables beside the page."""

    def __post_init__(self) -> None:
        for kind, names, valid in (
            ("format of pictures", self.formats, FORMATS),
            ("style of pictures", (self.style,), STYLES),
            ("format of tables", self.tables, TABLES),
        ):
            for name in names:
                if name not in valid:
                    raise unknown(kind, name, valid)

    def page(self, usual: Path, name: str = "index.html") -> Path:
        """The file of the page; `usual` is its folder where nothing was asked for."""
        if self.out is None:
            return usual / name
        if self.out.suffix.lower() in (".html", ".htm") and not self.out.is_dir():
            return self.out
        if self.out.is_file():
            raise OptbenchError(f"--out: {str(self.out)!r} is a file that is no page: name a folder, or a file.html")
        return self.out / name
