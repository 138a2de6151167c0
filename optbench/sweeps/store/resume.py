"""The state of a folder before a sweep: new, resumable, extendable, or another sweep's; and what an extension drops."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.sweeps import spec_files
from optbench.sweeps.joined_specs import COUNTS, differences, joined
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import refuse_unnamed
from optbench.sweeps.store import manifest, schemas
from optbench.sweeps.store.files import read_bytes
from optbench.sweeps.store.manifest import Entry, Manifest
from optbench.sweeps.store.run_index import RunIndex


def read_state(directory: Path, warn: Callable[[str], None]) -> tuple[Manifest | None, str | None]:
    """Return the folder's manifest and the text of its spec, None if there is none.

    Where one is damaged it is taken from the other, with a warning. Raises OptbenchError for a folder of optbench
    0.3.0 or before.
    """
    path = directory / "spec.toml"
    try:
        before = manifest.read(directory)
    except manifest.DamagedManifest as error:
        before = None
        warn(str(error).rpartition(": ")[0] + "; it is written anew")
    if before is None and any(each.is_dir() and each.name != "damaged" for each in directory.glob("cohorts/*")):
        raise OptbenchError(
            f"{str(directory)!r} is a folder of optbench 0.3.0 or before: it can be loaded and reported, "
            "and no sweep can go on in it; choose another --out"
        )
    try:
        text = read_bytes(path).decode(errors="replace")
    except FileNotFoundError:
        text = None
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if before is not None and text != before.spec:
        written, known = (None if each is None else parsed(each) for each in (text, before.spec))
        if written is None or known is None or differences(known, written):
            warn(f"{str(path)!r} is not what was written; it is written anew")
        text = before.spec
    return before, text


def parsed(text: str) -> Spec | None:
    """Return the spec that a text gives; None if it gives none."""
    try:
        return spec_files.merge(tomllib.loads(text), {})
    except (ValueError, RecursionError):  # of TOML, or of the keys in it
        return None


def spec_in(directory: Path, warn: Callable[[str], None]) -> tuple[Manifest | None, Spec | None]:
    """Return the folder's manifest and its spec, None if it holds no sweep that can be read."""
    before, text = read_state(directory, warn) if directory.is_dir() else (None, None)
    return before, None if text is None else parsed(text)


def check_resumable(
    directory: Path, spec: Spec, warn: Callable[[str], None], extend: bool = False, shard: str = ""
) -> Manifest | None:
    """Return the manifest of the folder; None if it has none.

    extend: the folder may hold a smaller sweep. Raises OptbenchError if it holds another sweep, more of this one
    than ``shard``, or another part of it.
    """
    before, text = read_state(directory, warn)
    if before is not None and shard and before.shard != shard:
        held = f"part {before.shard}" if before.shard else "the whole"
        raise OptbenchError(f"{str(directory)!r} holds {held} of a sweep: choose another --out for part {shard}")
    if text is None:
        return before
    old = parsed(text)
    if extend and old is not None and not differences(joined(old, spec), spec):
        return before
    changed = ["what is in spec.toml"] if old is None else differences(old, spec)
    if changed:
        raise OptbenchError(
            f"{str(directory)!r} holds another sweep (different: {', '.join(changed)}); choose another --out, "
            + ("add --extend to keep its runs and run what is missing, " if old and _can_join(old, spec) else "")
            + "or delete it"
        )
    return before


def _can_join(old: Spec, new: Spec) -> bool:
    """Return True if one sweep can hold the runs of both specs."""
    try:
        joined(old, new)
    except OptbenchError:
        return False
    return True


def extended(
    directory: str | Path,
    spec: str | Path | Mapping[str, Any] | None,
    changes: Mapping[str, Any],
    warn: Callable[[str], None],
) -> Spec:
    """Return the folder's own spec with what ``spec``, if any, and ``changes`` add.

    Lists are added to its lists; numbers of seeds, blocks and trials stand in the place of its own, and may only grow.
    Raises OptbenchError if there is no sweep in the folder, or no sweep holds both.
    """
    directory = Path(directory)
    text = read_state(directory, warn)[1] if directory.is_dir() else None
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


def read_provenance(directory: Path) -> Mapping:
    """Return the content of provenance.json; nothing if it is not there, or damaged."""
    path = directory / "provenance.json"
    try:
        return schemas.provenance(path, json.loads(read_bytes(path)))
    except (OSError, ValueError, RecursionError, OptbenchError):
        return {}


def describe_dropped(
    planned: Sequence[PlannedCohort], there: Sequence[Entry], index: RunIndex, before: Mapping, now: Mapping, shard: str
) -> str:
    """Return how many of a folder's runs a plan keeps, and why not all; empty if it keeps all.

    there: the folder's cohorts; index: the runs of those that are not the plan's; before, now: the provenance of both;
    shard: the part of the sweep that the plan is, empty for the whole.
    """
    lost = index.outside(np.concatenate([np.array(each.run_ids, "S16") for each in planned])) if len(index) else {}
    if not lost:
        return ""
    reasons: dict[str, dict[str, int]] = {}
    for entry in there:
        if count := lost.get(entry.cohort_id):
            counts = reasons.setdefault(_reason(entry, before, now, shard), {})
            counts[entry.optimizer] = counts.get(entry.optimizer, 0) + count
    texts = [
        f"{', '.join(f'{count:,} of {name}' for name, count in counts.items())} are not: {reason}"
        for reason, counts in reasons.items()
    ]
    total = sum(entry.runs for entry in there)
    return f"{total - sum(lost.values()):,} of {total:,} runs are kept; {'; '.join(texts)}"


def _reason(entry: Entry, before: Mapping, now: Mapping, shard: str) -> str:
    """Return why a plan does not have the runs of this cohort."""
    version, device = (before.get(key) for key in ("optbench", "device"))
    if version != now.get("optbench"):
        return f"they are of optbench {version}, and this is {now.get('optbench')}"
    if device != now.get("device"):
        return f"they ran on {device}"
    changed = _changed(before.get("plugins"), now.get("plugins"))
    sources = [key for key in changed if key.startswith("schedule ")]
    for kind, name in (("problem", entry.problem), ("optimizer", entry.optimizer)):
        own = [key for key in changed if key.startswith(f"{kind} ") and key.removeprefix(f"{kind} ") in name]
        sources = own or sources
    if sources:
        return f"{', '.join(sources)} has changed"
    if entry.problem in _changed(before.get("data"), now.get("data")):
        return f"the data of {entry.problem} have changed"
    return f"part {shard} has them no more" if shard else "the sweep has such settings no more"


def _changed(before: Mapping[str, str] | None, now: Mapping[str, str] | None) -> list[str]:
    before, now = before or {}, now or {}
    return [key for key, value in before.items() if key in now and now[key] != value]
