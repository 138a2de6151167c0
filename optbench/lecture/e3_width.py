"""E3: the spread of the final losses of a network from seed to seed, by its width."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis.statistics import bootstrap_interval, share_interval
from optbench.claims import drawing
from optbench.claims.criterion import Below
from optbench.claims.record import Budget, Claim, Measured, Verdict, split_seeds
from optbench.lecture.runs import best_rate

RATES = (0.02, 0.06, 0.2)
POOR = 0.1
"""Nats above the best seed of the same width from which on a run counts as stuck: log 2 = 0.69 is a guess."""
RARE = 0.1
LEAST_DRAWN = 1e-5


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Train networks of several widths with full-batch Adam on two intertwined spirals; return `finals`, a row a run.

    The learning rate of each width is tuned on other seeds.
    """
    widths, tuning, seeds, steps = ((2, 16), 2, 40, 800) if budget.quick else ((1, 2, 3, 4, 8, 16), 3, 40, 1500)
    parts = []
    for width in widths:
        problem = f"mlp(data=spirals(examples=200, turns=1.0), hidden=({width},), activation=tanh)"
        spec = {"problems": [problem], "optimizers": ["adam"], "steps": steps}
        first, rest = split_seeds(tuning, seeds)
        rate = best_rate(spec, first, learning_rates=list(RATES), workers=budget.workers)
        runs = optbench.sweep(spec, learning_rates=[rate], seeds=rest, workers=budget.workers).runs
        parts.append(runs[["seed", "lr", "status", "loss_final"]].assign(width=width))
    return {"finals": pd.concat(parts, ignore_index=True)}


def stuck(table: pd.DataFrame) -> pd.DataFrame:
    """Return, by width, the best loss, the share of runs more than POOR above it or diverged, and the spread.

    spread: the 90% minus the 10% quantile of the final losses, in nats, with its bootstrap interval.
    """
    rows = []
    for width, part in table.groupby("width"):
        loss = part["loss_final"].to_numpy()
        hits = int((~(loss <= loss.min() + POOR)).sum())
        spread = bootstrap_interval(loss, _spread)
        rows.append((width, loss.min(), np.median(loss), *share_interval(hits, len(loss)), *spread, len(loss)))
    columns = ["width", "best", "median", "stuck", "low", "high", "spread", "spread_low", "spread_high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _spread(loss) -> float:
    """Return the 90% minus the 10% quantile of final losses; inf if it is not finite."""
    low, high = np.quantile(loss, [0.1, 0.9], method="inverted_cdf")
    return float(high - low) if np.isfinite(low) else np.inf


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of stuck runs at the largest width."""
    table = stuck(tables["finals"])
    small, large = table.loc[table["stuck"].idxmax()], table.iloc[-1]
    often = table.loc[table["high"] >= RARE, "width"].max()
    wide = table.loc[~(table["width"] <= often), "width"]
    enough = f"From width {wide.min():.0f} on" if len(wide) else "At no width tried"
    share = large["stuck"], large["low"], large["high"]
    return Measured(
        cells={"all": share},
        effect=share,
        measure=f"share of runs that end more than {POOR} nats above the best one, at width {large['width']:.0f}",
        unit="of the runs are stuck",
        detail=f"Stuck most often at width {small['width']:.0f}: {small['stuck']:.0%} [{small['low']:.0%}, "
        f"{small['high']:.0%}] of {small['seeds']:.0f} seeds. Between the 10% and the 90% quantile of the final "
        f"losses lie {small['spread']:.3f} nats there and {large['spread']:.2g} at width {large['width']:.0f}."
        f" {enough} the interval of the share is below {RARE:.0%}.",
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw each seed's final loss, and the share of stuck runs, against the width."""
    runs, table = tables["finals"], stuck(tables["finals"])
    title = "Where training ends from seed to seed, against the width"
    figure, grid = drawing.new_figure(
        (2.6, 2.6), 1, 2, left=0.7, right=0.15, top=0.42, bottom=0.5, gap=(0.75, 0), title=title
    )
    left, right = grid[0]
    runs = runs[np.isfinite(runs["loss_final"])]
    jitter = np.exp(np.random.default_rng(0).uniform(-0.12, 0.12, len(runs)))
    left.plot(runs["width"] * jitter, runs["loss_final"].clip(lower=LEAST_DRAWN), ".", color=drawing.INK[1],
              markersize=4, alpha=0.5, markeredgewidth=0)  # fmt: skip
    left.plot(table["width"], table["median"].clip(lower=LEAST_DRAWN), color=drawing.BLACK, label="median")
    drawing.draw_guide(left, table["width"], table["best"] + POOR, f"best + {POOR}: above is stuck")
    left.set(xscale="log", yscale="log", ylim=(LEAST_DRAWN / 5, None), ylabel="final training loss")
    left.legend(fontsize=drawing.LEGEND_SIZE, loc="lower left", handlelength=2)
    drawing.log_axes(left)
    drawing.draw_lines(right, table.assign(share="stuck"), "width", "stuck", "share", "bars")
    drawing.draw_level(right, RARE, "")
    right.set(xscale="log", ylim=(-0.03, 1.03), ylabel="share of stuck runs")
    for ax in (left, right):
        ax.set_xticks(table["width"], [str(width) for width in table["width"]])
        ax.set_xlabel("hidden units")
        ax.minorticks_off()
    return figure


CLAIMS = (
    Claim(
        id="E3",
        sentence="A large enough network hardly ever gets stuck in a poor local optimum.",
        experiment=experiment,
        criterion=Below(
            what=f"the share of runs, at the largest width, whose final training loss is more than {POOR} nats above "
            "that of the best seed of this width",
            limit=RARE,
            percent=True,
        ),
        measure=measure,
        figure=draw,
        caption="Final losses of networks with one hidden layer on two intertwined spirals, one point a seed (full "
        "batch, Adam, rate tuned for each width on other seeds), and the share that is stuck, with Wilson intervals. "
        "Losses are drawn at 1e-5 or above.",
    ),
)
