"""B: exponentially weighted averages: their memory, window, weights and horizon, their start and their shape."""

import math
import pickle
from collections import deque
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench import EWA, ewa
from optbench.analysis.statistics import bootstrap_interval, exponent, median_interval, share_interval
from optbench.claims import drawing
from optbench.claims.claim import (
    FIRST_SEED,
    SECOND_SEED,
    Budget,
    Claim,
    Measured,
    Verdict,
    estimate_text,
    exact,
    fresh_seeds,
    percent_text,
    two_digits,
)
from optbench.claims.criterion import Above, AtMost, Below, Identity, Parts, Within
from optbench.lecture import temperature

BETAS = (0.5, 0.9, 0.98)
USUAL = 0.9
SHOWN_YEAR = 2013
MEMORY_BETAS = (0.5, 0.9, 0.98, 0.99)
_ELEMENTS = 100
SIZE, SAVING, BITS = "the size", "the saving", "the bits"
FIRST_LOOK = 10  # values; a stream that keeps nothing has its whole state by then
SAME_SIZE = 1.05
"""Between a counter that grows by a digit (a few of about 2,000 bytes) and the least that growth could keep: one more
value of the series, 800 bytes."""


@cache
def memory_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Measure the memory of averages while values come in.

    Returns `memory`: beta, window, step, ewa_bytes and window_bytes (pickled, an element), of a streaming average and
    of the last 1 / (1 - beta) values; differ. `differ` counts the values that are not bit for bit those of the array
    function `ewa`.
    """
    steps = 200 if budget.quick else 1000
    thetas = np.random.default_rng(SECOND_SEED).standard_normal((steps, _ELEMENTS))
    rows = []
    for beta in MEMORY_BETAS:
        expected = ewa(thetas.T, beta).T
        stream = EWA(beta)
        window: deque[float] = deque(maxlen=round(1 / (1 - beta)))
        differ = 0
        for step, theta in enumerate(thetas, start=1):
            differ += int((stream.update(theta) != expected[step - 1]).sum())
            window.append(theta.copy())
            if step in (FIRST_LOOK, steps // 10, steps):
                sizes = (len(pickle.dumps(each)) / _ELEMENTS for each in (stream, window))
                rows.append((beta, 1 / (1 - beta), step, *sizes, differ))
    return {"memory": pd.DataFrame(rows, columns=["beta", "window", "step", "ewa_bytes", "window_bytes", "differ"])}


def measure_memory(tables: dict[str, pd.DataFrame]) -> Measured:
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
        answer=f"At β = {saving.index.max():g} the last 1/(1 − β) values take {two_digits(saving.iloc[-1])} "
        "times the memory of the average.",
        detail=f"The state takes {most:.1f} bytes an element after {last['step'].iloc[0]:,} values; the window takes "
        f"{each}; {differ:,} values differ from those of the array function in any bit.",
        exact=True,
    )


def draw_memory(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the bytes per element against the window."""
    memory = tables["memory"].rename(columns={"window_bytes": "the last values", "ewa_bytes": "the EWA"})
    last = memory[memory["step"] == memory["step"].max()]
    return drawing.line_figure(
        last.melt("window", ["the last values", "the EWA"], "kept", "bytes"), "window", "bytes", "kept",
        "What has to be kept", xscale="log", yscale="log", ylim=(12, 990), xlabel="values averaged, 1/(1−β)",
        ylabel="bytes an element",
    )  # fmt: skip


_GRID = np.round(1 - np.geomspace(1, 0.01, 41), 4)  # 0.9 among them
WEIGHT, NOISE = "the weight", "the noise"
AHEAD = (1, 7, 30)
_BLOCK = 91  # days: a quarter of a year
_SETTLED = 200  # days, until beta = 0.98 has forgotten its start


@cache
def window_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Measure the weight of the newest values, and the white noise that averages let through.

    Returns `mass`: the weight inside the window; `noise`: the variance of averaged white noise of variance 1, and
    `equal`, the length of the plain mean with that variance; `seattle` and `london`: their averages.
    """
    seeds, length = budget.count_seeds(12, 40), 5_000 if budget.quick else 20_000
    white = np.stack([np.random.default_rng(FIRST_SEED + k).standard_normal(length) for k in range(seeds)])
    noise, mass = [], []
    for beta in BETAS:
        window = round(1 / (1 - beta))
        settled = ewa(white, beta)[:, 20 * window :]
        variance = (settled**2).mean(1)
        noise += [(beta, window, seed, value, 1 / value) for seed, value in enumerate(variance)]
        weights = ewa(np.eye(1, 40 * window)[0], beta)  # the answer to a single 1 is the weights by age
        mass.append((beta, window, weights[:window].sum() / weights.sum(), 1 - beta**window))
    days = temperature.read_seattle()
    averages = {f"ewa_{beta:g}": ewa(days["temp_max"].to_numpy(), beta, bias_correction=True) for beta in BETAS}
    return {
        "noise": pd.DataFrame(noise, columns=["beta", "window", "seed", "variance", "equal"]),
        "mass": pd.DataFrame(mass, columns=["beta", "window", "mass", "formula"]),
        "seattle": days.assign(**averages),
        "london": temperature.average_london(),
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
        effect=ratio[USUAL],
        measure=f"length of the plain mean that leaves as much noise, over 1/(1-beta), at beta = {USUAL}",
        answer=f"At β = {USUAL} the average lets as much noise through as a plain mean over "
        f"{estimate_text(ratio[USUAL])} times as many days as 1/(1 − β) = {spans[USUAL]:g}.",
        detail=f"Weight inside 1/(1-beta): {inside}. Equal plain mean: {noise}; the formula is (1+beta)/(1-beta).",
    )


def draw_window(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the lecture's figure: the temperatures of a year, and their averages for several beta."""
    days = tables["seattle"]
    days = days[days["date"].dt.year == SHOWN_YEAR]
    averages = {beta: days[f"ewa_{beta:g}"].to_numpy() for beta in BETAS}
    ax = drawing.draw_averages(
        None, days["date"].to_numpy(), days["temp_max"].to_numpy(), averages, ("", "highest temperature, °C"),
        title=f"Daily temperature in Seattle in {SHOWN_YEAR}, and its averages", window="days",
    )  # fmt: skip
    return drawing.figure_of(ax)


@cache
def best_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Forecast Seattle's temperatures by v_t, and return `errors`: ahead, beta, block, squares.

    squares: the sum of the squared errors in a quarter of a year, `block`, of v_t as a forecast of the mean of the next
    `ahead` days.
    """
    values = temperature.read_seattle()["temp_max"].to_numpy()
    sums = np.concatenate([[0.0], np.cumsum(values)])
    days = np.arange(_SETTLED, len(values) - max(AHEAD))
    blocks = (days - _SETTLED) // _BLOCK
    rows = []
    for beta in _GRID:
        average = ewa(values, beta, bias_correction=True)[days]
        for ahead in AHEAD:
            squares = (average - (sums[days + 1 + ahead] - sums[days + 1]) / ahead) ** 2
            rows += [(ahead, beta, block, value) for block, value in enumerate(np.bincount(blocks, squares))]
    return {"errors": pd.DataFrame(rows, columns=["ahead", "beta", "block", "squares"])}


def measure_best(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure by what share the error of the usual beta exceeds the best one's, by task.

    Its interval is bootstrapped over blocks of a quarter of a year.
    """
    lost, best = {}, []
    for ahead, rows in tables["errors"].groupby("ahead"):
        errors = rows.pivot(index="block", columns="beta", values="squares")
        usual = errors.columns.get_loc(USUAL)
        lost[ahead] = bootstrap_interval(errors, partial(_excess_error, usual=usual))
        best.append(f"{errors.sum().idxmin():.2f} for the {_task_text(ahead)}")
    return Measured(
        cells={_task_text(ahead): interval for ahead, interval in lost.items()},
        effect=lost[max(lost)],
        measure=f"error of beta = {USUAL} over that of the best beta, minus 1, for the mean of the "
        f"{_task_text(max(lost))}",
        answer=f"For the mean of the {_task_text(max(lost))}, β = {USUAL} errs {percent_text(lost[max(lost)])} "
        "more than the best β.",
        detail=f"The best beta is {', '.join(best)}.",
    )


def _task_text(ahead: int) -> str:
    """Return the name of a task, "next 7 days": those whose mean is forecast; ahead: their number."""
    return f"next {ahead} days" if ahead > 1 else "next day"


def _excess_error(squares: np.ndarray, usual: int) -> float:
    """Return by what share the root mean square error at one beta exceeds the least one.

    squares: squared errors, (blocks, betas); usual: the index of that beta.
    """
    squares = squares.sum(0)
    return float(np.sqrt(squares[usual] / squares.min()) - 1)


def draw_best(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the error against beta, a line for each task."""
    errors = tables["errors"].groupby(["ahead", "beta"])["squares"].sum().reset_index()
    errors["error"] = np.sqrt(errors["squares"] / errors.groupby("ahead")["squares"].transform("min"))
    return drawing.line_figure(
        errors.assign(eps=1 - errors["beta"], task=errors["ahead"].map(_task_text)), "eps", "error", "task",
        "Which average foretells the mean of the next days", marks={1 - USUAL: "β = 0.9"}, xscale="log",
        xlim=(1.1, 0.009), xlabel="1 − β (left: the newest value alone)", ylabel="error over the least",
    )  # fmt: skip


LAST = 100


@cache
def weights_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Measure the weight of each day in v_100, by a series that is 1 on that day and 0 on all others.

    Returns `weights`: beta, age (days before the last), the `weight`, and that of the `formula`.
    """
    days = np.eye(LAST)[::-1]  # row `age` has its 1 that many days before the last
    rows = [
        (beta, age, weight, (1 - beta) * beta**age)
        for beta in BETAS
        for age, weight in enumerate(ewa(days, beta)[:, -1])
    ]
    return {"weights": pd.DataFrame(rows, columns=["beta", "age", "weight", "formula"])}


def measure_weights(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest relative difference between a weight and the formula."""
    weights = tables["weights"]
    error = exact(np.nan_to_num((weights["weight"] / weights["formula"] - 1).abs(), nan=np.inf).max())
    first = weights[weights["beta"] == 0.9].sort_values("age")["weight"].head(3)
    return Measured(
        cells={"all": error},
        effect=error,
        measure=f"relative difference of a weight of v_{LAST} from (1-beta) beta^age",
        answer=f"No weight of v_{LAST} is further than {estimate_text(error)} of itself from (1 − β) β^age.",
        detail="At beta = 0.9 the newest days weigh " + ", ".join(f"{weight:.4g}" for weight in first) + ".",
    )


def draw_weights(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the weights against their age."""
    weights = tables["weights"]
    young = weights[weights["age"] <= 60].sort_values("age")
    each = {beta: young.loc[young["beta"] == beta, "weight"].to_numpy() for beta in BETAS}
    return drawing.figure_of(drawing.draw_weights(None, each, f"What a day weighs in v_{LAST}", "days"))


EPS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
USUAL_EPS = 0.1
NEAR, LIMIT, ORDER = f"at beta = {1 - USUAL_EPS:g}", f"at eps = {EPS[-1]:g}", "on the way to 0"


@cache
def horizon_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Measure the age n at which a weight falls to 1/e of the newest, from ewa's response to a single 1.

    Returns `horizon`, a row for each eps: eps, beta = 1 - eps, n (interpolated between two days), n_eps = n eps, power
    = (1-eps)^(1/eps), and n by `formula`. budget: unused, nothing is random.
    """
    rows = []
    for eps in EPS:
        weights = ewa(np.eye(1, round(3 / eps) + 4)[0], 1 - eps)
        logs = np.log(weights / weights[0])
        after = int((logs <= -1).argmax())
        age = after - (logs[after] + 1) / (logs[after] - logs[after - 1])  # log-linear between two days
        rows.append((eps, 1 - eps, age, age * eps, (1 - eps) ** (1 / eps), -1 / math.log1p(-eps)))
    columns = ["eps", "beta", "n", "n_eps", "power", "formula"]
    return {"horizon": pd.DataFrame(rows, columns=columns)}


def measure_horizon(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the distance of n eps from 1, at the usual beta and at the smallest eps, and its order in eps."""
    horizon = tables["horizon"].sort_values("eps")
    distance = (horizon["n_eps"] - 1).abs().to_numpy()
    order = exponent(horizon["eps"], np.maximum(distance, 1e-300))
    products = horizon.set_index("eps")["n_eps"]
    each = ", ".join(f"{n:.3g} instead of {1 / eps:.3g} at beta = {1 - eps:g}" for eps, n in
                     horizon.set_index("eps")["n"].items() if eps in (0.5, 0.1, 0.02))  # fmt: skip
    least = horizon.iloc[0]
    return Measured(
        cells={
            NEAR: {"all": exact(products[USUAL_EPS])},
            LIMIT: {"all": exact(products[EPS[-1]])},
            ORDER: {"all": exact(order)},
        },
        effect=exact(products[USUAL_EPS]),
        measure=f"n (1-beta) at beta = {1 - USUAL_EPS:g}",
        answer=f"At β = {1 - USUAL_EPS:g} a weight falls to 1/e of the newest after "
        f"{two_digits(products[USUAL_EPS])} times 1/(1 − β) days.",
        detail=f"n is {each}; the difference from 1 falls like eps^{order:.2f}, and (1-eps)^(1/eps) is "
        f"{least['power']:.5f} at eps = {least['eps']:g} (1/e = {1 / math.e:.5f}).",
        exact=True,
    )


def draw_horizon(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw (1-eps)^(1/eps), and n eps, against eps."""
    horizon = tables["horizon"].rename(columns={"n_eps": "n · ε", "power": "(1−ε)^(1/ε)"})
    return drawing.line_figure(
        horizon.melt("eps", ["n · ε", "(1−ε)^(1/ε)"], "number", "value"), "eps", "value", "number",
        "β = 1 − ε: when a weight has fallen to 1/e", levels={1.0: "1", 1 / math.e: "1/e"}, xscale="log",
        xlabel="ε = 1 − β", ylabel="", ylim=(0, 1.12),
    )  # fmt: skip


STEPS = 50
SMALL = 0.01
CONSTANT, NOISY = "a constant series", "noisy summers"


@cache
def bias_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return the tables `bias`, averages of the constant series 1 at t = 1..50, and `starts`, one row a seed and beta.

    In `starts`, `plain` and `corrected` are the first average v_1, without and with bias correction, divided by the
    mean of the first 1/(1-beta) values of a series like Seattle's temperatures.
    """
    t = np.arange(1, STEPS + 1)
    ones = np.ones(STEPS)
    bias = [
        pd.DataFrame({"beta": b, "t": t, "plain": ewa(ones, b), "corrected": ewa(ones, b, True), "formula": 1 - b**t})
        for b in BETAS
    ]
    starts = []
    for seed in fresh_seeds(budget.count_seeds(20, 100), SECOND_SEED):
        summer = temperature.random_series(seed)[180 : 180 + STEPS]  # as the lecture's days 180 and 181
        for beta in BETAS:
            near = summer[: round(1 / (1 - beta))].mean()
            starts.append((seed, beta, ewa(summer, beta)[0] / near, ewa(summer, beta, True)[0] / near))
    return {
        "bias": pd.concat(bias, ignore_index=True),
        "starts": pd.DataFrame(starts, columns=["seed", "beta", "plain", "corrected"]),
    }


def measure_start(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest errors on the constant series, and the distance of the first average of noisy ones."""
    bias, starts = tables["bias"], tables["starts"]
    wrong = exact((bias["plain"] - bias["formula"]).abs().max())
    left = exact((bias["corrected"] - 1).abs().max())
    off = {f"beta {beta:g}": distance_ratio(rows) for beta, rows in starts.groupby("beta")}
    usual = starts[starts["beta"] == USUAL]
    plain, corrected = (bootstrap_interval(usual[column], np.mean) for column in ("plain", "corrected"))
    shares = " and ".join(f"{mean:.2f} [{low:.2f}, {high:.2f}]" for mean, low, high in (plain, corrected))
    return Measured(
        cells={CONSTANT: {"plain": wrong, "corrected": left}, NOISY: off},
        effect=off[f"beta {USUAL:g}"],
        measure="mean distance of v_1 from the mean of the first 1/(1-beta) days, with the correction over without it, "
        f"at beta = {USUAL}",
        answer="The correction leaves "
        f"{percent_text(off[f'beta {USUAL:g}'])} of v₁'s distance from the mean of the first days (β = {USUAL}).",
        detail=f"On a constant series v_t differs without correction from (1 - beta^t) theta by {wrong[0]:.1g} at "
        f"most, with it from theta by {left[0]:.1g}. In {len(usual):,} noisy summers v_1 is, without and with "
        f"correction, {shares} of the mean of the first 10 days (beta = {USUAL}).",
    )


def distance_ratio(starts: pd.DataFrame) -> tuple[float, float, float]:
    """Return the mean distance of v_1 from the mean of the first days, with correction divided by without.

    Returns the ratio over all series, and the ends of its interval.
    """
    return bootstrap_interval(
        (starts[["corrected", "plain"]] - 1).abs(), lambda rows: rows[:, 0].mean() / rows[:, 1].mean()
    )


def measure_fading(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of the corrected average that the plain one misses at the end, and the t of a small share."""
    bias = _add_missing_share(tables["bias"])
    end = bias[bias["t"] == bias["t"].max()].set_index("beta")["share"]
    each = ", ".join(f"{share:.1%} at beta = {beta:g}" for beta, share in end.items())
    needed = ", ".join(f"{math.ceil(math.log(SMALL) / math.log(beta))} for {beta:g}" for beta in end.index if beta > 0)
    return Measured(
        cells={f"beta {beta:g}": exact(share) for beta, share in end.items()},
        effect=exact(end[USUAL]),
        measure=f"share that the correction adds at t = {STEPS}, beta = {USUAL}",
        answer=f"Without the correction {percent_text(exact(end[USUAL]))} of the average is missing after {STEPS} "
        f"days (β = {USUAL}).",
        detail=f"Bias at t = {STEPS}: {each}; by beta^t, it is under {SMALL:.0%} from t = {needed}.",
    )


def _add_missing_share(bias: pd.DataFrame) -> pd.DataFrame:
    """Return `bias` with the column `share`: the part of the corrected average that the plain one misses."""
    return bias.assign(share=(1 - bias["plain"] / bias["corrected"]).abs())


def draw_start(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the averages of a constant series, with and without correction."""
    plain, corrected = (tables["bias"].pivot(index="t", columns="beta", values=name) for name in ("plain", "corrected"))
    ax = drawing.draw_averages(
        None, plain.index.to_numpy(), np.ones(len(plain)), dict(plain.items()), ("t", "v_t"),
        title="The start: averages of a series that is always 1", corrected=dict(corrected.items()),
    )  # fmt: skip
    ax.set_ylim(0, 1.08)
    return drawing.figure_of(ax)


def draw_fading(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the share of the corrected average that the plain one misses against t, a line for each beta."""
    share = _add_missing_share(tables["bias"]).pivot(index="t", columns="beta", values="share")
    shares = {f"β = {beta:g}": each.to_numpy() for beta, each in share.items()}
    title, label = "How the bias fades", "share of v_t that is missing"
    ax = drawing.draw_factors(None, share.index.to_numpy(), shares, title, "t", label, log=True, level=SMALL)
    return drawing.figure_of(ax)


SHAPE_BETAS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
_FIRST_YEAR = 365  # the first year is for the averages to forget their start
_LAGS = np.arange(-40.0, 100.0, 0.25)
_REAL = -1
CALMER, LATER = "oscillation", "lag"


@cache
def shape_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `shape`: oscillation and lag of the averages of Seattle's series (seed -1) and of synthetic ones.

    oscillation: variance of v_t - v_{t-1} over that of theta_t - theta_{t-1}. lag: the shift in days of the smooth
    yearly course that correlates best with v, minus the shift for theta itself; without the smooth course, theta's own
    noise would always favor the newest value.
    """
    rows: list[tuple] = []
    for seed in (_REAL, *fresh_seeds(budget.count_seeds(15, 60))):
        values = temperature.read_seattle()["temp_max"].to_numpy() if seed == _REAL else temperature.random_series(seed)
        series = np.stack([values, *(ewa(values, beta, bias_correction=True) for beta in SHAPE_BETAS)])[:, _FIRST_YEAR:]
        changes, places = np.diff(series).var(1), find_lags(series)
        rows += zip(
            [seed] * len(SHAPE_BETAS), SHAPE_BETAS, changes[1:] / changes[0], places[1:] - places[0], strict=True
        )
    return {"shape": pd.DataFrame(rows, columns=["seed", "beta", "oscillation", "lag"])}


@cache
def _shifted_courses(days: int) -> np.ndarray:
    """Return the smooth course of the year, moved by each of the lags and standardized, (lags, days)."""
    course = temperature.yearly_course(np.arange(_FIRST_YEAR, _FIRST_YEAR + days) - _LAGS[:, None])
    course -= course.mean(1, keepdims=True)
    return course / np.linalg.norm(course, axis=1, keepdims=True)


def find_lags(series: np.ndarray) -> np.ndarray:
    """Return (series,) lags: the days by which the year's smooth course fits best; series: (series, days)."""
    return _LAGS[(_shifted_courses(series.shape[1]) @ series.T).argmax(0)]


def measure_shape(tables: dict[str, pd.DataFrame]) -> Measured:
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
    lag = median_interval(lags[large] - lags[small])
    return Measured(
        cells={CALMER: _shares(calmer), LATER: _shares(later)},
        effect=lag,
        measure=f"days by which beta = {large:g} lags behind beta = {small:g}",
        answer=f"At β = {large:g} the average lags {estimate_text(lag)} days behind that at {small:g}.",
        detail=f"{shares[0].upper()}{shares[1:]}. In Seattle's series variance of the increments and lag are {parts}.",
    )


def _shares(each: pd.Series) -> dict[str, tuple[float, float, float]]:
    """Return the share of the series for which ``each`` is True, with its interval.

    each: bool by seed. Keys: "Seattle", for its series alone (0 or 1), and "series like it", for the others.
    """
    others = each.drop(_REAL)
    return {"Seattle": exact(each[_REAL]), "series like it": share_interval(int(others.sum()), len(others))}


def draw_shape(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw oscillation and lag against beta: medians of the synthetic series in a band of 95%, and Seattle's."""
    shape = tables["shape"].assign(x=1 - tables["shape"]["beta"])
    figure, grid = drawing.new_figure(
        (2.0, 2.4), columns=2, margins=(0.7, 1.75, 0.42, 0.5), gap=(0.7, 0),
        title="An average with a small β follows the noise, one with a large β lags",
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
        drawing.set_log_axes(ax, plain=True)
        ax.set_xticks(x, [f"{beta:g}" for beta in real["beta"]], fontsize=7)
        ax.minorticks_off()
        ax.invert_xaxis()
    drawing.set_legend(figure, grid[0, 1])
    return figure


_EACH: dict[str, Any] = {
    "each": "Seattle's own series (0 or 1), and series like it",
    "on": "the series",
    "limit": 0.75,
    "percent": True,
}


CLAIMS = (
    Claim(
        id="B1",
        sentence="The exponentially weighted average vₜ = β vₜ₋₁ + (1 − β) θₜ needs very little memory.",
        formulas=("v_t = β v_{t-1} + (1 - β) θ_t", "v_0 = 0"),
        experiment=memory_experiment,
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
        measure=measure_memory,
        figure=draw_memory,
        caption="Memory of a streaming average of 100 numbers and of the window that it stands for, pickled.",
    ),
    Claim(
        id="B2.1",
        sentence="vₜ averages about 1/(1 − β) days: 10 for β = 0.9, 2 for β = 0.5.",
        formulas=(r"n ≈ \frac{1}{1 - β}",),
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
        caption="Highest temperature of each day in Seattle (NOAA), averaged from 2012 on with bias correction.",
    ),
    Claim(
        id="B2.2",
        sentence="β is a hyperparameter, usually 0.9.",
        formulas=("v_t = β v_{t-1} + (1 - β) θ_t",),
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
    Claim(
        id="B3",
        sentence="v₁₀₀ = 0.1 θ₁₀₀ + 0.1 · 0.9 θ₉₉ + 0.1 · 0.9² θ₉₈ + …: the weights fall exponentially.",
        formulas=("v_{100} = 0.1 θ_{100} + 0.1 · 0.9 θ_{99} + 0.1 · 0.9^2 θ_{98} + …",),
        experiment=weights_experiment,
        criterion=Identity(
            what=f"the largest relative difference of the {LAST} weights from (1-beta) beta^age, at beta = "
            + ", ".join(f"{beta:g}" for beta in BETAS),
            limit=1e-12,
            because="a weight is a product of at most 100 factors, each rounded in the 16th digit",
        ),
        measure=measure_weights,
        figure=draw_weights,
        caption="Measured by averaging a series that is 1 on one day and 0 on all others.",
    ),
    Claim(
        id="B4",
        sentence="With β = 1 − ε, the n with (1 − ε)ⁿ = 1/e is about 1/ε.",
        formulas=(r"(1 - ε)^{1/ε} ≈ \frac{1}{e}", "ε = 1 - β"),
        experiment=horizon_experiment,
        criterion=Parts(
            {
                NEAR: Within(what="n eps", least=0.9, most=1.1, chance=False),
                LIMIT: Within(what="n eps", least=0.99, most=1.01, chance=False),
                ORDER: Above(what="the exponent p of |n eps - 1| ~ eps^p", limit=0.5, chance=False),
            }
        ),
        measure=measure_horizon,
        figure=draw_horizon,
        caption="n: the age at which a day weighs 1/e of the newest one.",
    ),
    Claim(
        id="B5.1",
        sentence="Bias correction, vₜ / (1 − βᵗ), mends the start: at t = 1 the plain average is (1 − β) θ₁.",
        formulas=(r"\frac{v_t}{1 - β^t}",),
        experiment=bias_experiment,
        criterion=Parts(
            {
                CONSTANT: Identity(
                    what=f"the largest difference, over t = 1 to {STEPS}, of v_t from 1 - beta^t or 1",
                    each="the plain average of a series that is always 1, and the corrected one",
                    on="the average",
                    limit=1e-12,
                    because=f"{STEPS} steps round in the 16th digit",
                ),
                NOISY: Below(
                    what="the mean distance of v_1 from the mean of the first 1/(1-beta) days, with the correction "
                    "over without it, in summers like Seattle's",
                    each="every beta of " + ", ".join(f"{beta:g}" for beta in BETAS),
                    on="beta",
                    limit=0.5,
                ),
            }
        ),
        measure=measure_start,
        figure=draw_start,
        caption="The plain average starts at 1 - beta and rises; the corrected one is right at once.",
    ),
    Claim(
        id="B5.2",
        sentence="The correction fades as βᵗ goes to 0, so in practice it is often left out.",
        formulas=(r"\frac{v_t}{1 - β^t}",),
        experiment=bias_experiment,
        criterion=AtMost(
            what=f"the share of v_t that the correction adds at t = {STEPS}",
            each="each beta of " + ", ".join(f"{beta:g}" for beta in BETAS),
            on="beta",
            limit=SMALL,
            percent=True,
        ),
        measure=measure_fading,
        figure=draw_fading,
        caption="The share of the corrected average that the plain one misses.",
    ),
    Claim(
        id="B6",
        sentence="A smaller β makes the curve oscillate more; a larger β shifts it to the right.",
        experiment=shape_experiment,
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
        measure=measure_shape,
        figure=draw_shape,
        caption="Variance of v_t - v_(t-1) relative to the series' own, and lag behind it by cross-correlation "
        "with the course of the year; dotted: the mean age of the weights.",
    ),
)
