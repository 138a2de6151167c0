"""The formula of a user's schedule as code: with all that it names, or refused in one line."""

import numpy as np
import pytest

import optbench
from optbench.translation.schedule_code import schedule_source

HEAD = "import math\nfrom optbench import schedule\n"
RULE = "\n@schedule(source='an example')\ndef waves(step, epoch, total_steps):\n    return {}\n"


def made(folder, head, body):
    file = folder / "mine.py"
    file.write_text(HEAD + head + RULE.format(body), encoding="utf-8")
    return optbench.schedules(plugin=file)["waves"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("import numpy", "numpy.cos(epoch)"),
        ("import numpy as xp", "xp.cos(epoch)"),
        ("from numpy import cos, clip", "clip(cos(epoch), 0, 1)"),
        ("from numpy import cos as wave", "wave(epoch)"),
        ("from math import cos", "cos(1.0) + 0 * step"),
        ("from statistics import fmean", "fmean([1.0, 2.0]) + 0 * step"),
        ("import numpy as np\nTABLE = np.array([1.0, 0.5, np.inf])", "TABLE[epoch % 2]"),
        ("import numpy as np\nHALF = np.float64(0.5)\nTOP = math.inf", "np.minimum(HALF * step, TOP)"),
        ("TABLE = {'low': [1, None], 'high': (2, 'nan')}", "TABLE['high'][0] / step"),
        ("def half(x):\n    return x / 2\n\ndef quarter(x):\n    return half(half(x))", "quarter(step)"),
    ],
)
def test_all_that_a_schedule_names_is_in_its_code(tmp_path, head, body):
    record, scope = made(tmp_path, head, body), {"np": np}
    exec(compile(schedule_source(record), "<formula>", "exec"), scope)
    done = np.arange(9)
    np.testing.assert_array_equal(scope["factors"](9, 3), record(done + 1, done // 3, 9))
    for library in ("torch", "optax", "keras"):
        compile(optbench.training_code("gd", library, schedule=record), "<code>", "exec")
