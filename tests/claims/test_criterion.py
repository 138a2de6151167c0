"""Criteria: what each kind judges, that its sentence follows its thresholds, and how settings and parts add up."""

import math
from dataclasses import replace

import pytest

from optbench.claims.claim import DEPENDS, FAILS, HOLDS, IDENTITY, UNDECIDED, exact
from optbench.claims.criterion import Above, AtMost, Below, Identity, Parts, Within, where_text

RATIO = {"what": "the ratio", "limit": 1.0}
GOOD, BAD, OPEN = (0.5, 0.4, 0.6), (2.0, 1.5, 3.0), (1.0, 0.8, 1.2)


@pytest.mark.parametrize(
    ("criterion", "interval", "expected"),
    [
        (Below(**RATIO), GOOD, HOLDS),
        (Below(**RATIO), BAD, FAILS),
        (Below(**RATIO), OPEN, UNDECIDED),
        (Below(**RATIO), (0.5, 0.4, 1.0), UNDECIDED),  # up to the threshold is not below it
        (Below(**RATIO), exact(1.0), UNDECIDED),
        (Below(**RATIO), (math.inf,) * 3, FAILS),
        (Below(**RATIO, against=4.0), BAD, UNDECIDED),  # between the thresholds
        (Below(**RATIO, against=1.2), BAD, FAILS),
        (Above(**RATIO), BAD, HOLDS),
        (Above(**RATIO), GOOD, FAILS),
        (Above(**RATIO), OPEN, UNDECIDED),
        (Above(**RATIO, against=0.3), GOOD, UNDECIDED),
        (Within(what="p", least=-0.6, most=-0.4), (-0.5, -0.6, -0.4), HOLDS),
        (Within(what="p", least=-0.6, most=-0.4), (-0.5, -0.61, -0.4), UNDECIDED),
        (Within(what="p", least=-0.6, most=-0.4), (-0.9, -1.0, -0.7), FAILS),
        (Within(what="p", least=-0.6, most=-0.4), (0.0, -0.3, 0.1), FAILS),
        (AtMost(**RATIO), exact(1.0), HOLDS),
        (AtMost(**RATIO), exact(1.0 + 1e-15), FAILS),
        (AtMost(**RATIO), exact(math.nan), FAILS),
        (Identity(**RATIO, because="of rounding"), exact(0.0), HOLDS),
    ],
)
def test_one_number_holds_fails_or_decides_nothing(criterion, interval, expected):
    assert criterion.judge({"all": interval}) == (expected, "")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([GOOD, GOOD], HOLDS),
        ([BAD, BAD], FAILS),
        ([GOOD, BAD], DEPENDS),
        ([GOOD, BAD, OPEN], DEPENDS),
        ([GOOD, OPEN], UNDECIDED),
        ([BAD, OPEN], UNDECIDED),
        ([OPEN, OPEN], UNDECIDED),
    ],
)
def test_settings_depend_only_where_some_agree_and_some_disagree(cells, expected):
    names = dict(zip("abc", cells, strict=False))
    verdict, on = Below(**RATIO, each="each letter", on="the letter").judge(names)
    assert verdict == expected and bool(on) == (expected in (DEPENDS, UNDECIDED))
    if expected == DEPENDS:
        assert on.startswith("the letter: it holds at a (0.5 [0.4, 0.6]); not at b (2 [1.5, 3])")
        assert ("undecided at c" in on) == (len(cells) == 3)


def test_rows_name_every_setting_with_its_verdict_those_that_agree_first():
    one = Below(**RATIO, each="each letter", on="the letter")
    assert one.rows({"a": BAD, "b": OPEN, "c": GOOD}) == (
        (HOLDS, "c", "0.5 [0.4, 0.6]"), (FAILS, "a", "2 [1.5, 3]"), (UNDECIDED, "b", "1 [0.8, 1.2]")
    )  # fmt: skip
    cells = {"one": {"all": GOOD}, "two": {"a": BAD, "b": GOOD}}
    assert [row[:2] for row in parts(needed=False).rows(cells)] == [
        (HOLDS, "one"),
        (HOLDS, "two, b"),
        (FAILS, "two, a"),
    ]


def test_one_line_says_on_what_a_claim_depends():
    sizes = Below(**RATIO, each="each size", on="the batch size")
    where = sizes.where({"16": GOOD, "full": BAD, "64": GOOD})
    assert where == "depends on the batch size: holds at 16, 64; not at full"
    assert sizes.where({"16": GOOD, "64": OPEN}) == "undecided, by the batch size: holds at 16; undecided at 64"
    assert sizes.where({"16": OPEN, "64": OPEN}) == ""
    cells = {"one": {"all": GOOD}, "two": {"a": BAD, "b": GOOD}}
    assert parts(needed=False).where(cells) == "depends on the part: “one” holds; “two” depends"


def test_many_settings_are_counted_and_the_first_ones_named():
    names = [f"a saddle, {place} off the ridge" for place in range(12)]
    rows = [(word, name, "") for word, name in zip([HOLDS] * 5 + [FAILS] + [UNDECIDED] * 6, names, strict=True)]
    assert where_text(DEPENDS, "the start", rows) == (
        "depends on the start: holds at 5 of 12 (a saddle, 0 off the ridge / a saddle, 1 off the ridge …); "
        "not at a saddle, 5 off the ridge; undecided at 6 of 12"
    )
    long = [(word, f"{name}, {'x' * 99}", "") for word, name, _ in rows]
    assert where_text(DEPENDS, "the start", long) == (
        "depends on the start: holds at 5 of 12; not at 1 of 12; undecided at 6 of 12"
    )


def test_a_changed_threshold_changes_the_sentence_and_the_verdict():
    criterion = Below(what="the share", limit=0.1, percent=True)
    later = replace(criterion, limit=0.3)
    cells = {"all": (0.15, 0.11, 0.2)}
    assert criterion.sentence == (
        "Holds if the 95% interval of the share lies below 10%; does not hold if it lies above 10%; else undecided."
    )
    assert "below 30%" in later.sentence and "10%" not in later.sentence
    assert (criterion.judge(cells)[0], later.judge(cells)[0]) == (FAILS, HOLDS)


def test_an_identity_is_exact_and_tells_why():
    identity = Identity(what="the difference", limit=1e-12, because="two roundings")
    assert identity.kind == IDENTITY and identity.sentence.startswith("An identity. ")
    assert "interval" not in identity.sentence and "undecided" not in identity.sentence
    assert identity.sentence.endswith("The bound: two roundings.")


def parts(needed):
    return Parts({"one": Below(**RATIO), "two": Below(**RATIO, each="each", on="it")}, needed)


@pytest.mark.parametrize(
    ("one", "two", "some", "all_needed"),
    [
        (GOOD, [GOOD, GOOD], HOLDS, HOLDS),
        (BAD, [BAD, BAD], FAILS, FAILS),
        (GOOD, [BAD, BAD], DEPENDS, FAILS),
        (BAD, [GOOD, GOOD], DEPENDS, FAILS),
        (GOOD, [GOOD, BAD], DEPENDS, DEPENDS),
        (GOOD, [GOOD, OPEN], UNDECIDED, UNDECIDED),
        (OPEN, [BAD, BAD], UNDECIDED, FAILS),
    ],
)
def test_parts_are_judged_by_themselves(one, two, some, all_needed):
    cells = {"one": {"all": one}, "two": dict(zip("ab", two, strict=True))}
    assert parts(needed=False).judge(cells)[0] == some
    verdict, on = parts(needed=True).judge(cells)
    assert verdict == all_needed and bool(on) == (verdict in (DEPENDS, UNDECIDED))


def test_parts_that_nobody_measured_are_an_error():
    with pytest.raises(ValueError, match="parts"):
        parts(needed=False).judge({"one": {"all": GOOD}})
