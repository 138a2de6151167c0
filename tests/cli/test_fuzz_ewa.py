"""The ewa command on files of any kind: a table, or one line that says what is wrong."""

import sys
from pathlib import Path

import pytest
from fuzzing import CSV, cases
from hypothesis import given
from hypothesis import strategies as st

from optbench.cli import app

FILES = st.one_of(
    *(CSV.map(lambda text, code=code: text.encode(code, "surrogatepass")) for code in ("utf-8", "utf-8", "utf-16")),
    st.binary(max_size=60),
)
FLAGS = st.tuples(
    st.sampled_from(["0.9", "0.5", "0", "0.5,0.9", "0.99999999999999994", "1", "nan", "", "x"]),
    st.sampled_from([[], ["--skip-missing"], ["--no-bias-correction"]]),
    st.sampled_from([[], [], ["--out", "o.csv"], ["--out", "o.parquet"], ["--out", "no/o.csv"], ["--out", "o.txt"]]),
    st.sampled_from(["b", "b", "a", "[/x]", "x" * 2000]),
)


def call(capsys, data, flags):
    """Run the command, and return its exit code and the text on standard error."""
    beta, more, out, column = flags
    Path("any.csv").write_bytes(data)
    sys.argv = ["optbench", "ewa", "any.csv", "--column", column, "--beta", beta, *more, *out]
    try:
        app.main()
        code = 0
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))


@pytest.mark.slow
@cases(50)
@given(FILES, FLAGS)
def test_any_file(capsys, data, flags):
    code, said = call(capsys, data, flags)
    assert code in (0, 2), said
    lines = [line for line in said.splitlines() if "left out" not in line]
    assert code == 0 or (len(lines) == 1 and lines[0].startswith("optbench: ") and len(lines[0]) < 1000), said


@pytest.mark.parametrize(
    ("data", "more"),
    [
        (b"\xff\xfe-\x007\x009\x00\r\x004\x00.\x00", []),
        ("a,b\n1,2\n".encode("utf-16"), []),
        (b"a,b\n1,1e308\n2,-1e308\n3,1\n", ["--png", "p.png"]),
    ],
    ids=["no text", "another encoding", "numbers that no axis holds"],
)
def test_what_was_found(capsys, data, more):
    code, said = call(capsys, data, ("0.9", [], more, "b"))
    assert code == 2 and said.startswith("optbench: cannot ") and said.count("\n") == 1
