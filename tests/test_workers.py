"""The test setup itself: tests of one plug-in stay on one worker, and CI fails if a kind of test did not run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest

@pytest.mark.{kind}
def test_skipped():
    pytest.skip("it is not here")
"""


@pytest.mark.parametrize("name", ["gd"])
def test_tests_of_a_plugin_stay_on_one_worker(name, request):
    """Or every worker compiles every kernel: xdist looks for the groups once, when conftest must have named them."""
    grouped = request.config.getoption("loadgroup", False)
    assert request.node.nodeid.endswith("@gd" if grouped else "[gd]")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        ("ptx", "", 1),
        ("browser", "@pytest.mark.browser\ndef test_it(): pass", 0),
    ],
)
def test_ci_does_not_pass_where_a_kind_was_skipped_whole(kind, more, code, tmp_path):
    (tmp_path / "test_kinds.py").write_text(SKIPS.format(kind=kind) + more)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nmarkers = {kind}: a kind\n")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OPTBENCH_EVERY_KIND": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-c", "pytest.ini", "test_kinds.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert (f"all tests of the kind {kind} were skipped (Skipped: it is not here)" in done.stdout) == (code == 1)
