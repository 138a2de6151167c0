"""``optbench info``: versions, the machine, the kernel cache, and CUDA."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from optbench.cli.options import Json
from optbench.cli.output import print_json

# Bytes: what the unit means
_GIB = 2**30


def info(json: Json = False) -> None:
    """Show versions, the machine, where kernels are kept, and whether a GPU can be used or what is missing."""
    from rich.text import Text

    from optbench.cli.console import console

    known = read_facts()
    if json:
        print_json(known)
        return
    for label, text in _format_facts(known):
        console.print(Text.assemble((label.ljust(14), "bold"), text), soft_wrap=True)


def read_facts() -> dict[str, Any]:
    """Return the facts that ``info`` prints, by name: versions, platform, cpu, cores, kernels (a folder) and cuda."""
    import platform

    from optbench.compiler import cuda
    from optbench.contract.resources import cores
    from optbench.contract.version import __version__
    from optbench.store.provenance import find_cpu_name, list_versions

    gpu = asdict(cuda.find_parts())
    return {
        "optbench": __version__,
        "python": platform.python_version(),
        **list_versions(),
        "platform": platform.platform(),
        "cpu": find_cpu_name(),
        "cores": cores(),
        "kernels": _find_kernel_folder(),
        "cuda": {"usable": gpu["missing"] is None, **gpu},
    }


def _format_facts(known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield pairs of a label and its text, a line each. known: from `read_facts`."""
    gpu = known["cuda"]
    for label, value in known.items():
        if label != "cuda":
            yield label, str(value or "nowhere")
    yield "CUDA", "can be used" if gpu["usable"] else f"cannot be used: {gpu['missing']}"
    for label in ("package", "driver", "toolkit", "ptxas"):
        yield f"  {label}", gpu[label] or "none"
    for card in gpu["cards"] or ({"name": "none"},):
        yield "  card", _describe_card(card)


def _describe_card(card: dict[str, Any]) -> str:
    """Return one line about a graphics card: name, compute capability, memory in GiB, multiprocessors."""
    parts = [card["name"]]
    if card.get("compute_capability"):
        parts.append(f"compute capability {card['compute_capability']}")
    if card.get("memory"):
        parts.append(f"{card['memory'] / _GIB:.1f} GiB")
    if card.get("multiprocessors"):
        parts.append(f"{card['multiprocessors']} multiprocessors")
    return ", ".join(parts)


def _find_kernel_folder() -> str | None:
    """Return the folder of compiled kernels; without NUMBA_CACHE_DIR numba keeps each beside its source file.

    Of those it is the folder of the loop over the steps, which lies beside the translator and serves every run.
    """
    import numba

    from optbench.compiler.translator import jit

    return numba.config.CACHE_DIR or jit(jit).stats.cache_path
