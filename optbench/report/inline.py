"""Pictures inside the page: small PNGs as data URIs, as many as one file has room for."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from optbench.figures.evidence import Evidence
from optbench.report.pictures import draw_figures

COLORS = 128
"""Of a picture's palette: a third of the size, and no difference that is seen."""


def embedded(
    evidence: Evidence, progress: Callable[[str], None], kinds: tuple[str, ...] | None, room: int
) -> tuple[dict[str, list[dict]], int]:
    """For each problem its pictures: {source, alt, caption, width, height}; and how many problems had no room.

    kinds: those that are wanted; None: all. room: bytes for all of them together.
    """
    with TemporaryDirectory() as folder:
        drawn = draw_figures(evidence, Path(folder), progress)
        out: dict[str, list[dict]] = {}
        undrawn = 0
        for problem, pictures in drawn.items():
            wanted = [each for each in pictures if kinds is None or each["kind"] in kinds]
            sources = [{**each, **_source(Path(folder) / each["file"])} for each in wanted]
            size = sum(len(each["source"]) for each in sources)
            out[problem] = sources if size <= room else []
            undrawn += size > room
            room -= size if size <= room else 0
    return out, undrawn


def _source(file: Path) -> dict:
    with Image.open(file) as picture:
        width, height = picture.size
        small = io.BytesIO()
        picture.convert("RGB").quantize(COLORS).save(small, "PNG", optimize=False)
    text = base64.b64encode(small.getvalue()).decode("ascii")
    return {"source": f"data:image/png;base64,{text}", "width": width // 2, "height": height // 2}
