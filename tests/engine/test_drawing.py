"""Which classes are taken to draw from Python's or NumPy's random numbers."""

import importlib
import sys

import pytest

from optbench.engine.eager.drawing import draws

FILES = {
    "plain_a": ("import math\nclass Mine:\n    pass\n", False),
    "draws_a": ("import random\nclass Mine:\n    pass\n", True),
    "base_a": ("from draws_a import Mine as Base\nclass Mine(Base):\n    pass\n", True),
    "helper_a": ("def some():\n    return np.random.rand()\nclass Mine:\n    pass\n", True),
    "uses_a": ("from helper_a import some\nclass Mine:\n    pass\n", True),
    "through_a": ("import uses_a as other\nclass Mine:\n    pass\n", True),
    "late_a": ("class Mine:\n    def step(self):\n        import helper_a\n", True),
}


@pytest.mark.parametrize("name", FILES)
def test_draws(name, tmp_path, monkeypatch):
    for each, (text, _) in FILES.items():
        (tmp_path / f"{each}.py").write_text(text)
        monkeypatch.delitem(sys.modules, each, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert draws(importlib.import_module(name).Mine) is FILES[name][1]


def test_what_was_typed_in_may_draw():
    space = {"__name__": "nowhere"}
    exec("class Mine: pass", space)
    assert draws(space["Mine"])
