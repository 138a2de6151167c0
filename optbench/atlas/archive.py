"""The archive of the atlas: as much of a sweep as it takes to rank another optimizer beside it, a folder of results.

Of each problem and optimizer it has the runs of the recommended setting and its runner-up on the seeds that all have
in common, which verdicts are about, and the settings that the block which drew it has tried, by which the number of
trials and limits of the search are known. ``python -m optbench.atlas.archive FOLDER`` makes it of a finished
``optbench sweep atlas``.
"""

import functools
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.analysis.protocol import HOLDOUT, RACE, SCREEN, WIDEN
from optbench.contract.columns import RUNS, TABLES, TARGETS, target_column
from optbench.plan.spec import Spec
from optbench.results.results import Results, load
from optbench.store.rows import ARROW_TYPES

HERE = Path(__file__).parent / "archive"
"""The archive that ships."""
_COPIED = ("spec.toml", "problems.parquet")
_EMPTY = ("curves", "timings")


@functools.cache
def read() -> Results:
    """Return the archive that ships, once for all that is asked of it: its answer takes two seconds."""
    return load(HERE)


def thin(results: Results) -> pd.DataFrame:
    """Return the rows and columns of the table ``runs`` that a verdict on each pair of optimizers needs.

    Hyperparameters are left out, as in the atlas each optimizer has its defaults. results: of a finished sweep.
    """
    answer = results.ask()
    coded, runs = answer.coded, results.runs
    in_common = coded.reported_in_common[coded.cell]
    best = np.isin(coded.setting, coded.recommended["setting"])
    drew = answer.settings.set_index(["problem", "optimizer"])["block"]
    drew = drew.reindex(pd.MultiIndex.from_frame(coded.cells[["problem", "optimizer"]])).to_numpy()
    stage = runs["stage"].to_numpy()[coded.row]
    tried = np.isin(stage, (SCREEN, WIDEN)) & (coded.block == drew[coded.cell])
    reports = best & ~np.isin(stage, (SCREEN, WIDEN, RACE, HOLDOUT))
    kept = runs.iloc[np.sort(coded.row[tried | reports | ~in_common])].reset_index(drop=True)
    target = coded.targets.of_runs(kept["problem"])
    targets = {target_column(share): target == share for share in TARGETS}
    kept = kept[[name for name in RUNS if name in kept and np.any(targets.get(name, True))]]
    held_out = [name for name in ("validation_loss_final", "test_loss_final") if name in kept]
    kept[held_out] = np.nan
    for name, used in targets.items():
        if name in kept:
            kept[name] = kept[name].where(used)
    return kept.assign(run_id=[f"{n}" for n in range(len(kept))], cohort_id="atlas")


def write(results: Results, folder: Path, spec: Spec | None = None) -> None:
    """Write the archive of a finished sweep into a folder, in the place of what is there.

    spec: of the sweep, by default the one in the folder of the results. Raises OSError if writing fails.
    """
    assert results.path is not None
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "archive"
        made.mkdir()
        table = pa.Table.from_pandas(thin(results), preserve_index=False)
        pq.write_table(table, made / "runs.parquet", compression="zstd", compression_level=19)
        for name in _EMPTY:
            fields = [(column.name, ARROW_TYPES[column.kind]) for column in TABLES[name]]
            pq.write_table(pa.schema(fields).empty_table(), made / f"{name}.parquet")
        for name in _COPIED:
            shutil.copy(results.path / name, made / name)
        if spec is not None:
            (made / "spec.toml").write_text(spec.to_toml())
        kept = {key: value for key, value in results.provenance.items() if key not in ("host", "machine")}
        (made / "provenance.json").write_text(json.dumps(kept, indent=1) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)


if __name__ == "__main__":
    write(load(sys.argv[1]), HERE)
