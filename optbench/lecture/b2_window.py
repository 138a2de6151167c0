"""B2: over how many values an exponentially weighted average averages, and which beta is best."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from optbench.analysis.statistics import bootstrap_interval, median_interval
from optbench.averages.array import ewa
from optbench.claims.record import DEPENDS, FAILS, FIRST_SEED, HOLDS, Budget, Claim, Verdict
from optbench.lecture import temperature
from optbench.report import style
from optbench.report.figure_averages import draw_averages

BETAS = (0.5, 0.9, 0.98)
_USUAL = 0.9
_GRID = np.round(1 - np.geomspace(1, 0.01, 41), 4)  # 0.9 among them
_COSTS = 0.1
_AHEAD = (1, 7, 30)
_BLOCK = 91  # days: a quarter of a year
_START = 200  # days, until beta = 0.98 has forgotten its start


@cache
def window_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Weights of the newest values, the noise that is left of white noise, and Seattle's and London's averages.

    noise: `equal` is the length of the plain mean that leaves as much: the variance of the noise over that of v.
    """
    seeds, length = (12, 5_000) if budget.quick else (40, 20_000)
    white = np.stack([np.random.default_rng(FIRST_SEED + k).standard_normal(length) for k in range(seeds)])
    noise, mass = [], []
    for beta in BETAS:
        window = round(1 / (1 - beta))
        settled = ewa(white, beta)[:, 20 * window :]
        variance = (settled**2).mean(1)
        noise += [(beta, window, seed, value, 1 / value) for seed, value in enumerate(variance)]
        weights = ewa(np.eye(1, 40 * window)[0], beta)  # the answer to a single 1 is the weights by age
        mass.append((beta, window, weights[:window].sum() / weights.sum(), 1 - beta**window))
    days = temperature.seattle()
    averages = {f"ewa_{beta:g}": ewa(days["temp_max"].to_numpy(), beta, bias_correction=True) for beta in BETAS}
    return {
        "noise": pd.DataFrame(noise, columns=["beta", "window", "seed", "variance", "equal"]),
        "mass": pd.DataFrame(mass, columns=["beta", "window", "mass", "formula"]),
        "seattle": days.assign(**averages),
        "london": temperature.london(),
    }


def judge_window(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Two yardsticks: where most of the weight lies, and the plain mean that leaves as much noise."""
    ratio = {beta: median_interval(rows["equal"] / rows["window"]) for beta, rows in tables["noise"].groupby("beta")}
    mass = tables["mass"].set_index("beta")["mass"]
    weighs = bool((mass >= 1 - 1 / np.e).all())
    smooths = all(0.75 <= low and high <= 1.25 for _, low, high in ratio.values())
    verdict = HOLDS if weighs and smooths else DEPENDS if weighs or smooths else FAILS
    spans = tables["mass"].set_index("beta")["window"]
    inside = ", ".join(f"{mass[beta]:.0%} in {span:g} days at beta = {beta:g}" for beta, span in spans.items())
    noise = ", ".join(f"{ratio[beta][0] * span:.3g} days at beta = {beta:g}" for beta, span in spans.items())
    return Verdict(
        verdict, *ratio[_USUAL],
        f"length of the plain mean that leaves as much noise, over 1/(1-beta), at beta = {_USUAL}",
        on=f"what averaging over n days means: of the weight there is {inside}, but as much noise is left as by a "
        f"plain mean of {noise}" if verdict == DEPENDS else "",
        detail=f"Weight inside 1/(1-beta): {inside}. Equal plain mean: {noise}; the formula is (1+beta)/(1-beta).",
    )  # fmt: skip


def draw_window(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """The lecture's figure: the temperatures, and their averages for several beta."""
    days = tables["seattle"]
    averages = {beta: days[f"ewa_{beta:g}"].to_numpy() for beta in BETAS}
    with style.theme():
        return draw_averages(
            days["date"].to_numpy(), days["temp_max"].to_numpy(), averages, name="highest temperature, °C",
            title="Daily temperature in Seattle and its averages", window="days",
        )  # fmt: skip


@cache
def best_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Squared errors of v_t as a forecast of the mean of the next days in Seattle, by quarter of a year."""
    values = temperature.seattle()["temp_max"].to_numpy()
    sums = np.concatenate([[0.0], np.cumsum(values)])
    days = np.arange(_START, len(values) - max(_AHEAD))
    blocks = (days - _START) // _BLOCK
    rows = []
    for beta in _GRID:
        average = ewa(values, beta, bias_correction=True)[days]
        for ahead in _AHEAD:
            squares = (average - (sums[days + 1 + ahead] - sums[days + 1]) / ahead) ** 2
            rows += [(ahead, beta, block, value) for block, value in enumerate(np.bincount(blocks, squares))]
    return {"errors": pd.DataFrame(rows, columns=["ahead", "beta", "block", "squares"])}


def judge_best(tables: dict[str, pd.DataFrame]) -> Verdict:
    """What the usual beta loses to the best one, task by task; blocks of a quarter of a year are drawn anew."""
    lost, each = {}, []
    for ahead, rows in tables["errors"].groupby("ahead"):
        errors = rows.pivot(index="block", columns="beta", values="squares")
        usual = errors.columns.get_loc(_USUAL)
        lost[ahead] = bootstrap_interval(errors, lambda drawn, usual=usual: _lost(drawn.sum(0), usual))
        effect, low, high = (f"{100 * value:.0f}" for value in lost[ahead])
        days = "day" if ahead == 1 else f"{ahead} days"
        each.append(f"{effect}% [{low}, {high}] for the next {days} (best there: {errors.sum().idxmin():.2f})")
    cheap = [high <= _COSTS for _, _, high in lost.values()]
    dear = [low > _COSTS for _, low, _ in lost.values()]
    verdict = HOLDS if all(cheap) else FAILS if all(dear) else DEPENDS
    each = ", ".join(each)
    return Verdict(
        verdict, *lost[max(lost)],
        f"error of beta = {_USUAL} over that of the best beta, minus 1, for the mean of the next {max(lost)} days",
        on=f"what is to be foretold: {_USUAL} costs {each}" if verdict == DEPENDS else "",
        detail=f"beta = {_USUAL} costs {each}.",
    )  # fmt: skip


def _lost(squares, usual: int) -> float:
    return float(np.sqrt(squares[usual] / squares.min()) - 1)


def draw_best(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """The error against beta, a line a task."""
    with style.theme():
        texts = {ahead: f"next {ahead} days" if ahead > 1 else "next day" for ahead in _AHEAD}
        right = style.legend_width(texts.values()) + 0.1
        made, grid = style.new_figure((4.0, 2.6), left=0.7, right=right, top=0.42, bottom=0.5,
                                      title="Which average foretells the mean of the next days")  # fmt: skip
        ax = grid[0, 0]
        for place, (ahead, text) in enumerate(texts.items()):
            rows = tables["errors"][tables["errors"]["ahead"] == ahead].groupby("beta")["squares"].sum()
            error = np.sqrt(rows / rows.min())
            style.draw_line(ax, 1 - error.index.to_numpy(), error, style.look(place), text)
        ax.axvline(1 - _USUAL, color=style.GRAY, linewidth=0.9, linestyle=(0, (1, 2)), label="β = 0.9", zorder=1)
        ax.set(xscale="log", xlabel="1 − β (left: the newest value alone)", ylabel="error over the least")
        style.log_ticks(ax.xaxis, *ax.get_xlim(), plain=True)
        ax.invert_xaxis()
        style.legend(made, ax)
    return made


CLAIMS = (
    Claim(
        id="B2.1",
        sentence="v_t averages about 1/(1-beta) days: 10 for beta = 0.9, 2 for beta = 0.5.",
        criterion="Holds if the newest 1/(1-beta) values hold at least 1 - 1/e = 63% of the weight, and the plain mean "
        "that leaves as much white noise is 1/(1-beta) long within 25% (95% interval over seeds), for every beta; "
        "depends if one of the two holds.",
        experiment=window_experiment,
        judge=judge_window,
        figure=draw_window,
        caption="Highest temperature of each day in Seattle, 2012 to 2015 (NOAA), averaged with bias correction.",
    ),
    Claim(
        id="B2.2",
        sentence="beta is a hyperparameter, usually 0.9.",
        criterion="Holds if 0.9 foretells the mean of the next day, of the next 7 and of the next 30 days in Seattle "
        "with at most 10% more error than the best beta (95% intervals, quarters of a year drawn anew); does not hold "
        "if it costs more in all three; depends otherwise.",
        experiment=best_experiment,
        judge=judge_best,
        figure=draw_best,
        caption="Root mean square error of v_t as a forecast, relative to the best beta.",
    ),
)
