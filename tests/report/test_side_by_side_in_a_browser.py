"""Several folders on one page in a real browser: the answer first, details folded, on a phone, on paper."""

import pytest
from browser import opened, scrolls_sideways
from synthetic import make_tables, write_folder

from optbench.report import write_side_by_side

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SMALL = {"optimizers": ["gd", "momentum", "rmsprop", "adam"], "batch_sizes": (16, "full"), "rates": (0.01, 0.1),
         "points": 8, "schedules": ("constant", "sqrt_step(k=1.0)")}  # fmt: skip
ODD = 'n<b>"w" \ucd5c\uc801\ud654' + "x" * 180
PAGES = [(360, "dark"), (390, "light"), (1440, "light")]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The first folder beside an equal one, and beside one of other runs with a problem of its own."""
    folder = tmp_path_factory.mktemp("sides")
    one = ["rosenbrock", "breast_cancer"]
    wanted = [("old", one, 0), (ODD, one, 0), ("other", [*one, "a <i>&</i> " + "long " * 30], 1)]
    folders = [
        write_folder(folder / name, make_tables(**SMALL, problems=problems, random_seed=seed))
        for name, problems, seed in wanted
    ]
    return write_side_by_side(folders, out=folder / "side.html"), folders


@pytest.mark.parametrize(("width", "scheme"), PAGES)
def test_the_title_answers_and_the_chart_is_on_the_first_screen(chromium, page, width, scheme):
    page, folders = page
    with opened(chromium, page, width=width, height=844, color_scheme=scheme) as view:
        title = view.locator("h1").inner_text()
        assert title.startswith("B against A: identical on both problems; C: ")
        assert view.title() == f"{title} \u00b7 optbench"
        assert view.locator(".sides .wraps").all_inner_texts() == [str(folder) for folder in folders]
        assert not scrolls_sideways(view)
        charts = view.locator(".row svg.plot:visible")
        assert charts.count() == 4 and charts.first.bounding_box()["y"] < 844
        assert charts.first.get_attribute("aria-label").startswith("Beside A: gd 1")
        assert view.locator("table.data:visible, .panels:visible").count() == 0
        wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        assert view.evaluate(f"{wide}.filter(e => !e.closest('.scroll, .unseen, svg')).map(e => e.outerHTML)") == []


@pytest.mark.parametrize(("width", "scheme"), PAGES)
def test_a_row_opens_to_curves_and_values_and_paper_has_all(chromium, page, width, scheme):
    page, _ = page
    with opened(chromium, page, width=width, height=844, color_scheme=scheme) as view:
        row = view.locator(".row").first
        row.locator("summary").first.press("Enter")
        assert row.locator("table.data tbody tr:visible").count() == 4
        lines = row.locator(".panels svg:visible polyline")
        assert lines.count() == 8 and not scrolls_sideways(view)
        # Of equal folders, they lie on each other
        points = lines.evaluate_all("each => each.map(line => line.getAttribute('points'))")
        assert points[::2] == points[1::2] and len({*points}) > 1
        one, two = (lines.nth(place).evaluate("e => getComputedStyle(e).stroke") for place in (0, 1))
        assert one != two
        view.emulate_media(media="print")
        assert view.locator("table.data:visible").count() == view.locator("table.data").count() == 5
        assert view.locator("#folders, #versions").count() == 2 and view.locator(".card:visible").count() == 3


def test_without_scripts_all_is_there(chromium, page):
    with opened(chromium, page[0], java_script_enabled=False) as view:
        view.locator(".row summary").first.click()
        assert view.locator(".row svg.plot:visible").count() == 4 and view.locator(".panels:visible").count() == 1
