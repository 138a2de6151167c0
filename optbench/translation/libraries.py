"""The three libraries: their names, the imports of their optimizers, and what these need from the training loop."""

import importlib.util
import inspect
import keyword
import sys
import warnings
from pathlib import Path
from typing import Any

from optbench.contract import names
from optbench.contract.equals import LIBRARIES
from optbench.contract.errors import OptbenchError, in_one_line

TITLES = dict(zip(LIBRARIES, ("PyTorch", "optax", "Keras"), strict=True))
"""The name of a library in a sentence."""
MODULES = dict(zip(LIBRARIES, ("torch.optim", "optax", "keras.optimizers"), strict=True))
"""The module with a library's optimizers."""
OWN = "own"
"""The module of a user's own class, in a call: the code imports the class by its bare name."""
LOOPS = {"torch": ("clipped", "coupled", "decoupled", "lookahead", "averaged"), "optax": ("averaged",)}
"""Words of ``equals`` that stand for lines of the loop, and for no name of the library."""
_REFUSED = {
    "LBFGS": "a step of it evaluates the loss many times, and a step here has one gradient; SciPy's is called lbfgs",
    "SparseAdam": "it takes sparse gradients alone, and those here are dense",
}
"""Optimizers of PyTorch's that take no steps of a run here, and why."""


def bare_name(record: Any) -> str:
    """Return the name of the class or function that an eager optimizer's record is of, as its file has it.

    A function with some arguments filled in, as optax has them, does not know it.
    """
    name = getattr(record.target, "__name__", "")
    return name if name.isidentifier() else names.parse(record.name)[0].rpartition(":")[2].rpartition(".")[2]


def dotted_name(record: Any) -> str:
    """Return the name of an eager optimizer in its library, such as ``contrib.adopt``, or behind OWN for a user's."""
    home, name = MODULES[record.library], bare_name(record)
    for module in (home, f"{home}.contrib"):
        if getattr(sys.modules.get(module), name, None) is record.target:
            return f"{module}.{name}".removeprefix(f"{home}.")
    return f"{OWN}.{name}"


def owner(record: Any, library: str) -> str:
    """Return the subject of "takes the same steps": the library's module, or a user's class itself.

    record: of an optimizer; library: of LIBRARIES.
    """
    return f"{bare_name(record)} itself" if _is_users_own(record) else MODULES[library]


def import_code(record: Any, files: tuple[Path, ...]) -> str:
    """Return the lines of Python that import a user's optimizer; "" for what the library has.

    record: of an eager optimizer; files: those that define it.
    """
    if not _is_users_own(record):
        return ""
    name = bare_name(record)
    module = getattr(getattr(record.target, "func", record.target), "__module__", "") or ""
    if not files or _is_installed(module):
        return f"from {module} import {name}"
    file = files[0]
    if file.stem.isidentifier() and not keyword.iskeyword(file.stem):
        return f"from {file.stem} import {name}  # {file}"
    return f"""import importlib.util

spec = importlib.util.spec_from_file_location("own_file", {str(file)!r})
own_file = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own_file)
{name} = own_file.{name}"""


def _is_users_own(record: Any) -> bool:
    """Return True for an eager optimizer that the library's own modules do not have."""
    return hasattr(record, "target") and dotted_name(record).startswith(f"{OWN}.")


def _is_installed(module: str) -> bool:
    """Return True for a module that can be imported by its name, unlike a user's file that was loaded by its path."""
    package = module.partition(".")[0]
    try:
        found = importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
    return found and package != "__main__" and module in sys.modules and not module.startswith("_optbench_plugin_")


def torch_needs(record: Any) -> tuple[bool, bool]:
    """Return (closure, modes): whether a PyTorch optimizer's step needs a closure; whether it has train and eval.

    record: of the optimizer. Raises OptbenchError if it cannot take steps of a run here.
    """
    target = getattr(record, "target", None)
    if target is None:
        return False, False
    if record.gradients > 1:
        raise OptbenchError(f"{record.name} cannot be said in code: it takes a second gradient")
    if dotted_name(record) in _REFUSED:
        raise OptbenchError(f"{record.name} cannot be said in code: {_REFUSED[dotted_name(record)]}")
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = list(inspect.signature(target.step).parameters.values())[1:]
    closure = bool(given) and given[0].default is inspect.Parameter.empty and given[0].kind in positional
    return closure, all(callable(getattr(target, name, None)) for name in ("train", "eval"))


def takes_loss(record: Any) -> bool:
    """Return True for a PyTorch optimizer whose step has an argument ``loss``, as the authors of MoMo have it."""
    return hasattr(record, "target") and "loss" in inspect.signature(record.target.step).parameters


def optax_needs_value(record: Any, arguments: dict[str, Any]) -> bool:
    """Return whether updates of an optax transformation need the loss, too; a step is traced to see it.

    record: of an eager optimizer, False for others; arguments: those to make the transformation with. Raises
    OptbenchError if it needs more than gradient and loss.
    """
    if not hasattr(record, "target"):
        return False
    import jax
    import optax

    def step(weights: Any, **given: Any) -> Any:
        """Return the first updates, with the weights themselves as gradients; given: what else is passed on."""
        made = optax.with_extra_args_support(record.target(**arguments))
        return made.update(weights, made.init(weights), weights, **given)[0]

    weights = {"matrix": jax.ShapeDtypeStruct((4, 3), "float32"), "vector": jax.ShapeDtypeStruct((3,), "float32")}
    value = jax.ShapeDtypeStruct((), "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations are shown to those who run the code
        try:
            jax.eval_shape(step, weights)
            return False
        except Exception:  # a library raises anything where an argument is missing
            try:
                jax.eval_shape(lambda weights, value: step(weights, value=value), weights, value)
                return True
            except Exception as error:
                asks = f"it asks for more than a gradient and a loss ({in_one_line(error)})"
                raise OptbenchError(f"{record.name} cannot be said in code: {asks}") from None
