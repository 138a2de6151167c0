"""The code of settings as text: that it compiles for everything that is registered, and what it refuses."""

import ast
from dataclasses import replace

import numpy as np
import pytest
from harness import CATALOGUE, SCHEDULES
from quick import some_quick
from snippets import NAMES, setting

import optbench
from optbench import OptbenchError
from optbench.contract.equals import LIBRARIES
from optbench.translation.code import render
from optbench.translation.schedule_code import schedule_source
from optbench.translation.setting import find_equal, header

LIBRARY = pytest.mark.parametrize("library", LIBRARIES)
EVERY_SCHEDULE = [*SCHEDULES, *(f"{name}(step)" for name in CATALOGUE.schedule_wrappers), "warmup(warmup(linear))"]
OWN = """
import math

import numpy as np

from optbench import optimizer, schedule

HALF = 0.5


def _wave(x):
    return math.pi * HALF * x


@optimizer(source="an example", beta1=0.25)
def halves(w, g, m, lr, beta1):
    m = beta1 * m + g
    return w - lr * m, m


@schedule(source="an example", depth=0.5)
def waves(step, epoch, total_steps, depth):
    return 1 - depth * np.sin(_wave(epoch)) ** 2
"""
BY_SIZES = """
from optbench import optimizer


@optimizer(source="an example")
def by_sizes(w, g, lr, batch_size, examples):
    return w - lr * batch_size / examples * g
"""


@pytest.mark.parametrize("library", some_quick(LIBRARIES, {"torch"}))
def test_every_optimizer_gives_code_that_compiles_and_says_whether_it_is_equal(library):
    for name in [*NAMES, *CATALOGUE.baselines]:
        each = setting(name, "warmup(cosine)" if len(name) % 2 else "constant")
        equal = find_equal(each, library).call is not None
        lacks = "" if library == "torch" or equal else "has no equal"
        if refused := lacks or "takes a second gradient" * (each.optimizer.gradients > 1):
            with pytest.raises(OptbenchError, match=refused):
                render(each, library)
            continue
        code = render(each, library)
        tree = ast.parse(code)
        assert equal == ("takes the same steps" in code.replace("\n#", "")), name
        assert equal != ("optbench.stepper(" in code) or name in CATALOGUE.baselines, name
        if library == "torch":
            assert ast.get_docstring(next(node for node in tree.body if getattr(node, "name", "") == "train"))
        else:
            assert "optimizer" in {node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)}
        assert not any(each.rstrip() != each for each in code.splitlines()) and code.endswith("\n"), name


@LIBRARY
def test_every_schedule_gives_code_that_compiles(library):
    for schedule in EVERY_SCHEDULE:
        for size in (7, "full"):
            compile(render(setting("gd", schedule, batch_size=size), library), "<code>", "exec")


def test_the_formula_of_a_schedule_needs_numpy_alone_and_gives_its_factors():
    for schedule in [*EVERY_SCHEDULE, "table(factors=(1, 2, 0.5), at=(0.2, 0.6))", "one_cycle(tail=0.2)"]:
        record, scope = CATALOGUE.schedule(schedule), {"np": np}
        exec(compile(schedule_source(record), "<formula>", "exec"), scope)
        for total, per_epoch in ((40, 8), (7, 3), (1, 1)):
            done, expected = np.arange(total), scope["factors"](total, per_epoch)
            np.testing.assert_array_equal(expected, record(done + 1, done // per_epoch, total), schedule)


def test_the_rate_is_translated_and_the_sum_is_shown():
    for library, call in (
        ("torch", "torch.optim.SGD(parameters, lr=0.1 * (1 - 0.9), momentum=0.9)"),
        ("optax", "optax.sgd(0.1 * (1 - 0.9), momentum=0.9)"),
        ("keras", "keras.optimizers.SGD(learning_rate=0.1 * (1 - 0.9), momentum=0.9)"),
    ):
        code = optbench.training_code("momentum", library, lr=0.1)
        assert f"optimizer = {call}\n" in code
        assert "takes the same steps at the rate 0.1 * (1 - 0.9)." in code.replace("\n#", "")
    code = optbench.training_code("momentum", "optax", lr=0.1, schedule="cosine")
    assert "\nlr = optax.cosine_decay_schedule(0.1, decay_steps=total_steps, alpha=0.0)\n" in code
    assert "\noptimizer = optax.sgd(lambda step: lr(step) * (1 - 0.9), momentum=0.9)\n" in code


def test_of_what_shape_a_parameter_must_be_where_that_matters():
    """Muon here takes Adam's step for a matrix of one column, optax.contrib.muon does not."""
    for name, said in (("muon", True), ("adamw", False)):
        code = optbench.training_code(name, "optax").replace("\n#", "")
        assert ("takes the same steps for vectors and matrices of several columns." in code) == said


def test_a_wrapper_around_the_problem_is_said_to_be_left_out():
    made = replace(setting("gd"), problem=CATALOGUE.problem("noisy(mlp)"))
    said = header(made, "torch", find_equal(made, "torch")).replace("\n# ", " ")
    assert "the data of noisy(mlp) and trains its network, without what the wrapper changes." in said


def test_why_there_is_no_equal():
    code = optbench.training_code("adam", "torch").replace("\n# ", " ")
    assert "torch.optim has no equal: PyTorch adds eps outside the root, here eps_root stands inside." in code
    assert "optbench.stepper('adam', [p.detach() for p in parameters], lr=0.01, beta1=0.9, beta2=0.999, eps=0.0" in code
    assert "takes the same steps" in optbench.training_code("adam", "torch", eps=1e-8, eps_root=0)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("adam", "torch.optim.Adam(parameters, lr=0.01, betas=(0.9, 0.999), eps=0.0001)"),
        ("rmsprop", "torch.optim.RMSprop(parameters, lr=0.01, alpha=0.9, eps=0.0001)"),
    ],
)
def test_the_line_that_is_nearly_equal_shortens_steps_by_a_square_root_of_two_at_most(name, line):
    """sqrt(v + e^2) is at most sqrt(v) + e, and at least that over sqrt(2), where sqrt(v) = e."""
    assert f"\n# optimizer = {line}\n" in optbench.training_code(name, "torch")
    assert "# optimizer" not in optbench.training_code(f"{name}_torch", "torch")
    gradients = np.geomspace(1e-9, 1e3, 49) * np.where(np.arange(49) % 2, 1.0, -1.0)
    weights = [np.zeros(49), np.zeros(49)]
    inside = optbench.stepper(name, [weights[0]], lr=0.01)
    outside = optbench.stepper(
        f"{name}_torch", [weights[1]], lr=0.01, eps=1e-4, **{"rmsprop": {"beta2": 0.9}}.get(name, {})
    )
    shares = []
    for _ in range(40):
        before = [w.copy() for w in weights]
        inside.step([gradients])
        outside.step([gradients])
        shares.append((weights[1] - before[1]) / (weights[0] - before[0]))
    assert np.min(shares) > np.sqrt(0.5) - 1e-9 and np.max(shares) < 1 + 1e-9
    assert np.min(shares) < 0.72 and np.allclose([shares[-1][0], shares[-1][-1]], 1, atol=1e-4)


def test_a_plug_in_is_said_by_its_file_and_its_schedule_by_its_source(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN, encoding="utf-8")
    code = optbench.training_code("halves", "torch", schedule="waves", plugin=file, beta1=0.5)
    assert f"lr=0.01, beta1=0.5, plugin={str(file)!r})" in code
    scope = {"np": np}
    exec(code.partition("import torch\n")[2].partition("def train")[0], scope)
    expected = 1 - 0.5 * np.sin(np.pi * 0.5 * np.array([0, 0, 1, 1, 2])) ** 2
    np.testing.assert_allclose(scope["factors"](5, 2), expected, rtol=1e-15)


def test_a_rule_that_asks_for_the_sizes_is_given_them(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(BY_SIZES, encoding="utf-8")
    for size in (7, "full"):
        code = optbench.training_code("by_sizes", plugin=file, batch_size=size)
        assert f"plugin={str(file)!r}, batch_size=loader.batch_size, examples=len(loader.dataset))\n" in code
        assert "batch_size=loader" not in optbench.training_code("adam")


@pytest.mark.parametrize(
    ("text", "library", "why"),
    [
        ("adafactor(threshold=0.5)", "torch", "torch.optim has no equal: PyTorch refuses d under 1."),
        ("lookahead(gd, k=2.5)", "torch", "torch.optim has no equal: k is no whole number."),
    ],
)
def test_values_that_a_library_refuses_have_no_equal(text, library, why):
    assert why in optbench.training_code(text, library).replace("\n# ", " ")


@pytest.mark.parametrize(
    ("name", "given", "nearest"),
    [
        ("adam", {}, "adam_torch(eps=0.0001)"),
        ("adam", {"beta1": 0.8}, "adam_torch(beta1=0.8, eps=0.0001)"),
        ("rmsprop", {"eps_root": 1e-4}, "rmsprop_torch(beta2=0.9, eps=0.01)"),
        ("lion", {}, ""),
    ],
)
def test_code_without_an_equal_names_the_nearest_that_has_one(name, given, nearest):
    code = optbench.training_code(name, "torch", **given).replace("\n# ", " ")
    assert "has no equal" in code and code.count("The nearest that it has is") == bool(nearest)
    assert f"The nearest that it has is {nearest}." in code or not nearest
    if nearest:
        assert "has no equal" not in optbench.training_code(nearest, "torch")
