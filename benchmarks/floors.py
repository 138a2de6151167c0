"""Every problem's gradient and every optimizer's step beside its floor on this machine: a table of shares, worst first.

    python benchmarks/floors.py                                       # float64, a minute or two
    python benchmarks/floors.py --dtype float32 --only 'rosen*'       # a pattern of names
    python benchmarks/floors.py --json floors.json --table reports/floors.md

The floor of a call is the larger of two times: that of moving the bytes that it must read and write at least once, at
the bandwidth of the cache in which its arrays fit; and that of its operations, as the plain Python source declares
them, at full rate (bounds/counting.py says what counts). All rates are measured in this process, pinned to one core,
in CPU time (bounds/machine.py). The share is the floor over the time measured. A floor is a bound, not a promise: it
knows nothing of latencies, of the call itself (some 10 ns), or of operations that cannot be computed side by side.

Problems are timed at 64 lanes, on mini-batches of 64 where they have data, by themselves; rules with the driver's loop
around them, on 64 lanes of a 10 x 10 block whose gradient is a constant (bounds/calls.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.peers import environment, number, pin  # noqa: E402

LANES, ROWS = 64, 64
LARGER = (
    "rosenbrock(dim=100)", "styblinski_tang(dim=20)", "ackley(dim=20)", "rastrigin(dim=20)", "griewank(dim=20)",
    "levy(dim=20)", "quadratic(dim=100)", "dixon_price(dim=100)", "different_powers(dim=100)",
)  # fmt: skip
"""Beside the catalogue's defaults, in many of which two coordinates are all there is."""


def entries(pattern: str) -> Iterator[tuple[str, str]]:
    """("problem" or "rule", name) of what is measured: the catalogue, LARGER, and every wrapper around gd and adam."""
    import optbench

    problems = [*optbench.problems(), *LARGER]
    rules = [name for name, record in optbench.optimizers().items() if isinstance(record, optbench.Optimizer)]
    rules += [f"{wrapper}({rule})" for wrapper in wrappers() for rule in ("gd", "adam")]
    for kind, names in (("problem", problems), ("rule", rules)):
        yield from ((kind, name) for name in names if fnmatch(name, pattern))


def wrappers() -> list[str]:
    """Of the committed catalogue, since the package's public names list optimizers only."""
    lines = (ROOT / "docs" / "catalogue.md").read_text().split("wrappers\n", 1)[1].split("\n## ", 1)[0].splitlines()
    return [line.split("`")[1].split("(")[0] for line in lines if line.startswith("| `")]


def prepared(kind: str, name: str, dtype: str, repeats: int, seconds: float) -> tuple[Any, Callable[[], float]]:
    """The work of a call, and what measures how many nanoseconds it takes; compiled."""
    import optbench
    from benchmarks.bounds import calls, declared

    if kind == "problem":
        problem = optbench.objective(name).problem
        call = calls.gradient_call(problem, dtype, ROWS, LANES)
        call(1)
        return declared.gradient_work(problem, ROWS, LANES), lambda: calls.quickest(call, seconds, repeats)
    rule = optbench.stepper(name, calls.aligned((1,), dtype), lr=0.1, batch_size=8, examples=32).optimizer
    work = declared.rule_work(rule, (calls.SIDE, calls.SIDE), LANES)
    return work, lambda: calls.step_ns(name, dtype, LANES, seconds, repeats)


def measured(chosen: list[tuple[str, str]], machine: Any, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """All beside their floors, the worst first: in turns, so that a slow moment of the machine hits one of them."""
    sides = [prepared(*one, machine.dtype, machine.repeats, seconds) for one in chosen]
    best = [float("inf")] * len(sides)
    for turn in range(rounds):
        if turn:
            machine.again()
        for i, (work, measure) in enumerate(sides):
            machine.floor(work)
            best[i] = min(best[i], measure())
    rows = []
    for (kind, name), (work, _), spent in zip(chosen, sides, best, strict=True):
        floor, bound = machine.floor(work)
        rows.append({
            "kind": kind, "name": name, "dtype": machine.dtype, "lanes": LANES, "ns": spent / LANES,
            "floor_ns": floor / LANES, "share": floor / spent, "bound": bound, "operations": dict(work.operations),
            "bytes": work.numbers * machine.size,
        })  # fmt: skip
    return sorted(rows, key=lambda one: one["share"])


HEAD = ("share", "kind", "name", "ns a lane", "floor", "bound by")


def cells(one: dict[str, Any]) -> list[str]:
    return [f"{one['share']:.0%}", one["kind"], one["name"], number(one["ns"]), number(one["floor_ns"]), one["bound"]]


def markdown(rows: list[dict[str, Any]], around: dict[str, Any], command: str) -> str:
    """The committed table."""
    versions = ", ".join(f"{name} {around['versions'][name]}" for name in ("optbench", "numpy", "numba"))
    text = [
        "# Beside the machine's floors", "",
        f"By `{command}` on one core of {around['cpu']} ({around['system']}): {versions}. Nanoseconds of one",
        f"lane of {LANES}, CPU time; the script says what is timed and what a floor is.",
    ]  # fmt: skip
    for dtype, rates in around["rates"].items():
        functions = ", ".join(f"{name} {time:.2f}" for name, time in rates["function_ns"].items())
        levels = ", ".join(f"{size} {rate:.0f}" for size, rate in rates["bytes_per_ns"].items())
        text += [
            "", f"## {dtype}", "",
            f"Operations a nanosecond: {rates['flops_per_ns']:.0f}, in products {rates['product_flops_per_ns']:.0f}.",
            f"Nanoseconds of one: {functions}. Bytes a nanosecond, by the size of all arrays: {levels}.", "",
            f"| {' | '.join(HEAD)} |", "|--:|---|---|--:|--:|---|",
        ]  # fmt: skip
        text += [f"| {' | '.join(cells(one))} |" for one in rows if one["dtype"] == dtype]
    return "\n".join(text) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="floors.py", description="Problems and rules beside this machine's floors.")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="of names: 'rosenbrock*', '*(adam)'")
    parser.add_argument("--dtype", choices=("float64", "float32", "both"), default="float64")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every number to FILE")
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the table to FILE, in Markdown")
    parser.add_argument("--quick", action="store_true", help="shorter and noisier")
    options = parser.parse_args(arguments)
    core = pin()
    from benchmarks.bounds.machine import Machine

    chosen = list(entries(options.only))
    if not chosen:
        print(f"floors.py: no problem and no rule matches {options.only!r}", file=sys.stderr)
        return 2
    rounds, repeats, seconds = (1, 3, 0.001) if options.quick else (3, 5, 0.004)
    dtypes = ("float64", "float32") if options.dtype == "both" else (options.dtype,)
    rows, rates = [], {}
    for dtype in dtypes:
        machine = Machine(dtype, repeats)
        rows += measured(chosen, machine, rounds, seconds)
        rates[dtype] = machine.as_measured()
    around = environment(core, repeats, seconds) | {"rates": rates}
    for line in (HEAD, *map(cells, rows)):
        print("  ".join(text.ljust(width) for text, width in zip(line, (6, 8, 28, 10, 10, 0), strict=True)).rstrip())
    if options.json:
        options.json.write_text(json.dumps({"environment": around, "rows": rows}, indent=1) + "\n")
    if options.table:
        command = f"python benchmarks/floors.py --dtype {options.dtype} --table reports/floors.md"
        options.table.write_text(markdown(rows, around, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
