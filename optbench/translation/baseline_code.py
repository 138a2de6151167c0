"""A method of SciPy's on the parameters of a model: full batch, no rate, no schedule."""

from optbench.contract.names import number_text
from optbench.translation.loops import joined
from optbench.translation.setting import Choice, Setting, header

_TORCH = '''
import torch
from scipy.optimize import minimize


def train(model, loss_function, inputs, targets):
    """Train the model in place, and return it; a step is an evaluation of the loss and its gradient."""
    parameters = [p for p in model.parameters() if p.requires_grad]

    def value_and_gradient(w):
        torch.nn.utils.vector_to_parameters(torch.as_tensor(w).to(parameters[0]), parameters)
        loss = loss_function(model(inputs), targets)
        gradients = torch.autograd.grad(loss, parameters)
        return loss.item(), torch.cat([g.reshape(-1) for g in gradients]).double().numpy()

    start = torch.nn.utils.parameters_to_vector(parameters).detach().double().numpy()
    found = minimize(value_and_gradient, start, jac=True, method={method!r}, options={options})
    torch.nn.utils.vector_to_parameters(torch.as_tensor(found.x).to(parameters[0]), parameters)
    return model


if __name__ == "__main__":  # an example: put your model, your loss and your data in its place
    torch.manual_seed(0)
    inputs = torch.randn(1024, 20)
    targets = inputs[:, :1].sin()
    model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    train(model, torch.nn.functional.mse_loss, inputs, targets)
    print("loss", torch.nn.functional.mse_loss(model(inputs), targets).item())
'''
_OPTAX = '''
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize


def train(params, loss_function, data):
    """Parameters trained on loss_function(params, *data); a step is an evaluation of the loss and its gradient."""
    start, restored = ravel_pytree(params)
    value_and_gradient = jax.jit(jax.value_and_grad(lambda w: loss_function(restored(w), *data)))

    def evaluated(w):
        value, gradient = value_and_gradient(jnp.asarray(w, start.dtype))
        return float(value), np.asarray(gradient, float)

    found = minimize(evaluated, np.asarray(start, float), jac=True, method={method!r}, options={options})
    return restored(jnp.asarray(found.x, start.dtype))


if __name__ == "__main__":  # an example: put your parameters, your loss and your data in its place
    random = np.random.default_rng(0)
    inputs = random.normal(size=(1024, 20))
    targets = np.sin(inputs[:, :1])
    hidden, out = 0.2 * random.normal(size=(20, 32)), 0.2 * random.normal(size=(32, 1))
    params = {{"hidden": jnp.asarray(hidden), "bias": jnp.zeros(32), "out": jnp.asarray(out)}}

    def loss_function(params, inputs, targets):
        outputs = jnp.tanh(inputs @ params["hidden"] + params["bias"]) @ params["out"]
        return jnp.mean((outputs - targets) ** 2)

    params = train(params, loss_function, (inputs, targets))
    print("loss", loss_function(params, inputs, targets))
'''
_KERAS = '''
import os

os.environ["KERAS_BACKEND"] = "torch"  # whose gradients SciPy gets

import keras
import numpy as np
import torch
from scipy.optimize import minimize


def train(model, loss, inputs, targets):
    """Train the model in place, and return it; a step is an evaluation of the loss and its gradient."""
    model(inputs[:1])  # its weights exist from here on
    parameters = [variable.value for variable in model.trainable_variables]
    expected = keras.ops.convert_to_tensor(targets)

    def value_and_gradient(w):
        torch.nn.utils.vector_to_parameters(torch.as_tensor(w).to(parameters[0]), parameters)
        mean = keras.ops.mean(keras.losses.get(loss)(expected, model(inputs, training=True)))
        gradients = torch.autograd.grad(mean, parameters)
        return mean.item(), torch.cat([g.reshape(-1) for g in gradients]).double().numpy()

    start = torch.nn.utils.parameters_to_vector(parameters).detach().double().numpy()
    found = minimize(value_and_gradient, start, jac=True, method={method!r}, options={options})
    torch.nn.utils.vector_to_parameters(torch.as_tensor(found.x).to(parameters[0]), parameters)
    return model


if __name__ == "__main__":  # an example: put your model, your loss and your data in its place
    inputs = np.random.default_rng(0).normal(size=(1024, 20)).astype("float32")
    targets = np.sin(inputs[:, :1])
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(1)])
    train(model, "mse", inputs, targets)
    print("loss", float(np.mean((np.asarray(model.predict(inputs, verbose=0)) - targets) ** 2)))
'''
_TEXTS = {"torch": _TORCH, "optax": _OPTAX, "keras": _KERAS}


def baseline_code(setting: Setting, library: str) -> str:
    """The code of a method of SciPy's.

    Args:
        setting: what is said; its epochs are evaluations, and rate, schedule and batch size mean nothing.
        library: of LIBRARIES.

    Returns:
        A file of Python.
    """
    record = setting.optimizer
    given = record.options(setting.values, setting.epochs)
    options = ", ".join(f'"{key}": {number_text(value)}' for key, value in given.items())
    body = _TEXTS[library].format(method=record.method, options=f"{{{options}}}").strip("\n")
    return joined([header(setting, library, Choice(None, "")) + body])
