"""B6 (quiz 7): a smaller beta oscillates more, a larger beta shifts the curve to the right."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench import ewa
from optbench.analysis.statistics import median_interval, share_interval
from optbench.claims import drawing
from optbench.claims.criterion import Above, Parts
from optbench.claims.record import Budget, Claim, Measured, Verdict, exact, fresh_seeds
from optbench.lecture import temperature

BETAS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
_START = 365  # the first year is for the averages to forget their start
_LAGS = np.arange(-40.0, 100.0, 0.25)
_REAL = -1
CALMER, LATER = "oscillation", "lag"


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `shape`: oscillation and lag of the averages of Seattle's series (seed -1) and of synthetic ones.

    oscillation: variance of v_t - v_{t-1} over that of theta_t - theta_{t-1}. lag: the shift in days of the smooth
    yearly course that correlates best with v, minus the shift for theta itself; without the smooth course, theta's own
    noise would always favor the newest value.
    """
    rows = []
    for seed in (_REAL, *fresh_seeds(15 if budget.quick else 60)):
        values = temperature.seattle()["temp_max"].to_numpy() if seed == _REAL else temperature.synthetic(seed)
        series = np.stack([values, *(ewa(values, beta, bias_correction=True) for beta in BETAS)])[:, _START:]
        changes, places = np.diff(series).var(1), _best_lags(series)
        rows += zip([seed] * len(BETAS), BETAS, changes[1:] / changes[0], places[1:] - places[0], strict=True)
    return {"shape": pd.DataFrame(rows, columns=["seed", "beta", "oscillation", "lag"])}


@cache
def _moved(days: int) -> np.ndarray:
    """Return the smooth course of the year, moved by each of the lags and standardized, (lags, days)."""
    course = temperature.course(np.arange(_START, _START + days) - _LAGS[:, None])
    course -= course.mean(1, keepdims=True)
    return course / np.linalg.norm(course, axis=1, keepdims=True)


def _best_lags(series) -> np.ndarray:
    """Return the lag of each of the series (series, days): the days by which the year's smooth course fits best."""
    return _LAGS[(_moved(series.shape[1]) @ series.T).argmax(0)]


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of the series in which every larger beta oscillates less, and lags more."""
    shape = tables["shape"]
    tidy = {name: shape.pivot(index="seed", columns="beta", values=name) for name in ("oscillation", "lag")}
    calmer, later = (
        (change > 0).all(axis=1)
        for change in (-tidy["oscillation"].diff(axis=1).iloc[:, 1:], tidy["lag"].diff(axis=1).iloc[:, 1:])
    )
    small, large = shape["beta"].min(), shape["beta"].max()
    lags = tidy["lag"].drop(index=_REAL)
    real = shape[shape["seed"] == _REAL].set_index("beta")
    parts = ", ".join(f"{row.oscillation:.2g} and {row.lag:.3g} days at {beta:g}" for beta, row in real.iterrows())
    shares = ", ".join(f"{text} in {each.drop(_REAL).mean():.0%} of {len(lags)} series" for text, each in
                       (("every larger beta oscillates less", calmer), ("lags more", later)))  # fmt: skip
    return Measured(
        cells={CALMER: _shares(calmer), LATER: _shares(later)},
        effect=median_interval(lags[large] - lags[small]),
        measure=f"days by which beta = {large:g} lags behind beta = {small:g}",
        unit="days of lag",
        detail=f"{shares[0].upper()}{shares[1:]}. In Seattle's series variance of the increments and lag are {parts}.",
    )


def _shares(each: pd.Series) -> dict[str, tuple[float, float, float]]:
    """Return the share of the series for which ``each`` is True: for Seattle's alone, 0 or 1, and for the others."""
    others = each.drop(_REAL)
    return {"Seattle": exact(each[_REAL]), "series like it": share_interval(int(others.sum()), len(others))}


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw oscillation and lag against beta: medians of the synthetic series in a band of 95%, and Seattle's."""
    shape = tables["shape"].assign(x=1 - tables["shape"]["beta"])
    figure, grid = drawing.new_figure(
        (2.0, 2.4), columns=2, left=0.7, right=1.75, top=0.42, bottom=0.5, gap=(0.7, 0),
        title="A smaller β oscillates, a larger one lags",
    )  # fmt: skip
    texts = {"oscillation": "variance of increments", "lag": "lag in days"}
    for ax, (column, text) in zip(grid[0], texts.items(), strict=True):
        others = shape[shape["seed"] != _REAL].groupby("x")[column].quantile([0.025, 0.5, 0.975]).unstack()
        others = others.set_axis(["low", "y", "high"], axis=1).reset_index().assign(series="like Seattle (95%)")
        real = shape[shape["seed"] == _REAL].assign(y=shape[column], low=np.nan, high=np.nan, series="Seattle")
        drawing.draw_lines(ax, pd.concat([others, real]), "x", "y", "series", "band")
        x = real["x"].to_numpy()
        if column == "lag":
            drawing.draw_guide(ax, x, 1 / x - 1, "β/(1−β)")
        ax.set(xscale="log", yscale="log", xlabel="β", ylabel=text)
        drawing.log_axes(ax, plain=True)
        ax.set_xticks(x, [f"{beta:g}" for beta in real["beta"]], fontsize=7)
        ax.minorticks_off()
        ax.invert_xaxis()
    drawing.set_legend(figure, grid[0, 1])
    return figure


_EACH = {
    "each": "Seattle's own series (0 or 1), and series like it",
    "on": "the series",
    "limit": 0.75,
    "percent": True,
}
CLAIMS = (
    Claim(
        id="B6",
        sentence="A smaller beta makes the curve oscillate more; a larger beta shifts it to the right.",
        experiment=experiment,
        criterion=Parts(
            {
                CALMER: Above(
                    what="the share of series in which, from each of six betas to the next larger one, the "
                    "variance of the increments falls",
                    **_EACH,
                ),
                LATER: Above(what="the share of series in which, from each beta to the next, the lag grows", **_EACH),
            }
        ),
        measure=measure,
        figure=draw,
        caption="Variance of v_t - v_(t-1) relative to the series' own, and lag behind it by cross-correlation "
        "with the course of the year; dotted: the mean age of the weights.",
    ),
)
