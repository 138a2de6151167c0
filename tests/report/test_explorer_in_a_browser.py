"""The explorer in a real browser: every control does what it says, and counts what analysis counts."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from browser import opened, scrolls_sideways
from staged import ranking
from synthetic import make_tables, write_folder

from optbench import load
from optbench.analysis import best_of_n
from optbench.figures.data import COUNTS, report_data
from optbench.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SMALL = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1, 0.3), "points": 8, "epochs": 6}
SMALL |= {"schedules": ("constant", "sqrt_step(k=1.0)")}
OPTIMIZERS = ("gd", "momentum", "rmsprop", "adam", "adagrad")
SHOWN = "optbench.explorer.shown()"
HOSTILE = {
    "problems": ('<img src="x" onerror="alert(1)">', "손실 $\\alpha$ %{x} &lt;b&gt;", "p" * 200),
    "optimizers": ("<b>bold</b>", "아담 \"quoted\" 'single' $x$", "o" * 200, "a, b=%2C&hide"),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return write_report(write_folder(tmp_path_factory.mktemp("usual"), make_tables(**SMALL)))


def traces(view):
    """Return what the chart draws: `mode` is "lines", "markers" or both, "" for a band; `text`: of each point."""
    return view.evaluate(
        f"{SHOWN}.traces.map(t => ({{mode: [t.line && 'lines', t.marks && 'markers'].filter(Boolean).join('+'),"
        " panel: t.panel || 1, name: t.name, x: [...t.x], y: [...t.y], fill: t.fill, text: t.text}))"
    )


def colored(view):
    """Return the names of the lines in color."""
    return [trace["name"] for trace in traces(view) if trace["name"] and trace["mode"] == "lines"]


def settings(view):
    """Return the number of settings drawn in gray: each of their lines ends with a gap."""
    return sum(text == "" for text in traces(view)[0]["text"] or [])


def axis(view, name):
    return view.evaluate(f"{SHOWN}.layout.{name[0]}axis{name[1:]}")


def ends(view):
    """Return the rows of names at the ends of lines, from the top, and the number of lines that join them to curves."""
    rows = view.locator("#explore-chart [data-part=end]").all_text_contents()
    return rows, view.locator("#explore-chart [data-part=join]").count()


def press(view, name):
    view.get_by_role("button", name=name, exact=True).click()


def place_of(view, x, y):
    """Return the position of a point of the chart on the screen, in pixels."""
    view.locator("#explore-chart").scroll_into_view_if_needed()
    return view.evaluate(
        f"(([x, y]) => {{const [panel] = {SHOWN}.panels, box = document.querySelector('#explore-chart svg')"
        ".getBoundingClientRect(); return [box.x + panel.x.to(x), box.y + panel.y.to(y)]})",
        [x, y],
    )


def drag(view, start, end, panel=0):
    """Drag from one place of a panel to another; start, end: from its edges in pixels of the chart to such a place."""
    view.evaluate("document.getElementById('explore-chart').scrollIntoView({block: 'center'})")
    names = ("left", "right", "top", "bottom")
    edges = {name: view.evaluate(f"{SHOWN}.panels[{panel}].{name}") for name in names}
    box = view.locator("#explore-chart svg").bounding_box()
    (x0, y0), (x1, y1) = start(edges), end(edges)
    view.mouse.move(box["x"] + x0, box["y"] + y0)
    view.mouse.down()
    view.mouse.move(box["x"] + (x0 + x1) / 2, box["y"] + (y0 + y1) / 2, steps=4)
    view.mouse.move(box["x"] + x1, box["y"] + y1, steps=4)
    view.mouse.up()


def legend(view, name):
    return view.locator("#explore-legend button", has=view.get_by_text(name, exact=True))


def test_curves(chromium, usual):
    with opened(chromium, usual) as view:
        assert colored(view) == list(OPTIMIZERS) and settings(view) == 15
        assert "75" not in view.locator("#explore-note").inner_text()
        assert "20 combinations" in view.locator("#explore-note").inner_text()
        assert axis(view, "y")["type"] == "log" and axis(view, "x")["type"] == "linear"

        before = traces(view)[-1]
        view.select_option("select[name=ly]", "linear")
        view.select_option("select[name=lx]", "log")
        assert axis(view, "y")["type"] == "linear" and axis(view, "x")["type"] == "log"
        assert traces(view)[-1]["x"][0] is None and before["x"][0] == 0  # a log axis has no step 0

        view.select_option("select[name=x]", "samples")
        assert axis(view, "x")["text"] == "samples (steps × batch size)"
        assert max(traces(view)[-1]["x"][1:]) > 100 * max(before["x"][1:])
        view.select_option("select[name=x]", "ms")
        assert 0 < max(traces(view)[-1]["x"][1:]) < 1000

        view.select_option("select[name=problem]", "breast_cancer")
        view.select_option("select[name=y]", "train_loss")
        losses = traces(view)[-1]["y"][1:]
        view.select_option("select[name=y]", "suboptimality")
        np.testing.assert_allclose(np.array(losses) - 0.0462, traces(view)[-1]["y"][1:], rtol=1e-6)
        view.select_option("select[name=y]", "test_accuracy")
        assert axis(view, "y")["text"] == "test accuracy" and 0 < max(traces(view)[-1]["y"][1:]) <= 1

        view.select_option("select[name=batch]", "16")
        assert settings(view) == 5
        assert all("batch 16" in text for trace in traces(view) for text in trace["text"] or [] if text)
        view.select_option("select[name=schedule]", "constant")
        assert settings(view) == 0 and len(colored(view)) == 5
        press(view, "Reset")
        assert settings(view) == 15 and "#" not in view.url

        view.select_option("select[name=color]", "all")
        assert len(colored(view)) == 20 and settings(view) == 0
        assert all(not trace["fill"] for trace in traces(view))  # so many bands would hide each other
        assert view.locator("input[name=others]").is_disabled()  # there is no rest
        view.select_option("select[name=color]", "best")
        view.uncheck("input[name=others]")
        assert settings(view) == 0 and len(colored(view)) == 5
        assert sum(bool(trace["fill"]) for trace in traces(view)) == 5
        view.uncheck("input[name=bands]")
        assert sum(bool(trace["fill"]) for trace in traces(view)) == 0


def test_scores_stand_beside_the_curves_in_their_order(chromium, usual):
    results = load(usual.parents[1])
    table = results.ranking()
    with opened(chromium, usual, "#?view=curves&problem=rosenbrock") as view:
        title, *told = ends(view)[0]
        mine = table[table["problem"] == "rosenbrock"].sort_values("value")
        assert title.startswith("score: ") and [text.split()[0] for text in told] == mine["optimizer"].tolist()
        for text, value in zip(told, mine["value"], strict=True):
            assert float(text.split()[1].replace(",", "")) == pytest.approx(value, rel=5e-3)
        (scored,) = (shape for shape in view.evaluate(f"{SHOWN}.layout.shapes") if shape.get("below"))
        assert scored["x"] == pytest.approx([4.8, 6.0])  # the last fifth of 6 epochs
        legend(view, "adam").click()
        assert len(ends(view)[0]) == 1 + 4
        view.select_option("select[name=color]", "all")
        view.select_option("select[name=x]", "steps")  # at which full batches end much earlier
        assert not [shape for shape in view.evaluate(f"{SHOWN}.layout.shapes") if shape.get("below")]


def test_scores_are_beside_what_they_are_of_alone(chromium, usual):
    best = report_data(load(usual.parents[1])).best_of("breast_cancer").set_index("optimizer")
    with opened(chromium, usual, "#?view=curves&problem=breast_cancer") as view:
        for measure, scored in {
            "suboptimality": True,
            "train_loss": True,
            "test_loss": False,
            "test_accuracy": False,
        }.items():
            view.select_option("select[name=y]", measure)
            rows, joins = ends(view)
            names = {row.split()[0] for row in rows if not row.startswith("score: ")}
            assert len(rows) - len(names) == scored and all(len(row.split()) == 1 + scored for row in rows[scored:])
            assert (names, joins) == (set(OPTIMIZERS), len(OPTIMIZERS))
        heights = {trace["name"]: trace["y"][-1] for trace in traces(view) if trace["name"]}
        assert rows == sorted(heights, key=lambda name: -heights[name]), "without scores, as the lines end"
        view.select_option("select[name=y]", "suboptimality")
        view.select_option("select[name=batch]", "full")
        rows, joins = ends(view)
        names = {row.split()[0] for row in rows[1:]}
        assert names == set(best.index[best["full_batch"]]), "those whose recommended setting is still there"
        assert joins == len(names) < len(OPTIMIZERS)


def test_where_nothing_can_be_drawn_a_chart_says_why(chromium, tmp_path):
    lost = write_report(
        write_folder(
            tmp_path / "lost", make_tables(["rosenbrock", "breast_cancer"], ["gd", "adam"], **SMALL, diverge_above=0)
        )
    )
    with opened(chromium, lost) as view:
        for name in ("curves", "sensitivity", "runtimes"):
            view.evaluate(f"location.hash = '#?view={name}'")
            view.wait_for_function(f"optbench.explorer.shown().name === '{name}'")
            if name == "curves" and traces(view):
                continue  # what grows before it is lost has a line
            (text,) = view.locator("#explore-chart text").all_text_contents()
            assert "diverged" in text or "No optimizer" in text
    alone = make_tables(["rosenbrock"], ["gd"], **SMALL | {"rates": (0.1,)})
    with opened(chromium, write_report(write_folder(tmp_path / "one", alone)), "#?view=sensitivity") as view:
        assert view.evaluate(f"{SHOWN}.panels.length") == 1, "no second one over the first"


def test_single_seeds_are_those_of_the_runs(chromium, usual):
    results = load(usual.parents[1])
    with opened(chromium, usual, "#?view=curves&problem=breast_cancer&y=test_accuracy&x=steps") as view:
        before = len(traces(view))
        view.check("input[name=single]")
        assert "single=yes" in view.url and len(traces(view)) == before + 5
        row = report_data(results).best_of("breast_cancer").set_index("optimizer").loc["adam"]
        runs = results.runs.query(
            f"problem == 'breast_cancer' and optimizer == 'adam' and batch_size == {row.batch_size}"
            f" and schedule == '{row.schedule}' and lr == {row.lr} and seed > 2"
        )
        curves = results.curves[results.curves["run_id"].isin(runs["run_id"])]
        place = OPTIMIZERS.index("adam")
        lines = [trace for trace in traces(view) if trace["mode"] == "lines" and trace["text"] is None][-5:]
        told = {(x, y) for x, y in zip(lines[place]["x"], lines[place]["y"], strict=True) if y is not None}
        assert sorted(told) == pytest.approx(
            sorted(set(zip(curves["step"], curves["test_accuracy"].map(lambda v: float(f"{v:.4g}")), strict=True)))
        )


def test_values_of_all_curves_under_the_pointer(chromium, usual):
    with opened(chromium, usual, "#?view=curves&problem=rosenbrock&ly=linear") as view:
        left, top = place_of(view, 2.5, 1.0)
        view.mouse.move(left - 3, top)
        view.mouse.move(left, top)
        box = view.locator(".explore-values")
        box.wait_for(state="attached")
        at = float(box.locator("div").first.inner_text().split()[0])
        assert at == pytest.approx(2.5, abs=0.02)
        told = dict(row.split("\n") for row in box.locator("div").all_inner_texts()[1:])
        lines = {trace["name"]: trace for trace in traces(view) if trace["name"]}
        assert set(told) == set(OPTIMIZERS)
        for name, value in told.items():
            wanted = np.interp(at, lines[name]["x"], lines[name]["y"])
            assert float(value) == pytest.approx(wanted, rel=0.03, abs=0.01)
        view.mouse.move(2, 2)
        view.wait_for_function("!document.querySelector('.explore-cross')")


def test_seeds_show_what_verdicts_rest_on(chromium, usual):
    results = load(usual.parents[1])
    verdicts, runs = results.verdicts(), results.ask().reported_runs
    with opened(chromium, usual, "#?view=seeds&problem=rosenbrock") as view:
        found = {}
        for trace in traces(view):
            if trace["mode"] == "markers" and trace["name"]:
                found[trace["name"]] = trace["x"]
        mine = verdicts[verdicts["problem"] == "rosenbrock"]
        leader = next(name for name, ratios in found.items() if set(ratios) == {1})
        for row in mine[(mine["a"] == leader) | (mine["b"] == leader)].itertuples():
            other, ratio = (row.b, row.ratio) if row.a == leader else (row.a, 1 / row.ratio)
            assert len(found[other]) == row.blocks
            assert np.exp(np.mean(np.log(found[other]))) == pytest.approx(ratio, rel=1e-3)
        finals = [trace["x"] for trace in traces(view) if trace["panel"] == 2 and trace["mode"] == "markers"]
        mine = runs[runs["problem"] == "rosenbrock"]
        assert sorted(x for each in finals for x in each) == pytest.approx(
            sorted(mine["suboptimality_final"]), rel=1e-3
        )
        lines = traces(view)[0]["x"]
        assert lines.count(None) == len(found[leader]) and len(lines) == 6 * len(found[leader])  # a line joins a block


def test_each_optimizer_has_its_mark_in_every_view(chromium, usual):
    styles = report_data(load(usual.parents[1])).line_styles["rosenbrock"]
    wanted = {name: style["marker"] for name, style in styles.items()}
    assert len(set(wanted.values())) == len(OPTIMIZERS)
    with opened(chromium, usual) as view:
        for show in ("seeds", "sensitivity", "sensitivity&show=settings", "sensitivity&show=tuning"):
            view.evaluate(f"location.hash = '#?problem=rosenbrock&view={show}'")
            view.wait_for_function(f"location.hash.endsWith('{show}') && {SHOWN}.traces.some(t => t.marks)")
            shapes = f"{SHOWN}.traces.filter(t => t.name && t.marks).map(t => [t.name, t.marks.shape])"
            assert dict(view.evaluate(shapes)) == wanted, show
        view.evaluate("location.hash = '#?view=ranks'")
        view.wait_for_function(f"{SHOWN}.name === 'ranks'")
        places = [OPTIMIZERS[place] for place, _ in view.evaluate(f"{SHOWN}.means()")]
        assert dict(zip(places, view.evaluate(f"{SHOWN}.traces[1].marks.shape"), strict=True)) == wanted


def test_legend_toggles_isolates_and_is_shared_by_all_views(chromium, usual):
    with opened(chromium, usual) as view:
        legend(view, "adam").click()
        assert colored(view) == ["gd", "momentum", "rmsprop", "adagrad"] and "hide=adam" in view.url
        assert legend(view, "adam").get_attribute("aria-pressed") == "false"
        press(view, "Runtimes")
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


def test_rates(chromium, usual):
    with opened(chromium, usual, "#?view=sensitivity&problem=breast_cancer") as view:
        assert axis(view, "x")["type"] == "log" and axis(view, "x")["text"] == "learning rate"
        points = {trace["name"]: trace for trace in traces(view) if trace["mode"] == "markers"}
        assert list(points) == list(OPTIMIZERS) and all(len(set(trace["x"])) == 3 for trace in points.values())
        assert all(len(trace["x"]) == 4 for trace in points.values())  # the recommended rate has a second point
        by_rate = load(usual.parents[1])
        runs = by_rate.runs.query("problem == 'breast_cancer' and optimizer == 'gd' and seed < 3 and lr == 0.1")
        best = runs.groupby(["batch_size", "schedule"])["suboptimality_final"].median().idxmin()
        assert f"{'full batch' if best[0] == 455 else 'batch 16'} · {best[1]}" in points["gd"]["text"][1]
        view.select_option("select[name=batch]", "full")
        assert all("full batch" in text for trace in traces(view)[:-1] for text in trace["text"] or [])
        assert not view.evaluate(f"{SHOWN}.layout.shapes")
        view.select_option("select[name=schedule]", "constant")
        assert "diverged" in view.locator("#explore-chart [data-part=note]").all_text_contents()
        assert "diverged" in " ".join(text for trace in traces(view) for text in trace["text"] or [])


def test_best_of_n_is_that_of_analysis(chromium, usual):
    results = load(usual.parents[1])
    table = best_of_n(results.runs, COUNTS, "loss")
    with opened(chromium, usual, "#?view=sensitivity&show=tuning") as view:
        problem = view.locator("select[name=problem]").input_value()
        mine = table[table["problem"] == problem]
        for name in OPTIMIZERS:
            rows = mine[mine["optimizer"] == name]
            (trace,) = (trace for trace in traces(view) if trace["name"] == name)
            assert trace["x"] == rows["n"].tolist()
            assert trace["y"] == pytest.approx(rows["value"].tolist(), rel=1e-3)
        legend(view, OPTIMIZERS[0]).click()
        assert [trace["name"] for trace in traces(view)] == list(OPTIMIZERS[1:])


def test_runtimes_are_counted_for_the_problems_and_the_target_that_are_chosen(chromium, usual):
    times = report_data(load(usual.parents[1])).times
    with opened(chromium, usual, "#?view=runtimes") as view:
        for over, target, clock in (
            ("", "", "epochs"),
            ("rosenbrock", "", "samples"),
            ("breast_cancer", "0.1", "epochs"),
        ):
            view.select_option("select[name=over]", over)
            view.select_option("select[name=target]", target)
            view.select_option("select[name=clock]", clock)
            part = times[(times["problem"] == over) | (over == "")]
            part = part[(part["target"] == float(target or 0)) | (target == "")]
            assert colored(view) == list(OPTIMIZERS)
            cost = np.where(part["reached"], part[clock], np.inf)
            for limit in (*np.quantile(cost[np.isfinite(cost)], [0.2, 0.7]) * 1.01, 1e9):
                there = pd.Series(cost <= limit, part.index)
                wanted = there.groupby([part[key] for key in ("optimizer", "problem", "target")]).mean()
                told = view.evaluate(f"optbench.explorer.shown().shares({limit})")
                rows = wanted.groupby(level=0).mean().to_dict()
                assert {OPTIMIZERS[place]: share for place, share in told} == pytest.approx(rows, abs=0.02)
                if limit == 1e9:
                    assert {trace["name"]: trace["y"][-1] for trace in traces(view)} == pytest.approx(rows)
            assert sorted(ends(view)[0]) == sorted(OPTIMIZERS)
            table = view.locator("#explore-table tbody tr")
            assert table.count() == (len(OPTIMIZERS) if over else 0)
        means = (
            part.assign(log=np.log(part["samples"].clip(lower=1) * np.where(part["reached"], 1, 2)))
            .groupby("optimizer")["log"]
            .mean()
        )
        best = view.locator("#explore-table tr:has(td.strong) th").all_inner_texts()
        assert best == [means.idxmin()] and table.first.locator("th").inner_text() == means.idxmin()
        legend(view, "adam").click()
        assert "adam" not in colored(view) and "target=0.1" in view.url


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
        assert len(whole) == 4 * 5  # of each optimizer the path, its trail, the loss and the loss so far
        assert axis(view, "x")["text"] == "w₁" and axis(view, "x2")["text"] == "samples"
        assert view.locator("#explore-player").is_visible() and view.evaluate(f"{SHOWN}.traces[0].z.length") > 20
        view.locator("#explore-step").fill("0")
        assert view.locator("#explore-at").inner_text() == "0 of 1,536 samples"
        assert [len(trace["x"]) for trace in traces(view) if trace["mode"] == "lines"][5:] == [1] * 15
        view.locator("#explore-step").dispatch_event("change")
        assert view.url.endswith("at=0")
        legend(view, "gd").click()
        assert view.locator("#explore-step").input_value() == "0"  # where it was left
        legend(view, "gd").click()
        view.locator("#explore-play").click()
        assert view.locator("#explore-play").inner_text() == "Pause"
        view.wait_for_function("Number(document.getElementById('explore-step').value) > 10")
        view.locator("#explore-play").click()
        assert view.locator("#explore-play").inner_text() == "Play"
        at = re.search(r"at=(\d+)", view.url)[1]
        assert f"{int(at):,} of" in view.locator("#explore-at").inner_text()
        assert any(len(trace["x"]) > 1 for trace in traces(view)[6:] if trace["mode"] == "lines")
        view.locator("#explore-step").fill(view.locator("#explore-step").get_attribute("max"))
        assert [t["x"] for t in traces(view) if t["mode"] == "lines"] == [trace["x"] for trace in whole]
        view.locator("#explore-step").fill("0")
        view.locator("#explore-play").click()
        view.evaluate("location.hash = '#?view=ranks&theme=dark'")  # while it plays
        view.wait_for_function("optbench.explorer.shown().name === 'ranks'")
        assert view.locator("#explore-player").is_hidden()
        view.evaluate("location.hash = '#?view=paths&at=-3'")
        view.wait_for_function("optbench.explorer.shown().name === 'paths'")
        assert view.locator("#explore-step").input_value() == "0"


def test_a_copied_address_opens_the_same_view(chromium, usual):
    with opened(chromium, usual) as view:
        for name, value in (
            ("problem", "breast_cancer"),
            ("y", "test_loss"),
            ("x", "steps"),
            ("lx", "log"),
            ("batch", "full"),
        ):
            view.select_option(f"select[name={name}]", value)
        legend(view, "gd").click()
        drag(view, lambda at: (at["left"] + 90, at["top"] + 40), lambda at: (at["left"] + 300, at["top"] + 44))
        view.wait_for_function("location.hash.includes('zoom')")
        zoomed = axis(view, "x")["range"]
        press(view, "Copy link")
        view.get_by_text("Copied.").wait_for()
        hash, was = "#" + view.url.partition("#")[2], traces(view)
        labels = view.evaluate(f"{SHOWN}.panels[0].x.ticks.map(([value]) => Math.log10(value))")
        assert len(labels) >= 2 and all(zoomed[0] <= label <= zoomed[1] for label in labels)  # of what is seen
    with opened(chromium, usual, hash) as view:
        assert traces(view) == was and axis(view, "x")["range"] == zoomed
        assert view.locator("select[name=y]").input_value() == "test_loss"
        assert view.locator("#explorer").bounding_box()["y"] < 400  # it has been scrolled to
        view.evaluate("location.hash = '#?view=ranks&hide=gd,nobody&problem=none&y=%E0%A4%A'")
        view.wait_for_function("optbench.explorer.shown().name === 'ranks'")
        assert view.locator("#explore-table tbody tr").count() == 4
        view.evaluate("location.hash = '#?view=nothing&batch=7&x=miles&zoom=1,b'")
        view.wait_for_function("optbench.explorer.shown().name === 'curves'")
        assert settings(view) == 15 and view.locator("select[name=x]").input_value() == "epochs"


def test_phone(chromium, usual):
    with opened(chromium, usual, width=360, has_touch=True) as view:
        for button in view.locator("#explore-views button").all():
            button.click()
            assert not scrolls_sideways(view)
            assert view.locator("#explore-chart svg").bounding_box()["width"] <= 360
            label = view.locator("#explore-chart").get_attribute("aria-label")
            assert len(label) > 40 and any(word in label for word in ("rosenbrock", "ranks", "quadratic", "targets"))
            for box in view.locator("#explore-app :is(select, button, input):visible").all():
                where = box.bounding_box()
                assert where["x"] >= 0 and where["x"] + where["width"] <= 360
        press(view, "Ranks")
        view.touchscreen.tap(*place_of(view, traces(view)[1]["x"][0], 0))
        assert "mean rank" in view.locator(".explore-told").inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_pressed_is_large_enough_and_tables_fit_their_frames(chromium, usual, width):
    with opened(chromium, usual, width=width) as view:
        view.get_by_role("button", name="Unfold all").click()
        buttons = "[...document.querySelectorAll('a, button, summary, select, label:has(input)')]"
        alone = "!e.matches('p a') || e.parentElement.childNodes.length === 1"  # no link in a sentence
        small = f"{buttons}.filter(e => e.checkVisibility() && ({alone}) && e.getBoundingClientRect().height < 24)"
        assert view.evaluate(f"{small}.map(e => e.outerHTML)") == []
        table = view.locator(".scroll:has(> [data-name=settings])")
        assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
        cells = table.locator("td[data-label=interval]")
        assert all("covers" not in text for text in cells.all_inner_texts())
        assert cells.first.get_attribute("title").startswith("covers")


def saved(view, name):
    with view.expect_download() as download:
        press(view, name)
    return download.value.suggested_filename, download.value.path().read_bytes()


PICTURES = {
    "view=curves": ("rosenbrock-suboptimality", "rosenbrock: suboptimality", "batch size 16", ["4 others"]),
    "view=seeds": ("rosenbrock-seeds", "how sure the verdicts are", "", []),
    "view=sensitivity": ("rosenbrock-learning_rate", "where each learning rate ends", "batch size 16", []),
    "view=sensitivity&show=settings": ("rosenbrock-settings", "all settings", "", []),
    "view=sensitivity&show=tuning": ("rosenbrock-tuning_effort", "best of n trials", "", []),
    "view=runtimes": ("runtimes", "Runtimes to all 11 targets: 3 problems", "", []),
    "view=ranks": ("ranks", "Mean ranks over 3 problems", "", None),  # the names stand at the axis
    "view=paths": ("rosenbrock-paths", "Paths on rosenbrock", "990 of 1,536 samples", []),
}


@pytest.mark.parametrize(("size", "width"), [("slide", 1280), ("paper", 360)])
def test_a_saved_picture_has_a_title_a_legend_and_its_source_and_is_light(chromium, usual, size, width):
    with opened(chromium, usual, width=width, color_scheme="dark", accept_downloads=True) as view:
        reader = view.context.new_page()
        view.select_option("#explore-size", size)
        for number, (hash, (file, title, subtitle, others)) in enumerate(PICTURES.items()):
            view.evaluate(f"location.hash = '#?problem=rosenbrock&{hash}&hide=adam&batch=16&at=1000&n={number}'")
            view.wait_for_function(f"optbench.explorer.shown().file === '{file}'")
            paper = view.locator("#explore-chart [data-part=paper]")
            dark = paper.get_attribute("fill")
            told, content = saved(view, "SVG")
            assert told == f"optbench-{file}.svg"
            assert paper.get_attribute("fill") == dark != "#ffffff"  # the page stays as it is
            reader.set_content(content.decode())
            assert reader.locator("svg").first.get_attribute("width") == {"slide": "8.33in", "paper": "3.3in"}[size]
            assert reader.locator("svg > rect").first.get_attribute("fill") == "#ffffff"
            legend = reader.locator("[data-part=entry]").all_text_contents()
            assert legend == ([] if others is None else ["gd", "momentum", "rmsprop", "adagrad", *others])
            assert reader.locator("[data-part=title]").text_content().endswith(title)
            assert "".join(reader.locator("[data-part=subtitle]").all_text_contents()) == subtitle
            source = reader.locator("[data-part=source]").text_content()
            assert source.startswith("optbench 0.1.0  ·  python -m optbench sweep")
        file, content = saved(view, "PNG")
        assert file == "optbench-rosenbrock-paths.png" and content.startswith(b"\x89PNG") and len(content) > 5_000
        wide = int.from_bytes(content[16:20], "big")
        assert wide == {"slide": 1920, "paper": 1330}[size]


def test_what_is_on_the_screen_is_saved_as_csv(chromium, usual):
    with opened(chromium, usual, "#?view=curves&problem=breast_cancer&y=test_accuracy&others=no&hide=gd",
                accept_downloads=True) as view:  # fmt: skip
        file, content = saved(view, "CSV")
        table = pd.read_csv(io.BytesIO(content), dtype={"batch_size": str})
        assert file == "optbench-breast_cancer-test_accuracy.csv"
        assert table["optimizer"].unique().tolist() == list(OPTIMIZERS[1:])
        lines = {trace["name"]: trace for trace in traces(view) if trace["name"]}
        for name, rows in table.groupby("optimizer"):
            assert rows["epochs"].tolist() == lines[name]["x"] and rows["test_accuracy"].tolist() == lines[name]["y"]
            assert (rows["low"] <= rows["test_accuracy"]).all() and (rows["test_accuracy"] <= rows["high"]).all()
        for view_name, wanted in (("seeds", "value"), ("sensitivity", "median"), ("runtimes", "targets reached"),
                                  ("ranks", "mean rank"), ("paths", "w_1")):  # fmt: skip
            view.evaluate(f"location.hash = '#?view={view_name}&hide=gd'")
            view.wait_for_function(f"optbench.explorer.shown().name === '{view_name}'")
            table = pd.read_csv(io.BytesIO(saved(view, "CSV")[1]))
            assert wanted in table and set(table["optimizer"]) == set(OPTIMIZERS[1:])


def test_the_share_of_good_rates_and_rectangles_that_keep_settings(chromium, usual):
    results = load(usual.parents[1])
    runs = results.runs.query("problem == 'breast_cancer' and seed > 2")
    keys = ["optimizer", "lr", "batch_size", "schedule"]
    medians = runs.groupby(keys)["suboptimality_final"].median()  # inf where half of the runs diverged
    with opened(chromium, usual, "#?view=sensitivity&problem=breast_cancer") as view:
        told = {
            OPTIMIZERS[place]: (within, of) for place, within, of in view.evaluate("optbench.explorer.shown().shares()")
        }
        for name in OPTIMIZERS:
            best = medians[name].groupby("lr").min()
            assert told[name] == ((best <= 2 * best.min()).sum(), 3)
        view.select_option("select[name=show]", "settings")
        assert view.evaluate("optbench.explorer.shown().inside()") == len(medians) == 60
        left, right = view.evaluate(f"[0.03, 0.5].map({SHOWN}.panels[3].x.to)")
        drag(view, lambda at: (left, at["top"] + 2), lambda at: (right, at["bottom"] - 2), 3)
        view.wait_for_function("optbench.explorer.shown().inside() < 60")
        assert view.evaluate("optbench.explorer.shown().inside()") == 40  # the rates 0.1 and 0.3
        assert "brush=rate" in view.url and "Kept: 40 of 60" in view.locator("#explore-note").inner_text()
        best = medians.drop(0.01, level="lr").nsmallest(10)
        told = [float(row.split("\t")[-1]) for row in view.locator("#explore-table tbody tr").all_inner_texts()]
        assert told == pytest.approx(best.tolist(), rel=5e-3)
        view.context.grant_permissions(["clipboard-read", "clipboard-write"])
        press(view, "Copy table as Markdown")
        view.get_by_text("Copied.").wait_for()
        lines = view.evaluate("navigator.clipboard.readText()").splitlines()
        assert len(lines) == 12 and lines[0].startswith("| optimizer | setting |") and lines[1] == "| --- | --- | --: |"
        press(view, "Reset")
        assert "brush" not in view.url


def test_nothing_selected(chromium, usual):
    with opened(chromium, usual, f"#?view=curves&hide={','.join(OPTIMIZERS)}") as view:
        for button in view.locator("#explore-views button").all():
            button.click()
            assert view.get_by_text("Nothing selected").is_visible()
            assert not view.locator("#explore-chart").is_visible() and view.locator("#explore-png").is_disabled()
            assert not view.locator("#explore-table").is_visible() and not view.locator("#explore-player").is_visible()
        press(view, "Show all optimizers")
        assert view.locator("#explore-chart svg").is_visible() and "hide" not in view.url


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
        for name in ("Seeds", "Sensitivity", "Runtimes", "Ranks", "Paths", "Curves"):
            press(view, name)
            wide, room = view.evaluate(
                "(e => [e.scrollWidth, e.clientWidth])(document.getElementById('explore-section'))"
            )
            assert wide <= room, name
            assert view.locator("#explore-app :is(img, b)").count() == 0
        press(view, "Ranks")
        ticks = view.evaluate(f"{SHOWN}.panels[0].y.ticks.map(([, name]) => name)")
        assert set(ticks) <= set(view.locator("#explore-chart [data-part=tick]").all_text_contents())
        assert set(ticks) == {name if len(name) <= 24 else name[:23].rstrip() + "…" for name in HOSTILE["optimizers"]}
        heads = view.locator("#explore-table thead th").all_inner_texts()
        assert HOSTILE["problems"][0] in heads and HOSTILE["problems"][1] in heads
        legend(view, HOSTILE["optimizers"][3]).click()
        assert view.locator("#explore-table tbody tr").count() == 3
        view.reload()
        assert view.locator("#explore-table tbody tr").count() == 3
        left, top = place_of(view, *(traces(view)[1][name][0] for name in "xy"))
        view.mouse.move(left - 2, top)
        view.mouse.move(left, top)
        told = view.locator(".explore-told").text_content()
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
