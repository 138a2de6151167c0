"""The page in a real browser: what a reader sees before and after each control, on a phone, in the dark, on paper."""

import csv
import io
import itertools

import pandas as pd
import pytest
from browser import opened, scrolls_sideways
from harness import CATALOGUE
from synthetic import make_tables, write_folder

from optbench.contract.equals import LIBRARIES
from optbench.report import write_report
from optbench.run.chosen import format_hyperparameters
from optbench.translation.code import render
from optbench.translation.libraries import TITLES
from optbench.translation.setting import Setting, find_equal, find_own_rate

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ODD = 'a "very" odd <img src=x onerror=alert(1)> & 최적화 ' + "long " * 36
SMALL = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 8, "schedules": ("constant", "sqrt_step(k=1.0)")}
DARK, LIGHT = "rgb(20, 22, 26)", "rgb(251, 251, 252)"


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    optimizers = ["gd", "momentum", "rmsprop", "adam", "lbfgs"]  # the last one has the full batch alone
    tables = make_tables(problems=["rosenbrock", "breast_cancer", ODD], optimizers=optimizers, **SMALL)
    tables["snippets"] = codes(tables["runs"])
    return write_report(write_folder(tmp_path_factory.mktemp("usual"), tables), static=True)


def codes(runs):
    """Return the table of every setting's code, as a sweep would have written it."""
    rows, keys = [], ["problem", "optimizer", "schedule", "batch_size", "lr"]
    hyperparameters = list(runs.columns[runs.columns.get_loc("optimizer") + 1 : runs.columns.get_loc("schedule")])
    for row in runs.drop_duplicates(keys).to_dict("records"):
        values = {key: row[key] for key in hyperparameters if pd.notna(row[key])}
        (record, defaults), schedule = CATALOGUE.optimizer(row["optimizer"]), CATALOGUE.schedule(row["schedule"])
        setting = Setting(record, defaults | values, row["lr"], schedule, int(row["batch_size"]), 20)
        for library in (each for each in LIBRARIES if each == "torch" or find_equal(setting, each).call is not None):
            code = {"library": TITLES[library], "equal": 1, "code": render(setting, library)}
            code["rate"] = find_own_rate(setting, find_equal(setting, library))
            rows.append({**{key: row[key] for key in keys}, "hyperparameters": format_hyperparameters(values), **code})
    return pd.DataFrame(rows)


def paper(view):
    return view.evaluate("getComputedStyle(document.body).backgroundColor")


def column(view, table, place):
    cells = view.locator(f"table[data-name='{table}'] tbody tr:visible > :nth-child({place})")
    return [text.split("\n")[0].strip() for text in cells.all_inner_texts()]


def saved(view, button):
    with view.expect_download() as event:
        button.click()
    return event.value.suggested_filename, event.value.path().read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [360, 1280])
def test_no_error_no_request_no_sideways_scrolling_and_names_as_they_are(chromium, usual, width):
    with opened(chromium, usual, width=width) as view:
        assert view.title() == f"{view.locator('h1').inner_text()} · optbench"
        assert not scrolls_sideways(view)
        names = [each.get_attribute("title").strip() for each in view.locator(".matrix .row h2").all()]
        assert names == ["rosenbrock", "breast_cancer", ODD.strip()]
        # The answer is on the first screen.
        assert view.locator(".counts").bounding_box()["y"] < 400
        assert view.locator(".matrix .row").first.bounding_box()["y"] < 700
        view.get_by_role("button", name="Unfold all").click()
        assert not scrolls_sideways(view)
        wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        inside = f"{wide}.filter(e => !e.closest('.scroll, .picture, pre, .unseen, .bar ul')).map(e => e.outerHTML)"
        assert view.evaluate(inside) == []


def test_tables_sort_filter_and_save(chromium, usual):
    with opened(chromium, usual, hash="#settings", accept_downloads=True) as view:
        table = view.locator("table[data-name='settings']")
        head = table.locator("thead th", has_text="median")
        assert head.get_attribute("aria-sort") is None and len(column(view, "settings", 1)) == 15
        for direction, descending in (("ascending", False), ("descending", True)):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == direction
            values = [float(text) for text in column(view, "settings", 7)]
            assert values == sorted(values, reverse=descending) and len(set(values)) > 5
        table.locator("thead th", has_text="interval").locator("button").click()
        lows = [float(text.strip("[]").split(",")[0]) for text in column(view, "settings", 8) if text != "–"]
        assert lows == sorted(lows) and len(set(lows)) > 5  # as numbers, not digit by digit
        table.locator("thead th", has_text="batch").locator("button").click()
        batches = column(view, "settings", 4)
        assert batches == ["16"] * batches.count("16") + ["full"] * batches.count("full")
        names = table.locator("thead th", has_text="optimizer")
        names.locator("button").press("Enter")  # by keyboard
        assert column(view, "settings", 2) == sorted(column(view, "settings", 2))
        assert head.get_attribute("aria-sort") is None

        tools = view.locator(".tools:has(+ .scroll table[data-name='settings'])")
        tools.locator("input").fill("breast adam")
        assert (
            column(view, "settings", 1) == ["breast_cancer"]
            and tools.locator("[role=status]").inner_text() == "1 of 15 rows"
        )
        name, text = saved(view, tools.locator("button", has_text="CSV"))
        (row,) = csv.DictReader(io.StringIO(text))
        assert name == "settings.csv" and [row["problem"], row["optimizer"]] == ["breast_cancer", "adam"]
        assert float(row["median"]) > 0 and len(row["median"]) > 10
        tools.locator("input").fill("")
        assert len(column(view, "settings", 1)) == 15 and tools.locator("[role=status]").inner_text() == ""
        values = ["=1+1", "-2+3", "@x", "-0.5", "-inf", "plain", '=a,"b"']
        text = view.evaluate("values => optbench.exports.csv([values.map(value => ({value}))])", values)
        assert next(csv.reader(io.StringIO(text))) == ["'=1+1", "'-2+3", "'@x", "-0.5", "-inf", "plain", '\'=a,"b"']
        name, text = saved(view, tools.locator("button", has_text="LaTeX"))
        assert (
            name == "settings.tex" and "\\toprule" in text and "\\textless{}img src=x" in text and "\\& 최적화" in text
        )
        assert text.count("\\\\\n") == 16
        # \textbf sets no formula in bold; a best value that is a power of ten would need \boldmath.
        assert "\\textbf{$" not in text


def test_theme_by_the_switch_by_the_system_and_in_the_address(chromium, usual):
    with opened(chromium, usual) as view:
        assert paper(view) == LIGHT
        view.evaluate("document.addEventListener('themechange', (event) => (window.told = event.detail))")
        view.get_by_label("dark").check(force=True)
        assert (paper(view), view.evaluate("window.told"), view.evaluate("location.hash")) == (
            DARK,
            "dark",
            "#?theme=dark",
        )
        view.get_by_label("system").check(force=True)
        assert paper(view) == LIGHT and view.evaluate("location.hash") == ""
        view.emulate_media(color_scheme="dark")
        assert paper(view) == DARK
        view.emulate_media(media="print", color_scheme="dark")
        assert paper(view) == "rgb(255, 255, 255)"
        hidden = view.locator("nav.bar, .tools, fieldset.theme")
        assert hidden.count() > 3 and not any(each.is_visible() for each in hidden.all())
        assert view.locator(".matrix .row").first.is_visible() and view.locator("table.data").first.is_visible()
    with opened(chromium, usual, hash="#?theme=dark") as view:
        assert paper(view) == DARK and view.get_by_label("dark").is_checked()
    with opened(chromium, usual, color_scheme="dark") as view:
        assert paper(view) == DARK and view.get_by_label("system").is_checked()


def test_by_keyboard_and_for_screen_readers(chromium, usual):
    with opened(chromium, usual) as view:
        seen = []
        for _ in range(35):
            view.keyboard.press("Tab")
            seen.append(view.evaluate("[document.activeElement.tagName, document.activeElement.textContent.trim()]"))
        assert seen[0] == ["A", "Skip to the content"] and seen[1][0] == "INPUT"
        assert seen[2][0] == "SELECT" and seen[3] == ["A", "Answer"]
        rows = [text for tag, text in seen if tag == "SUMMARY"]
        assert rows[0].startswith("rosenbrock") and rows[3].startswith("As a chart")
        focused = "getComputedStyle(document.activeElement).outlineStyle"
        assert view.evaluate(focused) == "solid"
        name = "e.getAttribute('aria-label') || document.getElementById(e.getAttribute('aria-labelledby')).textContent"
        marked = "document.querySelectorAll('section, article, nav, [role=region]')"
        labels = view.evaluate(f"[...{marked}].map(e => {name})")
        assert len(labels) > 12 and all(label.strip() for label in labels)
        assert view.evaluate("[...document.images].every(e => e.alt)")
        named = "e.textContent || e.ariaLabel || e.labels.length"
        assert view.evaluate(f"[...document.querySelectorAll('button, input')].every(e => {named})")
        levels = view.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
        assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_without_javascript_the_answer_is_there(chromium, usual):
    with opened(chromium, usual, java_script_enabled=False) as view:
        assert view.locator(".matrix .row").count() == 3 and not view.locator("fieldset.theme").is_visible()
        view.locator(".matrix .row > summary").first.click()
        view.locator(".carry:visible > summary").first.click()
        assert view.locator(".matrix pre:visible").count() == 1 and not view.locator(".copy:visible").count()
        for name in ("settings", "method", "forest"):
            view.locator(f"summary:has(#{name})").click()
        assert view.locator("table[data-name='settings']").is_visible()
        assert view.locator(".forest svg.plot:visible").count() == 4 and view.locator(".forest g use").count() > 10
        assert not view.locator(".judge, .bar select, .bar button").first.is_visible()


def test_a_setting_is_carried_away_by_the_keyboard_and_on_paper(chromium, usual):
    """One library's code at a time, copied as it stands; what is closed is not printed, what is open is, whole."""
    for width, scheme in ((360, "dark"), (1280, "light")):
        with opened(chromium, usual, width=width, color_scheme=scheme) as view:
            view.locator(".matrix .row > summary").first.click()
            card = view.locator(".matrix .row").first
            assert card.locator("pre:visible").count() == 0 and not card.locator(".copy:visible").count()
            card.locator(".carry:visible > summary").first.press("Enter")
            assert card.locator("pre:visible").count() == 1 and not scrolls_sideways(view)
            names = card.locator(".code > summary:visible").all_inner_texts()
            assert [name.split()[0] for name in names][:2] == ["PyTorch", "optax"]
            card.locator(".code > summary").nth(1).press("Enter")
            code = card.locator("pre:visible")
            assert code.count() == 1 and "import optax" in code.inner_text()
            compile(code.inner_text(), "<card>", "exec")
            button = card.locator(".copy:visible")
            assert button.evaluate("e => e.textContent") == "Copy the code for optax"
            button.press("Enter")
            button.press("Enter")  # a second time at once, and what says so goes once
            view.wait_for_function("document.querySelector('.code[open] .copy').firstChild.textContent === 'Copied'")
            assert view.locator("[role=status].unseen").inner_text() == "Copied"
            view.wait_for_function("document.querySelector('.code[open] .copy').firstChild.textContent === 'Copy'")
            view.emulate_media(media="print")
            assert card.locator("pre:visible").count() == 1 and not view.locator(".copy:visible").count()
            assert view.locator(".carry:visible").count() == 1
            assert code.evaluate("e => e.scrollHeight <= e.clientHeight + 1 && e.scrollWidth <= e.clientWidth + 1")
