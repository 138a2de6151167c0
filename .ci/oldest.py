"""Print the oldest version allowed of everything that optbench stands on, as constraints for pip."""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def oldest(requirement: str) -> str:
    """ "numba>=0.61,<0.69" -> "numba==0.61"."""
    name, lower = re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,<[\d.]+)?", requirement).groups()
    return f"{name}=={lower}"


if __name__ == "__main__":
    print("\n".join(map(oldest, PROJECT["dependencies"])))
