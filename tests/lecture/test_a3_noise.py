"""A3.2 and A3.3: planted noise and falls turn the verdicts; runs seen after every step."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS

from optbench.claims.record import FAILS, HOLDS, UNDECIDED
from optbench.lecture.runs import every_step

SEEDS = range(9)


def test_a_run_can_be_seen_after_every_step_and_at_the_weights_before_it():
    table = every_step("quadratic(dim=3)", "gd", [0.1, 1e9], seeds=[0, 1], steps=30)
    calm = table[table["lr0"] == 0.1]
    assert calm.groupby("seed")["step"].apply(list).tolist() == [list(range(31))] * 2
    assert set(calm["status"]) == {"ok"} and set(table.loc[table["lr0"] > 1, "status"]) == {"diverged"}
    one = calm[calm["seed"] == 1]
    np.testing.assert_allclose(one["batch_loss"].iloc[1:], one["train_loss"].iloc[:-1], rtol=1e-12)


def test_a_run_of_hundreds_of_points_ends():
    assert len(every_step("quadratic(dim=2)", "gd", [0.1], seeds=[0], steps=400)) == 401


def costs(slope=-0.5, noise=0.5, left=0.2, seeds=SEEDS):
    """Costs that fall to `left` over 100 steps, and deviate by noise * B^slope."""
    step, parts = np.arange(1, 101), []
    for size in (8, 64, 512):
        for seed in seeds:
            rng = np.random.default_rng([size, seed])
            full = left ** (step / 100)
            deviation = noise * (size**slope) * rng.choice([-1.0, 1.0], 100)
            parts.append(pd.DataFrame({"batch_size": str(size), "seed": seed, "step": step, "full_cost": full,
                                       "cost": full + deviation}))  # fmt: skip
    return {"cost": pd.concat(parts)}


@pytest.mark.parametrize(
    ("given", "expected"), [({}, HOLDS), ({"noise": 0.0}, FAILS), ({"left": 3.0}, FAILS), ({"left": 1.0}, UNDECIDED)]
)
def test_a3_noise_flips(given, expected):
    assert CLAIMS["A3.2"].judged(costs(**given)).verdict == expected


@pytest.mark.parametrize(("slope", "expected"), [(-0.5, HOLDS), (-0.3, FAILS), (-1.0, FAILS), (0.0, FAILS)])
def test_a3_law_flips(slope, expected):
    found = CLAIMS["A3.3"].judged(costs(slope))
    assert found.verdict == expected and found.effect == pytest.approx(slope)
