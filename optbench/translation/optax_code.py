"""A setting in optax: a training loop in JAX with an optimizer of optax, or with optbench's kernel."""

import ast
import copy

from optbench.contract.equals import callee
from optbench.translation.eager_loops import optax_needs_value
from optbench.translation.loops import joined, lines, stepper_call, tabulated
from optbench.translation.numbers import Numbers
from optbench.translation.places import OWN, imported
from optbench.translation.rates import Rate, schedule_call
from optbench.translation.setting import Setting, equal_of, header

_REPORTING = ("contrib.schedule_free", "contrib.schedule_free_sgd", "contrib.schedule_free_adamw")
_EXAMPLE = """
if __name__ == "__main__":  # an example: put your parameters, your loss and your data in its place
    random = np.random.default_rng(0)
    inputs = random.normal(size=(1024, 20))
    targets = np.sin(inputs[:, :1])
    hidden, out = 0.2 * random.normal(size=(20, 32)), 0.2 * random.normal(size=(32, 1))
    params = {"hidden": jnp.asarray(hidden), "bias": jnp.zeros(32), "out": jnp.asarray(out)}

    def loss_function(params, inputs, targets):
        outputs = jnp.tanh(inputs @ params["hidden"] + params["bias"]) @ params["out"]
        return jnp.mean((outputs - targets) ** 2)

    params = train(params, loss_function, (inputs, targets))
    print("loss", loss_function(params, inputs, targets))
"""
_LOOP = """
random = np.random.default_rng(seed)
for _ in range(epochs):
    order = random.permutation(examples)
    for start in range(0, examples, batch_size):
        batch = [array[order[start : start + batch_size]] for array in data]
"""


def optax_code(setting: Setting) -> str:
    """The code of a setting.

    Args:
        setting: what is said.

    Returns:
        A file of Python.
    """
    choice = equal_of(setting, "optax")
    own = schedule_call(setting.schedule, "optax", repr(setting.lr)) if choice.call is not None else ""
    before = tabulated(setting, own)
    function = _kernel(setting, before) if choice.call is None else _own(setting, choice.call, own, before)
    modules = "import jax\nimport jax.numpy as jnp\nimport numpy as np\n"
    modules = "import math\n" * ("math." in own) + modules
    modules += "import optbench\n" if choice.call is None else "import optax\n"
    modules += imported(setting.optimizer, setting.plugins)
    return joined([header(setting, "optax", choice) + modules, before, function, _EXAMPLE])


class _Placed(ast.NodeTransformer):
    """The names of optax, and the rate: a number, or a function of the step."""

    def __init__(self, setting: Setting):
        self.setting = setting

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = callee(node)
        node.args = [self._argument(part) for part in node.args]
        node.keywords = [ast.keyword(each.arg, self._argument(each.value)) for each in node.keywords]
        node.func = ast.parse(f"optax.{name}".replace(f"optax.{OWN}.", ""), mode="eval").body
        return node

    def _argument(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Call):
            return self.visit(node)
        if self.setting.constant:
            return Numbers({"lr": self.setting.lr}).placed(node)
        if isinstance(node, ast.Name) or not any(isinstance(n, ast.Name) and n.id == "lr" for n in ast.walk(node)):
            return node
        code = ast.unparse(Rate("lr(step)").visit(node))
        return ast.parse(f"lambda step: {code}", mode="eval").body


def _own(setting: Setting, call: ast.expr, own: str, before: str) -> str:
    """The loop with an optimizer of optax."""
    average = ""
    if callee(call) == "averaged":
        assert isinstance(call, ast.Call)
        average, call = ast.unparse(call.args[1]), call.args[0]
    lookahead = any(callee(node) == "lookahead" for node in ast.walk(call) if isinstance(node, ast.Call))
    path = _path(call)
    text = ast.unparse(ast.fix_missing_locations(_Placed(setting).visit(copy.deepcopy(call))))
    setup = "params = optax.LookaheadParams.init_synced(params)\n" * lookahead
    if own:
        setup += f"lr = optax.{own}\n"
    elif before:
        setup += f"rates = {setting.lr!r} * jnp.asarray(factors(total_steps, steps_per_epoch))\n"
        setup += "lr = lambda step: rates[jnp.minimum(step, total_steps - 1)]\n"
    setup += f"optimizer = {text}\nstate = optimizer.init(params)\n"
    setup += f"ema = optax.ema({average})\naverages = ema.init(params)\n" * bool(average)
    at = "params.fast" if lookahead else "params"
    kept = ", averages" * bool(average)
    setup += f"\n@jax.jit\ndef update(params, state{kept}, batch):\n"
    if _needs_value(setting):
        setup += f"    value, gradients = jax.value_and_grad(loss_function)({at}, *batch)\n"
        setup += "    updates, state = optimizer.update(gradients, state, params, value=value)\n"
    else:
        setup += f"    gradients = jax.grad(loss_function)({at}, *batch)\n"
        setup += "    updates, state = optimizer.update(gradients, state, params)\n"
    setup += "    params = optax.apply_updates(params, updates)\n"
    if average:
        setup += "    average, averages = ema.update(params, averages)\n    return params, state, averages, average\n"
    else:
        setup += "    return params, state\n"
    result = ", average" * bool(average)
    inside = f"        params, state{kept}{result} = update(params, state{kept}, batch)\n"
    end = "return params\n"
    if average:
        end = "return average  # which is what optbench evaluates\n"
    elif lookahead:
        end = "return params.slow  # which is what optbench evaluates\n"
    elif path is not None:
        place = "".join(f"[{each}]" for each in path)
        end = f"return optax.contrib.schedule_free_eval_params(state{place}, params)  # what optbench evaluates\n"
    return _function(setting, f"{setup}{_LOOP}{inside}{end}", (own or before))


def _needs_value(setting: Setting) -> bool:
    record = setting.optimizer
    given = {record.rate: setting.lr, **record.arguments(setting.values)} if hasattr(record, "target") else {}
    return optax_needs_value(record, given)


def _path(call: ast.expr) -> list[int] | None:
    """Where in the state of chains the state of an optimizer stands that reports another iterate."""
    if not isinstance(call, ast.Call):
        return None
    if callee(call) in _REPORTING:
        return []
    for place, part in enumerate(call.args if callee(call) == "chain" else ()):
        path = _path(part)
        if path is not None:
            return [place, *path]
    return None


def _kernel(setting: Setting, before: str) -> str:
    """The same with optbench's kernel, which changes NumPy arrays in place."""
    text = "leaves, tree = jax.tree.flatten(params)\nleaves = [np.array(leaf) for leaf in leaves]\n"
    text += f"optimizer = {stepper_call(setting, 'leaves')}\n"
    text += "rates, done = factors(total_steps, steps_per_epoch), 0\n" * bool(before)
    text += "gradient = jax.jit(jax.grad(loss_function))\n"
    rate = f", lr={setting.lr!r} * rates[done]" if before else ""
    inside = "        gradients = jax.tree.leaves(gradient(tree.unflatten(leaves), *batch))\n"
    inside += f"        optimizer.step([np.array(g) for g in gradients]{rate})\n"
    inside += "        done += 1\n" * bool(before)
    end = "return tree.unflatten([jnp.array(leaf) for leaf in leaves])\n"
    if getattr(setting.optimizer, "report", None):
        end = "# The iterate that optbench evaluates is another than the one where gradients are taken.\n"
        end += "return tree.unflatten([jnp.array(leaf) for leaf in optimizer.reported])\n"
    return _function(setting, f"{text}{_LOOP}{inside}{end}", before)


def _function(setting: Setting, body: str, schedule: str) -> str:
    full = setting.batch_size == "full"
    size = None if full else setting.batch_size
    text = f"def train(params, loss_function, data, batch_size={size}, epochs={setting.epochs}, seed=0):\n"
    text += '    """Parameters trained on loss_function(params, *batch); data: arrays with an example a row each."""\n'
    counted = "examples = len(data[0])\n" + "batch_size = batch_size or examples  # None: all of them\n" * full
    if schedule:
        counted += "steps_per_epoch = -(-examples // batch_size)\ntotal_steps = epochs * steps_per_epoch\n"
    return text + lines(counted + body, 4)
