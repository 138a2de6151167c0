"""The first screen's chart in numbers: planted ratios stand where a logarithmic axis has them, and many are cut."""

import math
from dataclasses import replace

import pytest
from matplotlib.colors import to_hex
from staged import planted_sweep

from optbench.report import report_files
from optbench.report.forest import build_forest, find_looks
from optbench.report.settle import list_steps


def forest_of(sweep):
    looks = find_looks(sweep)
    return build_forest(sweep, sweep.answer, looks), looks


def test_marks_stand_on_a_logarithmic_axis_and_say_what_they_show():
    sweep = planted_sweep({"p": {"a": 1.0, "same": 1.02, "b": 3.0, "luck": 1.5, "far": 5e5}}, luck=["luck"])
    forest, looks = forest_of(sweep)
    ticks = {text: x for x, text in forest.ticks}
    marks = {mark.name: mark for mark in forest.rows["p"].marks}
    decade = ticks["100×"] - ticks["10×"] if "100×" in ticks else ticks["10×"] - ticks["leader"]
    for name, ratio in {"a": 1.0, "same": 1.02, "b": 3.0}.items():
        assert marks[name].x == pytest.approx(ticks["leader"] + decade * math.log10(ratio), abs=0.3)
        assert not marks[name].hollow
    left, width = forest.band
    assert left + width / 2 == pytest.approx(ticks["leader"], abs=0.1)
    assert width == pytest.approx(2 * decade * math.log10(1.1), abs=0.1)
    assert marks["luck"].hollow and marks["luck"].low < marks["luck"].x < marks["luck"].high
    assert marks["far"].beyond and marks["far"].note == "→ 5e5×" and marks["far"].x <= 100
    text = forest.rows["p"].text
    assert text.startswith("Beside a: ") and "b 3× [" in text and "could be luck" in text and "far 5e5×" in text
    styles = sweep.line_styles["p"]
    assert {look.name: look.color for look in looks if look.name} == {
        name: to_hex(style["color"]) for name, style in styles.items()
    }
    assert len({look.shape for look in looks[:-1]}) == len(styles)


def test_nobody_leads_where_every_run_failed():
    forest, _ = forest_of(planted_sweep({"p": {"gd": math.inf, "adam": math.inf}}))
    assert not any(mark.leads for mark in forest.rows["p"].marks)
    assert all(math.isnan(mark.x) and mark.note == "diverges" for mark in forest.rows["p"].marks)
    assert {*forest.rows["p"].text.removeprefix("No leader: ").split("; ")} == {"gd diverges", "adam diverges"}


def test_who_fails_is_named_and_has_no_mark():
    forest, _ = forest_of(planted_sweep({"p": {"a": 1.0, "lost": math.inf}}))
    lost = forest.rows["p"].marks[1]
    assert lost.note == "diverges" and math.isnan(lost.x) and "lost diverges" in forest.rows["p"].text


def test_an_interval_that_goes_on_beyond_the_axis_has_an_arrow():
    sweep = planted_sweep({"p": {"a": 1.0, "wild": 3.0, "b": 3.0}}, luck=["wild"], far=30)
    forest, _ = forest_of(sweep)
    chart = report_files._environment().get_template("forest.html").module.chart
    marks = {mark.name: mark for mark in forest.rows["p"].marks}
    assert marks["wild"].low > 0 and marks["wild"].high == 100 and 0 < marks["b"].low < marks["b"].high < 100
    drawn = chart("loss", forest.rows["p"])
    assert (drawn.count("#arrow-low"), drawn.count("#arrow-high")) == (0, 1)
    endless = replace(forest.rows["p"], marks=[mark._replace(low=0.0) for mark in marks.values()])
    drawn = chart("loss", endless)
    assert (drawn.count("#arrow-low"), drawn.count("#arrow-high")) == (3, 1)


@pytest.mark.slow
def test_of_many_optimizers_the_leader_and_the_best_ten_are_drawn():
    factors = {f"rule{place:02}": 1.2**place for place in range(30)}
    forest, looks = forest_of(planted_sweep({"p": factors, "q": dict(reversed(list(factors.items())))}))
    row = forest.rows["p"]
    assert [mark.name for mark in row.marks] == list(factors)[:11] and row.left_out == 19
    assert "19 optimizers not shown" in row.text
    assert all(mark.look < len(looks) for row in forest.rows.values() for mark in row.marks)


def test_what_settles_it_names_pairs_commands_and_minutes():
    """Eight blocks took 360 s on two cores, so one more takes 22.5 s."""
    steps = list_steps(planted_sweep({"p": {"a": 1.0, "b": 1.5}}, luck=["b"], far=6.0).answer)
    (step,) = [step for step in steps if "--blocks" in step.command]
    more = int(step.command.rpartition(" ")[2]) - 8
    assert step.command == f"optbench sweep --extend --out . --blocks {8 + more}" and more > 0
    assert step.what == f"p: a or b: {more} more block{'s' * (more > 1)}"
    number, unit = step.time.split()
    assert float(number) * {"s": 1, "min": 60}[unit] == pytest.approx(22.5 * more, abs=31)
    assert list_steps(planted_sweep({"p": {"a": 1.0, "b": 3.0}}).answer) == []
    alike = planted_sweep(
        {name: {"a": 1.0, "b": 1.5} for name in ("mgh(number=3)", "mgh(number=4)")}, luck=["b"], far=6.0
    )
    assert "mgh(number=3): a or b; mgh(number=4): a or b" in list_steps(alike.answer)[-1].what
