"""The page of one sweep: the answer first, then what it rests on, all in one file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

import pandas as pd

from optbench.analysis import hyperparameter_columns
from optbench.analysis.answer import Answer, ask
from optbench.analysis.decisions import find_start
from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.protocol import WIDEN
from optbench.analysis.selection import is_staged
from optbench.analysis.verdicts import ALL
from optbench.contract.names import count_noun
from optbench.contract.problems import FLOOR
from optbench.figures.data import ReportData, report_data
from optbench.report.explorer import explorer
from optbench.report.forest import build_forest, find_looks
from optbench.report.pictures import (
    ANSWERS,
    KINDS,
    OVERALL,
    draw_page_pictures,
    remove_earlier_pictures,
    select_kinds,
    write_answer,
    write_pictures,
)
from optbench.report.report_files import Options, check_runs, fill, write_file
from optbench.report.report_tables import SweepTables, remove_earlier_tables, write_answer_tables, write_tables
from optbench.report.settle import list_steps
from optbench.results.results import Results, load, with_plain_labels
from optbench.run.chosen import format_hyperparameters
from optbench.wording import answers, labels
from optbench.wording.certainty import state_length
from optbench.wording.conclusion import choose_model, conclude, describe_own, say_start_value
from optbench.wording.decision_texts import describe_decisions, tabulate_choices, write_setting
from optbench.wording.eager_steps import describe_eager
from optbench.wording.failed_runs import describe_failures
from optbench.wording.headlines import headline
from optbench.wording.judged import (
    FEW_PROBLEMS,
    PLAIN_LOSS,
    SAMPLES,
    describe_best,
    describe_further_look,
    describe_order,
    name_certainty,
    name_constant,
    name_metric,
    name_scope,
    name_unit,
)
from optbench.wording.matrix import (
    build_matrix,
    list_factors,
    tell_ratio,
)
from optbench.wording.summary import count_runs, explain_settings
from optbench.wording.wider_search import describe_limits

MAX_SETTINGS = 3
"""Settings of a problem that are listed; its table has them all."""
LEGEND = (
    ("best", "the best: nobody else may be"), ("leads", "leads"), ("open", "open: may be the best, too"),
    ("tie", "tie: within 10%"), ("behind", "shown to be behind"), ("failed", "no run ends well"), ("none", "no result"),
)  # fmt: skip
"""States of cells with their words."""
SETTING = ("problem", "optimizer", "schedule", "batch_size", "hyperparameters", "lr")
"""The columns of the table of code that name a setting."""
LONGEST = 100.0
"""The ratio at which a bar ends."""
TORCH = "PyTorch"
"""The library whose learning rate the first screen names, too, where it is another."""


def write_page(
    source: Path | Answer, options: Options, progress: Callable[[str], None], warn: Callable[[str], None]
) -> Path:
    """Write the page of a sweep, and the picture and table files that the options ask for; return the page's path.

    source: a results folder, or an answer to what it was asked; progress, warn: as of `optbench.report.write_report`.
    """
    progress("tables")
    chosen = select_kinds(options.figures, options.formats)
    answer = load(source).ask() if isinstance(source, Path) else source
    if answer.tables.missing:
        warn(answer.tables.missing)
    check_runs(answer)
    page = options.page((answer.tables.path or Path()) / "report")
    plain = with_plain_labels(cast(Results, answer.everything))  # it was loaded
    sweep = report_data(answer)
    shown = sweep if plain is answer.everything else report_data(ask(plain, answer.judge_by))
    pictures: dict = {}
    left_out = 0
    if options.static:  # elsewhere the explorer draws
        pictures, left_out = draw_page_pictures(shown, progress, [name for name in KINDS if name not in ANSWERS])
    progress("page")
    content = Page(shown, pictures, left_out, not options.static, options.out is None, options.ranked)
    write_file(page, fill("report.html", page=content))
    if options.has_folder:
        progress("pictures beside it")
        write_answer_tables(answer, page.parent)
        write_answer(sweep, page.parent)
        if gone := remove_earlier_pictures(page.parent / "figures", sweep.results.foot):
            text = f"{count_noun(gone, 'picture')} of an earlier look removed from {page.parent / 'figures'}"
            warn(f"{text}; --figures and --format, as before, draw new ones")
        if gone := remove_earlier_tables(answer, page.parent / "tables"):
            text = f"{count_noun(gone, 'table')} of an earlier look removed from {page.parent / 'tables'}"
            warn(f"{text}; --tables, as before, writes new ones")
    if options.tables:
        progress("tables as files")
        write_tables(sweep, page.parent / "tables", options.tables, options.columns)
    if options.formats:
        style = options.style, options.columns
        written = write_pictures(sweep, page.parent / "figures", options.formats, style, progress, chosen)
        if lacking := [kind for kind in options.figures if kind in set(KINDS) - {each["kind"] for each in written}]:
            plane = "; paths are of problems of two parameters with a domain" if "paths" in lacking else ""
            cells = "; a heatmap is of a grid of batch sizes or schedules" if "heatmap" in lacking else ""
            film = "; a gif shows paths alone" if list(options.formats) == ["gif"] and lacking != ["paths"] else ""
            warn(f"this sweep has no figure of the kind {', '.join(lacking)}{plane}{cells}{film}")
    return page


class Page:
    """All that the template of a sweep's page shows; its attributes are what the template reads.

    pictures: by problem, those over all problems under OVERALL; undrawn: the number of pictures left out; interactive:
    with the explorer.
    """

    def __init__(
        self,
        sweep: ReportData,
        pictures: Mapping[str, list[dict]],
        undrawn: int,
        interactive: bool,
        at_home: bool,
        ranked: str = "",
    ):
        """Compute all attributes, in the order in which the page shows them."""
        results, answer = sweep.results, sweep.answer
        runs, provenance = results.runs, results.provenance
        self.sweep, self.undrawn = sweep, undrawn
        remarks = [f"{answer.label(problem)}: {text}" for problem, text in answers.list_remarks(answer).items()]
        self.missing, self.warnings = results.missing, [*describe_failures(answer), *remarks]
        self.hyperparameters, self.codes = hyperparameter_columns(runs), group_codes(results.snippets)

        # The answer, by each measure of the sweep; its own comes first
        self.counts = f"{count_runs(runs)}."
        self.basis, self.spoils, self.details = answers.split_measure(answer)
        self.conclusions = [*filter(None, [conclude(answer)]), *describe_own(answer)]
        self.decisions = describe_decisions(answer)
        self.ranked = ranked
        self.unequal = answers.describe_unequal_trials(answer)
        self.views = list_views(sweep)
        self.own, self.level = answer.judge_by, name_certainty(answer)
        self.at_once, self.in_common = name_scope(answer), answer.in_common
        self.further_look = describe_further_look(answer)
        self.measures = {key: name_choice(key) for key in self.views}
        # Behind headings of what the switch between measures leaves as it is
        self.by = f", by {self.measures[self.own]}" if len(self.measures) > 1 else ""
        self.titles = {  # where settings stay, batch sizes and schedules are not judged anew
            key: headline(
                view.answer, levels=view is sweep or view.choose_by != sweep.choose_by, without=self.find_lacking(view)
            )
            for key, view in self.views.items()
        }
        self.overall = {key: describe_order(view.answer) for key, view in self.views.items()}
        self.short = labels.short_names(sweep.files, sweep.label)
        choices = tabulate_choices(answer, self.short)
        self.choices = [*choices], [*zip(*choices.values(), strict=True)]
        self.choices_text = "".join(explain_settings(answer, choices))
        self.called = {name: sweep.label(name) for name in answer.best["optimizer"].unique()}
        self.matrices = {key: build_matrix(view.answer, self.find_lacking(view)) for key, view in self.views.items()}
        self.factors = list_bars(answer)
        mean = f"; geometric mean of {len(sweep.files)} problems" if len(sweep.files) > 1 else ""
        unit = self.matrices[self.own].unit
        self.meaning = f"What the worst choice costs, in times the {unit} of the best, as far as shown{mean}."
        self.legend = LEGEND
        every = (answer, *answer.levels.values())
        self.families = sum(each.verdicts.loc[each.verdicts["problem"] != ALL, "problem"].nunique() for each in every)
        looks = find_looks(sweep)
        self.forests = {key: build_forest(sweep, view.answer, looks) for key, view in self.views.items()}
        drawn = set().union(*(forest.drawn for forest in self.forests.values()))
        self.drawn = [(place, look) for place, look in enumerate(looks) if place in drawn]
        self.cut = any(row.left_out for forest in self.forests.values() for row in forest.rows.values())
        self.steps, self.at_home = ([] if ranked else list_steps(answer)), at_home  # they would extend it alone

        # Each problem
        tables = SweepTables(sweep)
        anchors = {problem: f"problem-{file}" for problem, file in sweep.files.items()}
        self.problems = [
            {
                **self.describe_problem(problem, anchor),
                "more": answers.describe_levels(answer, problem),
                "facts": describe_problem(results.problem(problem)),
                "settings": tables.settings(problem),
                "costs": tables.costs.get(problem),
                "figures": pictures.get(problem, []),
            }
            for problem, anchor in anchors.items()
        ]
        self.starts = {key: self.list_starts(view) for key, view in self.views.items()}
        captions = Counter(figure["caption"] for each in self.problems for figure in each["figures"])
        self.notes = [caption for caption, count in captions.items() if count > 1]
        self.named = {figure["caption"]: figure["words"] for each in self.problems for figure in each["figures"]}

        # All of them
        self.explorer = explorer(sweep) if interactive else None
        self.figures = pictures.get(OVERALL, [])
        self.settings, self.pairs, self.timings = tables.all_settings(anchors), tables.pairs(), tables.times()
        self.eager = describe_eager(runs, results.timings, sweep.label)

        # How it was done
        self.staged, self.held_out = is_staged(runs), bool(answer.best["held_out"].all())
        self.blocks, self.drawn_anew, self.searched = answer.blocks, answer.drawn_anew, bool(results.searched)
        self.widened = self.staged and bool((runs["stage"] == WIDEN).any())
        self.tuning_seeds = ", ".join(map(str, results.tuning_seeds)) or "none"
        self.coverage = sorted({labels.number(100 * value) for value in answer.best["coverage"]})
        self.schedules = [(short, full) for full, short in sweep.short_schedules.items() if short != full]
        self.command = results.command
        self.floor = labels.number(FLOOR)
        self.version = provenance.get("optbench", "unknown")
        self.provenance = list_provenance(provenance)

    def find_lacking(self, sweep: ReportData) -> Collection[str]:
        """Return the problems without a measure that is not the sweep's own. sweep: a view of `list_views`."""
        return sweep.answer.without if sweep.answer.judge_by != self.own else ()

    def list_starts(self, sweep: ReportData) -> list[dict]:
        """Return what to start with on each problem, as texts, its value and code; of many problems nothing.

        first: it is the recommended one of models of one table. sweep: a view of `list_views`.
        """
        answer, found = sweep.answer, []
        if len(sweep.files) >= FEW_PROBLEMS:
            return []
        model = choose_model(answer)
        for problem in sweep.files:
            start = find_start(answer, problem) if problem not in self.find_lacking(sweep) else None
            if start is None or not answer.leader(problem) or problem in answer.unlearned:
                continue
            texts = self.describe_setting(start.setting)
            rate = next((code["rate"] for code in texts["codes"] if code["name"] == TORCH), math.nan)
            found.append({
                "problem": self.short[problem], "first": problem == model, "name": texts["name"],
                "setting": write_setting(answer, start.setting), "value": say_start_value(answer, problem),
                "fails": texts["fails"], "code": next(iter(texts["codes"]), None),
                "in_torch": f"in PyTorch's form lr={labels.number(rate)}" if math.isfinite(rate) else "",
            })  # fmt: skip
        return found

    def describe_problem(self, problem: str, anchor: str) -> dict:
        """Return what a problem's section says: by each measure, in `views`, and `own`, that of the sweep.

        anchor: of the section. codes: the code of each setting in it, with the measures that it belongs to.
        """
        views = {key: self.describe_view(view, problem) for key, view in self.views.items()}
        codes: dict[tuple, dict] = {}
        for key, view in views.items():
            for setting in view["settings"]:
                code = {"name": setting["name"], "codes": setting["codes"], "by": []}
                codes.setdefault((setting["name"], setting["setting"]), code)["by"].append(key)
        names = {"name": problem, "label": self.sweep.label(problem), "short": self.short[problem], "anchor": anchor}
        return names | {"views": views, "own": views[self.own], "codes": codes.values()}

    def describe_view(self, sweep: ReportData, problem: str) -> dict:
        """Return the texts of a problem: what to use, by how much, and the length of a run.

        sweep: a view of `list_views`.
        """
        answer = sweep.answer
        if problem in self.find_lacking(sweep):
            lacks = f"no {name_metric(answer.judge_by, error='', where='')}"
            empty = dict.fromkeys(("rest", "limits", "length"), "")
            return empty | {
                "short": lacks, "unit": lacks, "settings": [], "others": 0,
                "sentence": f"There is {lacks} here, so nothing is judged by it",
            }  # fmt: skip
        firsts = answer.firsts(problem)
        best = sweep.best_of(problem).set_index("optimizer", drop=False)
        same = {"problem": problem, "optimizer": answer.leader(problem)}
        runs = select_rows(answer.reported_runs, same)
        return {
            "short": describe_best(answer, problem),
            "unit": describe_unit(answer, problem),
            "settings": [self.describe_recommended(best.loc[name].to_dict()) for name in firsts[:MAX_SETTINGS]],
            "others": max(len(firsts) - MAX_SETTINGS, 0),
            "rest": "that none beats" if answer.list_open(problem) else "in first place",
            "sentence": answers.describe_without_name(answer, problem),
            "limits": describe_limits(answer.edges, problem, firsts[0]) if firsts else "",
            "length": state_length(runs) if len(runs) else "",
        }  # fmt: skip

    def describe_recommended(self, row: dict) -> dict:
        """Return the texts of a recommended setting: those of `describe_setting`, and `notes` on it."""
        found = self.describe_setting(row)
        return found | {"notes": "; ".join(filter(None, [found["fails"], *labels.list_warnings(row)]))}

    def describe_setting(self, row: dict) -> dict:
        """Return the texts of a setting: `name`, `setting`, `more`, `fails`; and `codes`.

        row: of `ReportData.best`; more: hyperparameters that do not vary; codes: of `find_code`.
        """
        parts = self.sweep.name_setting(row)
        fails = labels.describe_failures(row)
        codes = find_code(self.codes, row, self.hyperparameters)
        return {
            "name": labels.optimizer_label(row, self.sweep.varied, self.sweep.label),
            "setting": " · ".join([*parts, *["eager"] * (row["optimizer"] in self.sweep.eager)]),
            "more": labels.hyperparameter_text(row, self.hyperparameters),
            "fails": fails,
            "codes": codes,
        }


def list_views(sweep: ReportData) -> dict[str, ReportData]:
    """Return by measure the sweep as judged by it: its own measure first, then the others that some problem has."""
    problems = {*sweep.answer.best["problem"]}
    others = {name: report_data(each) for name, each in sweep.answer.others.items() if not each.without >= problems}
    return {sweep.answer.judge_by: sweep, **others}


def name_choice(measure: str) -> str:
    """Return a measure in the words of the switch: "time to target", "loss at the end", "test accuracy"."""
    named = {TIME: "time to target", LOSS: "loss at the end"}
    return named.get(measure) or name_metric(measure, where="")


def list_bars(answer: Answer) -> list[dict]:
    """Return what matters most as texts, each with the width of its bar in percent."""
    factors = list_factors(answer)
    sizes = [math.log(min(factor.size, LONGEST)) for factor in factors]
    longest = max(sizes, default=0.0)
    return [
        {"name": factor.name, "size": tell_ratio(factor.size), "text": factor.text, "more": factor.more,
         "width": round(100 * size / longest) if longest else 0}
        for factor, size in zip(factors, sizes, strict=True)
    ]  # fmt: skip


def describe_unit(answer: Answer, problem: str) -> str:
    """Return what a problem is judged by, in a few words: "samples to 0.01%", "loss at the end"."""
    unit = name_unit(answer, problem)
    if unit == SAMPLES:
        return f"samples to {labels.share_text(answer.targets[problem])}"
    constant = name_constant(answer, [problem])
    return "loss at the end" if unit == PLAIN_LOSS else f"{unit}; {constant}" if constant else unit


def group_codes(snippets: pd.DataFrame) -> dict[tuple, list[dict]]:
    """Return the rows of the sweep's table of code by their setting, in the order of `find_code`."""
    codes: dict[tuple, list[dict]] = {}
    for row in snippets.to_dict("records"):
        codes.setdefault(tuple(row[key] for key in SETTING), []).append(row)
    return codes


def find_code(codes: Mapping[tuple, list[dict]], row: Mapping, hyperparameters: Sequence[str]) -> list[dict]:
    """Return the code of a recommended setting for each library: name, equal (takes the same steps), code, rate.

    codes: of `group_codes`; row: the setting; rate: the library's where it is a share of the setting's, as of the
    momentum that sums gradients instead of averaging them, else NaN. An empty list if the sweep has no code.
    """
    values = {key: row[key] for key in hyperparameters if not pd.isna(row[key])}
    same = {key: row[key] for key in SETTING[:4]}
    same |= {"hyperparameters": format_hyperparameters(values), "lr": 1.0 if pd.isna(row["lr"]) else row["lr"]}
    found = codes.get(tuple(same.values()), [])
    return [
        {"name": each["library"], "equal": bool(each["equal"]), "code": each["code"],
         "rate": each.get("rate", math.nan)}  # folders before 0.21 have none
        for each in found
    ]  # fmt: skip


def select_rows(table: pd.DataFrame, values: Mapping) -> pd.DataFrame:
    """Return the rows of a table that have all of these values; values: column -> value."""
    same = pd.Series(True, table.index)
    for name, value in values.items():
        same &= table[name] == value
    return table[same]


def describe_problem(facts: dict) -> str:
    """Return a problem in words, "" if nothing is known; facts: its row of the table of problems."""
    if not facts:
        return ""
    parts = []
    if pd.notna(facts.get("dim")):
        parts.append(count_noun(int(facts["dim"]), "parameter"))
    if isinstance(facts.get("data"), str) and facts["data"]:
        parts.append(facts["data"])
    elif pd.notna(facts.get("examples")) and facts["examples"] > 1:
        parts.append(f"{count_noun(int(facts['examples']), 'example')} in an epoch")
    if pd.notna(facts.get("minimum")):
        source = f" ({facts['minimum_source']})" if isinstance(facts.get("minimum_source"), str) else ""
        parts.append(f"minimum {labels.number(facts['minimum'], 6)}{source}")
    else:
        parts.append("minimum not known: the training loss itself stands where suboptimality is written")
    return "; ".join(parts)


def list_provenance(provenance: dict) -> list[tuple[str, str]]:
    """Return rows (key, text) of what was recorded; of a group, such as versions, a row for each of its parts.

    Where data files lie on the disk of the sweep's author stays out of a page, which others get.
    """
    rows: list[tuple[str, object]] = []
    for key, value in provenance.items():
        if key == "data_files":
            continue
        if isinstance(value, dict):
            rows += [(f"{key}: {name}", part) for name, part in value.items() if part != ""]
        else:
            rows.append((key, value))
    return [(key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)) for key, value in rows]
