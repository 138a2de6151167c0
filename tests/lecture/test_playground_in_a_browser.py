"""The widgets of the lecture's page in a real browser: their numbers are optbench's, and every control works."""

import re
import struct
import tomllib
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from browser import opened, scrolls_sideways
from matplotlib.colors import to_hex
from scipy.stats import kstest

import optbench
from optbench import lecture
from optbench.claims import run_claims
from optbench.claims.claim import Budget
from optbench.figures.style import line_style
from optbench.lecture import c4_quiz, playground, temperature
from optbench.wording.languages import read_language
from tests.lecture.test_playground import HYPER, plane

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CLOSE = {"rtol": 1e-12, "atol": 1e-12}
PANELS = ("batches", "average", "paths", "decay", "quiz", "adam")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lecture")
    run_claims.run(lecture.select(["D2"]), folder, Budget(quick=True), lecture.PAPER)
    return folder / "index.html"


@pytest.fixture(scope="module")
def math(chromium, page):
    """math(script, argument) -> what JavaScript returns; P stands for the page's functions."""
    with opened(chromium, page) as view:
        yield lambda script, argument=None: view.evaluate(
            f"(a) => {{ const P = playground; return {script} }}", argument
        )


SAYS = "document.querySelector('.panel:not([hidden]) .says').innerText"


def test_colors_and_marks_are_those_of_the_default_sweeps_page():
    optimizers = tomllib.loads((files("optbench.plan") / "default.toml").read_text(encoding="utf-8"))["optimizers"]
    expected = {name: to_hex(line_style(place)["color"]) for place, name in enumerate(optimizers) if name in HYPER}
    assert playground.numbers()["colors"] == expected
    marks = {name: line_style(place)["marker"] for place, name in enumerate(optimizers) if name in HYPER}
    shapes = {"●": "o", "■": "s", "◆": "D", "▼": "v"}
    assert {name: shapes[mark] for name, mark in playground.numbers()["marks"].items()} == marks


def says(view):
    return view.locator(".panel:visible .says").inner_text()


def slide(view, name, value):
    """Move a slider as a reader does, with all its events."""
    view.locator(f".playground [name={name}]").evaluate(
        "(e, value) => { e.value = value; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def points(view, chart):
    """Return the number of points of each line of a chart."""
    return view.locator(f"#{chart} polyline").evaluate_all("all => all.map(e => e.points.numberOfItems)")


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_averages_and_weights_are_those_of_ewa(math, beta, corrected):
    series = temperature.read_seattle()["temp_max"].to_numpy()
    drawn = math("P.ewa(JSON.parse(document.getElementById('playground-data').textContent).temperatures, ...a)",
                 [beta, corrected])  # fmt: skip
    np.testing.assert_allclose(drawn, optbench.ewa(series, beta, bias_correction=corrected), **CLOSE)
    weights = [optbench.ewa(day, beta, bias_correction=corrected)[-1] for day in np.eye(30)]
    np.testing.assert_allclose(math("P.weights(30, ...a)", [beta, corrected]), weights, **CLOSE)


@pytest.mark.parametrize("optimizer", HYPER)
@pytest.mark.parametrize("surface", [("bowl", 32, 0), ("bowl", 100, 30), ("saddle", 10, 45), ("plateau", 5, 20)])
def test_paths_are_those_of_minimize(math, optimizer, surface):
    settings = {"rate": 0.13, "beta1": 0.8, "beta2": 0.95}
    found = math("(plane => ({start: plane.start, ...P.path(plane, a[1], a[2], 60)}))(P.surface(...a[0]))",
                 [surface, optimizer, settings])  # fmt: skip
    value, gradient = plane(*surface)
    walked = []
    hyperparameters = {name: settings[name] for name in HYPER[optimizer]}
    result = optbench.minimize(
        value, found["start"], optimizer, jac=gradient, lr=settings["rate"], steps=60, points="every",
        callback=lambda w: walked.append(w.copy()), **hyperparameters,
    )  # fmt: skip
    np.testing.assert_allclose(found["w"][1:], walked, **CLOSE)
    np.testing.assert_allclose(found["loss"], result.curve["train_loss"], **CLOSE)


def test_noise_is_normal_repeats_and_is_the_same_for_all(math):
    draws = math("(r => Array.from({length: 5000}, () => r.normal()))(P.random(7))")
    assert kstest(draws, "norm").pvalue > 0.01 and abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.03
    first, again, other, gd = (
        np.array(math("P.path(P.surface('bowl', 10, 0), a[0], {rate: 0.1, beta1: 0}, 20, 0.3, a[1]).w", [name, seed]))
        for name, seed in (("momentum", 1), ("momentum", 1), ("momentum", 2), ("gd", 1))
    )
    assert (first == again).all() and not np.isclose(first[1:], other[1:]).any()
    np.testing.assert_allclose(first, gd, **CLOSE)


@pytest.mark.parametrize("size", [1, 64, 4096])
def test_minibatches_are_those_of_numpy(math, size):
    """The noise of the mean of some of N examples, gradient descent under it, and the model of the seconds."""
    steps, settings = 4000, {"rate": 0.5, "sigma": 0.8, "overhead": 0.2, "each": 3}
    found = math("P.minibatches(a[0], 4096, a[1], a[2])", [size, steps, settings])
    examples = np.random.default_rng(0).normal(0, 0.8, 4096)
    means = [np.random.default_rng(seed).permutation(examples)[:size].mean() for seed in range(4000)]
    assert found["noise"] == pytest.approx(np.std(means), rel=0.05, abs=1e-12)
    assert found["ms"] == pytest.approx(0.2 + size * 3e-3)
    draws = np.reshape(math("(r => Array.from({length: 2 * a}, () => r.normal()))(P.random(1))", steps), (steps, 2))
    w, curvature, loss = np.array([-3.0, 1.5]), np.array([0.1, 1.0]), []
    for noise in [*draws, [0, 0]]:
        loss.append(w @ (curvature * w) / 2)
        w = w - 0.5 * (curvature * w + found["noise"] * np.array(noise))
    np.testing.assert_allclose(found["loss"], loss, rtol=1e-9, atol=1e-15)
    assert found["remains"] == pytest.approx(np.mean(loss[500:]), rel=0.1, abs=1e-12)
    assert found["rose"] == pytest.approx(np.mean(np.diff(loss) > 0), abs=1 / steps)
    below = np.flatnonzero(np.array(loss) < loss[0] / 100)
    assert found["reached"] == (below[0] if below.size else -1)


def test_decayed_rates_are_those_of_a_run(math):
    schedules = [("inverse", 0.0), ("inverse", 2.0), ("exponential", 0.0), ("sqrt_epoch", 0.0), ("sqrt_step", 0.0)]
    texts = [f"{name}(decay_rate={rate})" if name == "inverse" else name for name, rate in schedules]
    settings = [{"lr": 0.4, "schedule": text} for text in texts]
    curves = optbench.cohort("quadratic(dim=2)", "gd", settings, epochs=4, batch_size=64, points="every").curves
    for (name, rate), (_, curve) in zip(schedules, curves.groupby("run_id"), strict=True):
        steps = curve[curve["step"] > 0]
        given = [steps["step"].tolist(), name, 0.4, rate, len(steps) // 4]
        drawn = math("(([steps, ...rest]) => steps.map(P.decayed(...rest)))(a)", given)
        np.testing.assert_allclose(drawn, steps["lr"], **CLOSE)


def test_the_cloud_of_a_constant_rate_is_as_wide_as_the_theory_says(math):
    rate, noise, condition = 0.6, 0.5, 4
    spread = math("P.spread(P.cloud(P.surface('bowl', a[2], 30), a[0], 200, a[1], 3000).map(w => w[200]), [0, 0])",
                  [rate, noise, condition])  # fmt: skip
    curvature = np.array([1.0, 1 / condition])
    assert spread == pytest.approx(np.sqrt((rate * noise**2 / (curvature * (2 - rate * curvature))).sum()), rel=0.03)


def test_the_quiz_has_the_claims_three_kinds_at_one_rate_with_one_noise(math):
    orders = set()
    for n in range(1, 9):
        question = math("(q => ({...q, hessian: [[1, 0], [0, 1]].map(q.plane.gradient)}))(P.quiz(a))", n)
        betas = [curve["beta1"] for curve in question["curves"]]
        assert sorted(betas) == list(c4_quiz.KINDS.values())
        orders.add(tuple(betas))
        noises = []
        for curve in question["curves"]:
            w, beta = np.array(curve["w"]), curve["beta1"]
            average = np.vstack([[0, 0], -np.diff(w, axis=0) / question["rate"]])
            gradient = (average[1:] - beta * average[:-1]) / (1 - beta)  # solved from V = beta V + (1 - beta) g
            noises.append(gradient - w[:-1] @ np.array(question["hessian"]))
        np.testing.assert_allclose(noises[1:], [noises[0]] * 2, atol=1e-10)
        assert np.std(noises[0]) == pytest.approx(0.02, rel=0.4)
    assert len(orders) > 3, "the labels cannot be learned by heart"


def test_adam_in_numbers_is_the_steppers(math):
    gradients, settings = [0.5, 0.4, -30.0, 0.0, 1e-3], {"rate": 0.1, "beta1": 0.8, "beta2": 0.99}
    rows = math("P.adam(a[0], 1.5, a[1])", [gradients, settings])
    w = np.array([1.5])
    stepper = optbench.stepper("adam", w, lr=0.1, beta1=0.8, beta2=0.99)
    for t, (row, g) in enumerate(zip(rows, gradients, strict=True), start=1):
        before = float(w[0])
        stepper.step(np.array([g]))
        m, v = (optbench.ewa(values, beta)[t - 1] for values, beta in ((gradients, 0.8), (np.square(gradients), 0.99)))
        expected = [w[0], w[0] - before, m, v, m / (1 - 0.8**t), v / (1 - 0.99**t)]
        np.testing.assert_allclose([row[key] for key in ("w", "step", "m", "v", "mHat", "vHat")], expected, **CLOSE)


def test_the_player_steps_plays_and_starts_again(chromium, page):
    with opened(chromium, page, "#?panel=paths&step=10") as view:
        buttons = ("reset", "back", "step", "play", "draw")
        press = {name: view.locator(f"#panel-paths [data-do={name}]") for name in buttons}
        assert points(view, "chart-paths") == [11] * 4 and says(view).startswith("Step 10, ")
        press["step"].click()
        assert points(view, "chart-paths") == [12] * 4
        press["back"].click(), press["back"].click()
        assert points(view, "chart-paths") == [10] * 4
        press["play"].click()
        view.wait_for_function("document.querySelector('#chart-paths polyline').points.numberOfItems > 12")
        press["play"].click()
        assert press["play"].inner_text() == "▶ Play" and not says(view).startswith("Step 10,")
        press["reset"].click()
        assert points(view, "chart-paths") == [1] * 4 and says(view).startswith("Step 0, ")
        view.locator("[name=step]").focus()
        view.keyboard.press("ArrowRight")
        assert says(view).startswith("Step 1, ")
        view.locator("[name=gd]").uncheck()
        assert len(points(view, "chart-paths")) == 3 and "GD" not in says(view)
        slide(view, "noise", 0)
        assert press["draw"].is_hidden()
        slide(view, "noise", 0.4)
        before = says(view)
        press["draw"].click()
        assert says(view) != before
        slide(view, "noise", 0)
        slide(view, "rate_momentum", 0.7)
        slide(view, "beta1", 0)
        slide(view, "step", 60)
        assert "momentum diverged" in says(view)


def test_the_quiz_hides_its_labels_until_reveal(chromium, page):
    with opened(chromium, page, "#?panel=quiz") as view:
        answers = view.locator("#panel-quiz .answer")
        assert answers.all_inner_texts() == [""] * 3
        ink = view.locator("#panel-quiz polyline").evaluate_all("all => all.map(e => getComputedStyle(e).stroke)")
        assert len(set(ink)) == 1, "a color would tell"
        dots = view.locator("#panel-quiz .dots")
        assert dots.count() == 0, "the length of the first step would tell"
        view.locator("[name=hint]").check()
        assert dots.count() == 3
        view.locator("[name=hint]").uncheck()
        true = [curve["beta1"] for curve in view.evaluate("playground.quiz(1).curves")]
        for letter, beta in zip("ABC", true, strict=True):
            view.locator(f"[name=guess_{letter}]").select_option(f"{beta:g}")
        view.locator("[data-do=reveal]").click()
        names = {0: "GD", 0.5: "momentum, β = 0.5", 0.9: "momentum, β = 0.9"}
        assert answers.all_inner_texts() == [f"✓ {names[beta]}" for beta in true] and "3 of 3 right" in says(view)
        assert dots.count() == 3
        view.locator("[data-do=next]").click()
        assert answers.all_inner_texts() == [""] * 3 and says(view) == "Question 2."


def test_the_table_of_adam_follows_its_inputs(chromium, page):
    with opened(chromium, page, "#?panel=adam") as view:
        assert view.locator("#panel-adam tbody tr").count() == 5
        text = "0.9 × 0.085 + 0.1 × 0.5 = 0.1265"
        assert view.locator("[data-sum=m]").inner_text() == text
        step = view.locator("#panel-adam tbody tr td:nth-child(7)").all_inner_texts()
        view.locator("[data-do=scale]").click()
        assert view.locator("#panel-adam tbody tr td:nth-child(7)").all_inner_texts() == step, "Adam knows no scale"
        view.locator("[name=gradients]").fill("1, 2")
        assert view.locator("#panel-adam tbody tr").count() == 2
        view.locator("[name=gradients]").fill("1, x")
        assert "as numbers" in says(view)
        view.locator("[name=gradients]").fill("1")
        view.locator("[name=adam_beta1]").fill("1.5")
        assert "out of its range" in says(view)


def test_the_address_keeps_what_was_chosen(chromium, page):
    with opened(chromium, page, "#?panel=paths&surface=saddle&rate_adam=0.2&angle=45&gd=false") as view:
        assert not view.locator("[name=gd]").is_checked() and view.locator("[name=surface]").input_value() == "saddle"
        shown = says(view)
        assert "Adam" in shown and "GD" not in shown
        slide(view, "angle", 10)
        view.wait_for_function("location.hash.includes('angle=10')")
        shown = says(view)
        view.reload()
        assert says(view) == shown
    with opened(chromium, page) as view:
        view.locator(f"#tab-{PANELS[0]}").focus()
        for panel in (*PANELS[1:], PANELS[0]):
            view.keyboard.press("ArrowRight")
            assert view.locator(".panel:visible").get_attribute("data-panel") == panel


def test_an_address_with_nonsense_shows_the_page_as_it_is(chromium, page):
    nonsense = "&".join(
        f"{name}=x%3Cb%3E" for name in ("surface", "angle", "days", "other", "schedule", "gradients", "t")
    )
    for panel in (*PANELS, "none"):
        with opened(chromium, page, f"#?{nonsense}&panel={panel}") as view:
            assert says(view) and view.locator(".playground b", has_text="x<b>").count() == 0


def test_every_example_shows_what_it_says(chromium, page):
    with opened(chromium, page, "#?theme=dark") as view:
        for panel in PANELS:
            view.locator(f"#tab-{panel}").click()
            for example in view.locator(".panel:visible .try a").all():
                before = says(view)
                example.click()
                view.wait_for_function(f"before => {SAYS} !== before", arg=before)
                assert "theme=dark" in view.evaluate("location.hash"), "what is no widget's stays"
                wanted = dict(pair.split("=") for pair in example.get_attribute("href")[2:].split("&"))
                for name, value in wanted.items():
                    control = view.locator(f".playground [name={name}]")
                    if value in ("true", "false"):
                        assert control.is_checked() == (value == "true")
                    elif name == "panel":
                        assert view.locator(".panel:visible").get_attribute("data-panel") == value == panel
                    elif control.get_attribute("data-log") is None:
                        assert control.input_value() == value


def test_a_copied_link_restores_the_state_and_pictures_show_it(chromium, page):
    given = "#?panel=paths&surface=saddle&step=40&rate_adam=0.2&theme=dark"
    with opened(chromium, page, given) as view:
        view.evaluate("optbench.exports.copy = async text => { window.copied = text; return true; }")
        view.locator("[data-do=link]").click()
        shown, link = says(view), view.evaluate("copied")
        saved = {}
        for form in ("svg", "png"):
            with view.expect_download() as download:
                view.locator(f"[data-do={form}]").click()
            assert download.value.suggested_filename == f"paths.{form}"
            saved[form] = download.value.path().read_bytes()
        assert struct.unpack(">I", saved["png"][16:20]) == (3840,)
        picture = saved["svg"].decode()
        assert not re.search(r"var\(|color\(|color-mix", picture), "other programs know neither"
        assert picture.count("<polygon") > 500 and shown[:30] in picture and "surface=saddle" in picture
    with opened(chromium, page, "#" + link.partition("#")[2]) as view:
        assert says(view) == shown and "beta1=0.9" in link, "a link has what stands at its first value, too"


def test_full_screen_fills_a_projector(chromium, page):
    with opened(chromium, page, "#?panel=paths&surface=saddle", width=1920, height=1080) as view:
        large = view.locator("[data-do=large]")
        large.click()
        view.wait_for_function("document.fullscreenElement && document.querySelector('#chart-paths').clientWidth > 600")
        assert large.inner_text() == "Leave full screen"
        for panel in PANELS:
            view.locator(f"#tab-{panel}").click()
            texts = view.locator(".panel:visible").locator("svg text, label, .says, button, a")
            sizes = texts.evaluate_all("all => all.map(e => parseFloat(getComputedStyle(e).fontSize))")
            assert min(sizes) >= 16, panel
            bottoms = view.locator(".panel:visible svg").evaluate_all(
                "all => all.map(e => e.getBoundingClientRect().bottom)"
            )
            assert max(bottoms, default=0) <= 1080, panel
            height = view.evaluate("document.fullscreenElement.scrollHeight")
            assert height <= 1080 or panel in ("paths", "adam"), f"{panel}: the formulas below the plots are cut off"


def test_a_phone_has_one_plot_below_the_other(chromium, page):
    with opened(chromium, page, "#?panel=paths&surface=plateau", width=390, height=844) as view:
        boxes = [view.locator(f"#chart-{name}").bounding_box() for name in ("paths", "relief", "loss")]
        assert all(box["width"] > 300 for box in boxes)
        assert all(above["y"] + above["height"] <= below["y"] + 1 for above, below in pairwise(boxes))


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel_fits_a_phone_and_names_its_controls(chromium, page, panel, scheme):
    with opened(
        chromium, page, f"#?panel={panel}", width=320 if scheme == "dark" else 390, color_scheme=scheme
    ) as view:
        assert not scrolls_sideways(view)
        assert view.locator(".panel:visible").count() == 1 and says(view)
        named = "all => all.every(e => e.type === 'hidden' || (e.labels.length && e.labels[0].innerText.trim()))"
        assert view.locator(".panel:visible").locator("input, select").evaluate_all(named)
        inside = "all => all.every(e => e.getBoundingClientRect().right <= innerWidth + 1)"
        assert view.locator(".panel:visible *:not(.scroll *):not(svg *)").evaluate_all(inside)


def test_every_panel_speaks_the_language_of_the_page(chromium, tmp_path):
    paper = replace(lecture.PAPER, language=read_language("ko", lecture.PAPER.languages))
    run_claims.run(lecture.select(["D2"]), tmp_path, Budget(quick=True), paper)
    for panel in PANELS:
        with opened(chromium, tmp_path / "index.html", f"#?panel={panel}", width=390) as view:
            assert not scrolls_sideways(view) and re.search("[가-힣]", says(view)), panel
            left = set(re.findall("[A-Za-z]{3,}", view.locator(".panel:visible").inner_text()))
            assert left <= {"Adam", "RMSProp", "epoch", "sweep"}, panel
            assert view.evaluate("document.documentElement.lang") == "ko"


def test_without_javascript_the_page_is_the_claims_alone(chromium, page):
    with opened(chromium, page, java_script_enabled=False) as view:
        assert view.locator(".playground").is_hidden() and view.locator("article figure").is_visible()
