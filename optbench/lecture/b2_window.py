"""B2: over how many values an exponentially weighted average averages, and which beta is best."""

import math
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench import ewa
from optbench.analysis.statistics import bootstrap_interval, median_interval
from optbench.claims import drawing
from optbench.claims.criterion import AtMost, Below, Parts, Within
from optbench.claims.record import FIRST_SEED, Budget, Claim, Measured, Verdict, exact
from optbench.lecture import temperature

BETAS = (0.5, 0.9, 0.98)
_USUAL = 0.9
_GRID = np.round(1 - np.geomspace(1, 0.01, 41), 4)  # 0.9 among them
WEIGHT, NOISE = "the weight", "the noise"
_AHEAD = (1, 7, 30)
_BLOCK = 91  # days: a quarter of a year
_START = 200  # days, until beta = 0.98 has forgotten its start


@cache
def window_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Measure the weight of the newest values, and the white noise that averages let through.

    Returns `mass`: the weight inside the window; `noise`: the variance of averaged white noise of variance 1, and
    `equal`, the length of the plain mean with that variance; `seattle` and `london`: their averages.
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


def measure_window(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the window in two ways: by the weight inside it, and by the plain mean that leaves as much noise."""
    ratio = {beta: median_interval(rows["equal"] / rows["window"]) for beta, rows in tables["noise"].groupby("beta")}
    mass = tables["mass"].set_index("beta")["mass"]
    spans = tables["mass"].set_index("beta")["window"]
    inside = ", ".join(f"{mass[beta]:.0%} in {span:g} days at beta = {beta:g}" for beta, span in spans.items())
    noise = ", ".join(f"{ratio[beta][0] * span:.3g} days at beta = {beta:g}" for beta, span in spans.items())
    return Measured(
        cells={
            WEIGHT: {f"beta {beta:g}": exact(1 - value) for beta, value in mass.items()},
            NOISE: {f"beta {beta:g}": interval for beta, interval in ratio.items()},
        },
        effect=ratio[_USUAL],
        measure=f"length of the plain mean that leaves as much noise, over 1/(1-beta), at beta = {_USUAL}",
        unit="times 1/(1-beta) days",
        detail=f"Weight inside 1/(1-beta): {inside}. Equal plain mean: {noise}; the formula is (1+beta)/(1-beta).",
    )


def draw_window(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Draw the lecture's figure: the temperatures, and their averages for several beta."""
    days = tables["seattle"]
    averages = {beta: days[f"ewa_{beta:g}"].to_numpy() for beta in BETAS}
    return drawing.draw_averages(
        None, days["date"].to_numpy(), days["temp_max"].to_numpy(), averages, name="highest temperature, °C",
        title="Daily temperature in Seattle and its averages", window="days",
    ).figure  # fmt: skip


@cache
def best_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `errors`: squared errors of v_t as a forecast of the mean of the next days, by quarter of a year."""
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


def measure_best(tables: dict[str, pd.DataFrame]) -> Measured:
    """Return the loss of the usual beta against the best one, by task; blocks of a quarter of a year are resampled."""
    lost, best = {}, []
    for ahead, rows in tables["errors"].groupby("ahead"):
        errors = rows.pivot(index="block", columns="beta", values="squares")
        usual = errors.columns.get_loc(_USUAL)
        lost[ahead] = bootstrap_interval(errors, lambda drawn, usual=usual: _lost(drawn.sum(0), usual))
        best.append(f"{errors.sum().idxmin():.2f} for the {_task(ahead)}")
    return Measured(
        cells={_task(ahead): interval for ahead, interval in lost.items()},
        effect=lost[max(lost)],
        measure=f"error of beta = {_USUAL} over that of the best beta, minus 1, for the mean of the {_task(max(lost))}",
        unit="times the best beta's error on top",
        detail=f"The best beta is {', '.join(best)}.",
    )


def _task(ahead: int) -> str:
    return f"next {ahead} days" if ahead > 1 else "next day"


def _lost(squares, usual: int) -> float:
    """Return by what share the error with the beta at index ``usual`` exceeds the least; squares: errors by beta."""
    return float(np.sqrt(squares[usual] / squares.min()) - 1)


def draw_best(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the error against beta, a line for each task."""
    errors = tables["errors"].groupby(["ahead", "beta"])["squares"].sum().reset_index()
    errors["error"] = np.sqrt(errors["squares"] / errors.groupby("ahead")["squares"].transform("min"))
    return drawing.line_figure(
        errors.assign(eps=1 - errors["beta"], task=errors["ahead"].map(_task)), "eps", "error", "task",
        "Which average foretells the mean of the next days", marks={1 - _USUAL: "β = 0.9"}, xscale="log",
        xlim=(1.1, 0.009), xlabel="1 − β (left: the newest value alone)", ylabel="error over the least",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="B2.1",
        sentence="v_t averages about 1/(1-beta) days: 10 for beta = 0.9, 2 for beta = 0.5.",
        experiment=window_experiment,
        criterion=Parts(
            {
                WEIGHT: AtMost(
                    what="the share of the weight outside of the newest 1/(1-beta) values (1/e)",
                    each="every beta",
                    on="beta",
                    limit=1 / math.e,
                    percent=True,
                ),
                NOISE: Within(
                    what="the length of the plain mean that leaves as much white noise, over 1/(1-beta)",
                    each="every beta",
                    on="beta",
                    least=0.75,
                    most=1.25,
                ),
            }
        ),
        measure=measure_window,
        figure=draw_window,
        caption="Highest temperature of each day in Seattle, 2012 to 2015 (NOAA), averaged with bias correction.",
    ),
    Claim(
        id="B2.2",
        sentence="beta is a hyperparameter, usually 0.9.",
        experiment=best_experiment,
        criterion=Below(
            what="the error that 0.9 has beyond that of the best beta (quarters of a year drawn anew)",
            each="the mean of the next day, of the next 7 and of the next 30 days in Seattle, foretold by v_t",
            on="what is foretold",
            limit=0.1,
            percent=True,
        ),
        measure=measure_best,
        figure=draw_best,
        caption="Root mean square error of v_t as a forecast, relative to the best beta.",
    ),
)
