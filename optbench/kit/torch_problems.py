"""PyTorch networks as problems, on compiled kernels where possible, else by autograd; and weights back into them."""

import copy
import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.eager import RANDOM_NUMBERS
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.problems import Problem
from optbench.datasets import Dataset
from optbench.kit import torch_layers
from optbench.kit.learning import data_fields
from optbench.kit.networks import stack
from optbench.kit.torch_autograd import LOSSES, Autograd
from optbench.kit.torch_data import Examples, examples


@arguments.checked
def torch_problem(
    module: Any,
    X: Any,
    y: Any,
    *,
    loss: str | Callable = "auto",
    test: Any = None,
    minimum: arguments.Real = 0.0,
    name: str = "",
    eager: bool = False,
) -> Problem:
    """Make a network of PyTorch and your data a problem.

    A ``torch.nn.Sequential`` of Linear, ReLU, Tanh and Sigmoid layers runs on compiled kernels, as ``mlp`` does; any
    other module runs by autograd, ``eager``, at many times the cost of a step. Its data say which, and why. The module
    is left as it is: what it holds is copied.

    Runs of seed 0 start at the module's own weights, and runs of another seed at those that its layers draw
    (``reset_parameters``) after ``torch.manual_seed(seed)``. Give a function that makes the module, and all weights are
    those that it has after ``torch.manual_seed(seed)``, seed 0 too: a plug-in should, for every process that loads its
    file must find the same weights. Else it sets ``torch.manual_seed`` itself before it makes a module.

    Args:
        module: a ``torch.nn.Module``, or a function without arguments that makes one. Parameters that need no gradient
            stay as they are. What draws random numbers (dropout in training mode) or keeps state from one call to the
            next (batch norm in training mode) is refused: ``.eval()`` freezes both.
        X: (n, ...) an array, a tensor or a table; it is not standardized. Whole numbers are given to the module as such
            where it takes no others, as embeddings do.
        y: (n,) classes 0, 1, ... as whole numbers, or (n,) or (n, outputs) real targets.
        loss: "cross_entropy" of scores; "mse", the mean squared error over rows and outputs; "auto", the one or the
            other for whole and for real ``y``; or a function of output and target that gives the mean over the rows.
        test: X and y of the test rows, where they are fixed; by default a fifth of the rows. A fifth, of the others
            where they are fixed, is for validation; both are drawn with seed 0.
        minimum: the least value of the loss, or a bound of it, from which suboptimality counts.
        name: of the problem in tables; by default that of the module's class.
        eager: autograd also where kernels could run the module.

    Returns:
        The problem; for a network with classes its metric is the accuracy.

    Raises:
        OptbenchError: PyTorch is not installed, or the module, the data and the loss do not go together.

    Example:
        >>> from torch import nn  # doctest: +SKIP
        >>> X, y = np.random.default_rng(0).random((100, 4)), np.arange(100) % 3
        >>> net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))  # doctest: +SKIP
        >>> minimize(torch_problem(net, X, y), "adam", lr=0.01, epochs=5, batch_size=20).status  # doctest: +SKIP
        'ok'
    """
    data = examples(X, y, test)
    fields, made, loss, words = _network_fields("torch_problem", module, data, loss, eager)
    train, validation, test = data.pairs()
    digest = _digest(
        [*train, *validation, *test, *_list_arrays(made)], [str(made), _describe_loss(loss), _torch().__version__]
    )
    return Problem(
        **fields,
        data=train,
        validation=validation,
        test=test,
        digest=digest,
        data_text=f"{data.text}; {words}",
        minimum=minimum,
        minimum_source="lower bound" if isinstance(loss, str) and not minimum else "as given",
        name=name or type(made).__name__,
    )


def network_on(owner: str, make: Callable[[], Any], data: Dataset) -> Problem:
    """Make a network of PyTorch a problem on a prepared data set, with its split into training and test rows.

    owner: begins the messages; make: makes the module. Raises OptbenchError as `torch_problem` does.
    """
    x, y = (data.x_test, data.y_test) if data.x_validation is None else (data.x_validation, data.y_validation)
    rows = (data.x, data.y, x, y, data.x_test, data.y_test)
    given = Examples(*rows, data.x.shape[1:], (False, bool(data.classes)), data.split)  # type: ignore[arg-type]
    fields, _, _, words = _network_fields(owner, make, given, "auto")
    about = data_fields(data) | {"data_text": f"{data.text}; {words}"}
    return Problem(**fields, **about, minimum=0.0, minimum_source="lower bound")


def _network_fields(
    owner: str, module: Any, data: Examples, loss: Any, eager: bool = False
) -> tuple[dict[str, Any], Any, Any, str]:
    """Return the fields of a Problem that follow from a module, the module itself, its loss, and a line about them.

    owner: begins the messages; the others: as of `torch_problem`. Raises OptbenchError.
    """
    torch = _torch()
    try:
        module, make = _resolve_module(torch, module)
        loss = _checked_loss(loss, data)
        layers, reason = ([], "loss is a function") if callable(loss) else torch_layers.dense_layers(module, loss)
        plain = len(data.shape) == 1 or _first_class_name(module) == "Flatten"
        if layers and isinstance(loss, str) and plain and not eager:
            fields = _compiled_fields(layers, loss, data)
            weights_of, kind = torch_layers.dense_weights, "compiled"
        else:
            reason = "asked for" if eager else reason or "its rows are no vectors"
            fields = _eager_fields(module, loss, data)
            weights_of, kind = torch_layers.plain_weights, f"eager: autograd ({reason})"
    except OptbenchError as error:
        raise OptbenchError(f"{owner}: {error}") from error.__cause__
    said = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    words = f"network: {type(module).__name__}, {fields['dim']:,} weights, {said}, {kind}"
    return {**fields, "start": starts(module, make, weights_of)}, module, loss, words


def to_torch(problem: Problem, w: Any, module: Any) -> Any:
    """Write the weights of a run into a network of PyTorch.

    Args:
        problem: the one that was run: of :func:`torch_problem`, or another stack of dense layers such as ``mlp``.
        w: (dim,), such as a Result's.
        module: a ``torch.nn.Module`` with such layers, whose weights are overwritten; for ``mlp`` a Sequential of
            Linear layers and activations.

    Returns:
        The module.

    Raises:
        OptbenchError: the weights do not fit.

    Example:
        >>> from torch import nn  # doctest: +SKIP
        >>> mlp = problems()["mlp"].build({"hidden": (32,)})
        >>> net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))  # doctest: +SKIP
        >>> net = to_torch(mlp, minimize(mlp, "adam", lr=0.01, epochs=5, batch_size=64).w, net)  # doctest: +SKIP
    """
    torch = _torch()
    if not isinstance(problem, Problem):
        raise OptbenchError(f"to_torch: problem={shown(problem)} must be a problem's record")
    if not isinstance(module, torch.nn.Module):
        raise OptbenchError(f"to_torch: module={shown(module)} must be a torch.nn.Module")
    w = arguments.real_array("to_torch: w", w, problem.dim)
    ends = np.cumsum([prod(shape) for shape in problem.blocks])[:-1]
    blocks = [part.reshape(shape) for part, shape in zip(np.split(w, ends), problem.blocks, strict=True)]
    if problem.eager:
        torch_layers.write_plain(module, blocks)
    else:
        torch_layers.write_dense(module, blocks, problem.layout)
    return module


def _torch() -> Any:
    """Return the module torch. Raises OptbenchError if it is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise OptbenchError("networks of PyTorch need the extra 'torch': pip install -e '.[torch]'")
    import torch

    return torch


def _resolve_module(torch: Any, given: Any) -> tuple[Any, Callable | None]:
    """Return the module, and the function that makes it where one was given, else None.

    Raises OptbenchError for a module that cannot be run, such as one on another device or without weights.
    """
    made, make = given, None
    if callable(given) and not isinstance(given, torch.nn.Module):
        make = given
        try:
            with drawn_from(0):
                made = make()
        except Exception as error:  # it may do anything
            raise OptbenchError(f"the module cannot be made: {in_one_line(error)}") from error
    if not isinstance(made, torch.nn.Module):
        told = f"{shown(made)}{' from the function' * (make is not None)}"
        raise OptbenchError(f"module must be a torch.nn.Module, or a function that makes one, not {told}")
    weights = list(made.parameters())
    if any(isinstance(each, torch.nn.parameter.UninitializedParameter) for each in weights):
        raise OptbenchError("the module has lazy layers without weights: call it once on a few rows")
    if not any(each.requires_grad for each in weights):
        raise OptbenchError("the module has no weights that learn")
    for each in (*weights, *made.buffers()):
        if each.device.type != "cpu":
            raise OptbenchError(f"the module is on {each.device}, and runs are on the CPU: call .cpu()")
        if each.is_complex():
            raise OptbenchError("the module has complex weights")
        if not torch.isfinite(each).all():
            raise OptbenchError("the module holds weights that are not finite")
    return made, make


def _checked_loss(loss: Any, data: Examples) -> str | Callable:
    """Return the loss, "auto" replaced by what the targets imply. Raises OptbenchError if it does not match them."""
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise OptbenchError(f"loss={shown(loss)} must be auto, {', '.join(LOSSES)} or a function")
    if arguments.one_of("loss", loss, ("auto", *LOSSES)) == "auto":
        loss = "cross_entropy" if data.whole[1] else "mse"
    if loss == "cross_entropy":
        if not data.whole[1]:
            raise OptbenchError("cross_entropy needs classes: give y as whole numbers, 0, 1, ...")
        if data.y.ndim == 2 and (data.y.sum(axis=1) == 1).all():
            raise OptbenchError("cross_entropy takes a class a row, and y has one column each: give y.argmax(axis=1)")
        if min(data.y.min(), data.y_validation.min(), data.y_test.min()) < 0:
            raise OptbenchError("classes in y are 0, 1, ..., and it holds one below 0")
    return loss


def _first_class_name(module: Any) -> str:
    """Return the class name of the module that is applied first."""
    while type(module).__name__ == "Sequential" and len(module):
        module = module[0]
    return type(module).__name__


def _compiled_fields(layers: list, loss: str, data: Examples) -> dict:
    """Return, by name, the fields of a Problem on compiled kernels: see `networks.stack`.

    layers: of `dense_layers`. Raises OptbenchError if layers and data do not match.
    """
    features, outputs = prod(data.shape), layers[-1][2]
    if layers[0][1] != features:
        raise OptbenchError(f"X has {features:,} features, and the first layer takes {layers[0][1]:,}")
    _check_outputs(loss, (outputs,), data)
    return stack(loss, layers)


def _check_outputs(loss: str | Callable, outputs: tuple[int, ...], data: Examples) -> None:
    """Raise OptbenchError if the outputs of a module do not match the loss and the targets.

    outputs: the shape of an example's output.
    """
    if loss == "cross_entropy":
        if outputs in ((), (1,)):
            raise OptbenchError(
                "cross_entropy needs an output for each class, and the module gives one: make it "
                f"{max(data.classes, 2)}; or give a real y and loss=nn.functional.binary_cross_entropy_with_logits"
            )
        if data.classes > outputs[0]:
            raise OptbenchError(f"y holds the class {data.classes - 1}, and the module gives {outputs[0]} outputs")
    elif loss == "mse" and (outputs if outputs != (1,) else ()) != data.targets:
        hint = "; for classes give y as whole numbers" if not data.targets else ""
        raise OptbenchError(f"the module gives {prod(outputs)} outputs, and y has {prod(data.targets)} a row{hint}")


def _eager_fields(module: Any, loss: str | Callable, data: Examples) -> dict:
    """Return, by name, the fields of a Problem by autograd: its functions, blocks and metrics.

    Raises OptbenchError if module, loss and data do not match.
    """
    x, y = data.pairs()[0]
    autograd = Autograd(module, loss, data.shape, data.targets, data.whole)
    with drawn_from(0):
        outputs = autograd.check(x, y)
    _check_outputs(loss, outputs, data)
    scores = len(outputs) == 1 and outputs[0] > 1
    shapes = [tuple(each.shape) or (1,) for each in autograd.module.parameters() if each.requires_grad]
    return {
        "form": "single",
        "eager": True,
        "dim": sum(map(prod, shapes)),
        "blocks": tuple(shapes),
        "value_and_gradient": autograd.value_and_gradient,
        "evaluate": autograd.evaluate,
        "predict": autograd.predict if isinstance(loss, str) and not data.targets else None,
        "metrics": ("accuracy",) if data.whole[1] and not data.targets and loss != "mse" and scores else (),
    }


def _list_arrays(module: Any) -> list[np.ndarray]:
    """Return all arrays of a module: weights, frozen ones included, and buffers."""
    return [each.detach().cpu().numpy() for each in module.state_dict().values()]


def _describe_loss(loss: str | Callable) -> str:
    """Return a text that identifies a loss: the code of a function, the representation of another object."""
    code = getattr(loss, "__code__", None)
    return f"{code.co_code.hex()} {code.co_consts} {code.co_names}" if code is not None else str(loss)


def _digest(arrays: Iterable[np.ndarray], words: Iterable[str]) -> str:
    """Return the sha256 of arrays and words: all that the results depend on."""
    found = hashlib.sha256()
    for each in arrays:
        found.update(f"{each.shape}".encode())
        found.update(np.ascontiguousarray(each).data)
    found.update("\n".join(words).encode())
    return found.hexdigest()


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Seed PyTorch's random numbers for the block and restore their state afterwards; the state is the process's."""
    import torch

    with RANDOM_NUMBERS, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def starts(module: Any, make: Callable[[], Any] | None, weights_of: Callable[[Any], np.ndarray]) -> Callable:
    """Return ``start(rng)`` of a problem: the module's own weights for seed 0, newly drawn ones for other seeds.

    ``make``: the function that makes the module; None: its layers draw new weights (``reset_parameters``).
    ``weights_of``: reads the weights of a module, (dim,).
    """
    own = weights_of(module)
    original = None if make is not None else copy.deepcopy(module)

    def start(rng: np.random.Generator) -> np.ndarray:
        """Return the weights (dim,) for the seed of a generator."""
        seed = _seed_of(rng)
        if seed == 0:
            return own.copy()
        with drawn_from(seed):
            if make is not None:
                return weights_of(make())
            fresh = copy.deepcopy(original)
            _draw_anew(fresh)
            return weights_of(fresh)

    return start


def _seed_of(rng: np.random.Generator) -> int:
    """Return the seed of the run that a generator belongs to: the first entry of the generator's seed sequence."""
    key = getattr(rng.bit_generator.seed_seq, "entropy", 0)
    first = key[0] if isinstance(key, tuple | list) else key
    return int(first or 0) % 2**63


def _draw_anew(module: Any) -> None:
    """Let all layers draw new weights. Raises OptbenchError for a layer that cannot."""
    for part in module.modules():
        if not any(weights.requires_grad for weights in part.parameters(recurse=False)):
            continue
        reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if reset is None:
            raise OptbenchError(
                f"{type(part).__name__} has no reset_parameters, by which seeds other than 0 start: give "
                "torch_problem a function that makes the module, or the module such a method"
            )
        reset()
