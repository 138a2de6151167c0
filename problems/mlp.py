"""A multilayer perceptron with softmax cross-entropy: any depth and width, one run at a time on BLAS.

Layers of the widths that are given (mlp), and many equal narrow ones (deep_narrow).
"""

from optbench import OptbenchError, Problem, datasets, problem
from optbench.kit.layers import backward, cross_entropy_report, forward, softmax_error
from optbench.kit.networks import check_widths, dense


def value_and_gradient(w, g, x, y, layout, work):
    """Return the mean cross-entropy on a batch, and write its gradient to g."""
    rows, classes = x.shape[0], layout[-1]
    place = forward(w, x, layout, work)
    end = place + classes * rows
    loss = softmax_error(work[place:end].reshape(classes, rows), y, work[end:])
    backward(w, g, x, place, layout, work)
    return loss


@problem(source="Rumelhart, Hinton & Williams 1986; He et al. 2015, Glorot & Bengio 2010 (initialization)")
def mlp(data="digits", hidden=(32,), activation="relu", initialization="he"):
    """Mean softmax cross-entropy of a multilayer perceptron: ``hidden`` layers, a bias each, parameters (in, out).

    ``activation``: relu, tanh or sigmoid. ``initialization``: he (variance 2/in), xavier (2/(in + out)), zero, or
    large (standard deviation 1); biases start at 0. Metric: accuracy. The loss is bounded below by 0.
    """
    return network("mlp", data, hidden, activation, initialization)


@problem(source="Hochreiter 1991 (vanishing gradients); Glorot & Bengio 2010, sec. 3 (sigmoid units saturate)")
def deep_narrow(data="digits", depth=6, width=8, activation="sigmoid", initialization="xavier"):
    """The perceptron ``mlp`` with ``depth`` hidden layers of ``width`` units each.

    Starts by a plateau: with sigmoid units a layer passes back at most a quarter of a gradient, so that the lower
    layers hardly hear of the loss, and the upper ones can do no better at first than the classes' frequencies, a
    cross-entropy of log(classes). Parameters and metric as for ``mlp``.
    """
    if depth < 1 or width < 1:
        raise OptbenchError(f"problem deep_narrow: depth={depth} and width={width} must be at least 1")
    return network("deep_narrow", data, (width,) * depth, activation, initialization)


def network(name, data, hidden, activation, initialization):
    """Return the problem of a perceptron with these hidden layers on a data set of classes."""
    check_widths(name, "hidden", hidden)
    d = datasets.load_for(name, data, classes=True)
    return Problem(
        form="single",
        **dense(name, (d.x.shape[1], *hidden, d.classes), activation, "linear", initialization),
        value_and_gradient=value_and_gradient,
        minimum=0.0,
        minimum_source="lower bound",
        data=(d.x, d.y),
        test=(d.x_test, d.y_test),
        digest=d.digest,
        data_text=d.text,
        data_warning=d.warning,
        metrics=("accuracy",),
        evaluate=cross_entropy_report,
    )
