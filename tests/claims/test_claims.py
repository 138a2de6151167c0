"""The lecture's framework: what a record refuses, how claims are run, kept, resumed and shown."""

import json
import math
import re
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from optbench import OptbenchError, lecture
from optbench.analysis import statistics
from optbench.claims import page, run
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict
from optbench.cli import app


def planted(id="Z1", verdict=HOLDS, effect=2.0, experiment=None, sentence="one & two are <three>"):
    """A claim with known tables and verdict; `calls` counts its experiments."""

    def measure(budget):
        claim.calls.append(budget)
        return experiment() if experiment else {"numbers": pd.DataFrame({"x": [1.0, effect]})}

    def judge(tables):
        found = tables["numbers"]["x"].iloc[1]
        return Verdict(verdict, found, found - 1, found + 1, "a measure", "on this" if verdict == DEPENDS else "")

    def figure(tables, verdict):
        drawn = Figure(figsize=(2, 1))
        drawn.subplots().plot(tables["numbers"]["x"])
        return drawn

    claim = Claim(id, sentence, "a criterion", measure, judge, figure, "a caption")
    object.__setattr__(claim, "calls", [])
    return claim


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "true"},
        {"verdict": DEPENDS},
        {"on": "the seed"},
        {"measure": ""},
        {"effect": 3.0},
        {"low": math.nan},
    ],
)
def test_a_verdict_that_says_nothing_or_contradicts_itself_is_refused(change):
    fields = {"verdict": HOLDS, "effect": 1.0, "low": 0.5, "high": 1.5, "measure": "a factor"}
    Verdict(**fields)
    with pytest.raises(ValueError):
        Verdict(**fields | change)


@pytest.mark.parametrize("id", ["A", "A0", "a1", "A1.", "A1.0", "../A1"])
def test_an_id_is_a_letter_and_a_number(id):
    with pytest.raises(ValueError, match="id"):
        planted(id)


def test_every_section_has_claims_with_a_sentence_and_a_criterion_each():
    claims = lecture.claims()
    assert {claim.section for claim in claims} == set(lecture.SECTIONS)
    assert [claim.id for claim in claims] == sorted((c.id for c in claims), key=lambda i: (i[0], *_numbers(i)))
    for claim in claims:
        assert claim.sentence.strip() and "old" in claim.criterion and claim.caption, claim.id


def _numbers(id):
    return [int(number) for number in id[1:].split(".")]


def test_a_letter_selects_a_section_and_a_number_all_parts_of_the_claim():
    assert {claim.id for claim in lecture.select(["a3", "D"])} == {"A3.1", "A3.2", "A3.3", "D1.1", "D1.2", "D2"}
    assert [claim.id for claim in lecture.select(["A3.2"])] == ["A3.2"]
    assert lecture.select() == lecture.claims()
    with pytest.raises(OptbenchError, match=r"unknown claim 'A33': did you mean 'A3"):
        lecture.select(["A33"])


def test_a_run_leaves_tables_figures_verdicts_and_a_page(tmp_path):
    claims = [planted("A1"), planted("A2", DEPENDS, math.inf), planted("B1", FAILS, experiment=lambda: 1 / 0)]
    found = run.run(claims, tmp_path, Budget(), "the command")
    assert [item.verdict and item.verdict.verdict for item in found] == [HOLDS, DEPENDS, None]
    assert found[2].error == "ZeroDivisionError: division by zero"
    for kind in ("parquet", "csv"):
        read = getattr(pd, f"read_{kind}")
        assert read(tmp_path / f"tables/A1-numbers.{kind}")["x"].tolist() == [1.0, 2.0]
        assert read(tmp_path / f"results.{kind}")["effect"].tolist()[:2] == [2.0, math.inf]
    assert all((tmp_path / f"figures/{id}.{kind}").stat().st_size for id in ("A1", "A2") for kind in ("png", "svg"))
    rows = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert [row["effect"] for row in rows] == [2.0, "inf", "nan"]
    assert json.loads((tmp_path / "provenance.json").read_text())["command"] == "the command"
    text = (tmp_path / "index.html").read_text()
    assert text.count("data:image/png;base64,") == 2 and "one &amp; two are &lt;three&gt;" in text
    assert not re.search(r'(src|href)="(?!data:|#|tables/)', text), "the page must be whole by itself"


def test_claims_of_one_experiment_write_its_tables_once(tmp_path):
    shared = {"numbers": pd.DataFrame({"x": [0.0, 1.0]})}
    found = run.run([planted(id, experiment=lambda: shared) for id in ("A1", "A2")], tmp_path, Budget())
    assert found[0].tables == found[1].tables == ("tables/A1-numbers",)


def test_a_second_start_goes_on_where_the_first_was_interrupted(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    first, second = planted("A1", DEPENDS, math.inf), planted("A2", experiment=interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.run([first, second], tmp_path, Budget())
    again = planted("A2")
    found = run.run([first, again], tmp_path, Budget())
    assert len(first.calls) == len(again.calls) == 1
    assert found[0].verdict == Verdict(DEPENDS, math.inf, math.inf, math.inf, "a measure", "on this")
    assert (tmp_path / "index.html").read_text().count("data:image/png") == 2


def test_what_another_budget_or_other_code_found_is_not_taken_over(tmp_path, monkeypatch):
    claim = planted("A1")
    run.run([claim], tmp_path, Budget(quick=True))
    run.run([claim], tmp_path, Budget())
    monkeypatch.setattr(run, "_code", lambda: "other")
    run.run([claim], tmp_path, Budget(workers=2))
    run.run([claim], tmp_path, Budget(workers=1))
    assert claim.calls == [Budget(quick=True), Budget(), Budget(workers=2)]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptbenchError, match="cannot write to"):
        run.run([planted()], tmp_path / "file", Budget())


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """command(*arguments) -> (exit code, output, errors); the lecture has two planted claims."""
    monkeypatch.chdir(tmp_path)
    claims = planted("A1"), planted("A2", FAILS)
    monkeypatch.setattr(lecture, "claims", lambda: claims)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["optbench", "lecture", *arguments])
        code = 0
        try:
            app.main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, " ".join(out.split()), " ".join(err.split())

    return call


def test_the_command_shows_the_verdicts_and_the_page(command, tmp_path):
    code, out, _ = command("--out", "here", "--quick")
    assert code == 0 and "✓ holds" in out and "✗ does not hold" in out and "2 [1, 3]" in out
    assert "2 claims: 1 holds, 1 does not hold; page: here/index.html" in out
    assert "A quick run" in (tmp_path / "here/index.html").read_text()


def test_the_command_takes_an_id_and_tells_of_one_that_is_not_there(command):
    code, out, _ = command("A2")
    assert code == 0 and "A2" in out and "A1" not in out
    assert command("A9") == (2, "", "optbench: unknown claim 'A9': did you mean 'A2'?")
    assert command("--workers", "0")[0] == command("--out", " ")[0] == 2


def test_an_interrupted_command_says_how_to_go_on(command, monkeypatch):
    def stop(*rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", stop)
    code, _, err = command()
    assert code == 130 and "run the same command again" in err


def test_an_effect_is_shown_with_its_interval_or_as_exact():
    assert page.effect(Verdict(HOLDS, 1.0, 1.0, 1.0, "m")) == "1 (exact)"
    assert page.effect(Verdict(HOLDS, 0.5, 0.25, math.inf, "m")) == "0.5 [0.25, inf]"


def test_expected_running_time_charges_the_failures_to_the_successes():
    assert statistics.ert([10, 20, 100], [True, True, False]) == 65
    assert statistics.ert([10], [False]) == math.inf
    low, high = statistics.ert_interval([10, 20, 100] * 4, [True, True, False] * 4)[1:]
    assert 10 < low < 65 < high


def test_ratios_are_paired_and_count_failures():
    assert statistics.ratio_interval([2.0, 20.0, 200.0], [1.0, 10.0, 100.0]) == (2, 2, 2)
    inf = math.inf
    assert statistics.ratio_interval([inf, 1.0, inf], [1.0, inf, inf]) == (1, 0, inf)


def test_a_power_law_gives_its_exponent():
    x = np.array([1.0, 4.0, 16.0, 64.0])
    effect, low, high = statistics.exponent_interval(x, [3 * x**-0.5, 2 * x**-0.5])
    np.testing.assert_allclose([effect, low, high], -0.5)
    spread = statistics.exponent_interval(x, [x**-0.4, x**-0.6, x**-0.5])
    assert statistics.exponent(x, [math.inf, 1, 1, 1]) == -math.inf
    assert statistics.exponent(x, [1, 1, math.inf, math.inf]) == math.inf
    assert math.isnan(statistics.exponent(x, [math.inf, 1, 1, math.inf]))
    assert -0.61 < spread[1] < spread[0] < spread[2] < -0.39


def test_the_bootstrap_of_a_mean_is_as_wide_as_the_normal_law_says():
    values = np.random.default_rng(0).standard_normal(400)
    effect, low, high = statistics.bootstrap_interval(values, np.mean)
    assert effect == values.mean()
    np.testing.assert_allclose([effect - low, high - effect], 1.96 * values.std() / 20, rtol=0.1)
    assert statistics.bootstrap_interval([math.inf, 1.0], np.max) == (math.inf, 1.0, math.inf)


def test_the_share_is_wilson_s():
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, and 0 of 20, method 3.
    np.testing.assert_allclose(statistics.share_interval(81, 263), (0.3080, 0.2553, 0.3662), atol=5e-5)
    np.testing.assert_allclose(statistics.share_interval(0, 20), (0, 0, 0.1611), atol=5e-5)


def test_a_crossing_lies_between_its_points():
    assert statistics.crossing([0, 10, 20], [1.0, 0.1, 0.001], 0.01) == pytest.approx(15)
    assert statistics.crossing([0, 10], [1.0, 0.0], 0.5) == 10
    assert statistics.crossing([0, 10], [1.0, 0.5], 0.1) == math.inf
