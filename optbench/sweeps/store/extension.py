"""More of the sweep that a folder holds: its spec with what is added, and which of its runs that keeps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.sweeps import spec_files
from optbench.sweeps.joined_specs import COUNTS, joined
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_plugins import refuse_unnamed
from optbench.sweeps.store.manifest import Entry
from optbench.sweeps.store.resume import kept, parsed
from optbench.sweeps.store.run_index import HeldRuns


def extended(
    directory: str | Path,
    spec: str | Path | Mapping[str, Any] | None,
    changes: Mapping[str, Any],
    tell: Callable[[str], None],
) -> Spec:
    """The folder's own spec with that of ``spec``, if any, and with ``changes``: lists are added to its lists, numbers
    of seeds, blocks and trials stand in the place of its own, and may only grow.

    Raises OptbenchError where there is no sweep in the folder, or none that holds both.
    """
    directory = Path(directory)
    text = kept(directory, tell)[1] if directory.is_dir() else None
    if text is None:
        raise OptbenchError(f"no sweep in {str(directory)!r} to extend: leave --extend out, or choose another --out")
    old = parsed(text)
    if old is None:
        raise OptbenchError(f"{str(directory / 'spec.toml')!r} is damaged: there is no telling what to extend")
    if spec is None:
        new = spec_files.merge(spec_files.raw(old), changes)
    elif isinstance(spec, Mapping):
        new = spec_files.merge(spec, changes)
    else:
        new = spec_files.read(spec, changes)
    refuse_unnamed(old.plugins, () if spec is None and changes.get("plugins") is None else new.plugins)
    for key in COUNTS:
        have, want = getattr(old, key), getattr(new, key)
        if changes.get(key) is not None and have is not None and want is not None and want < have:
            raise OptbenchError(f"{key}={want}: {str(directory)!r} has {have}, and --extend takes nothing away")
    if changes.get("seeds") is not None and not set(old.seeds) <= set(new.seeds):
        raise OptbenchError(f"seeds: {str(directory)!r} has others, and --extend takes none away")
    try:
        return joined(old, new)
    except OptbenchError as error:
        raise OptbenchError(f"cannot extend {str(directory)!r} by this sweep: {error}; choose another --out") from None


def unkept(
    planned: Sequence[PlannedCohort], there: Sequence[Entry], held: HeldRuns, before: Mapping, now: Mapping, shard: str
) -> str:
    """How many of a folder's runs a plan keeps, and why not all; empty where it keeps all.

    there: the folder's cohorts; held: the runs of those that are not the plan's; before, now: the provenance of both;
    shard: the part of the sweep that the plan is, empty for the whole.
    """
    lost = held.outside(np.concatenate([np.array(each.run_ids, "S16") for each in planned])) if held else {}
    if not lost:
        return ""
    total, missing = sum(entry.runs for entry in there), sum(lost.values())
    reasons: dict[str, dict[str, int]] = {}
    for entry in there:
        if count := lost.get(entry.cohort_id):
            counts = reasons.setdefault(_reason(entry, before, now, shard), {})
            counts[entry.optimizer] = counts.get(entry.optimizer, 0) + count
    told = [
        f"{', '.join(f'{count:,} of {name}' for name, count in counts.items())} are not: {reason}"
        for reason, counts in reasons.items()
    ]
    return f"{total - missing:,} of {total:,} runs are kept; {'; '.join(told)}"


def _reason(entry: Entry, before: Mapping, now: Mapping, shard: str) -> str:
    version, device = (before.get(key) for key in ("optbench", "device"))
    if version != now.get("optbench"):
        return f"they are of optbench {version}, and this is {now.get('optbench')}"
    if device != now.get("device"):
        return f"they ran on {device}"
    changed = _changed(before.get("plugins", {}), now.get("plugins", {}))
    mine = [key for key in changed if key.startswith("schedule ")]
    for kind, name in (("problem", entry.problem), ("optimizer", entry.optimizer)):
        mine = [key for key in changed if key.startswith(f"{kind} ") and key.removeprefix(f"{kind} ") in name] or mine
    if mine:
        return f"{', '.join(mine)} has changed"
    if entry.problem in _changed(before.get("data", {}), now.get("data", {})):
        return f"the data of {entry.problem} have changed"
    return f"part {shard} has them no more" if shard else "the sweep has such settings no more"


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    return [key for key, value in before.items() if key in now and now[key] != value]
