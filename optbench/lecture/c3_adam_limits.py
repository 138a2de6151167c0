"""C3: what Adam becomes in its limits, and what it changes whether eps stands inside the root."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, fresh_seeds
from optbench.lecture.planes import INK, weigh
from optbench.report import style

BOWL = "quadratic(dim=8, condition=100.0, noise=0.1)"
BATCH, STEPS, RATE = 64, 60, 0.03
ROUNDING = 1.5e-8  # the root of the resolution of float64: half of all digits, for steps amplify what was rounded
EPS = 1e-8  # the lecture's and the paper's
HARMLESS = 0.01


def table(factors) -> str:
    """A schedule of one factor a step, as a batch that is the whole data makes an epoch of every step."""
    return f"table(factors={tuple(float(factor) for factor in factors)})"


def limits(steps: int) -> list[tuple]:
    """(what is claimed, steps, problems, optimizers, rates and schedules of the two sides)."""
    t = np.arange(1, steps + 1)
    root, first = table(np.sqrt(1 - 0.999**t)), table(1 / (1 - 0.9**t))
    plain, huge = "constant", 2.0**40
    return [
        ("beta1 = 0 is RMSProp at the rate lr sqrt(1 - beta2^t)", steps, (BOWL, BOWL),
         ("adam(beta1=0, eps_root=0)", "rmsprop(beta2=0.999, eps_root=0)"), ((RATE, plain), (RATE, root))),
        ("beta1 = beta2 = 0 is the sign of the gradient", steps, (BOWL, BOWL),
         ("adam(beta1=0, beta2=0, eps_root=0)", "signsgd"), ((RATE, plain), (RATE, plain))),
        ("its first step is lr times the sign of the gradient", 1, (BOWL, BOWL),
         ("adam(eps_root=0)", "signsgd"), ((RATE, plain), (RATE, plain))),
        ("a huge eps makes it momentum with bias correction", steps, (BOWL, BOWL),
         (f"adam(eps={huge}, eps_root=0)", "momentum"), ((huge * RATE, plain), (RATE, first))),
        ("without eps the scale of the loss does not matter", steps,
         ("quadratic(dim=1, condition=1.0, noise=0.0)", "quadratic(dim=1, condition=1024.0, noise=0.0)"),
         ("adam(eps_root=0)", "adam(eps_root=0)"), ((RATE, plain), (RATE, plain))),
        ("with eps = 0 inside and outside of the root are the same", steps, (BOWL, BOWL),
         ("adam(eps_root=0)", "adam_torch(eps=0)"), ((RATE, plain), (RATE, plain))),
    ]  # fmt: skip


@cache
def identities(budget: Budget) -> dict[str, pd.DataFrame]:
    """differences: for each limit and seed, the largest difference of the last weights over the way walked."""
    rows = []
    for name, steps, problems, optimizers, sides in limits(STEPS):
        for seed in fresh_seeds(3):
            ends = [
                optbench.minimize(problem, optimizer, lr=lr, steps=steps, schedule=schedule, seed=seed).w
                for problem, optimizer, (lr, schedule) in zip(problems, optimizers, sides, strict=True)
            ]
            # gd at a rate that moves nothing ends where all of them start.
            start = optbench.minimize(problems[0], "gd", lr=1e-300, steps=1, seed=seed).w
            way = np.abs(ends[1] - start).max()
            rows.append((name, *optimizers, seed, float(np.abs(ends[0] - ends[1]).max() / way)))
    return {"differences": pd.DataFrame(rows, columns=["limit", "adam", "other", "seed", "difference"])}


def judge_identities(tables) -> Verdict:
    worst = tables["differences"].groupby("limit", sort=False)["difference"].max()
    wrong = worst[~(worst <= ROUNDING)]
    verdict = HOLDS if wrong.empty else FAILS if len(wrong) == len(worst) else DEPENDS
    texts = "; ".join(f"{name} ({off:.2g})" for name, off in wrong.items())
    on = f"the limit: not {texts}" if verdict == DEPENDS else ""
    largest = float(np.nan_to_num(worst, nan=np.inf).max())
    measure = "largest difference of the weights, in units of the way walked"
    return Verdict(verdict, largest, largest, largest, measure, on, f"{len(worst)} limits, 3 starts each.")


def figure_identities(tables, verdict):
    worst = tables["differences"].groupby("limit", sort=False)["difference"].max()
    left = 0.4 + max(style.text_width(name, 8) for name in worst.index)
    figure, grid = style.new_figure(
        (2.6, 2.0), left=left, right=0.25, top=0.4, bottom=0.5, title="How far Adam is from what it should become"
    )
    ax, places = grid[0, 0], np.arange(len(worst))[::-1]
    # An exact zero has no place on a log axis.
    ax.plot(np.maximum(worst, 1e-18), places, "o", color=INK[1])
    ax.axvline(ROUNDING, color=style.GRAY, linestyle=(0, (3, 2)), linewidth=0.9)
    ax.set_yticks(places, worst.index, fontsize=8)
    ax.set(xscale="log", xlim=(3e-19, 1e-8), ylim=(-0.6, len(worst) - 0.4), xlabel="difference / way walked")
    style.log_ticks(ax.xaxis, 3e-19, 1e-8)
    return figure


@cache
def inside(budget: Budget) -> dict[str, pd.DataFrame]:
    """lengths: Adam's and RMSProp's first step over lr with eps inside and outside of the root, by the gradient.

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
    """How much shorter eps inside makes the first step than eps outside, at the gradients nearest to 1, 1e-2, ..."""
    lengths = tables["lengths"].pivot_table(index="gradient", columns=["optimizer", "eps"], values="length")
    cells = {}
    for size in (1.0, 1e-2, 1e-4, 1e-6, 1e-8):
        nearest = lengths.iloc[np.abs(np.log(lengths.index / size)).argmin()]
        for name in ("adam", "rmsprop"):
            lost = 1 - nearest[name, "inside"] / nearest[name, "outside"]
            cells[f"{name}, gradient {nearest.name:.1g}"] = (lost,) * 3
    return cells


def judge_inside(tables) -> Verdict:
    cells = shrinking(tables)
    main = next(iter(cells))
    share = f"share by which eps inside shortens the first step ({main})"
    return weigh(cells, HARMLESS, HARMLESS, main, share, f"eps = {EPS:g} inside acts like {EPS**0.5:g} outside.")


def figure_inside(tables, verdict):
    figure, grid = style.new_figure(
        (4.0, 2.6), left=0.8, right=1.55, top=0.4, bottom=0.5, title="Adam's first step, eps = 1e-8 inside or outside"
    )
    ax = grid[0, 0]
    rows = tables["lengths"][tables["lengths"]["optimizer"] == "adam"]
    for (where, part), color in zip(rows.groupby("eps"), INK[1:], strict=False):
        ax.plot(part["gradient"], part["exact"], color=color, linewidth=1)
        ax.plot(part["gradient"], part["length"], "o", color=color, markersize=4, label=f"eps {where}")
    ax.set(xscale="log", yscale="log", xlabel="size of the gradient", ylabel="first step / lr")
    style.log_ticks(ax.xaxis, *ax.get_xlim())
    style.log_ticks(ax.yaxis, *ax.get_ylim())
    style.legend(figure, ax)
    return figure


CLAIMS = (
    Claim(
        "C3.1",
        "Adam is momentum and RMSProp together, both bias-corrected: in its limits it is each of them.",
        "Six limits, walked on both sides from three starts: each holds if the weights differ by at most 1e-10 of the "
        "way walked. All: holds; none: does not hold; else it depends on the limit.",
        identities,
        judge_identities,
        figure_identities,
        "Exact zeros are drawn at 1e-18; dashed: the criterion.",
    ),
    Claim(
        "C3.2",
        "eps may stand inside the root, for RMSProp and Adam.",
        "The same eps = 1e-8 inside and outside of the root, gradients from 1 down to 1e-8: harmless where it shortens "
        "the first step by under 1%. All harmless: holds; none: does not hold; else it depends on the gradient.",
        inside,
        judge_inside,
        figure_inside,
        "Dots: walked. Lines: |g| / sqrt(g^2 + eps) and |g| / (|g| + eps).",
    ),
)
