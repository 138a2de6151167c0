"""The results of a sweep, and the one loader of a results folder."""

import base64
import io
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from optbench import analysis
from optbench.analysis.answer import Answer, ask
from optbench.analysis.decisions import find_start
from optbench.analysis.measures import LOSS, TIME, metric_name
from optbench.analysis.protocol import keep_looks, keep_targets
from optbench.analysis.run_columns import drop_lost_runs
from optbench.analysis.sweep_tables import Tables
from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, find_all, shown, unknown
from optbench.contract.paths import path_of
from optbench.plan.display_names import check_shown, find_name, read_labels
from optbench.results.best import Best, choose_problem, find_data, make_best
from optbench.store.atomic_files import describe_writer
from optbench.store.cohort_files import DamagedFile
from optbench.store.final_tables import TableReader
from optbench.store.unknown_minima import fill_unknown
from optbench.wording.answers import list_own_data
from optbench.wording.conclusion import choose_model
from optbench.wording.headlines import headline
from optbench.wording.labels import name_of, write_math
from optbench.wording.latex import build_results_table
from optbench.wording.summary import count_runs, summarize, wrap
from optbench.wording.verdict_texts import with_texts

if TYPE_CHECKING:
    from optbench.figures import Plot

_MOST_ROWS = 12
"""Problems of the picture of a notebook: about as many as a screen shows."""
_WAIT_SECONDS = 5.0
"""The longest wait for a sweep that writes the checksums of what it has just written."""


class Results(Tables):
    """A sweep's tables; a column that a run has no use for is NaN there.

    What is computed from ``runs`` is kept: set another table, ``results.runs = runs[...]``, and do not write into it.

    Args:
        runs: a row a run: its configuration, how it ended, first, best and final loss.
        curves: a row an evaluation of a run; None: read from ``directory`` when it is first asked for.
        timings: a row a cohort: seconds, nanoseconds a run-step, time in evaluations, the device.
        problems: a row a problem, with its minimum.
        landscapes: a row a grid point of a two-parameter problem; no rows if there is none.
        provenance: the command, the versions and the machine that made them.
        path: the folder that they are kept in, from which a sweep resumes; None for tables that are in memory only.
        source: what reads its tables; ``missing`` says what an unfinished sweep lacks, and is "" of a finished one.
        paths: a row a step of the recommended runs of up to 20,000 steps on problems of two parameters; no rows
            if there are none.
        snippets: a row a recommended setting and library: the setting as code of it; no rows if there are none.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 10}
        >>> len(sweep(small, seeds=3).runs)
        3
    """

    def __repr__(self) -> str:
        """Return the answer, as the terminal shows it."""
        return "\n".join(self._describe(shutil.get_terminal_size().columns))

    @property
    def plot(self) -> "Plot":
        """The figures of these results, which ``dir(results.plot)`` lists.

        ``results.plot.curves(problem="mlp")`` is ``optbench.figures.curves(results, problem="mlp")``.

        Returns:
            An object with a method a figure, which returns the axes that it drew on.
        """
        from optbench.figures import Plot

        return Plot(self)

    def labeled(self, labels: Mapping[str, str] | None = None, colors: Mapping[str, str] | None = None) -> "Results":
        """Return these results with labels and colors: for sentences, the page, figures and LaTeX.

        Args:
            labels: a label for the name of a problem or an optimizer, whose parameters may be left out, or for the
                label that it has; the name itself takes a label away. Math between dollars, "$\\beta_1$-Adam", is
                math in figures and in LaTeX.
            colors: a color such as "#d62728" or "tab:red" for the name or the label of an optimizer.

        Returns:
            The same results; tables keep their names, and nothing is written.

        Raises:
            OptbenchError: a name is unknown, two have one label or color, or a label or a color is none.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> results = sweep(two, seeds=8).labeled({"adam": "Adam (ours)"}, colors={"adam": "#d62728"})
            >>> results.plot.forest(judge_by="loss").get_legend_handles_labels()[1]
            ['gd', 'Adam (ours)']
        """
        known, rules = _list_names(self), _list_names(self, ("optimizer",))
        named = {label: name for name, label in self.labels.items()}
        given = read_labels(labels or {})
        found = find_all(lambda text: named.get(text) or find_name(text, known), given)
        new = self.labels | {found[text]: label for text, label in given.items()}
        new = check_shown({name: label for name, label in new.items() if name in known}, known)
        inks = dict(self.colors)
        for text, color in (colors or {}).items():
            inks[find_name(named.get(text, text), rules, "optimizer to color")] = _read_color(text, color)
        by_color: dict[str, str] = {}
        for name, color in inks.items():
            if (other := by_color.setdefault(color, name)) != name:
                both = " and ".join(new.get(each, each) for each in (other, name))
                raise OptbenchError(f"color: {both} have the same one, {color}: choose another")
        same = self.with_runs(self.runs)
        same.provenance = {**self.provenance, "labels": new, "colors": inks}
        return same

    def in_memory(self) -> "Results":
        """Return these results with all tables in memory, so that the folder may be deleted.

        Returns:
            The same results without a folder.
        """
        tables = (self.runs, self.curves, self.timings, self.problems, self.landscapes)
        held = Results(*tables, self.provenance, paths=self.paths, snippets=self.snippets)
        held.missing = self.missing
        return held

    def measured_from(self, minima: Mapping[str, float] | None = None) -> "Results":
        """Return these results with suboptimalities above other losses, where minima are not known.

        Args:
            minima: the losses that stand for a minimum, by problem; None: the smallest of all runs.

        Returns:
            The same tables, but for ``runs``.
        """
        return self.with_runs(fill_unknown(self.runs, lambda problems, run_ids: self.curves_of(run_ids), minima))

    def _limits_of(self, optimizer: str) -> Mapping[str, str] | None:
        """Return the limits of a shipped optimizer's hyperparameters; None for others, which a folder must not load."""
        return loader.find_shipped_limits(optimizer)

    def ask(self, judge_by: str | None = None) -> Answer:
        """Return the answer by a measure, from which figures draw: ``optbench.figures.matrix(results.ask("loss"))``.

        Args:
            judge_by: the loss, a metric of the runs, or "time" if the sweep chose settings for it; None: as it is. If
                the sweep chose for other measures alone, settings are those for the first of these.

        Returns:
            The answer, computed when it is first needed.

        Raises:
            OptbenchError: no run has the measure.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).ask("loss").leader("rosenbrock")
            'gd'
        """
        if judge_by is not None and judge_by not in self.choose_by and judge_by != LOSS:
            if judge_by == TIME:
                by = ",".join(self.choose_by)
                raise OptbenchError(
                    f"judge_by: settings were chosen by {by}, not for a target: sweep anew with --choose-by time,{by}, "
                    "or choose_by="
                )
            if not self.runs[metric_name(self.runs, judge_by)].notna().any():
                raise OptbenchError(
                    f"judge_by: no run has {judge_by}: judge by {', '.join(dict.fromkeys([*self.choose_by, LOSS]))}"
                )
        return ask(self, judge_by)

    def verdicts(
        self, judge_by: str | None = None, of: str = "optimizer", choose_by: str | None = None
    ) -> pd.DataFrame:
        """Compare each pair of optimizers on each problem: which one wins, by how much, and how certain that is.

        Args:
            judge_by: the measure of the verdicts: "time" (expected samples to a target), "loss" (at the end),
                "test_loss" or a metric such as "test_accuracy"; by default the one of the sweep.
            of: what is compared: "optimizer", "batch_size" or "schedule"; all else is tuned.
            choose_by: the measure that settings are chosen by; by default ``judge_by`` if the sweep chose by it, else
                the first that it chose by.

        Returns:
            A row for each problem and pair, and rows "all" over the problems: verdict on ``a`` ("wins", "loses", "tie"
            within 10%, "open"), what is known of an open pair, and the reason where nothing is; ratio of ``b`` over
            ``a`` with its simultaneous interval (above 1 ``a`` is better; `compare` has this ratio, too, with the
            verdict of ``b``), whether it is a bound, p and adjusted p (small beside "open" where ``known`` says
            "ahead, perhaps by less than 5%"), and the blocks that would decide it.

        Raises:
            OptbenchError: the measure or the column does not exist, or no reported run was chosen by ``choose_by``.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).verdicts("loss")[["a", "b", "verdict"]].values.tolist()
            [['gd', 'adam', 'wins']]
        """
        return with_texts(ask(self, judge_by, of, choose_by).verdicts)

    def ranking(self, judge_by: str | None = None, of: str = "optimizer", choose_by: str | None = None) -> pd.DataFrame:
        """Rank the optimizers on each problem and over all problems: who is first, who ties, who is not told apart.

        Args:
            judge_by: as in ``verdicts``.
            of: as in ``verdicts``.
            choose_by: as in ``verdicts``.

        Returns:
            A row a problem and optimizer, and rows "all": place, state ("first", "tie" with it, "open": not told apart
            from it, "behind", "failed"), alone (it wins against all others), value with its interval, its ratio over
            the leader's with ratio_low and ratio_high, mean rank, the probability of being better than a rival, the
            shares of runs that failed and that reached the target; of optimizers also seconds (to the target, else of a
            run; without evaluations) and state_bytes (what one keeps for a parameter from step to step).

        Raises:
            OptbenchError: the measure or the column does not exist, or no reported run was chosen by ``choose_by``.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).ranking("loss")[["optimizer", "place", "state"]].values.tolist()
            [['gd', 1, 'first'], ['adam', 2, 'behind']]
        """
        return ask(self, judge_by, of, choose_by).ranking.drop(columns="unreached")

    def costs(
        self, choose_by: str | None = None, of: str = "optimizer", losses: float | Mapping[str, float] | None = None
    ) -> pd.DataFrame:
        """Return the cost for each tuned optimizer to get near the minimum and stay there, and its final values.

        These are the runs that ``verdicts`` compares: of every block the setting it has chosen, on its fresh seeds.

        Args:
            choose_by: the measure that settings are chosen by; by default that of the verdicts.
            of: as in ``verdicts``.
            losses: a training loss to be reached, or one for each problem by name; by default a tenth, a hundredth, a
                thousandth and 1e-5 of the first suboptimality.

        Returns:
            A row a problem and optimizer: runs, seeds, failures and unfinished (shares), the medians of log_tail,
            log_area, test_loss and metrics; and for each target, named by its share or loss, reached_0.1 (share),
            samples_to_0.1 and seconds_to_0.1 (spent by all runs, over the number that reached it; inf for none).

        Raises:
            OptbenchError: the measure or the column does not exist.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).costs(losses=5)[["optimizer", "runs", "reached_5"]].values.tolist()
            [['gd', 8, 1.0], ['adam', 8, 0.0]]

        Source:
            Hansen et al. 2021, Optimization Methods and Software 36(1), section 4: expected running times to targets.
        """
        chosen = analysis.select_chosen_runs(self.runs, ask(self, choose_by=choose_by).question.choose_by, of)
        targets = None if losses is None else analysis.fixed_targets(self.runs, losses, self.problems)
        return analysis.costs(self, ["problem", of], chosen, targets)

    def best_of_n(
        self,
        choose_by: str | None = None,
        of: str = "optimizer",
        counts: Sequence[int] = (1, 3, 5, 10, 20, 50),
        defaults: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
    ) -> pd.DataFrame:
        """Return the gain from tuning: the expected value, on fresh seeds, of the best of n trials.

        Args:
            choose_by: the measure that settings are chosen by; by default that of the verdicts.
            of: as in ``verdicts``.
            counts: the numbers n of trials; all the trials that were made come last.
            defaults: a row or a mapping for each optimizer, which names the setting to show beside them: the column
                ``optimizer`` and whatever else tells its runs from others, such as ``lr``.

        Returns:
            A row a problem, optimizer and n: kind ("trials" or "defaults"), trials (how many there are), value with its
            interval, blocks, failures (the expected share).

        Raises:
            OptbenchError: the measure, a column or an optimizer does not exist, a number is below 1, or the default of
                an optimizer is several settings.

        Example:
            >>> three = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": "1e-5:1e-3:3", "steps": 50}
            >>> table = sweep(three, seeds=8).best_of_n(defaults=[{"optimizer": "gd", "lr": 1e-5}])
            >>> table[["kind", "n", "value"]].round(1).values.tolist()
            [['defaults', 0, 9.5], ['trials', 1, 5.3], ['trials', 3, 4.0]]
        """
        settings = None if defaults is None else _to_settings(defaults)
        by = ask(self, choose_by=choose_by).question.choose_by
        return analysis.best_of_n(self.runs, counts, by, of, defaults=settings)

    def winners(self, judge_by: str | None = None) -> pd.DataFrame:
        """Return the optimizers in first place, on each problem and over all: setting, lead, certainty and costs.

        Args:
            judge_by: as in ``verdicts``.

        Returns:
            A row a problem and optimizer that may be the best, and rows "all" if there are several problems: its
            setting; value with its interval; verdict ("wins", "tie", "open" or "alone") beside a rival, with its ratio
            over this one, the interval, adjusted p and the blocks that would decide; and the costs of the targets, as
            ``costs`` names them. The rival is the first row of the problem; of that one, what leaves first place open,
            else what ties with it, else the best of the others.

        Raises:
            OptbenchError: the measure does not exist.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).winners("loss")[["optimizer", "lr", "verdict", "rival"]].values.tolist()
            [['gd', 0.001, 'wins', 'adam']]
        """
        return ask(self, judge_by).winners.copy()

    def _describe(self, width: int) -> list[str]:
        """Return the lines of the answer, what has run and what is missing, and the folder."""
        from optbench.figures.data import report_data

        try:
            lines = [*summarize(report_data(self).answer, width), ""]
        except OptbenchError as error:  # no run finished, or the tables lack the measure
            lines = wrap(str(error), width)
        lines += [line for text in list_own_data(self.problems) for line in wrap(text, width)]
        lines += wrap(count_runs(self.runs), width)
        lines += wrap(self.missing, width) if self.missing else []
        return [*lines, *([f"kept in {self.path}"] if self.path else [])]

    def best(self, problem: str | None = None, optimizer: str | None = None, judge_by: str | None = None) -> Best:
        """Return the recommended setting of a problem: its values, its code, and the model that it trains.

        Args:
            problem: its name, or that of its kind, such as "mlp"; None: the only one of the sweep, or of the models of
                your table the one that the answer recommends.
            optimizer: None: what the answer says to start with: the first of the winners, or on your table the quickest
                of the settings that may be best.
            judge_by: as in ``verdicts``.

        Returns:
            The setting: ``best.params``, ``best.code("pytorch")``, ``best.fit()``.

        Raises:
            OptbenchError: there is no such problem or optimizer, there are several problems, or all runs failed.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).best()
            Best(rosenbrock, gd, lr=0.001, batch_size=full, schedule=constant, epochs=50)
        """
        runs = drop_lost_runs(self.runs)
        names = {each: self.label_of(each) for each in self.runs["problem"].unique()}
        if problem is None and len(names) > 1 and not runs.empty:
            problem = choose_model(ask(self, judge_by)) or None
        name = choose_problem(problem, names)
        own = runs[runs["problem"] == name]
        if own.empty:
            raise OptbenchError(f"best: no run of {shown(name)} has ended")
        answer, digest = ask(self, judge_by), self.problem(name).get("digest") or ""
        places = find_data(name, self.provenance.get("data_files") or {}, self.path)
        if optimizer is None:
            start = find_start(answer, name) if answer.firsts(name) else None
            if start is None:
                raise OptbenchError(f"best: every run of {shown(name)} has failed")
            return make_best(start.setting, own, digest, self.snippets, answer.edges, places)
        settings = answer.settings[answer.settings["problem"] == name]
        rows = settings[settings["optimizer"] == name_of(optimizer, self.labels)]
        if rows.empty:
            raise unknown("optimizer", optimizer, map(self.label_of, settings["optimizer"]))
        return make_best(rows.iloc[0].to_dict(), own, digest, self.snippets, answer.edges, places)

    @property
    def best_params(self) -> dict[str, Any]:
        """The recommended setting as keywords of ``minimize``, with the optimizer; of several problems by name."""
        names = list(self.runs["problem"].unique())
        found = {name: self.best(self.label_of(name)) for name in names}
        each = {name: best.params for name, best in found.items()}
        return each[names[0]] if len(names) == 1 else each

    def __getattr__(self, name: str) -> Any:
        """Raise AttributeError, which names the way for those who look for what is best as in other libraries."""
        if not name.startswith("best"):
            return object.__getattribute__(self, name)  # Python's own error, and that of a property that raised one
        raise AttributeError(
            f"Results has no {name!r}: results.best(PROBLEM) is the recommended setting, with .params, "
            ".code('pytorch') and .fit()"
        )

    def to_latex(
        self, judge_by: str | None = None, optimizers: str | Iterable[str] | None = None, columns: int = 1
    ) -> str:
        """Return a table for a paper: problems as rows, optimizers as columns, each value with its interval.

        Args:
            judge_by: as in ``verdicts``.
            optimizers: the columns, in their order; None: all up to 8, of more your own and the best by mean rank.
            columns: of the paper that it takes, 1 or 2; more than 4 optimizers a column are set smaller, by graphicx.

        Returns:
            LaTeX with a caption, for the package booktabs. The numbers are those of ``ranking``: bold the best,
            underlined what ties with it, with a dagger what is not told apart from it.

        Raises:
            OptbenchError: the measure or an optimizer does not exist, or the columns are not 1 or 2.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> table = sweep(two, seeds=8).to_latex("loss")
            >>> "rosenbrock" in table, "[3.91, 4.06]" in table
            (True, True)
        """
        arguments.check(Literal[1, 2], columns, "columns=")
        return build_results_table(ask(self, judge_by), self.own, self.foot, optimizers, columns)

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: the answer, and how far each is from the leader."""
        return f"<div><pre>{escape(chr(10).join(self._describe(100)))}</pre>{self._draw()}</div>"

    def _draw(self) -> str:
        """Return the matrix of the first problems as HTML; "" where there is nothing to compare."""
        from optbench.figures import matrix, style

        problems, buffer = [*map(self.label_of, self.runs["problem"].unique())][:_MOST_ROWS], io.BytesIO()
        try:
            if not np.isfinite(ask(self).verdicts["ratio"].astype(float)).any():
                return ""
            with style.detached(), style.styled():
                figure = matrix(self, problems).figure
                figure.savefig(buffer, format="png")
        except OptbenchError:  # the lines say why
            return ""
        width = round(96 * figure.get_figwidth())  # a browser's pixels; the picture has more
        data = base64.b64encode(buffer.getvalue()).decode()
        seen = escape(headline(ask(self)))
        return f"<img width='{width}' alt='{seen}' src='data:image/png;base64,{data}'>"


def share_labels(
    sides: Sequence[Results], labels: Mapping[str, str] | None = None, colors: Mapping[str, str] | None = None
) -> list[Results]:
    """Return results in which the same problems and optimizers have the same labels, those of the first ones first.

    labels, colors: further ones, by the name in at least one of them. Raises OptbenchError as `Results.labeled` does.
    """
    shared = {name: label for side in reversed(sides) for name, label in side.labels.items()}
    known = {name for side in sides for name in _list_names(side)}
    given, named = read_labels(labels or {}), {label: name for name, label in shared.items()}
    found = find_all(lambda text: named.get(text) or find_name(text, sorted(known)), given)
    shared |= {found[text]: label for text, label in given.items()}
    if not shared and not colors:
        return list(sides)
    named = {label: name for name, label in shared.items()}
    rules = sorted({name for side in sides for name in _list_names(side, ("optimizer",))})
    found = find_all(lambda text: named.get(text) or find_name(text, rules, "optimizer to color"), colors or {})
    inks = {found[text]: color for text, color in (colors or {}).items()}

    def select(given: Mapping[str, str], side: Results) -> dict[str, str]:
        """Return what is given for the names that a side has."""
        return {name: value for name, value in given.items() if name in _list_names(side)}

    return [side.labeled(select(shared, side), select(inks, side)) for side in sides]


def with_plain_labels(results: Results) -> Results:
    """Return results whose labels have their math in plain letters, for pages and terminals.

    Labels that would be equal then, or that of another, stay as they are.
    """
    plain = {name: write_math(label) for name, label in results.labels.items()}
    if plain == results.labels:
        return results
    try:
        return results.labeled(plain)
    except OptbenchError:
        return results


def _list_names(results: Results, columns: Iterable[str] = ("problem", "optimizer")) -> list[str]:
    """Return the names of the problems and optimizers of the tables."""
    return [str(name) for column in columns for name in results.runs[column].unique()]


def load(path: str | Path) -> Results:
    """Load the results of a sweep, or of as much of it as is finished: ``missing`` then says what is not.

    Args:
        path: the folder that ``sweep --out`` wrote.

    Returns:
        The tables; ``curves``, the large one, is read when it is first asked for.

    Raises:
        OptbenchError: there is no such folder, nothing in it is finished, or a file of it is damaged.

    Example:
        >>> import tempfile
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 10}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     results = sweep(small, seeds=3, out=folder)
        ...     load(folder).runs["optimizer"].tolist()
        ['gd', 'gd', 'gd']
    """
    place = path_of("path", path)
    end, again = time.monotonic() + _WAIT_SECONDS, False
    while True:
        try:
            return _read(place)
        except DamagedFile:  # or written at this moment, with the checksums to follow
            writer = describe_writer(place)
            if again and not writer:
                raise
            if time.monotonic() > end:
                raise OptbenchError(f"{str(place)!r} is being written{writer}: load it when that has ended") from None
            again = not writer
            time.sleep(0.1 if writer else 0)


def _read(place: Path) -> Results:
    """Return what `load` returns, in one attempt; raise DamagedFile where a file is not what the manifest says."""
    folder = TableReader(place)
    provenance, runs, timings = folder.provenance(), folder.read("runs"), folder.read("timings")
    if runs.empty:
        raise OptbenchError(f"{str(folder.path / 'runs.parquet')!r} holds no runs: run the sweep again")
    if "diverged_at" in runs:
        runs["diverged_at"] = runs["diverged_at"].astype("Int64")
    names = ("problems", "landscapes", "paths", "snippets")
    problems, landscapes, paths, snippets = (folder.read_optional(name) for name in names)
    made = {key: value for key, value in provenance.items() if key != "labels"}
    found = Results(runs, None, timings, problems, landscapes, made, folder.path, folder, paths, snippets)
    found = found.measured_from()
    found.runs = keep_looks(keep_targets(found.runs, provenance.get("targets", {})), provenance.get("reports", {}))
    there = {*runs["problem"].unique(), *runs["optimizer"].unique()}  # of an unfinished sweep, not all yet
    given = {name: label for name, label in provenance.get("labels", {}).items() if name in there}
    try:
        return found.labeled(given) if given else found
    except OptbenchError as error:
        raise OptbenchError(f"{str(folder.path / 'provenance.json')!r}: {error}: run the sweep again") from None


def _read_color(name: str, color: Any) -> str:
    """Return a color as "#rrggbb". Raises OptbenchError for what is none; name: of what it is for."""
    from matplotlib.colors import is_color_like, to_hex  # it takes a while to import

    if not isinstance(color, str) or not is_color_like(color) or to_hex(color, keep_alpha=True)[7:] != "ff":
        raise OptbenchError(f"the color of {name}, {shown(color)}, must be one such as '#d62728' or 'tab:red'")
    return to_hex(color)


def _to_settings(defaults: Any) -> pd.DataFrame:
    """Return a table or a list of mappings as a table with a row for each setting; raise OptbenchError for others."""
    if isinstance(defaults, pd.DataFrame):
        return defaults
    rows = arguments.list_items("defaults", defaults)
    if strange := [row for row in rows if not isinstance(row, Mapping)]:
        example = {"optimizer": "gd", "lr": 0.1}
        raise OptbenchError(f"defaults: {shown(strange[0])} must be a mapping, such as {example}")
    return pd.DataFrame(rows)
