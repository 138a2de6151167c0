"""Costs of tuned optimizers, and the best of n trials, as methods of results, against counts by hand."""

import numpy as np
import pandas as pd
import pytest
from tuning_twin import Twin

import optbench

SPEC = {"problems": ["quadratic(dim=4, noise=1e-6)", "rosenbrock"], "optimizers": ["gd", "momentum"],
        "batch_sizes": [256], "learning_rates": "1e-4:1:4", "steps": 40, "points": "every", "blocks": 3, "screen": 1,
        "race": 1, "holdout": 2, "finalists": 2, "final": 4, "report": 6}  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return optbench.sweep(SPEC, workers=1)


def chosen(results):
    """Return the reports of what is recommended for the measure that is judged: the best of the last race."""
    twin, mine = Twin(results, ["beta1"]), []
    for place, raced in twin.by_block("final").items():
        for name in {run["optimizer"] for run in raced}:
            part = [run for run in raced if run["optimizer"] == name]
            best = twin.rank(part, "time", twin.shared_target(place[0]))[0]
            mine += [run for run in twin.of_stages("report") if run["setting"] == best]
    return pd.DataFrame(mine)


def test_costs_are_those_of_what_is_recommended(results):
    losses = dict(zip(results.runs["problem"].unique(), (1e-3, 1.0), strict=True))
    table = results.costs(losses=losses).set_index(["problem", "optimizer"])
    mine = chosen(results)
    assert len(mine) == 2 * 2 * 6
    for (problem, optimizer), group in mine.groupby(["problem", "optimizer"]):
        row, level, spent, arrived = table.loc[(problem, optimizer)], losses[problem], 0.0, 0
        assert row["runs"] == row["seeds"] == 6 and row["failures"] == (group["status"] == "diverged").mean()
        for run_id, status in zip(group["run_id"], group["status"], strict=True):
            curve = results.curves[results.curves["run_id"] == run_id]
            loss, samples = curve["train_loss"].to_numpy(), curve["samples"].to_numpy(float)
            above = np.flatnonzero(loss > level)
            if status == "diverged" or above[-1] == len(loss) - 1:
                spent += 40 * 256
                continue
            last = above[-1]  # f* = 0 for both: interpolated in the logarithm of the loss
            part = np.log(loss[last] / level) / np.log(loss[last] / loss[last + 1])
            spent, arrived = spent + samples[last] + part * (samples[last + 1] - samples[last]), arrived + 1
        assert row[f"reached_{level:g}"] == arrived / 6
        assert row[f"samples_to_{level:g}"] == pytest.approx(spent / arrived if arrived else np.inf)
    assert table["reached_0.001"].mean() > 0 and 0 < table["reached_1"].mean() < 1, "both kinds are there"
