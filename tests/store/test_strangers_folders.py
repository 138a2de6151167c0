"""Folders of results from a stranger: to look at one, to train its best setting or to go on with it runs none of its
code, and writes to no other place."""

import shutil
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import optbench
from optbench.cli.app import app
from optbench.contract.errors import OptbenchError
from optbench.report import write_report, write_side_by_side
from optbench.run.merging import merge_folders
from optbench.store import manifest

SPEC = {"problems": ["logistic"], "optimizers": ["gd", "momentum(beta1=[0.5, 0.9])"], "learning_rates": [0.01, 0.1],
        "batch_sizes": [64], "schedules": ["constant"], "epochs": 1, "seeds": 3}  # fmt: skip
CODE = """
import pathlib, torch

pathlib.Path({marker!r}).touch()


class E(torch.optim.SGD):
    def __init__(self, params, lr=0.1, momentum=0.5, **more):
        super().__init__(params, lr, momentum)
"""
NAMES = {
    "a file": "torch:E(file={file!r})",
    "a file in a wrapper": "clip(torch:E(file={file!r}))",
    "a file in two": "clip(cautious(torch:E(file={file!r})))",
    "a file in letters that Python reads as others": "clip(torch:E(ﬁle={file!r}))",
    "a file of optax": "optax:E(file={file!r})",
    "a module": "torch:evil_module.E",
    "a module in a wrapper": "clip(torch:evil_module.E)",
    "a module in one of another library": "torch:SAM(torch:evil_module.E)",
    "a module beside a part of the library": "torch:lr_scheduler.evil_module.E",
    "a module of optax": "optax:evil_module.E",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound") / "done"
    optbench.sweep(SPEC, out=folder, workers=1)
    return folder


@pytest.fixture
def forge(sound, tmp_path, monkeypatch):
    """``forge(name)``: a folder in which momentum is called so, where the code of that name touches a file."""
    marker, theirs = tmp_path / "it ran", tmp_path / "theirs"
    shutil.copytree(sound, theirs)
    for file in ("evil.py", "evil_module.py"):
        (theirs / file).write_text(CODE.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(theirs))  # as python -m has the folder that one stands in
    monkeypatch.chdir(theirs)

    def make(name):
        evil = name.format(file=str(theirs / "evil.py"))
        for path in theirs.glob("*.parquet"):
            table = pq.read_table(path).to_pandas()
            if "optimizer" in table:
                table["optimizer"] = table["optimizer"].replace("momentum", evil)
                pq.write_table(pq.read_schema(path).empty_table().from_pandas(table, preserve_index=False), path)
        held = manifest.read_manifest(theirs)
        text = held.spec.replace('"momentum(beta1=[0.5, 0.9])"', f'"{evil}"')
        assert text != held.spec
        (theirs / "spec.toml").write_text(text)
        entries = tuple(each._replace(optimizer=each.optimizer.replace("momentum", evil)) for each in held.cohorts)
        forged = replace(held, spec=text, cohorts=entries)
        replace(forged, files={name: manifest.digest_of(theirs / name) for name in held.files}).write(theirs)
        return theirs, evil

    yield make
    sys.modules.pop("evil_module", None)
    assert not marker.exists(), "a stranger's code ran"


def run(*command):
    """Run a command and return its output, which is no traceback."""
    result = CliRunner().invoke(app, [str(each) for each in command])
    assert result.exception is None or isinstance(result.exception, SystemExit | OptbenchError), repr(result.exception)
    return f"{result.output}{result.exception or ''}"


def refused(use):
    """Return the one line by which a use is refused."""
    with pytest.raises(OptbenchError) as caught:
        use()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_to_look_at_a_folder_runs_nothing(name, forge):
    theirs, evil = forge(name)
    results = optbench.load(theirs)
    best = results.best(optimizer=evil)
    assert evil in repr(best) and best.optimizer == evil and repr(results)
    assert evil in {*results.verdicts()[["a", "b"]].to_numpy().ravel()}


@pytest.fixture
def libraries():
    """PyTorch and optax, without which their names are refused anyway."""
    pytest.importorskip("torch"), pytest.importorskip("optax")


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_to_use_one_is_refused_before_its_code_runs(name, forge, sound, tmp_path):
    theirs, evil = forge(name)
    best = optbench.load(theirs).best(optimizer=evil)
    for use in (best.fit, lambda: best.params):
        assert evil in (line := refused(use)) and "say so" in line
    for use in (
        lambda: merge_folders([theirs, sound], tmp_path / "out", (), "a test", str),
        lambda: optbench.sweep(out=theirs, extend=True, learning_rates=[0.3]),
        lambda: optbench.sweep(theirs / "spec.toml", out=theirs),
        lambda: optbench.sweep(theirs / "spec.toml", out=tmp_path / "out"),
    ):
        assert refused(use).startswith("nothing that a results folder names is run: ")


@pytest.mark.slow
@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("name", ["clip(torch:E(file={file!r}))", "clip(torch:evil_module.E)"])
def test_no_command_runs_a_strangers_code(name, forge, sound):
    theirs, evil = forge(name)
    assert "report: " in run("report", theirs, "--static")
    assert evil in run("compare", theirs, "gd", evil).replace("\n", "")
    assert "nothing that a results folder" in run("merge", theirs, sound, "--out", theirs.parent / "out")
    for more in ((), ("--dry-run",), ("--extend", "--dry-run")):
        assert "nothing that a results folder" in run("sweep", theirs / "spec.toml", "--out", theirs, *more)


@pytest.mark.parametrize("held", [True, False], ids=["of a sweep", "of anything"])
def test_plug_ins_beside_a_spec_in_the_results_folder_must_be_named(held, forge, tmp_path):
    """Under the folder of the results a spec is the folder's; elsewhere it is the user's, who names it."""
    theirs, _ = forge("torch:E(file={file!r})")
    if not held:
        (theirs / "manifest.json").unlink()
    harmless = "from optbench import optimizer\n\n\n@optimizer()\ndef mine(w, g, lr):\n    return w - lr * g\n"
    (theirs / "mine.py").write_text(harmless)
    text = 'plugins = ["mine.py"]\nproblems = ["rosenbrock"]\noptimizers = ["mine"]\nsteps = 5\n'
    dry = "--dry-run", "--isolate", "never"
    for spec in (theirs / "spec.toml", theirs / "more" / "spec.toml"):
        spec.parent.mkdir(exist_ok=True)
        spec.write_text(text.replace("mine.py", str(theirs / "mine.py")))
        for more in ((), dry):
            line = run("sweep", spec, "--out", theirs, *more)
            assert (
                "nothing that a results folder names is run: to use its plug-ins, name them, in plugins= or by --plugin"
                in line
            )
        assert "run-steps" in run("sweep", spec, "--out", theirs, *dry, "--plugin", theirs / "mine.py")
    own = tmp_path / "own"
    own.mkdir()
    (theirs / "spec.toml").write_text("data = 'digits'\nmodel = 'evil.py'\n")
    run("sweep", "--out", theirs, "--extend", *dry)
    for more in ((), dry, ("--model", theirs / "mine.py", "--data", "digits")):
        assert "name them, in plugins= or by --plugin" in run("sweep", theirs / "spec.toml", "--out", theirs, *more)
    shutil.copy(theirs / "mine.py", own)
    (own / "mine.toml").write_text(text)
    linked = theirs / "linked.toml"
    linked.symlink_to(own / "mine.toml")
    assert "name them" in run("sweep", linked, "--out", theirs, *dry)
    assert "run-steps" in run("sweep", own / "mine.toml", "--out", own / "results", *dry)


@pytest.mark.usefixtures("libraries")
def test_what_the_user_imported_or_names_runs(forge, tmp_path, monkeypatch):
    theirs, evil = forge("torch:own_module.E")
    (tmp_path / "own_module.py").write_text(CODE.replace("pathlib.Path({marker!r}).touch()", ""))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.toml").write_text((theirs / "spec.toml").read_text())
    best = optbench.load(theirs).best(optimizer=evil)
    assert "say so, import own_module before" in refused(best.fit)
    assert "--plugin own_module" in refused(lambda: merge_folders([theirs], tmp_path / "out", (), "a test", str))
    assert "own_module" not in sys.modules
    both = f"gd, {evil}"
    assert f"--optimizers '{both}'" in run("sweep", theirs / "spec.toml", "--out", theirs, "--dry-run")
    assert "cohorts" in run("sweep", theirs / "spec.toml", "--out", theirs, "--dry-run", "--optimizers", both)
    assert best.params["optimizer"] == evil  # it is imported now, because the user named it
    sys.modules.pop("own_module")
    assert "cohorts" in run("sweep", tmp_path / "mine.toml", "--out", theirs, "--dry-run")
    sys.modules.pop("own_module")


LINKS = ("report", "report/tables", "report/figures", "cohorts", "cohorts/damaged")


@pytest.mark.parametrize("name", LINKS)
def test_links_in_the_place_of_folders_are_refused(name, sound, tmp_path):
    """What reports, sweeps and merges write would land where the link leads."""
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    shutil.copytree(sound, theirs)
    mine.mkdir()
    link = theirs / name
    if link.exists():
        link.rename(theirs / "moved")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine)
    for use in (
        lambda: write_report(theirs, tables=["csv"], formats=["svg"]),
        lambda: write_side_by_side([sound, theirs]),
        lambda: optbench.sweep(SPEC, out=theirs),
        lambda: optbench.sweep(out=theirs, extend=True, learning_rates=[0.3]),
        lambda: merge_folders([sound], theirs, (), "a test", str),
    ):
        assert refused(use).startswith(f"{str(link)!r} is a link, and what is written there would land elsewhere: ")
    assert not list(mine.iterdir())


def test_links_in_the_folder_of_a_page_are_refused(sound, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "tables").symlink_to(tmp_path)
    assert "is a link" in refused(lambda: write_report(sound, out=tmp_path / "page", tables=["csv"]))


def test_a_link_to_the_results_folder_itself_is_the_users(sound, tmp_path):
    (tmp_path / "results").symlink_to(shutil.copytree(sound, tmp_path / "disk"))
    assert optbench.sweep(SPEC, out=tmp_path / "results").missing == ""
