"""Tables with little to tell: each figure of results is drawn, or says in a line why not."""

import pytest
from synthetic import make_tables

from optbench import figures
from optbench.contract.errors import OptbenchError
from optbench.figures import style
from optbench.results.results import Results

NEW = ("batch_scaling", "best_of_n", "forest", "mean_ranks", "divergence", "noise", "runtimes", "time_per_step")
ODD = ('<b>$x$ & "q"', "가나다", "long_" * 40)


def results_of(**given):
    tables = make_tables(**{
        "problems": ("rosenbrock",), "optimizers": ("gd", "adam"), "schedules": ("constant",), "rates": (0.01, 0.1),
        "points": 6, "seeds": range(4), "epochs": 4, **given,
    })  # fmt: skip
    return Results(*(tables[name] for name in ("runs", "curves", "timings", "problems")))


@pytest.fixture(scope="module")
def odd():
    cut, whole = results_of(), results_of()
    cut.runs["status"] = "deadline"
    return {
        "all diverged": results_of(diverge_above=0),
        "all cut": cut,
        "one run": Results(whole.runs.iloc[:1], whole.curves, whole.timings, whole.problems),
        "no facts": Results(whole.runs, whole.curves, whole.timings),
        "odd names": results_of(optimizers=ODD),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_each_is_drawn_or_says_why_not(odd, name):
    drawn = set()
    for case, results in odd.items():
        one = results.runs["optimizer"].iloc[0] if name == "divergence" else None
        try:
            with style.styled("paper"), style.detached():
                getattr(figures, name)(results, optimizers=one).figure.canvas.draw()
            drawn.add(case)
        except OptbenchError as error:
            assert len(str(error)) < 400
    assert name == "noise" or "odd names" in drawn


def test_curves_that_end_at_the_start_say_why():
    lost = results_of(diverge_above=0)
    ax = figures.curves(Results(lost.runs, lost.curves[lost.curves["step"] == 0], lost.timings, lost.problems))
    assert [text.get_text() for text in ax.texts] == ["no line to draw: half of the runs or more diverged at once"]
    assert not len(ax.get_xticks()) and not any(artist.get_visible() for artist in (*ax.lines, *ax.collections))
