"""Whether a folder may be gone on with: it is new, or holds the same sweep, however that is written."""

import tomllib
from collections.abc import Callable
from pathlib import Path

from optbench.contract.errors import OptbenchError
from optbench.sweeps.joined_specs import differences, joined
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import merge
from optbench.sweeps.store import manifest
from optbench.sweeps.store.files import read_bytes
from optbench.sweeps.store.manifest import Manifest


def claimed(
    directory: Path, spec: Spec, tell: Callable[[str], None], extend: bool = False, shard: str = ""
) -> Manifest | None:
    """What the folder holds of this sweep; None where that is nothing. extend: it may hold a smaller sweep.

    Raises OptbenchError where it holds another sweep, more of this one than ``shard`` or another part of it, or a sweep
    of optbench 0.3.0 or before.
    """
    before, text = kept(directory, tell)
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
            + ("add --extend to keep its runs and run what is missing, " if old and _serves(old, spec) else "")
            + "or delete it"
        )
    return before


def kept(directory: Path, tell: Callable[[str], None]) -> tuple[Manifest | None, str | None]:
    """The folder's manifest and the text of its spec; the one that is damaged is told, and taken from the other.

    Raises OptbenchError for a folder of optbench 0.3.0 or before.
    """
    path = directory / "spec.toml"
    try:
        before = manifest.read(directory)
    except manifest.DamagedManifest as error:
        before = None
        tell(str(error).rpartition(": ")[0] + "; it is written anew")
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
        written = None if text is None else parsed(text)
        known = parsed(before.spec)
        if written is None or known is None or differences(known, written):
            tell(f"{str(path)!r} is not what was written; it is written anew")
        text = before.spec
    return before, text


def parsed(text: str) -> Spec | None:
    """The spec that a text gives; None where it gives none."""
    try:
        return merge(tomllib.loads(text), {})
    except (ValueError, RecursionError):  # of TOML, or of the keys in it
        return None


def _serves(old: Spec, new: Spec) -> bool:
    try:
        joined(old, new)
    except OptbenchError:
        return False
    return True
