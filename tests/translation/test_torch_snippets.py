"""Every snippet for PyTorch runs and takes the steps of optbench: to 1e-9 in float64."""

import numpy as np
import pytest
from harness import CATALOGUE, SCHEDULES
from snippets import ABOVE, BATCH, NAMES, START, agree, data, definitions, has_equal, setting, split

import optbench
from optbench.translation.code import render

pytestmark = [pytest.mark.torch, pytest.mark.slow]
FORMULA = "warmup(cosine, fraction=0.3)"


def run_code(torch, each):
    """Run the code on a linear loss; return its path, the gradients that it got, and its last parameters."""
    path, seen = [], []

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ParameterList(  # a matrix lies as in torch.nn.Linear, (outputs, inputs)
                [torch.nn.Parameter(torch.tensor(part.T.copy())) for part in split(START)]
            )

        def forward(self, inputs):
            w = torch.cat([p.t().reshape(-1) for p in self.blocks])
            path.append(w.detach().numpy().copy())
            seen.append(inputs.mean(0).numpy())
            return inputs @ w

    model, examples = Model(), torch.utils.data.TensorDataset(*map(torch.tensor, data()))
    loader = torch.utils.data.DataLoader(examples, batch_size=BATCH, shuffle=True)
    definitions(render(each, "torch"))["train"](model, lambda outputs, targets: outputs.mean() + ABOVE, loader)
    return np.array(path), np.array(seen), np.concatenate([p.detach().numpy().T.ravel() for p in model.blocks])


def test_every_optimizer_that_torch_has(torch):
    count = 0
    for name in NAMES:
        for schedule in ("constant", FORMULA):
            if has_equal(name, "torch", schedule):
                each = setting(name, schedule)
                agree(each, *run_code(torch, each), rtol=1e-9)
                count += 1
    assert count > 80


def test_the_kernel_takes_the_steps_where_torch_has_no_equal(torch):
    """On schedules that are tabulated, one of which ends at 0; every third rule: the code around the kernel is one."""
    single = [name for name, record in CATALOGUE.optimizers.items() if record.gradients == 1]
    names = [name for name in single if not has_equal(name, "torch")]
    assert len(names) > 15
    for name in [*names[::3], "sps_smooth", "adam", "average(adam)", "lookahead(aggmo)"]:
        each = setting(name, "linear(fraction=0.5)" if name == "adam" else FORMULA)
        agree(each, *run_code(torch, each), rtol=1e-9)


def test_every_schedule(torch):
    for schedule in [*SCHEDULES, *(f"{name}(linear)" for name in CATALOGUE.schedule_wrappers), "cosine(final=0.1)",
                     "staircase(epochs=1)", "staircase(steps=5)", "linear(start=0.5, end=0.1)", "polynomial(final=0.1)",
                     "multi_step(milestones=(0.2, 0.3, 0.9))"]:  # fmt: skip
        each = setting("momentum", schedule)
        agree(each, *run_code(torch, each), rtol=1e-9)


def test_classes_of_torch_are_said_as_they_are(torch):
    code = optbench.training_code("torch:AdamW(beta1=0.8)", "torch", lr=0.1)
    assert "torch.optim.AdamW(parameters, lr=0.1," in code and "betas=(0.8, 0.999)" in code
    with pytest.raises(optbench.OptbenchError, match="torch:AdamW is an optimizer of PyTorch: only torch can say it"):
        optbench.training_code("torch:AdamW", "optax")


@pytest.mark.parametrize("text", ["momentum", "lbfgs"])
def test_the_example_runs(torch, text, capsys):
    torch.set_default_dtype(torch.float32)
    try:
        exec(compile(optbench.training_code(text, lr=0.1, epochs=3), "train.py", "exec"), {"__name__": "__main__"})
    finally:
        torch.set_default_dtype(torch.float64)
    assert float(capsys.readouterr().out.split()[1]) < 0.4
