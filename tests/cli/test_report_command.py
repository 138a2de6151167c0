"""``report``: where the page goes, what stands beside it, and one line for what there is not."""

import json
from pathlib import Path

import pytest
from synthetic import make_tables, write_folder

SMALL = {"problems": ["saddle"], "optimizers": ["gd", "adam"], "batch_sizes": (16,), "points": 4, "rates": (0.01,),
         "schedules": ("constant",)}  # fmt: skip


def test_one_folder_with_what_to_take_along(run):
    write_folder("results", make_tables(**SMALL))
    code, out, err = run("report", "--out", "page", "--tables", "csv, tex", "--static")
    assert code == 0 and not err
    assert out.startswith("report: page/index.html tables: page/tables adam is best on saddle ")
    end = "; tables in results all optimizers, with ratio, verdict, seconds and memory: optbench compare results"
    assert out.endswith(end)
    assert len(list(Path("page/tables").glob("*.[ct]*"))) == 11 and not Path("results/report").exists()
    assert "explorer-data" not in Path("page/index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_kind_of_figure_that_there_is_not_is_told(run):
    write_folder("results", make_tables(**{**SMALL, "problems": ["breast_cancer"]}))
    code, _, err = run("report", "--figures", "paths", "--format", "gif", "--static")
    told = "this sweep has no figure of the kind paths; paths are of problems of two parameters with a domain"
    assert code == 0 and err == f"optbench: warning: {told}"


@pytest.mark.slow
def test_a_heatmap_of_one_cell_or_of_random_trials_is_not_drawn(run):
    told = "this sweep has no figure of the kind heatmap; a heatmap is of a grid of batch sizes or schedules"
    tables = make_tables(**{**SMALL, "batch_sizes": (16, 64)})
    tables["provenance"]["searched"] = {name: {"lr": "log_uniform(0.001, 1)"} for name in SMALL["optimizers"]}
    write_folder("trials", tables)
    write_folder("cell", make_tables(**SMALL))
    for folder in ("cell", "trials"):
        code, _, err = run("report", folder, "--figures", "heatmap, rates", "--format", "svg", "--static")
        assert code == 0 and err == f"optbench: warning: {told}"
        drawn = Path(folder, "report/figures").glob("*.svg")
        assert [path.name for path in drawn] == ["rates-saddle.svg"]


@pytest.mark.slow
def test_the_page_of_another_measure(run):
    tables = make_tables(**{**SMALL, "problems": ["saddle", "rosenbrock", "breast_cancer"]})
    tables["provenance"] |= {"choose_by": ["loss", "test_accuracy"], "judge_by": "loss"}
    for name in ("results", "other"):
        write_folder(name, tables)
    errors = "Compared by the share of errors on test data"
    assert run("report", "--static")[0] == 0
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert errors not in page
    wish = ("--judge-by", "test_accuracy")
    code, out, err = run("report", *wish, "--static", "--out", "page.html")
    assert code == 0 and not err and out.startswith("report: page.html ") and "breast_cancer errors 0." in out
    page = Path("page.html").read_text(encoding="utf-8")
    assert errors in page
    assert run("report", "results", "other", *wish, "--out", "both.html")[0] == 0
    page = Path("both.html").read_text(encoding="utf-8")
    assert page.count(errors) == 2


@pytest.mark.slow
def test_labels_colors_and_a_figure_of_ones_own(run):
    write_folder("results", make_tables(**SMALL))
    wish = ("--label", "adam=Our method", "--label", "saddle=A saddle", "--color", "Our method=#123456")
    code, out, err = run("report", "--static", *wish, "--figures", "curves", "--style", "paper")
    folder = "results/report"
    assert code == 0 and not err
    keep = "optbench sweep --extend --out results --label 'adam=Our method' --label 'saddle=A saddle'"
    assert out.startswith(f"report: {folder}/index.html figures: {folder}/figures Our method is best on A saddle ")
    assert out.endswith(f"labels: on this page and its files only; to keep them in the folder: {keep}")
    figures = Path("results/report/figures")
    assert sorted(path.name for path in figures.iterdir()) == ["captions.txt", "curves-a-saddle.pdf"]
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert "Our method" in page and "A saddle" in page
    made = Path("results/provenance.json")
    made.write_text(json.dumps({**json.loads(made.read_text()), "labels": {"saddle": "A saddle"}}), encoding="utf-8")
    assert "labels:" not in run("report", "--static", "--label", "saddle=A saddle")[1]
    code, out, err = run("report", "--static", "--format", "png")
    assert "(curves, mean_ranks and runtimes; --figures all, or a list, for others)" in out
    code, out, err = run("compare", "results", "adam", "gd", "--label", "adam=Ours")
    assert code == 0 and "Ours" in out


@pytest.mark.slow
def test_math_in_labels_is_plain_on_pages_and_in_the_terminal_and_math_in_latex(run):
    write_folder("results", make_tables(**SMALL))
    label = ("--label", r"adam=$\beta_1$-Adam")
    assert run("report", *label, "--tables", "tex")[0] == 0
    assert run("report", "results", "results", *label)[0] == 0
    for name in ("index", "side-by-side"):
        page = Path(f"results/report/{name}.html").read_text(encoding="utf-8")
        assert "β_1-Adam" in page and r"\beta_1" not in page
    assert r"$\beta_1$-Adam" in Path("results/report/tables/results.tex").read_text(encoding="utf-8")
    code, out, _ = run("compare", "results", r"$\beta_1$-Adam", "gd", *label)
    assert code == 0 and "β_1-Adam" in out and "$" not in out
    both = ("--label", r"adam=$\beta_1$", "--label", "gd=β_1")  # would be one name
    assert run("report", *both)[0] == 0
    assert r"$\\beta_1$" in Path("results/report/index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_is_one_line(run):
    write_folder("results", make_tables(**SMALL))
    Path("results/report/answer.png").mkdir(parents=True)
    message = "cannot write the report to 'results/report/answer.png': Is a directory"
    assert run("report") == (2, "", f"optbench: {message}")


@pytest.mark.slow
def test_two_folders_side_by_side(run):
    for name in ("one", "two"):
        write_folder(name, make_tables(**SMALL))
    code, out, err = run("report", "one", "two")
    assert code == 0 and not err and out == "report: two/report/side-by-side.html"
