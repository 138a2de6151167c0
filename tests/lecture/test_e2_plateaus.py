"""E2: planted times turn the verdicts; the targets lie where they should."""

import numpy as np
import pandas as pd
import pytest
from harness import problem_of
from lecture_claims import CLAIMS, check

import optbench
from optbench.claims.record import DEPENDS, FAILS, HOLDS, UNDECIDED
from optbench.lecture import e_optima


def escapes(steps):
    """Return a table of escapes; steps: expected steps by (problem, optimizer), inf for none; others take 100."""
    parts, seeds = [], np.arange(8)
    for problem, kind, depth, label, _, _ in e_optima.SITUATIONS:
        for optimizer in e_optima.OPTIMIZERS:
            count = steps.get((problem, optimizer), 100.0)
            made = pd.DataFrame({"seed": seeds, "reached": np.isfinite(count), "steps": min(count, 5000.0) + seeds})
            parts.append(made.assign(problem=problem, kind=kind, depth=depth, label=label, optimizer=optimizer))
    return {"escapes": pd.concat(parts, ignore_index=True)}


SLOW, HELP = CLAIMS["E2.1"], CLAIMS["E2.2"]
NEAR, FAR = (f"plateau(distance={distance})" for distance in (min(e_optima.DISTANCES), max(e_optima.DISTANCES)))


@pytest.mark.parametrize(
    ("far", "verdict"), [(4000.0, HOLDS), (np.inf, HOLDS), (500.0, UNDECIDED), (110.0, FAILS), (20.0, FAILS)]
)
def test_a_plateau_slows(far, verdict):
    check(SLOW, escapes({(FAR, "gd"): far}), verdict)


@pytest.mark.parametrize(
    ("gd", "verdict"),
    [
        (dict.fromkeys(e_optima.COMPARED, 1000.0), HOLDS),
        (dict.fromkeys(e_optima.COMPARED, np.inf), HOLDS),
        (dict.fromkeys(e_optima.COMPARED, 100.0), UNDECIDED),
        (dict.fromkeys(e_optima.COMPARED, 10.0), FAILS),
        ({e_optima.COMPARED[0]: 1000.0, e_optima.COMPARED[1]: 10.0}, DEPENDS),
    ],
)
def test_momentum_and_adaptive_methods_help(gd, verdict):
    check(HELP, escapes({(problem, "gd"): steps for problem, steps in gd.items()}), verdict)


def test_one_method_that_does_not_help_makes_it_depend():
    gd = {(problem, "gd"): 1000.0 for problem in e_optima.COMPARED}
    found = check(HELP, escapes(gd | {(e_optima.COMPARED[0], "momentum"): np.inf}), DEPENDS)
    assert found.effect == 0 and "momentum (0)" in found.on and "momentum 8 of" in found.detail


@pytest.mark.parametrize("row", e_optima.SITUATIONS, ids=lambda row: row[0])
def test_the_targets_lie_between_level_and_minimum(row):
    """The level is the loss of the plateau or the saddle itself, the minimum the problem's."""
    problem, kind, _, _, level, minimum = row
    record = problem_of(problem)
    assert record.minimum == pytest.approx(minimum, rel=1e-12)
    where = np.full(record.dim, 30.0 if kind == "plateau" else 0.0)
    assert optbench.objective(record)(where)[0][0] == pytest.approx(level, abs=1e-12)
