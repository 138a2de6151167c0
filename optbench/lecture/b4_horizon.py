"""B4: where 1/(1-beta) comes from."""

import math
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench import ewa
from optbench.analysis.statistics import exponent
from optbench.claims import drawing
from optbench.claims.criterion import Above, Parts, Within
from optbench.claims.record import Budget, Claim, Measured, Verdict, exact

EPS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
USUAL = 0.1
NEAR, LIMIT, ORDER = f"at beta = {1 - USUAL:g}", f"at eps = {EPS[-1]:g}", "on the way to 0"


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `horizon`: the age n at which a weight falls to 1/e of the newest, from ewa's response to a single 1."""
    rows = []
    for eps in EPS:
        weights = ewa(np.eye(1, round(3 / eps) + 4)[0], 1 - eps)
        logs = np.log(weights / weights[0])
        after = int((logs <= -1).argmax())
        age = after - (logs[after] + 1) / (logs[after] - logs[after - 1])  # log-linear between two days
        rows.append((eps, 1 - eps, age, age * eps, (1 - eps) ** (1 / eps), -1 / math.log1p(-eps)))
    columns = ["eps", "beta", "n", "n_eps", "power", "formula"]
    return {"horizon": pd.DataFrame(rows, columns=columns)}


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the distance of n eps from 1 at the usual beta and at the smallest eps, and its order."""
    horizon = tables["horizon"].sort_values("eps")
    distance = (horizon["n_eps"] - 1).abs().to_numpy()
    order = exponent(horizon["eps"], np.maximum(distance, 1e-300))
    products = horizon.set_index("eps")["n_eps"]
    each = ", ".join(f"{n:.3g} instead of {1 / eps:.3g} at beta = {1 - eps:g}" for eps, n in
                     horizon.set_index("eps")["n"].items() if eps in (0.5, 0.1, 0.02))  # fmt: skip
    least = horizon.iloc[0]
    return Measured(
        cells={
            NEAR: {"all": exact(products[USUAL])},
            LIMIT: {"all": exact(products[EPS[-1]])},
            ORDER: {"all": exact(order)},
        },
        effect=exact(products[USUAL]),
        measure=f"n (1-beta) at beta = {1 - USUAL:g}",
        unit="times 1/eps",
        detail=f"n is {each}; the difference from 1 falls like eps^{order:.2f}, and (1-eps)^(1/eps) is "
        f"{least['power']:.5f} at eps = {least['eps']:g} (1/e = {1 / math.e:.5f}).",
        exact=True,
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw (1-eps)^(1/eps), and n eps, against eps."""
    horizon = tables["horizon"].rename(columns={"n_eps": "n · ε", "power": "(1−ε)^(1/ε)"})
    return drawing.line_figure(
        horizon.melt("eps", ["n · ε", "(1−ε)^(1/ε)"], "number", "value"), "eps", "value", "number",
        "β = 1 − ε: when a weight has fallen to 1/e", levels={1.0: "1", 1 / math.e: "1/e"}, xscale="log",
        xlabel="ε = 1 − β", ylabel="", ylim=(0, 1.12),
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="B4",
        sentence="With beta = 1 - eps, the n with (1-eps)^n = 1/e is about 1/eps.",
        experiment=experiment,
        criterion=Parts(
            {
                NEAR: Within(what="n eps", least=0.9, most=1.1, chance=False),
                LIMIT: Within(what="n eps", least=0.99, most=1.01, chance=False),
                ORDER: Above(what="the exponent p of |n eps - 1| ~ eps^p", limit=0.5, chance=False),
            }
        ),
        measure=measure,
        figure=draw,
        caption="n: the age at which a day weighs 1/e of the newest one.",
    ),
)
