"""The provenance of results: the command, the versions, the machine."""

import datetime
import importlib.metadata
import platform
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import Any

from optbench.compiler.fastmath import FASTMATH
from optbench.contract.problems import DIVERGENCE_FACTOR
from optbench.contract.resources import cores
from optbench.contract.version import __version__
from optbench.plan.display_names import without_numbers
from optbench.plan.planned_cohorts import Plan
from optbench.plan.spec import Spec


def make_provenance(command: str, plan: Plan) -> dict[str, Any]:
    """Return the content of provenance.json of a sweep."""
    spec = plan.spec
    tuning, reporting = spec.split_seeds()
    return record_environment(command, plan.device, plan.device_note) | {
        "tuning_seeds": tuning,
        "seeds": list(spec.seeds),
        "reporting_seeds": reporting,
        "blocks": spec.blocks,
        **({"widen": spec.widen} if spec.blocks else {}),
        **({"folds": spec.folds} if spec.folds > 1 else {}),
        "choose_by": list(spec.choose_by),
        "judge_by": spec.judge_by,
        "budget": describe_budget(spec),
        "dtype": list(spec.dtypes),
        "plugin_files": list(spec.plugins),
        "plugins": {origin.key: origin.sha256 for origin in plan.origins()},
        "data": {problem.name: problem.digest for problem in plan.problems if problem.data is not None},
        **({"data_files": plan.data_files} if plan.data_files else {}),
        **({"labels": dict(plan.labels)} if plan.labels else {}),
        **({"own": own} if (own := plan.own_optimizers) else {}),
        **({"incumbents": list(plan.incumbents)} if plan.incumbents else {}),
        **({"shard": plan.shard} if plan.shard else {}),
        **({"given": given} if (given := _find_given(spec)) else {}),
        **({} if spec.trials is None else {"trials": spec.trials, "searched": plan.searched, "ranges": spec.ranges}),
    }


def _find_given(spec: Spec) -> dict[str, str]:
    """Return by optimizer its text in the spec, for those that the spec gives hyperparameters, and once."""
    bare = [without_numbers(text) for text in spec.optimizers]
    return {
        name: text for name, text in zip(bare, spec.optimizers, strict=True) if name != text and bare.count(name) == 1
    }


def describe_budget(spec: Spec) -> str:
    """Return the length of the runs of most problems, then of the others: "60 epochs (mlp: 6 epochs)"."""
    problems: dict[str, list[str]] = {}
    for entry in spec.problems:
        given = spec.budget_of(entry)
        text = f"{given.steps} steps" if given.epochs is None else f"{given.epochs:g} epochs"
        problems.setdefault(text, []).append(entry.name)
    most = max(problems, key=lambda text: len(problems[text]))
    others = [f"{', '.join(names)}: {text}" for text, names in problems.items() if text != most]
    return f"{most} ({'; '.join(others)})" if others else most


def record_environment(command: str, device: str = "cpu", card: str = "") -> dict[str, Any]:
    """Return the part of provenance.json that does not depend on the sweep: command, versions, machine, constants.

    device: "cpu" or "cuda"; card: the name of the GPU, ignored on the CPU.
    """
    return {
        "command": command,
        "optbench": __version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **list_versions(),
        "platform": platform.platform(),
        "cpu": find_cpu_name(),
        "cores": cores(),
        "device": device,
        **_record_gpu(device, card),
        "fastmath": sorted(FASTMATH),
        "divergence_factor": DIVERGENCE_FACTOR,
    }


def typed_command() -> str:
    """Return the command as it was typed, in the quotes that a shell needs to run it again."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    words = ["python", "-m", "optbench"] if program == "__main__.py" else [program]
    return shlex.join([*words, *sys.argv[1:]])


@cache
def list_versions() -> dict[str, str]:
    """Return the versions of the packages that numbers depend on. Reading them takes as long as a small sweep."""
    return {name: importlib.metadata.version(name) for name in ("numpy", "numba", "scipy", "pandas", "scikit-learn")}


def _record_gpu(device: str, card: str) -> dict[str, str | None]:
    """Return the GPU, its driver and CUDA for provenance.json, by key; empty if the device is "cpu".

    card: the name of the GPU.
    """
    if device == "cpu":
        return {}
    from optbench.compiler import cuda

    gpu = cuda.find_parts()
    return {"card": card, "cuda": gpu.package, "cuda_driver": gpu.driver, "cuda_toolkit": gpu.toolkit}


def find_cpu_name() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
