"""What ``info`` prints: the versions, the machine, where kernels are kept, and what there is of CUDA."""

import json
import platform
from dataclasses import asdict

from rich.text import Text

from optbench import __version__
from optbench.cli.terminal import console

_GIB = 2**30


def show(as_json: bool) -> None:
    """Print it all, as a table or as JSON."""
    found = facts()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for label, text in _lines(found):
        console.print(Text.assemble((label.ljust(14), "bold"), text), soft_wrap=True)


def facts() -> dict:
    """What is known, as JSON has it."""
    from optbench.compiler import cuda
    from optbench.sweeps.provenance import cpu, versions
    from optbench.sweeps.session import cores

    gpu = asdict(cuda.found())
    return {
        "optbench": __version__,
        "python": platform.python_version(),
        **versions(),
        "platform": platform.platform(),
        "cpu": cpu(),
        "cores": cores(),
        "kernels": _kernels(),
        "cuda": {"usable": gpu["missing"] is None, **gpu},
    }


def _lines(found: dict):
    """Pairs of a label and its text."""
    gpu = found["cuda"]
    for label, value in found.items():
        if label != "cuda":
            yield label, str(value or "nowhere")
    yield "CUDA", "can be used" if gpu["usable"] else f"cannot be used: {gpu['missing']}"
    for label in ("package", "driver", "toolkit", "ptxas"):
        yield f"  {label}", gpu[label] or "none"
    for card in gpu["cards"] or ({"name": "none"},):
        yield "  card", _card(card)


def _card(card: dict) -> str:
    parts = [card["name"]]
    if card.get("compute_capability"):
        parts.append(f"compute capability {card['compute_capability']}")
    if card.get("memory"):
        parts.append(f"{card['memory'] / _GIB:.1f} GiB")
    if card.get("multiprocessors"):
        parts.append(f"{card['multiprocessors']} multiprocessors")
    return ", ".join(parts)


def _kernels() -> str | None:
    """Where numba keeps compiled kernels: in one folder where it was told so, else each beside its own source file."""
    import numba

    from optbench.compiler.translator import jit

    return numba.config.CACHE_DIR or jit(_kernels).stats.cache_path
