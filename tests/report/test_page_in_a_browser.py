"""The page in a real browser: nothing goes wrong, nothing leaves it, and it fits a phone."""

import pytest
from browser import opened, scrolls_sideways
from synthetic import make_tables, write_folder

from optbench.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SMALL = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 8, "schedules": ("constant", "sqrt_step(k=1.0)")}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return write_report(write_folder(tmp_path_factory.mktemp("usual"), make_tables(**SMALL)))


@pytest.mark.parametrize("width", [360, 1280])
def test_no_error_no_request_no_sideways_scrolling(chromium, usual, width):
    with opened(chromium, usual, width=width) as view:
        assert view.title() == "optbench report"
        assert not scrolls_sideways(view)
