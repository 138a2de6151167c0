"""Rules that are neither momentum nor Adam, with one planted difference: it is named, whatever the formula."""

import pytest

import optbench

HEAD = "import math\nfrom optbench import optimizer\n"
RULE = """

@optimizer(source="a test", beta1=0.9, beta2=0.99, eps=1e-4)
def {name}(w, g, m, s, lr, beta1, beta2, eps{more}):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * (g - m) * (g - m)
    ahead = beta1 * m + (1 - beta1) * g
    return w - {factor}lr * ahead{by_mean} / ({root}), m, s
"""
MEAN, ROOT = " / (1 - beta1_t)", "math.sqrt(s / (1 - beta2_t)) + eps"


def write_rule(name, more=", beta1_t, beta2_t", factor="", by_mean=MEAN, root=ROOT):
    return RULE.format(name=name, more=more, factor=factor, by_mean=by_mean, root=root)


PLANTED = {
    "twice": (write_rule("twice", factor="2 * "), "rate", "the steps of twice are 2 times as long"),
    "inside": (
        write_rule("inside", root="math.sqrt(s / (1 - beta2_t) + eps)"), "eps",
        "outside the root in mine, inside the root in inside",
    ),
    "half": (
        write_rule("half", ", beta2_t", by_mean=""), "bias correction",
        "half steps as mine without bias correction of m (beta1_t = 0)",
    ),
    "without": (
        write_rule("without", "", by_mean="", root="math.sqrt(s) + eps"), "bias correction",
        "without steps as mine without bias correction of m and v (beta1_t and beta2_t = 0)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("turned", [False, True])
def test_a_planted_convention_is_named_for_a_rule_of_any_form(name, turned, tmp_path):
    text, finding, words = PLANTED[name]
    (tmp_path / "rules.py").write_text(HEAD + write_rule("mine") + text)
    pair = (name, "mine") if turned else ("mine", name)
    found = optbench.agreement(*pair, plugin=tmp_path / "rules.py")
    assert [each.name for each in found.findings] == [finding] and "agree to 1" in found.remedy
    assert turned or words in found.findings[0].text


def test_where_two_things_differ_none_is_blamed(tmp_path):
    both = write_rule("both", ", beta2_t", factor="2 * ", by_mean="")
    (tmp_path / "rules.py").write_text(HEAD + write_rule("mine") + both)
    assert "agree" not in optbench.agreement("mine", "both", plugin=tmp_path / "rules.py").remedy
