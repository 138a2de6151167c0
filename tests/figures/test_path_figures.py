"""Paths that move: the steps of the pictures, where the marks are in each, and the file."""

import numpy as np
from PIL import Image
from synthetic import make_tables, write_folder

from optbench import figures, load, sweep
from optbench.figures.contour_paths import space_steps
from optbench.figures.data import Trajectory, report_data
from optbench.report.explorer import explorer_data

SIZES = {"batch_sizes": (16,), "rates": (0.01, 0.1), "points": 8, "schedules": ("constant",), "seeds": range(4)}


def path_of(last):
    return Trajectory(np.arange(last + 1), np.zeros((last + 1, 2)), False, 0)


def test_steps_begin_one_by_one_and_end_at_the_longest_path():
    assert space_steps([path_of(10), path_of(1000)], 4) == [0, 1, 32, 1000]
    assert space_steps([path_of(3)], 60) == [0, 1, 2, 3]


def test_a_gif_ends_where_the_paths_end(tmp_path):
    results = load(write_folder(tmp_path / "r", make_tables(["rosenbrock", "breast_cancer"], ["gd", "adam"], **SIZES)))
    file = figures.animate_paths(results, "rosenbrock", tmp_path / "a.gif", frames=8)
    with Image.open(file) as film:
        assert film.n_frames == 8 and film.info["loop"] == 0 and b"optbench 0.1.0" in film.info["comment"]
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("RGB")).astype(int)
        film.seek(0)
        first = np.asarray(film.convert("RGB")).astype(int)
    assert file.stat().st_size < 150_000 and (abs(last - first).max(axis=2) > 60).sum() > 200
    # Each optimizer's own color, in the paths at the end and not at the start beside the legend's.
    blue = (abs(last - (1, 115, 178)).max(axis=2) < 12).sum() - (abs(first - (1, 115, 178)).max(axis=2) < 12).sum()
    assert blue > 20


def test_each_of_several_equal_minima_has_a_star():
    """A path that ends in the second one is no failure."""
    spec = {"problems": ["saddle", "rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.01], "steps": 20}
    results = sweep(spec, seeds=2)
    minima = {"saddle": [(1, 0), (-1, 0)], "rosenbrock": [(1, 1)]}
    told = [entry["minimizers"] for entry in explorer_data(report_data(results))["paths"]]
    assert told == list(minima.values())
    for problem, places in minima.items():
        stars = [line for line in figures.paths(results, problem).lines if line.get_marker() == "*"]
        assert [list(zip(*star.get_data(), strict=True)) for star in stars] == [places]
