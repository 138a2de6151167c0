"""Every optimizer written for Keras takes the steps of optbench: to 1e-6, for Keras has its rates in float32."""

import os

import numpy as np
import pytest
from snippets import (
    ABOVE,
    BATCH,
    EPOCHS,
    PER_EPOCH,
    START,
    STEPS,
    agree,
    data,
    definitions,
    forms,
    has_equal,
    schedules_of,
    setting,
    split,
)

from optbench.translation.code import render

pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras and PyTorch, on NumPy 2
]
FORMULA = "warmup(cosine, fraction=0.3)"


@pytest.fixture(scope="module")
def keras():
    """Keras on PyTorch, all but its rates in float64."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    known = torch.get_default_dtype(), keras.config.floatx(), keras.config.dtype_policy()
    torch.set_default_dtype(torch.float64)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # the first model of the process has fixed it
    yield keras
    torch.set_default_dtype(known[0])
    keras.config.set_floatx(known[1])
    keras.config.set_dtype_policy(known[2])


def run_code(keras, each):
    """Train on a linear loss; return the path, the gradients that the optimizer got, and the last parameters."""
    path, seen = [], []

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [self.add_weight(shape=part.shape, initializer="zeros") for part in split(START)]
            for block, part in zip(self.blocks, split(START), strict=True):
                block.assign(part)

        def call(self, inputs):
            w = keras.ops.concatenate([keras.ops.reshape(block, (-1,)) for block in self.blocks])
            if inputs.device.type != "meta":
                path.append(w.detach().numpy().copy())
                seen.append(inputs.mean(0).numpy().copy())
            return keras.ops.matmul(inputs, w)[:, None]

    model = Model()
    optimizer = definitions(render(each, "keras"), steps_per_epoch=PER_EPOCH)["optimizer"]
    model.compile(optimizer=optimizer, loss=lambda targets, outputs: outputs + ABOVE)
    model.fit(*data(), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    last = np.concatenate([block.value.detach().numpy().ravel() for block in model.blocks])
    return np.array(path[-STEPS:]), np.array(seen[-STEPS:]), last


def test_every_optimizer_that_keras_has(keras):
    names = forms("keras")  # one of each form of the call
    assert len(names) > 15
    for place, name in enumerate(names):
        each = setting(name, FORMULA if place % 2 and has_equal(name, "keras", FORMULA) else "constant")
        agree(each, *run_code(keras, each), rtol=1e-6)


def test_schedules_of_keras(keras):
    """And two formulas; the text of formulas is that of PyTorch's snippets, where all of them are run."""
    for schedule in schedules_of("keras"):
        each = setting("rmsprop", schedule)
        agree(each, *run_code(keras, each), rtol=1e-6)
