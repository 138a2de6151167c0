"""The wheel, which is built from the sdist: nothing is missing from it, and it runs a sweep far from the checkout."""

import configparser
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement

import optbench

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SWEEP = {"problems": "rosenbrock", "optimizers": "gd", "batch_sizes": 16, "learning_rates": 1e-3, "seeds": 1,
         "tuning_seeds": 0, "steps": 3}  # fmt: skip

# Run far from the checkout: what was loaded, and one run by the command.
SCRIPT = """
import sys
import optbench
from optbench.catalogue import loader
print("PACKAGE", optbench.__file__)
for file in loader.shipped_files():
    print("FILE", file)
sys.argv = ["optbench", "sweep", "--problems", "rosenbrock", "--optimizers", "gd", "--batch-sizes", "16",
            "--schedules", "constant", "--lr", "1e-3", "--seeds", "1", "--steps", "3", "--no-report",
            "--out", "results"]
from optbench.cli.app import main
main()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, by way of an sdist, so that nothing is left in the checkout; without network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("optbench", "problems"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (folder / "dist").glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel):
    """The folder that the wheel was installed into, by pip, without anything that it depends on."""
    target = wheel.parent / "site"
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile",
        "--disable-pip-version-check", "--root-user-action=ignore", "--target", str(target), str(wheel),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=wheel.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_an_editable_install_is_a_path_that_type_checkers_follow(wheel):
    """Not an import hook, as setuptools makes for a package that lies elsewhere: mypy and pyright run no code."""
    source, target = wheel.parents[1] / "source", wheel.parents[1] / "editable"
    call = f"from setuptools.build_meta import build_editable; build_editable({str(target)!r})"
    target.mkdir()
    done = subprocess.run([sys.executable, "-c", call], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(target.glob("*.whl"))) as file:
        (hook,) = (name for name in file.namelist() if ".dist-info/" not in name)
        assert hook.endswith(".pth") and file.read(hook).decode().strip() == str(source.resolve())


def test_every_file_is_in_the_wheel_and_no_other(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "optbench").rglob("*.py")}
    wanted |= {f"optbench/problems/{path.name}" for path in (ROOT / "problems").glob("*.py")}
    wanted |= {"optbench/__init__.pyi", "optbench/py.typed"}
    for ending in ("html", "css", "js", "j2", "toml", "csv", "bz2", "json", "parquet"):
        wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "optbench").rglob(f"*.{ending}")}
    assert names == wanted
    assert {"optbench/plan/default.toml", "optbench/problems/mlp.py", "optbench/__main__.py"} <= names
    assert any(name.endswith("templates/report.html") for name in names)


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as files:
        (info,) = {name.split("/")[0] for name in files.namelist() if ".dist-info/" in name}
        about = Parser().parsestr(files.read(f"{info}/METADATA").decode())
        points = configparser.ConfigParser()
        points.read_string(files.read(f"{info}/entry_points.txt").decode())
        license_text = files.read(f"{info}/licenses/LICENSE")
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("optbench", optbench.__version__, ">=3.11")
    assert about["License-Expression"] == "MIT" and license_text == (ROOT / "LICENSE").read_bytes()
    needed = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    assert {*map(Requirement, needed)} == {*map(Requirement, PROJECT["dependencies"])}
    assert set(about.get_all("Provides-Extra")) == {
        "test", "peers", "dask", "datasets", "torch", "optax", "keras", "export", "cuda12", "cuda13", "docs",
    }  # fmt: skip
    assert dict(points["console_scripts"]) == {"optbench": "optbench.__main__:main"}
    assert about.get_payload().startswith("# optbench")


def environment(installed, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE"))}
    return kept | {"PYTHONPATH": str(installed), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}


@pytest.mark.slow
def test_a_sweep_from_the_wheel(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=tmp_path, env=environment(installed, tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = [
        Path(line.split(" ", 1)[1]) for line in done.stdout.splitlines() if line.startswith(("PACKAGE ", "FILE "))
    ]
    folders = ("problems", "optbench/catalogue/optimizers", "optbench/catalogue/schedules")
    assert len(loaded) == 1 + sum(len(list((ROOT / folder).glob("*.py"))) for folder in folders)
    assert all(path.is_relative_to(installed) for path in loaded)
    assert " 1 run of 1 optimizer on 1 problem" in " ".join(["", *done.stdout.split()])
    found, expected = optbench.load(tmp_path / "results").runs, optbench.sweep(SWEEP).runs
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


@pytest.mark.skipif(os.name == "nt", reason="a script is another kind of file there")
def test_the_console_script_and_the_module(installed, tmp_path):
    for command in ([str(installed / "bin" / "optbench")], ["-m", "optbench"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", *command, "--version"],
            cwd=tmp_path, env=environment(installed, tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, f"optbench {optbench.__version__}\n", "")
