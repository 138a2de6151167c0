"""F1: batch gradient descent is too slow on a deep network: four remedies, each alone and all combinations."""

from functools import cache
from itertools import product
from math import prod
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis.statistics import speedup
from optbench.claims import drawing
from optbench.claims.claim import Budget, Claim, Measured, Verdict, estimate_text, interval_text, split_seeds
from optbench.claims.criterion import Above
from optbench.lecture.runs import costs_to_loss, run_sweep, tuned_costs

REMEDIES = ("adam", "initialization", "alpha", "mini-batch")
NAMES = {"adam": "Adam", "initialization": "Xavier start", "alpha": "tuned alpha", "mini-batch": "mini-batches"}
TARGET = 0.1
UNTUNED = {"gd": 0.01, "adam": 0.001}
"""The rates that Keras starts from."""
RATES = {"gd": (0.03, 0.1, 0.3, 1.0), "adam": (0.003, 0.01, 0.03, 0.1)}
_BATCH = 32
_SHARES, _LEAST = {"adam": 0.5, "initialization": 0.5, "alpha": 0.1, "mini-batch": 0.12}, 0.02
"""The share of the epochs without remedies that an arm may spend; failures count as such, whatever it is."""
CLOCKS = ("samples", "seconds")


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `arms`: the time of each run until the loss stays below TARGET, in 16 arms, one for each set of remedies.

    The network: 4 hidden layers of 16 tanh units on the 455 training examples of breast_cancer; a large start is one
    of standard deviation 1.
    """
    tuning, reporting = split_seeds(2 if budget.quick else 3, budget.count_seeds(5, 10))
    epochs = 1000 if budget.quick else 2000
    parts = []
    for arm in product((False, True), repeat=len(REMEDIES)):
        has = dict(zip(REMEDIES, arm, strict=True))
        start, optimizer = "xavier" if has["initialization"] else "large", "adam" if has["adam"] else "gd"
        problem = f"mlp(data=breast_cancer, hidden=(16, 16, 16, 16), activation=tanh, initialization={start})"
        share = max(prod(_SHARES[name] for name in REMEDIES if has[name]), _LEAST)
        spec: dict[str, Any] = {"problems": [problem], "optimizers": [optimizer], "epochs": epochs * share,
                "batch_sizes": [_BATCH if has["mini-batch"] else "full"]}  # fmt: skip
        if has["alpha"]:
            table = tuned_costs(spec, TARGET, RATES[optimizer], (tuning, reporting), budget)
        else:
            spec |= {"learning_rates": [UNTUNED[optimizer]], "seeds": reporting}
            table = costs_to_loss(run_sweep(spec, workers=budget.workers), TARGET)
        parts.append(table.assign(**has))
    return {"arms": pd.concat(parts, ignore_index=True)}


def select_arm(table: pd.DataFrame, *remedies: str) -> pd.DataFrame:
    """Return the runs with exactly these remedies; with none, those of batch gradient descent."""
    chosen = pd.Series(True, index=table.index)
    for name in REMEDIES:
        chosen &= table[name] == (name in remedies)
    return table[chosen]


def speedup_factors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the expected time of batch gradient descent over that of each arm, a row for each arm and clock of CLOCKS.

    Columns: remedies (joined by +), count, clock, factor, low, high, success (the share of runs that arrived).
    """
    plain, rows = select_arm(table), []
    for arm, runs in reversed(list(table.groupby(list(REMEDIES)))):
        used = tuple(name for name, on in zip(REMEDIES, arm, strict=True) if on)
        rows += [
            (" + ".join(used), len(used), clock, *speedup(plain, runs, clock), runs["reached"].mean())
            for clock in (CLOCKS if used else ())
        ]
    columns = ["remedies", "count", "clock", "factor", "low", "high", "success"]
    return pd.DataFrame(rows, columns=columns).sort_values(["count"], kind="stable", ignore_index=True)


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the time that each single remedy saves, on both clocks; the effect is the weakest in samples."""
    table = tables["arms"]
    each = speedup_factors(table)
    alone, samples = each[each["count"] == 1], each[each["clock"] == "samples"]
    weakest = alone.loc[alone[alone["clock"] == "samples"]["factor"].idxmin()]
    together, best = samples.loc[samples["count"].idxmax()], samples.loc[samples["factor"].idxmax()]
    base = select_arm(table)
    failed = ", ".join(f"{row.remedies} {1 - row.success:.0%}" for row in samples.itertuples() if row.success < 1)
    return Measured(
        cells={f"{NAMES[row.remedies]} in {row.clock}": (row.factor, row.low, row.high) for row in alone.itertuples()},
        effect=(weakest["factor"], weakest["low"], weakest["high"]),
        measure="expected number of examples that batch gradient descent needs over those of the weakest remedy, "
        f"{NAMES[weakest['remedies']]}",
        answer=f"Batch gradient descent needs {estimate_text(weakest[['factor', 'low', 'high']])} times the examples "
        f"that it needs with the weakest remedy, {NAMES[weakest['remedies']]}.",
        detail=f"Alone, {_list_factors(alone)}. All four together: "
        f"{interval_text(together[['factor', 'low', 'high']])} in examples; best of the 16: {best['remedies']}, "
        f"{interval_text(best[['factor', 'low', 'high']])}. Without remedies {base['reached'].mean():.0%} of "
        f"{len(base)} runs arrive, after {base['steps'].median():,.0f} epochs in the median. Runs that fail: "
        f"{failed or 'none with a remedy'}.",
    )


def _list_factors(alone: pd.DataFrame) -> str:
    """Return the factors of single remedies in words."""
    return "; ".join(
        f"{NAMES[name]}: " + ", ".join(
            f"{interval_text((row.factor, row.low, row.high))} in {row.clock}" for row in part.itertuples()
        ) for name, part in alone.groupby("remedies", sort=False)
    )  # fmt: skip


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the factor of each set of remedies, a row each, with marks for the remedies in it."""
    each = speedup_factors(tables["arms"])
    title = "How many times sooner than batch gradient descent"
    with drawing.axes(None, title, CLOCKS, height=1.1, left=2.3) as ax:
        drawing.draw_ratios(ax, each, "remedies", "clock", "expected time without remedies over that with them")
        ax.set_yticks([])
        for column, remedy in enumerate(REMEDIES):
            across, text = -0.54 + 0.15 * column, NAMES[remedy].replace(" ", "\n").replace("-", "-\n")
            ax.text(across, -0.02, text, transform=ax.transAxes, ha="center", va="top", fontsize=7.5, clip_on=False)
            for row, name in enumerate(each["remedies"].unique()):
                on = remedy in name.split(" + ")
                mark: dict[str, Any] = {
                    "color": drawing.BLACK if on else drawing.PALE,
                    "markersize": 5.5 if on else 2.5,
                }
                ax.plot(across, -row, "o", transform=ax.get_yaxis_transform(), clip_on=False, **mark)
    return drawing.figure_of(ax)


CLAIMS = (
    Claim(
        id="F1",
        sentence="When batch gradient descent takes too long on a deep network, try Adam, a better random "
        "initialization, tuning α, or mini-batches.",
        experiment=experiment,
        criterion=Above(
            what="the factor by which it shortens the expected time to the target",
            each="each of the four remedies alone, in examples seen and in seconds",
            on="remedy and clock",
            limit=1.0,
        ),
        measure=measure,
        figure=draw,
        caption=f"Time until the training loss stays below {TARGET}: a network of 4 hidden layers of 16 tanh units, "
        f"started at standard deviation 1, batch gradient descent at alpha = {UNTUNED['gd']} (Adam: "
        f"{UNTUNED['adam']}), against every set of remedies (black dots). Mini-batches of {_BATCH}; alpha is tuned on "
        "seeds that do not report. A run that does not arrive costs all its time.",
    ),
)
