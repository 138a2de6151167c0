"""D2: the four rates that decay, as a run uses them, against the formulas."""

import math
from functools import cache

import pandas as pd
from matplotlib.figure import Figure

from optbench.claims import drawing
from optbench.claims.criterion import Identity
from optbench.claims.record import Budget, Claim, Measured, Verdict, exact
from optbench.lecture.runs import every_step

DATA = "logistic(data=gaussian(examples=500))"  # 400 to train on
EXAMPLES, BATCH_SIZE, PASSES = 400, 40, 30
RATE, DECAY_RATE, BASE, K = 0.2, 1.0, 0.95, 1.0
LAST_PLACE = 2.0**-52

FORMULAS = {
    f"inverse(decay_rate={DECAY_RATE})": ("α₀ / (1 + 1 · epoch)", lambda epoch, t: RATE / (1 + DECAY_RATE * epoch)),
    f"exponential(base={BASE})": ("0.95^epoch α₀", lambda epoch, t: BASE**epoch * RATE),
    f"sqrt_epoch(k={K})": ("k / sqrt(epoch) α₀", lambda epoch, t: K / math.sqrt(epoch) * RATE if epoch else math.nan),
    f"sqrt_step(k={K})": ("k / sqrt(t) α₀", lambda epoch, t: K / math.sqrt(t) * RATE),
}


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `rates`: the learning rate of each step of a run, and that of the lecture's formula.

    In the formula t counts from 1, and epoch is the number of completed passes; 1 / sqrt(epoch) is NaN in epoch 0.
    """
    parts = []
    steps = PASSES * EXAMPLES // BATCH_SIZE
    for name, (_, formula) in FORMULAS.items():
        curve = every_step(DATA, "gd", [RATE], seeds=[0], steps=steps, batch_size=BATCH_SIZE, schedule=name)
        curve = curve[curve["step"] > 0]
        seen = curve["samples"] - BATCH_SIZE  # before the step
        lecture = [formula(int(s) // EXAMPLES, int(t)) for s, t in zip(seen, curve["step"], strict=True)]
        parts.append(pd.DataFrame({"schedule": name, "step": curve["step"], "passes": seen / EXAMPLES,
                                   "rate": curve["lr"], "lecture": lecture}))  # fmt: skip
    return {"rates": pd.concat(parts, ignore_index=True)}


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest relative difference between a run's learning rate and the lecture's formula."""
    rates = tables["rates"]
    error = (rates["rate"] / rates["lecture"] - 1).abs().groupby(rates["schedule"], sort=False).max()
    worst = exact(error.max())
    last = rates.groupby("schedule", sort=False)["rate"].last() / RATE
    return Measured(
        cells={"all": worst},
        effect=worst,
        measure=f"relative difference between the rate of a run's step and the lecture's, over {len(rates):,} steps",
        unit="of the rate",
        detail=f"After {PASSES} passes of {EXAMPLES // BATCH_SIZE} steps the rates are down to "
        + ", ".join(f"{value:.3g}" for value in last)
        + " of the first, in this order.",
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the learning rate of each schedule."""
    parts = dict(iter(tables["rates"].groupby("schedule", sort=False)))
    rates = {FORMULAS[name][0]: part["rate"].to_numpy() for name, part in parts.items()}
    passes = next(iter(parts.values()))["passes"].to_numpy()
    title, along = "Four ways to let the rate decay", "epochs (passes over the data)"
    return drawing.draw_factors(None, passes, rates, title, along, "rate α").figure


CLAIMS = (
    Claim(
        id="D2",
        sentence="One epoch is one pass over the data. The rates: α₀ / (1 + decay_rate · epoch); 0.95^epoch α₀; "
        "k / sqrt(epoch) α₀; k / sqrt(t) α₀, with t the mini-batch number.",
        experiment=experiment,
        criterion=Identity(
            what="the largest relative difference between the rate of a run's step and that of the formula",
            limit=4 * LAST_PLACE,
            because="four units of the last place, as each side rounds up to four times",
        ),
        measure=measure,
        figure=draw,
        caption=f"The rates of a run with {EXAMPLES} examples in batches of {BATCH_SIZE}; α₀ = {RATE}, decay_rate = k "
        "= 1. The epoch counts completed passes, so the first pass has epoch 0, where 1 / sqrt(epoch) has no value: "
        "there the run stays at k α₀.",
    ),
)
