"""How far a sweep is, by what stands in its folder: nothing is loaded that it names, and nothing is written."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError
from optbench.contract.types import Stage
from optbench.plan.spec_files import parse_spec
from optbench.store.atomic_files import read_writer
from optbench.store.cohort_files import CohortFiles
from optbench.store.manifest import read_manifest


@dataclass(frozen=True)
class Progress:
    """How far a sweep is."""

    finished: bool
    """True if the tables hold all that was planned."""
    stage: str
    """The stage that a process runs at the moment, "begins" at first; "" if none is at it."""
    seconds_left: float | None
    """The time to the end at the pace so far; None if no process is at it, or it is too early to tell."""
    stages: dict[Stage, tuple[int, int]]
    """The runs of each stage that have ended, and those that are planned so far."""
    later: tuple[Stage, ...]
    """Stages that are not planned yet."""
    blocks: int
    """The number of blocks of seeds; 0 where there are none."""
    whole_blocks: int
    """The number of those that have ended with their holdout."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        stages = {stage: {"done": done, "planned": planned} for stage, (done, planned) in self.stages.items()}
        return asdict(self) | {"stages": stages, "later": list(self.later)}


def read_progress(directory: Path) -> Progress:
    """Return how far the sweep of a results folder is. Raises OptbenchError if there is none, or it is damaged."""
    manifest = read_manifest(directory)
    if manifest is None and CohortFiles(directory).folder.is_dir():
        raise OptbenchError(f"the sweep in {str(directory)!r} has just begun: the same command resumes it")
    if manifest is None:
        raise OptbenchError(
            f"no sweep in {str(directory)!r}: optbench sweep --out {directory} begins one; the command of one that was "
            "stopped before its first run begins it again"
        )
    there, stages = {*CohortFiles(directory).ids()}, dict[Stage, tuple[int, int]]()
    missing, ended = set[int](), set[int]()
    for entry in manifest.cohorts:
        is_there = entry.cohort_id in there
        done, planned = stages.get(entry.stage, (0, 0))
        stages[entry.stage] = done + entry.runs * is_there, planned + entry.runs
        if not is_there:
            missing.add(entry.block)
        elif entry.stage == "holdout":
            ended.add(entry.block)
    spec, writer = parse_spec(manifest.spec), read_writer(directory)
    left = writer.get("left")
    return Progress(
        finished=manifest.finished and not manifest.missing,
        stage=str(writer.get("doing") or "begins") if writer else "",
        seconds_left=float(left) if isinstance(left, int | float) else None,
        stages=stages,
        later=() if manifest.finished else tuple(each for each in manifest.stages if each not in stages),
        blocks=spec.blocks if spec else 0,
        whole_blocks=len(ended - missing),
    )
