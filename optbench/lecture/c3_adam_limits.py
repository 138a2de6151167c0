"""C3: what Adam becomes in its limits, and what it changes whether eps stands inside the root."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.claims import drawing
from optbench.claims.criterion import AtMost, Identity
from optbench.claims.record import SECOND_SEED, Budget, Claim, Measured, exact, fresh_seeds

DIM, STEPS, RATE, STARTS = 8, 60, 0.03, 3
TOLERANCE = 1e-12
EPS = 1e-8  # the lecture's and the paper's
HARMLESS = 0.01


@dataclass(frozen=True)
class Limit:
    """A limit of Adam: the two rules, the rates of their steps, and the scale of Adam's gradients."""

    name: str
    adam: str
    other: str
    adam_rates: np.ndarray
    other_rates: np.ndarray
    scale: float = 1.0


def limits() -> list[Limit]:
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
    """Return the weights after steps from 0 with these gradients, (steps, dim), and rates, (steps,)."""
    w = np.zeros(gradients.shape[1])
    stepper = optbench.stepper(optimizer, w, lr=float(rates[0]))
    for gradient, rate in zip(gradients, rates, strict=False):
        stepper.step(np.ascontiguousarray(gradient), lr=float(rate))
    return stepper.reported


@cache
def identities(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `differences`: for each limit and seed, the largest difference of the last weights over their change.

    Both rules get the same random gradients: with gradients at their own weights, the rounding error of a step would
    enter all later ones, and grow.
    """
    rows = []
    for limit in limits():
        for seed in fresh_seeds(STARTS, SECOND_SEED):
            gradients = np.random.default_rng(seed).standard_normal((len(limit.adam_rates), DIM))
            adam = final_weights(limit.adam, limit.scale * gradients, limit.adam_rates)
            other = final_weights(limit.other, gradients, limit.other_rates)
            rows.append((limit.name, limit.adam, limit.other, seed, np.abs(adam - other).max() / np.abs(other).max()))
    return {"differences": pd.DataFrame(rows, columns=["limit", "adam", "other", "seed", "difference"])}


def measure_identities(tables) -> Measured:
    """Measure the largest difference of the weights in each limit, relative to their change."""
    worst = tables["differences"].groupby("limit", sort=False)["difference"].max()
    return Measured(
        cells={name: exact(off) for name, off in worst.items()},
        effect=exact(np.nan_to_num(worst, nan=np.inf).max()),
        measure="difference of the weights, over the way walked",
        unit="of the way walked",
        detail=f"{len(worst)} limits, {STARTS} series of gradients each.",
    )


def figure_identities(tables, verdict):
    """Draw the largest difference in each limit."""
    worst = tables["differences"].groupby("limit", sort=False)["difference"].max()
    left = 0.4 + max(drawing.text_width(name, 8) for name in worst.index)
    figure, grid = drawing.new_figure(
        (2.6, 2.0), left=left, right=0.25, top=0.4, bottom=0.5, title="How far Adam is from what it should become"
    )
    ax, places = grid[0, 0], np.arange(len(worst))[::-1]
    # An exact zero has no place on a log axis.
    ax.plot(np.maximum(worst, 1e-18), places, "o", color=drawing.INK[1])
    ax.axvline(TOLERANCE, color=drawing.GRAY, linestyle=(0, (3, 2)), linewidth=0.9)
    ax.set_yticks(places, worst.index, fontsize=8)
    ax.set(xscale="log", xlim=(3e-19, 1e-10), ylim=(-0.6, len(worst) - 0.4), xlabel="difference / way walked")
    drawing.log_ticks(ax.xaxis, 3e-19, 1e-10)
    return figure


@cache
def inside(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `lengths`: the first step of Adam and RMSProp over lr, by gradient, with eps inside or outside the root.

    f = w^2 / (2 condition) in one dimension gives a gradient of (w - w*) / condition at the start. For RMSProp
    beta2 = 0, so that its average is as warm as Adam's corrected one.
    """
    rows, rate = [], 1e-6
    for condition in 10.0 ** np.arange(11.0):
        problem = f"quadratic(dim=1, condition={condition}, noise=0.0)"
        start, by_one = (optbench.minimize(problem, "gd", lr=lr, steps=1).w[0] for lr in (1e-300, condition))
        gradient = abs(start - by_one) / condition
        for name, place in (("adam", ""), ("rmsprop", ", beta2=0")):
            for where, eps in (("inside", f"eps=0, eps_root={EPS}"), ("outside", f"eps={EPS}, eps_root=0")):
                w = optbench.minimize(problem, f"{name}({eps}{place})", lr=rate, steps=1).w[0]
                exact = gradient / (np.sqrt(gradient**2 + EPS) if where == "inside" else gradient + EPS)
                rows.append((name, where, gradient, abs(w - start) / rate, exact))
    return {"lengths": pd.DataFrame(rows, columns=["optimizer", "eps", "gradient", "length", "exact"])}


def shrinking(tables) -> dict[str, tuple]:
    """Return the part of the first step that eps inside the root takes off, at the gradients nearest to 1, 1e-2, ..."""
    lengths = tables["lengths"].pivot_table(index="gradient", columns=["optimizer", "eps"], values="length")
    cells = {}
    for size in (1.0, 1e-2, 1e-4, 1e-6, 1e-8):
        nearest = lengths.iloc[np.abs(np.log(lengths.index / size)).argmin()]
        for name in ("adam", "rmsprop"):
            lost = 1 - nearest[name, "inside"] / nearest[name, "outside"]
            cells[f"{name}, gradient {nearest.name:.1g}"] = exact(lost)
    return cells


def measure_inside(tables) -> Measured:
    """Measure by how much eps inside the root shortens the first step, compared with eps outside."""
    cells = shrinking(tables)
    first = next(iter(cells))
    return Measured(
        cells=cells,
        effect=cells[first],
        measure=f"share by which eps inside shortens the first step ({first})",
        unit="of the step is lost",
        detail=f"eps = {EPS:g} inside acts like {EPS**0.5:g} outside.",
    )


def figure_inside(tables, verdict):
    """Draw the length of the first step against the gradient, with eps inside and outside the root."""
    rows = tables["lengths"][tables["lengths"]["optimizer"] == "adam"].rename(columns={"exact": "the formula"})
    table = rows.melt(["gradient", "eps"], ["length", "the formula"], "kind", "step")
    table["eps"] = "eps " + table["eps"] + table["kind"].map({"length": "", "the formula": ", the formula"})
    return drawing.line_figure(
        table, "gradient", "step", "eps", "Adam's first step, eps = 1e-8 inside or outside", xscale="log", yscale="log",
        xlabel="size of the gradient", ylabel="first step / lr",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="C3.1",
        sentence="Adam is momentum and RMSProp together, both bias-corrected: in its limits it is each of them.",
        experiment=identities,
        criterion=Identity(
            what=f"the largest difference of the weights after {STEPS} steps with the same gradients, over the way "
            "walked",
            each="six limits",
            on="the limit",
            limit=TOLERANCE,
            because=f"{STEPS} steps of about 20 operations, each rounded in the 16th digit, disagree by about 1e-13; a "
            "term that is wrong or missing shows in the first three digits",
        ),
        measure=measure_identities,
        figure=figure_identities,
        caption="Exact zeros are drawn at 1e-18; dashed: the criterion.",
    ),
    Claim(
        id="C3.2",
        sentence="eps may stand inside the root, for RMSProp and Adam.",
        experiment=inside,
        criterion=AtMost(
            what=f"the share by which eps = {EPS:g} inside of the root shortens the first step, against outside",
            each="RMSProp and Adam at gradients from 1 down to 1e-8",
            on="the gradient",
            limit=HARMLESS,
            percent=True,
        ),
        measure=measure_inside,
        figure=figure_inside,
        caption="Dots: walked. Lines: |g| / sqrt(g^2 + eps) and |g| / (|g| + eps).",
    ),
)
