"""Record the results of fine grids of rates on many seeds, in calibration.npz, from which tests draw whole sweeps.

    python tests/reference/record_calibration.py [--workers 1] [--keep FOLDER]

The tests of verdicts need thousands of sweeps, each of which draws the offsets of its grids anew. Here are real runs on
a lattice of 8 rates a decade, on more seeds than a sweep takes; a simulated sweep draws its grids and its seeds from
them. int16, in thousandths, failures included:

    PROBLEM.OPTIMIZER.loss  (sizes, schedules, rates, seeds), y of the measure "loss", `optbench.analysis.tail_values`
    PROBLEM.OPTIMIZER.time  the same shape, ln of the samples to the problem's target; MISSED where it is not reached
    PROBLEM.OPTIMIZER.bad   the same shape, one bit a run (`numpy.packbits`), True where the run failed
    PROBLEM.start           (seeds,), ln of the first suboptimality

and in `facts`, as JSON, the spec, the version, and each problem's target and samples of a run. The same
version gives the same bytes on one machine.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

import optbench
from optbench.analysis import tail_values
from optbench.analysis.measures import first_gaps
from optbench.analysis.run_columns import find_failed_runs
from optbench.contract.columns import TARGETS, target_column

FILE = Path(__file__).with_name("calibration.npz")
SEEDS = 32
PER_DECADE = 8
RATES = [float(f"{10 ** (k / PER_DECADE - 3.25):.4g}") for k in range(5 * PER_DECADE)]
SPEC = {
    "optimizers": ["nesterov", "adam"],
    "batch_sizes": [4, 16, 64, "full"],
    "schedules": ["constant", "inverse", "exponential"],
    "learning_rates": RATES,
    "epochs": 40,
    "seeds": SEEDS,
}
PROBLEMS = ["quadratic", "rosenbrock", "saddle", "plateau", "least_squares", "logistic", {"name": "mlp", "epochs": 3}]
SETTING = ["batch_size", "schedule", "lr"]
SCALE = 1000
MISSED = np.iinfo(np.int16).min
# A target is one that a tenth of the settings of some optimizer reach on nearly all seeds: a sweep asks for three
# settings in each block, of a screen that is refined
REACHED, REACHING = 0.95, 0.1


def record_problem(name: str, runs: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays of one problem by name, and its facts."""
    shape = (len(SPEC["batch_sizes"]), len(SPEC["schedules"]), len(RATES), SEEDS)
    schedules = {text: place for place, text in enumerate(pd.unique(runs["schedule"]))}
    runs = runs.assign(y=tail_values(runs), start=np.log(first_gaps(runs)), bad=find_failed_runs(runs))
    runs = runs.assign(place=runs["schedule"].map(schedules))
    runs = runs.sort_values(["optimizer", "batch_size", "place", "lr", "seed"])
    parts = {key: part for key, part in runs.groupby("optimizer")}
    target = find_target(parts)
    arrays = {}
    for optimizer, part in parts.items():
        time = np.log(part[target_column(target)].to_numpy(dtype=np.float64).reshape(shape))
        coded = {"loss": part["y"].to_numpy().reshape(shape), "time": np.where(np.isfinite(time), time, MISSED / SCALE)}
        for measure, values in coded.items():
            arrays[f"{name}.{optimizer}.{measure}"] = np.round(SCALE * values).astype(np.int16)
        arrays[f"{name}.{optimizer}.bad"] = np.packbits(part["bad"].to_numpy(dtype=bool))
    start = runs.groupby("seed")["start"].first().to_numpy()
    arrays[f"{name}.start"] = np.round(SCALE * start).astype(np.int16)
    return arrays, {"target": target, "samples": int(runs["samples"].max())}


def find_target(parts: dict[str, pd.DataFrame]) -> float:
    """Return the hardest target that enough settings of some optimizer reach; parts: runs by optimizer."""
    for share in sorted(TARGETS):
        for part in parts.values():
            reached = np.isfinite(part[target_column(share)]).groupby([part[key] for key in SETTING]).mean()
            if (reached >= REACHED).mean() >= REACHING:
                return share
    raise SystemExit("no target is reached")


def main() -> None:
    """Record all problems and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the tables of runs, which are read again from there")
    options = parser.parse_args()
    arrays: dict[str, np.ndarray] = {}
    facts = {"optbench": optbench.__version__, "spec": SPEC, "scale": SCALE, "problems": {}}
    for problem in PROBLEMS:
        name = problem if isinstance(problem, str) else problem["name"]
        file = options.keep / f"{name}.parquet" if options.keep else None
        if file and file.exists():
            runs = pd.read_parquet(file)
        else:
            runs = optbench.sweep({**SPEC, "problems": [problem]}, workers=options.workers).runs
            if file:
                runs.to_parquet(file)
        found, facts["problems"][name] = record_problem(name, runs)
        arrays |= found
        print(name, facts["problems"][name], flush=True)
    np.savez_compressed(FILE, facts=np.array(json.dumps(facts)), **arrays)
    print(f"{FILE.name}: optbench {optbench.__version__}, {len(arrays)} arrays, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
