"""B6 (quiz 7): a smaller beta oscillates more, a larger beta shifts the curve to the right."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from optbench.analysis.statistics import median_interval, share_interval
from optbench.averages.array import ewa
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, fresh_seeds
from optbench.lecture import temperature
from optbench.report import style

BETAS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
_START = 365  # the first year is for the averages to forget their start
_LAGS = np.arange(-40.0, 100.0, 0.25)
_REAL = -1
_MOST = 0.75


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Oscillation and lag of the averages of Seattle's series (seed -1) and of series like it.

    oscillation: variance of v_t - v_{t-1} over that of theta_t - theta_{t-1}. lag: the days by which the smooth course
    of the year has to be moved to correlate best with v, less those for theta itself: against theta's own noise, the
    newest value would always win.
    """
    rows = []
    for seed in (_REAL, *fresh_seeds(15 if budget.quick else 60)):
        values = temperature.seattle()["temp_max"].to_numpy() if seed == _REAL else temperature.synthetic(seed)
        series = np.stack([values, *(ewa(values, beta, bias_correction=True) for beta in BETAS)])[:, _START:]
        changes, places = np.diff(series).var(1), _places(series)
        rows += zip([seed] * len(BETAS), BETAS, changes[1:] / changes[0], places[1:] - places[0], strict=True)
    return {"shape": pd.DataFrame(rows, columns=["seed", "beta", "oscillation", "lag"])}


@cache
def _moved(days: int) -> np.ndarray:
    """The course of the year, moved by each of the lags and standardized, (lags, days)."""
    made = temperature.course(np.arange(_START, _START + days) - _LAGS[:, None])
    made -= made.mean(1, keepdims=True)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def _places(series) -> np.ndarray:
    """Where the course correlates best with each of the series, (series, days), in days."""
    return _LAGS[(_moved(series.shape[1]) @ series.T).argmax(0)]


def judge(tables: dict[str, pd.DataFrame]) -> Verdict:
    """In what share of the series every larger beta oscillates less, and lags more."""
    shape = tables["shape"]
    tidy = {name: shape.pivot(index="seed", columns="beta", values=name) for name in ("oscillation", "lag")}
    calmer, later = (
        (change > 0).all(axis=1)
        for change in (-tidy["oscillation"].diff(axis=1).iloc[:, 1:], tidy["lag"].diff(axis=1).iloc[:, 1:])
    )
    calm, late = (_always(each) for each in (calmer, later))
    verdict = HOLDS if calm and late else DEPENDS if calm or late else FAILS
    seeds = shape[shape["seed"] != _REAL]
    small, large = seeds["beta"].min(), seeds["beta"].max()
    pivot = tidy["lag"].drop(index=_REAL)
    effect = median_interval(pivot[large] - pivot[small])
    real = shape[shape["seed"] == _REAL].set_index("beta")
    parts = ", ".join(f"{row.oscillation:.2g} and {row.lag:.3g} days at {beta:g}" for beta, row in real.iterrows())
    shares = ", ".join(f"{text} in {each.drop(_REAL).mean():.0%} of {len(pivot)} series" for text, each in
                       (("every larger beta oscillates less", calmer), ("lags more", later)))  # fmt: skip
    return Verdict(
        verdict, *effect, f"days by which beta = {large:g} lags behind beta = {small:g}",
        on=f"what is looked at: {shares}" if verdict == DEPENDS else "",
        detail=f"{shares[0].upper()}{shares[1:]}. In Seattle's series variance of the increments and lag are {parts}.",
    )  # fmt: skip


def _always(each: pd.Series) -> bool:
    """Whether it is so in the real series, and in more than three of four others."""
    others = each.drop(_REAL)
    return bool(each[_REAL]) and share_interval(int(others.sum()), len(others))[1] > _MOST


def figure(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Oscillation and lag against beta, over the synthetic series and in Seattle."""
    shape = tables["shape"]
    with style.theme():
        made, grid = style.new_figure((2.0, 2.4), columns=2, left=0.7, right=1.35, top=0.42, bottom=0.5, gap=(0.7, 0),
                                      title="A smaller β oscillates, a larger one lags")  # fmt: skip
        texts = {"oscillation": "variance of increments", "lag": "lag in days"}
        for ax, (column, text) in zip(grid[0], texts.items(), strict=True):
            seeds = shape[shape["seed"] != _REAL].groupby("beta")[column]
            real = shape[shape["seed"] == _REAL].sort_values("beta")
            x = 1 - real["beta"].to_numpy()
            low, high = seeds.quantile(0.025), seeds.quantile(0.975)
            ax.fill_between(x, low, high, color=style.look(0)["color"], alpha=0.25, linewidth=0, label="95% of series")
            style.draw_line(ax, x, seeds.median(), style.look(0), "like Seattle")
            style.draw_line(ax, x, real[column], style.look(1), "Seattle")
            if column == "lag":
                ax.plot(x, 1 / x - 1, color=style.GRAY, linewidth=1, linestyle=":", label="β/(1−β)")
            ax.set(xscale="log", yscale="log", xlabel="β", ylabel=text)
            style.log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
            ax.set_xticks(x, [f"{beta:g}" for beta in real["beta"]], fontsize=7)
            ax.minorticks_off()
            ax.invert_xaxis()
        style.legend(made, grid[0, 1])
    return made


CLAIMS = (
    Claim(
        id="B6",
        sentence="A smaller beta makes the curve oscillate more; a larger beta shifts it to the right.",
        criterion="Holds if, from each of six betas to the next larger one, the variance of the increments falls and "
        "the lag grows, in Seattle's series and in more than three of four series like it (95% interval); depends if "
        "one of the two holds.",
        experiment=experiment,
        judge=judge,
        figure=figure,
        caption="Variance of v_t - v_(t-1) relative to the series' own, and lag behind it by cross-correlation "
        "with the course of the year; dotted: the mean age of the weights.",
    ),
)
