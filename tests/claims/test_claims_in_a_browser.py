"""The page of claims in a real browser: one claim presented, keys, the filter, dark colors, phone, paper, links."""

import re
from dataclasses import replace

import pytest
from browser import opened, scrolls_sideways
from test_claims import PAPER, planted

from optbench.claims import run_claims
from optbench.claims.claim import DEPENDS, FAILS, HOLDS, UNDECIDED, Budget

pytestmark = pytest.mark.browser
KINDS = {"A1": HOLDS, "A2": FAILS, "B1": DEPENDS, "B2": UNDECIDED, "B3": HOLDS}
SHOWN = "[...document.querySelectorAll('article')].filter(each => each.offsetParent).map(each => each.id)"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of five planted claims, one of them with a long sentence."""
    folder = tmp_path_factory.mktemp("claims")
    claims = [planted(id, kind) for id, kind in KINDS.items()]
    claims[1] = replace(claims[1], sentence="a sentence of many words " * 12, experiment=claims[0].experiment)
    run_claims.run(claims, folder, Budget(), PAPER)
    return folder / "index.html"


def size_of(view, selector):
    """Return the size of the letters of the first such element, in px."""
    return view.eval_on_selector(selector, "each => parseFloat(getComputedStyle(each).fontSize)")


def test_an_address_presents_one_claim_and_keys_go_on_and_leave(chromium, page):
    with opened(chromium, page, "#A2") as view:
        assert view.evaluate(SHOWN) == ["A2"] and not view.locator(".overview").is_visible()
        assert size_of(view, "#A2 h3") == size_of(view, "#A2 .measured") == 28
        said, figure = (view.locator(f"#A2 {name}").bounding_box() for name in (".said", "figure"))
        assert figure["x"] >= said["x"] + said["width"], "the figure stands beside the words"
        view.keyboard.press("ArrowRight")
        assert view.evaluate(SHOWN) == ["B1"] and view.url.endswith("#B1")
        assert view.evaluate("document.activeElement.id") == "B1"
        view.keyboard.press("ArrowLeft")
        view.keyboard.press("ArrowLeft")
        view.keyboard.press("ArrowLeft")
        assert view.evaluate(SHOWN) == ["B3"], "before the first one stands the last one"
        view.go_back()
        assert view.evaluate(SHOWN) == ["A1"]
        view.keyboard.press("Escape")
        assert view.evaluate(SHOWN) == list(KINDS) and view.locator("#at-A1").is_visible()
        view.click("article#B2 .present")
        assert view.evaluate(SHOWN) == ["B2"]


def test_a_presented_claim_fits_a_projector_in_letters_of_16_px(chromium, page):
    with opened(chromium, page, width=1920, height=1080) as view:
        for id in KINDS:
            view.evaluate("id => { location.hash = id; }", id)
            assert view.evaluate(SHOWN) == [id]
            assert view.evaluate("document.documentElement.scrollHeight") <= 1080
            words = "all => all.filter(e => e.offsetParent).map(e => parseFloat(getComputedStyle(e).fontSize))"
            assert min(view.eval_on_selector_all(f"#{id} :is(h3, p, dt, dd, td, a)", words)) >= 16


def test_a_claim_is_presented_without_a_script(chromium, page):
    with opened(chromium, page, "#B1", java_script_enabled=False) as view:
        assert view.locator("#B1").is_visible() and not view.locator("#A1").is_visible()
        view.click("#B1 .steps [rel=next]")
        assert view.locator("#B2").is_visible() and not view.locator("#B1").is_visible()


def test_the_filter_shows_the_claims_of_a_verdict_and_stands_in_the_address(chromium, page):
    rows = "[...document.querySelectorAll('.overview tbody tr')].filter(each => each.offsetParent).length"
    with opened(chromium, page) as view:
        view.check("input[name=verdict][value=holds]", force=True)
        assert view.evaluate(SHOWN) == ["A1", "B3"] and view.evaluate(rows) == 2
        assert view.url.endswith("#?verdict=holds")
        view.evaluate("location.hash = 'A1'")
        view.keyboard.press("ArrowRight")
        assert view.evaluate(SHOWN) == ["B3"], "keys go through what the filter leaves"
    with opened(chromium, page, "#?verdict=depends") as view:
        assert view.evaluate(SHOWN) == ["B1"] and not view.get_by_text("A. First").is_visible()
        view.check("input[name=verdict][value='']", force=True)
        assert view.evaluate(SHOWN) == list(KINDS)


def test_dark_is_dark_and_figures_stand_on_white(chromium, page):
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(chromium, page) as light, opened(chromium, page, color_scheme="dark") as dark:
        assert light.evaluate(ground) != dark.evaluate(ground)
        dark.check("input[name=theme][value=light]", force=True)
        assert dark.evaluate(ground) == light.evaluate(ground)
        dark.check("input[name=theme][value=dark]", force=True)
        picture = "name => getComputedStyle(document.querySelector('figure img'))[name]"
        assert dark.evaluate(picture, "backgroundColor") == "rgb(255, 255, 255)"
        assert dark.evaluate(picture, "borderRadius") != "0px" and "brightness" in dark.evaluate(picture, "filter")


def test_no_link_is_dead(chromium, page):
    with opened(chromium, page) as view:
        for link in view.eval_on_selector_all("a[href]", "all => all.map(each => each.getAttribute('href'))"):
            place = (
                view.locator(f'[id="{link[1:]}"]').count() if link.startswith("#") else (page.parent / link).exists()
            )
            assert place, link


@pytest.mark.parametrize("hash", ["", "#A2"])
def test_a_phone_needs_no_sideways_scroll(chromium, page, hash):
    with opened(chromium, page, hash, width=360, height=740) as view:
        assert not scrolls_sideways(view)


def test_paper_keeps_a_figure_with_its_facts(chromium, page, tmp_path):
    with opened(chromium, page, "#A2") as view:
        view.emulate_media(media="print")
        assert view.evaluate(SHOWN) == list(KINDS), "all of them are printed, whatever is presented"
        assert view.evaluate("getComputedStyle(document.querySelector('article')).breakInside") == "avoid"
        assert re.search(rb"/Type ?/Page\b", view.pdf())
