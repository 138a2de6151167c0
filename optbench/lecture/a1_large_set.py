"""A1: batch against mini-batch gradient descent on millions of examples, by passes over the data and by seconds."""

from __future__ import annotations

from functools import cache

import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis import best_configurations
from optbench.analysis.statistics import crossing, ratio_interval
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, fresh_seeds
from optbench.report import style

FULL, QUICK, TUNED_ON = 5_000_000, 500_000, 50_000
BATCH_SIZE, PASSES = 1000, 4
TUNING, REPORTING = fresh_seeds(9)[:3], fresh_seeds(9)[3:]  # six seeds are the fewest that give a 95% interval
RATES = [1.0, 2.0, 4.0, 8.0, 16.0]
TARGETS = (0.1, 0.01, 0.001)


def _problem(examples: int) -> str:
    return f"logistic(data=mapped(examples={examples}, features=5))"


def _sweep(examples, size, **settings) -> optbench.api.Results:
    # The full batch gets several passes, the mini-batches one: 5,000 of 1,000 examples each.
    spec = {"problems": [_problem(examples)], "optimizers": ["gd"], "batch_sizes": [size], "tuning_seeds": 0}
    return optbench.sweep(spec | {"epochs": PASSES if size == "full" else 1}, **settings)


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """`curves`: the share of the first suboptimality left, by passes and seconds. `targets`: when each is reached."""
    examples, curves = QUICK if budget.quick else FULL, []
    for size in ("full", BATCH_SIZE):
        tried = _sweep(TUNED_ON, size, learning_rates=RATES, seeds=list(TUNING), workers=budget.workers).runs
        rate = float(best_configurations(tried, TUNING)["lr"].iloc[0])
        found = _sweep(examples, size, learning_rates=[rate], seeds=list(REPORTING), workers=budget.workers)
        runs = found.runs.merge(found.timings[["cohort_id", "ns_per_run_step"]], on="cohort_id")
        runs["minimum"] = runs["loss_final"] - runs["suboptimality_final"]
        runs = runs[["run_id", "seed", "loss_initial", "minimum", "ns_per_run_step"]]
        curve = found.curves[["run_id", "step", "epoch", "train_loss"]].merge(runs, on="run_id")
        curves.append(pd.DataFrame({
            "batch": str(size), "rate": rate, "examples": examples, "seed": curve["seed"], "step": curve["step"],
            "passes": curve["epoch"], "seconds": curve["step"] * curve["ns_per_run_step"] * 1e-9,
            "left": (curve["train_loss"] - curve["minimum"]) / (curve["loss_initial"] - curve["minimum"]),
        }))  # fmt: skip
    curves = pd.concat(curves, ignore_index=True)
    return {"curves": curves, "targets": targets(curves)}


def targets(curves: pd.DataFrame) -> pd.DataFrame:
    """Passes and seconds to each target, a row per batch, seed and target; inf where it is not reached."""
    rows = []
    for (batch, seed), run in curves.groupby(["batch", "seed"], sort=False):
        for target in TARGETS:
            when = {name: crossing(run[name], run["left"], target) for name in ("passes", "seconds")}
            rows.append({"batch": batch, "seed": seed, "target": target, **when})
    return pd.DataFrame(rows)


def factors(tables: dict[str, pd.DataFrame], clock: str) -> dict[float, tuple[float, float, float]]:
    """Target -> how many times as much the full batch takes, with its interval."""
    wide = tables["targets"].pivot(index=["target", "seed"], columns="batch", values=clock)
    return {
        target: ratio_interval(part["full"], part[str(BATCH_SIZE)])
        for target, part in wide.groupby(level="target", sort=False)
    }


def judge(tables: dict[str, pd.DataFrame]) -> Verdict:
    seconds, passes = factors(tables, "seconds"), factors(tables, "passes")
    wins = {target: low > 1 for target, (_, low, _) in seconds.items()}
    verdict = HOLDS if all(wins.values()) else DEPENDS if any(wins.values()) else FAILS
    described = [_text(target, seconds[target]) for target in TARGETS]
    examples = int(tables["curves"]["examples"].iloc[0])
    return Verdict(
        verdict, *seconds[0.01],
        f"times as many seconds for the full batch as for batches of {BATCH_SIZE:,} until 1% is left, n = {examples:,}",
        on="the target: for the full batch " + "; ".join(described) + " (0: a mini-batch run never got there)"
        if verdict == DEPENDS else "",
        detail=f"In passes over the data the factor is {passes[0.01][0]:,.0f} "
        f"[{passes[0.01][1]:,.0f}, {passes[0.01][2]:,.0f}] at 1%.",
    )  # fmt: skip


def _text(target: float, factor: tuple[float, float, float]) -> str:
    value, low, high = factor
    if value == 0:
        return f"{100 * target:g}% left is never reached by most mini-batch runs, whose rate is constant"
    return f"{100 * target:g}% left takes {value:.0f} [{low:.0f}, {high:.0f}] times as long"


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    figure = Figure(figsize=(6.8, 3.5))
    axes = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(left=0.12, right=0.98, top=0.82, bottom=0.15, wspace=0.08)
    curves = tables["curves"]
    curves = curves[curves["step"] > 0]
    names = {"full": "full batch", str(BATCH_SIZE): f"mini-batches of {BATCH_SIZE:,}"}
    for ax, clock in zip(axes, ("passes", "seconds"), strict=True):
        for place, (batch, part) in enumerate(curves.groupby("batch", sort=False)):
            middle = part.groupby("step")[[clock, "left"]].median()
            for _, run in part.groupby("seed"):
                ax.plot(run[clock], run["left"], color=style.look(place)["color"], alpha=0.25, linewidth=0.7)
            style.draw_line(ax, middle[clock], middle["left"], style.look(place), names[batch])
        ax.set(xscale="log", yscale="log", xlabel={"passes": "passes over the data", "seconds": "seconds"}[clock])
        style.log_ticks(ax.xaxis, curves[clock].min(), curves[clock].max(), plain=True)
        for target in TARGETS:
            ax.axhline(target, color=style.GRAY, linewidth=0.8, linestyle=(0, (1, 2)))
    style.log_ticks(axes[0].yaxis, *axes[0].get_ylim(), plain=True)
    axes[0].set_ylabel("share of the suboptimality left")
    axes[1].legend(fontsize=style.LEGEND_SIZE, loc="lower left")
    figure.suptitle(f"{int(curves['examples'].iloc[0]):,} examples: one step a pass, or one step a mini-batch",
                    fontsize=style.TITLE_SIZE, x=0.12, ha="left")  # fmt: skip
    return figure


CLAIMS = (
    Claim(
        "A1",
        "Batch gradient descent is slow on large sets: mini-batches get on with each part of the set, such as "
        "5,000,000 examples in 5,000 mini-batches of 1,000.",
        "Holds if the full batch takes longer, in seconds (interval of the ratio above 1), to leave 10%, 1% and 0.1% "
        "of the first suboptimality; depends if at some of these targets only; does not hold if at none.",
        experiment,
        judge,
        draw,
        "Logistic regression on generated, memory-mapped examples with 5 features; rates tuned on 50,000 of them with "
        "other seeds. Thin: six seeds; thick: their median; dotted: the targets. The seconds are those of the steps "
        "alone, without evaluations. Between the measured points the time to a target is interpolated. A quick run has "
        "500,000 examples.",
    ),
)
