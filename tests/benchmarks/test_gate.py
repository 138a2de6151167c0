"""The gate on whole jobs: what it compares, and when it fails."""

import sys
from pathlib import Path

import pytest

from optbench.cli import app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import gate

    return gate


@pytest.mark.parametrize(
    ("base", "new", "status"),
    [((2.0, 100.0), (2.1, 100.0), 0), ((2.0, 100.0), (2.3, 100.0), 1), ((2.0, 100.0), (1.0, 120.0), 1)],
    ids=["within the limit", "slower", "more memory"],
)
def test_a_job_that_became_worse_fails(gate, base, new, status, monkeypatch, capsys):
    """The best turn of each version counts: the first of each takes ten times as long here."""
    turns = {"old": 0, "new": 0}

    def spent(python, job, kernels):
        side = Path(python).name
        turns[side] += 1
        cpu, mib = base if side == "old" else new
        return gate.Spent(cpu * (10 if turns[side] == 2 else 1), cpu, mib)  # the turn before compiles

    monkeypatch.setattr(gate, "spent", spent)
    assert gate.main(["--base", "old", "--new", "new", "--job", "mlp"]) == status
    assert turns == {"old": 4, "new": 4}
    assert ("worse: mlp" in capsys.readouterr().out) == bool(status)


@pytest.mark.slow
def test_the_commands_run(gate, tmp_path, monkeypatch):
    """Every job's flags are known to the sweep; one is run as it stands."""
    monkeypatch.chdir(tmp_path)
    for job in [*gate.JOBS.values(), gate.MILLION]:
        monkeypatch.setattr(sys, "argv", ["optbench", *job.arguments, "--dry-run"])
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert ended.value.code == 0
    dry = gate.Job((*gate.JOBS["one_run_warm"].arguments, "--dry-run"))
    assert gate.spent(sys.executable, dry, tmp_path).cpu > 0
    with pytest.raises(SystemExit, match="ended with 2"):
        gate.spent(sys.executable, gate.Job(("sweep", "--problems", "nothing")), tmp_path)
