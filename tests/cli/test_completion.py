"""The completions that a shell gets when the user presses Tab, requested as the shells request them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optbench import datasets
from optbench.catalogue import sources
from optbench.catalogue.listing import KINDS, PARTS
from optbench.catalogue.sources import REGISTRIES, registered_names, shipped_files
from optbench.cli import app
from optbench.lecture import claims

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bash(capsys, monkeypatch, tmp_path):
    """bash(*words) -> what completes the last of them, which may be empty; words as bash cuts the line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["optbench"])

    def call(*words):
        monkeypatch.setenv("_OPTBENCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["optbench", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        return answer(capsys)

    return call


def answer(capsys):
    with pytest.raises(SystemExit):
        app.main()
    out, err = capsys.readouterr()
    assert not err
    return out.split("\n")[:-1] if out.strip() else []


def test_names_read_from_the_text_are_those_of_the_catalogue(catalogue):
    names = registered_names(shipped_files())
    assert names == {registry: list(getattr(catalogue, registry)) for registry in REGISTRIES}
    registries = {registry for parts in KINDS.values() for registry in parts}
    assert set(REGISTRIES) == registries - {"eager"} and set(REGISTRIES) <= {*KINDS, *PARTS}
    assert sorted(sources.data_set_names()) == sorted(datasets.NAMES)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["sw"], ["sweep"]),
        (["sweep", "--opt"], ["--optimizers"]),
        (["show", "heav"], ["heavy_ball"]),
        (["show", "digi"], ["digits"]),
        (["list", "data"], ["datasets"]),
        (["list", "sch"], ["schedules", "schedule_wrappers"]),
        (["sweep", "--optimizers", "gd,torc"], ["gd,torch:"]),
        (["show", "opta"], ["optax:"]),
        (["check", "nest"], ["nesterov"]),
        (["sweep", "--optimizers", '"gd, nest'], ["gd, nesterov"]),
        (["sweep", "--optimizers", '"adam(beta1=0.8), nest'], ["adam(beta1=0.8), nesterov"]),
        (["sweep", "--schedules", '"constant, cosine_'], ["constant, cosine_restarts"]),
        (["compare", "old", "new", "--optimizers", "gd,nest"], ["gd,nesterov"]),
        (["sweep", "--problems", "rosen"], ["rosenbrock"]),
        (["sweep", "--device", "c"], ["cpu", "cuda"]),
        (["sweep", "--dtype", "float64,fl"], ["float64,float64", "float64,float32"]),
        (["sweep", "--lr", "0"], []),
        (["sweep", ""], []),
        (["sweep", "th"], ["thorough"]),
        (["sweep", "at"], ["atlas"]),
        (["report", "--format", "png,s"], ["png,svg"]),
        (["compare", "--by", ""], ["tuned", "settings"]),
        (["sweep", "--nonsense", ""], []),
        (["show", "zzz"], []),
    ],
    ids=lambda value: " ".join(value or []),
)
def test_bash(bash, words, completed):
    assert bash(*words) == completed


def test_claims_are_completed(bash):
    ids = {claim.id for claim in claims()}
    assert set(bash("lecture", "")) == ids | {each.partition(".")[0] for each in ids}


def test_names_of_a_plugin_are_completed_and_the_file_is_not_run(bash):
    Path("mine.py").write_text(
        "raise SystemExit('this file was run')\n"
        "import optbench\n@optbench.optimizer(source='me', beta=0.5)\ndef my_rule(w, g, lr, beta):\n    ...\n"
        "mine = optbench.torch_optimizer(Mine, 'my_class')\n"
        "@optbench.problem(source='me')\ndef my_valley():\n    ...\n"
    )
    assert bash("sweep", "--plugin", "mine.py", "--optimizers", "gd,my_") == ["gd,my_rule", "gd,my_class"]
    assert bash("show", "--plugin", "mine.py", "my_") == ["my_rule", "my_class", "my_valley"]
    Path("mine.py").write_text("def (")
    assert bash("show", "--plugin", "mine.py", "my_") == bash("show", "--plugin", "none.py", "my_") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed_for_a_shell(run, monkeypatch, tmp_path, shell):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # so that the shell can be named
    code, out, err = run("--show-completion", shell)
    assert code == 0 and not err and "_OPTBENCH_COMPLETE" in out and f"complete_{shell}" in out
    code, out, err = run("--install-completion", shell)
    assert code == 0 and not err and f"{shell} completion installed" in out
    assert any("complete_" + shell in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_real_bash_completes_and_nothing_heavy_is_imported(tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    program = tmp_path / "optbench"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -X importtime -m optbench "$@" 2>>"{tmp_path}/imported"\n')
    program.chmod(0o755)
    script = (
        f'eval "$({program} --show-completion)"\nrm "{tmp_path}/imported"\n'
        "COMP_WORDS=(optbench sweep --optimizers '\"gd, nest'); COMP_CWORD=3\n"
        f'_optbench_completion {program}; printf "%s\\n" "${{COMPREPLY[@]}}"\n'
    )
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("gd, nesterov\n", "")
    imported = {line.rpartition("|")[2].strip() for line in (tmp_path / "imported").read_text().splitlines()}
    assert "optbench.cli.completion" in imported
    assert not {"numpy", "numba", "pandas", "pyarrow", "scipy"} & imported
