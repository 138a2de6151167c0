"""The page of claims in a real browser: one claim presented, keys, the filter, dark colors, phone, paper, links."""

import re
from dataclasses import replace

import pytest
from browser import opened, scrolls_sideways
from test_claims import PAPER, planted

from optbench import lecture
from optbench.claims import claim_pages, run_claims
from optbench.claims.claim import DEPENDS, FAILS, HOLDS, UNDECIDED, Budget
from optbench.wording.languages import read_language
from tests.lecture.test_lecture_languages import outcomes

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


def write_lecture(folder, items, lang="en"):
    """Write the page of the lecture with empty figures, as tall as the tallest of them, and return its path."""
    picture = {"source": "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>", "width": 1336, "height": 906}
    paper = replace(lecture.PAPER, language=read_language(lang, lecture.PAPER.languages))
    environment = {"command": "x", "optbench": "x", "date": "2026"}
    html = claim_pages.render(items, paper, environment, {item.claim.id: picture for item in items}, {})
    (folder / "index.html").write_text(html, encoding="utf-8")
    return folder / "index.html"


def test_an_address_presents_one_claim_and_keys_go_on_and_leave(chromium, page):
    with opened(chromium, page, "#A2") as view:
        assert view.evaluate(SHOWN) == ["A2"] and not view.locator(".overview").is_visible()
        said, figure = (view.locator(f"#A2 {name}").bounding_box() for name in (".said", "figure"))
        assert figure["y"] >= said["y"] + said["height"], "the figure stands below the words"
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


@pytest.mark.parametrize("lang", ["en", pytest.param("ko", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("width", "height"), [
    (1280, 720), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((1366, 768), (1536, 864), (1600, 900))),
    pytest.param(1920, 1080, marks=pytest.mark.slow),
])  # fmt: skip
def test_every_claim_of_the_lecture_is_presented_on_one_screen(chromium, tmp_path, width, height, lang):
    rows = (("does not hold", "saddle, 0.001 off the ridge: momentum", "0.6 [0.55, 0.66]"),) * 12
    where = "depends on the situation and the method: holds at 8 of 12 (plateau, 4 away: rmsprop / adam …); " * 2
    items = [replace(item, verdict=replace(item.verdict, settings=rows, where=where[:170])) for item in outcomes()]
    with opened(chromium, write_lecture(tmp_path, items, lang), width=width, height=height) as view:
        for item in items:
            view.evaluate("id => { location.hash = id; }", item.claim.id)
            article = view.locator("article:target")
            assert article.get_attribute("id") == item.claim.id and not article.locator("dl").is_visible()
            box = article.locator("img").bounding_box()
            assert box["y"] > 0 and box["y"] + box["height"] < height and box["height"] > height / 2, item.claim.id
            assert article.locator(".said").evaluate("each => each.scrollHeight <= each.clientHeight"), item.claim.id
            assert article.locator(".where").is_visible()
            article.locator("summary").click()
            words = "all => all.filter(e => e.offsetParent).map(e => parseFloat(getComputedStyle(e).fontSize))"
            letters = article.locator(":is(h3, p, .where, dt, dd, td, a, summary)").evaluate_all(words)
            assert min(letters) >= (22 if height == 1080 else 16), item.claim.id
            assert view.evaluate("document.documentElement.scrollHeight") <= height and not scrolls_sideways(view)


@pytest.mark.parametrize("width", [360, 700, 1152, 1280])
def test_criterion_and_settings_are_open_where_no_claim_is_presented(chromium, page, width):
    with opened(chromium, page, width=width) as view:
        assert view.locator("#B1 .settings").is_visible() and not view.locator("#B1 summary").is_visible()
        basis, figure = (view.locator(f"#B1 {name}").bounding_box() for name in (".basis", "figure"))
        below, beside = basis["y"] >= figure["y"] + figure["height"], basis["x"] + basis["width"] <= figure["x"]
        assert beside if width >= 1152 else below


def test_a_claim_is_presented_without_a_script(chromium, page):
    with opened(chromium, page, "#B1", java_script_enabled=False) as view:
        assert view.locator("#B1").is_visible() and not view.locator("#A1").is_visible()
        view.click("#B1 .steps [rel=next]")
        assert view.locator("#B2").is_visible() and not view.locator("#B1").is_visible()


@pytest.mark.parametrize(
    ("asked", "nearest"), [("#B9.9", "B1 B2 B3"), ("#b2", "B2"), ("#Z<b>", "A1 A2 B1 B2 B3"), ("#A1.1", "A1")]
)
def test_an_address_of_no_claim_names_the_nearest(chromium, page, asked, nearest):
    with opened(chromium, page, asked) as view:
        line = view.locator("#absent")
        assert line.is_visible() and asked[1:2] in line.inner_text() and view.evaluate(SHOWN) == list(KINDS)
        assert " ".join(line.locator("a").all_inner_texts()) == nearest and not line.locator("b").count()
        line.locator("a").first.click()
        assert view.evaluate(SHOWN) == nearest.split()[:1]
        for known in ("", "handout", "at-A1", "?verdict=holds", "B2"):
            view.evaluate("hash => { location.hash = hash; }", known)
            view.wait_for_function("document.getElementById('absent').hidden")
        view.evaluate("location.hash = 'C1'")
        view.wait_for_function("scrollY === 0 && !document.getElementById('absent').hidden")


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


def test_paper_keeps_a_figure_with_its_claim(chromium, page):
    with opened(chromium, page, "#A2") as view:
        view.emulate_media(media="print")
        assert view.evaluate(SHOWN) == list(KINDS), "all of them are printed, whatever is presented"
        assert view.locator("#A2 dl").is_visible() and not view.locator("#A2 summary").is_visible()
        rule = "([name, rule]) => getComputedStyle(document.querySelector(name))[rule]"
        for name, kind in ((".said", "breakInside"), (".said", "breakAfter"), ("figure", "breakInside")):
            assert view.evaluate(rule, [name, kind]) == "avoid"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_handout_is_one_sheet_of_claims_formulas_verdicts_and_numbers(chromium, tmp_path, lang):
    formulas, others = ".overview .formulas:has(math)", "main > section, .playground, figure"
    with opened(chromium, write_lecture(tmp_path, [*outcomes()], lang)) as view:
        assert not view.locator(formulas).first.is_visible()
        view.evaluate("location.hash = 'handout'")
        for paper in ("A4", "Letter"):
            margin = dict.fromkeys(("top", "right", "bottom", "left"), "1cm")
            assert len(re.findall(rb"/Type ?/Page\b", view.pdf(format=paper, margin=margin))) <= 2
        view.emulate_media(media="print")
        shown = f"{formulas}, .overview :is(.badge, td, .where)"
        assert all(each.is_visible() for each in view.locator(shown).all())
        assert not any(each.is_visible() for each in view.locator(others).all())


def test_paper_is_not_left_half_empty(chromium, tmp_path):
    items = list(outcomes())
    with opened(chromium, write_lecture(tmp_path, items)) as view:
        margin = dict.fromkeys(("top", "right", "bottom", "left"), "1cm")
        pages = re.findall(rb"/Type ?/Page\b", view.pdf(format="A4", margin=margin))
        assert 0 < len(pages) < 0.9 * len(items), "a page a claim is half empty"
