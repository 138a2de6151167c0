"""The picture of a page: ``python -m tests.draw_page results/report/index.html reports/page.png`` in headless Chromium.

What a reader of the README sees first: the answer, and the explorer with one problem's curves.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from optbench.figures.style import quantize
from tests.browser import SWITCHES, executable

WIDTH, HEIGHT = 1200, 1000
VIEW = "#?problem=mlp"


def draw(page: Path, picture: Path) -> None:
    """Write what the page shows from its top to the end of the explorer's chart."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(SWITCHES))
        view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        view.goto(page.resolve().as_uri() + VIEW, wait_until="load")
        view.wait_for_selector("#explore-chart svg")
        end = view.evaluate("document.getElementById('explore-chart').getBoundingClientRect().bottom + scrollY")
        view.set_viewport_size({"width": WIDTH, "height": int(end) + 16})
        content = view.screenshot()
        browser.close()
    quantize(Image.open(io.BytesIO(content)).convert("RGB")).save(picture)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
