"""B5: what bias correction mends, and how fast its effect fades."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd

from optbench.analysis.statistics import bootstrap_interval
from optbench.averages.array import ewa
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, fresh_seeds
from optbench.lecture import temperature
from optbench.report import style

BETAS = (0.5, 0.9, 0.98)
_USUAL = 0.9
_STEPS = 50
_TOLERANCE = 1e-12
_SMALL = 0.01


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """bias: averages of the constant series 1 at t = 1..50; starts: the first averages of series like Seattle's.

    starts: `plain` and `corrected` are v_1 over the mean of the first `window` values, seed by seed.
    """
    t = np.arange(1, _STEPS + 1)
    ones = np.ones(_STEPS)
    bias = [
        pd.DataFrame({"beta": b, "t": t, "plain": ewa(ones, b), "corrected": ewa(ones, b, True), "formula": 1 - b**t})
        for b in BETAS
    ]
    starts = []
    for seed in fresh_seeds(20 if budget.quick else 100):
        summer = temperature.synthetic(seed)[180 : 180 + _STEPS]  # as the lecture's days 180 and 181
        for beta in BETAS:
            near = summer[: round(1 / (1 - beta))].mean()
            starts.append((seed, beta, ewa(summer, beta)[0] / near, ewa(summer, beta, True)[0] / near))
    return {
        "bias": pd.concat(bias, ignore_index=True),
        "starts": pd.DataFrame(starts, columns=["seed", "beta", "plain", "corrected"]),
    }


def judge_start(tables: dict[str, pd.DataFrame]) -> Verdict:
    """The identities on the constant series, and the first average of noisy ones."""
    bias, starts = tables["bias"], tables["starts"]
    wrong = float((bias["plain"] - bias["formula"]).abs().max())
    left = float((bias["corrected"] - 1).abs().max())
    usual = starts[starts["beta"] == _USUAL]
    plain, corrected = (bootstrap_interval(usual[column], np.mean) for column in ("plain", "corrected"))
    exact = wrong <= _TOLERANCE and left <= _TOLERANCE
    mended = abs(corrected[0] - 1) < 0.5 * abs(plain[0] - 1)
    verdict = HOLDS if exact and mended else DEPENDS if exact or mended else FAILS
    share = f"{corrected[0]:.2f} [{corrected[1]:.2f}, {corrected[2]:.2f}]"
    detail = (
        f"Without correction v_t differs from (1 - beta^t) theta by {wrong:.1g} at most, with it from theta by "
        f"{left:.1g}; in {len(usual):,} noisy summers the corrected v_1 is {share} of the mean."
    )
    return Verdict(
        verdict, *plain, f"plain v_1 at beta = {_USUAL}, as a share of the mean of the first 10 days",
        on=f"the series: {detail}" if verdict == DEPENDS else "", detail=detail,
    )  # fmt: skip


def judge_fading(tables: dict[str, pd.DataFrame]) -> Verdict:
    """The bias that is left at the end, and the step from which it is small."""
    bias = _with_share(tables["bias"])
    end = bias[bias["t"] == bias["t"].max()].set_index("beta")["share"]
    small = end < _SMALL
    verdict = HOLDS if small.all() else DEPENDS if small.any() else FAILS
    each = ", ".join(f"{share:.1%} at beta = {beta:g}" for beta, share in end.items())
    needed = ", ".join(f"{math.ceil(math.log(_SMALL) / math.log(beta))} for {beta:g}" for beta in end.index if beta > 0)
    return Verdict(
        verdict, *[end[_USUAL]] * 3, f"share that the correction adds at t = {_STEPS}, beta = {_USUAL}",
        on=f"beta: at t = {_STEPS} the bias is {each}" if verdict == DEPENDS else "",
        detail=f"Bias at t = {_STEPS}: {each}; by beta^t, it is under {_SMALL:.0%} from t = {needed}.",
    )  # fmt: skip


def _with_share(bias: pd.DataFrame) -> pd.DataFrame:
    return bias.assign(share=(1 - bias["plain"] / bias["corrected"]).abs())


def draw_start(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Averages of a constant series, with and without correction."""
    bias = tables["bias"]
    with style.theme():
        made, grid = style.new_figure((4.4, 2.6), left=0.7, right=1.3, top=0.42, bottom=0.5,
                                      title="The start: averages of a series that is always 1")  # fmt: skip
        ax = grid[0, 0]
        for place, (beta, rows) in enumerate(bias.groupby("beta")):
            _line(ax, rows["t"], rows["plain"], beta, place)
        ax.plot(rows["t"], rows["corrected"], color="black", linewidth=1.5, linestyle="--", label="corrected")
        ax.set(xlabel="t", ylabel="v_t", ylim=(0, 1.08))
        style.legend(made, ax)
    return made


def draw_fading(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """The bias against t."""
    bias = _with_share(tables["bias"])
    with style.theme():
        made, grid = style.new_figure((4.4, 2.6), left=0.75, right=1.3, top=0.42, bottom=0.5,
                                      title="How the bias fades")  # fmt: skip
        ax = grid[0, 0]
        for place, (beta, rows) in enumerate(bias.groupby("beta")):
            _line(ax, rows["t"], rows["share"], beta, place)
        ax.axhline(_SMALL, color=style.GRAY, linewidth=0.9, linestyle=(0, (1, 2)), label=f"{_SMALL:.0%}", zorder=1)
        ax.set(xlabel="t", ylabel="share of v_t that is missing", yscale="log", ylim=(1e-4, 1.3))
        style.log_ticks(ax.yaxis, 1e-4, 1.3, plain=True)
        style.legend(made, ax)
    return made


def _line(ax, t, y, beta: float, place: int) -> None:
    style.draw_line(ax, t, y, style.look(place) | {"dashes": ()}, f"β = {beta:g}", markevery=7)


CLAIMS = (
    Claim(
        id="B5.1",
        sentence="Bias correction, v_t / (1 - beta^t), mends the start: at t = 1 the plain average is (1-beta) "
        "theta_1.",
        criterion="Holds if, of a constant series, the plain average is 1 - beta^t of it and the corrected one all of "
        "it, to 1e-12, at t = 1..50; and if in noisy summers the corrected v_1 is on average less than half as far "
        "from the mean of the first 1/(1-beta) days as the plain one; depends if one of the two holds.",
        experiment=experiment,
        judge=judge_start,
        figure=draw_start,
        caption="The plain average starts at 1 - beta and rises; the corrected one is right at once.",
    ),
    Claim(
        id="B5.2",
        sentence="The correction fades as beta^t goes to 0, so in practice it is often left out.",
        criterion="Holds if the correction changes v_t by less than 1% at t = 50 for beta = 0.5, 0.9 and 0.98; depends "
        "if for some.",
        experiment=experiment,
        judge=judge_fading,
        figure=draw_fading,
        caption="The share of the corrected average that the plain one misses.",
    ),
)
