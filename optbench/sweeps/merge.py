"""Folders of sweeps -> one folder that holds what they hold."""

from collections.abc import Callable, Sequence
from pathlib import Path

from optbench.contract.errors import OptbenchError
from optbench.sweeps import session, stages
from optbench.sweeps.isolation import Isolation
from optbench.sweeps.joined_specs import differences, joined
from optbench.sweeps.provenance import provenance
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_plugins import refuse_unnamed
from optbench.sweeps.store import final_tables
from optbench.sweeps.store.cohort_files import Damaged
from optbench.sweeps.store.folder import Store, opened, read_json
from optbench.sweeps.store.manifest import Manifest
from optbench.sweeps.store.resume import kept, parsed


def merge_folders(
    folders: Sequence[Path],
    out: Path,
    plugins: Sequence[str | Path],
    command: str,
    tell: Callable[[str], None],
    on_broken: Callable[[Path, str], None],
) -> int:
    """Copy the cohorts of the folders into ``out`` and put its tables together, as far as they go.

    Nothing runs but what makes the table of paths anew.

    Where ``out`` holds this sweep already, its cohorts stay. plugins: the user's files that may be loaded; on_broken is
    called with each that does not load, and its traceback. Returns the number of cohorts that are missing in the first
    stage that lacks any. Raises OptbenchError where no sweep holds what they hold, where they name other files of the
    user's, or where ``out`` holds another sweep.
    """
    if len({folder.resolve() for folder in (*folders, out)}) <= len(folders):
        raise OptbenchError("merge needs folders that differ, and another one as --out")
    held = [_held(folder, tell) for folder in folders]
    spec = held[0][0]
    for folder, (other, _) in zip(folders[1:], held[1:], strict=True):
        try:
            spec = joined(spec, other)
        except OptbenchError as error:
            raise OptbenchError(f"cannot merge {str(folders[0])!r} and {str(folder)!r}: {error}") from None
    _, text = kept(out, lambda text: None) if out.is_dir() else (None, None)
    there = None if text is None else parsed(text)
    if there is not None and (changed := differences(there, spec)):
        raise OptbenchError(
            f"{str(out)!r} holds another sweep than these folders (different: {', '.join(changed)}); choose another "
            "--out, and name this folder among the others to keep what it holds"
        )
    refuse_unnamed(spec.plugins, plugins)
    isolation = Isolation()
    plan = session.planned(spec, isolation, on_broken)
    with opened(out, spec, provenance(command, plan), tell) as store:
        for folder in folders:
            _copy(folder / "cohorts", store, tell)
        planned = list(plan.cohorts)
        elsewhere = store.elsewhere(planned)
        for folder, (_, before) in zip(folders, held, strict=True):
            if before is not None:
                made = read_json(folder / "provenance.json")
                store.tell_unkept(planned, before.cohorts, made, elsewhere, f"{folder}: ")
        rest = store.begin(planned)
        missing = sum(not store.has(each.cohort_id) for each in rest)
        for plan_stage in stages.STAGES.values() if spec.blocks else ():
            if not missing:
                first = len(planned)
                planned += plan_stage(plan, store.runs())
                missing = sum(not store.has(each.cohort_id) for each in store.begin(planned, first))
        if not any(store.has(each.cohort_id) for each in planned):
            raise OptbenchError(
                "none of these folders has a finished cohort of this version: there is nothing to merge"
            )
        session.write_tables(plan, store, isolation, begun=not missing)
    return missing


def _held(folder: Path, tell: Callable[[str], None]) -> tuple[Spec, Manifest | None]:
    before, text = kept(folder, tell) if folder.is_dir() else (None, None)
    spec = None if text is None else parsed(text)
    if spec is None:
        raise OptbenchError(f"no sweep in {str(folder)!r} to merge")
    return spec, before


def _copy(cohorts: Path, store: Store, tell: Callable[[str], None]) -> None:
    """Copy what the store does not have; damaged files are told and left out."""
    bad = []
    for path in sorted(cohorts.glob("[!.]*.cohort")):
        if not store.has(path.stem):
            try:
                content = final_tables.checked(path, path.stem)
            except (OSError, Damaged) as error:
                bad.append(f"{path.name} ({error})")
                continue
            store.save(path.stem, content)
    if bad:
        tell(f"damaged in {cohorts}, and left out: {', '.join(bad)}")
