"""Numbers, settings and schedules as short texts."""

import re

import numpy as np
import pytest

from optbench.wording import labels
from optbench.wording.labels import shorten_schedules

WARMUP = "warmup(cosine(final=0.0), fraction={}, steps=0.0, start=0.0)"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0012345, "0.00123"), (0.000012345, "1.23e-5"), (1234567.0, "1.23e6"), (np.inf, "inf"), (np.nan, "–"), (0, "0")],
)
def test_numbers_have_three_digits(value, text):
    assert labels.number(value) == text


def test_only_some_failed_runs_are_told():
    texts = [labels.describe_failures({"failures": failed, "n": 8}) for failed in (0, 1, 8)]
    assert texts == ["", "fails in 1 of 8 runs", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.99968041, "0.99968"), (0.9999, "0.9999"), (0.97018, "0.97"), (0.90001, "0.9"), (1.0, "1"), (12.345, "12.3")],
)
def test_a_hyperparameter_just_below_1_is_not_rounded_to_1(value, text):
    assert labels.value_text(value) == text


def test_file_names_are_safe_and_all_different():
    problems = ["a(b=1.0)", "A b=1.0", "a b 1.0", "../../etc/passwd", "", "函数", "x" * 200]
    names = labels.file_names(problems)
    assert names["a(b=1.0)"] == "a-b-1.0" and len(set(names.values())) == len(problems)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,70}", name) for name in names.values())


def test_parameters_tell_problems_of_one_name_apart():
    bard, meyer = "mgh(function='bard')", "mgh(function='meyer')"
    short = {bard: bard, meyer: meyer, "quadratic(dim=3)": "quadratic"}
    assert labels.short_names(short) == short


def test_schedules_are_told_apart_in_few_words():
    one, two = WARMUP.format(0.1), WARMUP.format(0.2)
    assert shorten_schedules(["inverse(decay_rate=1.0)", one, "odd [text] that nobody can parse"]) == {
        "inverse(decay_rate=1.0)": "inverse(decay_rate=1.0)",
        one: "warmup(cosine)",
        "odd [text] that nobody can parse": "odd [text] that nobody can parse",
    }
    assert list(shorten_schedules([one, two]).values()) == [
        "warmup(cosine, fraction=0.1)",
        "warmup(cosine, fraction=0.2)",
    ]
    other = one.replace("final=0.0", "final=0.5")
    assert shorten_schedules([one, other])[other] == "warmup(cosine(final=0.5))"
    tables = [f"table(factors={tuple(range(9, 0, -1))}, at={tuple(range(end, end + 9))})" for end in (10, 20)]
    assert len(set(shorten_schedules(tables).values())) == 2


def test_varied_hyperparameters_stand_inside_a_wrapper():
    row = {"optimizer": "clip(adam)", "norm": 2.0, "beta1": 0.9}
    assert labels.optimizer_label(row, {"clip(adam)": ["norm", "beta1"]}) == "clip(adam, norm=2, beta1=0.9)"
    assert labels.optimizer_label(row, {"clip(adam)": []}) == "clip(adam)"


def test_schedules_in_sentences_have_parameters_only_where_they_differ():
    texts = ["constant", "inverse(decay_rate=1.0)", "inverse(decay_rate=0.1)", "exponential(base=0.95)"]
    assert list(labels.name_schedules(texts).values()) == [*texts[:3], "exponential"]


def test_math_is_written_in_plain_letters():
    assert labels.write_math("$\\beta_1$-Adam leads") == "β_1-Adam leads"
    assert labels.write_math("$\\mathcal{M}$, $\\lambda^{2}$ and $\\Delta_t$") == "M, λ^2 and Δ_t"
    assert labels.write_math("$5 and $6") == "$5 and $6"
