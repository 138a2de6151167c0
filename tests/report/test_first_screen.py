"""The first screen in a real browser: what it says, how high the page is, what unfolds, when the explorer starts."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from browser import opened, scrolls_sideways
from PIL import Image
from synthetic import PROBLEMS, make_tables, write_folder

from optbench import load
from optbench.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SMALL = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1, 0.3), "points": 8, "epochs": 6}
SMALL |= {"schedules": ("constant", "sqrt_step(k=1.0)")}
PICTURE = Path(__file__).parent / "first_screen.png"
ALIKE, COLORED = 5.0, 1.2
"""Mean differences at 360 pixels wide, of 255, of pixels and of how colored they are: another font makes a small one, a
screen without its colors a large one."""


@pytest.fixture(scope="module")
def seven(tmp_path_factory):
    """As many problems and optimizers as the default sweep has."""
    tables = make_tables([*PROBLEMS, "plateau"], **SMALL)
    tables["timings"]["seconds"] *= 1000
    return write_report(write_folder(tmp_path_factory.mktemp("seven") / "it's here", tables))


def places(view, row):
    """Return by optimizer the middle of its mark in a row, in pixels, and by label those of the ticks."""
    script = (
        "row => {const middle = e => {const b = e.getBoundingClientRect(); return b.x + b.width / 2};"
        "const shown = e => e.getClientRects().length;"
        "const marks = [...document.querySelectorAll('.forest .row')[row].querySelectorAll('g')].filter(shown)"
        ".map(g => [g, g.querySelector('[href^=\"#mark\"]')]).filter(([g, mark]) => mark);"
        "const ticks = [...document.querySelectorAll('.forest .heads text:not(.band)')].filter(shown);"
        "return [Object.fromEntries(marks.map(([g, mark]) => [g.querySelector('title').textContent.split(' ')[0],"
        " middle(mark)])), Object.fromEntries(ticks.map(t => [t.textContent, middle(t)]))]}"
    )
    return view.evaluate(script, row)


def differ(a, b):
    """Return the mean differences of two pictures: of their pixels, and of the spread of colors in each of them."""
    a, b = (np.asarray(each, dtype=float) for each in (a, b))
    return np.abs(a - b).mean(), np.abs(np.ptp(a, axis=2) - np.ptp(b, axis=2)).mean()


@pytest.mark.parametrize(("measure", "rows"), [("", (2, 3)), ("test_accuracy", (3, 4))])
def test_marks_stand_where_the_verdicts_have_them(chromium, seven, measure, rows):
    verdicts = load(seven.parents[1]).verdicts(measure or None)
    names = list(verdicts["problem"].unique())
    with opened(chromium, seven, f"#?judge={measure}", width=1440, explore=False) as view:
        view.locator("summary:has(#forest)").click()
        for row in rows:
            marks, ticks = places(view, row)
            last, end = max((float(text[:-1].replace(",", "")), x) for text, x in ticks.items() if text != "leader")
            decade = (end - ticks["leader"]) / math.log(last)
            (leader,) = [name for name, x in marks.items() if abs(x - ticks["leader"]) < 0.7][:1]
            for name in set(marks) - {leader}:
                pair = verdicts[(verdicts["problem"] == names[row])]
                (found,) = pair[pair["a"].isin([name, leader]) & pair["b"].isin([name, leader])].to_dict("records")
                ratio = found["ratio"] if found["a"] == leader else 1 / found["ratio"]
                assert marks[name] == pytest.approx(ticks["leader"] + decade * math.log(ratio), abs=2.5)


def test_the_first_screen_fits_and_looks_as_it_did(chromium, seven, tmp_path):
    """Where a change is meant, look at the new picture, whose place the message names, and put it there."""
    with opened(chromium, seven, width=1440, height=900, explore=False) as view:
        assert view.evaluate("document.querySelector('.matrix').getBoundingClientRect().bottom + scrollY") <= 800
        assert view.locator(".matrix .row").count() == 7 and not view.locator(".matrix .folded:visible").count()
        above, _, below = view.locator(".glance > *").all()
        assert above.bounding_box()["y"] + above.bounding_box()["height"] == pytest.approx(
            below.bounding_box()["y"], abs=1
        ), "what follows stands under the answer, however high the cards beside it are"
        clip = {"x": 0, "y": 0, "width": 1440, "height": 700}
        content = [view.screenshot(clip=clip)]
        view.evaluate("document.querySelectorAll('.matrix .cell').forEach(e => e.style.background = 'none')")
        content.append(view.screenshot(clip=clip))
    (tmp_path / "first_screen.png").write_bytes(content[0])
    pictures = [Image.open(io.BytesIO(each)).convert("RGB") for each in content]
    now, without = (each.resize((360, 175), Image.Resampling.BOX) for each in pictures)
    now.save(tmp_path / "small.png")
    then = Image.open(PICTURE).convert("RGB")
    assert differ(now, then)[0] < ALIKE and differ(now, then)[1] < COLORED, f"see {tmp_path}"
    assert differ(without, then)[1] > COLORED


def test_heights_in_screens_and_all_that_unfolds(chromium, seven):
    for width, height, most in ((1440, 900, 10), (390, 844, 20)):
        with opened(chromium, seven, width=width, height=height) as view:
            assert view.evaluate("document.documentElement.scrollHeight") <= most * height
            folds = view.locator("details.fold")
            assert folds.count() > 12 and view.locator("details.fold[open]").count() == 0
            assert view.locator("table.data:visible").count() == 0
            view.get_by_role("button", name="Unfold all").click()
            assert view.locator("details.fold[open]").count() == folds.count()
            assert view.locator("table.data:visible").count() == view.locator("table.data").count() > 14
            view.get_by_role("button", name="Fold all").click()
            assert view.locator("details.fold[open]").count() == 0


def test_an_address_and_a_choice_open_what_is_folded(chromium, seven):
    with opened(chromium, seven, hash="#problem-saddle", explore=False) as view:
        section = view.locator("section.problem:has(#problem-saddle)")
        assert section.locator("table.data").first.is_visible()
        assert 0 <= section.bounding_box()["y"] < 150
        assert view.locator("details.fold[open]").count() == 1
        view.locator(".bar a[href='#method']").click()
        assert view.locator("section:has(#method) .folded").is_visible()
        view.locator("summary:has(#method)").click()
        view.locator(".bar a[href='#method']").click()  # the same address again
        assert view.locator("section:has(#method) .folded").is_visible()
        view.select_option(".bar select", label="rosenbrock")
        view.wait_for_function("location.hash === '#problem-rosenbrock'")
        assert view.locator("section.problem:has(#problem-rosenbrock) table.data").first.is_visible()
        view.wait_for_function("document.querySelector('.bar select').value === 'problem-rosenbrock'")
        assert view.locator(".bar").bounding_box()["y"] == 0
        view.evaluate("scrollTo(0, 0)")
        view.wait_for_function("document.querySelector('.bar select').value === ''")


def test_paper_has_all_of_it(chromium, seven):
    with opened(chromium, seven, explore=False) as view:
        hidden = view.locator("section:has(#method) .folded p").first
        assert not hidden.is_visible()
        view.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert view.locator("details.fold:not([open])").count() == 0 and hidden.is_visible()
        view.evaluate("dispatchEvent(new Event('afterprint'))")
        assert view.locator("details.fold[open]").count() == 0
        view.emulate_media(media="print")  # without a script, too
        assert hidden.evaluate("e => e.getBoundingClientRect().height") > 10
        assert not any(each.is_visible() for each in view.locator(".bar, .judge, .explore.waiting").all())
        assert view.locator(".forest .row svg.plot:visible").count() == 7


def test_the_measure_is_chosen_in_the_address(chromium, seven):
    results = load(seven.parents[1])
    with opened(chromium, seven, width=1440, explore=False) as view:
        first = view.locator("h1").inner_text()
        words = view.locator(".judge label").all_inner_texts()
        assert words[-1] == "test accuracy" and len(words) == len(set(words)) >= 2
        assert view.locator(".judge input:checked").count() == 1
        cells = view.locator(".matrix .row .cell:visible")
        assert (
            cells.count() == 7 * results.runs["optimizer"].nunique() and not view.locator(".cell.none:visible").count()
        )
        view.get_by_label("test accuracy", exact=True).check(force=True)
        assert view.evaluate("location.hash") == "#?judge=test_accuracy"
        assert view.locator(".matrix .heads .who:visible").inner_text() == "Errors, times the leader’s"
        rows = view.locator(".matrix .row").filter(has_text="no test accuracy")
        assert rows.count() == 3
        assert {*rows.locator(".cell:visible b").all_inner_texts()} == {"–"}  # judged by nothing else
        ranked = results.ranking("test_accuracy")
        row = ranked[(ranked["problem"] == "breast_cancer")].sort_values("value").iloc[0]
        section = view.locator(".matrix .row:has(#problem-breast_cancer)")
        section.locator("> summary").click()
        assert row["optimizer"] in section.locator("[data-by] p:visible").first.inner_text()
        assert view.title() == f"{view.locator('h1').inner_text()} · optbench"
        below = view.locator(".glance .reading").first.inner_text()
        assert f"Judged by test accuracy; tables are by {words[0]}." in below
        chosen = view.locator("h1").inner_text()
        view.get_by_label(words[0], exact=True).check(force=True)
        assert view.evaluate("location.hash") == "" and view.locator("h1").inner_text() == first
    with opened(chromium, seven, hash="#?judge=test_accuracy", explore=False) as view:
        assert view.locator("h1").inner_text() == chosen and view.get_by_label("test accuracy", exact=True).is_checked()
        view.emulate_media(media="print")
        assert view.locator("h1").inner_text() == chosen  # printed as chosen
    with opened(chromium, seven, hash="#?judge=nothing", explore=False) as view:
        assert view.locator("h1").inner_text() == first
    with opened(chromium, seven, hash="#?judge=test_accuracy", java_script_enabled=False) as view:
        assert view.locator("h1").inner_text() == first and not view.locator(".judge").is_visible()


def test_commands_name_the_folder_that_the_page_lies_in(chromium, seven):
    with opened(chromium, seven, explore=False) as view:
        commands = view.locator(".settle code").all_inner_texts()
        folder = str(seven.parents[1]).replace("'", "'\"'\"'")
        assert commands and all(f"--out '{folder}' --" in text for text in commands)
        rows = view.locator(".settle tbody tr:has(code)")
        assert all(text.split()[-1] in ("s", "min", "h") for text in rows.locator("td:last-child").all_inner_texts())
        button = view.locator(".settle .copy").first
        button.click()
        view.wait_for_function("document.querySelector('.settle .copy').firstChild.textContent === 'Copied'")
    with opened(chromium, seven, java_script_enabled=False) as view:
        assert all("--out . --" in text for text in view.locator(".settle code").all_inner_texts())


def test_the_explorer_starts_when_it_is_asked_for(chromium, seven):
    assert seven.stat().st_size < 2_000_000
    started = "!!document.querySelector('#explore-chart svg')"
    with opened(chromium, seven, width=1440, explore=False) as view:
        view.wait_for_timeout(300)
        assert view.evaluate("typeof optbench.explorer") == "undefined"
        view.select_option(".bar select", label="saddle")  # before it has started
        view.wait_for_function("location.hash === '#problem-saddle'")
        view.locator("#explorer").scroll_into_view_if_needed()
        view.wait_for_function(started)
        assert view.locator("#explore-controls select[name=problem] option:checked").inner_text() == "saddle"
        view.select_option(".bar select", label="rosenbrock")  # and after
        assert view.locator("#explore-controls select[name=problem] option:checked").inner_text() == "rosenbrock"
    with opened(chromium, seven, explore=False) as view:
        view.locator(".bar .all").focus()
        for _ in range(40):  # by keyboard
            view.keyboard.press("Tab")
            if view.evaluate("document.activeElement.closest('#explore-section') !== null"):
                break
        view.wait_for_function(started)
        view.keyboard.press("Tab")
        assert view.evaluate("document.activeElement.closest('#explore-views') !== null")
    for hash in ("#explorer", "#?view=sensitivity"):
        with opened(chromium, seven, hash=hash, explore=False) as view:
            view.wait_for_function(started)
            view.wait_for_function("scrollY > 100")


def test_more_problems_and_optimizers_than_a_screen_holds(chromium, tmp_path):
    problems = [f"problem_{place:02}(dim={place})" for place in range(15)]
    names = [f"rule_{place:02}" for place in range(14)]
    small = {"batch_sizes": (16,), "rates": (0.01, 0.1), "schedules": ("constant",), "seeds": range(4), "points": 3}
    page = write_report(
        write_folder(tmp_path, make_tables(problems, names, **small, two_dimensional=(), without_test=problems))
    )
    assert page.stat().st_size < 10_000_000
    for width in (390, 1440):
        with opened(chromium, page, width=width, explore=False) as view:
            assert view.locator(".matrix .row").count() == 15 and not scrolls_sideways(view)
            assert view.locator(".matrix.colors .row .cell:visible").count() == 15 * 14
            assert not view.locator(".matrix.colors .row .cell b:visible").count()
            view.locator(".matrix .row > summary").nth(12).click()
            assert view.locator(".matrix .folded:visible").count() == 1
            assert view.locator(".judge").is_visible()
            view.locator("summary:has(#forest)").click()
            marks = view.locator(".forest .row").first.locator("svg:visible g").count()
            assert marks == 11 and "the leader and the best ten others" in view.locator(".reading").last.inner_text()
            assert "3 optimizers not shown" in view.locator(".forest .row svg:visible").first.get_attribute(
                "aria-label"
            )
