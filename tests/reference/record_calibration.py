"""Record y of a few hundred settings on two hundred seeds, in calibration.npz, from which tests draw whole sweeps.

    python tests/reference/record_calibration.py [--workers 2]

The tests of verdicts need thousands of sweeps. Here are real runs of the default sweep's settings, on more seeds than a
sweep takes; a simulated sweep draws its seeds from them. One array a problem and optimizer, (settings, seeds) int16: y
in thousandths, as `optbench.analysis.tail_values` has it, failures included. Eight minutes of CPU; the same version
gives the same bytes on one machine.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import optbench
from optbench.analysis import configuration_columns, tail_values

FILE = Path(__file__).with_name("calibration.npz")
SEEDS = 200
SPEC = {
    "optimizers": ["nesterov", "adam"],
    "batch_sizes": [16, 64, "full"],
    "schedules": ["constant", "inverse", "exponential", "sqrt_epoch", "sqrt_step"],
    "learning_rates": "1e-3:31.6228:10",
    "epochs": 60,
    "seeds": SEEDS,
}
PROBLEMS = ["quadratic", "rosenbrock", "logistic", {"name": "mlp", "epochs": 6}]
SCALE = 1000


def recorded(problem: str | dict, workers: int) -> dict[str, np.ndarray]:
    """Array by name, of one problem."""
    runs = optbench.sweep({**SPEC, "problems": [problem]}, workers=workers).runs
    name = problem if isinstance(problem, str) else problem["name"]
    keys, arrays = [*configuration_columns(runs), "seed"], {}
    for optimizer, part in runs.assign(y=tail_values(runs)).groupby("optimizer", sort=False):
        y = part.sort_values(keys)["y"].to_numpy().reshape(-1, SEEDS)
        arrays[f"{name}.{optimizer}"] = np.round(SCALE * y).astype(np.int16)
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    arrays: dict[str, np.ndarray] = {}
    for problem in PROBLEMS:
        arrays |= recorded(problem, workers)
    facts = json.dumps({"optbench": optbench.__version__, "spec": SPEC, "problems": PROBLEMS, "scale": SCALE})
    np.savez_compressed(FILE, facts=np.array(facts), **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
