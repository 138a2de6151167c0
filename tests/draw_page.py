"""The picture of a page: ``python -m tests.draw_page results/report/index.html reports/page.png`` in headless Chromium.

What a reader of the README sees first: the first screen, with its answer in one table.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from optbench.figures.style import quantize
from tests.browser import SWITCHES, executable

WIDTH, HEIGHT = 1280, 900


def draw(page: Path, picture: Path) -> None:
    """Write what the page shows from its top to the end of the answer."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(SWITCHES))
        view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        view.goto(page.resolve().as_uri(), wait_until="load")
        end = view.evaluate("document.querySelector('.glance, .matrix').getBoundingClientRect().bottom + scrollY")
        view.set_viewport_size({"width": WIDTH, "height": int(end) + 16})
        content = view.screenshot()
        browser.close()
    quantize(Image.open(io.BytesIO(content)).convert("RGB")).save(picture)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
