"""Claims by id, their quick tables to bend, and numbers around a value."""

import numpy as np

from optbench import lecture
from optbench.claims.claim import HOLDS, Budget
from optbench.figures import style

QUICK = Budget(quick=True, workers=1)
CLAIMS = {claim.id: claim for claim in lecture.claims()}
SEEDS = 12


def tables(name):
    """Copies of the tables of a quick experiment, for a test to bend."""
    return {key: table.copy() for key, table in CLAIMS[name].experiment(QUICK).items()}


def bend(name, table, **columns):
    """Return the quick tables with some columns of one changed by functions of it."""
    changed = tables(name)
    changed[table] = changed[table].assign(**columns)
    return changed


def judged(name, **tables):
    """Return the claim's verdict, with its numbers, on these tables."""
    return CLAIMS[name].judge(tables)


def verdict(name, tables):
    """Return the word of the verdict alone."""
    return CLAIMS[name].judge(tables).verdict


def check(claim, tables, expected):
    """Check that the verdict on the tables is as expected, and that those for which the claim holds can be drawn."""
    outcome = claim.judge(tables)
    assert outcome.verdict == expected
    assert expected != HOLDS or drawn(claim, tables, outcome).axes
    return outcome


def drawn(claim, tables, outcome):
    """Return the figure of a claim, drawn as `optbench lecture` does."""
    with style.detached(), style.styled():
        figure = claim.figure(tables, outcome)
        figure.draw_without_rendering()
    return figure


def spread(value, seed=0):
    """Return (SEEDS,) numbers within a tenth of `value`."""
    return value * np.random.default_rng(seed).uniform(0.9, 1.1, SEEDS)
