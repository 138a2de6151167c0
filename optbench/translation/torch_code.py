"""A setting in PyTorch: a training loop with torch.optim, or with optbench's kernel."""

import ast

from optbench.contract.equals import callee
from optbench.contract.equals_around import rate
from optbench.translation.eager_loops import torch_needs
from optbench.translation.loops import joined, lines, stepper_call, tabulated
from optbench.translation.numbers import Numbers
from optbench.translation.places import OWN, imported
from optbench.translation.rates import schedule_call
from optbench.translation.setting import Setting, comment, equal_of, header

_WRAPPED = {
    "clipped": {
        "before": """
with torch.no_grad():  # clip_grad_norm_ of torch.nn.utils, without the 1e-6 that it adds to the norm
    gradients = [p.grad for p in parameters if p.grad is not None]
    length = torch.sqrt(sum((g**2).sum() for g in gradients))
    for g in gradients:
        g *= {0} / length.clamp(min={0})
""",
    },
    "coupled": {
        "before": """
with torch.no_grad():
    for p in parameters:
        if p.grad is not None:
            p.grad += {0} * p
""",
    },
    "decoupled": {
        "before": """
with torch.no_grad():  # the decay stands beside the step, which does not see it
    decays = [optimizer.param_groups[0]["lr"] * ({0}) * p for p in parameters]
""",
        "after": """
with torch.no_grad():
    for p, decay in zip(parameters, decays):
        p -= decay
""",
    },
    "lookahead": {
        "setup": "slow, done = [p.detach().clone() for p in parameters], 0",
        "after": """
done += 1
if done % {0} == 0:
    with torch.no_grad():
        for p, kept in zip(parameters, slow):
            kept += {1} * (p - kept)
            p.copy_(kept)
""",
        "end": """
with torch.no_grad():  # the slow weights are what optbench evaluates
    for p, kept in zip(parameters, slow):
        p.copy_(kept)
""",
    },
    "averaged": {
        "setup": """
averages, done = [torch.zeros_like(p) for p in parameters], 0
""",
        "after": """
done += 1
with torch.no_grad():
    for p, kept in zip(parameters, averages):
        kept += (1 - {0}) / (1 - {0}**done) * (p - kept)
""",
        "end": """
with torch.no_grad():  # the average is what optbench evaluates
    for p, kept in zip(parameters, averages):
        p.copy_(kept)
""",
    },
}
"""What a wrapper adds to the loop: before and after the optimizer's step, at the beginning and at the end."""
_REPORTED = {
    "ASGD": """
with torch.no_grad():  # the average is what optbench evaluates
    for p in parameters:
        p.copy_(optimizer.state[p]["ax"])
""",
}
_EXAMPLE = """
if __name__ == "__main__":  # an example: put your model, your loss and your data in its place
    torch.manual_seed(0)
    inputs = torch.randn(1024, 20)
    data = torch.utils.data.TensorDataset(inputs, inputs[:, :1].sin())
    loader = torch.utils.data.DataLoader(data, batch_size={size}, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(20, 32{bias}), torch.nn.Tanh(), torch.nn.Linear(32, 1{bias}))
    train(model, torch.nn.functional.mse_loss, loader)
    print("loss", torch.nn.functional.mse_loss(model(inputs), data.tensors[1]).item())
"""
_MATRICES = "PyTorch's Muon takes matrices alone: give biases and other vectors to an optimizer of their own."


def torch_code(setting: Setting) -> str:
    """The code of a setting.

    Args:
        setting: what is said.

    Returns:
        A file of Python.
    """
    choice = equal_of(setting, "torch")
    body = _kernel(setting) if choice.call is None else _own(setting, choice.call)
    function, before, modules = body
    size = "len(data)" if setting.batch_size == "full" else str(setting.batch_size)
    matrices = choice.call is not None and "Muon(" in ast.unparse(choice.call)
    text = header(setting, "torch", choice)
    text += "".join(f"{line}\n" for line in comment(_MATRICES) if matrices)
    text += "".join(f"import {name}\n" for name in modules)
    text += imported(setting.optimizer, setting.plugins)
    return joined([text, before, function, _EXAMPLE.format(size=size, bias=", bias=False" * matrices)])


def _own(setting: Setting, call: ast.expr) -> tuple[str, str, list[str]]:
    """The loop, what stands before it, and the modules, with an optimizer of torch.optim."""
    closure, modes = torch_needs(setting.optimizer)
    wrapped = []
    while callee(call) in _WRAPPED:
        assert isinstance(call, ast.Call)
        wrapped.append((_WRAPPED[callee(call)], [_code(part, setting.lr) for part in call.args[1:]]))
        call = call.args[0]
    share = rate(call)
    own = schedule_call(setting.schedule, "torch", _code(share, setting.lr) if share else repr(setting.lr))
    before, scheduler = tabulated(setting, own), ""
    if own:
        scheduler = "torch.optim.lr_scheduler." + own.replace("(", "(optimizer, ", 1)
    elif not setting.constant:
        scheduler = "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: rates[min(done, total_steps - 1)])"
    placed = f"torch.optim.{_code(call, setting.lr)}".replace(f"torch.optim.{OWN}.", "")
    setup = [f"optimizer = {placed.replace('(', '(parameters, ', 1)}"]
    setup += ["optimizer.train()"] * modes
    setup += ["rates = factors(total_steps, steps_per_epoch)"] * bool(before)
    setup += [f"scheduler = {scheduler}"] * bool(scheduler)
    setup += [part["setup"].strip().format(*given) for part, given in wrapped if "setup" in part]
    loss = "loss_function(model(inputs), targets)"
    inside = "optimizer.zero_grad()\n" + (f"loss = {loss}\nloss.backward()\n" if closure else f"{loss}.backward()\n")
    inside += "".join(part["before"].lstrip().format(*given) for part, given in wrapped if "before" in part)
    inside += "optimizer.step(lambda: loss)  # its gradients are there\n" if closure else "optimizer.step()\n"
    inside += "".join(part["after"].lstrip().format(*given) for part, given in reversed(wrapped) if "after" in part)
    inside += "scheduler.step()\n" * bool(scheduler)
    end = _REPORTED.get(callee(call), "") + "".join(part.get("end", "") for part, _ in wrapped)
    end += "optimizer.eval()  # the weights that it gives for evaluation\n" * modes
    modules = ["math"] * ("math." in own) + ["numpy as np"] * bool(before) + ["torch"]
    text = "\n".join(setup)
    return _function(setting, text, inside, end, own or before), before, modules


def _code(node: ast.expr, lr: float) -> str:
    return Numbers({"lr": lr}).code(node)


def _kernel(setting: Setting) -> tuple[str, str, list[str]]:
    """The same with optbench's kernel."""
    before = tabulated(setting, "")
    setup = "optimizer = " + stepper_call(setting, "[p.detach() for p in parameters]")
    setup += "\nrates, done = factors(total_steps, steps_per_epoch), 0" * bool(before)
    inside = "model.zero_grad()\nloss_function(model(inputs), targets).backward()\n"
    rate = f", lr={setting.lr!r} * rates[done]" if before else ""
    inside += f"optimizer.step([p.grad for p in parameters]{rate})\n"
    inside += "done += 1\n" * bool(before)
    end = ""
    if getattr(setting.optimizer, "report", None):
        end = """
with torch.no_grad():  # the iterate that optbench evaluates is another than the one where gradients are taken
    for p, value in zip(parameters, optimizer.reported):
        p.copy_(torch.as_tensor(value))
"""
    return (
        _function(setting, setup, inside, end, before),
        before,
        ["numpy as np"] * bool(before) + ["optbench", "torch"],
    )


def _function(setting: Setting, setup: str, inside: str, end: str, schedule: str) -> str:
    counted = "steps_per_epoch = len(loader)\ntotal_steps = epochs * steps_per_epoch\n"
    text = f"def train(model, loss_function, loader, epochs={setting.epochs}):\n"
    text += '    """Train the model in place on the batches of the loader, and return it."""\n'
    text += lines(counted * bool(schedule), 4)
    text += "    parameters = [p for p in model.parameters() if p.requires_grad]\n"
    text += lines(setup, 4)
    text += "    for _ in range(epochs):\n        for inputs, targets in loader:\n"
    return text + lines(inside, 12) + lines(end, 4) + "    return model\n"
