"""A deep autoencoder: a network that must pass its input through a narrow middle; one run at a time on BLAS."""

from optbench import OptbenchError, Problem, datasets, problem
from optbench.kit.layers import ACTIVATIONS, TOGETHER, backward, forward
from optbench.kit.learning import data_fields
from optbench.kit.networks import HIDDEN, dense, layer_rows, stack, start_of
from optbench.kit.products import transpose

SIGMOID = ACTIVATIONS.index("sigmoid")


def value_and_gradient(w, g, x, layout, work):
    """Return the mean squared error of the outputs on a batch, and write its gradient to g."""
    rows, features = x.shape
    place = forward(w, x, layout, work)
    output, wanted = output_and_target(x, place, work)
    loss, bounded = 0.0, layout[layout.shape[0] // 2 - 1] == SIGMOID
    share = w.dtype.type(1.0 / (rows * features))
    for j in range(features):
        row, target = output[j], wanted[j]
        part = 0.0  # a sum a feature, and one of those: in float32 a single long sum would lose digits
        for i in range(rows):
            made = row[i]
            difference = made - target[i]
            part += difference * difference
            row[i] = 2.0 * share * difference * (made * (1.0 - made) if bounded else 1.0)
        loss += part
    backward(w, g, x, place, layout, work)
    return loss * share


def evaluate(w, out, x, layout, work):
    """Write the mean squared error on the examples to out, some rows at a time."""
    rows, features = x.shape
    loss = 0.0
    for first in range(0, rows, TOGETHER):
        part = x[first : first + TOGETHER]
        output, wanted = output_and_target(part, forward(w, part, layout, work), work)
        for j in range(features):
            row, target, own = output[j], wanted[j], 0.0
            for i in range(part.shape[0]):
                difference = row[i] - target[i]
                own += difference * difference
            loss += own
    out[0] = loss * w.dtype.type(1.0 / (rows * features))


def output_and_target(x, place, work):
    """Return the last layer's activations, and the examples in the same order, (features, rows)."""
    rows, features = x.shape
    end = place + features * rows
    target = work[end : end + features * rows].reshape(features, rows)
    transpose(x, target)
    return work[place:end].reshape(features, rows), target


@problem(
    source="Hinton & Salakhutdinov 2006; as a test of optimizers: Martens 2010",
    limits={"output": ("sigmoid", "linear"), "activation": HIDDEN},
)
def autoencoder(data="digits", hidden=(32, 16, 8), activation="sigmoid", output="sigmoid", initialization="xavier"):
    """Mean over examples and features of (h(x) - x)^2 for a network h with the layers ``hidden`` and then the same
    backwards: 64-32-16-8-16-32-64 on digits. Parameters (in, out), and a bias (out,), per layer; targets are not used.

    ``activation`` of the hidden layers: relu, tanh or sigmoid. ``output``: sigmoid, for features in [0, 1], or linear.
    ``initialization`` as for ``mlp``. The long way through saturating layers makes curvatures differ widely, and
    the first thing that is learned, the mean image, is a plateau. The loss is bounded below by 0.
    """
    if not hidden:
        raise OptbenchError("problem autoencoder: hidden=() must name at least one width")
    d = datasets.load_for("autoencoder", data, classes=None)
    if output == "sigmoid" and (min(d.x.min(), d.x_test.min()) < 0 or max(d.x.max(), d.x_test.max()) > 1):
        raise OptbenchError(f"problem autoencoder: data {data!r} has features beyond [0, 1]; use output=linear")
    features = d.x.shape[1]
    layers = [layer for width in (*hidden, *hidden[-2::-1]) for layer in (dense(width), activation)]
    layers += [dense(features), *(["sigmoid"] if output == "sigmoid" else [])]
    rows = layer_rows("autoencoder", layers, features)
    return Problem(
        **stack("mse", rows) | {"value_and_gradient": value_and_gradient, "evaluate": evaluate, "predict": None},
        start=start_of("autoencoder", rows, initialization),
        minimum=0.0,
        minimum_source="lower bound",
        **data_fields(d) | {"data_text": f"{d.text}; the target is not used"},
    )
