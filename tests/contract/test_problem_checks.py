"""Values of a problem that make no sense are refused when its record is made, in a line that names the field."""

import numpy as np
import pytest
from harness import CATALOGUE

from optbench import OptbenchError, Problem, problem
from optbench.contract import resources
from optbench.contract.problems import LIMITS, SIZES, Family


def bowl(w, g):
    g[0] = w[0]
    g[1] = w[1]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def losses(w, out):
    out[0] = 0.0


X, Y = np.ones((5, 2)), np.ones(5)
FIELDS = {
    "form": "single", "dim": 2, "start": lambda rng: np.zeros(2), "value_and_gradient": bowl, "minimum": 0.0,
    "minimum_source": "a test",
}  # fmt: skip


def test_what_makes_sense_is_kept_as_python_has_it():
    made = Problem(
        **FIELDS | {"dim": np.int64(2), "minimum": np.float32(0.5), "examples": np.int32(7), "minimizer": [0, 1]},
        blocks=[[np.int64(1)], [1]], layout=np.arange(3), domain=np.array([[0, 1], [2, 3]]), metrics=["a"],
        evaluate=losses, work=lambda rows, runs: np.int64(rows * runs), curvature=[0, 1], constants=[],
    )  # fmt: skip
    assert (made.dim, made.minimum, made.examples, made.layout) == (2, 0.5, 7, (0, 1, 2))
    assert all(type(value) is kind for value, kind in ((made.dim, int), (made.minimum, float), (made.examples, int)))
    assert made.blocks == ((1,), (1,)) and made.domain == ((0.0, 1.0), (2.0, 3.0)) and made.metrics == ("a",)
    assert Problem(**FIELDS).blocks == ((2,),)


def test_data_of_other_kinds_are_taken():
    for x, y in ((X.tolist(), Y.tolist()), (X.astype("int8"), Y.astype(bool)), (X.astype("float32"), Y[:, None])):
        made = Problem(**FIELDS, data=(x, y), test=[x, y], examples=1000)
        assert made.examples == 5 and made.data_text == "5 training and 5 test rows"
    huge = np.full((5, 2), 1e308)
    assert Problem(**FIELDS, data=(huge, Y)).examples == 5, "numbers whose sum is not finite are finite themselves"


def made(**changes):
    @problem(source="a test")
    def mine(dim=2, examples=3):
        return Problem(**FIELDS | changes)

    return mine


@pytest.mark.parametrize("text", ["quadratic(dim=1e12)", "rosenbrock(dim=10000000000000)", "mine(examples=1e12)"])
def test_sizes_beyond_the_memory_are_refused_before_anything_is_built(text):
    def never(**values):
        raise AssertionError("was built")

    name, _, inside = text.partition("(")
    family = made() if name == "mine" else CATALOGUE.problems[name]
    family = Family(name, never, family.parameters, "a test")
    key, _, value = inside.rstrip(")").partition("=")
    with pytest.raises(OptbenchError, match=f"problem {name}: {key}=.* needs .* TiB of memory, and this machine has"):
        family.build({key: float(value)})


def test_sizes_are_whole_numbers_of_shipped_problems():
    used = {key for family in CATALOGUE.problems.values() for key in family.parameters}
    assert set(SIZES) <= used and set(LIMITS) <= used


def test_memory_and_disk_are_known(monkeypatch, tmp_path):
    assert 1 << 28 < resources.available_memory() < 1 << 50
    assert 0 < resources.free_disk(tmp_path / "not" / "there") == pytest.approx(resources.free_disk(tmp_path), rel=0.1)
    assert resources.size_text(1023) == "1.02e+03 B" or resources.size_text(1024) == "1 KiB"
    monkeypatch.setattr(resources, "_LIMITS", (str(tmp_path / "limit"), str(tmp_path / "none")))
    (tmp_path / "limit").write_text("1048576\n")
    resources.available_memory.cache_clear()
    assert resources.available_memory() == 1 << 20, "a container's limit counts"
    (tmp_path / "limit").write_text("max\n")
    resources.available_memory.cache_clear()
    assert resources.available_memory() > 1 << 28
