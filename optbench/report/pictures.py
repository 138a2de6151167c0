"""All figures of a report as pictures: files in the formats that are asked for, or parts of the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from optbench.contract.errors import unknown
from optbench.figures import dots, style, styles
from optbench.figures.evidence import Evidence
from optbench.report.filling import without_link, write_file
from optbench.report.kinds import KINDS
from optbench.report.options import FORMATS
from optbench.wording import labels

OVERALL = ""
"""Where a page has the figures of all problems together."""


def write_pictures(
    evidence: Evidence,
    folder: Path,
    formats: Iterable[str] = ("png",),
    style_name: str = "screen",
    progress: Callable[[str], None] = lambda text: None,
) -> list[dict]:
    """Write every figure into `folder` as KIND-PROBLEM.png, .svg or .pdf, paths as .gif, too, and their captions.

    Returns what was written: {files, caption, alt, kind, problem}. Raises OptbenchError for a format or a style that
    there is not.
    """
    formats = list(formats)
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    still = [name for name in formats if name != "gif"]
    folder.mkdir(parents=True, exist_ok=True)
    names, out, foot = _file_names(evidence), [], evidence.results.foot
    with styles.apart(), styles.styled(style_name):
        for kind, problem, about in _all(evidence, progress, None):
            stem = kind if problem == OVERALL else f"{kind}-{names[problem]}"
            files = [f"{stem}.{ending}" for ending in still]
            if still:
                figure = KINDS[kind].draw(evidence, problem or None)
                for file in files:
                    style.save(figure, without_link(folder / file), foot, about["alt"], about["caption"])
            if kind == "paths" and "gif" in formats:
                from optbench.figures.animation import animate_paths

                animate_paths(evidence, problem, without_link(folder / f"{stem}.gif"))
                files.append(f"{stem}.gif")
            if files:
                out.append({**about, "files": files})
    texts = [f"{', '.join(each['files'])}\n{each['alt']}. {each['caption']}\n" for each in out]
    write_file(folder / "captions.txt", "\n".join([*texts, f"{foot}\n"]))
    return out


def embedded(
    evidence: Evidence,
    progress: Callable[[str], None] = lambda text: None,
    kinds: Collection[str] | None = None,
    room: int = 1_200_000,
) -> tuple[dict[str, list[dict]], int]:
    """By problem its pictures for a page, those of all problems together under OVERALL; and how many had no room.

    Each is {source, width, height, caption, alt, kind, problem}: a PNG of few colors as a data URI. An SVG of a path
    is ten times as large, and one of a heatmap twice. kinds: those that are wanted; None: all. room: bytes for all.
    """
    out: dict[str, list[dict]] = {OVERALL: [], **{problem: [] for problem in _file_names(evidence)}}
    left_out = 0
    with styles.apart(), styles.styled():
        for kind, problem, about in _all(evidence, progress, kinds):
            if room < 0:  # not drawn at all, for each takes a moment
                left_out += 1
                continue
            picture = {**about, **_source(KINDS[kind].draw(evidence, problem or None), evidence.results.foot)}
            room -= len(picture["source"])
            if room >= 0:
                out[problem].append(picture)
            else:
                left_out += 1
    return out, left_out


def _file_names(evidence: Evidence) -> dict[str, str]:
    return labels.file_names(evidence.results.runs["problem"].unique())


def _all(
    evidence: Evidence, progress: Callable[[str], None], kinds: Collection[str] | None
) -> Iterator[tuple[str, str, dict]]:
    """(kind, problem, what is said about it) of all figures that there are: of all problems together, then of each."""
    for problem in (OVERALL, *_file_names(evidence)):
        key = problem or None
        wanted = {name: kind for name, kind in KINDS.items() if (kinds is None or name in kinds)}
        wanted = {name: kind for name, kind in wanted.items() if kind.overall == (key is None)}
        if wanted:
            progress(f"figures of {problem or 'all problems'}")
        for name, kind in wanted.items():
            if kind.there(evidence, key):
                alt = f"{problem}: {kind.words}" if problem else kind.words
                about = {"kind": name, "problem": problem, "alt": alt, "caption": kind.caption(evidence, key)}
                yield name, problem, about


def _source(figure: Figure, foot: str) -> dict:
    """The picture as a data URI, with its size on the page, where a dot is half as large as in the picture."""
    style.write_foot(figure, foot)
    content = io.BytesIO()
    picture = dots.picture_of(dots.canvas_of(figure, styles.current().dpi))
    dots.in_few_colors(picture).save(content, "PNG", compress_level=6)
    width, height = figure.get_size_inches() * 96
    source = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
    return {"source": source, "width": round(width), "height": round(height)}
