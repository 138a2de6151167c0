"""Rank an optimizer among those of a finished sweep, or of the atlas: run it alone on its problems, seeds and trials.

The newcomer meets the same start points and mini-batches as the others did, so that comparisons are paired, and is
tuned by as many trials. Nothing of the sweep runs again, and its folder stays as it is.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.placing import Placing, place
from optbench.atlas import archive
from optbench.atlas.looks import count_versions
from optbench.atlas.reruns import FRESH_SEEDS, Confirmed, place_on_fresh_seeds, rerun_cells
from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.contract.names import join_with_and, split_levels
from optbench.contract.paths import is_file, path_of
from optbench.contract.source_code import files_digest
from optbench.contract.version import __version__
from optbench.plan.display_names import find_name
from optbench.plan.own_records import OwnRecords, take_records
from optbench.plan.planned_cohorts import Plan
from optbench.plan.spec import Spec
from optbench.plan.spec_files import make_spec, parse_spec
from optbench.results.joined import join_results
from optbench.results.results import Results, load
from optbench.run import session
from optbench.run.isolation import Isolation
from optbench.run.loop import Status
from optbench.store.folder import extend_spec, read_state
from optbench.wording.rank_texts import (
    describe_reruns,
    describe_versions,
    headline_confirmed,
    headline_rank,
    list_confirmed,
    write_text,
)

REFERENCES = ("adamw", "adam", "adam_torch")
"""The optimizers that others are compared with unless one is named, the first that the sweep has."""
USUAL_FOLDER = Path("ranked")
"""The folder in which what is ranked has its results, each in a folder of its own."""
FAST = ("rosenbrock", "quadratic", "saddle", "matrix_factorization", "least_squares", "logistic", "mlp", "zipf_recall")
"""Problems of the atlas, one of a kind, on which a quick ranking runs."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Newcomer:
    """An optimizer that is to be ranked: its name as in a spec, and the files that it and the problems come from."""

    text: str
    files: tuple[str, ...] = ()
    given: OwnRecords = field(default_factory=OwnRecords)
    """What was given as an object of Python."""

    @classmethod
    def read(cls, optimizer: Any, plugins: Sequence[str | Path] = ()) -> Newcomer:
        """Return what an optimizer's name, a Python file, or an object stands for; a file must define one optimizer.

        plugins: further files. Raises OptbenchError for a file that does not load, or defines none or several.
        """
        files = tuple(str(path_of("a plug-in", file).resolve()) for file in plugins)
        text = str(optimizer) if isinstance(optimizer, str | Path) else ""
        if not text:
            _, changes, given = take_records({}, {"optimizers": [optimizer]})
            return cls(changes["optimizers"][0], (*files, *changes.get("plugins", ())), given)
        if not text.endswith(".py"):
            return cls(text, files)
        path = path_of("the optimizer's file", text).resolve()
        if not is_file(path):
            raise OptbenchError(f"no file {text!r}: name a Python file with an optimizer, or an optimizer")
        catalogue = loader.load((*files, path))
        for broken, trace in catalogue.broken.items():
            loader.refuse_broken(broken, trace)
        records = catalogue.optimizers.items()
        own = [name for name, record in records if any(each.file.resolve() == path for each in record.origins)]
        if not own:
            hint = f"a class of PyTorch's kind is 'torch:Name(file={text})'"
            raise OptbenchError(f"{path.name} defines no optimizer; {hint}")
        if len(own) > 1:
            raise OptbenchError(f"{path.name} defines {join_with_and(own)}: name one or several, and --plugin {text}")
        return cls(own[0], (*files, str(path)))


@dataclass(frozen=True)
class Entry:
    """A newcomer and the sweep in which it is to be ranked."""

    newcomer: Newcomer
    name: str
    """The newcomer's name in tables."""
    known: Results
    """The results of the sweep, without those of an earlier version of the newcomer."""
    plan: Plan
    """Of its runs in the sweep."""
    ran: bool
    """True if the sweep has the optimizer: nothing is to be run."""
    against: str
    """The reference, one of the sweep; "" for none."""
    part: str = ""
    """What the folder of its results is in: "atlas", or "atlas-fast"; "" beside a sweep of the user's."""

    @property
    def usual_out(self) -> Path:
        """The folder of the newcomer's results: "ranked/torch_Mine" of "torch:Mine(file='mine.py')"."""
        words = [name for name, _ in split_levels(self.name)]
        return USUAL_FOLDER / self.part / (re.sub(r"[^A-Za-z0-9.]+", "_", "_".join(words)).strip("_.") or "optimizer")


def enter(
    newcomer: Newcomer,
    folder: str | Path | None,
    against: str | None,
    isolation: Isolation,
    tell: Tell = warnings.warn,
    fast: bool = False,
) -> Entry:
    """Return a newcomer beside a sweep, with the plan of its runs; nothing runs.

    folder: of the sweep; None: the atlas. against: a reference, None for the first of REFERENCES that there is, "" for
    none; tell: called with what the user should know, a line each; fast: on a few problems of the atlas alone.

    Raises OptbenchError if the folder holds no finished sweep, if its problems, schedules or data have changed since,
    or if the newcomer or the reference is unknown.
    """
    if fast and folder is not None:
        raise OptbenchError("a fast ranking is one on a part of the atlas: leave the folder out")
    part = "" if folder is not None else "atlas-fast" if fast else "atlas"
    record = loader.load(newcomer.files).optimizers.get(newcomer.text) if part else None
    if record is not None and record.draws_labels:
        raise OptbenchError(
            f"{newcomer.text} needs labels that are drawn from a model's probabilities, and most problems of the atlas "
            f"draw none: rank it in a sweep on problems that do, optbench rank {newcomer.text} DIR"
        )
    known = archive.read() if folder is None else load(folder)
    folder = archive.HERE if folder is None else folder
    if fast:
        known = known.with_runs(known.runs[known.runs["problem"].isin(FAST)].reset_index(drop=True))
    if known.missing:
        raise OptbenchError(f"{str(folder)!r}: {known.missing}: rank in a sweep that has ended")
    spec = _make_spec(Path(folder), newcomer, FAST if fast else ())
    plan = session.load_and_plan(spec, isolation, newcomer.given, check=True)
    name = plan.optimizers[0].name
    # the atlas is of the version that last made it; what runs of it again tells whether its numbers hold
    _refuse_changes(plan, known.provenance, folder, (lambda text: None) if part else tell)
    others = [str(each) for each in known.runs["optimizer"].unique() if each != name]
    if against is None:
        against = next((each for each in REFERENCES if each in others), "")
    elif against:
        against = find_name(against, others, "optimizer to rank against")
    if name in set(known.runs["optimizer"]):
        if not _list_changed(plan, known.provenance, ("optimizer",)):
            return Entry(newcomer, name, known, plan, True, against, part)
        tell(f"{name} has changed since it ran in {folder}: it runs anew, and what ran there is left out")
        known = known.with_runs(known.runs[known.runs["optimizer"] != name].reset_index(drop=True))
    return Entry(newcomer, name, known, replace(plan, beside=known.runs), False, against, part)


def run(
    entry: Entry,
    out: str | Path,
    options: session.Options | None = None,
    *,
    command: str = "optbench.rank",
    watch: Callable[[Status], None] = lambda status: None,
    tell: Tell = warnings.warn,
) -> Answer:
    """Run a newcomer, or what is missing of it, and return the answer of the sweep with it.

    out: the folder of its own results; the other arguments are those of `session.execute`. Raises OptbenchError, also
    if no run of the newcomer could run.
    """
    if entry.ran:
        return entry.known.ask()
    session.execute(entry.plan, out, options, command=command, watch=watch, tell=tell)
    return join_results(load(out), entry.known).ask()


@dataclass(frozen=True)
class Standing:
    """Where an optimizer stands, and how far that can be trusted."""

    placing: Placing
    answer: Answer
    """Of the sweep with it."""
    versions: int
    """So many versions of it were ranked beside that sweep."""
    confirmed: Confirmed | None = None
    """Where it stands on fresh seeds, if that was asked for."""

    def list_notes(self) -> list[str]:
        """Return what is told of versions and of fresh seeds, a line each; none if there is nothing to tell."""
        name = self.answer.label(self.placing.name)
        lines = [text] if (text := describe_versions(name, self.versions, self.confirmed is not None)) else []
        if self.confirmed is None:
            return lines
        fresh, answer = self.confirmed
        table = list_confirmed(self.placing, fresh, answer)
        return [*lines, "", headline_confirmed(fresh, answer, FRESH_SEEDS), "", *table]


def stand(
    entry: Entry,
    out: str | Path,
    options: session.Options | None = None,
    confirmed: bool = False,
    *,
    watch: Callable[[Status], None] = lambda status: None,
    tell: Tell = warnings.warn,
    **others: Any,
) -> Standing:
    """Run a newcomer, count its versions, and return where it stands; beside the atlas, first some of that again.

    confirmed: run it, its nearest rivals and the reference on fresh seeds, too; the other arguments are those of `run`.
    """
    if entry.part and not entry.ran and (note := describe_reruns(rerun_cells(entry.known, entry.plan))):
        tell(note)
    answer = run(entry, out, options, watch=watch, tell=tell, **others)
    placing = place(answer, entry.name, entry.against)
    beside = "atlas" if entry.part else str(Path(str(entry.known.path)).resolve())
    digest = files_digest(entry.plan.optimizers[0].origins)
    versions = 1 if entry.ran else count_versions(entry.name, beside, digest)
    fresh = None
    if confirmed:
        fresh = place_on_fresh_seeds(placing, answer, entry.plan, out, options or session.Options(), watch)
    return Standing(placing, answer, versions, fresh)


def place_together(entries: Sequence[Entry], standings: Sequence[Standing]) -> list[Standing]:
    """Return where several optimizers stand, newcomers among each other, too.

    standings: of these entries, each without the other newcomers; all have run, into their usual folders.
    """
    new = [entry for entry in entries if not entry.ran]
    if not new or len(entries) == 1:
        return [*standings]
    known = entries[0].known
    known = known.with_runs(known.runs[~known.runs["optimizer"].isin([each.name for each in new])])
    answer = join_results(*(load(each.usual_out) for each in reversed(new)), known).ask()
    return [
        replace(found, placing=place(answer, each.name, each.against), answer=answer)
        for each, found in zip(entries, standings, strict=True)
    ]


def keep(
    entry: Entry, folder: str | Path, out: str | Path, options: session.Options, *, command: str, tell: Tell
) -> None:
    """Add a newcomer's runs to the sweep in which it was ranked, as ``--extend`` does, which may add some for others.

    folder: of the sweep; out: of the newcomer's results. Raises OptbenchError if the sweep cannot be extended.
    """
    changes = {"optimizers": [entry.newcomer.text], "plugins": list(entry.newcomer.files) or None}
    plan = session.load_and_plan(extend_spec(folder, None, changes, tell), options.isolation, entry.newcomer.given)
    session.execute(plan, folder, replace(options, extend=True, records=Path(out)), command=command, tell=tell)


@dataclass(frozen=True, repr=False)
class Ranked:
    """Where an optimizer stands among those of a sweep; in a notebook it shows as a sentence and a table.

    Example:
        >>> import optbench
        >>> few = {"problems": ["rosenbrock"], "optimizers": ["gd", "momentum"], "lr": "1e-4:1e-2:3", "steps": 50}
        >>> place = optbench.rank("gd", optbench.sweep(few, seeds=8).path)
        >>> place.table[["rank", "optimizers", "best"]].values.tolist()
        [[1, 2, 'momentum']]
    """

    headline: str
    """A sentence: "mine ranks 2 of 6 [1–3] over these 7 problems"."""
    text: str
    """What the terminal shows: the sentence, the table, and what it is about."""
    table: pd.DataFrame
    """A row a problem, and with several a last one "all": rank, from 1, with its interval rank_low to rank_high, of so
    many ``optimizers``; how many it ``beats``, ``ties`` with and ``loses`` to, and how many are ``open``; its ``ratio``
    to the ``best`` of the others with its interval, below 1 where it is better, and ``bound`` ("at least", "at most",
    "about") where that is one; the same to the reference, ``against_ratio`` and so on."""
    pairs: pd.DataFrame
    """A row a problem and other optimizer ``b``: the verdict on what is ranked, and the ratio of it over ``b``."""
    results: Results
    """Those of the sweep with it, which come first."""
    confirmed: pd.DataFrame | None = None
    """``pairs`` on fresh seeds, of it with the five that are nearest to it and the reference, if that was asked for."""

    def __repr__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows."""
        return f"<pre>{escape(self.text)}</pre>"


def rank(
    optimizer: Any,
    folder: str | Path | Results | None = None,
    *,
    against: str | None = None,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    workers: int | None = None,
    fast: bool = False,
    confirm: bool = False,
) -> Ranked:
    """Rank an optimizer among all that ship, or those of a finished sweep: it runs alone, on their problems and seeds.

    Args:
        optimizer: a Python file that defines one, a name ("lion", "optax:lion"), a rule, or a class of PyTorch's kind.
        folder: of the sweep, or its results; nothing in it is changed, and nothing of it runs again. None: the atlas, a
            sweep of all shipped optimizers that comes with optbench.
        against: the reference of the last columns, one of the sweep; None: its adamw, adam or adam_torch, "" for none.
        out: the folder of its own results, in which an interrupted call is resumed; None: ranked/NAME, and beside the
            atlas ranked/atlas/NAME.
        plugins: files with problems of the sweep that are yours.
        workers: threads, by default as many as there are cores.
        fast: on eight problems of the atlas alone.
        confirm: run it, the five that are nearest to it and the reference on fresh seeds as well.

    Returns:
        Where it stands. A rank is at least one more than the number of optimizers that it loses to, and at most the
        number of those that it does not beat, itself included; all comparisons on a problem hold at once. "all" is
        about the mean of the logarithms of ratios on these problems, and not on others.

    Raises:
        OptbenchError: the folder holds no finished sweep, its problems have changed since, the optimizer or the
            reference is unknown, or none of its runs could run.

    Example:
        >>> import tempfile, optbench
        >>> with tempfile.TemporaryDirectory() as place:
        ...     few = {"problems": ["rosenbrock"], "optimizers": ["gd", "momentum"], "lr": "1e-4:1e-2:3", "steps": 50}
        ...     kept = optbench.sweep(few, seeds=8, out=f"{place}/sweep")
        ...     found = rank("adam", f"{place}/sweep", out=f"{place}/adam")
        >>> found.headline
        'adam ranks 2 of 3 [2–3] on rosenbrock'
    """
    options = session.Options(workers)
    if isinstance(folder, Results):
        if folder.path is None:
            raise OptbenchError(
                "rank needs the folder of the sweep: sweep(..., out='results'), then rank(..., 'results')"
            )
        folder = folder.path
    entry = enter(Newcomer.read(optimizer, plugins), folder, against, options.isolation, fast=fast)
    for text in entry.plan.warnings:
        warnings.warn(text, stacklevel=2)
    found = stand(entry, entry.usual_out if out is None else out, options, confirm)
    placing, answer = found.placing, found.answer
    pairs, fresh = (
        None if each is None else each.pairs.drop(columns=["known", "reason"])
        for each in (placing, found.confirmed and found.confirmed.placing)
    )
    texts = headline_rank(placing, answer), write_text(placing, answer, found.list_notes())
    return Ranked(*texts, placing.table, pairs, answer.everything, fresh)  # type: ignore[arg-type]


def _make_spec(folder: Path, newcomer: Newcomer, problems: Sequence[str] = ()) -> Spec:
    """Return the spec of a folder with the newcomer as its only optimizer. Raises OptbenchError.

    problems: those of it that are meant; () for all.
    """
    old = parse_spec(read_state(folder, lambda text: None)[1] or "")
    if old is None:
        raise OptbenchError(f"no spec of a sweep in {str(folder)!r} that could be run for another optimizer")
    if old.chosen:
        raise OptbenchError(f"{str(folder)!r} holds chosen settings, of which a newcomer has none: rank in their sweep")
    own = ("optimizers", "have", "labels", "plugins", "given")
    raw = {key: value for key, value in old.to_dict().items() if key not in own}
    if problems:
        raw["problems"] = [each for each in raw["problems"] if each["name"] in problems]
    if objects := [each for each in old.given if each.partition(" ")[0] == "problem"]:
        raise OptbenchError(
            f"{str(folder)!r} has {join_with_and(objects)} that was given as an object, of which no code is kept: put "
            "it into a file, and sweep with that as a plug-in"
        )
    changes = {"optimizers": [newcomer.text], "plugins": list(newcomer.files), "given": newcomer.given.names}
    spec = make_spec(raw, {key: value for key, value in changes.items() if value})
    if len(spec.optimizers) > 1:
        raise OptbenchError(f"{newcomer.text} names {len(spec.optimizers)} optimizers: rank one at a time")
    return spec


def _refuse_changes(plan: Plan, before: Mapping[str, Any], folder: str | Path, tell: Tell) -> None:
    """Refuse problems, schedules and data that are not those of the sweep; tell of another version of optbench.

    before: the provenance of the sweep.
    """
    data = {problem.name: problem.digest for problem in plan.problems if problem.data is not None}
    ran, version = before.get("data") or {}, before.get("optbench")
    changed = _list_changed(plan, before, ("problem", "schedule"))
    changed += [f"the data of {name}" for name, digest in data.items() if ran.get(name, digest) != digest]
    if changed:
        verb = "has" if len(changed) == 1 else "have"
        made = "" if version == __version__ else f", which optbench {version} made"
        raise OptbenchError(
            f"{join_with_and(changed)} {verb} changed since the sweep in {str(folder)!r}{made}: a newcomer would not "
            "run on what the others did; run the sweep again"
        )
    if version != __version__:
        tell(
            f"the sweep is of optbench {version}, and this is {__version__}: problems and schedules are the same, but "
            "what else has changed is in the newcomer's runs alone"
        )


def _list_changed(plan: Plan, before: Mapping[str, Any], kinds: Sequence[str]) -> list[str]:
    """Return the records of these kinds whose files have changed since a sweep. before: its provenance."""
    ran = before.get("plugins") or {}
    found = [each for each in plan.origins() if ran.get(each.key, each.sha256) != each.sha256]
    return [each.key for each in found if each.key.partition(" ")[0] in kinds]
