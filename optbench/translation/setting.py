"""A setting to be written in another library: an optimizer with its values, rate, schedule, batch size and epochs."""

import ast
import copy
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from optbench.catalogue import loader
from optbench.contract.equals import called_name, find_rate, parse_equal
from optbench.contract.errors import OptbenchError
from optbench.contract.names import canonical, number_text
from optbench.contract.optimizers import Baseline
from optbench.contract.schedules import Schedule
from optbench.translation.libraries import LOOPS, MODULES, TITLES, dotted_name, owner

# Letters of a line of comment: pasted code must fit beside the code that is there
_WIDTH = 100


@dataclass(frozen=True)
class Setting:
    """An optimizer with all that a run of it needs.

    Example:
        >>> Setting(optimizers()["gd"], {}, 0.1, schedules()["constant"], 64, 10).constant
        True
    """

    optimizer: Any
    """An Optimizer, a Baseline, or the record of an eager optimizer, with ``library`` and ``name``."""
    values: Mapping[str, Any]
    """All of its hyperparameters."""
    lr: float
    """The rate as optbench means it."""
    schedule: Schedule
    """The factor of the rate."""
    batch_size: int | Literal["full"]
    """Examples in a batch."""
    epochs: int
    """Passes over the data."""
    remark: str = ""
    """One more sentence for the comment at the top of the code."""
    problem: Any = None
    """The problem whose table and network the code reads and trains; None for an example of them."""

    @property
    def constant(self) -> bool:
        """True if the learning rate is the same in all steps."""
        return self.schedule.name == "constant" and self.schedule.inner is None

    @property
    def name(self) -> str:
        """The optimizer and its values, in words."""
        values = ", ".join(f"{key}={number_text(value)}" for key, value in self.values.items())
        return f"{self.optimizer.name} with {values}" if values else self.optimizer.name

    @property
    def plugins(self) -> tuple[Path, ...]:
        """The user's files with parts of the optimizer."""
        shipped = Path(__file__).parents[1]
        files = [origin.file for origin in getattr(self.optimizer, "origins", ()) if not origin.in_memory]
        return tuple(dict.fromkeys(path for path in files if shipped not in path.parents))


class Choice(NamedTuple):
    """The call of a library that equals a setting, ``lr`` left as a name; or None, and the reason why there is none."""

    call: ast.expr | None
    why: str = ""


def find_equal(setting: Setting, library: str) -> Choice:
    """Return the call of a library that takes the same steps, or the reason why there is none.

    Raises OptbenchError for an optimizer of another library.
    """
    record = setting.optimizer
    if hasattr(record, "library"):  # an eager optimizer is its own equal
        if record.library != library:
            owned = f"{record.name} is an optimizer of {TITLES[record.library]}"
            raise OptbenchError(f"{owned}: only {record.library} can say it")
        given = {record.rate: "lr", **{key: repr(value) for key, value in record.arguments(setting.values).items()}}
        values = ", ".join(f"{key}={value}" for key, value in given.items())
        return Choice(ast.parse(f"{dotted_name(record)}({values})", mode="eval").body)
    if isinstance(record, Baseline):
        return Choice(None, f"SciPy's {record.method} takes the steps")
    stated = getattr(record, "equals", {})
    choice = choose_call(f"optimizer {record.name}", stated, library, {**setting.values, "constant": setting.constant})
    return Choice(choice.call, choice.why or "it has no such rule")


def find_own_rate(setting: Setting, choice: Choice) -> float:
    """Return the library's rate where it is computed from the setting's, as ``lr * (1 - beta1)``; NaN elsewhere."""
    share = None if choice.call is None else find_rate(choice.call)
    if share is None or isinstance(share, ast.Name):
        return math.nan
    tree = ast.fix_missing_locations(ast.Expression(copy.deepcopy(share)))
    try:
        return float(eval(compile(tree, "<rate>", "eval"), {"__builtins__": {}}, {"lr": setting.lr}))
    except (ArithmeticError, ValueError, TypeError, NameError):  # the code shows what it is
        return math.nan


def find_nearest(record: Any, values: Mapping[str, Any], library: str) -> str:
    """Return the shipped optimizer with the same rule that a library has, adam_torch for adam; "" if there is none.

    record: of an optimizer; values: its hyperparameters, of which those that are no defaults are kept if the library
    allows it. Raises OptbenchError as `find_equal` does.
    """
    own = {key: value for key, value in values.items() if value != record.hyperparameters[key]}
    outside = _move_eps_outside(values)
    shipped = loader.load().optimizers.values()
    others = [each for each in shipped if each.rule is getattr(record, "rule", None) and each.name != record.name]
    for moved in (outside, own, {}):
        for other in others:
            kept = {key: value for key, value in moved.items() if value != other.hyperparameters[key]}
            given = {**other.hyperparameters, **kept, "constant": True}
            if choose_call(f"optimizer {other.name}", other.equals, library, given).call is not None:
                return canonical(other.name, kept)
    return ""


def find_nearly(setting: Setting, library: str) -> ast.expr | None:
    """Return the call of a library that adds eps outside the root, for a rule with ``eps_root`` inside; or None.

    With the square root of ``eps_root`` there, steps are the same for gradients much larger or much smaller than it,
    and between them shorter, by a factor of sqrt(2) at most.
    """
    values = _move_eps_outside(setting.values)
    call = find_equal(replace(setting, values=values), library).call if values else None
    return None if call is None or called_name(call) in LOOPS.get(library, ()) else call


def _move_eps_outside(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyperparameters with what stands inside the root outside, to four digits; {} if nothing stands there."""
    if not values.get("eps_root") or "eps" not in values:
        return {}
    return {**values, "eps": float(f"{values['eps'] + math.sqrt(values['eps_root']):.4g}"), "eps_root": 0.0}


def choose_call(owner: str, stated: Mapping[str, str], library: str, values: Mapping[str, object]) -> Choice:
    """Return the call of a library that takes the same steps with these values, or why there is none.

    owner: the words for the record in messages, "optimizer adam"; stated: its ``equals``, a text by library.
    Raises OptbenchError if a condition in that text cannot be decided.
    """
    equal = parse_equal(owner, library, stated.get(library, "#"))
    for branch in equal.branches:
        if _is_true(branch.condition, values):
            return Choice(substitute(branch.call, {key: repr(value) for key, value in values.items()}))
    return Choice(None, equal.why)


def _is_true(condition: ast.expr | None, values: Mapping[str, object]) -> bool:
    """Return whether a condition is true of some values; None always is.

    Raises OptbenchError where it divides by zero, overflows, or names what is not there.
    """
    if condition is None:
        return True
    tree = ast.fix_missing_locations(ast.Expression(copy.deepcopy(condition)))
    try:  # a plug-in is the user's own code anyway
        return bool(eval(compile(tree, "<equals>", "eval"), {"__builtins__": {"int": int}}, dict(values)))
    except (ArithmeticError, ValueError, TypeError, NameError) as error:
        raise OptbenchError(f"cannot decide {ast.unparse(condition)!r}: {error}") from None


def substitute(node: ast.expr, code: Mapping[str, str]) -> ast.expr:
    """Return an expression with code in the place of names; a name without code stays.

    Example:
        >>> import ast
        >>> ast.unparse(substitute(ast.parse("1 - beta1", mode="eval").body, {"beta1": "0.9"}))
        '1 - 0.9'
    """
    return ast.fix_missing_locations(_Substitution(code).visit(copy.deepcopy(node)))


class _Substitution(ast.NodeTransformer):
    def __init__(self, code: Mapping[str, str]):
        self.code = code

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self.code[node.id], mode="eval").body if node.id in self.code else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Leave the called name as it is, and compute ``int(k)`` of a number."""
        node.args = [self.visit(each) for each in node.args]
        node.keywords = [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "int" and isinstance(node.args[0], ast.Constant):
            return ast.Constant(int(float(str(node.args[0].value))))
        return node


def rate_code(node: ast.expr, lr: str) -> str:
    """Return the code of an expression, with ``lr`` in the place of that name."""
    return ast.unparse(substitute(node, {"lr": lr}))


def header(setting: Setting, library: str, choice: Choice) -> str:
    """Return the comment at the top of the code: the setting, and the library or kernel that takes the steps."""
    size = "the full batch" if setting.batch_size == "full" else f"batches of {setting.batch_size}"
    epochs = f"{setting.epochs} epoch{'s' * (setting.epochs != 1)}"
    if isinstance(setting.optimizer, Baseline):
        return _comment(f"{setting.name}, on all examples, for {TITLES[library]}; SciPy searches every step's length.")
    text = f"{setting.name}, at the rate {number_text(setting.lr)}, {size}, {epochs}, "
    text += f"schedule {setting.schedule.text}: optbench's setting, for {TITLES[library]}."
    if setting.problem is not None:
        text += f" It reads the data of {setting.problem.name} and trains its network"
        wrapped = any(origin.key.startswith("problem_wrapper ") for origin in setting.problem.origins)
        text += ", without what the wrapper changes." if wrapped else "."
    text += f" {setting.remark}" * bool(setting.remark)
    if choice.call is not None:
        share = find_rate(choice.call)
        translated = share is not None and not isinstance(share, ast.Name)
        at = f" at the rate {rate_code(share, repr(setting.lr))}" if share and translated else ""
        # A rule for whole blocks takes a matrix of one column for a vector, and a block of more sides for one matrix.
        shapes = " for vectors and matrices of several columns" * bool(getattr(setting.optimizer, "matrix", None))
        equal = f"{owner(setting.optimizer, library)} takes the same steps{at}{shapes}."
    else:
        equal = describe_lack(setting, library, choice, "So optbench's own kernel takes the steps, on the CPU.")
    lines = [_comment(text), _comment(equal)]
    if choice.call is None and (nearly := find_nearly(setting, library)) is not None:
        lines.append("# Nearly the same steps, up to 29% shorter where gradients are about as small as eps:")
        code = rate_code(nearly, repr(setting.lr)).replace("(", "(parameters, ", 1)
        lines.append(f"# optimizer = {MODULES[library]}.{code}")
    return "\n".join(lines)


def describe_lack(setting: Setting, library: str, choice: Choice, instead: str) -> str:
    """Return why a library takes no such steps, what does, ``instead``, and the nearest that it has."""
    nearest = find_nearest(setting.optimizer, setting.values, library)
    near = f" The nearest that it has is {nearest}." * bool(nearest)
    return f"{MODULES[library]} has no equal: {choice.why}. {instead}{near}"


def describe_in_torch(setting: Setting) -> str:
    """Return the optimizer of PyTorch that takes the same steps, with its own rate, or why there is none.

    setting: of an optimizer that is optbench's or PyTorch's.

    Example:
        >>> setting = Setting(optimizers()["momentum"], {"beta1": 0.9}, 0.1, schedules()["constant"], 64, 10)
        >>> describe_in_torch(setting)
        'torch.optim.SGD(lr=0.01, momentum=0.9)'
    """
    choice = find_equal(setting, "torch")
    if choice.call is None:
        return describe_lack(setting, "torch", choice, "So optbench's own kernel takes the steps.")
    call, loop = choice.call, ""
    while isinstance(call, ast.Call) and called_name(call) in LOOPS["torch"]:
        call, loop = call.args[0], ", and lines of the training loop"
    own, share = find_own_rate(setting, Choice(call)), find_rate(call)
    rate = number_text(setting.lr if math.isnan(own) else float(f"{own:.6g}"))
    code = ast.unparse(call)
    return f"torch.optim.{code if share is None else code.replace(f'={ast.unparse(share)}', f'={rate}', 1)}{loop}"


def _comment(text: str) -> str:
    """Return a paragraph as lines of a Python comment."""
    lines = textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
    return "\n".join(lines)
