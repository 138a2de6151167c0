"""A sweep with a time limit: what counts had all settings, and going on ends with the bytes of a sweep without one."""

import pytest
from records import finished

import optbench
from optbench.contract.errors import OptbenchError
from optbench.engine import settings
from optbench.run.loop import ExecutionOptions

PLAIN = {"problems": ["rosenbrock", "quadratic(dim=3)"], "optimizers": ["gd", "adam"], "batch_sizes": ["full"],
         "learning_rates": [0.001, 0.01], "steps": 200, "seeds": 6, "tuning_seeds": 2}  # fmt: skip
BLOCKS = {key: value for key, value in PLAIN.items() if key not in ("seeds", "tuning_seeds")}
BLOCKS |= {"blocks": 4, "final": 4, "report": 4, "screen": 1, "race": 1, "holdout": 2, "finalists": 1}
FILES = ("runs", "curves", "problems", "landscapes")


@pytest.fixture
def over(monkeypatch):
    """over(folder, count, times): the time is over, so many times, once so many cohorts are there."""

    def call(folder, count, times=1):
        left = [times]

        def late(options):
            if options.until is None or not left[0] or len(finished(folder)) < count:
                return False
            left[0] -= 1
            return True

        monkeypatch.setattr(ExecutionOptions, "is_late", late)

    return call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "unit", "count"), [(PLAIN, "seed", 14), (BLOCKS, "block", 19)], ids=["plain", "blocks"]
)
def test_what_counts_is_fair_and_the_rest_goes_on(spec, unit, count, tmp_path, over):
    over(tmp_path / "cut", count)
    with pytest.warns(UserWarning, match=r"stopped by time_limit=3600 s after .* runs planned so far; .*resumes"):
        cut = optbench.sweep(spec, out=tmp_path / "cut", workers=1, time_limit="1h")
    assert cut.missing, "it says what is left out"
    runs = cut.runs
    stage = "grid" if unit == "seed" else "screen"
    settings_of = runs[runs["stage"] == stage].groupby(["problem", unit]).apply(
        lambda part: frozenset(zip(part["optimizer"], part["lr"], strict=True)), include_groups=False
    )  # fmt: skip
    assert (settings_of.map(len) == 4).all() and 1 <= len(settings_of) < len(set(settings_of)) * 12
    assert not runs["run_id"].duplicated().any() and len(runs) < 2 * 4 * 6 + (unit == "block") * 100
    if unit == "block":
        reported = runs[runs["stage"] == "holdout"].groupby(["problem", "block"]).size()
        assert set(reported.index) == set(settings_of.index)
    assert len(cut.verdicts()) >= 1
    resumed = optbench.sweep(spec, out=tmp_path / "cut", workers=2)
    whole = optbench.sweep(spec, out=tmp_path / "whole", workers=2)
    assert not whole.missing and (cut.look, resumed.look, whole.look) == (1, 2, 1), "the first answer was a look"
    for name in FILES:
        assert (tmp_path / "cut" / f"{name}.parquet").read_bytes() == (
            tmp_path / "whole" / f"{name}.parquet"
        ).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, {"learning_rates": "log_uniform(1e-3, 1)", "trials": 5, "batch_sizes": [4, 16, 64]}]
)
def test_a_time_limit_that_suffices_ends_in_the_same_bytes(changes, tmp_path):
    """It screens and races block by block: what races in one does not depend on another."""
    found = optbench.sweep({**BLOCKS, **changes}, out=tmp_path / "limit", workers=1, time_limit=3600)
    plain = optbench.sweep({**BLOCKS, **changes}, out=tmp_path / "plain", workers=1)
    assert {*plain.runs["stage"]} >= {"widen", "final", "report"} and not found.missing
    for name in (*FILES, "paths", "snippets"):
        first, second = ((tmp_path / each / f"{name}.parquet").read_bytes() for each in ("limit", "plain"))
        assert first == second, name
    assert (tmp_path / "limit" / "chosen.toml").read_text() == (tmp_path / "plain" / "chosen.toml").read_text()


def test_a_time_limit_in_which_nothing_completes_is_one_line(tmp_path, over):
    over(tmp_path / "out", 0, times=9)
    with pytest.raises(
        OptbenchError, match="time limit of 60 s ended before all settings of a problem had run on a first"
    ):
        optbench.sweep(PLAIN, out=tmp_path / "out", time_limit="1m")


def test_a_block_that_lacks_its_holdout_is_no_answer_and_the_line_says_so(tmp_path, over):
    over(tmp_path / "out", 19, times=9)
    with pytest.raises(OptbenchError, match="3600 s was too short, pauses included, for a first block of seeds with"):
        optbench.sweep(BLOCKS, out=tmp_path / "out", workers=1, time_limit="1h")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("2m", 120), ("1h", 3600), ("1h30m", 5400), ("90", 90),
                                               ("1.5h", 5400), (" 2 M ", 120), (0.5, 0.5), ("1e2", 100)])  # fmt: skip
def test_times_have_units(text, seconds):
    assert settings.checked("time_limit", text) == seconds
