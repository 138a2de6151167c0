"""How many versions of an optimizer one has ranked: the best of many that are alike looks better than it is."""

import json
from contextlib import suppress

from optbench.datasets.cache import cache_folder


def count_versions(name: str, beside: str, digest: str) -> int:
    """Return how many versions of an optimizer were ranked beside a sweep, this one included, and remember it.

    They are kept in the user's cache, in "ranked.json". What cannot be read is forgotten, and what cannot be written
    is not counted.

    name: of the optimizer, which under another name counts anew; beside: the sweep's folder, or "atlas", also for a
    part of it; digest: of the optimizer's source.
    """
    file, key = cache_folder() / "ranked.json", f"{name} beside {beside}"
    kept: dict[str, list[str]] = {}
    with suppress(OSError, ValueError, TypeError):
        found = json.loads(file.read_text(encoding="utf-8"))
        kept = {str(each): [str(seen) for seen in list(digests)] for each, digests in dict(found).items()}
    versions = kept.setdefault(key, [])
    if digest not in versions:
        versions.append(digest)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return len(versions)
