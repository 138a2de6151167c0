"""B1: the exponentially weighted average needs very little memory."""

import pickle
from collections import deque
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench import EWA, ewa
from optbench.claims import drawing
from optbench.claims.criterion import Above, AtMost, Parts
from optbench.claims.record import SECOND_SEED, Budget, Claim, Measured, Verdict, exact

BETAS = (0.5, 0.9, 0.98, 0.99)
_ELEMENTS = 100
USUAL = 0.9
SIZE, SAVING, BITS = "the size", "the saving", "the bits"
FIRST_LOOK = 10  # values; a stream that keeps nothing has its whole state by then
SAME_SIZE = 1.05
"""Between a counter that grows by a digit (a few of about 2,000 bytes) and the least that growth could keep: one more
value of the series, 800 bytes."""


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return the pickled sizes of a streaming average and of the last 1 / (1 - beta) values, in bytes an element.

    `differ` counts the values that are not bit for bit those of the array function `ewa`.
    """
    steps = 200 if budget.quick else 1000
    thetas = np.random.default_rng(SECOND_SEED).standard_normal((steps, _ELEMENTS))
    rows = []
    for beta in BETAS:
        expected = ewa(thetas.T, beta).T
        stream, window = EWA(beta), deque(maxlen=round(1 / (1 - beta)))
        differ = 0
        for step, theta in enumerate(thetas, start=1):
            differ += int((stream.update(theta) != expected[step - 1]).sum())
            window.append(theta.copy())
            if step in (FIRST_LOOK, steps // 10, steps):
                sizes = (len(pickle.dumps(each)) / _ELEMENTS for each in (stream, window))
                rows.append((beta, 1 / (1 - beta), step, *sizes, differ))
    return {"memory": pd.DataFrame(rows, columns=["beta", "window", "step", "ewa_bytes", "window_bytes", "differ"])}


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the saving at the last step for each beta, the growth of the state, and the values that differ."""
    memory = tables["memory"]
    last = memory[memory["step"] == memory["step"].max()].set_index("beta")
    saving = last["window_bytes"] / last["ewa_bytes"]
    most, differ = float(last["ewa_bytes"].max()), int(memory["differ"].sum())
    each = ", ".join(f"{value:.2g} times at beta = {beta:g}" for beta, value in saving.items())
    return Measured(
        cells={
            SIZE: {"all": exact(memory["ewa_bytes"].max() / memory["ewa_bytes"].min())},
            SAVING: {f"beta {beta:g}": exact(value) for beta, value in saving.items() if beta >= USUAL},
            BITS: {"all": exact(differ)},
        },
        effect=exact(saving[saving.index.max()]),
        measure=f"memory of the last 1/(1-beta) values over the average's own, at beta = {saving.index.max():g}",
        unit="times the memory",
        detail=f"The state takes {most:.1f} bytes an element after {last['step'].iloc[0]:,} values; the window takes "
        f"{each}; {differ:,} values differ from those of the array function in any bit.",
        exact=True,
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the bytes per element against the window."""
    memory = tables["memory"].rename(columns={"window_bytes": "the last values", "ewa_bytes": "the EWA"})
    last = memory[memory["step"] == memory["step"].max()]
    return drawing.line_figure(
        last.melt("window", ["the last values", "the EWA"], "kept", "bytes"), "window", "bytes", "kept",
        "What has to be kept", xscale="log", yscale="log", ylim=(12, 990), xlabel="values averaged, 1/(1−β)",
        ylabel="bytes an element",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="B1",
        sentence="The exponentially weighted average v_t = beta v_(t-1) + (1 - beta) theta_t needs very little memory.",
        experiment=experiment,
        criterion=Parts(
            {
                SIZE: AtMost(
                    what=f"the state's largest size over its smallest, at all beta and from value {FIRST_LOOK} on",
                    limit=SAME_SIZE,
                ),
                SAVING: Above(
                    what="the memory of the last 1/(1-beta) values over that of the state",
                    each=f"each beta from {USUAL} on",
                    on="beta",
                    limit=1.0,
                    chance=False,
                ),
                BITS: AtMost(
                    what="the number of values that differ in any bit from those that the whole series gives", limit=0.0
                ),
            },
            needed=True,
        ),
        measure=measure,
        figure=draw,
        caption="Memory of a streaming average of 100 numbers and of the window that it stands for, pickled.",
    ),
)
