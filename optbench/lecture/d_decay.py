"""D: noise, learning-rate decay against it, and the four rates that decay against their formulas."""

import math
from functools import cache

import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis import best_configurations, reported_runs
from optbench.analysis.statistics import exponent_interval, median_interval, ratio_interval
from optbench.claims import drawing
from optbench.claims.claim import Budget, Claim, Measured, Verdict, estimate_text, exact, split_seeds
from optbench.claims.criterion import Above, Below, Identity
from optbench.lecture.runs import run_every_step, run_sweep

DECAYS = {
    "inverse(decay_rate=1.0)": "α₀ / (1 + epoch)",
    "exponential(base=0.95)": "0.95^epoch α₀",
    "sqrt_epoch(k=1.0)": "α₀ / sqrt(epoch)",
    "sqrt_step(k=1.0)": "α₀ / sqrt(t)",
}
SCHEDULES = {"constant": "constant", **DECAYS}
SIZES = (1, 4, 16, 64, 256, "full")
DATA = "logistic(data=gaussian(examples=2500))"
TUNING, _ = split_seeds(3, 0)
EPOCHS = 30
FIXED = 0.125
SETTLED = 64
"""The largest batch size whose runs have come down to their noise at the end."""


@cache
def noise_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent with each batch size and schedule.

    Returns `tuned`, runs at the learning rate tuned for each, and `fixed`, runs at one constant rate for all batch
    sizes: batch_size, schedule, lr, seed, status, suboptimality_final.
    """
    seeds = [*TUNING, *split_seeds(len(TUNING), budget.count_seeds(6, 9))[1]]
    spec = {"problems": [DATA], "optimizers": ["gd"], "schedules": list(SCHEDULES), "batch_sizes": list(SIZES)}
    spec |= {"learning_rates": [2.0**power for power in range(-13, 4)], "seeds": seeds, "tuning_seeds": len(TUNING)}
    runs = run_sweep(spec, epochs=10 if budget.quick else EPOCHS, workers=budget.workers).runs
    best = best_configurations(runs, TUNING, by=("problem", "batch_size", "schedule"))
    constant = runs[(runs["schedule"] == "constant") & (runs["lr"] == FIXED) & ~runs["seed"].isin(TUNING)]
    columns = ["batch_size", "schedule", "lr", "seed", "status", "suboptimality_final"]
    tables = {"tuned": reported_runs(runs, best, TUNING), "fixed": constant}
    return {name: table[columns].reset_index(drop=True) for name, table in tables.items()}


def measure_floor(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the exponent p of the final suboptimality at one constant rate, suboptimality ~ B^p."""
    fixed = tables["fixed"]
    noisy = fixed[fixed["batch_size"] < fixed["batch_size"].max()]
    wide = noisy.pivot(index="seed", columns="batch_size", values="suboptimality_final")
    settled = wide.loc[:, wide.columns <= SETTLED]
    exponent = exponent_interval(settled.columns, settled.to_numpy())
    full = median_interval(fixed.loc[fixed["batch_size"] == fixed["batch_size"].max(), "suboptimality_final"])
    middle = wide.median()
    return Measured(
        cells={"all": exponent},
        effect=exponent,
        measure="fitted exponent p of the final suboptimality at one constant rate, suboptimality ~ B^p",
        answer=f"At one constant rate the final suboptimality goes like B^{estimate_text(exponent)}.",
        detail=f"At the rate {FIXED:g} it ends at {middle.iloc[0]:.2g} with B = {middle.index[0]}, at "
        f"{middle.iloc[-1]:.2g} with B = {middle.index[-1]}, and at {full[0]:.2g} with the full batch.",
    )


def decay_gains(tuned: pd.DataFrame, size: int) -> dict[str, tuple[float, float, float]]:
    """Return decay -> (factor, low, high): the final suboptimality with a constant rate over that with the decay.

    tuned: of `noise_experiment`; size: the batch size.
    """
    wide = tuned[tuned["batch_size"] == size].pivot(index="seed", columns="schedule", values="suboptimality_final")
    return {name: ratio_interval(wide["constant"], wide[name]) for name in DECAYS}


def measure_decay(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the gain from each decay at the smallest batch size."""
    tuned = tables["tuned"]
    sizes = sorted(tuned["batch_size"].unique())
    smallest = decay_gains(tuned, sizes[0])
    weakest = min(smallest, key=lambda name: smallest[name][0])
    full = tuned[tuned["batch_size"] == sizes[-1]].groupby("schedule")["suboptimality_final"].median()
    return Measured(
        cells=smallest,
        effect=smallest[weakest],
        measure="final suboptimality of the constant rate over that under the weakest decay, "
        f"{weakest} (B = {sizes[0]})",
        answer=f"With batches of {sizes[0]}, the constant rate ends {estimate_text(smallest[weakest])} times as high "
        "as the weakest decay.",
        detail=f"With the full batch (no noise) the constant rate ends at {full['constant']:.2g}, the best "
        f"decay at {full[list(DECAYS)].min():.2g}.",
    )


def _draw_sizes(title: str, runs: pd.DataFrame, texts: dict[str, str], law: str = "") -> Figure:
    """Draw the final suboptimality against the batch size, a line for each schedule in ``texts``."""
    points = drawing.medians(runs, ["schedule", "batch_size"], "suboptimality_final")
    styles = {name: drawing.line_style(place) for place, name in enumerate(texts)}
    with drawing.axes(None, title, [*texts.values(), law], left=0.9) as ax:
        drawing.draw_scaling(ax, points.rename(columns={"schedule": "optimizer"}), {}, styles, texts, law)
        ax.set(xlabel="batch size", ylabel="final suboptimality")
    return drawing.figure_of(ax)


def draw_floor(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the final suboptimality at one constant rate against the batch size."""
    fixed = tables["fixed"]
    noisy = fixed[fixed["batch_size"] < fixed["batch_size"].max()]
    return _draw_sizes(f"One constant rate, {FIXED:g}, for all batch sizes", noisy, {"constant": "measured"}, "1/B")


def draw_decay(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the final suboptimality at tuned rates against the batch size, a line for each schedule."""
    return _draw_sizes("The rate tuned for each point", tables["tuned"], SCHEDULES)


SMALL_DATA = "logistic(data=gaussian(examples=500))"  # 400 to train on
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
def rates_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `rates`, a step a row: schedule, step, passes, the `rate` of a run, and that of the `lecture`'s formula.

    In the formula t counts from 1, and epoch is the number of completed passes; 1 / sqrt(epoch) is NaN in epoch 0.
    """
    parts = []
    steps = PASSES * EXAMPLES // BATCH_SIZE
    for name, (_, formula) in FORMULAS.items():
        curve = run_every_step(SMALL_DATA, "gd", [RATE], seeds=[0], steps=steps, batch_size=BATCH_SIZE, schedule=name)
        curve = curve[curve["step"] > 0]
        seen = curve["samples"] - BATCH_SIZE  # before the step
        lecture = [formula(int(s) // EXAMPLES, int(t)) for s, t in zip(seen, curve["step"], strict=True)]
        parts.append(pd.DataFrame({"schedule": name, "step": curve["step"], "passes": seen / EXAMPLES,
                                   "rate": curve["lr"], "lecture": lecture}))  # fmt: skip
    return {"rates": pd.concat(parts, ignore_index=True)}


def measure_rates(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest relative difference between a run's learning rate and the lecture's formula."""
    rates = tables["rates"]
    error = (rates["rate"] / rates["lecture"] - 1).abs().groupby(rates["schedule"], sort=False).max()
    worst = exact(error.max())
    last = rates.groupby("schedule", sort=False)["rate"].last() / RATE
    return Measured(
        cells={"all": worst},
        effect=worst,
        measure=f"relative difference between the rate of a run's step and the lecture's, over {len(rates):,} steps",
        answer=f"A run's rates differ from the lecture's by {estimate_text(worst)} of themselves at most.",
        detail=f"After {PASSES} passes of {EXAMPLES // BATCH_SIZE} steps the rates are down to "
        + ", ".join(f"{value:.3g}" for value in last)
        + " of the first, in this order.",
    )


def draw_rates(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the learning rate of each schedule."""
    parts = dict(iter(tables["rates"].groupby("schedule", sort=False)))
    rates = {FORMULAS[name][0]: part["rate"].to_numpy() for name, part in parts.items()}
    passes = next(iter(parts.values()))["passes"].to_numpy()
    title, along = "Four ways to let the rate decay", "epochs (passes over the data)"
    return drawing.figure_of(drawing.draw_factors(None, passes, rates, title, along, "rate α"))


CLAIMS = (
    Claim(
        id="D1.1",
        sentence="The smaller the mini-batch, the stronger the noise, so a constant rate does not converge.",
        experiment=noise_experiment,
        criterion=Below(
            what="the fitted exponent p of (final suboptimality) ~ (batch size)^p at one constant rate, "
            f"up to {SETTLED}",
            limit=0.0,
        ),
        measure=measure_floor,
        figure=draw_floor,
        caption="Logistic regression, 2,000 examples, after 30 passes (quick: 10): median over the seeds and its "
        "interval. The largest batches make the fewest steps: where the curve turns up they have not come down yet, "
        "and the fit leaves them out.",
    ),
    Claim(
        id="D1.2",
        sentence="Under the noise of small mini-batches a decaying rate converges where a constant rate does not.",
        formulas=(r"α = \frac{k}{\sqrt{t}} α_0",),
        experiment=noise_experiment,
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
    Claim(
        id="D2",
        sentence="One epoch is one pass over the data. The rates: α₀ / (1 + decay_rate · epoch); 0.95^epoch α₀; "
        "k / √epoch α₀; k / √t α₀, with t the mini-batch number.",
        formulas=(
            r"α = \frac{α_0}{1 + r n}",
            "α = 0.95^n α_0",
            r"α = \frac{k}{\sqrt{n}} α_0",
            r"α = \frac{k}{\sqrt{t}} α_0",
        ),
        experiment=rates_experiment,
        criterion=Identity(
            what="the largest relative difference between the rate of a run's step and that of the formula",
            limit=4 * LAST_PLACE,
            because="four units of the last place, as each side rounds up to four times",
        ),
        measure=measure_rates,
        figure=draw_rates,
        caption=f"The rates of a run with {EXAMPLES} examples in batches of {BATCH_SIZE}; α₀ = {RATE}, decay_rate = k "
        "= 1. The epoch counts completed passes, so the first pass has epoch 0, where 1 / sqrt(epoch) has no value: "
        "there the run stays at k α₀.",
    ),
)
