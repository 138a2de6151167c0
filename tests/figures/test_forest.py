"""The forest: marks stand at planted ratios, filled where they are told apart, in the colors of other figures."""

import math

import numpy as np
import pandas as pd
import pytest
from staged import add_times, staged_table

from optbench import figures
from optbench.results.results import Results

FACTORS = {"p": {"best": 1.0, "same": 1.02, "more": 3.0, "luck": 1.5, "lost": math.inf},
           "q": {"best": 5.0, "same": 1.0, "more": 1e6, "luck": 2.0, "lost": 4.0}}  # fmt: skip


def results_of(factors=FACTORS):
    """Results whose losses differ by these factors, those of "luck" by much more from seed to seed."""

    def value(problem, optimizer, rate, stage, block, seed):
        spread = 6.0 if optimizer == "luck" else 0.004
        phase = list(factors[problem]).index(optimizer)
        return math.log(factors[problem][optimizer]) + spread * math.sin(17 * seed + phase)

    table = staged_table(value, list(factors["p"]), blocks=8, problems=tuple(factors), holdout=3)
    return Results(table, pd.DataFrame(), pd.DataFrame(), provenance={"choose_by": ["loss"]})


def marks(ax, problem):
    """Return the marks of a problem by optimizer, from the top down."""
    found = [line for line in ax.lines if str(line.get_gid()).startswith(f"{problem} ")]
    found = sorted(found, key=lambda line: line.get_ydata()[0])
    return {line.get_gid().split()[1]: line for line in found}


def test_marks_stand_at_the_ratios_and_are_hollow_where_it_could_be_luck():
    results = results_of()
    ax = results.plot.forest()
    verdicts = results.verdicts()
    assert [text.get_text() for text in ax.get_yticklabels()] == list(FACTORS) and ax.get_xscale() == "log"
    found = marks(ax, "p")
    assert next(iter(found)) == "best" and set(found) == {"best", "same", "more", "luck"}
    for name in ("best", "same", "more"):
        assert found[name].get_xdata()[0] == pytest.approx(FACTORS["p"][name], rel=0.01)
    hollow = {name for name, line in found.items() if line.get_markerfacecolor() == "white"}
    open_ = verdicts[(verdicts["problem"] == "p") & (verdicts["a"] == "best") & (verdicts["verdict"] == "open")]
    assert hollow == set(open_["b"]) == {"luck"}
    assert [text.get_text() for text in ax.texts if "diverges" in text.get_text()] == ["lost diverges"]
    row = verdicts[(verdicts["problem"] == "p") & (verdicts["a"] == "best") & (verdicts["b"] == "luck")].iloc[0]
    ends = [line.get_segments()[0][:, 0] for line in ax.collections if hasattr(line, "get_segments")]
    assert any(np.allclose(each, [row["low"], row["high"]]) for each in ends)


def test_nobody_leads_where_every_run_failed():
    ax = results_of({"p": {"gd": math.inf, "adam": math.inf}, "q": {"gd": 1.0, "adam": 2.0}}).plot.forest()
    assert not marks(ax, "p") and list(marks(ax, "q")) == ["gd", "adam"]
    rings = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
    assert len(rings) == 1, "that of q's leader"
    assert {text.get_text() for text in ax.texts} == {"gd diverges", "adam diverges"}
    ax = results_of({"p": {"gd": math.inf, "adam": math.inf}}).plot.forest()
    assert not marks(ax, "p") and np.isfinite(ax.get_xlim()).all()


@pytest.mark.slow
def test_what_is_beyond_the_axis_and_who_never_arrives_is_written():
    ax = results_of().plot.forest("q", optimizers=["best", "more"])
    assert [text.get_text() for text in ax.texts if "→" in text.get_text()] == ["→ 1e6×"]
    assert marks(ax, "q")["more"].get_xdata()[0] == 1e4 < ax.get_xlim()[1]
    assert list(marks(ax, "q")) == ["same", "best", "more"], "the leader is always there"

    plain = staged_table(lambda *_: 0.0, ["fast", "slow"], blocks=8, holdout=3)
    timed = add_times(plain, lambda row: 50.0 if row.optimizer == "fast" else 1e4)
    ax = Results(timed, pd.DataFrame(), pd.DataFrame()).plot.forest()
    assert "never reaches the target" in [text.get_text() for text in ax.texts]
    assert ax.get_xlabel().startswith("times the leader's samples")
    with figures.styled("paper"):
        ax = Results(timed, pd.DataFrame(), pd.DataFrame()).plot.forest()
        (note,) = [text for text in ax.texts if text.get_text() == "never reaches the target"]
        box, mark = note.get_window_extent(), ax.transData.transform([marks(ax, "p")["slow"].get_xdata()[0], 0])[0]
        assert box.x0 >= 0 and box.x1 <= min(ax.figure.bbox.x1, mark), "whole, and not on its mark"


@pytest.mark.parametrize("style", ["screen", "paper"])
def test_notes_run_over_neither_intervals_nor_the_legend(style):
    factors = {"p": {"best": 1.0, "near": 1.01, "far": 1e6}, "q": {"best": 1.0, "near": 3.0, "far": 3e4}}
    with figures.styled(style):
        ax = results_of(factors).plot.forest()
        notes = {text.get_text(): text for text in ax.texts}
        assert set(notes) == {"tie", "→ 1e6×", "→ 30,000×"}
        for text in notes.values():
            box, row = text.get_window_extent(), text.xy[1]
            assert ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1
            drawn = [ax.transData.transform(line.get_xydata()) for line in ax.lines if set(line.get_ydata()) == {row}]
            drawn += [ax.transData.transform(part) for each in ax.collections if hasattr(each, "get_segments")
                      for part in each.get_segments() if part[0, 1] == row]  # fmt: skip
            assert len(drawn) >= 2 and all(part[:, 0].max() < box.x0 or part[:, 0].min() > box.x1 for part in drawn)


@pytest.mark.slow
def test_another_measure_and_other_axes():
    results = results_of()
    ax = results.plot.forest("p").figure.subplots()
    assert figures.forest(results, "p", ax=ax, judge_by="loss") is ax


def test_of_more_than_ten_the_best_ten_are_shown():
    names = {f"rule{place}": 1.0 + place for place in range(13)}
    ax = results_of({"p": names}).plot.forest()
    assert len(marks(ax, "p")) == 10 and "10 of 13 optimizers" in ax.figure.texts[0].get_text()
