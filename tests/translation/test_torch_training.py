"""The code for PyTorch trains a network of PyTorch's as optbench trains its own, whose matrices lie the other way."""

import numpy as np
import pytest
from harness import CATALOGUE
from snippets import definitions

import optbench
from optbench.kit.torch_layers import dense_weights

pytestmark = pytest.mark.torch
SEEING = ["scion", "muon", "normuon", "muon_squared", "soap_muon", "adam_mini"]
"""Rules that take other steps where a matrix lies the other way."""
OTHERS = [name for name, each in CATALOGUE.optimizers.items() if each.gradients == 1 and name not in SEEING]
UP_TO = {name: {"max_dim": 3} for name in ("soap", "soap_muon", "splus")}
"""Longest side with a basis of its own: a longer one than the other has directions that rounding alone chooses."""
SIZE, EPOCHS = 12, 4


class Loader(list):
    """The mini-batches of an epoch; each pass over it is the next one."""

    batch_size = SIZE

    def __init__(self, epochs, dataset):
        super().__init__(epochs[0])
        self.epochs, self.dataset = iter(epochs), dataset

    def __iter__(self):
        return iter(next(self.epochs))


@pytest.mark.parametrize("name", [*SEEING, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_the_code_takes_the_steps_of_optbenchs_own_run(name, torch):
    """From the same start and on the same mini-batches, in float64: what is left is rounding."""
    problem = CATALOGUE.problem("mlp(data=gaussian(examples=50, features=5, classes=4), hidden=(3,), activation=tanh)")
    x, y = torch.tensor(problem.data[0]), torch.tensor(problem.data[1].astype(int))
    count = -(-len(x) // SIZE)
    rows = list(optbench.mini_batches(problem, batch_size=SIZE, steps=EPOCHS * count))
    batches = [(x[chosen], y[chosen]) for chosen in rows]
    loader = Loader([batches[k : k + count] for k in range(0, len(batches), count)], x)

    values, start = UP_TO.get(name, {}), optbench.objective(problem).start(0)
    ours = optbench.minimize(problem, name, lr=0.02, batch_size=SIZE, epochs=EPOCHS, **values).w
    model = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Tanh(), torch.nn.Linear(3, 4))
    optbench.to_torch(problem, start, model)
    code = optbench.training_code(name, lr=0.02, batch_size=SIZE, epochs=EPOCHS, **values)
    definitions(code)["train"](model, torch.nn.functional.cross_entropy, loader)
    np.testing.assert_allclose(dense_weights(model), ours, rtol=0, atol=1e-10 * np.abs(ours - start).max())
