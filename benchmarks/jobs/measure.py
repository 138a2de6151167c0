"""What a whole job takes, side by side: every call is a process of its own, kept to one core or to two.

*First* is the start with nothing compiled: an empty folder of kernels for optbench, no cache for JAX. *Warm* finds what
an earlier process has compiled: kernels on disk for optbench, JAX's persistent compilation cache for JAX. Seconds are
of the clock on the wall, from the start of the interpreter to its end, beside those of the cores, which other programs
on the machine do not change; of several warm calls the least of each counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOALS = {"first": 0.4, "warm": 0.25}
"""The largest ratio of optbench's seconds to JAX's."""


def call(side: str, arguments: list[str], cores: int, **environment: str) -> tuple[float, float]:
    """Seconds on the wall and of the cores that ``side``, a module beside this one, takes on so many cores.

    Raises RuntimeError if it fails.
    """
    allowed = sorted(os.sched_getaffinity(0))[-cores:] if hasattr(os, "sched_getaffinity") else []
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    around = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "NUMBA_NUM_THREADS")}
    around |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": path, **environment}
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.jobs.{side}", *arguments], cwd=ROOT, env=around, stdout=subprocess.DEVNULL,
        preexec_fn=(lambda: os.sched_setaffinity(0, allowed)) if allowed else None,
    )  # fmt: skip
    _, status, usage = os.wait4(child.pid, 0)
    spent = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{side} ended with {child.returncode}")
    return spent, usage.ru_utime + usage.ru_stime


def sweep(spec: Mapping[str, Any], out: Path, cores: int, kernels: Path) -> tuple[float, float]:
    """What :func:`call` says of optbench's side, with its kernels in that folder."""
    file = out.with_suffix(".json")
    file.write_text(json.dumps(dict(spec)))
    return call("optbench_side", [str(file), str(out), str(cores)], cores, NUMBA_CACHE_DIR=str(kernels))


def rows(
    peers: tuple[str, ...] = ("JAX", "PyTorch"), tiny: bool = False, warm: int = 2, only: str = "*"
) -> Iterator[dict[str, Any]]:
    """A row for each job, number of cores, start and peer; without peers optbench's own seconds.

    only: a pattern of JOB/CORES, or a part of that.
    """
    from benchmarks.jobs.cases import jobs

    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for job in jobs(tiny):
        with tempfile.TemporaryDirectory(prefix="jobs-") as folder:
            names = {cores: f"{job.name}/{cores}" for cores in (1, 2) if cores <= here}
            chosen = [cores for cores, name in names.items() if fnmatch(name, only) or only in name]
            if chosen:
                yield from _of_job(job, chosen, peers, Path(folder), warm)


def _of_job(job: Any, cores: list[int], peers: tuple[str, ...], folder: Path, warm: int) -> Iterator[dict[str, Any]]:
    ours: dict[tuple[int, str], tuple[float, float]] = {}
    for count in cores:
        for start, again in (("first", 1), ("warm", warm)):
            times = [_ours(job, folder, count) for _ in range(again)]
            ours[count, start] = _least(times)
    plan = _plan(job, folder)
    sampled = _torch(job, folder, plan) if "PyTorch" in peers else None
    for count in cores:
        if "JAX" in peers:
            cache = str(_made(folder / f"cache-{count}"))
            theirs = {"first": _jax(folder, plan, count)}
            _jax(folder, plan, count, cache)
            theirs["warm"] = _least([_jax(folder, plan, count, cache) for _ in range(warm)])
            same = _agreement(job, folder, "jax")
            for start in ("first", "warm"):
                yield _row(job, count, start, "JAX", ours[count, start], theirs[start], same, "jit, vmap, scan")
        if sampled:
            wall = sampled["whole"] / count
            times = (wall + sampled["start"], sampled["whole"] + sampled["start"])
            variant = f"extrapolated from {sampled['sample']} runs"
            yield _row(job, count, "warm", "PyTorch", ours[count, "warm"], times, sampled["agreement"], variant)
        if not peers:
            for start in ("first", "warm"):
                yield _row(job, count, start, "", ours[count, start], None, {"wrong": False}, "")


def _ours(job: Any, folder: Path, cores: int) -> tuple[float, float]:
    kernels = _made(folder / f"kernels-{cores}")
    with tempfile.TemporaryDirectory(dir=folder) as out:
        times = sweep(job.spec, Path(out), cores, kernels)
        Path(out).rename(folder / "last")
        Path(out).mkdir()
    _replace(folder / "last", folder / "optbench")
    return times


def _replace(old: Path, new: Path) -> None:
    import shutil

    shutil.rmtree(new, ignore_errors=True)
    old.rename(new)


def _plan(job: Any, folder: Path) -> str:
    import optbench
    from benchmarks.jobs.cases import write_plan

    plan = _made(folder / "plan")
    write_plan(job, optbench.load(folder / "optbench"), plan)
    return str(plan)


def _jax(folder: Path, plan: str, cores: int, cache: str = "") -> tuple[float, float]:
    out = _made(folder / "jax")
    return call("jax_side", [plan, str(out), str(cores), cache], cores)


def _torch(job: Any, folder: Path, plan: str) -> dict[str, Any]:
    """What the sample says, the seconds that the process takes beside it, and whether losses agree.

    PyTorch's RMSProp and Adam have their eps outside the root: only the others can end where optbench does.
    """
    out = _made(folder / "torch")
    _, spent = call("torch_side", [plan, str(out)], 1)
    sampled = json.loads((out / "seconds.json").read_text())
    same = _agreement(job, folder, "torch", ("gd", "momentum", "nesterov"))
    return sampled | {"start": max(spent - sampled["sampled"], 0.0), "agreement": same}


def _agreement(job: Any, folder: Path, side: str, optimizers: tuple[str, ...] = ()) -> dict[str, Any]:
    import pandas as pd

    from benchmarks.jobs.cases import agreement

    ours, theirs = (pd.read_parquet(folder / name / "runs.parquet") for name in ("optbench", side))
    return agreement(job, ours, theirs[theirs["optimizer"].isin(optimizers)] if optimizers else theirs)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _least(times: list[tuple[float, float]]) -> tuple[float, float]:
    return min(wall for wall, _ in times), min(cpu for _, cpu in times)


def _row(
    job: Any, cores: int, start: str, peer: str, ours: tuple[float, float], theirs: tuple[float, float] | None,
    same: dict[str, Any], variant: str,
) -> dict[str, Any]:  # fmt: skip
    wall, cpu = theirs or (None, None)
    ratio = ours[0] / wall if wall else None
    goal = GOALS[start] if peer == "JAX" else None
    return {
        "job": job.name, "cores": cores, "start": start, "peer": peer, "variant": variant,
        "optbench_seconds": ours[0], "peer_seconds": wall, "ratio": ratio,
        "optbench_core_seconds": ours[1], "peer_core_seconds": cpu, "core_ratio": ours[1] / cpu if cpu else None,
        "goal": goal, "met": None if goal is None or ratio is None else ratio <= goal,
        "agreement": same, "wrong": bool(same["wrong"]),
    }  # fmt: skip


COLUMNS = (("job", 10), ("cores", 5), ("start", 5), ("peer", 7), ("optbench s", 10), ("peer s", 8), ("ratio", 6),
           ("core s", 8), ("peer's", 8), ("ratio", 6), ("goal", 5), ("met", 4), ("variant", 0))  # fmt: skip


def line(cells: list[str]) -> str:
    """A line of the table."""
    return "  ".join(cell.ljust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True)).rstrip()


def show(row: dict[str, Any]) -> str:
    """One row as a line."""
    met = {None: "-", True: "yes", False: "NO"}[row["met"]]
    numbers = [
        "-" if row[name] is None else format(row[name], ".3f" if "ratio" in name else ",.1f")
        for name in (
            "optbench_seconds",
            "peer_seconds",
            "ratio",
            "optbench_core_seconds",
            "peer_core_seconds",
            "core_ratio",
        )
    ]
    variant = row["variant"] + ("  WRONG RESULT" if row["wrong"] else "")
    goal = "-" if row["goal"] is None else str(row["goal"])
    return line([row["job"], str(row["cores"]), row["start"], row["peer"], *numbers, goal, met, variant])
