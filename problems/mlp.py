"""A multilayer perceptron with softmax cross-entropy or squared error: any depth, width; one run at a time on BLAS.

Layers of the widths that are given (mlp), many equal narrow ones (deep_narrow), normalized ones (scale_invariant_mlp),
and one that learns to add (grokking).
"""

import numpy as np

from optbench import datasets, problem
from optbench.kit.networks import HIDDEN, dense, layer_norm, network

TARGETS = {"auto": None, "cross_entropy": True, "mse": False}
"""The losses, and the targets that they take."""


@problem(
    source="Rumelhart, Hinton & Williams 1986; He et al. 2015, Glorot & Bengio 2010 (initialization)",
    limits={"activation": HIDDEN, "loss": tuple(TARGETS)},
    target=0.1,
)
def mlp(data="digits", hidden=(32,), activation="relu", initialization="he", loss="auto"):
    """Mean loss of a multilayer perceptron: ``hidden`` layers, a bias each, parameters (in, out).

    ``loss``: cross_entropy, softmax's, for classes; mse, the mean squared error, for real targets, standardized; by
    default as the targets of ``data`` are. ``activation``: relu, tanh or sigmoid. ``initialization``: he (variance
    2/in), xavier (2/(in + out)), zero, or large (standard deviation 1); biases start at 0. Metric of classes: accuracy.
    The loss is bounded below by 0.
    """
    return perceptron("mlp", data, hidden, activation, initialization, TARGETS[loss])


@problem(
    source="Hochreiter 1991 (vanishing gradients); Glorot & Bengio 2010, sec. 3 (sigmoid units saturate)",
    limits={"width": "[1, inf)", "depth": "[1, inf)", "activation": HIDDEN},
)
def deep_narrow(data="digits", depth=6, width=8, activation="sigmoid", initialization="xavier"):
    """The perceptron ``mlp`` with ``depth`` hidden layers of ``width`` units each.

    Starts by a plateau: with sigmoid units a layer passes back at most a quarter of a gradient, so that the lower
    layers hardly hear of the loss, and the upper ones can do no better at first than the classes' frequencies, a
    cross-entropy of log(classes). Parameters and metric as for ``mlp``.
    """
    return perceptron("deep_narrow", data, (width,) * depth, activation, initialization)


@problem(
    source="Ba, Kiros & Hinton 2016 (layer normalization); van Laarhoven 2017, arXiv 1706.05350",
    limits={"activation": HIDDEN},
)
def scale_invariant_mlp(data="digits", hidden=(32,), activation="relu", initialization="he"):
    """The perceptron ``mlp`` with layer normalization before each activation, in place of biases: scale-invariant.

    The loss stays the same if the weights (in, out) of a hidden layer are multiplied by a number: its gradient is
    orthogonal to them, and falls as they grow. So each step adds to their norm and lowers the effective rate, lr/|w|^2;
    weight decay raises it again, up to an equilibrium. Gains, shifts and the last layer have no such freedom.
    Parameters and metric as for ``mlp``.
    """
    name = "scale_invariant_mlp"
    d = datasets.load_for(name, data, True)
    layers = [layer for width in hidden for layer in (dense(width, bias=False), layer_norm, activation)]
    return network(name, [*layers, dense(d.classes)], d, initialization)


@problem(
    source="Power et al. 2022, arXiv 2201.02177; Liu et al. 2023, arXiv 2210.01117 (large initial weights)",
    limits={"width": "[1, inf)", "modulus": "[5, 200]", "share": "[0.1, 0.9]", "activation": HIDDEN},
)
def grokking(modulus=31, share=0.6, width=128, activation="relu", initialization="he", seed=0):
    """Mean cross-entropy of a perceptron that is to say a + b mod ``modulus``, of one hidden layer of ``width`` units.

    a and b come one-hot. The pairs in a random ``share`` are for training; of the others, a fifth validates and the
    rest tests. The training pairs are soon learned by heart; the rule behind them, which the test accuracy shows, much
    later, if at all: adamw(weight_decay=1, beta2=0.98) at the rate 0.01 and the full batch has 99% of the training
    pairs after about 60 steps, and 95% of the test pairs after about 1,100. With few pairs (modulus 23, share 0.4) it
    found no rule. ``seed`` chooses the pairs. Metric: accuracy. The loss is bounded below by 0.
    """
    pairs = np.random.default_rng(seed).permutation(modulus**2)
    first, second = np.divmod(pairs, modulus)
    one = np.eye(modulus)
    x, y = np.concatenate([one[first], one[second]], axis=1), ((first + second) % modulus).astype(float)
    train = round(share * len(x))
    middle = train + (len(x) - train) // 5
    d = datasets.Dataset(
        x[:train], y[:train], x[middle:], y[middle:], modulus, "generated: sums of pairs",
        x_validation=x[train:middle], y_validation=y[train:middle], name="generated sums",
        target=f"target: a + b mod {modulus}",
    )  # fmt: skip
    return network("grokking", [dense(width), activation, dense(modulus)], d, initialization)


def perceptron(name, data, hidden, activation, initialization, classes=True):
    """Return the problem of hidden layers of these widths with one activation, and an output for each class.

    classes: the targets are classes (True), real (False: one output), or either (None).
    """
    d = datasets.load_for(name, data, classes)
    layers = [layer for width in hidden for layer in (dense(width), activation)]
    return network(name, [*layers, dense(d.classes or 1)], d, initialization, "cross_entropy" if d.classes else "mse")
