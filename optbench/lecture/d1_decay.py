"""D: noise, and learning-rate decay against it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis import best_configurations, reported_runs
from optbench.analysis.statistics import exponent_interval, median_interval, ratio_interval
from optbench.claims import drawing
from optbench.claims.criterion import Above, Below
from optbench.claims.record import Budget, Claim, fresh_seeds
from optbench.claims.verdict import Measured, Verdict

DECAYS = {
    "inverse(decay_rate=1.0)": "α₀ / (1 + epoch)",
    "exponential(base=0.95)": "0.95^epoch α₀",
    "sqrt_epoch(k=1.0)": "α₀ / sqrt(epoch)",
    "sqrt_step(k=1.0)": "α₀ / sqrt(t)",
}
SCHEDULES = {"constant": "constant", **DECAYS}
SIZES = (1, 4, 16, 64, 256, "full")
DATA = "logistic(data=gaussian(examples=2500))"
TUNING, REPORTING = fresh_seeds(12)[:3], fresh_seeds(12)[3:]
EPOCHS = 30
FIXED = 0.125


@cache
def noise(budget: Budget) -> dict[str, pd.DataFrame]:
    """`tuned`: final suboptimality for each batch size and schedule, the rate tuned for each; `fixed`: the same at one
    constant rate for all sizes."""
    seeds = [*TUNING, *REPORTING[: 6 if budget.quick else None]]
    spec = {"problems": [DATA], "optimizers": ["gd"], "schedules": list(SCHEDULES), "batch_sizes": list(SIZES)}
    spec |= {"learning_rates": [2.0**power for power in range(-13, 4)], "seeds": seeds, "tuning_seeds": len(TUNING)}
    runs = optbench.sweep(spec, epochs=10 if budget.quick else EPOCHS, workers=budget.workers).runs
    best = best_configurations(runs, TUNING, by=("problem", "batch_size", "schedule"))
    constant = runs[(runs["schedule"] == "constant") & (runs["lr"] == FIXED) & ~runs["seed"].isin(TUNING)]
    columns = ["batch_size", "schedule", "lr", "seed", "status", "suboptimality_final"]
    tables = {"tuned": reported_runs(runs, best, TUNING), "fixed": constant}
    return {name: table[columns].reset_index(drop=True) for name, table in tables.items()}


def measure_floor(tables: dict[str, pd.DataFrame]) -> Measured:
    fixed = tables["fixed"]
    noisy = fixed[fixed["batch_size"] < fixed["batch_size"].max()]
    wide = noisy.pivot(index="seed", columns="batch_size", values="suboptimality_final")
    exponent = exponent_interval(wide.columns, wide.to_numpy())
    full = median_interval(fixed.loc[fixed["batch_size"] == fixed["batch_size"].max(), "suboptimality_final"])
    middle = wide.median()
    return Measured(
        cells={"all": exponent},
        effect=exponent,
        measure="fitted exponent p of the final suboptimality at one constant rate, suboptimality ~ B^p",
        unit="is the power of B",
        detail=f"At the rate {FIXED:g} it ends at {middle.iloc[0]:.2g} with B = {middle.index[0]}, at "
        f"{middle.iloc[-1]:.2g} with B = {middle.index[-1]}, and at {full[0]:.2g} with the full batch.",
    )


def gains(tuned: pd.DataFrame, size: int) -> dict[str, tuple[float, float, float]]:
    """Decay -> final suboptimality under the constant rate over that under the decay, both tuned, at a batch size."""
    wide = tuned[tuned["batch_size"] == size].pivot(index="seed", columns="schedule", values="suboptimality_final")
    return {name: ratio_interval(wide["constant"], wide[name]) for name in DECAYS}


def measure_decay(tables: dict[str, pd.DataFrame]) -> Measured:
    tuned = tables["tuned"]
    sizes = sorted(tuned["batch_size"].unique())
    smallest = gains(tuned, sizes[0])
    weakest = min(smallest, key=lambda name: smallest[name][0])
    full = tuned[tuned["batch_size"] == sizes[-1]].groupby("schedule")["suboptimality_final"].median()
    return Measured(
        cells=smallest,
        effect=smallest[weakest],
        measure="final suboptimality of the constant rate over that under the weakest decay, "
        f"{weakest} (B = {sizes[0]})",
        unit="times the decay's suboptimality",
        detail=f"With the full batch (no noise) the constant rate ends at {full['constant']:.2g}, the best "
        f"decay at {full[list(DECAYS)].min():.2g}.",
    )


def _draw_sizes(ax, table: pd.DataFrame, look: dict, label: str) -> None:
    rows = [(size, *median_interval(part["suboptimality_final"])) for size, part in table.groupby("batch_size")]
    size, middle, low, high = np.array([row for row in rows if np.isfinite(row[1])]).T
    high = np.where(np.isfinite(high), high, middle)
    ax.fill_between(size, low, high, color=look["color"], alpha=0.13, linewidth=0)
    drawing.draw_line(ax, size, middle, look, label)


def _axes(title: str):
    figure = Figure(figsize=(6.6, 3.6))
    ax = figure.subplots()
    figure.subplots_adjust(left=0.12, right=0.7, top=0.89, bottom=0.14)
    ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel="final suboptimality")
    ax.set_title(title, fontsize=drawing.TITLE_SIZE, loc="left")
    return figure, ax


def draw_floor(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    figure, ax = _axes(f"One constant rate, {FIXED:g}, for all batch sizes")
    fixed = tables["fixed"]
    _draw_sizes(ax, fixed[fixed["batch_size"] < fixed["batch_size"].max()], drawing.look(0), "measured")
    sizes = np.array(sorted(fixed["batch_size"].unique())[:-1], float)
    middle = fixed.groupby("batch_size")["suboptimality_final"].median().to_numpy()
    ax.plot(sizes, middle[0] / sizes, color=drawing.GRAY, linestyle=(0, (3, 2)), label="1/B")
    drawing.log_ticks(ax.xaxis, 1, sizes[-1], plain=True)
    drawing.log_ticks(ax.yaxis, *ax.get_ylim())
    drawing.legend(figure, ax)
    return figure


def draw_decay(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    figure, ax = _axes("The rate tuned for each point")
    for place, (name, words) in enumerate(SCHEDULES.items()):
        part = tables["tuned"][tables["tuned"]["schedule"] == name]
        _draw_sizes(ax, part, drawing.look(place), words)
    drawing.log_ticks(ax.xaxis, 1, 2000, plain=True)
    drawing.log_ticks(ax.yaxis, *ax.get_ylim())
    drawing.legend(figure, ax, "rate")
    return figure


CLAIMS = (
    Claim(
        id="D1.1",
        sentence="The smaller the mini-batch, the stronger the noise, so a constant rate does not converge.",
        experiment=noise,
        criterion=Below(
            what="the fitted exponent p of (final suboptimality) ~ (batch size)^p at one constant rate", limit=0.0
        ),
        measure=measure_floor,
        figure=draw_floor,
        caption="Logistic regression, 2,000 examples, after 30 passes (quick: 10): median over the seeds and its "
        "interval. The largest batches make the fewest steps: where the curve turns up they have not come down yet.",
    ),
    Claim(
        id="D1.2",
        sentence="Under the noise of small mini-batches a decaying rate converges where a constant rate does not.",
        experiment=noise,
        criterion=Above(
            what="the final suboptimality under the constant rate over that under the decay, mini-batches of one "
            "example, every rate tuned",
            each="each of the four decays",
            on="the decay",
            limit=1.0,
        ),
        measure=measure_decay,
        figure=draw_decay,
        caption="The same, with the rate tuned on other seeds for each batch size and schedule. Last point: the full "
        "batch.",
    ),
)
