"""A sweep dealt to several machines: each runs whole groups of cohorts, which need nothing of each other."""

import re
from dataclasses import replace

from optbench.contract.errors import OptbenchError
from optbench.sweeps.plan import Plan, PlannedCohort


def part(plan: Plan, shard: str) -> Plan:
    """The part of the plan that ``shard`` names, such as "2/8": the second of eight.

    A problem, an optimizer and a block (a seed, where there are no blocks) stay together: what runs in a block is
    chosen from what ran in it. Groups are dealt by their cost, the dearest first, to the part that has least.

    Raises OptbenchError for a text that names no part, or one with nothing in it.
    """
    number, count = _numbers(shard)
    groups: dict[tuple, list[PlannedCohort]] = {}
    for each in plan.cohorts:
        own = each.place.block if plan.spec.blocks else each.cohort.seed
        groups.setdefault((each.cohort.problem.name, each.cohort.optimizer.name, own), []).append(each)
    loads = [0.0] * count
    kept: set[str] = set()
    costs = {key: sum(each.cost for each in group) for key, group in groups.items()}
    for key in sorted(groups, key=lambda key: -costs[key]):
        least = loads.index(min(loads))
        loads[least] += costs[key]
        if least == number - 1:
            kept.update(each.cohort_id for each in groups[key])
    if not kept:
        raise OptbenchError(f"--shard {shard}: nothing is left for it, for the sweep has {len(groups)} parts at most")
    return replace(plan, cohorts=tuple(each for each in plan.cohorts if each.cohort_id in kept), shard=shard)


def _numbers(shard: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard.strip())
    number, count = (int(text) for text in match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise OptbenchError(f"--shard {shard!r} must be the number of a part and how many there are, such as 2/8")
    return number, count
