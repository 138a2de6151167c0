"""Records of cohorts in a results folder: which are there, without some, and with another content."""

import hashlib
from pathlib import Path

from optbench.store.cohort_files import CohortFiles, Record, encode_cohorts


def finished(folder: Path) -> list[str]:
    """Return the ids of the cohorts that have a record."""
    return CohortFiles(folder).ids()


def list_records(folder: Path) -> list[list[str]]:
    """Return the ids of the cohorts of each record."""
    content = b"".join(path.read_bytes() for path in sorted((folder / "cohorts").glob("*.cohorts")))
    records = list[list[str]]()
    while content:
        record = Record(content)
        records.append(record.cohort_ids)
        content = content[record.end :]
    return records


def keep(folder: Path, ids: list[str]) -> None:
    """Leave the records of these cohorts, in one file."""
    files = CohortFiles(folder)
    content = b"".join(encode_cohorts([cohort_id], files.read(cohort_id)) for cohort_id in ids)
    for path in files.folder.glob("*.cohorts"):
        path.unlink()
    (files.folder / "000001.cohorts").write_bytes(content)


def seal(rest: bytes) -> bytes:
    """Return a record with these bytes behind its checksum."""
    return b"optbench cohort 1\n" + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest
