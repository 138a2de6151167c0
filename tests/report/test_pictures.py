"""Pictures of a report: files of all formats with captions, and parts of a page that keep their colors."""

import base64
import copy
import io
import re

import pytest
from PIL import Image
from synthetic import make_tables, write_folder

from optbench import figures, load
from optbench.cli.report import FIGURES
from optbench.figures import OF_RESULTS, data, style
from optbench.report import write_report
from optbench.report.pictures import (
    KINDS,
    OVERALL,
    draw_page_pictures,
    remove_earlier_pictures,
    select_kinds,
    write_pictures,
)

SIZES = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 6, "schedules": ("constant",), "seeds": range(5)}
PROBLEM = "rosenbrock"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    tables = make_tables([PROBLEM, "breast_cancer"], ["gd", "adam"], **SIZES)
    tables["provenance"]["command"] = "python -m optbench sweep " + "--problem saddle " * 40
    return data.report_data(load(write_folder(tmp_path_factory.mktemp("pictures"), tables)))


@pytest.mark.slow
def test_parts_of_a_page(swept):
    kinds = ("curves", "heatmap", "paths")
    pictures, left_out = draw_page_pictures(swept, kinds=kinds)
    assert left_out == 0 and not pictures[OVERALL]
    assert [each["kind"] for each in pictures[PROBLEM]] == list(kinds)
    assert [each["kind"] for each in pictures["breast_cancer"]] == ["curves", "heatmap"]
    for each in pictures[PROBLEM]:
        content = base64.b64decode(each["source"].removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.mode == "P" and picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
            assert picture.width == pytest.approx(1.5 * each["width"], abs=2)
        assert len(content) < 60_000 and each["alt"].startswith(f"{each['title']}. ") and len(each["caption"]) > 80
    size = len(pictures[PROBLEM][0]["source"])
    some, left_out = draw_page_pictures(swept, kinds=("curves",), most_bytes=size + 10)
    assert len(some[PROBLEM]) == 1 and some["breast_cancer"] == [] and left_out == 1


def test_files_of_all_formats_with_their_captions(swept, tmp_path):
    written = write_pictures(swept, tmp_path / "figures", ("png", "svg"), ("paper", 1))
    files = [file for each in written for file in each["files"]]
    names = [f"{kind}-{problem}" for problem in (PROBLEM, "breast_cancer") for kind in ("curves", "rates", "heatmap")]
    wanted = [f"{name}.{ending}" for name in [*names, "paths-rosenbrock"] for ending in ("png", "svg")]
    assert {file for file in files if file.split("-")[0] in ("curves", "rates", "heatmap", "paths")} == set(wanted)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {*files, "captions.txt"}
    captions = (tmp_path / "figures" / "captions.txt").read_text(encoding="utf-8")
    texts = captions.removesuffix("\n").removesuffix(swept.results.foot)
    assert "%" in texts and not re.search(r"(?<!\\)%", texts), "a bare one begins a comment in LaTeX"
    assert all(each["caption"].replace("%", "\\%") in texts for each in written) and swept.results.foot in captions
    described = Image.open(tmp_path / "figures" / "rates-rosenbrock.png").text
    assert described["Description"] == swept.results.foot and len(swept.results.foot) > 500
    assert described["Comment"].startswith("Each optimizer at each rate")


def test_a_film_of_each_paths_and_no_link_is_followed(swept, tmp_path):
    """A folder may come from somebody else, with links to files of the user's."""
    folder, mine = tmp_path / "figures", tmp_path / "mine"
    folder.mkdir()
    mine.write_text("keep this")
    for name in ("paths-rosenbrock.gif", "captions.txt", "captions.txt.tmp"):
        (folder / name).symlink_to(mine)
    (only,) = write_pictures(swept, folder, ("gif",))
    assert only["files"] == ["paths-rosenbrock.gif"] and mine.read_text() == "keep this"
    assert sorted(path.name for path in folder.iterdir() if not path.is_symlink()) == ["captions.txt", *only["files"]]


def test_a_few_kinds_are_written_unless_others_are_named():
    assert select_kinds([]) == ["curves", "mean_ranks", "runtimes"]
    assert select_kinds([], ["gif"]) == ["curves", "paths", "mean_ranks", "runtimes"]
    assert select_kinds(["rates", "curves"]) == ["curves", "rates"]
    assert tuple(select_kinds(["all"])) == tuple(KINDS) == FIGURES


def test_every_figure_of_results_can_be_a_file():
    assert set(KINDS) == set(OF_RESULTS)


@pytest.mark.slow
def test_the_answer_stands_beside_the_page(swept, tmp_path):
    """As PNG, and with its tables as `--tables csv` has them; beside a page that the user names stands nothing."""
    swept = swept.results.path
    write_report(swept, out=tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    folder = tmp_path / "folder"
    write_report(swept, out=folder, tables=["csv"])
    tables = {"tables", "verdicts.csv", "winners.csv"}
    assert {path.name for path in folder.iterdir()} == {"index.html", "answer.png", *tables}
    for name in ("verdicts.csv", "winners.csv"):
        assert (folder / name).read_bytes() == (folder / "tables" / name).read_bytes()
    with Image.open(folder / "answer.png") as picture:
        assert picture.width > 1000
    before = (folder / "answer.png").read_bytes()
    write_report(swept, out=folder)
    assert (folder / "answer.png").read_bytes() == before


def test_curves_show_what_is_judged(swept):
    by_time = copy.copy(swept)
    by_time.answer = copy.copy(swept.answer)
    by_time.answer.judge_by, by_time.answer.targets = "time", {PROBLEM: 0.01}
    with style.detached():
        target = next(each for each in figures.curves(by_time, PROBLEM).lines if each.get_label() == "target (1%)")
        patches = figures.curves(swept, PROBLEM).patches
    assert list(target.get_ydata()) == pytest.approx([0.01 * swept.start(PROBLEM)] * 2)
    (scored,) = [each for each in patches if each.get_label() == "scored"]
    end = swept.bands_of("train_loss").groupby("problem")["epoch"].max()[PROBLEM]
    assert scored.get_x() + scored.get_width() == pytest.approx(end) and scored.get_x() >= 0.8 * end - 1e-9


def test_pictures_of_an_earlier_look_are_removed_and_nothing_else(swept, tmp_path):
    folder = tmp_path / "figures"
    write_pictures(swept, folder, ("svg",), kinds=("curves",))
    (folder / "mine.svg").touch()
    text = (folder / "captions.txt").read_text(encoding="utf-8")
    (folder / "captions.txt").write_text(f"../outside.svg, note.txt\n\n{text}", encoding="utf-8")
    for path in (tmp_path / "outside.svg", folder / "note.txt"):
        path.touch()
    before = {path.name for path in folder.iterdir()}
    assert remove_earlier_pictures(folder, swept.results.foot) == 0, "they are of this look"
    assert {path.name for path in folder.iterdir()} == before
    assert remove_earlier_pictures(folder, f"{swept.results.foot}  # extended by blocks 8") == 2
    assert {path.name for path in folder.iterdir()} == {"mine.svg", "note.txt"} and (tmp_path / "outside.svg").exists()
    assert remove_earlier_pictures(folder, "another") == 0
