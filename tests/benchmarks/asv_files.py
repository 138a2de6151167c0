"""Folders of results as asv writes them, made without asv."""

import json

OLD, MIDDLE, NEW = "a" * 40, "b" * 40, "c" * 40
COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b"]
AXES = [["'gd'", "'adam'"], ["1", "64"]]
BENCHMARKS = {
    "version": 2,
    "updates.Lanes.time_step": {"param_names": ["optimizer", "lanes"], "unit": "seconds", "version": "v"},
    "updates.Lanes.track_share": {"param_names": [], "unit": "of a copy", "version": "v", "more_is_better": True},
}


def record(folder, commit, date, times, share, halfwidth=0.01, version="v", machine="here"):
    """Return a result file as asv writes it: medians with intervals of +- so much of themselves."""
    low = [time and time * (1 - halfwidth) for time in times]
    high = [time and time * (1 + halfwidth) for time in times]
    results = {
        "updates.Lanes.time_step": [times, AXES, version, 0, 0, low, high],
        "updates.Lanes.track_share": [[share], [], "v"],
        "gone.Long.time_ago": [[1.0], [], "v"],
    }
    content = {"commit_hash": commit, "env_name": "py", "date": date, "params": {"cpu": "<b>fast</b>"}}
    path = folder / machine / f"{commit[:8]}-py.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | {"result_columns": COLUMNS, "results": results}))
    return path


def three_commits(folder):
    """At the last, gd is 20% slower on one lane and 30% quicker on 64; adam on 64 lanes is new."""
    folder.mkdir(parents=True)
    (folder / "benchmarks.json").write_text(json.dumps(BENCHMARKS))
    record(folder, NEW, 3000, [1.2e-3, 0.7e-3, 3e-3, 4e-3], 0.5)
    record(folder, OLD, 1000, [0.5e-3, 1.0e-3, 3e-3, float("nan")], 0.9)
    record(folder, MIDDLE, 2000, [1.0e-3, 1.0e-3, 3e-3, float("nan")], 0.6)
    return folder
