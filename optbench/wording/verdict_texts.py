"""What is known of a pair beside its verdict, in words."""

from __future__ import annotations

import pandas as pd

from optbench.analysis.known import Known

BEST_OF_MORE = "the best of more is better, so one with more than another neither wins against it nor ties with it"
TOO_NOISY = "too noisy to place"
SECONDS_VARY = "seconds get no verdict: the machine may have been slower for one side"
_PLAIN = {
    "noisy": TOO_NOISY,
    "few_blocks": "too few blocks to tell",
    "solved": "both solve it: below 1e-8 of the gap at the start",
    "near_lowest": "both end within 1% of the lowest loss found",
    "both_small": "more than 100 times, both below 1e-5 of the gap at the start",
    "no_seeds": "no reporting seeds",
    "one_block": "a single block of seeds: more are needed",
    "one_seed": "a single seed: 2 are needed",
    "no_setting": "no setting without a stopped or failed run",
    "no_two_problems": "fewer than two problems compare them",
    "all_cut": "every run was cut by a deadline, or could not run",
    "all_failed": "every run failed on both sides",
    "all_diverged": "every reporting run failed on both sides",
    "one_diverged": "every reporting run of one side failed",
    "neither_reaches": "neither reaches the target",
    "unequal_trials": "unequal trials, and the best of more is better",
    "seconds_vary": SECONDS_VARY,
    "few_problems": "{:.0f} problems are needed",
    "lost_blocks": "{} of {} blocks: elsewhere what was chosen did not run on shared reporting seeds",
    "left_blocks": "only {} of {} blocks are left: in the others no reported run was chosen by that measure",
    "depth": "losses lie up to {:.3g} below the stated minimum",
}
"""By kind its text, with the numbers; other kinds have more than one text."""


def say(known: Known | None) -> str:
    """Return what is known of a beside b, or why nothing is, in words about a; "" for None."""
    if not isinstance(known, Known):  # pandas may have made NaN of None
        return ""
    numbers, is_a = known.numbers, known.side == "a"
    if known.kind == "within":
        (ratio,) = numbers
        return f"within {f'{ratio - 1:.0%}' if ratio < 2 else f'a factor of {ratio:.0f}'} of each other"
    if known.kind == "leads":
        return f"{'ahead' if is_a else 'behind'}, perhaps by less than {numbers[0] - 1:.0%}"
    if known.kind == "bounded":
        return f"at most {numbers[0]:.2g} times {'better' if is_a else 'worse'}"
    if known.kind == "fails":
        share, low, high = (100 * each for each in numbers)
        return f"{'' if is_a else 'the other '}fails in {share:.0f}% [{low:.0f}–{high:.0f}] of runs"
    if known.kind == "few_rows":
        there, needed = numbers
        return f"{'a single test row' if there == 0 else f'only {there} test rows'}: a verdict needs {needed}"
    return _PLAIN[known.kind].format(*numbers)


def with_texts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return verdicts, or rows of a comparison, with ``known`` and ``reason`` in words, as users get the table."""
    return verdicts.assign(**{name: verdicts[name].map(say) for name in ("known", "reason")})
