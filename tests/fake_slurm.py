"""A scheduler with SLURM's commands for tests: ``sbatch`` (arrays, dependencies) and ``scancel``, on this machine.

A job is a process in the background, which waits for the job that it depends on, runs the tasks of its array one after
the other, and leaves their largest exit code in JOB.done. Files lie in the folder that $FAKE_SLURM names.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path


def install(folder: Path) -> dict[str, str]:
    """Write the commands into a folder; return the environment in which they are found."""
    bin_ = folder / "bin"
    bin_.mkdir(parents=True)
    for name in ("sbatch", "scancel"):
        (bin_ / name).write_text(f'#!/bin/bash\nexec {sys.executable} {__file__} {name} "$@"\n')
        (bin_ / name).chmod(0o755)
    return {"FAKE_SLURM": str(folder), "PATH": f"{bin_}:{os.environ['PATH']}"}


def wait(folder: Path, job: int, seconds: float = 300) -> int:
    """Return the exit code of a job when it has ended."""
    end, done = time.monotonic() + seconds, folder / f"{job}.done"
    while not (code := done.read_text() if done.exists() else ""):  # empty between the making of the file and its text
        assert time.monotonic() < end, f"job {job} takes too long"
        time.sleep(0.1)
    return int(code)


def sbatch(folder: Path, arguments: list[str]) -> None:
    """Start a job in the background and print its number."""
    job = len(list(folder.glob("*.job"))) + 1
    script = Path(arguments[-1])
    options = [*arguments[:-1]]
    for line in script.read_text().splitlines():
        options += shlex.split(line.removeprefix("#SBATCH")) if line.startswith("#SBATCH") else []
    (folder / f"{job}.job").write_text(script.read_text())  # as SLURM does: the file may be gone when the job begins
    process = subprocess.Popen(
        [sys.executable, __file__, "run", str(job), *options], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / f"{job}.pid").write_text(str(process.pid))
    print(job if "--parsable" in options else f"Submitted batch job {job}")


def run(folder: Path, arguments: list[str]) -> None:
    """Run a job to its end."""
    job, *options = arguments
    text = " ".join(options)
    awaited = re.search(r"--dependency=afterok:(\d+)", text)
    first, last = map(int, array.groups()) if (array := re.search(r"--array=(\d+)-(\d+)", text)) else (1, 1)
    cpus = found[1] if (found := re.search(r"--cpus-per-task=(\d+)", text)) else "1"
    codes = [wait(folder, int(awaited[1]))] if awaited else []
    for task in range(first, last + 1) if not any(codes) else ():
        environment = os.environ | {"SLURM_JOB_ID": job, "SLURM_CPUS_PER_TASK": cpus}
        if array:
            environment |= {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(last - first + 1)}
        with (folder / f"slurm-{job}_{task}.out").open("w") as out:
            done = subprocess.run(["bash", folder / f"{job}.job"], env=environment, stdout=out, stderr=out, check=False)
        codes.append(done.returncode)
    (folder / f"{job}.done").write_text(str(max(codes)))


def scancel(folder: Path, jobs: list[str]) -> None:
    """End jobs."""
    for job in jobs:
        try:
            os.killpg(int((folder / f"{job}.pid").read_text()), signal.SIGTERM)
        except (OSError, ValueError):
            continue


if __name__ == "__main__":
    {"sbatch": sbatch, "run": run, "scancel": scancel}[sys.argv[1]](Path(os.environ["FAKE_SLURM"]), sys.argv[2:])
