"""F1: batch gradient descent is too slow on a deep network: four remedies, each alone and all combinations."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import prod

import pandas as pd

import optbench
from optbench.analysis.targets import costs, interval_text, speedup, tuned_costs
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, split_seeds
from optbench.report import style

REMEDIES = ("adam", "initialization", "alpha", "mini-batch")
NAMES = {"adam": "Adam", "initialization": "Xavier start", "alpha": "tuned alpha", "mini-batch": "mini-batches"}
TARGET = 0.1
UNTUNED = {"gd": 0.01, "adam": 0.001}
"""The rates that Keras starts from."""
RATES = {"gd": (0.03, 0.1, 0.3, 1.0), "adam": (0.003, 0.01, 0.03, 0.1)}
_BATCH = 32
_SHARES, _LEAST = {"adam": 0.5, "initialization": 0.5, "alpha": 0.1, "mini-batch": 0.12}, 0.02
"""How much of the epochs without remedies an arm may spend; failures count as such, whatever it is."""
CLOCKS = ("samples", "seconds")


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Time until the loss stays below TARGET: 16 arms, one for each set of remedies.

    The network: 4 hidden layers of 16 tanh units on the 455 training examples of breast_cancer; a large start is one
    of standard deviation 1.
    """
    tuning, seeds, epochs = (2, 5, 1000) if budget.quick else (3, 10, 2000)
    parts = []
    for arm in product((False, True), repeat=len(REMEDIES)):
        has = dict(zip(REMEDIES, arm, strict=True))
        start, optimizer = "xavier" if has["initialization"] else "large", "adam" if has["adam"] else "gd"
        problem = f"mlp(data=breast_cancer, hidden=(16, 16, 16, 16), activation=tanh, initialization={start})"
        share = max(prod(_SHARES[name] for name in REMEDIES if has[name]), _LEAST)
        spec = {"problems": [problem], "optimizers": [optimizer], "epochs": epochs * share,
                "batch_sizes": [_BATCH if has["mini-batch"] else "full"]}  # fmt: skip
        if has["alpha"]:
            table = tuned_costs(spec, TARGET, RATES[optimizer], tuning, seeds, budget)
        else:
            _, rest = split_seeds(tuning, seeds)
            spec |= {"learning_rates": [UNTUNED[optimizer]], "seeds": rest}
            table = costs(optbench.sweep(spec, workers=budget.workers), TARGET)
        parts.append(table.assign(**has))
    return {"arms": pd.concat(parts, ignore_index=True)}


def arm_of(table: pd.DataFrame, *remedies: str) -> pd.DataFrame:
    """The runs with exactly these remedies."""
    chosen = pd.Series(True, index=table.index)
    for name in REMEDIES:
        chosen &= table[name] == (name in remedies)
    return table[chosen]


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """Batch gradient descent's expected time over that of each arm, on both clocks, with intervals over seeds."""
    plain, rows = arm_of(table), []
    for arm, mine in reversed(list(table.groupby(list(REMEDIES)))):
        used = tuple(name for name, on in zip(REMEDIES, arm, strict=True) if on)
        for clock in CLOCKS if used else ():
            rows.append((" + ".join(used), len(used), clock, *speedup(plain, mine, clock), mine["reached"].mean()))
    columns = ["remedies", "count", "clock", "factor", "low", "high", "success"]
    return pd.DataFrame(rows, columns=columns).sort_values(["count"], kind="stable", ignore_index=True)


def judge(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Whether each remedy alone saves time, on both clocks; the effect is that of the weakest in samples."""
    table = tables["arms"]
    found = factors(table)
    alone, samples = found[found["count"] == 1], found[found["clock"] == "samples"]
    helps = alone.groupby("remedies", sort=False)["low"].min() > 1
    verdict = HOLDS if helps.all() else DEPENDS if helps.any() else FAILS
    weakest = alone.loc[alone[alone["clock"] == "samples"]["factor"].idxmin()]
    together, best = samples.loc[samples["count"].idxmax()], samples.loc[samples["factor"].idxmax()]
    base = arm_of(table)
    failed = ", ".join(f"{row.remedies} {1 - row.success:.0%}" for row in samples.itertuples() if row.success < 1)
    yes, no = (", ".join(NAMES[name] for name in helps.index[helps == on]) for on in (True, False))
    return Verdict(
        verdict, weakest["factor"], weakest["low"], weakest["high"],
        "examples (ERT) that batch gradient descent needs over those of the weakest remedy, "
        f"{NAMES[weakest['remedies']]}",
        on=f"the remedy: {yes} helped on both clocks, {no} did not ({_told(alone)})" if verdict == DEPENDS else "",
        detail=f"Alone, {_told(alone)}. All four together: {interval_text(together[['factor', 'low', 'high']])} in "
        f"examples; best of the 16: {best['remedies']}, {interval_text(best[['factor', 'low', 'high']])}. Without "
        f"remedies {base['reached'].mean():.0%} of {len(base)} runs arrive, after {base['steps'].median():,.0f} "
        f"epochs in the median. Runs that fail: {failed or 'none with a remedy'}.",
    )  # fmt: skip


def _told(alone: pd.DataFrame) -> str:
    return "; ".join(
        f"{NAMES[name]}: " + ", ".join(
            f"{interval_text((row.factor, row.low, row.high))} in {row.clock}" for row in part.itertuples()
        ) for name, part in alone.groupby("remedies", sort=False)
    )  # fmt: skip


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """The factor of every set of remedies, a row each, and which remedies it has."""
    table = tables["arms"]
    found = factors(table)
    order = found[found["clock"] == "samples"]["remedies"].tolist()
    rows = {name: len(order) - 1 - place for place, name in enumerate(order)}
    figure, grid = style.new_figure((3.6, 3.4), left=2.5, right=0.2, top=0.68, bottom=0.5,
                                    title="How many times sooner than batch gradient descent")  # fmt: skip
    ax = grid[0, 0]
    ends = found[["low", "high"]].to_numpy().ravel()
    left, right = 0.7 * min(1, ends[ends > 0].min()), 1.5 * ends[ends < float("inf")].max(initial=10.0)
    for place, clock in enumerate(CLOCKS):
        part, look = found[found["clock"] == clock], style.look(place)
        height = [rows[name] + 0.16 - 0.32 * place for name in part["remedies"]]
        low, high = (part[name].clip(left, right) for name in ("low", "high"))
        ax.hlines(height, low, high, color=look["color"], linewidth=1.4)
        ax.plot(part["factor"].clip(left, right), height, look["marker"], color=look["color"], markersize=5,
                markeredgecolor="white", label=f"in {clock}")  # fmt: skip
    ax.axvline(1, color=style.GRAY, linewidth=1, linestyle=(0, (2, 2)))
    ax.set(xscale="log", xlim=(left, right), ylim=(-0.6, len(order) - 0.4), yticks=[])
    ax.set_xlabel("expected time without remedies over that with them")
    style.log_ticks(ax.xaxis, left, right)
    for column, remedy in enumerate(REMEDIES):
        across = -0.62 + 0.165 * column
        text = NAMES[remedy].replace(" ", "\n")
        ax.text(across, 1.015, text, transform=ax.transAxes, ha="center", va="bottom", fontsize=7.5, clip_on=False)
        for name, row in rows.items():
            on = remedy in name.split(" + ")
            mark = {"color": style.BLACK if on else style.PALE, "markersize": 5.5 if on else 2.5}
            ax.plot(across, row, "o", transform=ax.get_yaxis_transform(), clip_on=False, **mark)
    ax.legend(fontsize=style.LEGEND_SIZE, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handletextpad=0.2)
    return figure


CLAIMS = (
    Claim(
        "F1",
        "When batch gradient descent takes too long on a deep network, try Adam, a better random initialization, "
        "tuning alpha, or mini-batches.",
        "holds if each of the four alone shortens the expected time to the target, in examples seen and in seconds, "
        "with 95% intervals of the factor above 1; does not hold if none does; depends otherwise",
        experiment, judge, draw,
        f"Time until the training loss stays below {TARGET}: a network of 4 hidden layers of 16 tanh units, started "
        f"at standard deviation 1, batch gradient descent at alpha = {UNTUNED['gd']} (Adam: {UNTUNED['adam']}), "
        f"against every set of remedies (black dots). Mini-batches of {_BATCH}; alpha is tuned on seeds that do not "
        "report. A run that does not arrive costs all its time.",
    ),
)  # fmt: skip
