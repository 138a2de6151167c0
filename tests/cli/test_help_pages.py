"""Help at 80 columns: headings, one worked example a command, and that the examples run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from optbench.cli import app
from optbench.cli.examples import EXAMPLES

COMMANDS = (
    "sweep", "merge", "status", "report", "compare", "rank", "advise", "guide", "export",
    "list", "show", "check", "lecture", "ewa", "info",
)  # fmt: skip
QUICK = ("list", "show", "ewa", "info")


@pytest.fixture
def page(capsys, monkeypatch):
    """page(*arguments) -> what is printed at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["optbench", *arguments])
        with pytest.raises(SystemExit) as end:
            app.main()
        out, err = capsys.readouterr()
        assert not end.value.code and not err
        return out

    return call


def headings(text):
    return re.findall(r"^(\S.*):$", text, re.MULTILINE)


def test_the_commands_stand_in_groups_and_alone_the_program_shows_its_help(page):
    text = page("--help")
    assert headings(text) == ["Run", "Ask the results", "The catalogue", "The lecture and this machine", "Options",
                              "Exit codes", "Example"]  # fmt: skip
    assert page() == text == page("help") == page("help", "help")
    assert [line.split()[0] for line in text.splitlines() if re.match(r"  [a-z]+  ", line)] == list(COMMANDS)
    assert "--install-completion" in text


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_a_page_fits_80_columns_and_ends_with_an_example_that_can_be_copied(page, command):
    text = page(*[command] * bool(command), "--help")
    assert max(map(len, text.splitlines())) <= 80
    assert headings(text)[-1] == "Example"
    assert text.endswith("".join(f"  {line}".rstrip() + "\n" for line in EXAMPLES[command][1]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["swep"], "No such command 'swep'. Did you mean 'sweep'?"),
        (["help", "swep"], "No such command 'swep'. Did you mean 'sweep'?"),
        (["sweep", "--optimizer", "gd"], "--optimizers"),
        (["report", "--formt", "png"], "--format"),
        (["--versoin"], "--version"),
    ],
    ids=" ".join,
)
def test_a_typing_error_gets_the_nearest_word(run, arguments, words):
    code, out, err = run(*arguments)
    assert code == 2 and not out and words in err


def run_example(run, name):
    """Run an example: its files are written by bash, its commands run in this process. Returns their output."""
    text = "\n".join(EXAMPLES[name][1]).replace("\\\n", " ")
    files = re.sub(r"^optbench .*$", "", text, flags=re.MULTILINE)
    subprocess.run(["bash", "-euc", files], check=True, env={"PATH": os.environ["PATH"]})
    printed = []
    for line in re.findall(r"^optbench (.*)$", text, re.MULTILINE):
        code, out, err = run(*shlex.split(line))
        assert code == 0, err
        printed.append(out)
    return " ".join(printed)


@pytest.mark.parametrize("name", QUICK)
def test_an_example_runs(run, name):
    words = {"list": "Wrappers: around any schedule", "show": "heavy_ball(beta1=0.95)", "ewa": "beta=0.9"}
    assert words.get(name, '"cuda"') in run_example(run, name)


@pytest.mark.slow
def test_the_other_examples_run_one_after_the_other(run):
    """All of them in one folder: some look at what another one has left."""
    printed = {name: run_example(run, name) for name in EXAMPLES if name and name not in QUICK}
    assert printed.keys() == set(COMMANDS) - set(QUICK)
    assert "quadratic " in printed["sweep"] and "saddle " in printed["merge"] and "beale " in printed["merge"]
    assert "missing" not in printed["merge"] and Path("both/runs.parquet").exists()
    assert "B: adam of first" in printed["compare"] and "no regression above 100% is shown" in printed["compare"]
    assert list(Path("first/report").glob("**/*.tex")) and "1 claim: 1 holds" in printed["lecture"]
    assert "optimizer softsign ok" in printed["check"] and "FAIL" not in printed["check"]
    assert "equal to 1" in printed["check"]
