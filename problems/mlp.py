"""A multilayer perceptron with softmax cross-entropy or squared error: any depth, width; one run at a time on BLAS.

Layers of the widths that are given (mlp), and many equal narrow ones (deep_narrow).
"""

from optbench import OptbenchError, datasets, problem
from optbench.kit.networks import HIDDEN, check_choice, check_widths, dense, network

TARGETS = {"auto": None, "cross_entropy": True, "mse": False}
"""The losses, and the targets that they take."""


@problem(source="Rumelhart, Hinton & Williams 1986; He et al. 2015, Glorot & Bengio 2010 (initialization)")
def mlp(data="digits", hidden=(32,), activation="relu", initialization="he", loss="auto"):
    """Mean loss of a multilayer perceptron: ``hidden`` layers, a bias each, parameters (in, out).

    ``loss``: cross_entropy, softmax's, for classes; mse, the mean squared error, for real targets, standardized; by
    default as the targets of ``data`` are. ``activation``: relu, tanh or sigmoid. ``initialization``: he (variance
    2/in), xavier (2/(in + out)), zero, or large (standard deviation 1); biases start at 0. Metric of classes: accuracy.
    The loss is bounded below by 0.
    """
    check_choice("mlp", "loss", loss, TARGETS)
    return perceptron("mlp", data, hidden, activation, initialization, TARGETS[loss])


@problem(source="Hochreiter 1991 (vanishing gradients); Glorot & Bengio 2010, sec. 3 (sigmoid units saturate)")
def deep_narrow(data="digits", depth=6, width=8, activation="sigmoid", initialization="xavier"):
    """The perceptron ``mlp`` with ``depth`` hidden layers of ``width`` units each.

    Starts by a plateau: with sigmoid units a layer passes back at most a quarter of a gradient, so that the lower
    layers hardly hear of the loss, and the upper ones can do no better at first than the classes' frequencies, a
    cross-entropy of log(classes). Parameters and metric as for ``mlp``.
    """
    if depth < 1 or width < 1:
        raise OptbenchError(f"problem deep_narrow: depth={depth} and width={width} must be at least 1")
    return perceptron("deep_narrow", data, (width,) * depth, activation, initialization)


def perceptron(name, data, hidden, activation, initialization, classes=True):
    """Return the problem of hidden layers of these widths with one activation, and an output for each class.

    classes: the targets are classes (True), real (False: one output), or either (None).
    """
    check_widths(name, "hidden", hidden)
    check_choice(name, "activation", activation, HIDDEN)
    d = datasets.load_for(name, data, classes)
    layers = [layer for width in hidden for layer in (dense(width), activation)]
    return network(name, [*layers, dense(d.classes or 1)], d, initialization, "cross_entropy" if d.classes else "mse")
