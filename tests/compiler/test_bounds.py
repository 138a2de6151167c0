"""The allowed versions of numba, numpy and the other dependencies, of which CI tries the oldest."""

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = {requirement.name: requirement for requirement in map(Requirement, PROJECT["dependencies"])}


def test_nothing_has_an_upper_end():
    """A newer numba whose inside is another costs speed, not the product: see tests/compiler/test_plain_mode.py."""
    for requirement in NEEDED.values():
        assert {specifier.operator for specifier in requirement.specifier} == {">="}, requirement


def test_the_oldest_versions_are_the_lower_ends():
    done = subprocess.run([sys.executable, ROOT / ".ci" / "oldest.py"], capture_output=True, text=True, check=True)
    oldest = {requirement.name: requirement for requirement in map(Requirement, done.stdout.split())}
    assert list(oldest) == list(NEEDED)
    for name, requirement in oldest.items():
        (pin,) = requirement.specifier
        assert pin.operator == "==" and NEEDED[name].specifier.contains(pin.version)
        assert f">={pin.version}" in str(NEEDED[name])
