"""Sweeps whose blocks draw their own rates: what figures take for one rate, and which seeds their numbers are of."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from synthetic import runs_table

from optbench import figures
from optbench.figures.data import find_rate_step, report_data, round_rates
from optbench.figures.style import BLACK
from optbench.report.explorer import ExplorerData
from optbench.report.pictures import KINDS
from optbench.results.results import Results

SHIFTS = (-0.48, -0.1, 0.2, 0.49)
"""Of the grid 0.001, 0.01, 0.1 in each block, in steps."""


def loss(lr, size, block):
    """Return y of a run: the best rate is 0.01, and the smaller size the better one."""
    return math.log10(lr / 0.01) ** 2 + 0.1 * math.log(size) + 0.01 * block


def drawn(shifts=SHIFTS, more=()):
    """Return a runs table with a screen of three rates at two sizes for each block, and a setting that reports."""
    rows = []
    for block, shift in enumerate(shifts):
        for power, size in itertools.product((-3, -2, -1), (16, 64)):
            lr = float(f"{10 ** (power + shift):.4g}")
            rows.append({"lr": lr, "batch_size": size, "block": block, "stage": "screen", "seed": 10 * block,
                         "log_tail": loss(lr, size, block)})  # fmt: skip
    best = min(rows, key=lambda row: row["log_tail"])
    for stage, first, count in (("final", 1_000_000, 3), ("report", 1_001_000, 8)):
        rows += [{**best, "block": -1, "stage": stage, "seed": first + place} for place in range(count)]
    rows += [{"lr": 0.01, "batch_size": 16, "block": 0, "stage": "screen", "log_tail": 0.0, **row} for row in more]
    table = runs_table(rows)
    return table.assign(suboptimality_final=np.exp(table["log_tail"]))


@pytest.fixture(scope="module")
def data():
    provenance = {"choose_by": ["loss"], "judge_by": "loss"}
    return report_data(Results(drawn(), None, pd.DataFrame(), provenance=provenance))


def test_the_step_is_that_of_the_grid_where_blocks_moved_it():
    assert find_rate_step(drawn()) == pytest.approx(math.log(10), rel=1e-3)
    assert find_rate_step(drawn(), drawn=True) == math.log(10) / 2
    assert find_rate_step(drawn(shifts=(0.0, 0.0, 0.0))) == 0  # all blocks have the same rates
    assert find_rate_step(drawn().drop(columns=["stage", "block"])) == 0


def test_each_block_has_one_rate_in_each_bin():
    runs = round_rates(drawn().query("stage == 'screen'"), math.log(10))
    assert sorted(runs["lr"].unique()) == [0.001, 0.01, 0.1]
    assert (runs.groupby(["lr", "batch_size"])["block"].nunique() == len(SHIFTS)).all() and len(runs) == 24
    twice = drawn().query("stage == 'screen'")
    twice = pd.concat([twice, twice.assign(lr=twice["lr"] * 1.0001)], ignore_index=True)
    assert len(round_rates(twice, math.log(10))) == 24


def test_each_rate_that_ran_is_a_point_and_the_recommended_one_stands_where_the_answer_says(data):
    runs = data.results.runs
    tried = runs.query("stage == 'screen' and batch_size == 16").set_index("lr")["suboptimality_final"].sort_index()
    ax = figures.rates(data)
    (line,) = [line for line in ax.lines if line.get_label() == "gd"]
    assert line.get_xdata().tolist() == tried.index.tolist() and len(tried) == 3 * len(SHIFTS)
    assert line.get_ydata() == pytest.approx(tried.to_numpy())
    (ring,) = [line for line in ax.lines if line.get_markeredgecolor() == BLACK and len(line.get_xdata())]
    fresh = runs.query("stage == 'report'")
    assert ring.get_xdata().tolist() == fresh["lr"].unique().tolist() == data.answer.best["lr"].tolist()
    assert ring.get_ydata() == pytest.approx([fresh["suboptimality_final"].median()])


def test_cells_are_medians_over_blocks(data):
    values = [loss(10 ** (-2 + shift), 16, block) for block, shift in enumerate(SHIFTS)]
    cells = data.by_cell.set_index("batch_size")
    assert (cells["lr"] == 0.01).all() and (cells["n"] == 4).all()
    assert cells.loc[16, "median"] == pytest.approx(np.median(np.exp(values)), rel=1e-3)


def test_a_cell_shows_the_seeds_that_tune_and_the_recommendation_fresh_ones(data):
    best, cells = data.answer.best.assign(recommended=True), data.by_cell.assign(recommended=False)
    cells = pd.concat([best, cells], ignore_index=True)
    cells = cells[~cells.duplicated(["batch_size"])]
    runs = data.runs_of_cells(cells)
    assert sorted(runs.loc[runs["batch_size"] == 16, "seed"]) == list(range(1_001_000, 1_001_008))
    assert sorted(runs.loc[runs["batch_size"] == 64, "seed"]) == [0, 10, 20, 30]


def test_pages_and_captions_say_so(data):
    caption = KINDS["rates"].describe(data, "p")
    assert "on the seed of the block that drew it" in caption and "within half a step" not in caption
    assert "on the seed of its block that it was tuned on" in KINDS["best_of_n"].describe(data, "p")
    table = ExplorerData(data).rates()
    assert len(set(table["rate"])) == 3 * len(SHIFTS) and not table["whole"]
    assert table["chosen"] == table["held"] == [0] * 3 * len(SHIFTS) + [1]


def test_a_size_that_one_block_added_is_a_cell_of_its_one_seed():
    more = [{"lr": 0.02, "batch_size": 4, "stage": "widen", "seed": 0, "log_tail": -3.0}]
    data = report_data(Results(drawn(more=more), None, pd.DataFrame(), provenance={"choose_by": ["loss"]}))
    cells = data.by_cell.set_index("batch_size")
    assert cells["n"].to_dict() == {16: 4, 64: 4, 4: 1}
    assert "from those blocks alone whose search went on" in KINDS["heatmap"].describe(data, "p")


def test_the_explorer_has_all_screened_settings_at_the_rates_of_the_grid(data):
    parts = ExplorerData(data)
    table = parts.screened()
    told = {
        (rate, parts.batches[batch]): median
        for rate, batch, median in zip(table["rate"], table["batch"], table["median"], strict=True)
    }
    wanted = {
        (float(f"{10**power:.3g}"), str(size)): np.median(
            [math.exp(loss(float(f"{10 ** (power + shift):.4g}"), size, block)) for block, shift in enumerate(SHIFTS)]
        )
        for power in (-3, -2, -1)
        for size in (16, 64)
    }
    assert table["whole"] and told == {key: pytest.approx(value, rel=6e-3) for key, value in wanted.items()}
