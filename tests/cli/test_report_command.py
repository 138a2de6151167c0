"""``report``: where the page goes, what stands beside it, and one line for what there is not."""

from pathlib import Path

from synthetic import make_tables, write_folder

SMALL = {"problems": ["saddle"], "optimizers": ["gd", "adam"], "batch_sizes": (16,), "points": 4, "rates": (0.01,),
         "schedules": ("constant",)}  # fmt: skip


def test_one_folder_with_what_to_take_along(run):
    write_folder("results", make_tables(**SMALL))
    code, out, err = run("report", "--out", "page", "--tables", "csv, tex", "--static")
    assert code == 0 and not err and out == "report: page/index.html"
    assert len(list(Path("page/tables").iterdir())) == 10 and not Path("results/report").exists()
    assert "plotly" not in Path("page/index.html").read_text(encoding="utf-8").lower()


def test_the_page_of_another_measure_and_of_kinds_as_one(run):
    tables = make_tables(**{**SMALL, "problems": ["saddle", "rosenbrock", "breast_cancer"]})
    tables["provenance"] |= {"choose_by": ["loss", "test_accuracy"], "judge_by": "loss"}
    tables["problems"]["kind"] = ["plane", "plane", "linear"]
    for name in ("results", "other"):
        write_folder(name, tables)
    errors, kinds = "Compared by the share of errors on test data", "Over 3 problems of 2 kinds, each kind weighing"
    assert run("report", "--static")[0] == 0
    page = Path("results/report/index.html").read_text(encoding="utf-8")
    assert errors not in page and "Over 3 problems: " in page
    wish = ("--judge-by", "test_accuracy", "--weigh-by", "kind")
    code, out, err = run("report", *wish, "--static", "--out", "page.html")
    assert code == 0 and not err and out == "report: page.html"
    page = Path("page.html").read_text(encoding="utf-8")
    assert errors in page and kinds in page
    assert run("report", "results", "other", *wish, "--out", "both.html")[0] == 0
    page = Path("both.html").read_text(encoding="utf-8")
    assert page.count(errors) == page.count(kinds) == 2


def test_a_measure_or_a_word_that_there_is_not_is_one_line(run):
    tables = make_tables(**SMALL)
    tables["provenance"]["choose_by"] = ["time", "loss"]
    write_folder("results", tables)
    for wish, message in (
        (("--judge-by", "test_loss"), "judge_by: 'test_loss' is not what this sweep chose settings for: time, loss"),
        (("--weigh-by", "kin"), "unknown word to weigh by 'kin': did you mean 'kind'?"),
        (("--weigh-by", "x"), "unknown word to weigh by 'x': valid names: kind, problem"),
        (("--weigh-by", "kind"), "weigh_by: these results lack the kinds of problems, which sweeps write since 0.15"),
    ):
        assert run("report", *wish) == (2, "", f"optbench: {message}")
    assert not Path("results/report").exists()


def test_two_folders_side_by_side(run):
    for name in ("one", "two"):
        write_folder(name, make_tables(**SMALL))
    code, out, err = run("report", "one", "two")
    assert code == 0 and not err and out == "report: two/report/side-by-side.html"
