"""Colors of optimizers: they belong to names, they can be seen on any paper, and no two in a figure look alike."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from optbench.catalogue import loader
from optbench.claims import drawing
from optbench.figures import style
from optbench.figures.style import NAMES, PALETTE, style_optimizers

WHITE, DARK = "#ffffff", "#1b1e23"
LIFT = 0.35
"""The share of white that pages mix into a color on dark paper: templates/forest.css; the explorer mixes more."""


def contrast(color, paper):
    """WCAG 2.2: the ratio of relative luminances."""
    both = np.array([color, to_rgb(paper)])
    linear = np.where(both <= 0.04045, both / 12.92, ((both + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


def test_every_color_can_be_seen_on_white_and_on_dark_paper():
    assert contrast(to_rgb("#000000"), WHITE) == pytest.approx(21)
    for color in map(to_rgb, PALETTE):
        assert contrast(color, WHITE) >= 3
        assert contrast((1 - LIFT) * np.array(color) + LIFT, DARK) >= 3


def test_every_shipped_optimizer_has_a_look_of_its_own():
    shipped = loader.load_all()
    assert {*shipped.optimizers, *shipped.baselines} == {*NAMES} and len(NAMES) == len(set(NAMES))
    looks = [tuple(style_optimizers([name])[name].values()) for name in NAMES]
    assert len(set(looks)) == len(looks)


def test_a_color_belongs_to_a_name_whatever_else_is_in_the_figure():
    alone = {name: style_optimizers([name])[name] for name in ("gd", "momentum", "nesterov", "rmsprop", "adam", "lion")}
    for names in itertools.permutations(alone, 3):
        assert style_optimizers(names) == {name: alone[name] for name in names}
    assert style_optimizers(["adam(beta1=0.5)"])["adam(beta1=0.5)"] == alone["adam"]
    assert style_optimizers(["Ours"], called={"Ours": "adam"})["Ours"] == alone["adam"]
    assert drawing.find_styles(["GD", "Adam"]) == {"GD": alone["gd"], "Adam": alone["adam"]}
    assert drawing.find_styles(["16", "64"]) == {"16": style.line_style(0), "64": style.line_style(1)}


def test_who_keeps_a_color_that_two_would_have():
    both = style_optimizers(["adam(beta1=0.5)", "adam", "adam(beta1=0.9)"])
    assert both["adam"] == style_optimizers(["adam"])["adam"]
    for part in ("color", "marker", "dashes"):
        assert len({each[part] for each in both.values()}) == 3
    theirs = next(
        name for name in map("rule_{}".format, range(100)) if style_optimizers([name])[name]["color"] == PALETTE[4]
    )
    assert style_optimizers([theirs, "adam"])["adam"] == both["adam"]


@pytest.mark.parametrize("seed", range(5))
def test_ten_in_a_figure_differ_in_color_and_in_shape_and_more_in_one_of_them(seed):
    pool = [*NAMES, *(f"torch:Mine{place}" for place in range(30))]
    names = list(np.random.default_rng(seed).choice(pool, 30, replace=False))
    few = style_optimizers(map(str, names[:10])).values()
    assert len({each["color"] for each in few}) == len({each["marker"] for each in few}) == 10
    assert len({tuple(each.values()) for each in style_optimizers(map(str, names)).values()}) == 30
