"""C3 and C5: Adam in its limits, the place of eps, the rate of each parameter, and mini-batches."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis.statistics import ert_interval, median_interval, speedup
from optbench.claims import drawing
from optbench.claims.claim import (
    SECOND_SEED,
    Budget,
    Claim,
    Measured,
    Verdict,
    estimate_text,
    exact,
    fresh_seeds,
    interval_text,
    percent_text,
    split_seeds,
    two_digits,
)
from optbench.claims.criterion import AtMost, Below, Identity
from optbench.lecture.runs import tuned_costs

DIM, STEPS, RATE, STARTS = 8, 60, 0.03, 3
TOLERANCE = 1e-12
EPS = 1e-8  # the lecture's and the paper's
HARMLESS = 0.01
RMSPROP_BETA = 0.9  # as shipped


@dataclass(frozen=True)
class Limit:
    """A limit of Adam: the two rules, the rates of their steps, and the scale of Adam's gradients."""

    name: str
    adam: str
    other: str
    adam_rates: np.ndarray
    other_rates: np.ndarray
    scale: float = 1.0


def adam_limits() -> list[Limit]:
    """Return six limits of Adam's hyperparameters, each with the rule that Adam then equals.

    Both rules of a limit get the same gradients; Adam's are multiplied by its scale.
    """
    t = np.arange(1, STEPS + 1)
    plain, huge = np.full(STEPS, RATE), 2.0**60  # beside 2^60 a root of squares of gradients vanishes in float64
    return [
        Limit("beta1 = 0 is RMSProp at the rate lr sqrt(1 - beta2^t)", "adam(beta1=0, eps_root=0)",
              "rmsprop(beta2=0.999, eps_root=0)", plain, RATE * np.sqrt(1 - 0.999**t)),
        Limit("beta1 = beta2 = 0 is the sign of the gradient", "adam(beta1=0, beta2=0, eps_root=0)", "signsgd",
              plain, plain),
        Limit("its first step is lr times the sign of the gradient", "adam(eps_root=0)", "signsgd",
              plain[:1], plain[:1]),
        Limit("a huge eps makes it momentum with bias correction", f"adam(eps={huge}, eps_root=0)", "momentum",
              huge * plain, RATE / (1 - 0.9**t)),
        Limit("without eps the scale of the loss does not matter", "adam(eps_root=0)", "adam(eps_root=0)",
              plain, plain, scale=1000.0),
        Limit("with eps = 0 inside and outside of the root are the same", "adam(eps_root=0)", "adam_torch(eps=0)",
              plain, plain),
    ]  # fmt: skip


def final_weights(optimizer: str, gradients: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return the weights (dim,) of an optimizer after steps from 0.

    gradients: (steps, dim), whatever the weights are; rates: (steps,).
    """
    w = np.zeros(gradients.shape[1])
    stepper = optbench.stepper(optimizer, w, lr=float(rates[0]))
    for gradient, rate in zip(gradients, rates, strict=False):
        stepper.step(np.ascontiguousarray(gradient), lr=float(rate))
    return stepper.reported


@cache
def limits_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `differences`: for each limit and seed, the largest difference of the last weights over their change.

    Both rules get the same random gradients: with gradients at their own weights, the rounding error of a step would
    enter all later ones, and grow.
    """
    rows = []
    for limit in adam_limits():
        for seed in fresh_seeds(STARTS, SECOND_SEED):
            gradients = np.random.default_rng(seed).standard_normal((len(limit.adam_rates), DIM))
            adam = final_weights(limit.adam, limit.scale * gradients, limit.adam_rates)
            other = final_weights(limit.other, gradients, limit.other_rates)
            rows.append((limit.name, limit.adam, limit.other, seed, np.abs(adam - other).max() / np.abs(other).max()))
    return {"differences": pd.DataFrame(rows, columns=["limit", "adam", "other", "seed", "difference"])}


def measure_limits(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest difference of the weights in each limit, relative to their change."""
    worst = tables["differences"].groupby("limit", sort=False)["difference"].max()
    return Measured(
        cells={name: exact(off) for name, off in worst.items()},
        effect=exact(np.nan_to_num(worst, nan=np.inf).max()),
        measure="difference of the weights, over the way walked",
        answer="In each limit Adam ends where the other rule does, up to "
        f"{two_digits(np.nan_to_num(worst, nan=np.inf).max())} of the way walked.",
        detail=f"{len(worst)} limits, {STARTS} series of gradients each.",
    )


def figure_limits(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the largest difference in each limit."""
    worst = tables["differences"].groupby("limit", sort=False)["difference"].max()
    left = 0.4 + max(drawing.text_width(name, 8) for name in worst.index)
    figure, grid = drawing.new_figure(
        (2.6, 2.0), margins=(left, 0.25, 0.4, 0.5), title="How far Adam is from what it should become"
    )
    ax, places = grid[0, 0], np.arange(len(worst))[::-1]
    # An exact zero has no place on a log axis.
    ax.plot(np.maximum(worst, 1e-18), places, "o", color=drawing.INK[1])
    ax.axvline(TOLERANCE, color=drawing.GRAY, linestyle=(0, (3, 2)), linewidth=0.9)
    ax.set_yticks(places, worst.index, fontsize=8)
    ax.set(xscale="log", xlim=(3e-19, 1e-10), ylim=(-0.6, len(worst) - 0.4), xlabel="difference / way walked")
    drawing.set_log_ticks(ax.xaxis, 3e-19, 1e-10)
    return figure


@cache
def eps_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `lengths`: the first step of Adam and RMSProp over lr, by gradient, with eps inside or outside the root.

    The step is from 0, so its length is the weight's. The first average of squared gradients is the squared gradient
    where it is bias-corrected, as Adam's is, and 1 - beta2 times that for RMSProp, on which eps weighs more.
    """
    rows, rate = [], np.ones(1)
    for gradient in 10.0 ** -np.arange(11.0):
        for name, share, place in (("adam", 1.0, ""), ("rmsprop", 1 - RMSPROP_BETA, f", beta2={RMSPROP_BETA}")):
            for where, eps in (("inside", f"eps=0, eps_root={EPS}"), ("outside", f"eps={EPS}, eps_root=0")):
                (w,) = final_weights(f"{name}({eps}{place})", np.array([[gradient]]), rate)
                mean = share * gradient**2
                formula = gradient / (np.sqrt(mean + EPS) if where == "inside" else np.sqrt(mean) + EPS)
                rows.append((name, where, gradient, abs(w), formula))
    return {"lengths": pd.DataFrame(rows, columns=["optimizer", "eps", "gradient", "length", "exact"])}


def shrunk_shares(tables: dict[str, pd.DataFrame]) -> dict[str, tuple]:
    """Return "OPTIMIZER, gradient SIZE" -> the part of the first step that eps inside the root takes off."""
    lengths = tables["lengths"].pivot_table(index=["optimizer", "gradient"], columns="eps", values="length")
    lost = 1 - lengths["inside"] / lengths["outside"]
    sizes = (1.0, 1e-2, 1e-4, 1e-6, 1e-8)
    return {f"{name}, gradient {size:g}": exact(lost[name, size]) for size in sizes for name in ("adam", "rmsprop")}


def measure_eps(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure by how much eps inside the root shortens the first step, compared with eps outside."""
    cells, where = shrunk_shares(tables), f"adam, gradient {EPS**0.5:g}"
    return Measured(
        cells=cells,
        effect=cells[where],
        measure=f"share by which eps inside shortens the first step ({where})",
        answer=f"Inside the root, eps takes {percent_text(cells[where])} off the first step ({where}).",
        detail=f"eps = {EPS:g} inside acts like {EPS**0.5:g} outside.",
    )


def figure_eps(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the length of the first step against the gradient, with eps inside and outside the root."""
    rows = tables["lengths"][tables["lengths"]["optimizer"] == "adam"].rename(columns={"exact": "the formula"})
    table = rows.melt(["gradient", "eps"], ["length", "the formula"], "kind", "step")
    table["eps"] = "eps " + table["eps"] + table["kind"].map({"length": "", "the formula": ", the formula"})
    return drawing.line_figure(
        table, "gradient", "step", "eps", "Adam's first step, eps = 1e-8 inside or outside", xscale="log", yscale="log",
        xlabel="size of the gradient", ylabel="first step / lr",
    )  # fmt: skip


RATE_STEPS = (1, 10, 50)
RATES = (0.01, 0.03, 0.1)
BATCHES, EPOCHS = (32, 128, "full"), 50
TARGETS = {"softmax": 0.35, "mlp(hidden=(16,))": 0.25}
"""The training loss to reach, about 2.3 at the start; `--quick` tries the last one alone."""


@cache
def rates_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `spread`: quantiles of the effective rate over the parameters of softmax regression, in units of lr.

    The effective rate is the change of a weight in a full-batch step over the gradient. With beta1 = 0, Adam's step has
    the sign of this gradient and no memory of others; the second moment, which sets the rate, is unchanged.
    """
    problem, rate, rows = optbench.problems()["softmax"].build(), 0.003, []
    objective = optbench.objective(problem)
    for optimizer in ("gd", "adam(beta1=0)"):
        for seed in fresh_seeds(1 if optimizer == "gd" else 3 if budget.quick else 6):
            for steps in RATE_STEPS:
                before, after = (_weights_after(problem, optimizer, rate, count, seed) for count in (steps - 1, steps))
                gradient = objective(before)[1][0]
                moving = np.abs(gradient) > 1e-9  # the pixels of the corners are always black
                effective = (before - after)[moving] / gradient[moving] / rate
                rows.append((optimizer, seed, steps, *np.quantile(effective, [0.1, 0.5, 0.9])))
    return {"spread": pd.DataFrame(rows, columns=["optimizer", "seed", "step", "low", "middle", "high"])}


def _weights_after(problem: optbench.Problem, optimizer: str, rate: float, steps: int, seed: int) -> np.ndarray:
    """Return the weights (dim,) after ``steps`` full-batch steps; after 0 by a step with a negligible rate."""
    return optbench.minimize(problem, optimizer, lr=rate if steps else 1e-300, steps=max(steps, 1), seed=seed).w


def measure_rates(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the spread of Adam's effective rates: their 10% quantile over their 90% quantile, by step."""
    table = tables["spread"][tables["spread"]["optimizer"] != "gd"]
    # GD's is 1: the inverse is small where rates differ.
    cells = {f"step {step}": median_interval(part["low"] / part["high"]) for step, part in table.groupby("step")}
    plain = tables["spread"].loc[tables["spread"]["optimizer"] == "gd"]
    middle, low, high = 1 / np.array(cells[f"step {RATE_STEPS[-1]}"])
    inverse = (middle, high, low)
    return Measured(
        cells=cells,
        effect=cells[f"step {RATE_STEPS[-1]}"],
        measure=f"10% quantile of the effective rates over their 90% quantile, at step {RATE_STEPS[-1]}",
        answer=f"At step {RATE_STEPS[-1]} Adam's largest tenth of effective rates are at least "
        f"{interval_text(inverse)} times its smallest tenth.",
        detail=f"Of GD: {(plain['low'] / plain['high']).median():.4g}.",
    )


def figure_rates(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the quantiles of the effective rates of gradient descent and Adam, by step."""
    table = tables["spread"].groupby(["step", "optimizer"], sort=False)[["middle", "low", "high"]].median()
    table = table.reset_index().sort_values("step", kind="stable").rename(columns={"middle": "median"})
    table["optimizer"] = table["optimizer"].map({"gd": "GD"}).fillna("Adam")
    title = "The effective rates of 650 parameters: median, 10% to 90%"
    return drawing.interval_figure({"": table}, "step", "optimizer", title, ylabel="step / (lr × gradient)")


@cache
def batches_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `reached`: the `tuned_costs` of Adam to each problem's target loss, one row for each reporting run.

    Columns samples and seconds count until the target, or to the run's end where `reached` is False; batch is the batch
    size as text, "full" for all examples. Seconds are run-steps times the mean time of a run-step in the cohort, so
    they differ from machine to machine.
    """
    parts = []
    for problem, target in list(TARGETS.items())[1 if budget.quick else 0 :]:
        spec = {"problems": [problem], "optimizers": ["adam"], "batch_sizes": list(BATCHES), "epochs": EPOCHS}
        table = tuned_costs(spec, target, RATES, split_seeds(3, budget.count_seeds(6, 9)), budget)
        largest = table["batch_size"].max()
        names = [str(size) if size < largest else "full" for size in table["batch_size"]]
        parts.append(table.assign(batch=names))
    return {"reached": pd.concat(parts, ignore_index=True)}


def measure_batches(tables: dict[str, pd.DataFrame]) -> Measured:
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
        answer=f"Adam takes {estimate_text(cells[first])} times the full batch's samples to the target ({first}).",
        detail="Runs that reached it: " + ", ".join(f"{value:.0%} at {batch}" for batch, value in share.items()) + ".",
    )


def figure_batches(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
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
        id="C3.1",
        sentence="Adam is momentum and RMSProp together, both bias-corrected: in its limits it is each of them.",
        formulas=(r"W = W - α \frac{V / (1 - β_1^t)}{\sqrt{S / (1 - β_2^t) + ε}}",),
        experiment=limits_experiment,
        criterion=Identity(
            what=f"the largest difference of the weights after {STEPS} steps with the same gradients, over the way "
            "walked",
            each="six limits",
            on="the limit",
            limit=TOLERANCE,
            because=f"{STEPS} steps of about 20 operations, each rounded in the 16th digit, disagree by about 1e-13; a "
            "term that is wrong or missing shows in the first three digits",
        ),
        measure=measure_limits,
        figure=figure_limits,
        caption="Exact zeros are drawn at 1e-18; dashed: the criterion.",
    ),
    Claim(
        id="C3.2",
        sentence="ε may stand inside the root, for RMSProp and Adam.",
        formulas=(r"W = W - α \frac{V / (1 - β_1^t)}{\sqrt{S / (1 - β_2^t) + ε}}",),
        experiment=eps_experiment,
        criterion=AtMost(
            what=f"the share by which eps = {EPS:g} inside of the root shortens the first step, against outside",
            each="RMSProp and Adam at gradients from 1 down to 1e-8",
            on="the gradient",
            limit=HARMLESS,
            percent=True,
        ),
        measure=measure_eps,
        figure=figure_eps,
        caption="Dots: walked. Lines: |g| / sqrt(g^2 + eps) and |g| / (|g| + eps). RMSProp, which is not drawn, has no "
        "bias correction: its first average is a tenth of g^2, on which eps weighs more.",
    ),
    Claim(
        id="C5.1",
        sentence="Adam adapts the rate of each parameter.",
        formulas=(r"\frac{α}{\sqrt{S / (1 - β_2^t) + ε}}",),
        experiment=rates_experiment,
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
        experiment=batches_experiment,
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
