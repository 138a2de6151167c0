"""Write a setting as code of another library: a training loop of PyTorch, or the optimizer of optax or Keras."""

import ast
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from optbench.catalogue import loader
from optbench.contract.arguments import BatchSize, Rate, Whole, checked, one_of
from optbench.contract.equals import LIBRARIES, called_name, find_rate
from optbench.contract.errors import OptbenchError
from optbench.contract.names import number_text
from optbench.contract.optimizers import Baseline
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.translation.job import find_job
from optbench.translation.libraries import LOOPS, OWN, import_code, optax_needs_value, takes_loss, torch_needs
from optbench.translation.schedule_code import schedule_call, schedule_source
from optbench.translation.setting import Choice, Setting, describe_lack, find_equal, header, rate_code

RATE, BATCH_SIZE, EPOCHS = 0.01, 64, 10
"""The defaults."""
_MOST = 10**9
"""The largest number of epochs: more are a typing error."""
_REPORTING = ("contrib.schedule_free", "contrib.schedule_free_sgd", "contrib.schedule_free_adamw")
"""Optimizers of optax whose state has the weights that are evaluated."""


@checked
def training_code(
    optimizer: Any,
    library: Literal["torch", "optax", "keras"] = "torch",
    *,
    lr: Rate = RATE,
    schedule: str | Schedule = "constant",
    batch_size: BatchSize = BATCH_SIZE,
    epochs: Annotated[Whole, Ge(1), Le(_MOST)] = EPOCHS,
    problem: str | Problem | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
    **hyperparameters: float,
) -> str:
    """Write code that takes optbench's steps in another library: a script of PyTorch, or the optimizer elsewhere.

    Rates are translated: PyTorch's momentum is a sum, and its rate ``lr * (1 - beta1)``. Where PyTorch has no
    optimizer that takes the same steps, a comment says why, and the script takes them by :func:`optbench.stepper`.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        library: "torch", "optax" or "keras".
        lr: the learning rate, as optbench means it.
        schedule: its schedule, a name or a record.
        batch_size: examples in a batch, or "full".
        epochs: passes over the data.
        problem: one that learns from a table, such as ``"mlp(data='mine.csv')"``: the script of PyTorch reads that
            table and trains that network; None: an example of both.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        For "torch" a file of Python that runs as it is: on the problem's data, or an example that yours take the place
        of. For "optax" and "keras" the lines that make the optimizer and its schedule.

    Raises:
        OptbenchError: a name is unknown, a value makes no sense, or optax or Keras take no such steps.

    Example:
        >>> print(training_code("momentum", lr=0.1).partition("optimizer = ")[2].partition("\\n")[0])
        torch.optim.SGD(parameters, lr=0.1 * (1 - 0.9), momentum=0.9)
    """
    catalogue = loader.load_all(plugin)
    record, values = catalogue.optimizer(optimizer)
    values = record.with_values(values | hyperparameters)
    learned = None if problem is None else catalogue.problem(problem)
    asked = Setting(record, values, lr, catalogue.schedule(schedule), batch_size, epochs, problem=learned)
    if learned is not None and library != "torch":
        raise OptbenchError(f"problem: for {library} there is the optimizer alone; a script that trains is for torch")
    if learned is not None and find_job(learned) is None:
        wanted = "a table, or digits, diabetes, breast_cancer or mnist"
        raise OptbenchError(f"problem: {learned.name} is no network of dense layers on {wanted}")
    return render(asked, library)


def render(setting: Setting, library: str) -> str:
    """Write a setting as Python for a library: a script of PyTorch, which needs optbench where that has no equal.

    Args:
        setting: an optimizer with all that a run needs; of a Baseline, epochs are evaluations, and rate, schedule and
            batch size mean nothing.
        library: of LIBRARIES.

    Returns:
        The code.

    Raises:
        OptbenchError: the library is unknown or cannot say it, or a schedule's source cannot be read.
    """
    one_of("library", library, LIBRARIES)
    choice = find_equal(setting, library)
    if library != "torch":
        return _render_line(setting, library, choice)
    job = None if setting.problem is None else find_job(setting.problem)
    if choice.call is not None and "Muon(" in ast.unparse(choice.call):  # PyTorch's, which takes no biases
        job = None
    if job is None:
        setting = replace(setting, problem=None)
    names: dict[str, Any] = {
        "header": header(setting, library, choice),
        "batch_size": None if setting.batch_size == "full" else setting.batch_size,
        "epochs": setting.epochs,
        "lr": repr(setting.lr),
        "schedule": "",
        "factors": "",
        "matrices_only": False,
        "job": job,
    }
    record = setting.optimizer
    if isinstance(record, Baseline):
        options = record.options(setting.values, setting.epochs)
        listed = ", ".join(f'"{key}": {number_text(value)}' for key, value in options.items())
        names |= {"baseline": repr(record.method), "options": f"{{{listed}}}"}
    elif choice.call is None:
        names |= _stepper_fields(setting)
    else:
        names |= _torch_fields(setting, choice.call)
    if "baseline" not in names:
        names["imported"] = import_code(record, setting.plugins)
        names["factors"] = _formula(setting, names["schedule"])
    return _fill("torch", names)


def _render_line(setting: Setting, library: str, choice: Choice) -> str:
    """Return the lines that make an optimizer of optax or Keras, with its schedule.

    Raises OptbenchError if that library has no equal.
    """
    if choice.call is None:
        raise OptbenchError(describe_lack(setting, library, choice, "Code for torch takes these steps."))
    setting = replace(setting, problem=None)
    fields = {"optax": _optax_fields, "keras": _keras_fields}[library](setting, choice.call)
    return _fill("line", fields | {
        "header": header(setting, library, choice),
        "library": library,
        "epochs": setting.epochs,
        "imported": import_code(setting.optimizer, setting.plugins),
        "factors": _formula(setting, fields["schedule"]),
    })  # fmt: skip


def _formula(setting: Setting, schedule: str) -> str:
    """Return the source of a schedule that varies the rate, unless the library has one, whose call is given."""
    return "" if schedule or setting.constant else schedule_source(setting.schedule)


def _fill(template: str, names: dict[str, Any]) -> str:
    """Return a template with values, by name, put in; without empty lines at its end."""
    return _load_template(template).render(names).rstrip("\n") + "\n"


@cache
def _load_template(name: str) -> Any:
    """Return a Jinja template by its name."""
    import jinja2

    folder = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=folder, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    return environment.get_template(f"{name}.py.j2")


def _stepper_fields(setting: Setting) -> dict[str, Any]:
    """Return the values, by name, for a template whose loop steps by optbench's kernel."""
    if setting.optimizer.gradients > 1:
        raise OptbenchError(
            f"training code: {setting.optimizer.name} takes a second gradient, which these loops do not: "
            "see second_point(g) of optbench.stepper"
        )
    values = {"lr": setting.lr, **setting.values}
    files = [str(path) for path in setting.plugins]
    if files:
        values["plugin"] = files[0] if len(files) == 1 else files
    return {
        "stepper": repr(setting.optimizer.name),
        "stepper_values": ", ".join(f"{key}={value!r}" for key, value in values.items()),
        "reports": bool(getattr(setting.optimizer, "report", None)),
        "sees_blocks": setting.optimizer.by_block,
        "sees_loss": "loss" in setting.optimizer.inputs,
        "sees_sizes": bool(setting.optimizer.sizes),
    }


def _torch_fields(setting: Setting, call: ast.expr) -> dict[str, Any]:
    """Return the values, by name, for the template of an optimizer of torch.optim, and of the wrappers around it.

    call: the optimizer's call, ``lr`` left as a name.
    """
    lr, wrappers = repr(setting.lr), []
    matrices_only = "Muon(" in ast.unparse(call)
    while called_name(call) in LOOPS["torch"]:
        assert isinstance(call, ast.Call)
        wrappers.append((called_name(call), [rate_code(each, lr) for each in call.args[1:]]))
        call = call.args[0]
    share = find_rate(call)
    needs_closure, has_modes = torch_needs(setting.optimizer)
    schedule = schedule_call(setting.schedule, "torch", rate_code(share, lr) if share else lr)
    return {
        "optimizer": f"torch.optim.{rate_code(call, lr)}".replace(f"torch.optim.{OWN}.", "").replace(
            "(", "(parameters, ", 1
        ),
        "schedule": schedule.replace("(", "(optimizer, ", 1),
        "wrappers": wrappers,
        "needs_closure": needs_closure,
        "takes_loss": takes_loss(setting.optimizer),
        "has_modes": has_modes,
        "averages_itself": called_name(call) == "ASGD",
        "matrices_only": matrices_only,
    }


def _optax_fields(setting: Setting, call: ast.expr) -> dict[str, Any]:
    """Return the values, by name, for an optimizer of optax, whose rate is a number or a function.

    call: the optimizer's call, ``lr`` left as a name.
    """
    average = ""
    if called_name(call) == "averaged":
        assert isinstance(call, ast.Call)
        average, call = ast.unparse(call.args[1]), call.args[0]
    record = setting.optimizer
    given = {record.rate: setting.lr, **record.arguments(setting.values)} if hasattr(record, "target") else {}
    state = _find_reporting_state(call)
    return {
        "optimizer": _optax_code(call, repr(setting.lr) if setting.constant else ""),
        "schedule": schedule_call(setting.schedule, "optax", repr(setting.lr)),
        "rate": repr(setting.lr),
        "average": average,
        "lookahead": any(called_name(node) == "lookahead" for node in ast.walk(call) if isinstance(node, ast.Call)),
        "needs_value": "loss" in getattr(record, "inputs", ()) or optax_needs_value(record, given),
        "reporting_state": None if state is None else "".join(f"[{each}]" for each in state),
    }


def _optax_code(node: ast.expr, lr: str) -> str:
    """Return the code of a call; lr: the code of the rate, or "" where ``lr`` is a function of the step."""
    if isinstance(node, ast.Call):
        name = f"optax.{called_name(node)}".replace(f"optax.{OWN}.", "")
        arguments = [_optax_code(each, lr) for each in node.args]
        arguments += [f"{each.arg}={_optax_code(each.value, lr)}" for each in node.keywords]
        return f"{name}({', '.join(arguments)})"
    if lr:
        return rate_code(node, lr)
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    if "lr" in names and not isinstance(node, ast.Name):
        return f"lambda step: {rate_code(node, 'lr(step)')}"
    return ast.unparse(node)


def _find_reporting_state(call: ast.expr) -> list[int] | None:
    """Return the indices that lead to the state of an optimizer that evaluates other weights; None without one.

    call: the optimizer's call; an index for each ``chain`` that is around it.
    """
    if called_name(call) in _REPORTING:
        return []
    if isinstance(call, ast.Call) and called_name(call) == "chain":
        for i, each in enumerate(call.args):
            if (path := _find_reporting_state(each)) is not None:
                return [i, *path]
    return None


def _keras_fields(setting: Setting, call: ast.expr) -> dict[str, Any]:
    """Return the values, by name, for an optimizer of Keras; call: its call, ``lr`` left as a name."""
    share, lr = find_rate(call), repr(setting.lr)
    code = rate_code(share, lr) if share is not None else lr
    schedule = schedule_call(setting.schedule, "keras", code)
    assert isinstance(call, ast.Call)
    values = {each.arg: rate_code(each.value, lr) for each in call.keywords}
    if "learning_rate" in values and not setting.constant:
        values["learning_rate"] = "learning_rate"
    listed = [*(rate_code(each, lr) for each in call.args), *(f"{key}={value}" for key, value in values.items())]
    return {
        "optimizer": f"keras.optimizers.{called_name(call)}({', '.join(listed)})",
        "schedule": schedule,
        "rate": code,
    }
