"""Names and paths of the user's are printed as they are: nothing in them is read as markup."""

from pathlib import Path

import pytest
from command_cases import SMALL

pytestmark = pytest.mark.slow

PLUGIN = '''
from optbench import optimizer


@optimizer(source="[/red]")
def odd(w, g, lr):
    """w = w - lr g [/x]"""
    return w - lr * g
'''
ROWS = "a[/x],[b]\n1,2\n3,4\n5,6\n1,0\n5,5\n3,3\n"


@pytest.mark.parametrize("name", ["x[/x]", "[red]", "a [bold]b[/bold]"])
def test_folders(run, name):
    code, out, err = run(*SMALL, "--out", name)
    assert code == 0 and not err and f" in {name}" in out
    code, out, err = run("report", name)
    assert code == 0 and not err and out.startswith(f"report: {name}/report/index.html ")
    code, out, _ = run("compare", name, name)
    assert code == 0 and f"A: {name} (optbench" in out
    code, out, err = run("sweep", f"{name}.toml")
    assert code == 2 and f"'{name}.toml'" in err


def test_a_file_and_its_columns(run):
    Path("m[b][-b].csv").write_text(ROWS)
    code, out, err = run("ewa", "m[b][-b].csv", "--column", "a[/x]", "--out", "o[-x].csv", "--png", "p[-x].png")
    assert code == 0 and "a[/x]" in out and err == "wrote o[-x].csv wrote p[-x].png"
    data = "least_squares(data='m[b][-b].csv')"
    code, out, err = run(*SMALL, "--problems", data, "--dry-run")
    assert code == 0 and not err and out.startswith("m[b][-b].csv: 4 training")
    code, out, err = run(*[part for part in SMALL if part != "--no-report"], "--problems", data)
    assert code == 0 and not err and "m[b][-b].csv" in out, "the report's progress names the problem, too"


def test_a_plugin(run):
    Path("plug[-in].py").write_text(PLUGIN)
    code, out, err = run("check", "plug[-in].py")
    assert code == 0 and not err and out.startswith("optimizer odd ok returns the new w")
    code, out, err = run("show", "odd", "--plugin", "plug[-in].py")
    assert code == 0 and "w = w - lr g [/x]" in out and "source [/red]" in out
    Path("spoilt[x].py").write_text("raise RuntimeError('[/x]')\n")
    code, _, err = run("list", "--plugin", "spoilt[x].py")
    assert code == 2 and "RuntimeError: [/x]" in err
