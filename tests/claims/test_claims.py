"""Claims: what a record refuses, how claims are run, kept, resumed and shown."""

import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from optbench import OptbenchError, lecture
from optbench.claims import claim_pages, run_claims
from optbench.claims.claim import (
    DEPENDS,
    FAILS,
    HOLDS,
    UNDECIDED,
    Budget,
    Claim,
    Measured,
    Paper,
    estimate_text,
    percent_text,
)
from optbench.claims.criterion import Below
from optbench.cli import app
from optbench.cli import lecture as lecture_command
from optbench.wording.languages import Language

PAPER = Paper(title="A paper", about="It claims.", sections={"A": "First", "B": "Second"}, program="the program")
SIDES = {
    HOLDS: {"a": (0.5, 0.5, 0.5)},
    FAILS: {"a": (2.0, 2.0, 2.0)},
    DEPENDS: {"a": (0.5, 0.5, 0.5), "b": (2.0, 2.0, 2.0)},
    UNDECIDED: {"a": (1.0, 0.5, 2.0)},
}
"""Cells that a criterion of a number below 1 judges so."""


def planted(id="Z1", verdict=HOLDS, effect=2.0, experiment=None, sentence="one & two are <three>"):
    """Return a claim with known tables and verdict; `calls` counts its experiments."""

    def experimented(budget):
        claim.calls.append(budget)
        return experiment() if experiment else {"numbers": pd.DataFrame({"x": [1.0, effect]})}

    def measure(tables):
        number = tables["numbers"]["x"].iloc[1]
        return Measured(
            cells=SIDES[verdict],
            effect=(number, number - 1, number + 1),
            measure="a measure",
            answer=f"It is {number:g} units.",
        )

    def figure(tables, verdict):
        drawn = Figure(figsize=(2, 1))
        drawn.subplots().plot(tables["numbers"]["x"])
        drawn.axes[0].set_xlabel("x")
        return drawn

    claim = Claim(
        id=id, sentence=sentence, experiment=experimented, criterion=Below(what="a number", each="each", limit=1.0),
        measure=measure, figure=figure, caption="a caption", formulas=(r"\frac{1}{1 - β^t}",),
    )  # fmt: skip
    object.__setattr__(claim, "calls", [])
    return claim


def test_a_run_leaves_tables_figures_verdicts_and_a_page(tmp_path):
    claims = [planted("A1"), planted("A2", DEPENDS, math.inf), planted("B1", FAILS, experiment=lambda: 1 / 0)]
    found = run_claims.run(claims, tmp_path, Budget(), PAPER, "the command")
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
    links = set(re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', text))
    assert links == {"tables/A1-numbers.csv", "tables/A2-numbers.csv"} and all(
        (tmp_path / each).exists() for each in links
    )
    assert (
        "<math><mfrac><mn>1</mn><mrow><mn>1</mn><mo>−</mo><msup><mi>β</mi><mi>t</mi></msup></mrow></mfrac></math>"
        in text
    )
    assert 'alt="one &amp; two are &lt;three&gt;: It is 2 units."' in text
    assert re.search(r"<code>[^<]*test_claims\.py:\d+</code>", text)
    assert [row["answer"] for row in rows] == ["It is 2 units.", "It is inf units.", ""]


def test_the_page_links_no_table_that_is_not_there(tmp_path):
    claim = planted("A1")
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    for path in (tmp_path / "tables").iterdir():
        path.unlink()
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    assert len(claim.calls) == 1 and "tables/" not in (tmp_path / "index.html").read_text()


def test_claims_of_one_experiment_write_its_tables_once(tmp_path):
    shared = {"numbers": pd.DataFrame({"x": [0.0, 1.0]})}
    found = run_claims.run([planted(id, experiment=lambda: shared) for id in ("A1", "A2")], tmp_path, Budget(), PAPER)
    assert found[0].tables == found[1].tables == ("tables/A1-numbers",)


def test_a_second_start_goes_on_where_the_first_was_interrupted(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    first, second = planted("A1", DEPENDS, math.inf), planted("A2", experiment=interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_claims.run([first, second], tmp_path, Budget(), PAPER)
    again = planted("A2")
    found = run_claims.run([first, again], tmp_path, Budget(), PAPER)
    assert len(first.calls) == len(again.calls) == 1
    assert found[0].verdict == first.judge({"numbers": pd.DataFrame({"x": [1.0, math.inf]})})
    assert (tmp_path / "index.html").read_text().count("data:image/png") == 2


@pytest.mark.parametrize(
    ("key", "value"), [("verdict", []), ("seconds", "x"), ("tables", [1]), ("verdict", {"verdict": [], "unit": 1})]
)
def test_what_somebody_has_changed_is_tried_again(key, value, tmp_path):
    claim = planted("A1")
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    file = tmp_path / "claims" / "A1.json"
    kept = json.loads(file.read_text())
    kept[key] = {**kept[key], **value} if isinstance(value, dict) else value
    file.write_text(json.dumps(kept))
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    assert len(claim.calls) == 2 and (tmp_path / "index.html").exists()


def test_what_another_budget_or_other_code_found_is_not_taken_over(tmp_path, monkeypatch):
    claim = planted("A1")
    run_claims.run([claim], tmp_path, Budget(quick=True), PAPER)
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    monkeypatch.setattr(run_claims, "_code_hash", lambda: "other")
    run_claims.run([claim], tmp_path, Budget(workers=2), PAPER)
    run_claims.run([claim], tmp_path, Budget(workers=1), PAPER)
    assert claim.calls == [Budget(quick=True), Budget(), Budget(workers=2)]


def test_a_budget_of_seeds_takes_the_place_of_each_claims_own(tmp_path):
    assert [Budget(quick).count_seeds(6, 9) for quick in (True, False)] == [6, 9]
    assert Budget(seeds=20).count_seeds(6, 9) == Budget(quick=True, seeds=20).count_seeds(6, 9) == 20
    claim = planted("A1")
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    run_claims.run([claim], tmp_path, Budget(seeds=20), PAPER)
    assert claim.calls == [Budget(), Budget(seeds=20)], "what another number found is not taken over"
    assert "the program A1 --seeds 20" in (tmp_path / "index.html").read_text()


def test_a_finished_claim_is_drawn_again_in_another_format(tmp_path):
    claim = planted("A1")
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    run_claims.run([claim], tmp_path, Budget(), PAPER, formats=["pdf"])
    assert (tmp_path / "figures" / "A1.pdf").read_bytes().startswith(b"%PDF") and len(claim.calls) == 1


@pytest.mark.slow
def test_a_claim_tried_alone_leaves_the_others_on_the_page(tmp_path):
    claims = [planted(id) for id in ("A1", "A2", "A3")]
    run_claims.run(claims[:2], tmp_path, Budget(), PAPER)
    assert [each.claim.id for each in run_claims.run(claims[2:], tmp_path, Budget(), PAPER, known=claims)] == ["A3"]
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [row["id"] for row in rows] == ["A1", "A2", "A3"]
    run_claims.run(claims[:1], tmp_path, Budget(quick=True), PAPER, known=claims)
    assert len(json.loads((tmp_path / "results.json").read_text())) == 1, "what another budget found is no such result"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptbenchError, match="cannot write to"):
        run_claims.run([planted()], tmp_path / "file", Budget(), PAPER)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """command(*arguments) -> (exit code, output, errors); the lecture has two planted claims."""
    monkeypatch.chdir(tmp_path)
    claims = planted("A1"), planted("A2", DEPENDS)
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
    assert code == 0 and "✓ holds" in out and "◐ depends" in out and "It is 2 units." in out
    assert "It is 2 units. depends on the setting: holds at a; not at b 2 claims" in out
    assert "2 claims: 1 holds, 1 depends; page: here/index.html It opens with a playground" in out
    assert "A quick run" in (tmp_path / "here/index.html").read_text()


def test_the_command_takes_an_id_and_tells_of_one_that_is_not_there(command):
    code, out, _ = command("A2")
    assert code == 0 and "A2" in out and "A1" not in out
    assert command("A9") == (2, "", "optbench: unknown claim 'A9': did you mean 'A2'?")
    assert command("--workers", "0")[0] == command("--out", " ")[0] == 2
    assert command("--seeds", "3") == (2, "", "optbench: --seeds 3: name a number from 6 to 200")
    assert command("--format", "gif")[:2] == (2, "")
    assert command("--lang", "xx") == (2, "", "optbench: unknown language 'xx': valid names: en, ko")


def test_an_interrupted_command_says_how_to_go_on(command, monkeypatch):
    def stop(*rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_claims, "run", stop)
    code, _, err = command()
    assert code == 130 and "resume with: optbench lecture" in err


def test_the_list_names_each_claim_with_its_criterion(command, tmp_path):
    code, out, _ = command("--list")
    assert code == 0 and not list(tmp_path.iterdir())
    assert "A1 one & two are <three> For each: the 95% interval of a number. A setting agrees if it lies below 1" in out
    assert "A2 one" in out and "A1" not in command("A2", "--list")[1]


def test_the_list_fits_a_terminal_of_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lecture_command.show_claims(())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 100 and max(map(len, lines)) <= 79


@pytest.mark.parametrize(
    ("interval", "estimate", "percent"),
    [
        ((0.3, 0.181, 0.454), "0.3 [0.18, 0.45]", "30% [18, 45]"),
        ((0.0052,) * 3, "0.0052", "0.52%"),
        ((0.5, 0.25, math.inf), "0.5 [0.25, infinite]", "50% [25, infinite]"),
    ],
)
def test_a_number_is_told_with_its_interval(interval, estimate, percent):
    assert (estimate_text(interval), percent_text(interval)) == (estimate, percent)


def test_the_page_and_the_table_show_every_verdict_with_its_unit(tmp_path, command):
    claims = [planted(f"A{k}", verdict) for k, verdict in enumerate(SIDES, start=1)]
    outcomes = run_claims.run(claims, tmp_path, Budget(), PAPER)
    assert [item.verdict.verdict for item in outcomes] == list(SIDES)
    text = (tmp_path / "index.html").read_text()
    for kind, symbol in claim_pages.SYMBOLS.items():
        assert f'class="badge {kind.replace(" ", "-")}"><span aria-hidden="true">{symbol}</span> {kind}' in text
    assert text.count("It is 2 units.") == 12
    assert "1 holds, 1 does not hold, 1 depends, 1 undecided" in claim_pages.summary(outcomes)
    assert "the program A1" in text and "A paper" in text and "A setting agrees if it lies below 1" in text


def test_another_language_draws_figures_anew_and_measures_nothing_twice(tmp_path):
    claim = planted("A1")
    texts = {"x": "abscissa", "holds": "verum", "It is {1} units.": "{1} partes.", "A paper": "Liber"}
    latin = replace(PAPER, language=Language("la", "Latina", {"all": texts}))
    figure = tmp_path / "figures" / "A1.svg"
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    english = figure.read_bytes()
    run_claims.run([claim], tmp_path, Budget(), latin)
    page = (tmp_path / "index.html").read_text()
    assert '<html lang="la">' in page and "<h1>Liber</h1>" in page and "2 partes." in page and "</span> verum" in page
    assert figure.read_bytes() != english and json.loads((tmp_path / "results.json").read_text())[0]["verdict"] == HOLDS
    run_claims.run([claim], tmp_path, Budget(), PAPER)
    assert figure.read_bytes() == english and len(claim.calls) == 1
    unknown = replace(PAPER, language=Language("xx", "\U000f0000", {"all": texts}))  # no font has letters of one's own
    run_claims.run([claim], tmp_path, Budget(), unknown)
    assert figure.read_bytes() == english and '<html lang="xx">' in (tmp_path / "index.html").read_text()


def test_a_slide_has_the_verdict_the_claim_and_the_number_in_the_words_of_the_page(tmp_path, monkeypatch):
    texts = {
        "depends": "varium", "quick run": "breve", "one & two are <three>": "unum duo tria",
        "It is {1} units.": "{1} partes.", "depends on the setting: holds at {1}; not at {2}": "varium {1} + {2}",
    }  # fmt: skip
    latin = Language("la", "Latina", {"all": texts})
    claim, heads = planted("A1", DEPENDS), []
    monkeypatch.setattr(run_claims, "make_slide", lambda figure, *head: heads.append(head))
    for language, quick in ((latin, True), (latin, False), (PAPER.language, False)):
        run_claims.run([claim], tmp_path, Budget(quick), replace(PAPER, language=language, slides=True))
    assert heads == [
        ("A1 ◐ varium (breve)", "unum duo tria", "2 partes.", "varium a + b"),
        ("A1 ◐ varium", "unum duo tria", "2 partes.", "varium a + b"),
        ("A1 ◐ depends", claim.sentence, "It is 2 units.", "depends on the setting: holds at a; not at b"),
    ]


def test_claims_know_no_single_claim():
    """The framework names none, and imports nothing of the lecture."""
    for path in Path(run_claims.__file__).parent.glob("*"):
        if path.is_file():
            assert "optbench.lecture" not in path.read_text(encoding="utf-8")
