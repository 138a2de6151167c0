"""Pages in a real browser, Debian's headless Chromium: what they log, what they ask for, and what a reader sees."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def executable() -> str | None:
    """Return the browser of this machine; OPTBENCH_BROWSER names another, or none where it is empty."""
    named = os.environ.get("OPTBENCH_BROWSER")
    return next(filter(None, map(shutil.which, NAMES)), None) if named is None else named or None


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once for all tests of a worker."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium here: install Debian's package chromium, or name one in OPTBENCH_BROWSER")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield browser
        browser.close()


@contextmanager
def opened(chromium, page: Path, hash: str = "", width: int = 1280, height: int = 900, explore: bool = True, **context):
    """Yield the page as a reader has it, from its file; at the end: nothing was logged as an error, no request left it.

    explore: start the explorer, where there is one, as if the reader had scrolled there. context: what Playwright's
    `new_context` takes, such as color_scheme="dark" or java_script_enabled=False.
    """
    frame = chromium.new_context(viewport={"width": width, "height": height}, **context)
    errors, requests = [], []
    try:
        view = frame.new_page()
        view.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        view.on("pageerror", lambda error: errors.append(str(error)))
        view.on("request", lambda request: requests.append(request.url))
        address = page.resolve().as_uri()
        view.goto(address + hash, wait_until="load")
        if explore and context.get("java_script_enabled", True):
            view.evaluate("window.optbench && optbench.explore && optbench.explore()")
        yield view
        assert not errors, errors
        outside = [url for url in requests if not url.startswith((address, "data:", "blob:"))]
        assert not outside, outside
    finally:
        frame.close()


def scrolls_sideways(view) -> bool:
    """Return True if the page is wider than its window."""
    return view.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
