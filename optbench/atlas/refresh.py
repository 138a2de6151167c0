"""Bring the archive of the atlas up to date: run again only the optimizers whose rules have changed, and new ones.

A release does this by ``python -m optbench.atlas.refresh FOLDER``. Each runs as a newcomer would, on the seeds,
problems and trials of the atlas, and takes the place of its earlier runs. Where a problem or schedule has changed, all
have to run again: ``optbench sweep atlas``, then ``python -m optbench.atlas.archive``.
"""

import sys
from pathlib import Path

from optbench.atlas import archive
from optbench.atlas.newcomers import Newcomer, Tell, enter
from optbench.catalogue import loader
from optbench.contract.version import __version__
from optbench.plan.spec import Spec
from optbench.plan.spec_files import read_spec
from optbench.results.joined import join_results
from optbench.results.results import load
from optbench.run import session
from optbench.run.isolation import Isolation


def refresh(out: Path, folder: Path = archive.HERE, spec: Spec | None = None, tell: Tell = print) -> list[str]:
    """Run the optimizers of an archive again whose rules have changed, and those that it lacks; return their names.

    out: the folder of their results, in which an interrupted call is resumed; spec: what the archive is to be of, None
    for the atlas; tell: called with what the user should know. Raises OptbenchError, also where a problem or schedule
    has changed.
    """
    known, spec = load(folder), spec or read_spec("atlas")
    made, hashes = known.provenance, loader.load(()).hashes
    keys = {name: f"optimizer {name}" for name in spec.optimizers}
    again = [name for name, key in keys.items() if made["plugins"].get(key) != hashes[key]]
    kept = known.runs["optimizer"].isin([name for name in keys if name not in again])
    results = known.with_runs(known.runs[kept].reset_index(drop=True))
    for name in again:
        plan = enter(Newcomer(name), folder, "", Isolation(), tell).plan
        session.execute(plan, out / name, command=f"refresh {name}", tell=tell)
        results = known.with_runs(join_results(load(out / name), results).runs)
        made["plugins"][keys[name]] = hashes[keys[name]]
        for reports in made["reports"].values():  # all of the archive has been looked at once
            reports.setdefault(name, {"": known.look})
    made["refreshed"] = {**made.get("refreshed", {}), __version__: again}
    in_order = results.runs.sort_values("optimizer", key=lambda names: names.map([*keys].index), kind="stable")
    archive.write(known.with_runs(in_order.reset_index(drop=True)), folder, spec)
    return again


if __name__ == "__main__":
    print(*refresh(Path(sys.argv[1])))
