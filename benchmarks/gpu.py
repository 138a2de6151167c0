"""A GPU's kernels beside what the card can do: its own copy, and the CPU engine.

    python benchmarks/gpu.py                         # some minutes; the table, and reports/gpu.json
    python benchmarks/gpu.py --quick --out FILE.json # smaller and noisier

What is measured, and how, stands in gpu_rows.py. Without a GPU it says what is missing and ends with 2; in numba's
simulator it runs on tiny sizes and measures nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WARNING = "numba's simulator: no measurement"

HEAD = f"{'part':6}  {'case':34}  {'size':>19}  {'best ms':>9}  {'median':>9}  {'speed':>22}    ratio of"


def show(line: dict[str, Any]) -> str:
    """One line of the table."""
    size = " x ".join(f"{number:,}" for number in line["size"])
    cells = [f"{line['part']:6}", f"{line['case']:34}", f"{size:>19}"]
    cells += ["-".rjust(9) if s is None else f"{1e3 * s:9.3f}" for s in (line["best_seconds"], line["median_seconds"])]
    cells.append(("-" if line["speed"] is None else f"{line['speed']:.3g} {line['unit']}").rjust(22))
    cells.append("-".rjust(7) + " " * 9 if line["ratio"] is None else f"{line['ratio']:7.3f} {line['of']:8}")
    return "  ".join([*cells, line["note"]]).rstrip()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gpu.py", description="A GPU's kernels beside what the card can do.")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer repetitions")
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON; by default reports/gpu.json")
    options = parser.parse_args(arguments)
    unsaid = options.out is None  # the simulator may not take the place of what a card measured
    options.out = options.out or ROOT / "reports" / "gpu.json"
    if not options.out.resolve().parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.resolve().parent}")
    sys.path.insert(0, str(ROOT))
    from benchmarks.peers import THREAD_LIMITS

    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))  # before NumPy loads: the CPU's part is one core's
    import optbench
    from benchmarks.gpu_rows import FULL, QUICK, TINY, all_rows, simulated

    machine = optbench.info()
    gpu = machine.pop("cuda")
    if gpu["missing"]:
        print(f"gpu.py: {gpu['missing']}", file=sys.stderr)
        return 2
    if simulated() and unsaid:
        parser.error("the simulator measures nothing: say with --out where its JSON shall go")
    sizes = TINY if simulated() else QUICK if options.quick else FULL
    command = " ".join(["python benchmarks/gpu.py", *(sys.argv[1:] if arguments is None else arguments)])
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = {"command": command, "date": now, **machine, "card": gpu["cards"][0]["name"], "cuda": gpu["package"]}
    content |= {"cuda_driver": gpu["driver"], "cuda_toolkit": gpu["toolkit"], "sizes": asdict(sizes), "rows": []}
    if simulated():
        content = {"warning": WARNING} | content
        print(WARNING)
    print(f"{content['card']}, CUDA driver {content['cuda_driver']}, {content['cuda']}, optbench {content['optbench']}")
    print(HEAD)
    for line in all_rows(sizes):
        content["rows"].append(line)
        print(show(line), flush=True)
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
