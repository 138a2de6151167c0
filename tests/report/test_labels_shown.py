"""Labels: all that people read has them, and no name beside them; all that programs read has the names."""

import re
from html import unescape

import pandas as pd
import pytest
from matplotlib.text import Text

import optbench
from optbench.cli.sweep import print_summary
from optbench.figures import style
from optbench.figures.data import report_data
from optbench.report import write_report, write_side_by_side
from optbench.report.explorer import explorer_data
from optbench.report.pictures import KINDS, OVERALL
from optbench.report.report_tables import write_tables
from optbench.wording.labels import isolate

SPEC = {
    "problems": ["rosenbrock", "quadratic(dim=3)"], "optimizers": ["adam(beta1=0.8)", "gd", "lbfgs"],
    "learning_rates": [1e-3, 1e-2, 10.0], "batch_sizes": [16, 32, 64, "full"], "schedules": ["constant"],
    "steps": 30, "seeds": 4,
}  # fmt: skip
PROBLEMS = {"rosenbrock": "Valley", "quadratic(dim=3)": "Bowl"}
OPTIMIZERS = {"adam": "Ours", "gd": "Plain", "lbfgs": "Curved"}
RAW = re.compile(r"\b(rosenbrock|quadratic|adam|gd|lbfgs)\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a sweep in which all problems and optimizers have labels."""
    folder = tmp_path_factory.mktemp("labels") / "out"
    optbench.sweep(SPEC, labels=PROBLEMS | OPTIMIZERS, out=folder, workers=1, progress=False)
    return folder


def read(page):
    """Return what a person reads of a page: its text and the texts of its images; no code, and no environment."""
    text = re.sub(r'<section[^>]*"environment".*?</section>', "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"<(script|style|pre|code)\b.*?</\1>", "", text, flags=re.DOTALL)
    spoken = re.findall(r'(?:alt|aria-label|title)="([^"]*)"', text)
    return unescape("\n".join([re.sub(r"<[^>]*>", " ", text), *spoken]))


def test_the_answer_in_the_terminal_has_labels(folder, capsys):
    print_summary(optbench.load(folder).ask())
    lines = [line for line in capsys.readouterr().out.splitlines() if "optbench sweep" not in line]
    assert "Ours" in "".join(lines) and not [line for line in lines if RAW.search(line)]


def test_pages_have_labels_and_ids_have_names(folder, tmp_path):
    page = write_report(folder, out=tmp_path / "page.html")
    text = read(page)
    assert {*PROBLEMS.values(), *OPTIMIZERS.values()} <= {*re.findall(r"\w+", text)}
    assert not RAW.findall(text)
    html = page.read_text(encoding="utf-8")
    assert set(re.findall(r'data-problem="(.*?)"', html)) == {*PROBLEMS}
    both = read(write_side_by_side([folder, folder], out=tmp_path / "both.html"))
    assert "Ours" in both and not RAW.findall(both.split("optbench sweep")[0])
    data = explorer_data(report_data(optbench.load(folder)))
    for key, labels in (("problems", PROBLEMS), ("optimizers", OPTIMIZERS)):
        assert {each["name"]: each["label"] for each in data[key]} == labels
        assert {each["short"] for each in data[key]} == {*labels.values()}


def test_names_from_right_to_left_move_no_other_word():
    assert isolate("full on מסלול: 120×") == "full on \u2068מסלול\u2069: 120×"
    assert isolate("שם 2 ארוך or اسم, Ours") == "\u2068שם 2 ארוך\u2069 or \u2068اسم\u2069, Ours"
    assert isolate("Übung, имя, 名前 (12)") == "Übung, имя, 名前 (12)"


def test_figures_have_labels(folder):
    data = report_data(optbench.load(folder))
    drawn = set()
    with style.detached(), style.styled():
        for name, kind in KINDS.items():
            problem = OVERALL if kind.overall else "rosenbrock"
            if kind.applies(data, problem):
                texts = [each.get_text() for each in kind.draw(data, problem).findobj(Text)]
                assert not [text for text in texts if RAW.search(text)], name
                drawn.add(name)
    assert drawn >= {"forest", "curves", "rates", "heatmap", "paths", "divergence", "best_of_n", "batch_scaling"}


def test_comparisons_have_labels(folder, capsys):
    from optbench.cli.compare import compare

    compare([str(folder), "Ours", "gd"], by=None)
    assert "Ours" in (out := capsys.readouterr().out) and "Plain" in out
    assert not RAW.findall(out.partition("\n\n")[2])


def test_tables_have_names(folder, tmp_path):
    results = optbench.load(folder).labeled(colors={"Ours": "#d62728"})
    write_tables(report_data(results), tmp_path, ["csv"])
    exported = [pd.read_csv(path) for path in tmp_path.glob("*.csv")]
    pair = optbench.compare(results, pair=("Ours", "Plain"))
    tables = [results.runs, results.problems, results.verdicts(), results.ranking(), results.winners(), results.costs()]
    assert len(exported) == 5
    for table in (*tables, *exported, pair.table):
        for key, names in (("problem", PROBLEMS), ("optimizer", OPTIMIZERS), ("a", OPTIMIZERS), ("b", OPTIMIZERS)):
            assert key not in table or set(table[key]) <= {*names, "all"}
    assert (results.own, results.colors) == (["adam", "gd", "lbfgs"], {"adam": "#d62728"})
    assert [results.best("Valley", each).optimizer for each in ("Ours", "gd")] == ["adam", "gd"]
