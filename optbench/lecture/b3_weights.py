"""B3 and B4: the weights of an exponentially weighted average, and where 1/(1-beta) comes from."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd

from optbench.analysis.statistics import exponent
from optbench.averages.array import ewa
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict
from optbench.report import style

BETAS = (0.5, 0.9, 0.98)
_T = 100
_TOLERANCE = 1e-12
_EPS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_USUAL = 0.1


@cache
def weights_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """What v_100 makes of a 1 on one day and 0 on all others: the weight of that day."""
    days = np.eye(_T)[::-1]  # row `age` has its 1 that many days before the last
    rows = [
        (beta, age, weight, (1 - beta) * beta**age)
        for beta in BETAS
        for age, weight in enumerate(ewa(days, beta)[:, -1])
    ]
    return {"weights": pd.DataFrame(rows, columns=["beta", "age", "weight", "formula"])}


def judge_weights(tables: dict[str, pd.DataFrame]) -> Verdict:
    """The largest relative difference between a measured weight and the formula's."""
    weights = tables["weights"]
    error = float((weights["weight"] / weights["formula"] - 1).abs().max())
    error = error if math.isfinite(error) else math.inf
    first = weights[weights["beta"] == 0.9].sort_values("age")["weight"].head(3)
    return Verdict(
        HOLDS if error <= _TOLERANCE else FAILS, error, error, error,
        f"largest relative difference of a weight of v_{_T} from (1-beta) beta^age",
        detail="At beta = 0.9 the newest days weigh " + ", ".join(f"{weight:.4g}" for weight in first) + ".",
    )  # fmt: skip


def draw_weights(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """The weights against their age."""
    weights = tables["weights"]
    with style.theme():
        texts = {beta: f"β = {beta:g}" for beta in BETAS}
        made, grid = style.new_figure((4.6, 2.6), left=0.7, right=1.0, top=0.42, bottom=0.5,
                                      title=f"What a day weighs in v_{_T}")  # fmt: skip
        ax = grid[0, 0]
        for place, (beta, text) in enumerate(texts.items()):
            rows = weights[(weights["beta"] == beta) & (weights["age"] <= 60)]
            look = style.look(place)
            style.draw_line(ax, rows["age"], rows["weight"], look | {"dashes": ()}, text, markevery=10)
            ax.axvline(1 / (1 - beta), color=look["color"], linewidth=1, linestyle=":")
        ax.set(xlabel="age in days (dotted: 1/(1−β))", ylabel="weight", ylim=(0, 0.52))
        style.legend(made, ax)
    return made


@cache
def horizon_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """The age n at which a weight has fallen to 1/e of the newest, read off ewa's answer to a single 1."""
    rows = []
    for eps in _EPS:
        weights = ewa(np.eye(1, round(3 / eps) + 4)[0], 1 - eps)
        logs = np.log(weights / weights[0])
        after = int((logs <= -1).argmax())
        age = after - (logs[after] + 1) / (logs[after] - logs[after - 1])  # log-linear between two days
        rows.append((eps, 1 - eps, age, age * eps, (1 - eps) ** (1 / eps), -1 / math.log1p(-eps)))
    columns = ["eps", "beta", "n", "n_eps", "power", "formula"]
    return {"horizon": pd.DataFrame(rows, columns=columns)}


def judge_horizon(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Whether n eps goes to 1 with eps, and how near it is at the usual beta."""
    horizon = tables["horizon"].sort_values("eps")
    apart = (horizon["n_eps"] - 1).abs().to_numpy()
    order = exponent(horizon["eps"], np.maximum(apart, 1e-300))
    at = horizon.set_index("eps")["n_eps"]
    near = abs(at[_USUAL] - 1) <= 0.1
    limit = order > 0.5 and apart[0] <= 0.01
    verdict = HOLDS if limit and near else DEPENDS if limit or near else FAILS
    each = ", ".join(f"{n:.3g} instead of {1 / eps:.3g} at beta = {1 - eps:g}" for eps, n in
                     horizon.set_index("eps")["n"].items() if eps in (0.5, 0.1, 0.02))  # fmt: skip
    least = horizon.iloc[0]
    return Verdict(
        verdict, at[_USUAL], at[_USUAL], at[_USUAL], f"n (1-beta) at beta = {1 - _USUAL:g}",
        on=f"beta: n is {each}" if verdict == DEPENDS else "",
        detail=f"n is {each}; the difference from 1 falls like eps^{order:.2f}, and (1-eps)^(1/eps) is "
        f"{least['power']:.5f} at eps = {least['eps']:g} (1/e = {1 / math.e:.5f}).",
    )  # fmt: skip


def draw_horizon(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """(1-eps)^(1/eps), and n eps, against eps."""
    horizon = tables["horizon"]
    with style.theme():
        texts = {"n_eps": "n · ε", "power": "(1−ε)^(1/ε)"}
        made, grid = style.new_figure((4.2, 2.6), left=0.7, right=style.legend_width(texts.values()) + 0.1, top=0.42,
                                      bottom=0.5, title="β = 1 − ε: when a weight has fallen to 1/e")  # fmt: skip
        ax = grid[0, 0]
        for place, (column, text) in enumerate(texts.items()):
            style.draw_line(ax, horizon["eps"], horizon[column], style.look(place), text)
        for level, text in ((1.0, "1"), (1 / math.e, "1/e")):
            ax.axhline(level, color=style.GRAY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
            ax.annotate(text, (0.52, level), xytext=(0, 3), textcoords="offset points", fontsize=8, color=style.GRAY,
                        ha="right")  # fmt: skip
        ax.set(xscale="log", xlabel="ε = 1 − β", ylim=(0, 1.12))
        style.log_ticks(ax.xaxis, *ax.get_xlim(), plain=True)
        style.legend(made, ax)
    return made


CLAIMS = (
    Claim(
        id="B3",
        sentence="v_100 = 0.1 theta_100 + 0.1*0.9 theta_99 + 0.1*0.9^2 theta_98 + ...: the weights fall exponentially.",
        criterion="Holds if all 100 weights are (1-beta) beta^age to 12 digits for beta = 0.5, 0.9 and 0.98.",
        experiment=weights_experiment,
        judge=judge_weights,
        figure=draw_weights,
        caption="Measured by averaging a series that is 1 on one day and 0 on all others.",
    ),
    Claim(
        id="B4",
        sentence="With beta = 1 - eps, the n with (1-eps)^n = 1/e is about 1/eps.",
        criterion="Holds if n eps goes to 1 with eps (within 1% at eps = 0.001) and is within 10% of 1 at beta = 0.9; "
        "depends if one of the two holds.",
        experiment=horizon_experiment,
        judge=judge_horizon,
        figure=draw_horizon,
        caption="n: the age at which a day weighs 1/e of the newest one.",
    ),
)
