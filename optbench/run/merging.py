"""A sweep dealt to several machines: a part of the plan for each, and their folders merged into one."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from optbench.contract.errors import OptbenchError
from optbench.plan import stages
from optbench.plan.joined_specs import find_differences, join_specs
from optbench.plan.planned_cohorts import Cohorts, Plan, PlannedCohort, SeedSeries, cohort_cost, sort_for_tables
from optbench.plan.spec import Spec
from optbench.plan.spec_files import parse_spec, refuse_unnamed
from optbench.run import session
from optbench.run.isolation import Isolation
from optbench.store.cohort_files import CohortFiles
from optbench.store.folder import open_store, read_provenance, read_state
from optbench.store.manifest import Manifest
from optbench.store.provenance import make_provenance


def select_shard(plan: Plan, shard: str) -> Plan:
    """Return the part of the plan that ``shard`` names, such as "2/8": the second of eight.

    A problem and a block (a seed, if there are no blocks) stay together: what runs in a block is chosen from what ran
    in it. Groups are dealt by their cost, the dearest first, to the part that has least.

    Raises OptbenchError for a text that names no part, or one with nothing in it.
    """
    number, count = _parse_shard(shard)
    costs: dict[tuple, float] = {}
    for series in plan.series:
        for key in _list_groups(series):
            costs[key] = costs.get(key, 0.0) + cohort_cost(series.cohort)
    loads, kept = [0.0] * count, set()
    for key in sorted(costs, key=lambda key: -costs[key]):
        least = loads.index(min(loads))
        loads[least] += costs[key]
        if least == number - 1:
            kept.add(key)
    if not kept:
        raise OptbenchError(f"--shard {shard}: nothing is left for it, for the sweep has {len(costs)} parts at most")
    parts = []
    for series in plan.series:
        seeds = [seed for seed, key in zip(series.seeds, _list_groups(series), strict=True) if key in kept]
        if seeds:
            parts.append(replace(series, cohort=series.cohort.with_seed(seeds[0]), seeds=seeds))
    return replace(plan, cohorts=Cohorts(tuple(parts)), shard=shard)


def _list_groups(series: SeedSeries) -> list[tuple]:
    """Return the key of each seed of a series, in order: (problem, block, or the seed if in none).

    A shard takes all seeds of a key or none.
    """
    return [(series.cohort.problem.name, series.blocks.get(seed, seed)) for seed in series.seeds]


def _parse_shard(shard: str) -> tuple[int, int]:
    """Return the two numbers of a shard such as "2/8". Raises OptbenchError for other texts."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard.strip())
    number, count = (int(text) for text in match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise OptbenchError(f"--shard {shard!r} must be the number of a part and how many there are, such as 2/8")
    return number, count


def merge_folders(
    folders: Sequence[Path], out: Path, plugins: Sequence[str | Path], command: str, warn: Callable[[str], None]
) -> int:
    """Copy the cohorts of the folders into ``out``, and write its tables from those that there are. No cohort runs.

    If ``out`` holds this sweep already, its cohorts stay. plugins: the user's files that may be loaded,
    and modules that may be imported.
    Returns the number of cohorts that are missing in the stages that could be planned. Raises OptbenchError if the
    folders are not parts of one sweep, if they name files of the user's that are not in ``plugins`` or do not load, or
    if ``out`` holds another sweep.
    """
    if len({folder.resolve() for folder in (*folders, out)}) <= len(folders):
        raise OptbenchError("merge needs folders that differ, and another one as out (--out)")
    parts = [_read_part(folder, warn) for folder in folders]
    spec = parts[0][1]
    for folder, (_, other) in zip(folders[1:], parts[1:], strict=True):
        try:
            spec = join_specs(spec, other)
        except OptbenchError as error:
            raise OptbenchError(f"cannot merge {str(folders[0])!r} and {str(folder)!r}: {error}") from None
    there = parse_spec(read_state(out, lambda text: None)[1] or "")
    if there is not None and (changed := find_differences(there, spec)):
        raise OptbenchError(
            f"{str(out)!r} holds another sweep than these folders (different: {', '.join(changed)}); choose another "
            "one as out (--out), and name this folder among the others to keep what it holds"
        )
    refuse_unnamed(spec.plugins, plugins, spec.optimizer_texts)
    isolation = Isolation()
    plan = session.load_and_plan(spec, isolation)
    looks = max((_list_looks(folder, before) for folder, (before, _) in zip(folders, parts, strict=True)), key=len)
    made = {
        **make_provenance(command, plan),
        "looks": looks,
        "targets": _join_targets(folders),
        "reports": _join_reports(folders),
    }
    with open_store(out, plan.spec, made, warn) as store:
        for folder in folders:
            store.copy_missing(CohortFiles(folder))
        planned = list(plan.cohorts)
        for folder, (before, _) in zip(folders, parts, strict=True):
            if before is not None:
                store.warn_of_dropped(planned, before.cohorts, read_provenance(folder), f"{folder}: ")
        rest = store.begin(planned)
        missing = [each for each in rest if not store.has(each.cohort_id)]
        for plan_stage in stages.list_stages(plan):
            # Blocks that lack nothing go on, as they did in their folders; what all blocks share needs all of them.
            if missing and plan_stage in stages.IN_COMMON:
                break
            first = len(planned)
            complete = _select_complete(store.runs(), missing)
            planned += plan_stage(plan, complete) if len(complete) else []
            missing += [each for each in store.begin(planned, first) if not store.has(each.cohort_id)]
        if not any(store.has(each.cohort_id) for each in planned):
            raise OptbenchError(
                "none of these folders has a finished cohort of this version: there is nothing to merge"
            )
        store.arrange(sort_for_tables(planned))
        session.write_tables(plan, store, isolation, begun=not missing)
    return len(missing)


def _select_complete(runs: pd.DataFrame, missing: Sequence[PlannedCohort]) -> pd.DataFrame:
    """Return the runs of the problems and blocks that lack none of these cohorts."""
    lacking = {(each.cohort.problem.name, each.block) for each in missing}
    units = zip(runs["problem"], runs["block"], strict=True)
    return runs[[unit not in lacking for unit in units]].reset_index(drop=True) if lacking else runs


def _list_looks(folder: Path, manifest: Manifest | None) -> list[int]:
    """Return the looks of a folder; of a shard but the last, for the whole is looked at first when it is merged."""
    looks = list(read_provenance(folder).get("looks") or ())
    return looks[:-1] if manifest is not None and manifest.shard else looks


def _join_targets(folders: Iterable[Path]) -> dict[str, float | None]:
    """Return the targets of the looks at folders, by problem; where two differ, the merged sweep finds another."""
    found: dict[str, set[float | None]] = {}
    for folder in folders:
        for name, share in read_provenance(folder).get("targets", {}).items():
            found.setdefault(name, set()).add(share)
    return {name: shares.pop() for name, shares in found.items() if len(shares) == 1}


def _join_reports(folders: Iterable[Path]) -> dict[str, dict[str, dict[str, int]]]:
    """Return what optimizers report in folders, by problem, optimizer and digest, with the looks at it.

    A part has been looked at by itself, and the whole is looked at first when it is merged.
    """
    found: dict[str, dict[str, dict[str, int]]] = {}
    for made in map(read_provenance, folders):
        for problem, names in ({} if made.get("shard") else made.get("reports", {})).items():
            for name, looks in names.items():
                found.setdefault(problem, {}).setdefault(name, {}).update(looks)
    return found


def _read_part(folder: Path, warn: Callable[[str], None]) -> tuple[Manifest | None, Spec]:
    """Return the manifest, None if there is none, and the spec of a folder; raise OptbenchError if it has no spec."""
    before, text = read_state(folder, warn)
    if (spec := parse_spec(text or "")) is None:
        raise OptbenchError(f"no sweep in {str(folder)!r} to merge")
    return before, spec
