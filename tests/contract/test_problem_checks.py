"""Values of a problem that make no sense are refused when its record is made, in a line that names the field."""

import numpy as np
import pytest
from harness import CATALOGUE

from optbench import OptbenchError, PluginError, Problem, problem
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


class Hostile:
    def __repr__(self):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


def changed(array, value):
    array = np.array(array)
    array.flat[-1] = value
    return array


NONSENSE = [
    ("form", "rows", "form='rows' must be 'single' or 'lanes'"),
    ("form", Hostile(), "form=a Hostile must be 'single' or 'lanes'"),
    ("dim", 0, "dim=0 must be at least 1"),
    ("dim", 2.0, "dim=2.0 must be a whole number"),
    ("dim", 10**18, "dim=1000000000000000000 needs 20.8 EiB of memory, and this machine has"),
    ("dim", 10**400, r"dim=10+\.\.\. must be at most 9,223"),
    ("start", np.zeros(2), "start=.* must be a function"),
    ("start", lambda: np.zeros(2), "start=<lambda> must be a function of 1 argument$"),
    ("value_and_gradient", 3, "value_and_gradient=3 must be a function"),
    ("value_and_gradient", np.dot, "value_and_gradient=.* must be a function written with def"),
    ("evaluate", "losses", "evaluate='losses' must be a function"),
    *[("minimum", value, "minimum=.* must be a finite number") for value in (np.inf, "0", None)],
    *[(key, 3, f"{key}=3 must be a text") for key in ("minimum_source", "name")],
    *[(key, value, f"{key}=.* must be finite real numbers, as one array")
      for key in ("minimizer", "other_minimizers", "curvature")
      for value in ("ab", [1, np.nan], [[1.0], [1.0, 2.0]])],
    ("minimizer", np.ones(3), r"minimizer must be 2 numbers, not of the shape \(3,\)"),
    ("minimizer", np.ones((1, 2)), r"minimizer must be 2 numbers, not of the shape \(1, 2\)"),
    *[("other_minimizers", value, "other_minimizers must be rows of 2 numbers, beside a minimizer")
      for value in (np.ones(2), [[1, 2, 3]], [[0, 1]])],
    ("curvature", (1.0,), "curvature must be 2 numbers"),
    ("curvature", (1.0, -1.0), "curvature must be numbers of which none is below 0"),
    ("curvature", (0.0, 0.0), "curvature must be numbers of which none is below 0, and not all are 0"),
    ("blocks", ((1,), (2,)), r"blocks \(\(1,\), \(2,\)\) do not add up to dim=2"),
    ("blocks", 2, "blocks=2 must be a tuple"),
    ("blocks", ((),), r"blocks=\(\) must hold 1 or more"),
    ("blocks", ((-1, -2),), "blocks=-1 must be at least 1"),
    ("layout", (1.5,), "layout=1.5 must be a whole number"),
    ("layout", (2**63,), "layout=9223372036854775808 must be at most"),
    ("domain", 1, "domain=1 must be a tuple"),
    ("domain", ((0, 1),), "domain lacks an entry"),
    ("domain", ((1, 0), (0, 1)), r"domain=.* must be \(\(left, right\), \(bottom, top\)\), the lower number first"),
    ("domain", ((0, np.inf), (0, 1)), "domain=inf must be a finite number"),
    ("data", X, "data=.* must be a pair of arrays, x and y"),
    ("data", (X, Y[:3]), r"data must be x \(n, features\) and y \(n,\), not \(5, 2\) and \(3,\)"),
    ("data", (X[:0], Y[:0]), r"not \(0, 2\) and \(0,\)"),
    ("data", (X.astype(object), Y), "data=.* must be finite real numbers"),
    ("data", (changed(X, np.nan), Y), "data=.* must be finite real numbers"),
    ("data", (X, changed(Y, np.inf)), "data=.* must be finite real numbers"),
    ("test", (X, Y), "test is for problems with data"),
    ("examples", -3, "examples=-3 must be at least 1"),
    ("examples", 10**12, "examples=1000000000000 must be at most 2,147,483,647"),
    *[("noise", value, "noise=.* must be (a finite number|at least 0)") for value in (np.nan, -0.1, "1")],
    ("stress", len, "stress=.* must be a tuple"),
    ("stress", (len,), "stress=.* must be a function of 2 arguments"),
    ("bits", 1, "bits=1 must be 0 or at least 2"),
    ("delay", 1001, "delay=1001 must be at most 1,000"),
    ("drift", 3, "drift=3 must be a function"),
    ("draws_labels", -1, "draws_labels=-1 must be at least 0"),
    *[("draws_labels", value, "draws_labels=.* must be a whole number") for value in (1.0, True, "1")],
    ("draws_labels", 2, r"draws_labels is for problems with data=\(x, y\)"),
    ("constants", "ab", "constants='ab' must be finite real numbers"),
    ("work", 3, "work=3 must be a function"),
    ("work", lambda rows: 3, "work=<lambda> must be a function of 2 arguments"),
    ("work", lambda rows, runs: "many", r"work\(rows=1, runs=1\) must give a whole number, not 'many'"),
    ("work", lambda rows, runs: 10**16, "work.* asks for scratch, which needs 71.1 PiB of memory"),
    ("work", lambda rows, runs: rows.size, r"work\(rows=1, runs=1\) fails: AttributeError"),
    ("metrics", ("accuracy",), "metrics .* need an evaluate function"),
    ("metrics", "accuracy", "metrics='accuracy' must be a tuple of names"),
    ("metrics", ("a", "a"), "must be a tuple of names, each of them once"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "words"), NONSENSE)
def test_a_value_that_makes_no_sense_is_refused(key, value, words):
    with pytest.raises(OptbenchError, match=f"^problem: {words}" if words.startswith(key) else words) as told:
        Problem(**FIELDS | {key: value})
    assert key in str(told.value) and "\n" not in str(told.value) and len(str(told.value)) < 250


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": (X, Y), "noise": 1.0}, "gradient noise is for problems without data"),
        ({"data": (X, Y), "test": (X[:, :1], Y)}, "data has 2 features and test 1: give both the same"),
        ({"data": (X, Y), "test": (X, Y[:4])}, "test must be x"),
        ({"data": (X, -Y), "draws_labels": 1}, "y of data has numbers below 0, which draws_labels keeps for labels"),
    ],
)
def test_values_that_do_not_go_together_are_refused(changes, words):
    with pytest.raises(PluginError, match=f"^problem: {words}"):
        Problem(**FIELDS | changes)


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


def test_a_family_tells_its_name():
    with pytest.raises(PluginError, match="^problem mine: domain=1 must be"):
        made(domain=1).build()
    with pytest.raises(OptbenchError, match="^problem mine: dim=1000000000000000000 needs 20.8 EiB"):
        made(dim=10**18).build()


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


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dim": "two"}, "dim='two' must be a whole number, like 20"),
        ({"dim": True}, "dim=True must be a whole number"),
        ({"dim": -1}, r"dim=-1 must be in \[1, inf\)"),
        ({"noise": np.nan}, "noise=nan must be finite"),
        ({"seed": -1}, r"seed=-1 must be in \[0, inf\)"),
        ({"dum": 1}, "unknown parameter of problem quadratic 'dum': did you mean 'dim'"),
        ([("dim", 2)], "must be a dictionary"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given, words):
    with pytest.raises(OptbenchError, match=words) as told:
        CATALOGUE.problems["quadratic"].build(given)
    assert "\n" not in str(told.value) and len(str(told.value)) < 250


@pytest.mark.parametrize("defaults", [{"dim": 0}, {"dim": [2]}, {"noise": np.nan}])
def test_defaults_that_make_no_sense_are_refused(defaults):
    with pytest.raises(OptbenchError, match=f"problem mine: {next(iter(defaults))}="):
        Family("mine", lambda **values: None, defaults, "a test")


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [("two words", "a test", "name='two words' must be a word"), (3, "a test", "name=3"), ("mine", None, "source=")],
)
def test_a_family_has_a_name_and_a_source(name, source, words):
    with pytest.raises(PluginError, match=words):
        Family(name, made, {}, source)


def test_parameters_need_names():
    def many(*values):
        return values

    with pytest.raises(PluginError, match="problem many: parameter 'values' needs a name and a default of its own"):
        problem(source="a test")(many)


def test_a_factory_that_runs_out_of_memory_says_so():
    def mine(count=1):
        raise MemoryError("Unable to allocate 3 GiB")

    with pytest.raises(OptbenchError, match="problem mine needs more memory than there is: MemoryError: Unable to"):
        problem(source="a test")(mine).build()


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
