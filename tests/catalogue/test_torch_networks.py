"""Networks of PyTorch in a user's file: which of them are problems, on which rows, and what is refused."""

import numpy as np
import pytest

from optbench import datasets
from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError

pytestmark = pytest.mark.torch
NETS = """
import torch
from torch import nn
from torch.nn import Linear


class Residual(nn.Module):
    def __init__(self, inputs, outputs, width=8, kind=nn.Linear):
        super().__init__()
        self.first, self.last = kind(inputs, width), kind(width, outputs)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


class Fixed(Residual):
    def __init__(self):
        super().__init__(30, 2)


class _Part(Fixed):
    pass


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()


def plain(inputs, outputs, name="plain"):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


def one(inputs, outputs):
    return nn.Linear(inputs, 1)


def three(inputs, outputs):
    return 3


def helper(inputs):
    return 2 * inputs
"""


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    file = tmp_path_factory.mktemp("nets") / "net.py"
    file.write_text(NETS)
    return loader.load_all(file)


def test_networks_are_problems_with_their_defaults_as_parameters(catalogue):
    found = {name: family for name, family in catalogue.problems.items() if name not in loader.load().problems}
    assert list(found) == ["Residual", "Fixed", "plain", "one", "three"]
    assert found["Residual"].parameters == {"width": 8, "data": "digits", "loss": "auto"}
    assert [each.key.split()[0] for each in found["plain"].origins] == ["problem", "library"]


@pytest.mark.parametrize("name", ["Residual", "plain"])
@pytest.mark.parametrize("data", ["breast_cancer", "diabetes"])
def test_the_loss_is_that_of_pytorch_on_the_rows_of_the_data_set(catalogue, name, data):
    """In a plain function of the weights in PyTorch's order, from the catalogue's own preparation and split."""
    import torch

    problem, table = catalogue.problem(f"{name}(data={data})"), datasets.load(data)
    w = problem.start(np.random.default_rng(0))
    network = catalogue.modules[next(iter(catalogue.modules))].__dict__[name](table.x.shape[1], table.classes or 1)
    from optbench.kit.torch_problems import to_torch

    x, y = torch.from_numpy(table.x_test), torch.from_numpy(table.y_test)
    with torch.no_grad():
        made = to_torch(problem, w, network.double())(x)
        function = torch.nn.functional.cross_entropy if table.classes else torch.nn.functional.mse_loss
        wanted = function(made, y.long()) if table.classes else function(made[:, 0], y)
    assert problem.data_set is table and problem.test[0] is table.x_test
    predicted = problem.predict(w, problem.test[0])
    if table.classes:
        loss = -np.log(predicted[np.arange(len(y)), table.y_test.astype(int)]).mean()
    else:
        loss = ((predicted - table.y_test) ** 2).mean()
    assert loss == pytest.approx(float(wanted), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Fixed(data=digits)", "problem Fixed: the module fails on X (8, 64) of float64: RuntimeError: mat1 and mat2"),
        (
            "one(data=breast_cancer)",
            "problem one: cross_entropy needs an output for each class, and the module gives one",
        ),
        ("three", "problem three: module must be a torch.nn.Module, or a function that makes one, not 3 from the"),
        ("plain(width=3)", "unknown parameter of problem plain 'width'"),
        ("Residual(width=-1)", "problem Residual: the module cannot be made: RuntimeError"),
        ("Residual(loss=mse)", "problem Residual: data 'digits' has 10 classes, not real targets"),
    ],
)
def test_what_does_not_fit_is_one_line(catalogue, text, told):
    with pytest.raises(OptbenchError) as caught:
        catalogue.problem(text)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_folds_are_those_of_the_table(catalogue):
    tests = [catalogue.problem("plain(data=breast_cancer)", fold, 3).test[0] for fold in range(3)]
    assert sum(map(len, tests)) == 569 and not np.array_equal(tests[0], tests[1])
