"""The figures of a report: which a sweep has, what their captions say, and pictures as files or as parts of a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from optbench import figures
from optbench.analysis import every_setting, failed, full_batch
from optbench.analysis.comparison import ALL
from optbench.analysis.selection import staged
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import batch_sizes, comparisons, highlights, maps, rank_diagram, raster, style, trajectories
from optbench.figures.data import ReportData
from optbench.figures.learning_rates import without_rates
from optbench.report.output import FORMATS, without_link, write_file
from optbench.wording import labels
from optbench.wording.answers import value_word

OVERALL = ""
"""The key of figures of all problems together."""
EXPLORED = ("curves", "rates", "best_of_n", "profiles", "divergence")
"""Kinds that are pictures on a static page only; elsewhere the explorer draws them."""
MIN_SIZES = 4
"""Batch sizes that a figure of a quantity against the batch size needs."""


def some_diverged(evidence: ReportData, problem: str) -> bool:
    """Return whether some runs diverged, at one of several rates."""
    runs = _runs(evidence, problem)
    return runs["lr"].nunique() > 1 and bool(failed(runs).any())


def tuned(evidence: ReportData, problem: str) -> bool:
    """Return whether some optimizer had more than two trials to choose from."""
    rows = evidence.answer.ranking
    return bool((rows.loc[rows["problem"] == problem, "trials"] > 2).any())


def many_mini_batches(evidence: ReportData, problem: str) -> bool:
    """Return whether enough mini-batch sizes were evaluated often enough to see their noise."""
    runs = _runs(evidence, problem)
    if runs.loc[~full_batch(runs), "batch_size"].nunique() < MIN_SIZES:
        return False
    try:
        return len(batch_sizes.noise_of_runs(evidence, problem, evidence.line_styles[problem])[0]) > 0
    except OptbenchError:  # evaluated too rarely, or all failed
        return False


def compared(evidence: ReportData, problem: Any) -> bool:
    """Return whether optimizers have ranks over all problems."""
    rows = evidence.answer.ranking
    return bool(rows.loc[rows["problem"] == ALL, "mean_rank"].notna().any())


def all_on_all(evidence: ReportData, problem: Any) -> bool:
    """Return whether every optimizer has held-out runs on every problem, as profiles need it."""
    runs, pairs = evidence.results.runs, evidence.chosen.groupby("problem")["optimizer"].nunique()
    return len(pairs) == runs["problem"].nunique() > 1 and bool((pairs == runs["optimizer"].nunique()).all())


def family(evidence: ReportData) -> str:
    """Return the family of problems with the most dimensions; empty if none has two."""
    problems = evidence.results.problems
    if "dim" not in problems or problems.empty:
        return ""
    counts = problems.groupby(problems["problem"].astype(str).str.partition("(")[0], sort=False)["dim"].nunique()
    return str(counts.idxmax()) if counts.max() > 1 else ""


def _runs(evidence: ReportData, problem: str) -> pd.DataFrame:
    runs = evidence.results.runs
    return every_setting(runs[runs["problem"] == problem])


def curves_caption(evidence: ReportData, problem: str) -> str:
    """Return the caption of `figures.curves`."""
    return _joined(
        "The best configuration of each optimizer (chosen on the tuning seeds). Line: median over the "
        f"{_seeds(evidence, evidence.best_of(problem))}. Band: the interval of that median. A failed run counts as "
        "infinitely bad from its last point on, so a line ends where half of the runs have failed. Markers only "
        "distinguish the lines.",
        _in_color(evidence, problem, "Gray: the medians of the others."),
    )


def rates_caption(evidence: ReportData, problem: str) -> str:
    """Return the caption of `figures.rates`."""
    table = evidence.by_rate[evidence.by_rate["problem"] == problem]
    level = "A level line: an optimizer that takes no learning rate (it was given a single one)."
    return _joined(
        "Each optimizer at each rate, with the batch size and schedule that were best at this rate on the tuning "
        f"seeds. Point: median over the {_seeds(evidence, table)}; bar: its interval; hollow: some runs failed, but "
        "fewer than half. Points and bars are moved a little sideways so that they do not hide each other. In the "
        "strip at the top, if there is one: rates at which half of the runs or more diverged, or ended above 1000 "
        "times the suboptimality at the start.",
        level if without_rates(table).any() else "",
        _in_color(evidence, problem, "Gray: the medians of the others, where they did not diverge."),
    )


def heatmap_caption(evidence: ReportData, problem: str) -> str:
    """Return the caption of `maps.heatmap_panels`."""
    looks = evidence.line_styles[problem]
    table = evidence.by_cell[evidence.by_cell["problem"] == problem]
    shown = table[table["optimizer"].isin(list(looks))]
    every = shown["batch_size"].nunique() * shown["schedule"].nunique() * len(looks)
    rule = _rule(evidence, problem)
    return _joined(
        f"log₁₀ of the median {value_word(evidence.results.choose_by)} over the {_seeds(evidence, table)}, each cell "
        "at the rate (and hyperparameters) that were best in this cell on the tuning seeds; lower is better. One color "
        "scale for all panels. Hatched: half of the runs or more failed. Framed: what is recommended for each "
        "optimizer in first place.",
        "Light gray: not run." if len(shown) < every else "",
        f"Shown: {rule}; color scale and frame refer to these only." if rule else "",
    )


def paths_caption(evidence: ReportData, problem: str) -> str:
    """Return the caption of `trajectories.path_panels`."""
    walks = evidence.trajectories(problem).values()
    whole, rule = {walk.every_step for walk in walks}, _rule(evidence, problem)
    every = "Every step is drawn; dots stand at the steps 1, 10, 100 and so on."
    few = "Dots are the evaluated steps, spaced evenly in the logarithm of the step: lines between them cut corners."
    drawn = few if whole == {False} else every
    if len(whole) > 1:
        drawn = f"{every} Of long runs that is not so: {few[0].lower()}{few[1:]}"
    return _joined(
        f"The best configuration of each optimizer, one run of seed {min(walk.seed for walk in walks)} each, from the "
        f"same start point. {drawn} Contours are spaced evenly in the logarithm of the loss above the minimum; darker "
        "is higher.",
        f"Shown: {rule}." if rule else "",
    )


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _rule(evidence: ReportData, problem: str) -> str:
    return highlights.highlight_rule(evidence.line_styles[problem], evidence.best_of(problem))


def _in_color(evidence: ReportData, problem: str, gray: str) -> str:
    """Return the sentences to add to a caption if only some optimizers are in color; "" if all are."""
    rule = _rule(evidence, problem)
    return f"In color: {rule}; the legend has them in this order, and the axes fit them. {gray}" if rule else ""


def _seeds(evidence: ReportData, shown: pd.DataFrame) -> str:
    """Return which seeds the numbers of a figure come from."""
    if shown["held_out"].all():
        return "held-out seeds"
    if staged(evidence.results.runs):
        return "tuning seeds (only chosen settings ran on others)"
    return "same seeds (there are no others)"


@dataclass(frozen=True)
class Kind:
    """A kind of figure, of one problem or of all together."""

    words: str
    """The text for readers who do not see the picture."""
    draw: Callable[[ReportData, Any], Figure]
    """Draws it from the evidence and the problem, which is None for a figure of all."""
    caption: Callable[[ReportData, Any], str] | str
    applies: Callable[[ReportData, Any], bool] = lambda evidence, problem: True
    """Returns whether the sweep has the data for it."""
    overall: bool = False

    def caption_of(self, evidence: ReportData, problem: Any) -> str:
        """Return the caption for a problem."""
        return self.caption if isinstance(self.caption, str) else self.caption(evidence, problem)


def _drawn_by(name: str) -> Callable[[ReportData, Any], Figure]:
    """Return a function that draws with the one of `optbench.figures` of that name, as `Kind.draw` needs it."""
    return lambda evidence, problem: getattr(figures, name)(evidence, problem).figure


KINDS = {
    "curves": Kind(
        "loss curves with intervals over seeds", _drawn_by("curves"), curves_caption,
        lambda evidence, problem: bool((evidence.bands["problem"] == problem).any()),
    ),
    "rates": Kind("final loss against learning rate", _drawn_by("rates"), rates_caption),
    "heatmap": Kind("final loss by batch size and schedule", maps.heatmap_panels, heatmap_caption),
    "paths": Kind(
        "paths over the contours of the loss", trajectories.path_panels, paths_caption,
        lambda evidence, problem: len(evidence.landscape(problem)) > 0 and bool(evidence.trajectories(problem)),
    ),
    "best_of_n": Kind("value of the best of n trials", _drawn_by("best_of_n"), comparisons.BEST_OF_N_CAPTION, tuned),
    "divergence": Kind(
        "share of runs that diverged, by learning rate and batch size", maps.divergence_panels, maps.DIVERGENCE_CAPTION,
        some_diverged,
    ),
    "batch_scaling": Kind(
        "steps to a target against batch size", _drawn_by("batch_scaling"), batch_sizes.SCALING_CAPTION,
        lambda evidence, problem: _runs(evidence, problem)["batch_size"].nunique() >= MIN_SIZES,
    ),
    "noise": Kind(
        "noise of the mini-batch cost against batch size",
        _drawn_by("noise"),
        batch_sizes.NOISE_CAPTION,
        many_mini_batches,
    ),
    "critical_difference": Kind(
        "mean ranks over all problems, and which are not different", _drawn_by("critical_difference"),
        rank_diagram.CAPTION, compared, overall=True,
    ),
    "profiles": Kind(
        "performance profiles over all problems", _drawn_by("profiles"), comparisons.PROFILES_CAPTION, all_on_all,
        overall=True,
    ),
    "time_per_step": Kind(
        "time of a step against the number of parameters",
        lambda evidence, problem: figures.time_per_step(evidence, family(evidence)).figure,
        comparisons.TIME_CAPTION, lambda evidence, problem: family(evidence) != "", overall=True,
    ),
}  # fmt: skip
"""Kinds of figures by name, in the order of a page."""


def write_pictures(
    evidence: ReportData,
    folder: Path,
    formats: Iterable[str] = ("png",),
    style_name: str = "screen",
    progress: Callable[[str], None] = lambda text: None,
) -> list[dict]:
    """Write every figure into `folder` as KIND-PROBLEM.png, .svg or .pdf, paths also as .gif, and their captions.

    Returns {files, caption, alt, kind, problem} of each. Raises OptbenchError for an unknown format or style.
    """
    formats = list(formats)
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    still = [name for name in formats if name != "gif"]
    folder.mkdir(parents=True, exist_ok=True)
    names, out, foot = _file_names(evidence), [], evidence.results.foot
    with style.detached(), style.styled(style_name):
        for kind, problem, about in _all(evidence, progress, None):
            stem = kind if problem == OVERALL else f"{kind}-{names[problem]}"
            paths = [f"{stem}.{ending}" for ending in still]
            if still:
                figure = KINDS[kind].draw(evidence, problem or None)
                for path in paths:
                    style.save(figure, without_link(folder / path), foot, about["alt"], about["caption"])
            if kind == "paths" and "gif" in formats:
                from optbench.figures.trajectories import animate_paths

                animate_paths(evidence, problem, without_link(folder / f"{stem}.gif"))
                paths.append(f"{stem}.gif")
            if paths:
                out.append({**about, "files": paths})
    texts = [f"{', '.join(each['files'])}\n{each['alt']}. {each['caption']}\n" for each in out]
    write_file(folder / "captions.txt", "\n".join([*texts, f"{foot}\n"]))
    return out


def embedded(
    evidence: ReportData,
    progress: Callable[[str], None] = lambda text: None,
    kinds: Collection[str] | None = None,
    most_bytes: int = 1_200_000,
) -> tuple[dict[str, list[dict]], int]:
    """Draw the pictures of a page: by problem, those of all problems under OVERALL; and count those left out.

    Each is {source, width, height, caption, alt, kind, problem}: a PNG of few colors as a data URI. An SVG of a path
    is ten times as large, and one of a heatmap twice. kinds: None is all. most_bytes: the size of all together.
    """
    out: dict[str, list[dict]] = {OVERALL: [], **{problem: [] for problem in _file_names(evidence)}}
    left_out = 0
    with style.detached(), style.styled():
        for kind, problem, about in _all(evidence, progress, kinds):
            if most_bytes < 0:  # drawing takes a moment
                left_out += 1
                continue
            picture = {**about, **_source(KINDS[kind].draw(evidence, problem or None), evidence.results.foot)}
            most_bytes -= len(picture["source"])
            if most_bytes >= 0:
                out[problem].append(picture)
            else:
                left_out += 1
    return out, left_out


def _file_names(evidence: ReportData) -> dict[str, str]:
    return labels.file_names(evidence.results.runs["problem"].unique())


def _all(
    evidence: ReportData, progress: Callable[[str], None], kinds: Collection[str] | None
) -> Iterator[tuple[str, str, dict]]:
    """Iterate over (kind, problem, its texts) of all figures: of all problems together, then of each problem."""
    for problem in (OVERALL, *_file_names(evidence)):
        key = problem or None
        wanted = {
            name: kind
            for name, kind in KINDS.items()
            if (kinds is None or name in kinds) and kind.overall == (key is None)
        }
        if wanted:
            progress(f"figures of {problem or 'all problems'}")
        for name, kind in wanted.items():
            if kind.applies(evidence, key):
                alt = f"{problem}: {kind.words}" if problem else kind.words
                about = {"kind": name, "problem": problem, "alt": alt, "caption": kind.caption_of(evidence, key)}
                yield name, problem, about


def _source(figure: Figure, foot: str) -> dict:
    """Return the picture as a data URI, `source`, with `width` and `height` in CSS pixels; `foot` is written below it.

    The PNG has the style's dots per inch, a CSS pixel is 1/96 inch.
    """
    style.write_foot(figure, foot)
    content = io.BytesIO()
    picture = raster.image_of(raster.render(figure, style.current().dpi))
    raster.quantized(picture).save(content, "PNG", compress_level=6)
    width, height = figure.get_size_inches() * 96
    source = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
    return {"source": source, "width": round(width), "height": round(height)}
