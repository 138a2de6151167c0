"""B1: the exponentially weighted average needs very little memory."""

from __future__ import annotations

import pickle
from collections import deque
from functools import cache

import numpy as np
import pandas as pd

from optbench.averages.array import ewa
from optbench.averages.stream import EWA
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict
from optbench.report import style

BETAS = (0.5, 0.9, 0.98, 0.99)
_ELEMENTS = 100
_USUAL = 0.9


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """The pickled sizes of a streaming average and of the last 1 / (1 - beta) values, and whether the bits agree."""
    steps = 200 if budget.quick else 1000
    thetas = np.random.default_rng(0).standard_normal((steps, _ELEMENTS))
    rows = []
    for beta in BETAS:
        expected = ewa(thetas.T, beta).T
        stream, window = EWA(beta), deque(maxlen=round(1 / (1 - beta)))
        differ = 0
        for step, theta in enumerate(thetas, start=1):
            differ += int((stream.update(theta) != expected[step - 1]).sum())
            window.append(theta.copy())
            if step in (steps // 100, steps // 10, steps):
                sizes = (len(pickle.dumps(each)) / _ELEMENTS for each in (stream, window))
                rows.append((beta, 1 / (1 - beta), step, *sizes, differ))
    return {"memory": pd.DataFrame(rows, columns=["beta", "window", "step", "ewa_bytes", "window_bytes", "differ"])}


def judge(tables: dict[str, pd.DataFrame]) -> Verdict:
    """The saving at the last step, beta by beta; growth or a wrong bit refutes the claim."""
    memory = tables["memory"]
    last = memory[memory["step"] == memory["step"].max()].set_index("beta")
    saving = last["window_bytes"] / last["ewa_bytes"]
    effect = float(saving[saving.index.max()])
    usual = saving[saving.index >= _USUAL]
    most, differ = float(last["ewa_bytes"].max()), int(memory["differ"].sum())
    # Counters that grow a digit are not growth.
    grows = most > 1.05 * last["ewa_bytes"].min() or memory["ewa_bytes"].max() > 1.05 * most
    verdict = HOLDS if (usual > 1).all() else DEPENDS if (saving > 1).any() else FAILS
    if grows or differ:
        verdict = FAILS
    each = ", ".join(f"{value:.2g} times at beta = {beta:g}" for beta, value in saving.items())
    return Verdict(
        verdict, effect, effect, effect,
        f"memory of the last 1/(1-beta) values over the average's own, at beta = {saving.index.max():g}",
        on=f"beta: the saving is {each}" if verdict == DEPENDS else "",
        detail=f"The state takes {most:.1f} bytes an element after {last['step'].iloc[0]:,} values; the window takes "
        f"{each}; {differ:,} values differ from those of the array function in any bit.",
    )  # fmt: skip


def figure(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Bytes an element against the window."""
    memory = tables["memory"]
    last = memory[memory["step"] == memory["step"].max()]
    with style.theme():
        made, grid = style.new_figure((4.0, 2.6), left=0.75, right=1.55, top=0.42, bottom=0.5,
                                      title="What has to be kept")  # fmt: skip
        ax = grid[0, 0]
        for place, (column, text) in enumerate({"window_bytes": "the last values", "ewa_bytes": "the EWA"}.items()):
            style.draw_line(ax, last["window"], last[column], style.look(place), text)
        ax.set(xscale="log", yscale="log", ylim=(12, 990), xlabel="values averaged, 1/(1−β)", ylabel="bytes an element")
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            style.log_ticks(axis, *limits, plain=True)
        style.legend(made, ax)
    return made


CLAIMS = (
    Claim(
        id="B1",
        sentence="The exponentially weighted average v_t = beta v_(t-1) + (1 - beta) theta_t needs very little memory.",
        criterion="Holds if the state has one size at every beta and step, is smaller than the last 1/(1-beta) values "
        "for every beta from 0.9 on, and its values are bit for bit those that the whole series gives; depends if "
        "it is smaller for some beta only.",
        experiment=experiment,
        judge=judge,
        figure=figure,
        caption="Memory of a streaming average of 100 numbers and of the window that it stands for, pickled.",
    ),
)
