"""Tables as files: what pandas reads back, and LaTeX whose braces, ampersands and marks are counted by hand."""

import io
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from synthetic import make_tables, write_folder

from optbench import OptbenchError, load
from optbench.figures import style
from optbench.figures.data import report_data
from optbench.report import pictures, report_files, report_tables, write_report
from optbench.report.report_files import Options
from optbench.results.results import Results

ODD = '=a_"b" & <c>, 50% of $x^2$ ~ {d}#\\ 최적화'
SMALL = {"problems": ["saddle", ODD], "optimizers": ["gd", "adam", "momentum"], "batch_sizes": (16,), "points": 6,
         "rates": (0.01, 0.1), "schedules": ("constant",)}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("exported"), make_tables(**SMALL))
    page = write_report(folder, tables=["csv", "tex"])
    return load(folder), page.parent / "tables"


def test_csv_is_what_the_results_say(exported):
    results, folder = exported
    names = [f"{name}.{kind}" for name in ("winners", "settings", "verdicts", "ranking", "costs")
             for kind in ("csv", "tex")]  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "results.tex", report_tables.LIST])
    for name in ("winners", "verdicts", "ranking"):
        wanted, read = getattr(results, name)(), pd.read_csv(folder / f"{name}.csv")
        assert set(wanted.columns) <= set(read.columns) and set(read["problem"]) == {"saddle", f"'{ODD}", "all"}
        for column in wanted:
            if pd.api.types.is_float_dtype(wanted[column]):  # to the last digit
                assert read[column].tolist() == pytest.approx(wanted[column].tolist(), rel=0, abs=0, nan_ok=True)


def test_tables_of_an_earlier_look_are_removed_and_nothing_else(exported, tmp_path):
    results, folder = exported
    kept = shutil.copytree(folder, tmp_path / "tables")
    (kept / "mine.csv").touch()
    (kept / "costs.csv").write_text("edited", encoding="utf-8")
    listed = (kept / report_tables.LIST).read_text(encoding="utf-8")
    (kept / report_tables.LIST).write_text(f"{listed}{'0' * 64}  mine.csv\n{'0' * 64}  ../mine.csv\n", encoding="utf-8")
    assert report_tables.remove_earlier_tables(results.ask(), kept) == 0, "they are of this look"
    other = results.labeled({"adam": "Ours"}).ask()
    assert report_tables.remove_earlier_tables(other, kept) == len(listed.splitlines()) - 2
    assert {path.name for path in kept.iterdir()} == {"mine.csv", "costs.csv"}
    assert report_tables.remove_earlier_tables(other, kept) == 0


def test_no_text_becomes_a_formula_and_numbers_stay_numbers():
    texts = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "-0.5", "+inf", "plain", "a=b", ""]
    table = pd.DataFrame({"=name": texts, "value": [-1.5, 2.0] * 5, "kind": pd.Categorical(["=x", "y"] * 5)})
    read = pd.read_csv(io.StringIO(report_tables.csv_text(table)), keep_default_na=False, dtype={"'=name": str})
    assert list(read) == ["'=name", "value", "kind"]
    assert read["'=name"].tolist() == [f"'{text}" for text in texts[:5]] + texts[5:]
    assert read["value"].tolist() == table["value"].tolist() and read["kind"].tolist() == ["'=x", "y"] * 5


@pytest.mark.parametrize("table", ["winners", "settings", "verdicts", "ranking", "costs"])
def test_latex_is_balanced_and_escaped(exported, table):
    _, folder = exported
    text = (folder / f"{table}.tex").read_text(encoding="utf-8")
    columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1]
    body = text[text.index("\\toprule") :]
    plain = re.sub(r"\\[\\{}&%$#_]", "", body)  # without what is escaped
    assert plain.count("{") == plain.count("}") and plain.count("$") % 2 == 0
    assert not set('#~"<>') & set(plain.replace('"b"', "")) and "%" not in plain
    rows = [line for line in body.splitlines() if line.endswith("\\\\")]
    assert len(rows) == 1 + len(pd.read_csv(folder / f"{table}.csv"))
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}
    assert [part for part in ("toprule", "midrule", "bottomrule") if body.count(part) != 1] == []
    assert report_tables.latex_escaped(ODD) in body


def test_comments_say_what_numbers_are_and_settings_name_all_of_an_own_rule(exported):
    results, folder = exported
    said = {
        "settings": "over the fresh seeds of the recommended setting", "ranking": "as in results.tex",
        "verdicts": "b over a", "costs": "expected samples", "winners": "rival",
    }  # fmt: skip
    for name, words in said.items():
        first = (folder / f"{name}.tex").read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(f"% {name}: ") and words in first
    runs = results.runs.assign(kappa=np.where(results.runs["optimizer"] == "adam", 0.25, np.nan))
    for own, there in ((["adam"], True), ([], False)):  # a constant that is no default of the catalogue
        mine = Results(runs, results.curves, results.timings, results.problems, results.landscapes,
                       results.provenance | {"own": own})  # fmt: skip
        sweep = report_data(mine)
        text = report_tables.write_latex(sweep, "settings", report_tables.measure_settings(sweep))
        assert ("& kappa &" in text) == there == ("0.25" in text)


def test_first_place_is_bold_and_what_is_undecided_has_a_dagger(exported):
    results, folder = exported
    ranking, verdicts = results.ranking(), results.verdicts()
    text = (folder / "ranking.tex").read_text()
    assert text.count("\\textbf") == int(ranking["state"].isin(["first", "tie"]).sum())
    assert text.count("\\textsuperscript") == int((ranking["state"] == "open").sum())
    undecided = int((verdicts["verdict"] == "open").sum())
    assert (folder / "verdicts.tex").read_text().count("\\textsuperscript") == undecided > 0


def test_numbers_in_latex():
    values = (0.00123, 1.234e-5, 5857.2, 1024, 2e6, float("inf"), float("nan"), -2.5)
    assert [report_tables.latex_number(value) for value in values] == [
        "0.00123", "$1.23 \\times 10^{-5}$", "5,860", "1,024", "$2 \\times 10^{6}$", "$\\infty$", "--", "$-2.5$",
    ]  # fmt: skip
    assert report_tables.latex_number(1.0046) == "1.005"


def test_options_name_what_can_be_drawn():
    assert report_files.FORMATS == pictures.FORMATS and set(report_files.STYLES) == set(style.STYLES)


def test_where_the_page_goes(tmp_path):
    usual = tmp_path / "report"
    assert Options().page(usual) == usual / "index.html"
    assert Options(out=tmp_path / "a.html").page(usual) == tmp_path / "a.html"
    assert Options(out=tmp_path / "folder").page(usual) == tmp_path / "folder" / "index.html"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OptbenchError, match="is a file that is no page"):
        Options(out=tmp_path / "file").page(usual)
