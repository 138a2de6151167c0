"""What an optimizer of another library asks of the loop around it: a loss, a mode, parameters of one shape."""

import inspect
import warnings
from typing import Any

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.translation.places import dotted_name

_REFUSED = {
    "LBFGS": "a step of it evaluates the loss many times, and a step here has one gradient; SciPy's is called lbfgs",
    "SparseAdam": "it takes sparse gradients alone, and those here are dense",
}
"""Of PyTorch's: what takes no step of a run here, and why."""


def torch_needs(record: Any) -> tuple[bool, bool]:
    """What a class of PyTorch's kind asks for.

    Args:
        record: an optimizer of any kind.

    Returns:
        Whether its step is given what evaluates the loss, and whether it is told for what the weights are looked at.

    Raises:
        OptbenchError: it is one of those that take no steps here.
    """
    target = getattr(record, "target", None)
    if target is None:
        return False, False
    if dotted_name(record) in _REFUSED:
        raise OptbenchError(f"{record.name} cannot be said in code: {_REFUSED[dotted_name(record)]}")
    given = list(inspect.signature(target.step).parameters.values())[1:]
    closure = bool(given) and given[0].default is inspect.Parameter.empty and given[0].kind in _BY_PLACE
    return closure, all(callable(getattr(target, name, None)) for name in ("train", "eval"))


_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def optax_needs_value(record: Any, arguments: dict[str, Any]) -> bool:
    """Whether the updates of a transformation are given the loss besides the gradient.

    Args:
        record: an optimizer of any kind.
        arguments: what its function is called with.

    Returns:
        The answer, from a step that is traced, and not computed.

    Raises:
        OptbenchError: it asks for more than a run here has.
    """
    if not hasattr(record, "target"):
        return False
    import jax
    import optax

    def step(weights: Any, **given: Any) -> Any:
        made = optax.with_extra_args_support(record.target(**arguments))
        return made.update(weights, made.init(weights), weights, **given)[0]

    weights = {"matrix": jax.ShapeDtypeStruct((4, 3), "float32"), "vector": jax.ShapeDtypeStruct((3,), "float32")}
    value = jax.ShapeDtypeStruct((), "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # who runs the code hears what is old in it
        try:
            jax.eval_shape(step, weights)
            return False
        except Exception:  # whatever a library says to what it misses
            try:
                jax.eval_shape(lambda weights, value: step(weights, value=value), weights, value)
                return True
            except Exception as error:
                asks = f"it asks for more than a gradient and a loss ({in_one_line(error)})"
                raise OptbenchError(f"{record.name} cannot be said in code: {asks}") from None
