"""D: noise, and learning-rate decay against it."""

from functools import cache

import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis import best_configurations, reported_runs
from optbench.analysis.statistics import exponent_interval, median_interval, ratio_interval
from optbench.claims import drawing
from optbench.claims.criterion import Above, Below
from optbench.claims.record import Budget, Claim, Measured, Verdict, fresh_seeds

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
    """Run gradient descent with each batch size and schedule, and return the final suboptimality.

    Returns `tuned`, with the learning rate tuned for each, and `fixed`, at one constant rate for all batch sizes.
    """
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
    """Measure the exponent p of the final suboptimality at one constant rate, suboptimality ~ B^p."""
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
    """Return, by decay, the final suboptimality with a constant rate over that with the decay, at a batch size."""
    wide = tuned[tuned["batch_size"] == size].pivot(index="seed", columns="schedule", values="suboptimality_final")
    return {name: ratio_interval(wide["constant"], wide[name]) for name in DECAYS}


def measure_decay(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the gain from each decay at the smallest batch size."""
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


def _draw_sizes(title: str, runs: pd.DataFrame, texts: dict[str, str], law: str = "") -> Figure:
    """Draw the final suboptimality against the batch size, a line for each schedule in ``texts``."""
    points = drawing.medians(runs, ["schedule", "batch_size"], "suboptimality_final")
    looks = {name: drawing.line_style(place) for place, name in enumerate(texts)}
    with drawing.axes(None, title, [*texts.values(), law]) as ax:
        drawing.draw_scaling(ax, points.rename(columns={"schedule": "optimizer"}), {}, looks, texts, law)
        ax.set(xlabel="batch size", ylabel="final suboptimality")
    return ax.figure


def draw_floor(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the final suboptimality at one constant rate against the batch size."""
    fixed = tables["fixed"]
    noisy = fixed[fixed["batch_size"] < fixed["batch_size"].max()]
    return _draw_sizes(f"One constant rate, {FIXED:g}, for all batch sizes", noisy, {"constant": "measured"}, "1/B")


def draw_decay(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the final suboptimality at tuned rates against the batch size, a line for each schedule."""
    return _draw_sizes("The rate tuned for each point", tables["tuned"], SCHEDULES)


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
