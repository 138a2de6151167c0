"""The limits of a picture of paths: all runs that stayed near are in it, and one that left does not shrink them."""

import numpy as np
import pytest

from optbench.analysis.picture_limits import find_picture_limits


def path(end, first=1.0, last=0.1, start=(0.0, 0.0), steps=30):
    return np.linspace(start, end, steps), np.linspace(first, last, steps)


def test_paths_are_in_the_picture_with_room():
    (left, right), (bottom, top) = find_picture_limits([path((10.0, -4.0)), path((6.0, 2.0), last=0.5)])
    assert -3 < left < 0 and 10 < right < 13 and -6 < bottom < -4 and 2 < top < 4


LEFT = [path((1e9, 3.0), last=1e18), path((-1e6, 0.0), last=0.9), path((1e300, 1e300), last=np.nan)]


@pytest.mark.parametrize("far", LEFT)
def test_a_run_that_left_does_not_count(far):
    usual = [path((10.0, -4.0)), path((8.0, -3.0), last=0.2)]
    (left, right), (bottom, top) = find_picture_limits([*usual, far])
    assert right - left < 60 and top - bottom < 30


def test_a_loss_without_a_minimum_does_not_make_the_others_a_dot():
    (left, right), _ = find_picture_limits([path((1e8, 0.0), last=-1e8), path((3.0, 1.0)), path((2.0, 1.0), last=0.5)])
    assert right - left < 300


def test_a_straight_path_has_a_height():
    (left, right), (bottom, top) = find_picture_limits([path((10.0, 0.0))])
    assert bottom < 0 < top and top - bottom >= 0.2 * (right - left)


@pytest.mark.parametrize("paths", [[], [path((0.0, 0.0))], [(np.full((3, 2), np.nan), np.ones(3))]])
def test_where_nothing_moved_there_are_none(paths):
    assert find_picture_limits(paths) is None
