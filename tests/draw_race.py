"""The moving picture of the README: ``python -m tests.draw_race``, from the committed pages, in headless Chromium.

One run of each optimizer, as the playground of the lecture's page draws it, and then the answer of the default sweep.
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import SWITCHES, executable

REPORTS = Path(__file__).parents[1] / "reports"
WIDTH, HEIGHT = 1000, 600
STEPS = (*range(20), *range(20, 80, 2), *range(80, 151, 5))  # most of the race is in its beginning
QUICK, END, ANSWER = 80, 1500, 6000  # ms that a step, the last one and the answer stay
COLORS = 96
RACE = """() => {
  const panel = document.querySelector("#panel-paths"), heading = document.createElement("h2");
  heading.textContent = "One run: four optimizers in a narrow valley";
  panel.querySelector(".split > div").prepend(heading);
  const others = document.querySelectorAll("#panel-paths .controls, #panel-paths .player, .tabs");
  others.forEach((each) => (each.style.display = "none"));
  panel.querySelector(".split").style.display = "block";
  heading.style.marginTop = "0";
  heading.scrollIntoView();
}"""
MATRIX = """document.querySelectorAll("nav, .theme, .judge").forEach((each) => (each.style.display = "none"))"""
TO_STEP = """(step) => {
  const slider = document.querySelector("#panel-paths input[name=step]");
  slider.value = step;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def draw(picture: Path) -> None:
    """Write the race and the answer, which repeat."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(SWITCHES))
        view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        view.goto((REPORTS / "lecture/index.html").resolve().as_uri() + "#?panel=paths&noise=0.05", wait_until="load")
        view.evaluate(RACE)
        frames = []
        for step in STEPS:
            view.evaluate(TO_STEP, step)
            frames.append(view.screenshot())
        view.goto((REPORTS / "sweep/report/index.html").resolve().as_uri(), wait_until="load")
        view.evaluate(MATRIX)
        frames.append(view.screenshot())
        browser.close()
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    # One palette of the last step and the answer keeps the colors of lines the same in all frames.
    both = Image.new("RGB", (WIDTH, 2 * HEIGHT))
    both.paste(pictures[-2])
    both.paste(pictures[-1], (0, HEIGHT))
    palette = both.quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    first, *others = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures)
    times = [QUICK] * (len(STEPS) - 1) + [END, ANSWER]
    first.save(picture, save_all=True, append_images=others, duration=times, loop=0, optimize=True)


if __name__ == "__main__":
    draw(REPORTS / "race.gif")
