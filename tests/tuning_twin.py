"""The choices of a sweep in blocks, naively from its tables: plain Python, a run at a time.

A setting is a tuple of the values of KEYS, and a run a dictionary.
"""

import math
from collections import defaultdict

TARGETS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
FIXED = ("problem", "optimizer", "batch_size", "schedule", "lr")


class Twin:
    """The runs of a sweep, as dictionaries with their setting, and the minimum of each problem."""

    def __init__(self, results, hyperparameters=()):
        self.keys = (*FIXED, *hyperparameters)
        self.minimum = dict(results.problems[["problem", "minimum"]].itertuples(index=False, name=None))
        self.runs = results.runs.to_dict("records")
        for run in self.runs:
            values = (run[key] for key in self.keys)
            run["setting"] = tuple(None if isinstance(each, float) and math.isnan(each) else each for each in values)
        self.budget = defaultdict(float)
        for run in self.runs:
            key = run["problem"], run["batch_size"]
            self.budget[key] = max(self.budget[key], run["samples"])

    def of_stages(self, *stages):
        return [run for run in self.runs if run["stage"] in stages]

    def settings(self, *stages):
        """The settings of these stages by problem and block."""
        found = defaultdict(set)
        for run in self.of_stages(*stages):
            found[run["problem"], run["block"]].add(run["setting"])
        return found

    def y(self, run, measure, target):
        """What a run is chosen by: the logarithm of a loss or of samples, lower is better."""
        first, size = run["loss_initial"] - self.minimum[run["problem"]], max(1, abs(self.minimum[run["problem"]]))
        failed = run["status"] == "diverged" or not math.isfinite(run["loss_final"])
        loss = math.log(max(1e6 * first, size)) if failed else run["log_tail"]
        if measure == "loss" or target is None:
            return loss
        samples = run[f"samples_to_{target:g}"]
        if math.isfinite(samples) and not failed:
            return math.log(max(samples, 1))
        given = self.budget[run["problem"], run["batch_size"]]
        return math.log(2 * given) + max(loss - math.log(target * first), 0)

    def target(self, *blocks):
        """The hardest share that an optimizer reaches in each block: three settings on all their seeds, if so many ran.
        Not harder than the one that the problem states.

        blocks: the runs of a problem in each of them; those of an optimizer that ran on the most seeds count.
        """
        for share in sorted(TARGETS):
            for name in {run["optimizer"] for runs in blocks for run in runs}:
                parts = [group([run for run in runs if run["optimizer"] == name]) for runs in blocks]
                if all(self._is_reached(share, by_setting) for by_setting in parts):
                    stated = blocks[0][0].get("target", math.nan)
                    return share if math.isnan(stated) else max(share, stated)
        return None

    def _is_reached(self, share, by_setting):
        most = max(map(len, by_setting.values()), default=0)
        full = [each for each in by_setting.values() if len(each) == most]
        reach = [
            all(run["status"] != "diverged" and math.isfinite(run[f"samples_to_{share:g}"]) for run in each)
            for each in full
        ]
        return bool(full) and sum(reach) >= min(3, len(full))

    def shared_target(self, problem):
        """The target that all blocks of a problem share."""
        blocks = self.by_block("screen", "widen", "race")
        return self.target(*(runs for place, runs in blocks.items() if place[0] == problem))

    def rank(self, runs, measure, target):
        """The settings of these runs by their mean y, the best first, of those that ran on the most seeds.

        Of equal ones that with fewer failures comes first, then that with the smaller rate.
        """
        by_setting = group(runs)
        most = max(map(len, by_setting.values()))
        scores = {}
        for setting, each in by_setting.items():
            if len(each) == most:
                mean = sum(self.y(run, measure, target) for run in each) / most
                failures = sum(run["status"] == "diverged" for run in each)
                scores[setting] = round(mean, 12), failures, each[0]["lr"]
        return sorted(scores, key=scores.get)

    def choices(self, count, measures, judge_by, levels, stages):
        """The best settings of each problem and block, so many of each optimizer and of each level, in a set.

        levels: columns whose levels choose by the measure that is judged; stages: those whose runs choose, for the
        target of the block before the race, and for the shared one after it.
        """
        found = defaultdict(set)
        sides = [(measure, "optimizer") for measure in measures] + [(judge_by, name) for name in levels]
        for place, runs in self.by_block(*stages).items():
            target = self.shared_target(place[0]) if "race" in stages else self.target(runs)
            screened = {(name, run[name]) for run in runs if run["stage"] == "screen" for name in levels}
            for measure, name in sides:
                for level in {run[name] for run in runs}:
                    if name == "optimizer" or (name, level) in screened:
                        part = [run for run in runs if run[name] == level]
                        found[place].update(self.rank(part, measure, target)[:count])
        return found

    def by_block(self, *stages):
        found = defaultdict(list)
        for run in self.of_stages(*stages):
            found[run["problem"], run["block"]].append(run)
        return found


def group(runs):
    """The runs of each setting."""
    found = defaultdict(list)
    for run in runs:
        found[run["setting"]].append(run)
    return found
