"""A sweep dealt to several machines: each runs whole groups of cohorts, which need nothing of each other."""

import re
from dataclasses import replace

from optbench.contract.errors import OptbenchError
from optbench.sweeps.plan import Plan
from optbench.sweeps.planned import Cohorts, Series, cohort_cost


def part(plan: Plan, shard: str) -> Plan:
    """The part of the plan that ``shard`` names, such as "2/8": the second of eight.

    A problem, an optimizer and a block (a seed, where there are no blocks) stay together: what runs in a block is
    chosen from what ran in it. Groups are dealt by their cost, the dearest first, to the part that has least.

    Raises OptbenchError for a text that names no part, or one with nothing in it.
    """
    number, count = _numbers(shard)
    costs: dict[tuple, float] = {}
    for series in plan.series:
        for key in _groups(series):
            costs[key] = costs.get(key, 0.0) + cohort_cost(series.cohort)
    loads, kept = [0.0] * count, set()
    for key in sorted(costs, key=lambda key: -costs[key]):
        least = loads.index(min(loads))
        loads[least] += costs[key]
        if least == number - 1:
            kept.add(key)
    if not kept:
        raise OptbenchError(f"--shard {shard}: nothing is left for it, for the sweep has {len(costs)} parts at most")
    parts = []
    for series in plan.series:
        seeds = [seed for seed, key in zip(series.seeds, _groups(series), strict=True) if key in kept]
        if seeds:
            parts.append(replace(series, cohort=series.cohort.with_seed(seeds[0]), seeds=seeds))
    return replace(plan, cohorts=Cohorts(parts), shard=shard)


def _groups(series: Series) -> list[tuple]:
    """The group of the cohort of each seed."""
    cohort = series.cohort
    return [(cohort.problem.name, cohort.optimizer.name, series.blocks.get(seed, seed)) for seed in series.seeds]


def _numbers(shard: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard.strip())
    number, count = (int(text) for text in match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise OptbenchError(f"--shard {shard!r} must be the number of a part and how many there are, such as 2/8")
    return number, count
