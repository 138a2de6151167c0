"""C5, quiz 10: Adam's rate of each parameter, and Adam on mini-batches against the full batch."""

from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.analysis.statistics import ert_interval, median_interval
from optbench.analysis.targets import speedup
from optbench.claims import drawing
from optbench.claims.criterion import Below
from optbench.claims.record import Budget, Claim, Measured, fresh_seeds
from optbench.lecture.runs import tuned_costs

STEPS = (1, 10, 50)
RATES = (0.01, 0.03, 0.1)
BATCHES, EPOCHS = (32, 128, "full"), 50
TARGETS = {"softmax": 0.35, "mlp(hidden=(16,))": 0.25}
"""The training loss to reach, about 2.3 at the start; `--quick` tries the last one alone."""


@cache
def rates(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `spread`: quantiles of the effective rate over the parameters of softmax regression, in units of lr.

    The effective rate is the change of a weight in a full-batch step over the gradient. With beta1 = 0, Adam's step has
    the sign of this gradient and no memory of others; the second moment, which sets the rate, is unchanged.
    """
    problem, rate, rows = optbench.problems()["softmax"].build(), 0.003, []
    objective = optbench.objective(problem)
    for optimizer in ("gd", "adam(beta1=0)"):
        for seed in fresh_seeds(1 if optimizer == "gd" else 3 if budget.quick else 6):
            for steps in STEPS:
                before, after = (_weights(problem, optimizer, rate, count, seed) for count in (steps - 1, steps))
                gradient = objective(before)[1][0]
                moving = np.abs(gradient) > 1e-9  # the pixels of the corners are always black
                effective = (before - after)[moving] / gradient[moving] / rate
                rows.append((optimizer, seed, steps, *np.quantile(effective, [0.1, 0.5, 0.9])))
    return {"spread": pd.DataFrame(rows, columns=["optimizer", "seed", "step", "low", "middle", "high"])}


def _weights(problem, optimizer: str, rate: float, steps: int, seed: int) -> np.ndarray:
    """Return the weights after ``steps`` full-batch steps; after 0, the start, by a step with a negligible rate."""
    return optbench.minimize(problem, optimizer, lr=rate if steps else 1e-300, steps=max(steps, 1), seed=seed).w


def measure_rates(tables) -> Measured:
    """Measure the spread of Adam's effective rates: their 10% quantile over their 90% quantile, by step."""
    table = tables["spread"][tables["spread"]["optimizer"] != "gd"]
    # GD's is 1: the inverse is small where rates differ.
    cells = {f"step {step}": median_interval(part["low"] / part["high"]) for step, part in table.groupby("step")}
    plain = tables["spread"].loc[tables["spread"]["optimizer"] == "gd"]
    return Measured(
        cells=cells,
        effect=cells[f"step {STEPS[-1]}"],
        measure=f"10% quantile of the effective rates over their 90% quantile, at step {STEPS[-1]}",
        unit="is the lowest tenth's rate over the highest's",
        detail=f"Of GD: {(plain['low'] / plain['high']).median():.4g}.",
    )


def figure_rates(tables, verdict):
    """Draw the quantiles of the effective rates of gradient descent and Adam, by step."""
    table = tables["spread"].groupby(["step", "optimizer"], sort=False)[["middle", "low", "high"]].median()
    table = table.reset_index().sort_values("step", kind="stable").rename(columns={"middle": "median"})
    table["optimizer"] = table["optimizer"].map({"gd": "GD"}).fillna("Adam")
    title = "The effective rates of 650 parameters: median, 10% to 90%"
    return drawing.interval_figure(
        {"": table}, "step", "optimizer", title, colors=drawing.INK, ylabel="step / (lr × gradient)"
    )


@cache
def batches(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `reached`: samples and seconds of each reporting run until the target, or to the end if it is not reached.

    Seconds are run-steps times the mean time of a run-step in the cohort, so they differ from machine to machine.
    """
    parts = []
    for problem, target in list(TARGETS.items())[1 if budget.quick else 0 :]:
        spec = {"problems": [problem], "optimizers": ["adam"], "batch_sizes": list(BATCHES), "epochs": EPOCHS}
        table = tuned_costs(spec, target, RATES, *((3, 6) if budget.quick else (3, 9)), budget)
        largest = table["batch_size"].max()
        names = [str(size) if size < largest else "full" for size in table["batch_size"]]
        parts.append(table.assign(batch=names))
    return {"reached": pd.concat(parts, ignore_index=True)}


def measure_batches(tables) -> Measured:
    """Measure the speedup of each batch size over the full batch, in samples and seconds."""
    table = tables["reached"]
    cells = {
        f"{problem}, {axis}, {batch}": speedup(part[part["batch"] == batch], part[part["batch"] == "full"], axis)
        for problem, part in table.groupby("problem", sort=False)
        for axis in ("samples", "seconds")
        for batch in map(str, BATCHES[:-1])
    }
    share = table.groupby("batch", sort=False)["reached"].mean()
    first = next(iter(cells))
    return Measured(
        cells=cells,
        effect=cells[first],
        measure=f"expected running time to the target over that of the full batch ({first})",
        unit="times the full batch's samples",
        detail="Runs that reached it: " + ", ".join(f"{value:.0%} at {batch}" for batch, value in share.items()) + ".",
    )


def figure_batches(tables, verdict):
    """Draw the expected running time to the target against the batch size, in samples and seconds."""
    panels = {}
    for axis in ("samples", "seconds"):
        rows = [
            (*key, *ert_interval(part[axis], part["reached"]))
            for key, part in tables["reached"].groupby(["batch", "problem"], sort=False)
        ]
        table = pd.DataFrame(rows, columns=["batch size", "problem", "median", "low", "high"])
        panels[f"{axis} to the target"] = table.sort_values(
            "batch size", key=lambda column: column.map(list(map(str, BATCHES)).index), kind="stable"
        )
    title = "Adam: expected running time to the target against the batch size"
    return drawing.interval_figure(panels, "batch size", "problem", title)


CLAIMS = (
    Claim(
        id="C5.1",
        sentence="Adam adapts the rate of each parameter.",
        experiment=rates,
        criterion=Below(
            what="the 10% quantile of the effective rates of softmax regression's parameters over their 90% quantile, "
            "which is 1 for GD",
            each="steps 1, 10 and 50",
            on="the step",
            limit=0.5,
            against=0.9,
        ),
        measure=measure_rates,
        figure=figure_rates,
        caption="Medians over the seeds.",
    ),
    Claim(
        id="C5.2",
        sentence="Adam is used with mini-batches, too, and not only with the full batch.",
        experiment=batches,
        criterion=Below(
            what="the expected running time to a training loss of "
            + " and ".join(f"{target:g} ({problem})" for problem, target in TARGETS.items())
            + " over that of the full batch, failures included, at the best rate of each batch size",
            each="both models, each in samples and in seconds with mini-batches of "
            + " and ".join(map(str, BATCHES[:-1])),
            on="model, clock and batch size",
            limit=1.0,
        ),
        measure=measure_batches,
        figure=figure_batches,
        caption="Expected running time with its 95% interval over seeds; no dot where no run reached the target.",
    ),
)
