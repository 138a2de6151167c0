"""The playground's first values, examples and words, without a browser: what they promise, our own runs keep."""

from functools import cache
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import numpy as np
import pytest

import optbench
from optbench import lecture
from optbench.claims import claim_pages

HYPER = {"gd": (), "momentum": ("beta1",), "rmsprop": ("beta2",), "adam": ("beta1", "beta2")}
STARTS = {"bowl": [-3, 1.5], "saddle": [-0.02, 2.5], "plateau": [-3, 1]}


class Page(HTMLParser):
    """The page's sliders and examples, and what stands directly in its lists of tabs."""

    VOID = ("input", "meta", "link", "img", "br", "hr")

    def __init__(self):
        super().__init__()
        self.sliders, self.examples, self.in_tabs, self.open, self.link = {}, {}, [], [], None
        self.feed(claim_pages.render([], lecture.PAPER, dict.fromkeys(("command", "optbench", "date"), ""), {}, {}))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if self.open and self.open[-1].get("role") == "tablist":
            self.in_tabs.append(given.get("role"))
        if given.get("type") == "range":
            value = float(given["value"])
            base = float(given.get("data-log", 0))
            self.sliders[given["name"]] = float(f"{base**value:.2g}") if base else value
        self.link = given["href"] if tag == "a" and given.get("href", "").startswith("#?panel=") else None
        if tag not in self.VOID:
            self.open.append(given)

    def handle_data(self, data):
        if self.link:
            self.examples[data] = dict(parse_qsl(self.link[2:]))
            self.link = None

    def handle_endtag(self, tag):
        self.open.pop()


shown = cache(Page)


def plane(kind, condition, angle):
    """Return (value, gradient) of a surface: s^2 / 2 + h(t), s and t being the axes turned by an angle in degrees."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    h, slope = {
        "bowl": (lambda t: t**2 / 2, lambda t: t),
        "saddle": (lambda t: (t**2 - 4) ** 2 / 16, lambda t: t * (t**2 - 4) / 4),
        "plateau": (
            lambda t: 2.25 - 2.25 * np.exp(-((t - 2) ** 2) / 4.5),
            lambda t: (t - 2) * np.exp(-((t - 2) ** 2) / 4.5),
        ),
    }[kind]

    def value(w):
        t, s = axes @ w
        return h(t) / condition + s**2 / 2

    def gradient(w):
        t, s = axes @ w
        return axes.T @ np.array([slope(t) / condition, s])

    return value, gradient


def walk(kind, optimizer, steps):
    """Return the losses of a run without noise, by step, with the settings that the playground begins with."""
    value, gradient = plane(kind, shown().sliders["condition"], 0)
    result = optbench.minimize(
        value, STARTS[kind], optimizer, jac=gradient, lr=shown().sliders[f"rate_{optimizer}"], steps=steps,
        points="every", **{name: shown().sliders[name] for name in HYPER[optimizer]},
    )  # fmt: skip
    return result.curve["train_loss"].to_numpy()


def test_a_list_of_tabs_holds_tabs_alone():
    """A screen reader counts what a tablist holds; WAI-ARIA allows nothing else there."""
    assert shown().in_tabs == ["tab"] * 6


def test_the_plateau_of_the_example_is_crossed():
    example = shown().examples["cross a plateau"]
    assert (example["surface"], float(example["noise"])) == ("plateau", 0), "noise is larger than the slope there"
    left = {name: walk("plateau", name, int(example["step"])) for name in HYPER}
    assert all(losses[-1] < losses[0] / 100 for losses in (left["rmsprop"], left["adam"]))
    flat = plane("plateau", shown().sliders["condition"], 0)[0](np.array([-3.0, 0.0]))
    assert [left[name][-1] for name in ("gd", "momentum")] == pytest.approx([flat] * 2, rel=0.02), "these stay"


def test_without_noise_rmsprop_falls_to_the_minimum_and_swings_out_again():
    losses = walk("bowl", "rmsprop", 150)
    lowest = losses.argmin()
    assert losses[lowest] < 1e-12 and lowest < 100 and losses[lowest:].max() > 1e-3
