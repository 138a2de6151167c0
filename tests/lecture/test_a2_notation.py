"""A2: the identity on a run, and on another mini-batch."""

from lecture_claims import CLAIMS, QUICK

from optbench.claims.claim import FAILS, HOLDS
from optbench.lecture import a2_notation


def test_a2_holds_on_a_run_and_flips_on_another_mini_batch():
    tables = a2_notation.experiment(QUICK)
    assert CLAIMS["A2"].judge(tables).verdict == HOLDS
    units = tables["activations"].groupby("layer").size().tolist()
    assert units == [64, 16, 12, 8, 10]
    wrong = tables["losses"].assign(traced=tables["losses"]["traced"].to_numpy()[::-1])
    assert CLAIMS["A2"].judge(tables | {"losses": wrong}).verdict == FAILS
