"""The texts of verdicts: why one is open, intervals and enumerations as words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from optbench.analysis.statistics import Interval

NO_SEEDS = "no reporting seeds"
ONE_BLOCK = "a single block of seeds: more are needed"
ONE_SEED = "a single seed: 2 are needed"
NO_SETTING = "no setting without a stopped or failed run"
ALL_CUT = "every run was cut by a deadline, or could not run"
ALL_FAILED = "every run failed on both sides"
NEITHER_REACHES = "neither reaches the target"
ALL_DIVERGED = "every reporting run failed on both sides"
ONE_DIVERGED = "every reporting run of one side failed"
UNEQUAL_TRIALS = "unequal trials, and the best of more is better"
BEST_OF_MORE = "the best of more is better, so one with more than another neither wins against it nor ties with it"
SECONDS_VARY = "seconds get no verdict: the machine may have been slower for one side"
NO_TWO_PROBLEMS = "fewer than two problems compare them"
"""Reasons why a pair is open."""

SOLVED = "both solve it: below 1e-8 of the gap at the start"
NEAR_LOWEST = "both end within 1% of the lowest loss found"
BOTH_SMALL = "more than 100 times, both below 1e-5 of the gap at the start"
"""What is known of a pair of losses that are both small."""


def describe_few_problems(least: int) -> str:
    """Return the reason why no verdict over all problems is possible: at least so many are needed."""
    return f"{least} problems are needed"


def describe_lost_blocks(blocks: int, of: int) -> str:
    """Return the reason why only some blocks are compared: `blocks` of all, whose number is `of`."""
    return f"{blocks} of {of} blocks: elsewhere what was chosen did not run on shared reporting seeds"


def describe_left_blocks(blocks: int, of: int) -> str:
    """Return the reason why only some blocks are compared by a measure that the sweep did not choose by."""
    return f"only {blocks} of {of} blocks are left: in the others no reported run was chosen by that measure"


def describe_few_rows(count: int, least: int) -> str:
    """Return the reason why a measure on test data gives no verdict: it has `count` rows, and `least` are needed."""
    return f"{'a single test row' if count == 0 else f'only {count} test rows'}: a verdict needs {least}"


def describe_depth(depth: float) -> str:
    """Return the reason why suboptimalities mean nothing: losses lie below the minimum by up to `depth`."""
    return f"losses lie up to {depth:.3g} below the stated minimum"


def turn_known(text: str) -> str:
    """Return what is known of a pair, in words about a beside b, in words about b beside a."""
    if text.startswith("the other "):
        return text.removeprefix("the other ")
    if text.startswith("fails in"):
        return f"the other {text}"
    turned = {"ahead": "behind", "behind": "ahead", "better": "worse", "worse": "better"}
    return re.sub(r"\b(ahead|behind|better|worse)\b", lambda match: turned[match[0]], text)


def interval_text(interval: Interval) -> str:
    """Return an effect and its interval, (effect, low, high), as a text to two digits: "12 [8.1, 15]"."""
    return "{} [{}, {}]".format(*(two_digits(value) for value in interval))


def two_digits(value: float) -> str:
    """Return a number as a text with two digits: 1,234 as "1,200"; 0.0123 as "0.012"; inf as "infinite"."""
    if not np.isfinite(value) or value == 0:
        return "infinite" if value else "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.2g}"


def join_with_and(words: Sequence[str]) -> str:
    """Return the words as an enumeration: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
