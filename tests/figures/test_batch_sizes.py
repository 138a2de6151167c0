"""Steps against batch size: planted laws, the fit by SciPy, and the noise of mini-batch costs."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from synthetic import runs_table

from optbench import figures
from optbench.contract.errors import OptbenchError
from optbench.results.results import Results

SIZES = (4, 16, 64, 256)


def results_of(arrival, optimizers=("gd",), seeds=4, rates=(0.1,), steps=100_000, noise=0.0):
    """Runs whose suboptimality is 1 before and 0.001 from step arrival(optimizer, size, rate, seed) on; inf: never."""
    rng, rows, curves = np.random.default_rng(0), [], []
    for name in optimizers:
        for size in SIZES:
            for rate in rates:
                for seed in range(seeds):
                    rows.append({"optimizer": name, "batch_size": size, "lr": rate, "seed": seed, "steps": steps,
                                 "samples": steps * size, "epochs": steps * size / 1000})  # fmt: skip
                    at = arrival(name, size, rate, seed)
                    points = [(0, 1.0), (at - 1, 1.0), (at, 1e-3)] if np.isfinite(at) else [(0, 1.0), (1, 1.0)]
                    points += [(step, points[-1][1]) for step in range(steps - 100, steps)]
                    curves += [(f"r{len(rows) - 1}", step, step * size, loss, loss + noise / size**0.5 * rng.normal())
                               for step, loss in points]  # fmt: skip
    columns = ["run_id", "step", "samples", "train_loss", "batch_loss"]
    problems = pd.DataFrame({"problem": ["p"], "minimum": [0.0], "examples": [1000]})
    timings = pd.DataFrame(
        {"cohort_id": ["c"], "lanes": [1], "steps": [steps], "seconds": [1.0], "ns_per_run_step": [9.0]}
    )
    return Results(runs_table(rows), pd.DataFrame(curves, columns=columns), timings, problems)


def line(ax, start):
    (found,) = [line for line in ax.lines if line.get_label().startswith(start)]
    return found.get_xydata()


def law(size, least, critical):
    return least * (1 + critical / size)


def test_a_planted_law_its_fit_and_perfect_scaling():
    steps = {
        size: np.round(law(size, 50, 100) * scatter) for size, scatter in zip(SIZES, (1.1, 0.9, 1.05, 1), strict=True)
    }
    ax = figures.batch_scaling(results_of(lambda name, size, rate, seed: steps[size]), target=0.01)
    shown = line(ax, "gd")
    assert shown[:, 0].tolist() == list(SIZES)
    assert shown[:, 1] == pytest.approx(list(steps.values()), abs=1)  # a step's part is interpolated
    (least, critical), _ = curve_fit(law, shown[:, 0], shown[:, 1], p0=(50, 100), sigma=shown[:, 1])
    (mark,) = [line for line in ax.lines if line.get_gid() == "critical gd"]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == pytest.approx((critical, 2 * least), rel=1e-4)
    assert line(ax, "perfect")[:, 1] == pytest.approx(shown[0, 1] * np.array([1, SIZES[0] / SIZES[-1]]))
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_the_rate_is_tuned_for_each_size_on_other_seeds():
    def arrival(name, size, rate, seed):  # seeds 0 and 1 prefer 0.2 at 4 and 0.1 elsewhere; the others turn that round
        good = (rate == 0.2) == (size == 4)
        return 100 if good == (seed < 2) else 1000

    ax = figures.batch_scaling(results_of(arrival, rates=(0.1, 0.2)), target=0.01)
    assert line(ax, "gd")[:, 1] == pytest.approx(1000, abs=1)


@pytest.mark.slow
def test_what_never_arrives_has_no_point():
    never = figures.batch_scaling(results_of(lambda *_: np.inf))
    assert len(line(never, "gd")) == 0 and [text.get_text() for text in never.texts] == ["no run stays at the target"]
    some = figures.batch_scaling(results_of(lambda name, size, *_: np.inf if size == 16 else 100, ("<$x$>", "나")))
    assert line(some, "<$x$>")[:, 0].tolist() == [4, 64, 256]


def test_a_loss_may_be_the_goal():
    results = results_of(lambda *_: 100)
    assert figures.batch_scaling(results, loss=0.01, clock="samples").get_ylabel() == "samples to loss 0.01"


def test_noise_falls_as_one_over_the_root():
    ax = figures.noise(results_of(lambda *_: 100, steps=1000, seeds=8, noise=0.5))
    shown = line(ax, "gd (rate 0.1)")
    assert shown[:, 1] == pytest.approx(0.5 / np.sqrt(SIZES), rel=0.2)
    guide = line(ax, "1/sqrt(B)")
    assert guide[:, 1] * np.sqrt(guide[:, 0]) == pytest.approx(shown[0, 1] * 2)


@pytest.mark.slow
def test_noise_where_there_is_none_to_see():
    results = results_of(lambda *_: 100, steps=1000)
    assert [text.get_text() for text in figures.noise(results).texts] == ["no noise to be seen"]
    few = Results(results.runs, results.curves[results.curves["step"] < 3], results.timings, results.problems)
    with pytest.raises(OptbenchError, match='"every"'):
        figures.noise(few)
    with pytest.raises(OptbenchError, match="0.1"):
        figures.noise(results, lr=0.3)


@pytest.mark.slow
def test_noise_needs_a_rate_that_several_sizes_have():
    """Blocks draw their rates anew for each size; a rate of one size more is passed over."""
    results = results_of(lambda *_: 100, steps=1000, seeds=8, noise=0.5)
    own = Results(results.runs.assign(lr=0.1 * results.runs["batch_size"]), results.curves, results.timings)
    with pytest.raises(OptbenchError, match="run a list of rates, or a plain grid"):
        figures.noise(own)
    better = (results.runs["batch_size"] == 4) & (results.runs["seed"] < 4)
    lonely = results.runs.assign(lr=np.where(better, 0.7, 0.1), suboptimality_final=np.where(better, 1e-9, 1e-3))
    ax = figures.noise(Results(lonely, results.curves, results.timings))
    assert line(ax, "gd (rate 0.1)")[:, 0].tolist() == list(SIZES)
