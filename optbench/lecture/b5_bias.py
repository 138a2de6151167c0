"""B5: what bias correction mends, and how fast its effect fades."""

import math
from functools import cache

import numpy as np
import pandas as pd

from optbench import ewa
from optbench.analysis.statistics import bootstrap_interval
from optbench.claims import drawing
from optbench.claims.criterion import AtMost, Below, Identity, Parts
from optbench.claims.record import SECOND_SEED, Budget, Claim, Measured, Verdict, exact, fresh_seeds
from optbench.lecture import temperature

BETAS = (0.5, 0.9, 0.98)
USUAL = 0.9
STEPS = 50
SMALL = 0.01
CONSTANT, NOISY = "a constant series", "noisy summers"


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
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
    for seed in fresh_seeds(20 if budget.quick else 100, SECOND_SEED):
        summer = temperature.synthetic(seed)[180 : 180 + STEPS]  # as the lecture's days 180 and 181
        for beta in BETAS:
            near = summer[: round(1 / (1 - beta))].mean()
            starts.append((seed, beta, ewa(summer, beta)[0] / near, ewa(summer, beta, True)[0] / near))
    return {
        "bias": pd.concat(bias, ignore_index=True),
        "starts": pd.DataFrame(starts, columns=["seed", "beta", "plain", "corrected"]),
    }


def measure_start(tables: dict[str, pd.DataFrame]) -> Measured:
    """Return the largest errors on the constant series, and the distance of the first average of noisy ones."""
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
        unit="times the distance without it",
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
    """Measure the bias that is left at the end, and the step from which it is small."""
    bias = _with_share(tables["bias"])
    end = bias[bias["t"] == bias["t"].max()].set_index("beta")["share"]
    each = ", ".join(f"{share:.1%} at beta = {beta:g}" for beta, share in end.items())
    needed = ", ".join(f"{math.ceil(math.log(SMALL) / math.log(beta))} for {beta:g}" for beta in end.index if beta > 0)
    return Measured(
        cells={f"beta {beta:g}": exact(share) for beta, share in end.items()},
        effect=exact(end[USUAL]),
        measure=f"share that the correction adds at t = {STEPS}, beta = {USUAL}",
        unit="of the average is missing",
        detail=f"Bias at t = {STEPS}: {each}; by beta^t, it is under {SMALL:.0%} from t = {needed}.",
    )


def _with_share(bias: pd.DataFrame) -> pd.DataFrame:
    return bias.assign(share=(1 - bias["plain"] / bias["corrected"]).abs())


def draw_start(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Draw the averages of a constant series, with and without correction."""
    plain, corrected = (tables["bias"].pivot(index="t", columns="beta", values=name) for name in ("plain", "corrected"))
    ax = drawing.draw_averages(
        None, plain.index.to_numpy(), np.ones(len(plain)), dict(plain.items()), name="v_t", along="t",
        title="The start: averages of a series that is always 1", corrected=dict(corrected.items()),
    )  # fmt: skip
    ax.set_ylim(0, 1.08)
    return ax.figure


def draw_fading(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Draw the bias against t."""
    share = _with_share(tables["bias"]).pivot(index="t", columns="beta", values="share")
    shares = {f"β = {beta:g}": each.to_numpy() for beta, each in share.items()}
    title, label = "How the bias fades", "share of v_t that is missing"
    return drawing.draw_factors(None, share.index.to_numpy(), shares, title, "t", label, log=True, level=SMALL).figure


CLAIMS = (
    Claim(
        id="B5.1",
        sentence="Bias correction, v_t / (1 - beta^t), mends the start: at t = 1 the plain average is (1-beta) "
        "theta_1.",
        experiment=experiment,
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
        sentence="The correction fades as beta^t goes to 0, so in practice it is often left out.",
        experiment=experiment,
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
)
