"""Networks of PyTorch that no kernel can run: by autograd, beside loops of PyTorch's; and what is refused."""

import copy
import doctest

import numpy as np
import pytest

import optbench
from optbench import OptbenchError
from optbench.engine.batches import start_point

pytestmark = [pytest.mark.torch, pytest.mark.slow]
RNG = np.random.default_rng(5)
X, CLASSES, REAL = RNG.standard_normal((60, 12)), RNG.integers(0, 3, 60), RNG.standard_normal(60)


def layers(*parts):
    """Return a Sequential; a pair of numbers is a Linear layer, a text the name of another one."""
    from torch import manual_seed, nn

    manual_seed(1)
    made = [nn.Linear(*part) if isinstance(part, tuple) else part for part in parts]
    return nn.Sequential(*[getattr(nn, part)() if isinstance(part, str) else part for part in made])


def modules():
    """Return by name (module, X, the reason why no kernel runs it)."""
    from torch import nn

    shared = nn.Linear(12, 12)
    frozen = layers((12, 8), "ReLU", (8, 3))
    frozen[0].weight.requires_grad = False
    normed = layers((12, 8), nn.BatchNorm1d(8), (8, 3))
    normed(__import__("torch").randn(30, 12))  # statistics of its own
    images = layers(nn.Conv1d(3, 4, 2), "Tanh", "Flatten", (12, 3))
    words = nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(28, 3))
    return {
        "convolution": (images, X.reshape(60, 3, 4), "no kernel has Conv1d"),
        "batch norm": (normed.eval(), X, "no kernel has BatchNorm1d"),
        "tied": (layers(shared, "ReLU", shared, (12, 3)), X, "layers share their weights"),
        "frozen": (frozen, X, "some of its weights are frozen"),
        "words": (words, RNG.integers(0, 20, (60, 7)), "no kernel has Embedding"),
        "twice": (layers((12, 3), "ReLU", "Tanh"), X, "Tanh stands behind no Linear"),
    }


@pytest.mark.parametrize("name", ["convolution", "batch norm", "tied", "frozen", "words", "twice"])
def test_a_run_is_a_loop_of_torch(name):
    import torch

    module, x, reason = modules()[name]
    before = copy.deepcopy(module.state_dict())
    problem = optbench.torch_problem(module, x, CLASSES)
    assert problem.eager and f"eager: autograd ({reason})" in problem.data_text
    assert problem.blocks == tuple(tuple(each.shape) for each in module.parameters() if each.requires_grad)
    found = optbench.minimize(problem, "adamw(eps=1e-8)", lr=0.01, epochs=4, batch_size=16)
    loop = copy.deepcopy(module).double()
    learning = [each for each in loop.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=0.01, weight_decay=0.01)
    inputs, target = torch.tensor(problem.data[0]).reshape(-1, *x.shape[1:]), torch.tensor(problem.data[1]).long()
    inputs = inputs.long() if name == "words" else inputs
    for rows in optbench.mini_batches(problem, batch_size=16, steps=12):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(loop(inputs[rows]), target[rows]).backward()
        optimizer.step()
    w = np.concatenate([each.detach().numpy().ravel() for each in learning])
    np.testing.assert_allclose(found.w, w, rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        made = loop(inputs)
    assert found.loss == pytest.approx(torch.nn.functional.cross_entropy(made, target).item(), rel=1e-9)
    accuracy = (made.argmax(1) == target).double().mean().item()
    assert found.curve["train_accuracy"].iloc[-1] == pytest.approx(accuracy)
    assert all(torch.equal(each, before[key]) for key, each in module.state_dict().items())
    back = optbench.to_torch(problem, found.w, copy.deepcopy(module).double())
    torch.testing.assert_close(back(inputs), made, rtol=1e-8, atol=1e-10)


def test_a_loss_may_be_a_function():
    import torch

    y = (REAL > 0).astype(float)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    problem = optbench.torch_problem(layers((12, 1)), X, y, loss=loss, name="mine", minimum=0.1)
    assert (problem.name, problem.minimum, problem.minimum_source) == ("mine", 0.1, "as given")
    w = start_point(problem, 0)
    value, slope = optbench.objective(problem)(w)
    margin = problem.data[0] @ w[:12] + w[12]
    assert value == pytest.approx(np.mean(np.logaddexp(0, margin) - problem.data[1] * margin), rel=1e-12)
    error = 1 / (1 + np.exp(-margin)) - problem.data[1]
    np.testing.assert_allclose(slope[0], np.append(problem.data[0].T @ error, error.sum()) / len(error), rtol=1e-10)
    smooth = optbench.torch_problem(layers((12, 3)), X, CLASSES, loss=torch.nn.CrossEntropyLoss(label_smoothing=0.1))
    assert smooth.metrics == ("accuracy",) and "loss is a function" in smooth.data_text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scipy_objective_and_cohort_take_it(dtype):
    problem = optbench.torch_problem(layers((12, 3), "ELU", (3, 3)), X, CLASSES)
    told = optbench.cohort(problem, "torch:AdamW", [{"lr": 0.1}, {"lr": 0.01}], epochs=3, batch_size=8, dtype=dtype)
    ours = optbench.cohort(problem, "adamw(eps=1e-8)", [{"lr": 0.1}, {"lr": 0.01}], epochs=3, batch_size=8, dtype=dtype)
    np.testing.assert_allclose(told.w, ours.w, rtol=1e-3 if dtype == "float32" else 1e-9, atol=1e-5)
    assert optbench.minimize(problem, "lbfgs", steps=50, dtype=dtype).loss < told.runs["loss_initial"][0]


@pytest.mark.parametrize("optimizer", ["gd", "lbfgs"])
def test_torch_computes_a_run_on_one_thread(optimizer):
    """Sums of several threads have other digits, and a machine has as many as it likes."""
    import torch

    class Counting(torch.nn.Linear):
        seen = []

        def forward(self, x):
            self.seen.append(torch.get_num_threads())
            return super().forward(x)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        problem = optbench.torch_problem(Counting(12, 3), X, CLASSES)
        Counting.seen.clear()
        optbench.minimize(problem, optimizer, **({"lr": 0.1} if optimizer == "gd" else {}), steps=3)
        assert set(Counting.seen) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_example_of_each_runs():
    for function in (optbench.torch_problem, optbench.to_torch):
        text = function.__doc__.replace("# doctest: +SKIP", "")
        test = doctest.DocTestParser().get_doctest(text, {"np": np} | vars(optbench) | {
            name: getattr(optbench, name) for name in optbench.__all__}, function.__name__, None, 0)  # fmt: skip
        assert len(test.examples) > 3 and doctest.DocTestRunner().run(test).failed == 0


def refused():
    """Return (arguments of torch_problem, words of the message) of calls that are refused."""
    import torch
    from torch import nn

    good = layers((12, 3))
    broken = copy.deepcopy(good)
    broken[0].bias.data[0] = np.nan
    return [
        ((nn.GRU(12, 3), X.reshape(60, 1, 12), CLASSES), "must return one tensor, not a tuple"),
        ((layers((12, 8), nn.BatchNorm1d(8), (8, 3)), X, CLASSES), "'1.running_mean' .*BatchNorm1d in training.*eval"),
        ((layers((12, 8), nn.Dropout(0.5), (8, 3)), X, CLASSES), "draws random numbers .Dropout.*set p=0"),
        ((layers((12, 3), "GELU"), X[:, :11], CLASSES), "the module fails on X .8, 11. of float64: .*shapes"),
        ((good, X[:, :11], CLASSES), "X has 11 features, and the first layer takes 12"),
        ((layers((12, 4), "ReLU", (5, 3)), X, CLASSES), "a layer of 4 outputs stands before one of 5 inputs"),
        ((layers((12, 2)), X, CLASSES), "y holds the class 2, and the module gives 2 outputs"),
        ((layers((12, 1)), X, CLASSES), "make it 3; or give a real y and loss=.*binary_cross_entropy_with_logits"),
        ((good, X, REAL), "gives 3 outputs, and y has 1 a row; for classes give y as whole numbers"),
        ((layers((12, 3), nn.Softmax(1)), X, CLASSES), "ends with Softmax, and cross-entropy takes scores: leave it"),
        ((broken, X, CLASSES), "the module holds weights that are not finite"),
        ((layers(nn.LazyLinear(3)), X, CLASSES), "lazy layers without weights: call it once"),
        ((layers("ReLU"), X, CLASSES), "no weights that learn"),
        ((nn.Linear(12, 3, device="meta"), X, CLASSES), "the module is on meta"),
        (("net", X, CLASSES), "must be a torch.nn.Module, or a function that makes one, not 'net'"),
        ((lambda: 3, X, CLASSES), "not 3 from the function"),
        ((nn.Linear, X, CLASSES), "the module cannot be made: TypeError"),
        ((good, torch.utils.data.TensorDataset(torch.zeros(9, 12)), CLASSES), "not a TensorDataset: give the"),
        ((good, X, CLASSES, "mean"), "torch_problem: unknown loss 'mean'"),
        ((good, X, CLASSES, 3), "loss=3 must be auto, cross_entropy, mse or a function"),
        ((good, X, CLASSES, lambda made, target: made), "the loss fails on outputs .8, 3.: .*scalar"),
        ((good, X, REAL, "cross_entropy"), "cross_entropy needs classes: give y as whole numbers"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(22))
def test_what_does_not_go_together_is_told_in_a_line(number):
    cases = refused()
    assert len(cases) == 22
    (module, x, y, *loss), words = cases[number]
    with pytest.raises(OptbenchError, match=words) as caught:
        optbench.torch_problem(module, x, y, **({"loss": loss[0]} if loss else {}))
    assert "\n" not in str(caught.value)


def test_seeds_need_a_way_to_draw_weights():
    from torch import nn, tensor

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.inner = nn.Parameter(tensor(2.0)), nn.Linear(12, 3)

        def forward(self, x):
            return self.scale * self.inner(x)

    problem = optbench.torch_problem(Scaled(), X, CLASSES)
    assert problem.blocks == ((1,), (3, 12), (3,)) and start_point(problem, 0)[0] == 2
    with pytest.raises(OptbenchError, match="Scaled has no reset_parameters, by which seeds other than 0 start: give"):
        optbench.minimize(problem, "gd", lr=0.1, steps=1, seed=1)
    assert optbench.minimize(optbench.torch_problem(Scaled, X, CLASSES), "gd", lr=0.1, steps=1, seed=1).status == "ok"


def test_to_torch_says_what_does_not_fit():
    problem = optbench.torch_problem(layers((12, 3)), X, CLASSES)
    w = np.zeros(problem.dim)
    for given, words in (
        ((problem, w[1:], layers((12, 3))), "w must have the shape .39,., not .38,."),
        ((problem, w, layers((12, 4))), "the module's weights are ..12, 4., .4,.., and the problem's ..12, 3., .3,.."),
        ((problem, w, layers((12, 3), "Tanh")), "the module's activations are tanh, the problem's linear"),
        (("mlp", w, layers((12, 3))), "problem='mlp' must be a problem's record"),
        ((problem, w, 3), "module=3 must be a torch.nn.Module"),
    ):
        with pytest.raises(OptbenchError, match=words):
            optbench.to_torch(*given)


PLUGIN = '''
import numpy as np
from torch import nn

import optbench


@optbench.problem(source="mine")
def net():
    """f(w) = mean cross-entropy of a network."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 4)), rng.integers(0, 2, 40)
    return optbench.torch_problem(lambda: nn.Sequential(nn.Linear(4, 3), nn.SiLU(), nn.Linear(3, 2)), x, y)
'''


def test_a_sweep_is_the_same_in_processes_of_its_own(own_kernels):
    file = own_kernels / "nets.py"
    file.write_text(PLUGIN)
    spec = {"problems": ["net"], "optimizers": ["gd"], "learning_rates": [0.1, 1.0], "batch_sizes": [8], "seeds": 2}
    spec |= {"tuning_seeds": 1, "epochs": 2, "plugins": [str(file)]}
    here, there = (optbench.sweep(spec, isolate=mode, workers=1) for mode in ("never", "always"))
    assert here.runs.equals(there.runs) and here.curves.equals(there.curves) and (here.runs["status"] == "ok").all()
