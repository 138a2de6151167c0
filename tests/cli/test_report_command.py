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


def test_two_folders_side_by_side(run):
    for name in ("one", "two"):
        write_folder(name, make_tables(**SMALL))
    code, out, err = run("report", "one", "two")
    assert code == 0 and not err and out == "report: two/report/side-by-side.html"
