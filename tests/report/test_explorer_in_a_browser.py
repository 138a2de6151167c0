"""The explorer in a real browser: every control does what it says, and counts what analysis counts."""

import math
import re
from typing import NamedTuple

import numpy as np
import pytest
from browser import opened, scrolls_sideways
from synthetic import make_tables, write_folder

from optbench import load
from optbench.analysis import best_of_n, performance_profiles, ranking, select_chosen_runs, time_to_target
from optbench.figures.data import COUNTS
from optbench.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SMALL = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1, 0.3), "points": 8, "epochs": 6}
SMALL |= {"schedules": ("constant", "sqrt_step(k=1.0)")}
OPTIMIZERS = ("gd", "momentum", "rmsprop", "adam", "adagrad")
CHART = "document.getElementById('explore-chart')"
HOSTILE = {
    "problems": ('<img src="x" onerror="alert(1)">', "손실 $\\alpha$ %{x} &lt;b&gt;", "p" * 200),
    "optimizers": ("<b>bold</b>", "아담 \"quoted\" 'single' $x$", "o" * 200, "a, b=%2C&hide"),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return write_report(write_folder(tmp_path_factory.mktemp("usual"), make_tables(**SMALL)))


def traces(view):
    """Return the traces of the chart as Plotly holds them, those of bands and other help left out."""
    return view.evaluate(
        f"{CHART}.data.map(t => ({{mode: t.mode, name: t.name, x: [...(t.x || [])], y: [...(t.y || [])], color:"
        " (t.line || {}).color, fill: t.fill, text: t.hovertext}))"
    )


def colored(view):
    """Return the names of the lines in color."""
    return [trace["name"] for trace in traces(view) if trace["name"] and trace["mode"] == "lines"]


def settings(view):
    """Return the number of settings drawn in gray: each of their lines ends with a gap."""
    return sum(text == "" for text in traces(view)[0]["text"] or [])


def axis(view, name):
    return view.evaluate(f"{CHART}.layout.{name}axis")


def press(view, name):
    view.get_by_role("button", name=name, exact=True).click()


def place_of(view, x, y):
    """Return the position of a point of the chart on the screen, in pixels."""
    view.locator("#explore-chart").scroll_into_view_if_needed()
    return view.evaluate(
        f"(([x, y]) => {{const {{xaxis, yaxis}} = {CHART}._fullLayout, box = {CHART}.getBoundingClientRect();"
        "return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)]})",
        [x, y],
    )


def legend(view, name):
    return view.locator("#explore-legend button", has=view.get_by_text(name, exact=True))


def test_curves(chromium, usual):
    with opened(chromium, usual) as view:
        assert colored(view) == list(OPTIMIZERS) and settings(view) == 15
        assert "75" not in view.locator("#explore-note").inner_text()
        assert "20 settings" in view.locator("#explore-note").inner_text()
        assert axis(view, "y")["type"] == axis(view, "x")["type"] == "log"

        before = traces(view)[-1]
        view.select_option("select[name=ly]", "linear")
        view.select_option("select[name=lx]", "linear")
        assert axis(view, "y")["type"] == axis(view, "x")["type"] == "linear"
        assert traces(view)[-1]["x"][0] == 0 and before["x"][0] is None  # a log axis has no step 0
        view.select_option("select[name=lx]", "log")

        view.select_option("select[name=x]", "samples")
        assert axis(view, "x")["title"]["text"] == "samples (steps × batch size)"
        assert max(traces(view)[-1]["x"][1:]) > 100 * max(before["x"][1:])
        view.select_option("select[name=x]", "seconds")
        assert 0 < max(traces(view)[-1]["x"][1:]) < 1

        view.select_option("select[name=problem]", "breast_cancer")
        view.select_option("select[name=y]", "train_loss")
        losses = traces(view)[-1]["y"][1:]
        view.select_option("select[name=y]", "suboptimality")
        np.testing.assert_allclose(np.array(losses) - 0.0462, traces(view)[-1]["y"][1:], rtol=1e-6)
        view.select_option("select[name=y]", "test_accuracy")
        assert axis(view, "y")["title"]["text"] == "test accuracy" and 0 < max(traces(view)[-1]["y"][1:]) <= 1

        view.select_option("select[name=batch]", "16")
        assert settings(view) == 5
        assert all("batch 16" in text for trace in traces(view) for text in trace["text"] or [] if text)
        view.select_option("select[name=schedule]", "constant")
        assert settings(view) == 0 and len(colored(view)) == 5
        press(view, "Reset")
        assert settings(view) == 15 and "#" not in view.url

        view.select_option("select[name=color]", "all")
        assert len(colored(view)) == 20 and settings(view) == 0
        assert all(trace["fill"] != "toself" for trace in traces(view))  # so many bands would hide each other
        view.select_option("select[name=color]", "best")
        view.uncheck("input[name=others]")
        assert settings(view) == 0 and len(colored(view)) == 5
        assert sum(trace["fill"] == "toself" for trace in traces(view)) == 5
        view.uncheck("input[name=bands]")
        assert sum(trace["fill"] == "toself" for trace in traces(view)) == 0


def test_legend_toggles_isolates_and_is_shared_by_all_views(chromium, usual):
    with opened(chromium, usual) as view:
        legend(view, "adam").click()
        assert colored(view) == ["gd", "momentum", "rmsprop", "adagrad"] and "hide=adam" in view.url
        assert legend(view, "adam").get_attribute("aria-pressed") == "false"
        press(view, "Profiles")
        assert colored(view) == ["gd", "momentum", "rmsprop", "adagrad"]
        press(view, "Ranks")
        assert view.locator("#explore-table tbody tr").count() == 4
        legend(view, "gd").dblclick()
        press(view, "Curves")
        assert colored(view) == ["gd"]
        legend(view, "gd").dblclick()
        assert colored(view) == list(OPTIMIZERS)
        legend(view, "rmsprop").focus()
        view.keyboard.press("Shift+Enter")
        assert colored(view) == ["rmsprop"]
        press(view, "Show all")
        assert colored(view) == list(OPTIMIZERS)


def test_pointer_shows_one_curve_over_the_others(chromium, usual):
    with opened(chromium, usual) as view:
        field = traces(view)[0]
        place = next(at for at, y in enumerate(field["y"]) if y is not None and (field["x"][at] or 0) > 1)
        left, top = place_of(view, field["x"][place], field["y"][place])
        assert view.locator(".explore-over").count() == 0
        view.mouse.move(left - 3, top)
        view.mouse.move(left, top)
        view.locator(".explore-over").wait_for(state="attached")
        told = view.locator(".hoverlayer .hovertext").text_content()
        for word in ("batch ", "rate ", "suboptimality", "epochs", "held-out seeds", "["):
            assert word in told
        view.mouse.move(2, 2)
        view.wait_for_function("!document.querySelector('.explore-over')")


def test_rates(chromium, usual):
    with opened(chromium, usual, "#?view=rates&problem=breast_cancer") as view:
        assert axis(view, "x")["type"] == "log" and axis(view, "x")["title"]["text"] == "learning rate"
        points = {trace["name"]: trace for trace in traces(view) if trace["mode"] == "markers"}
        assert list(points) == list(OPTIMIZERS) and all(len(set(trace["x"])) == 3 for trace in points.values())
        assert all(len(trace["x"]) == 4 for trace in points.values())  # the recommended rate has a second point
        by_rate = load(usual.parents[1])
        runs = by_rate.runs.query("problem == 'breast_cancer' and optimizer == 'gd' and seed < 3 and lr == 0.1")
        best = runs.groupby(["batch_size", "schedule"])["suboptimality_final"].median().idxmin()
        assert f"batch {'full' if best[0] == 455 else 16} · {best[1]}" in points["gd"]["text"][1]
        view.select_option("select[name=batch]", "full")
        assert all("batch full" in text for trace in traces(view) for text in trace["text"] or [])
        assert not view.evaluate(f"{CHART}.layout.shapes")
        view.select_option("select[name=schedule]", "constant")
        assert view.evaluate(f"{CHART}.layout.shapes[0].type") == "rect"  # the strip of what diverged
        assert "diverged" in " ".join(text for trace in traces(view) for text in trace["text"] or [])


def test_best_of_n_is_that_of_analysis(chromium, usual):
    results = load(usual.parents[1])
    table = best_of_n(results.runs, COUNTS, "loss")
    with opened(chromium, usual, "#?view=tuning") as view:
        problem = view.locator("select[name=problem]").input_value()
        mine = table[table["problem"] == problem]
        for name in OPTIMIZERS:
            rows = mine[mine["optimizer"] == name]
            (trace,) = (trace for trace in traces(view) if trace["name"] == name)
            assert trace["x"] == rows["n"].tolist()
            assert trace["y"] == pytest.approx(rows["value"].tolist(), rel=1e-3)
        legend(view, OPTIMIZERS[0]).click()
        assert [trace["name"] for trace in traces(view)] == list(OPTIMIZERS[1:])


def test_profiles_are_those_of_analysis_for_whoever_is_left(chromium, usual):
    results = load(usual.parents[1])
    times = time_to_target(results, None, select_chosen_runs(results.runs, results.judge_by))
    ratios = [1.0, 1.3, 2.0, 7.0, 100.0]
    with opened(chromium, usual, "#?view=profiles") as view:
        for left_out, clock in (([], "samples"), (["adam"], "samples"), (["adam", "rmsprop"], "seconds")):
            part = times[~times["optimizer"].isin(left_out)]
            wanted = performance_profiles(part, clock=clock, ratios=ratios, over=())
            for name in left_out[-1:]:
                legend(view, name).click()
            view.select_option("select[name=clock]", clock)
            assert colored(view) == [name for name in OPTIMIZERS if name not in left_out]
            for ratio in ratios:
                told = view.evaluate(f"optbench.explorer.shown().shares({ratio})")
                rows = wanted[wanted["ratio"] == ratio].set_index("optimizer")["share"]
                assert {OPTIMIZERS[place]: share for place, share in told} == pytest.approx(rows.to_dict())
            last = {trace["name"]: trace["y"][-1] for trace in traces(view)}
            assert last == pytest.approx(wanted[wanted["ratio"] == 100].set_index("optimizer")["share"].to_dict())


def test_ranks_are_those_of_analysis_for_whoever_is_left(chromium, usual):
    results = load(usual.parents[1])
    with opened(chromium, usual, "#?view=ranks") as view:
        for left_out in ("", *OPTIMIZERS):
            table = ranking(results.runs[results.runs["optimizer"] != left_out], results.judge_by)
            if left_out:
                legend(view, left_out).click()
            wanted = table[table["problem"] == "all"].set_index("optimizer")
            told = {OPTIMIZERS[place]: mean for place, mean in view.evaluate("optbench.explorer.shown().means()")}
            assert told == pytest.approx(wanted["mean_rank"].to_dict())
            rows = view.locator("#explore-table tbody tr").all_inner_texts()
            order = [re.split(r"\s", row)[0] for row in rows]
            assert sorted(order) == sorted(told) and [told[name] for name in order] == sorted(told.values())
            if left_out:
                press(view, "Show all")


def test_player(chromium, usual):
    with opened(chromium, usual, "#?view=paths") as view:
        whole = [trace for trace in traces(view) if trace["mode"] == "lines"]
        assert len(whole) == 5 and axis(view, "x")["title"]["text"] == "w₁"
        assert view.locator("#explore-player").is_visible() and len(view.evaluate(f"{CHART}.data[0].z")) > 20
        view.locator("#explore-step").fill("0")
        assert "step 0 of" in view.locator("#explore-at").inner_text()
        assert all(len(trace["x"]) == 1 for trace in traces(view) if trace["mode"] == "lines")
        view.locator("#explore-step").dispatch_event("change")
        assert view.url.endswith("step=0")
        legend(view, "gd").click()
        assert view.locator("#explore-step").input_value() == "0"  # where it was left
        legend(view, "gd").click()
        view.locator("#explore-play").click()
        assert view.locator("#explore-play").inner_text() == "Pause"
        view.wait_for_function("Number(document.getElementById('explore-step').value) > 10")
        view.locator("#explore-play").click()
        assert view.locator("#explore-play").inner_text() == "Play"
        step = re.search(r"step=(\d+)", view.url)[1]
        assert f"step {int(step):,} of" in view.locator("#explore-at").inner_text()
        assert any(1 < len(trace["x"]) for trace in traces(view) if trace["mode"] == "lines")
        view.locator("#explore-step").fill(view.locator("#explore-step").get_attribute("max"))
        assert [t["x"] for t in traces(view) if t["mode"] == "lines"] == [trace["x"] for trace in whole]
        view.locator("#explore-step").fill("0")
        view.locator("#explore-play").click()
        view.evaluate("location.hash = '#?view=ranks&theme=dark'")  # while it plays
        view.wait_for_function("optbench.explorer.shown().name === 'ranks'")
        assert view.locator("#explore-player").is_hidden()
        view.evaluate("location.hash = '#?view=paths&step=-3'")
        view.wait_for_function("optbench.explorer.shown().name === 'paths'")
        assert view.locator("#explore-step").input_value() == "0"


def drawn(view):
    """Return the SVG paths of the contours, lines and marks in the chart of the paths, as text."""
    kinds = {"contours": ".contourlayer path", "lines": ".js-line", "marks": ".points path"}
    texts = "paths => paths.map(path => path.getAttribute('d') + (path.getAttribute('transform') || ''))"
    return {name: view.locator(f"#explore-chart {kind}").evaluate_all(texts) for name, kind in kinds.items()}


def test_contours_and_marks_stay_while_paths_move(chromium, usual):
    with opened(chromium, usual, "#?view=paths&problem=rosenbrock") as view:
        whole = drawn(view)
        assert len(whole["contours"]) > 10 and len(whole["lines"]) == 5 and len(whole["marks"]) == 7
        view.locator("#explore-step").fill("0")
        first = drawn(view)
        assert first["contours"] == whole["contours"]
        assert (
            first["marks"][:5] != whole["marks"][:5] and first["marks"][5:] == whole["marks"][5:]
        )  # heads, start and minimum
        assert "up to step 0:" in view.locator("#explore-chart").get_attribute("aria-label")
        press(view, "Play")
        view.wait_for_function("Number(document.getElementById('explore-step').value) > 10")
        moved = drawn(view)
        press(view, "Pause")
        assert moved["contours"] == whole["contours"]
        assert moved["lines"] != first["lines"] and moved["marks"][:5] != first["marks"][:5]
        left, top = place_of(view, *view.evaluate(f"[...'xy'].map(axis => {CHART}.data[6][axis][0])"))
        view.mouse.move(left - 2, top)
        view.mouse.move(left, top)
        told = view.locator(".hoverlayer .hovertext").first.text_content()
        x = view.evaluate(f"{CHART}.data[6].x[0]")
        assert f"({x:.3g}," in told  # where the head is now
        view.locator("#explore-step").fill(view.locator("#explore-step").get_attribute("max"))
        assert drawn(view) == whole


def test_a_copied_address_opens_the_same_view(chromium, usual):
    with opened(chromium, usual) as view:
        for name, value in (("problem", "breast_cancer"), ("y", "test_loss"), ("x", "steps"), ("batch", "full")):
            view.select_option(f"select[name={name}]", value)
        legend(view, "gd").click()
        view.evaluate(f"Plotly.relayout({CHART}, {{'xaxis.range[0]': 0.1, 'xaxis.range[1]': 0.6}})")
        view.wait_for_function("location.hash.includes('zoom')")
        press(view, "Copy link")
        view.get_by_text("Copied.").wait_for()
        hash, was = "#" + view.url.partition("#")[2], traces(view)
        assert axis(view, "x")["range"] == [0.1, 0.6]
        labels = [math.log10(value) for value in axis(view, "x")["tickvals"]]
        assert len(labels) >= 2 and all(0.1 <= label <= 0.6 for label in labels)  # of what is seen
    with opened(chromium, usual, hash) as view:
        assert traces(view) == was and axis(view, "x")["range"] == [0.1, 0.6]
        assert view.locator("select[name=y]").input_value() == "test_loss"
        assert view.locator("#explorer").bounding_box()["y"] < 400  # it has been scrolled to
        view.evaluate("location.hash = '#?view=ranks&hide=gd,nobody&problem=none&y=%E0%A4%A'")
        view.wait_for_function("optbench.explorer.shown().name === 'ranks'")
        assert view.locator("#explore-table tbody tr").count() == 4
        view.evaluate("location.hash = '#?view=nothing&batch=7&x=miles&zoom=1,b'")
        view.wait_for_function("optbench.explorer.shown().name === 'curves'")
        assert settings(view) == 15 and view.locator("select[name=x]").input_value() == "epochs"


def test_dark_and_light(chromium, usual):
    def paper(view):
        return view.evaluate(f"{CHART}.layout.paper_bgcolor")

    with opened(chromium, usual) as light, opened(chromium, usual, color_scheme="dark") as dark:
        pale, deep = paper(light), paper(dark)
        assert pale == "#ffffff" and int(deep[1:], 16) < 0x303030
        names = {trace["name"]: trace["color"] for trace in traces(light) if trace["name"]}
        assert names["gd"] == "#0173b2"  # the first of the palette
        assert (
            traces(dark)[-1]["color"] != ""
            and axis(dark, "x")["tickfont"]["color"] != axis(light, "x")["tickfont"]["color"]
        )
        light.emulate_media(color_scheme="dark")
        light.wait_for_function(f"{CHART}.layout.paper_bgcolor === '{deep}'")
        dark.emulate_media(color_scheme="light")
        dark.wait_for_function(f"{CHART}.layout.paper_bgcolor === '{pale}'")
        light.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert paper(light) == "#ffffff"
        light.evaluate("dispatchEvent(new Event('afterprint'))")
        assert paper(light) == deep
        light.locator(".theme").get_by_text("light").click()
        light.wait_for_function(f"{CHART}.layout.paper_bgcolor === '{pale}'")
        assert "theme=light" in light.url and traces(light)[-1]["color"] == names["adagrad"]


def test_phone(chromium, usual):
    with opened(chromium, usual, width=360, has_touch=True) as view:
        for button in view.locator("#explore-views button").all():
            button.click()
            assert not scrolls_sideways(view)
            assert view.locator("#explore-chart .main-svg").first.bounding_box()["width"] <= 360
            label = view.locator("#explore-chart").get_attribute("aria-label")
            assert len(label) > 40 and any(word in label for word in ("rosenbrock", "ranks", "quadratic", "pairs"))
            for box in view.locator("#explore-app :is(select, button, input):visible").all():
                where = box.bounding_box()
                assert where["x"] >= 0 and where["x"] + where["width"] <= 360


class Ends(NamedTuple):
    """The edges of a part of a picture, in pixels."""

    top: float
    bottom: float
    right: float


def ends(box):
    return Ends(box["y"], box["y"] + box["height"], box["x"] + box["width"])


def saved(view, name):
    with view.expect_download() as download:
        press(view, name)
    return download.value.suggested_filename, download.value.path().read_bytes()


PICTURES = {
    "curves": ("suboptimality (loss − minimum)", "batch size 16", ["4 other settings"]),
    "rates": ("where each learning rate ends", "batch size 16", []),
    "tuning": ("what the best of n trials gives", "", []),
    "profiles": ("Performance profiles over 3 problems", "", []),
    "ranks": ("Mean ranks over 3 problems", "", None),  # the names stand at the axis
    "paths": ("Paths on rosenbrock", "step 3 of 96", []),
}


@pytest.mark.parametrize("width", [1280, 360])
def test_a_saved_picture_has_a_title_and_a_legend(chromium, usual, width):
    with opened(chromium, usual, width=width, accept_downloads=True) as view:
        reader = view.context.new_page()
        for name, (title, subtitle, others) in PICTURES.items():
            view.evaluate(f"location.hash = '#?view={name}&hide=adam&batch=16&step=3'")
            view.wait_for_function(f"optbench.explorer.shown().name === '{name}'")
            file, content = saved(view, "SVG")
            assert file == f"optbench-{name}.svg"
            reader.set_content(content.decode())
            legend = [text.text_content() for text in reader.locator(".legendtext").all()]
            assert legend == ([] if others is None else ["gd", "momentum", "rmsprop", "adagrad", *others])
            assert reader.locator(".gtitle").text_content().endswith(title)
            assert "".join(reader.locator(".gtitle-subtitle").all_text_contents()) == subtitle
            lowest = ".gtitle-subtitle" if subtitle else ".gtitle"
            parts = (".main-svg", ".gtitle", lowest, ".yaxislayer-above", ".xtitle", ".legend" if legend else ".xtitle")
            picture, head, under, panel, axis, foot = (
                ends(reader.locator(part).first.bounding_box()) for part in parts
            )
            # From the top: the title, the panel, the title of its axis, the legend; nothing is cut.
            order = [picture.top, head.top, under.bottom, panel.top, axis.top]
            order += [axis.bottom, foot.top, foot.bottom, picture.bottom] if legend else [axis.bottom, picture.bottom]
            assert order == sorted(order), name
            assert max(head.right, under.right, foot.right) <= picture.right, name
        file, content = saved(view, "PNG")
        assert file == "optbench-paths.png" and content.startswith(b"\x89PNG") and len(content) > 5_000


def test_names_are_literal(chromium, tmp_path):
    tables = make_tables(**{**SMALL, **HOSTILE}, two_dimensional=HOSTILE["problems"])
    page = write_report(write_folder(tmp_path, tables))
    with opened(chromium, page, width=360) as view:
        dialogs = []
        view.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        options = view.locator("select[name=problem] option").all_inner_texts()
        assert options[:2] == list(HOSTILE["problems"][:2]) and options[2].endswith("p…")
        titles = [button.get_attribute("title") for button in view.locator("#explore-legend button[title]").all()]
        assert titles == list(HOSTILE["optimizers"])
        for name in ("Rates", "Trials", "Profiles", "Ranks", "Paths", "Curves"):
            press(view, name)
            wide, room = view.evaluate(
                "(e => [e.scrollWidth, e.clientWidth])(document.getElementById('explore-section'))"
            )
            assert wide <= room, name
            assert view.locator("#explore-app :is(img, b)").count() == 0
        press(view, "Ranks")
        ticks = filter(None, view.locator("#explore-chart .ytick").all_text_contents())
        assert set(ticks) == {name if len(name) <= 24 else name[:23].rstrip() + "…" for name in HOSTILE["optimizers"]}
        heads = view.locator("#explore-table thead th").all_inner_texts()
        assert HOSTILE["problems"][0] in heads and HOSTILE["problems"][1] in heads
        legend(view, HOSTILE["optimizers"][3]).click()
        assert view.locator("#explore-table tbody tr").count() == 3
        view.reload()
        assert view.locator("#explore-table tbody tr").count() == 3
        left, top = place_of(view, *(view.evaluate(f"{CHART}.data[1].{name}[0]") for name in "xy"))
        view.mouse.move(left - 2, top)
        view.mouse.move(left, top)
        view.locator(".hoverlayer .hovertext").first.wait_for(state="attached")
        told = view.locator(".hoverlayer .hovertext").first.text_content()
        assert any(name[:38] in told for name in HOSTILE["optimizers"]), told
        assert not dialogs


@pytest.mark.parametrize(
    "changes",
    [
        {"problems": ("rosenbrock",), "optimizers": ("gd",), "batch_sizes": (16,), "rates": (0.01,),
         "schedules": ("constant",), "seeds": (0,)},
        {"diverge_above": 0},
        {"optimizers": ("gd", "lbfgs")},
    ],
    ids=["one run", "all diverged", "a baseline without rates"],
)  # fmt: skip
def test_odd_sweeps(chromium, tmp_path, changes):
    page = write_report(write_folder(tmp_path, make_tables(**{**SMALL, **changes})))
    with opened(chromium, page) as view:
        for button in view.locator("#explore-views button").all():
            button.click()
            assert view.locator("#explore-chart").get_attribute("aria-label")
            assert "NaN" not in view.locator("#explore-app").inner_text()
            assert "undefined" not in view.locator("#explore-app").inner_text()


def test_without_javascript_the_page_says_so(chromium, usual):
    with opened(chromium, usual, java_script_enabled=False) as view:
        assert view.locator("#explore-app").is_hidden()
        assert "need JavaScript" in view.locator("#explore-section").inner_text()
