"""Choose blocks and lengths of a sweep so that it fits a time, by the estimate of its work."""

from collections.abc import Callable, Mapping

from optbench.contract.errors import OptbenchError
from optbench.contract.names import join_with_and
from optbench.contract.types import Stage
from optbench.plan.estimate import estimate_duration
from optbench.plan.planned_cohorts import Cohorts, Plan, SeedSeries
from optbench.plan.spec import Spec
from optbench.plan.spec_files import make_spec
from optbench.plan.stages import plan_largest_stages

FEWEST, MOST = 4, 32
"""Blocks between which a time decides: fewer tell little, and of more, twice as many narrow an interval by a fifth."""
SHARES = (1.0, 0.5, 0.25, 0.125)
"""The parts of its lengths that a sweep may keep."""
_TRUST = 0.7
"""The part of the time that the estimate may take: page and tables come besides, and it may be wrong by as much."""


def list_all_series(plan: Plan, later: Mapping[Stage, Cohorts]) -> list[SeedSeries]:
    """Return the series of the plan and those of the later stages, at their largest possible size."""
    return [*plan.series, *(each for cohorts in later.values() for each in cohorts.series)]


def estimate_plan(plan: Plan, workers: int) -> float:
    """Return the seconds that all stages of a plan take, the later ones at their largest."""
    return estimate_duration(list_all_series(plan, plan_largest_stages(plan)), workers)


def fit_spec(spec: Spec, seconds: float, workers: int, make_plan: Callable[[Spec], Plan]) -> tuple[Spec, str]:
    """Return the spec that fits a time, and a sentence on what was chosen for that and what was given up.

    Of a sweep in blocks the number of these between FEWEST and MOST is what fits; only where not even the fewest do,
    runs become shorter. Raises OptbenchError where an eighth of the lengths takes too long.
    """
    if make_plan(spec).device == "cuda":
        raise OptbenchError("fit: there is no estimate of the time on a GPU: leave it out, and take time_limit")

    def measure(blocks: int, share: float) -> tuple[Spec, float]:
        """Return the spec with so many blocks and this share of its lengths, and the seconds that it takes."""
        made = _change(spec, blocks, share)
        return made, estimate_plan(make_plan(made), workers)

    fewest = FEWEST if spec.blocks else 0
    for share in SHARES:
        made, least = measure(fewest, share)
        if least <= _TRUST * seconds:
            break
    else:
        blocks = f"{fewest} blocks and " * bool(fewest)
        raise OptbenchError(
            f"fit: even with {blocks}an eighth of its lengths this sweep takes about {max(least / _TRUST, 1):,.0f} s: "
            "give it more time, or fewer problems, optimizers, batch sizes or rates"
        )
    low, high = fewest, MOST if spec.blocks and share == 1 else fewest
    while low < high:  # the time grows with the blocks
        middle = (low + high + 1) // 2
        tried, took = measure(middle, share)
        if took <= _TRUST * seconds:
            low, made, least = middle, tried, took
        else:
            high = middle - 1
    return made, _describe(spec, made, share, least)


def _change(spec: Spec, blocks: int, share: float) -> Spec:
    """Return the spec with so many blocks, 0 for one without, and runs of this share of their lengths."""
    raw = spec.to_dict()
    if blocks:
        raw["blocks"] = blocks
    entries = [each for each in raw["problems"] if isinstance(each, dict)]
    for entry in (raw, *entries):
        for key, least in (("epochs", 0.0), ("steps", 1)):
            if key in entry:
                entry[key] = max(type(entry[key])(entry[key] * share), least)
    return make_spec(raw)


def _describe(old: Spec, new: Spec, share: float, seconds: float) -> str:
    """Return what was chosen, and given up; seconds: the estimate."""
    words: list[str] = []
    if old.blocks:
        words.append(f"{new.blocks} blocks" + f" in place of {old.blocks}" * (new.blocks != old.blocks))
    words.append("runs of full length" if share == 1 else f"runs of 1/{1 / share:.0f} of their length")
    return f"to fit: {join_with_and(words)}, about {seconds:,.0f} s by the size of the work"
