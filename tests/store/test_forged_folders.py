"""Result folders that somebody has forged, checksums and all: they are read, or refused by one line.

`test_damage.py` has what a disk does to them, `test_fuzz_folders.py` what may stand in their tables.
"""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzzing import refusal
from records import seal as seal_record

import optbench
from optbench.run.merging import merge_folders
from optbench.store import cohort_files, manifest

SPEC = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "adam"], "learning_rates": [1e-3], "steps": 4,
        "blocks": 2, "screen": 1, "race": 1, "holdout": 1, "finalists": 2}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A finished folder, and one of the same cohorts whose tables are not yet put together."""
    folder = tmp_path_factory.mktemp("sound")
    optbench.sweep(SPEC, out=folder / "done", workers=1)
    shutil.copytree(folder / "done", folder / "open")
    for path in (folder / "open").glob("*.parquet"):
        path.unlink()
    replace(manifest.read_manifest(folder / "open"), finished=False, files={}).write(folder / "open")
    return folder


def copied(sound, folder, name):
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(sound / name, folder)


def seal(folder):
    """Write the checksums of the files that are there."""
    held = manifest.read_manifest(folder)
    replace(held, files={name: manifest.digest_of(folder / name) for name in held.files}).write(folder)


def content(folder):
    """Return the content of the manifest, read from its JSON."""
    text = (folder / "manifest.json").read_text()
    return json.loads(text.partition("\n")[2].removeprefix('"manifest": ')[:-2])


def forge_manifest(folder, raw):
    body = raw if isinstance(raw, bytes) else f"{json.dumps(raw)}\n".encode()
    head = f'{{"sha256": "{hashlib.sha256(body).hexdigest()}",\n"manifest": '
    (folder / "manifest.json").write_bytes(head.encode() + body + b"}\n")


def forge_cohort(folder, change):
    """Change the record of the first cohort; ``change`` gives the new one from its id and tables."""
    files = cohort_files.CohortFiles(folder)
    (path,) = files.folder.glob("*.cohorts")
    first = files.ids()[0]
    record = files.content(first)
    path.write_bytes(path.read_bytes().replace(record, change(first, files.read(first))))


def head(key, value):
    """Something else in the line of JSON."""

    def change(first, tables):
        line, body = cohort_files.encode_cohorts([first], tables).split(b"\n", 3)[2:]
        return seal_record(json.dumps({**json.loads(line), key: value}).encode() + b"\n" + body)

    return lambda folder: forge_cohort(folder, change)


def rest(content):
    """Something else behind the checksum."""
    return lambda folder: forge_cohort(folder, lambda first, tables: seal_record(content))


def table(name, change):
    """Another table of the first cohort; None: without it."""

    def forge(first, tables):
        made = change(tables.pop(name))
        return cohort_files.encode_cohorts([first], tables if made is None else {**tables, name: made})

    return lambda folder: forge_cohort(folder, forge)


def more_tables(first, tables):
    """A table that no sweep has."""
    return cohort_files.encode_cohorts([first], {**tables, "more": tables["runs"]})


def column(name, values):
    """Another column; ``values`` of a number of rows."""
    return lambda rows: rows.set_column(rows.column_names.index(name), name, pa.array(values(len(rows))))


def garbage(first, tables):
    """Numbers of another kind where Arrow looks for the lengths of texts."""
    line, body = cohort_files.encode_cohorts([first], tables).split(b"\n", 3)[2:]
    head = json.loads(line)
    broken = np.frombuffer(pa.decompress(body, sum(head["tables"].values()), "zstd"), np.uint8).copy()
    broken[len(broken) // 4 : len(broken) // 4 + 64] ^= 0x7F
    body = pa.compress(broken, "zstd", asbytes=True)
    return seal_record(json.dumps({**head, "compressed": len(body)}).encode() + b"\n" + body)


def parquet(name, change):
    def forge(folder):
        path = folder / f"{name}.parquet"
        if path.exists():
            pq.write_table(change(pq.read_table(path)), path)
            seal(folder)

    return forge


def entries(**changes):
    """Another value in every row of the manifest."""

    def forge(folder):
        raw = content(folder)
        rows = [{**dict(zip(manifest.Entry._fields, row, strict=True)), **changes} for row in raw["cohorts"]]
        forge_manifest(folder, {**raw, "cohorts": [list(row.values()) for row in rows]})

    return forge


def place(name, make):
    """Something else in the place of a file."""

    def forge(folder):
        path = folder / "cohorts" / "000001.cohorts" if name == "its cohorts" else folder / name
        with suppress(FileNotFoundError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        make(path)

    return forge


KINDS = {
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
FILES = (
    "manifest.json",
    "spec.toml",
    "provenance.json",
    "runs.parquet",
    "problems.parquet",
    "cohorts",
    "its cohorts",
)
FORGERIES = {
    "a manifest that is none": lambda folder: forge_manifest(folder, b"x\n"),
    "a manifest without end": lambda folder: forge_manifest(folder, b"[" * 10**5 + b"\n"),
    "a manifest of a list": lambda folder: forge_manifest(folder, [1]),
    "no such stage": entries(stage="<b>x</b>\n"),
    "a block beyond all numbers": entries(block=10**30),
    "no block": entries(block=None),
    "a cohort elsewhere": entries(cohort_id="../../x"),
    "parts of anything": entries(parts=[None]),
    "no names": entries(problem=None),
    "a row too short": lambda folder: forge_manifest(folder, {**content(folder), "cohorts": [["x"]]}),
    "no tables": head("tables", {}),
    "tables that are no lengths": head("tables", {"runs": "x", "curves": None, "timings": -1}),
    "tables that are too long": head("tables", {"runs": 10**9, "curves": 10**9, "timings": 10**9}),
    "tables in a list": head("tables", [1, 2]),
    "tables that are not compressed": head("compressed", 100),
    "tables that compressed are too long": head("compressed", 10**30),
    "rows that are no numbers": head("cohorts", {"x": ["y", None, -1]}),
    "rows of other tables": head("cohorts", {"x": [1]}),
    "rows that are not there": head("cohorts", {"x": [10**6] * 3}),
    "rows of nothing": head("cohorts", {}),
    "no line": rest(b""),
    "a line without end": rest(b"[" * 10**5),
    "many beginnings": rest(b"optbench cohort 1\n" * 10**4),
    "no runs": table("runs", lambda rows: None),
    "no curves": table("curves", lambda rows: None),
    "other lengths of texts": lambda folder: forge_cohort(folder, garbage),
    "a list for a loss": table("curves", column("train_loss", lambda rows: [[1.0]] * rows)),
    "whole numbers for a loss": table("curves", column("train_loss", range)),
    "no optimizers": table("runs", column("optimizer", lambda rows: [None] * rows)),
    "no seconds": table("timings", lambda rows: rows.drop_columns(["compile_seconds"])),
    "no stages": table("runs", lambda rows: rows.drop_columns(["stage"])),
    "a table more": lambda folder: forge_cohort(folder, more_tables),
    "runs twice": table("runs", lambda rows: pa.concat_tables([rows, rows])),
    "no rows": table("runs", lambda rows: rows.slice(0, 0)),
    "a column twice": table("runs", lambda rows: rows.append_column("lr", rows["lr"])),
    "an index that is not there": parquet(
        "runs", lambda rows: rows.replace_schema_metadata({b"pandas": b'{"index_columns": ["x"], "columns": []}'})
    ),
    "problems without one": parquet("problems", lambda rows: rows.slice(1)),
    "numbers for a digest": parquet("problems", column("digest", range)),
    "lists in a table": parquet("problems", column("source", lambda rows: [[1]] * rows)),
    "dates in a table": parquet("runs", column("lr", lambda rows: np.zeros(rows, "datetime64[ns]"))),
    **{f"{kind} for {name}": place(name, make) for kind, make in KINDS.items() for name in FILES},
}


def read(folder):
    results = optbench.load(folder)
    results.curves, results.verdicts(), repr(results), results.missing


USES = {
    "compared": lambda folder, sound, out: optbench.compare(folder, sound),
    "merged": lambda folder, sound, out: merge_folders([folder, sound], out, (), "a test", str),
    "gone on with": lambda folder, sound, out: optbench.sweep(SPEC, out=folder, workers=1),
    "extended": lambda folder, sound, out: optbench.sweep(out=folder, extend=True, learning_rates=[1e-2], workers=1),
}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "case"), list(enumerate(FORGERIES)))
def test_forged_folders_are_read_or_refused(number, case, sound, tmp_path):
    """And used in one other way each, in turns."""
    use, name = [*USES.values()][number % len(USES)], ("done", "open")[number // len(USES) % 2]
    folder = copied(sound, tmp_path / name, name)
    FORGERIES[case](folder)
    refusal(lambda: read(folder))
    refusal(lambda: use(folder, sound / "done", tmp_path / "out"))


def test_a_folder_of_a_later_version_says_which(sound, tmp_path):
    folder = copied(sound, tmp_path / "later", "done")
    forge_manifest(folder, {**content(folder), "format": manifest.FORMAT + 1, "optbench": "9.1.0"})
    (line,) = {refusal(lambda: read(folder)), refusal(lambda: optbench.sweep(SPEC, out=folder))}
    assert line.startswith("optbench 9.1.0 wrote ") and line.endswith(
        f" than {optbench.__version__} reads: use that version"
    )
