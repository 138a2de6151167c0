"""A setting in Keras: compile and fit with an optimizer of its own, or a loop with optbench's kernel."""

import ast

from optbench.contract.equals_around import rate
from optbench.translation.loops import joined, lines, stepper_call, tabulated
from optbench.translation.numbers import Numbers
from optbench.translation.rates import schedule_call
from optbench.translation.setting import Setting, equal_of, header

_FACTORS = '''
class Factors(keras.optimizers.schedules.LearningRateSchedule):
    """A rate times the factor of each step."""

    def __init__(self, rate, factors):
        self.rate, self.factors = rate, factors

    def __call__(self, step):
        place = keras.ops.minimum(keras.ops.cast(step, "int32"), len(self.factors) - 1)
        return self.rate * keras.ops.take(keras.ops.convert_to_tensor(self.factors), place)

    def get_config(self):
        return {"rate": self.rate, "factors": self.factors}
'''
_EXAMPLE = """
if __name__ == "__main__":  # an example: put your model, your loss and your data in its place
    inputs = np.random.default_rng(0).normal(size=(1024, 20)).astype("float32")
    targets = np.sin(inputs[:, :1])
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(1)])
    train(model, "mse", inputs, targets)
    print("loss", model.evaluate(inputs, targets, verbose=0))
"""
_LOOP = """
random = np.random.default_rng(0)
for _ in range(epochs):
    order = random.permutation(len(inputs))
    for start in range(0, len(inputs), batch_size):
        rows = order[start : start + batch_size]
        losses = keras.losses.get(loss)(keras.ops.convert_to_tensor(targets[rows]), model(inputs[rows], training=True))
        gradients = torch.autograd.grad(keras.ops.mean(losses), parameters)
"""


def keras_code(setting: Setting) -> str:
    """The code of a setting.

    Args:
        setting: what is said.

    Returns:
        A file of Python.
    """
    choice = equal_of(setting, "keras")
    share = rate(choice.call) if choice.call is not None else None
    lr = Numbers({"lr": setting.lr}).code(share) if share is not None else repr(setting.lr)
    own = schedule_call(setting.schedule, "keras", lr) if choice.call is not None else ""
    before = tabulated(setting, own)
    if choice.call is None:
        function, modules = _kernel(setting, before), _KERNEL_MODULES
    else:
        function, modules = _own(setting, choice.call, lr, own, before), "import keras\nimport numpy as np\n"
        before += f"\n\n{_FACTORS.strip()}\n" if before else ""
    return joined([header(setting, "keras", choice) + modules, before, function, _EXAMPLE])


_KERNEL_MODULES = """import os

os.environ["KERAS_BACKEND"] = "torch"  # optbench's kernel works on the memory of PyTorch's tensors

import keras
import numpy as np
import optbench
import torch
"""


class _Rate(ast.NodeTransformer):
    """The rate's code in the place of the keyword ``learning_rate``."""

    def __init__(self, code: str):
        self.code = code

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        if node.arg == "learning_rate":
            return ast.keyword(node.arg, ast.parse(self.code, mode="eval").body)
        return node


def _own(setting: Setting, call: ast.expr, lr: str, own: str, before: str) -> str:
    """Compile and fit."""
    setup, code = "", lr
    if own:
        setup, code = f"learning_rate = keras.optimizers.schedules.{own}\n", "learning_rate"
    elif before:
        setup = f"learning_rate = Factors({lr}, factors(total_steps, steps_per_epoch))\n"
        code = "learning_rate"
    placed = ast.unparse(ast.fix_missing_locations(_Rate(code).visit(Numbers({"lr": setting.lr}).placed(call))))
    setup += f"optimizer = keras.optimizers.{placed}\nmodel.compile(optimizer=optimizer, loss=loss)\n"
    setup += "model.fit(inputs, targets, batch_size=batch_size, epochs=epochs, verbose=0)\nreturn model\n"
    return _function(setting, setup, own or before)


def _kernel(setting: Setting, before: str) -> str:
    """A loop with optbench's kernel on the tensors of the model."""
    text = "model(inputs[:1])  # its weights exist from here on\n"
    text += "parameters = [variable.value for variable in model.trainable_variables]\n"
    text += "optimizer = " + stepper_call(setting, "[p.detach() for p in parameters]") + "\n"
    text += "rates, done = factors(total_steps, steps_per_epoch), 0\n" * bool(before)
    rate_ = f", lr={setting.lr!r} * rates[done]" if before else ""
    inside = f"        optimizer.step([g.contiguous() for g in gradients]{rate_})\n"
    inside += "        done += 1\n" * bool(before)
    end = ""
    if getattr(setting.optimizer, "report", None):
        end = "# The iterate that optbench evaluates is another than the one where gradients are taken.\n"
        end += "with torch.no_grad():\n    for p, value in zip(parameters, optimizer.reported):\n"
        end += "        p.copy_(torch.as_tensor(value))\n"
    return _function(setting, f"{text}{_LOOP.strip()}\n{inside}{end}return model\n", before)


def _function(setting: Setting, body: str, schedule: str) -> str:
    full = setting.batch_size == "full"
    size = None if full else setting.batch_size
    text = f"def train(model, loss, inputs, targets, batch_size={size}, epochs={setting.epochs}):\n"
    text += '    """Train the model in place, and return it."""\n'
    whole = "batch_size = batch_size or len(inputs)  # None: all of them\n" * full
    counted = "steps_per_epoch = -(-len(inputs) // batch_size)\ntotal_steps = epochs * steps_per_epoch\n"
    return text + lines(whole + counted * bool(schedule) + body, 4)
