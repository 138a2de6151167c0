"""The progress messages of a sweep: a bar on a terminal, plain lines elsewhere."""

import re
from types import SimpleNamespace

import pytest
from command_cases import BLOCKS, SMALL
from rich.progress import Progress

from optbench.cli import console, progress, sweep
from optbench.run.loop import Status


@pytest.mark.slow
def test_progress_says_which_stage_runs(run, monkeypatch):
    said, update = [], Progress.update

    def listen(bar, task, **fields):
        said.append((fields["description"], fields["completed"], fields["total"]))
        update(bar, task, **fields)

    monkeypatch.setattr(Progress, "update", listen)
    monkeypatch.setattr(sweep, "make_progress", progress.Bar)  # as on a terminal
    assert run(*BLOCKS)[0] == 0 and run(*SMALL, "--out", "plain")[0] == 0
    # 3 settings and what the screen adds: 3 to 5 race, on 2 seeds in each of 2 blocks; one is reported on 1 in each.
    ends = [text for text, done, total in said if done == pytest.approx(total) and "kernels" not in text]
    assert "screen: 6 of 6 runs" in ends and "holdout: 2 of 2 runs" in ends
    for stage in ("widen", "race", "final", "report"):
        assert any(re.fullmatch(rf"{stage}: (\d+) of \1 runs", text) for text in ends), stage
    assert all(0 <= done <= total * (1 + 1e-9) for _, done, total in said)


class Clock:
    """In the place of time.monotonic."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def told(clock, capsys, seconds, stages=("grid",), runs=100, kernels=0):
    """Return the lines of a sweep whose stages take so many seconds each, with the second of each line."""
    lines, status = [], Status()
    with progress.Lines() as watch:

        def hear():
            watch(status)
            lines.extend((round(clock.now), line) for line in capsys.readouterr().err.splitlines())

        for stage in stages:
            status.stage, status.stage_begin, status.stage_total = stage, (status.cost, status.runs), (1e9, runs)
            for status.to_compile, status.compiled in [(kernels, done) for done in range(kernels)]:
                hear()
                clock.now += 4
            status.compiled = status.to_compile
            begin = clock.now
            while clock.now < begin + seconds:
                clock.now += seconds / 1000
                status.cost += 1e9 / 1000
                status.runs = status.stage_begin[1] + int((clock.now - begin) / seconds * runs + 1e-6)
                hear()
    lines.extend((round(clock.now), line) for line in capsys.readouterr().err.splitlines())
    return lines


def test_a_sweep_of_a_few_seconds_says_nothing(clock, capsys):
    assert told(clock, capsys, 4.9) == []


def test_a_longer_one_says_how_far_it_is_and_when_a_stage_ends(clock, capsys):
    assert told(clock, capsys, 20, ("screen", "race")) == [
        (5, "screen: 25 of 100 runs, 5 runs/s, 15 s left"),
        (20, "screen: 100 of 100 runs, after 20 s"),
        (40, "race: 100 of 100 runs, after 40 s"),
    ]


def test_the_time_left_is_that_to_the_answer(clock, capsys):
    """A screen that takes 10 s, and a race five times as long."""
    status = Status(later={"screen": 100.0, "race": 500.0})
    with progress.Lines() as watch:
        for stage, runs in (("screen", 100), ("race", 500)):
            status.begin([SimpleNamespace(stage=stage, block=0, cost=1.0, runs=1)] * runs)
            for _ in range(runs):
                clock.now += 0.1
                status.cost, status.runs = status.cost + 1, status.runs + 1
                watch(status)
    left = [float(found) for found in re.findall(r"(\d+) s left", capsys.readouterr().err)]
    assert left == pytest.approx([55, 20], abs=1), "after 5 and 40 s of 60"


def test_a_time_limit_is_the_most_that_is_left(clock, capsys):
    status = Status(until=130.0, stage_total=(100.0, 100))
    with progress.Lines() as watch:
        while clock.now < 10:
            clock.now += 1
            status.cost, status.runs = status.cost + 1, status.runs + 1
            watch(status)
    assert "at most 2 min left" in capsys.readouterr().err


def test_an_interrupted_sweep_has_no_end(clock, capsys):
    with pytest.raises(KeyboardInterrupt), progress.Lines() as watch:
        clock.now = 50.0
        watch(Status(cost=1.0, runs=1, stage_total=(5.0, 5)))
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "1 of 5 runs\n"


def test_from_python_nothing_is_shown_unless_somebody_looks(monkeypatch, capsys):
    for interactive, show in ((False, None), (False, False), (True, False)):
        monkeypatch.setattr(console.errors, "is_interactive", interactive)
        with progress.make_progress(show, "a note") as watch:
            watch(Status(cost=1.0, runs=1, stage_total=(5.0, 5)))
        assert capsys.readouterr() == ("", "")
    assert isinstance(progress.make_progress(None, "a note"), progress.Bar) and capsys.readouterr().err == "a note\n"


@pytest.mark.slow
def test_lines_have_no_colour_and_are_not_cut(run, monkeypatch):
    """A sweep that takes its time at once, in 40 columns."""
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(console.errors, "width", 40)
    _, _, err = run(*BLOCKS)
    assert re.search(
        r"screen: 6 of 6 runs, after .*race: \d+ of \d+ runs, after .*holdout: \d+ of \d+ runs, after", err
    )
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "less than a second"), (99, "99 s"), (150, "2 min"), (5400, "1.5 h"), (1e5, "27.8 h"), (1e6, "12 days")],
)
def test_durations(seconds, words):
    assert progress.format_duration(seconds) == words
