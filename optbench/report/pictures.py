"""The figures of a report: which a sweep has, what their captions say, and pictures as files or as parts of a page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench import figures
from optbench.analysis import find_failed_runs, find_full_batch_runs, select_screening_runs
from optbench.analysis.batch_scaling import select_batch_runs
from optbench.analysis.selection import is_staged
from optbench.analysis.verdicts import ALL
from optbench.contract.arguments import one_of
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.names import count_noun
from optbench.figures import (
    answer_matrix,
    batch_sizes,
    contour_paths,
    forest_plot,
    maps,
    rank_diagram,
    style,
    tuning_and_time,
)
from optbench.figures.data import ReportData
from optbench.figures.loss_curves import without_rates
from optbench.figures.shown_optimizers import describe_selection
from optbench.report.report_files import FORMATS, without_link, write_file
from optbench.wording.answers import describe_unequal_trials, name_measure
from optbench.wording.headlines import headline
from optbench.wording.judged import describe_best

OVERALL = ""
"""The key of figures of all problems together."""
ANSWERS = ("matrix", "forest")
"""Kinds that show the answer, which a page has as text."""
MIN_SIZES = 4
"""Batch sizes that a figure of a quantity against the batch size needs."""


def _caption_curves(data: ReportData, problem: str) -> str:
    """Return the caption of `figures.curves`."""
    return _join(
        f"The recommended setting of each optimizer. Line: median over the "
        f"{_describe_seeds(data, data.best_of(problem))}. Band: the interval of that median. A failed run counts as "
        "infinitely bad from its last point on, so a line ends where half of the runs have failed. Where "
        "evaluations are close together in the last fifth of a run, a line ends at the mean over them. Markers only "
        "distinguish the lines; names stand in the order of their ends. What verdicts judge is marked: the target, or "
        "the last fifth of a run in gray.",
        f"Verdicts and their ratios are geometric means over {_name_units(data)}, and may order the lines otherwise."
        if data.answer.drawn_anew
        else "",
        _describe_colors(data, problem, "Gray: the medians of the others."),
    )


def _name_units(data: ReportData) -> str:
    """Return what verdicts are means over: seeds in common, or blocks that tune by themselves."""
    return "seeds in common" if data.answer.in_common else "blocks, each with a setting of its own"


def _caption_rates(data: ReportData, problem: str) -> str:
    """Return the caption of `figures.rates`."""
    table = data.by_rate[data.by_rate["problem"] == problem]
    level = "A level line: an optimizer that takes no learning rate (it was given a single one)."
    if data.rate_step:
        which = "" if data.results.searched else " with the recommended batch size and schedule of its optimizer"
        points = f"Each rate that ran{which}, on the seed of the block that drew it."
    else:
        points = (
            "Each optimizer at each rate, with the batch size and schedule that were best at this rate on the tuning "
            f"seeds. Point: median over the {_describe_seeds(data, table)}; bar: its interval; hollow: some runs "
            "failed, but fewer than half."
        )
    return _join(
        f"{points} Large, with a dark edge: the recommended setting, on the seeds that report. In the strip at the "
        "top, if there is one: rates at which half of the runs or more diverged, or ended above 1000 times the "
        "suboptimality at the start.",
        level if without_rates(table, data.results.incumbents).any() else "",
        _describe_colors(data, problem, "Gray: the medians of the others, where they did not diverge."),
    )


def _caption_heatmaps(data: ReportData, problem: str) -> str:
    """Return the caption of `maps.draw_heatmaps`."""
    optimizers = list(data.line_styles[problem])
    table = data.judged_cells[data.judged_cells["problem"] == problem]
    shown = table[table["optimizer"].isin(optimizers)]
    every = shown["batch_size"].nunique() * shown["schedule"].nunique() * len(optimizers)
    rule = _describe_rule(data, problem)
    by_target = math.isfinite(data.target(problem))
    value = data.name_value(problem) if by_target else name_measure(data.shown_measure)
    return _join(
        f"The median of {value}, over the {_describe_seeds(data, table)}, as times the best cell. Each cell is of "
        f"{count_noun(table['n'].max(), 'run')}, at the rate (and hyperparameters) that were best in it on the tuning "
        f"seeds. {_describe_bins(data)}One color scale for all panels. Framed: the recommended setting, chosen by "
        f"{name_measure(data.choose_by)}; another cell may be better here.",
        "Never: half of the runs or more miss the target." if by_target else "",
        "Failed: half of the runs or more did." if np.isinf(shown["median"]).any() else "",
        "Pale: fewer runs than in other cells, as many as it says, so that it may look best by luck; 1× is the best of "
        "the others."
        if shown["few"].any()
        else "",
        _describe_widened(data, problem),
        "Hatched: not run." if len(shown) < every else "",
        f"Shown: {rule}; color scale and frame refer to these only." if rule else "",
    )


def _caption_paths(data: ReportData, problem: str) -> str:
    """Return the caption of `trajectories.draw_path_panels`."""
    paths = data.trajectories(problem).values()
    whole, rule = {path.every_step for path in paths}, _describe_rule(data, problem)
    every = "Every step is drawn; dots stand at the steps 1, 10, 100 and so on."
    few = "Dots are the evaluated steps, spaced evenly in the logarithm of the step: lines between them cut corners."
    drawn = few if whole == {False} else every
    if len(whole) > 1:
        drawn = f"{every} In long runs not every step is: {few[0].lower()}{few[1:]}"
    return _join(
        f"The recommended setting of each optimizer, one run each (seed {min(path.seed for path in paths)}), from the "
        f"same start point. {drawn} Contours are spaced evenly in the logarithm of the loss above the minimum; darker "
        "is higher.",
        f"Shown: {rule}." if rule else "",
    )


def _join(*parts: str) -> str:
    """Return the sentences that are not empty as one text."""
    return " ".join(filter(None, parts))


def _describe_rule(data: ReportData, problem: str) -> str:
    """Return the words of `describe_selection` for a figure of one problem; "" if all optimizers are in color."""
    return describe_selection(data.line_styles[problem], data.best_of(problem), data.results.own)


def _describe_colors(data: ReportData, problem: str, gray: str) -> str:
    """Return the sentences of a caption about colors; "" if all optimizers are in color.

    gray: a further sentence, about the optimizers in gray.
    """
    rule = _describe_rule(data, problem)
    return f"In color: {rule}; the legend has them in this order, and the axes fit them. {gray}" if rule else ""


def _describe_bins(data: ReportData) -> str:
    """Return the sentence, with a space behind, on rates that blocks drew for themselves; "" if they share theirs."""
    if not data.rate_step:
        return ""
    if data.results.searched:
        return "Each block drew its own trials: those within a quarter of a decade of a rate count as having it. "
    return "Each block moved the grid of rates: those within half a step of a rate count as having it. "


def _describe_widened(data: ReportData, problem: str) -> str:
    """Return the sentence on cells that only some blocks ran, as their search went on there; "" if there are none."""
    runs = data.results.runs
    widened = "stage" in runs and bool(((runs["problem"] == problem) & (runs["stage"] == "widen")).any())
    return "A cell beyond the sizes of the sweep comes from those blocks alone whose search went on." if widened else ""


def _describe_seeds(data: ReportData, shown: pd.DataFrame) -> str:
    """Return the words for the seeds that a figure's numbers come from, such as "held-out seeds".

    shown: the settings that it shows, with the column held_out.
    """
    if shown["held_out"].all():
        return "held-out seeds"
    if is_staged(data.results.runs):
        return "seeds that tune, one in each block (only recommended settings were re-run on fresh seeds)"
    return "same seeds (there are no others)"


def _select_tuning_runs(data: ReportData, problem: str) -> pd.DataFrame:
    """Return the rows of ``runs`` on a problem at the seeds that every setting ran on."""
    runs = data.results.runs
    return select_screening_runs(runs[runs["problem"] == problem])


def _has_cells(data: ReportData, problem: str) -> bool:
    """Return True if settings are a grid with several batch sizes or schedules.

    A single cell would pool all settings, and of random trials a cell is the best single run that hit it.
    """
    cells = data.by_cell[data.by_cell["problem"] == problem]
    return not data.results.searched and len(cells[["batch_size", "schedule"]].drop_duplicates()) > 1


def _has_trials(data: ReportData, problem: str) -> bool:
    """Return True if some optimizer had more than two trials to choose from."""
    rows = data.answer.ranking
    return bool((rows.loc[rows["problem"] == problem, "trials"] > 2).any())


def _has_divergence(data: ReportData, problem: str) -> bool:
    """Return True if the settings have several rates, and some of their runs failed."""
    runs = _select_tuning_runs(data, problem)
    return runs["lr"].nunique() > 1 and bool(find_failed_runs(runs).any())


def _has_sizes(data: ReportData, problem: str) -> bool:
    """Return True if some optimizer has enough batch sizes, measured on fresh seeds, for a figure against them."""
    runs = data.results.runs[data.results.runs["problem"] == problem]
    if is_staged(runs):
        try:
            runs = select_batch_runs(runs, list(data.line_styles[problem]), data.choose_by)
        except OptbenchError:
            return False
    return bool(runs.groupby("optimizer")["batch_size"].nunique().max() >= MIN_SIZES)


def _has_mini_batches(data: ReportData, problem: str) -> bool:
    """Return True if enough mini-batch sizes were evaluated often enough to measure their noise."""
    runs = _select_tuning_runs(data, problem)
    sizes = runs.loc[~find_full_batch_runs(runs), "batch_size"].nunique()
    return sizes >= MIN_SIZES and batch_sizes.has_noise(data, problem, MIN_SIZES)


def _has_mean_ranks(data: ReportData, problem: str) -> bool:
    """Return True if optimizers have ranks over all problems."""
    rows = data.answer.ranking
    return bool(rows.loc[rows["problem"] == ALL, "mean_rank"].notna().any())


def _has_all_pairs(data: ReportData, problem: str) -> bool:
    """Return True if every optimizer has a recommended setting on every problem, of several."""
    problems, optimizers = (data.results.runs[name].nunique() for name in ("problem", "optimizer"))
    return problems > 1 and len(data.answer.best) == problems * optimizers


def _find_family(data: ReportData) -> str:
    """Return the family of problems that ran in the most dimensions, "quadratic"; "" if none ran in two."""
    problems = data.results.problems
    if "dim" not in problems or problems.empty:
        return ""
    counts = problems.groupby(problems["problem"].astype(str).str.partition("(")[0], sort=False)["dim"].nunique()
    return str(counts.idxmax()) if counts.max() > 1 else ""


@dataclass(frozen=True)
class Kind:
    """A kind of figure, of one problem or of all together."""

    words: str
    """What it is called."""
    draw: Callable[[ReportData, str], Figure]
    """Draws it from the data and the problem, which is OVERALL for a figure of all."""
    caption: Callable[[ReportData, str], str] | str
    applies: Callable[[ReportData, str], bool] = lambda data, problem: True
    """Returns True if the sweep has the data for it."""
    overall: bool = False

    def describe(self, data: ReportData, problem: str) -> str:
        """Return the caption for a problem."""
        text = self.caption if isinstance(self.caption, str) else self.caption(data, problem)
        return _join(text, describe_unequal_trials(data.answer))


def _draw_by(name: str) -> Callable[[ReportData, str], Figure]:
    """Return a function for `Kind.draw`, which calls the function of that name in `optbench.figures`."""
    return lambda data, problem: getattr(figures, name)(data, data.label(problem) or None).figure


KINDS = {
    "matrix": Kind(
        "how far each optimizer is from the leader of each problem", _draw_by("matrix"), answer_matrix.CAPTION,
        overall=True,
    ),
    "forest": Kind(
        "the same with intervals on one axis", _draw_by("forest"), forest_plot.CAPTION, overall=True,
    ),
    "curves": Kind(
        "loss curves with intervals over seeds", _draw_by("curves"), _caption_curves,
        lambda data, problem: bool((data.bands_of("train_loss")["problem"] == problem).any()),
    ),
    "rates": Kind("final loss against learning rate", _draw_by("rates"), _caption_rates),
    "heatmap": Kind(
        "each batch size with each schedule, at its best rate", maps.draw_heatmaps, _caption_heatmaps, _has_cells
    ),
    "paths": Kind(
        "paths over the contours of the loss", contour_paths.draw_path_panels, _caption_paths,
        lambda data, problem: len(data.landscape(problem)) > 0 and bool(data.trajectories(problem)),
    ),
    "best_of_n": Kind(
        "value of the best of n trials", _draw_by("best_of_n"), tuning_and_time.describe_best_of_n, _has_trials
    ),
    "divergence": Kind(
        "share of runs that diverged, by learning rate and batch size", maps.draw_divergence_maps,
        maps.DIVERGENCE_CAPTION, _has_divergence,
    ),
    "batch_scaling": Kind(
        "steps to a target against batch size", _draw_by("batch_scaling"), batch_sizes.SCALING_CAPTION, _has_sizes
    ),
    "noise": Kind(
        "noise of the mini-batch cost against batch size", _draw_by("noise"), batch_sizes.NOISE_CAPTION,
        _has_mini_batches,
    ),
    "mean_ranks": Kind(
        "mean ranks over all problems", _draw_by("mean_ranks"), rank_diagram.CAPTION, _has_mean_ranks, overall=True,
    ),
    "runtimes": Kind(
        "share of all targets that is reached, by the samples spent", _draw_by("runtimes"),
        tuning_and_time.RUNTIMES_CAPTION, _has_all_pairs, overall=True,
    ),
    "time_per_step": Kind(
        "time of a step against the number of parameters",
        lambda data, problem: figures.time_per_step(data, _find_family(data)).figure,
        tuning_and_time.TIME_CAPTION, lambda data, problem: _find_family(data) != "", overall=True,
    ),
}  # fmt: skip
"""Kinds of figures by name, in the order of a page."""
USUAL = ("curves", "mean_ranks", "runtimes")
"""The kinds that are written as files unless others are named: what a paper has beside its table."""


def select_kinds(names: Iterable[str], formats: Iterable[str] = ()) -> list[str]:
    """Return kinds of figures: all for "all", and for no name USUAL, with paths where they are asked for as a film.

    Raises OptbenchError for an unknown one.
    """
    names = list(names) or [*USUAL, *(["paths"] if "gif" in formats else [])]
    for name in names:
        if name not in KINDS and name != "all":
            raise unknown("figure", name, [*KINDS, "all"])
    return [name for name in KINDS if name in names or "all" in names]


def write_pictures(
    data: ReportData,
    folder: Path,
    formats: Iterable[str] = ("png",),
    styling: tuple[str, int] = ("screen", 1),
    progress: Callable[[str], None] = lambda text: None,
    kinds: Collection[str] = tuple(KINDS),
) -> list[dict]:
    """Write figures into `folder` as KIND-PROBLEM.png, .svg or .pdf, paths also as .gif, and their captions.

    styling: the name of the style, and the columns of a paper; kinds: names in KINDS. Returns {files, title,
    caption, alt, kind, problem} of each. Raises OptbenchError for an unknown format or style.
    """
    formats = list(formats)
    for name in formats:
        one_of("format", name, FORMATS)
    still = [name for name in formats if name != "gif"]
    folder.mkdir(parents=True, exist_ok=True)
    written, foot = [], data.results.foot
    with style.detached(), style.styled(*styling):
        for kind, problem, about in _list_figures(data, progress, kinds):
            stem = kind if problem == OVERALL else f"{kind}-{data.files[problem]}"
            files = [f"{stem}.{ending}" for ending in still]
            figure = KINDS[kind].draw(data, problem) if still else None
            if figure:
                for file in files:
                    style.save(figure, without_link(folder / file), foot, about["title"], about["caption"])
            if kind == "paths" and "gif" in formats:
                files.append(f"{stem}.gif")
                contour_paths.animate_paths(data, data.label(problem), without_link(folder / files[-1]))
            if files:
                written.append({**about, "files": files})
    texts = [f"{', '.join(each['files'])}\n" + _escape(f"{each['alt']}. {each['caption']}\n") for each in written]
    write_file(folder / "captions.txt", "\n".join([*texts, f"{foot}\n"]))
    return written


def _escape(text: str) -> str:
    """Return a text whose percent signs LaTeX prints; bare, each would begin a comment there."""
    return text.replace("%", "\\%")


def remove_earlier_pictures(folder: Path, foot: str) -> int:
    """Remove the files that captions.txt names, unless it ends with ``foot``, that of this look; return how many."""
    captions = folder / "captions.txt"
    try:
        text = captions.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return 0
    if text.rstrip().endswith(foot.rstrip()):
        return 0
    listed = {name for part in text.split("\n\n") for name in part.partition("\n")[0].split(", ")}
    # Whoever wrote the list, nothing but pictures in this folder goes
    found = [path for path in folder.iterdir() if path.name in listed and path.suffix[1:] in FORMATS]
    for path in (*found, captions):
        path.unlink()
    return len(found)


def write_answer(data: ReportData, folder: Path) -> None:
    """Write the answer of all problems into `folder` as answer.png."""
    with style.detached(), style.styled():
        kind = KINDS["matrix"]
        text = f"{headline(data.answer)}. {kind.describe(data, OVERALL)}"
        figure = kind.draw(data, OVERALL)
        style.save(figure, without_link(folder / "answer.png"), data.results.foot, kind.words, text)


def draw_page_pictures(
    data: ReportData,
    progress: Callable[[str], None] = lambda text: None,
    kinds: Collection[str] = tuple(KINDS),
    most_bytes: int = 6_000_000,
) -> tuple[dict[str, list[dict]], int]:
    """Draw the pictures of a page without an explorer; return (pictures by problem, the number of those left out).

    Those of all problems stand under OVERALL. Each is {source, width, height, caption, alt, kind, problem}: a PNG of
    few colors as a data URI. An SVG of a path is ten times as large, and one of a heatmap twice. kinds: names in KINDS;
    most_bytes: the size of all together.
    """
    pictures: dict[str, list[dict]] = {OVERALL: [], **{problem: [] for problem in data.files}}
    left_out = 0
    with style.detached(), style.styled():
        for kind, problem, about in _list_figures(data, progress, kinds):
            if most_bytes >= 0:  # drawing takes a moment
                figure = KINDS[kind].draw(data, problem)
                picture = {**about, **_embed(figure, data.results.foot)}
                most_bytes -= len(picture["source"])
            if most_bytes >= 0:
                pictures[problem].append(picture)
            else:
                left_out += 1
    return pictures, left_out


def _list_figures(
    data: ReportData, progress: Callable[[str], None], kinds: Collection[str] = tuple(KINDS)
) -> Iterator[tuple[str, str, dict]]:
    """Yield (kind, problem, {title, words, caption, alt, ...}) of all figures, those of all problems first."""
    for problem in (OVERALL, *data.files):
        wanted = {name: KINDS[name] for name in KINDS if name in kinds and KINDS[name].overall == (problem == OVERALL)}
        if wanted:
            progress(f"figures of {data.label(problem) or 'all problems'}")
        for name, kind in wanted.items():
            if kind.applies(data, problem):
                title = f"{data.label(problem)}: {kind.words}" if problem else kind.words
                yield name, problem, {
                    "kind": name, "problem": problem, "title": title, "words": kind.words,
                    "caption": kind.describe(data, problem), "alt": f"{title}. {_describe_answer(data, problem)}",
                }  # fmt: skip


def _describe_answer(data: ReportData, problem: str) -> str:
    """Return the answer that a figure of a problem, or of all, belongs to, in a few words."""
    return describe_best(data.answer, problem) if problem else headline(data.answer)


def _embed(figure: Figure, foot: str) -> dict:
    """Return the picture as a data URI, `source`, with `width` and `height` in CSS pixels; `foot` is written below it.

    The PNG has the style's dots per inch, a CSS pixel is 1/96 inch.
    """
    style.write_foot(figure, foot)
    content = io.BytesIO()
    picture = style.copy_image(style.render(figure, style.current().dpi))
    style.quantize(picture).save(content, "PNG", compress_level=6)
    width, height = figure.get_size_inches() * 96
    source = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
    return {"source": source, "width": round(width), "height": round(height)}
