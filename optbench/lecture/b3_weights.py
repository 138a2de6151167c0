"""B3: the weights of an exponentially weighted average."""

from functools import cache

import numpy as np
import pandas as pd

from optbench import ewa
from optbench.claims import drawing
from optbench.claims.criterion import Identity
from optbench.claims.record import Budget, Claim, Measured, Verdict, exact

BETAS = (0.5, 0.9, 0.98)
_T = 100


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Measure the weight of each day in v_100, by a series that is 1 on that day and 0 on all others."""
    days = np.eye(_T)[::-1]  # row `age` has its 1 that many days before the last
    rows = [
        (beta, age, weight, (1 - beta) * beta**age)
        for beta in BETAS
        for age, weight in enumerate(ewa(days, beta)[:, -1])
    ]
    return {"weights": pd.DataFrame(rows, columns=["beta", "age", "weight", "formula"])}


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest relative difference between a weight and the formula."""
    weights = tables["weights"]
    error = exact(np.nan_to_num((weights["weight"] / weights["formula"] - 1).abs(), nan=np.inf).max())
    first = weights[weights["beta"] == 0.9].sort_values("age")["weight"].head(3)
    return Measured(
        cells={"all": error},
        effect=error,
        measure=f"relative difference of a weight of v_{_T} from (1-beta) beta^age",
        unit="of the weight",
        detail="At beta = 0.9 the newest days weigh " + ", ".join(f"{weight:.4g}" for weight in first) + ".",
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Draw the weights against their age."""
    weights = tables["weights"]
    young = weights[weights["age"] <= 60].sort_values("age")
    each = {beta: young.loc[young["beta"] == beta, "weight"].to_numpy() for beta in BETAS}
    return drawing.draw_weights(None, each, f"What a day weighs in v_{_T}", "days").figure


CLAIMS = (
    Claim(
        id="B3",
        sentence="v_100 = 0.1 theta_100 + 0.1*0.9 theta_99 + 0.1*0.9^2 theta_98 + ...: the weights fall exponentially.",
        experiment=experiment,
        criterion=Identity(
            what=f"the largest relative difference of the {_T} weights from (1-beta) beta^age, at beta = "
            + ", ".join(f"{beta:g}" for beta in BETAS),
            limit=1e-12,
            because="a weight is a product of at most 100 factors, each rounded in the 16th digit",
        ),
        measure=measure,
        figure=draw,
        caption="Measured by averaging a series that is 1 on one day and 0 on all others.",
    ),
)
