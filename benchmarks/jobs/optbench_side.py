"""optbench's side of a job, in a process of its own: one call of :func:`optbench.sweep`, which leaves its tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(spec: str, out: str, cores: str) -> None:
    """``spec``: the file of the sweep as JSON."""
    import optbench

    optbench.sweep(json.loads(Path(spec).read_text()), out=out, workers=int(cores))


if __name__ == "__main__":
    main(*sys.argv[1:])
