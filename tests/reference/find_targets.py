"""Print the target of every shipped problem: what its record should state.

    python tests/reference/find_targets.py [NAME ...]

It is the hardest share of the suboptimality at the start that a tenth of the settings of some optimizer reach on all
seeds. The settings are a fixed grid, so that the luck of a search is not in it, and the easier half of what is tuned
reaches it, too. A problem that nobody brings to a half of the start has none.
"""

import sys

import numpy as np

import optbench
from optbench.contract.columns import TARGETS, target_column

SPEC = {
    "optimizers": ["nesterov", "adam"],
    "batch_sizes": [16, 64],
    "schedules": ["constant", "inverse"],
    "learning_rates": [float(f"{10 ** (k / 4 - 3.25):.4g}") for k in range(20)],
    "seeds": 3,
}
REACHED = 0.1
LARGE = 100
"""Parameters from which on a run has 5 epochs in place of 40."""


def find_target(name):
    """Return the target of a problem, NaN for none."""
    record = optbench.problems()[name].build()
    runs = optbench.sweep({**SPEC, "problems": [name], "epochs": 5 if record.dim > LARGE else 40}, workers=1).runs
    setting = ["optimizer", "batch_size", "schedule", "lr"]
    for share in sorted(TARGETS):
        whole = np.isfinite(runs[target_column(share)]).groupby([runs[key] for key in setting]).all()
        if (whole.groupby("optimizer").mean() >= REACHED).any():
            return share
    return np.nan


if __name__ == "__main__":
    for each in sys.argv[1:] or optbench.problems():
        print(each, f"{find_target(each):g}", flush=True)
