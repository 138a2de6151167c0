"""The numbers that the explorer draws, against those that pandas gives by hand."""

import json

import numpy as np
import pytest
from synthetic import make_tables

from optbench import figures
from optbench.contract.columns import TARGETS
from optbench.figures.data import COUNTS, report_data
from optbench.report import explorer
from optbench.report.explorer import explorer_data, json_text, short
from optbench.results.results import Results

SMALL = {
    "problems": ("rosenbrock", "breast_cancer"), "optimizers": ("gd", "adam", "lbfgs"), "batch_sizes": (16, "full"),
    "rates": (0.01, 0.1), "points": 8, "schedules": ("constant", "sqrt_step(k=1.0)"), "seeds": range(9),
}  # fmt: skip


@pytest.fixture(scope="module")
def usual():
    swept = report_data(Results(**make_tables(**SMALL)))
    return swept, explorer_data(swept)


def rows(table, *keys):
    return list(zip(*(table[key] for key in keys), strict=True))


def test_curves_are_medians_with_intervals_over_the_reported_seeds(usual):
    swept, data = usual
    runs, curves, table = swept.results.runs, swept.results.curves, data["curves"]
    assert len(table["rate"]) == 2 * (2 * 2 * 2 + 1) and table["left_out"] == 0
    minimum = {row["name"]: row["minimum"] for row in data["problems"]}
    for place, (problem, optimizer, batch, schedule) in enumerate(
        rows(table, "problem", "optimizer", "batch", "schedule")
    ):
        name, who = data["problems"][problem]["name"], data["optimizers"][optimizer]["name"]
        size = {"16": 16, "full": {"rosenbrock": 256, "breast_cancer": 455}[name]}[data["batches"][batch]]
        cell = runs[(runs["problem"] == name) & (runs["optimizer"] == who) & (runs["batch_size"] == size)]
        cell = cell[cell["seed"] > 2]
        cell = cell[(cell["schedule"] == data["schedules"][schedule]["name"]) & (cell["lr"] == table["rate"][place])]
        assert len(cell) == table["n"][place] == 6 and table["held"][place] == 1
        assert table["failures"][place] == (cell["status"] == "diverged").sum()
        grid = curves[curves["run_id"].isin(cell["run_id"])].pivot(index="step", columns="run_id", values="train_loss")
        grid = grid.reindex(columns=cell["run_id"])
        bad = (cell["status"] == "diverged").to_numpy()
        ordered = np.sort(np.where(grid.isna() & bad, np.inf, grid.ffill()), axis=1) - minimum[name]
        middle = ordered[:, 2] / 2 + ordered[:, 3] / 2
        steps = data["curves"]["axes"][table["axis"][place]]["step"][: len(grid)]
        assert steps == grid.index.tolist()
        # Six values: the interval of at least 95% is that from the smallest to the largest.
        for told, wanted in zip(table["values"][place][0], (middle, ordered[:, 0], ordered[:, 5]), strict=True):
            told = np.array([np.inf if value is None else value for value in told])
            np.testing.assert_allclose(told, wanted, rtol=1e-3)


def test_clocks_and_measures_are_those_of_the_cell(usual):
    swept, data = usual
    table, of = data["curves"], swept.results
    assert [measure["key"] for measure in data["measures"]] == [
        "train_loss", "test_loss", "train_accuracy", "test_accuracy",
    ]  # fmt: skip
    for axis in table["axes"]:
        assert len(axis["step"]) == len(axis["epoch"]) == len(axis["samples"]) and axis["step"][0] == 0
    place = rows(table, "problem", "optimizer", "batch", "schedule").index((1, 1, 0, 0))
    runs = of.runs.query("problem == 'breast_cancer' and optimizer == 'adam' and batch_size == 16")
    ns = of.timings.set_index("cohort_id").loc[runs["cohort_id"], "ns_per_run_step"]
    assert table["pace"][place] == pytest.approx(ns.median() * 1e-9, rel=1e-3)
    assert len(table["values"][place][1][0]) == len(table["values"][place][0][0])
    assert table["values"][rows(table, "problem", "optimizer")[0][0]][1] == []  # rosenbrock has no test data


def test_recommended_settings_come_first(usual):
    swept, data = usual
    table = data["curves"]
    best = {(row.problem, row.optimizer): row for row in swept.answer.best.itertuples()}
    seen = set()
    for problem, optimizer, recommended, rate in rows(table, "problem", "optimizer", "recommended", "rate"):
        assert recommended == ((problem, optimizer) not in seen)
        if recommended:
            names = data["problems"][problem]["name"], data["optimizers"][optimizer]["name"]
            assert best[names].lr == rate
        seen.add((problem, optimizer))
    assert len(seen) == 6


def test_first_row_of_each_rate_is_what_tuning_prefers(usual):
    swept, data = usual
    table = data["rates"]
    first = {}
    for key, batch, median in zip(
        rows(table, "problem", "optimizer", "rate"), table["batch"], table["median"], strict=True
    ):
        first.setdefault(key, (data["batches"][batch], median))
    wanted = {}
    for row in swept.by_rate.itertuples():
        key = list(map(str, SMALL["problems"])).index(row.problem), SMALL["optimizers"].index(row.optimizer), row.lr
        wanted[key] = "full" if row.full_batch else str(row.batch_size), short([row.median])[0]
    assert first == wanted and table["whole"]
    assert {pair for pair, level in zip(rows(table, "problem", "optimizer"), table["level"], strict=True) if level} == {
        (0, 2), (1, 2),
    }  # fmt: skip


def test_tuning_has_the_rows_of_best_of_n(usual):
    swept, data = usual
    of = swept.results
    wanted = of.best_of_n("loss", counts=COUNTS)
    table = data["tuning"]
    names = [(data["problems"][row]["name"], data["optimizers"][name]["name"], n)
             for row, name, n in rows(table, "problem", "optimizer", "n")]  # fmt: skip
    assert names == list(map(tuple, wanted[["problem", "optimizer", "n"]].to_numpy()))
    assert table["value"] == short(wanted["value"]) and len(names) > 6


def arrival(curve, minimum, share):
    """The samples after which the gap stays below a share of the first one, its logarithm linear; inf if never."""
    gap = curve["train_loss"].to_numpy() - minimum
    samples, level = curve["samples"].to_numpy(dtype=float), share * gap[0]
    above = np.flatnonzero(~(gap <= level))
    last = above[-1] if len(above) else -1
    if last == len(gap) - 1:
        return np.inf
    if last < 0 or curve["step"].iloc[last + 1] <= 1:
        return samples[last + 1]
    part = np.log(gap[last] / level) / np.log(gap[last] / gap[last + 1])
    return samples[last] + part * (samples[last + 1] - samples[last])


def test_runtimes_are_those_counted_from_the_curves_of_what_reports(usual):
    swept, data = usual
    runs, curves, table = swept.answer.reported_runs, swept.results.curves, data["runtimes"]
    assert len(table["problem"]) == 6 and list(table["targets"]) == list(TARGETS)
    for place, (problem, optimizer) in enumerate(rows(table, "problem", "optimizer")):
        facts, name = data["problems"][problem], data["optimizers"][optimizer]["name"]
        mine = runs[(runs["problem"] == facts["name"]) & (runs["optimizer"] == name)]
        assert table["runs"][place] == table["places"][place] == len(mine) == 6
        for target, share in enumerate(TARGETS):
            spent = [
                arrival(curves[curves["run_id"] == row.run_id], facts["minimum"], share)
                if row.status == "ok" else np.inf
                for row in mine.itertuples()
            ]  # fmt: skip
            there = np.sort(np.array(spent)[np.isfinite(spent)])
            assert table["times"][place][target] == pytest.approx(there, rel=1e-3)
            assert table["reached"][place][target] == len(there)
            counted = np.where(np.isfinite(spent), spent, 2 * mine["samples"].max())
            wanted = np.exp(np.log(np.maximum(counted, 1)).mean()) if len(there) else None
            assert table["value"][place][target] == (wanted and pytest.approx(wanted, rel=1e-3))
    assert table["examples"] == [256, 455]


def test_of_many_runs_as_many_stand_for_them_evenly(usual, monkeypatch):
    swept, data = usual
    monkeypatch.setattr(explorer, "MAX_TIMES", 0)
    monkeypatch.setattr(explorer, "LEAST_TIMES", 3)
    every, fewer = data["runtimes"], explorer_data(swept)["runtimes"]
    for all_times, times in zip(every["times"], fewer["times"], strict=True):
        for column, kept in zip(all_times, times, strict=True):
            assert kept == (column + [None] * (6 - len(column)))[1::2][: len(kept)] and len(kept) == len(column) // 2
    assert set(fewer["places"]) == {3} and fewer["value"] == every["value"]


def test_ranks_are_those_of_the_ranking(usual):
    swept, data = usual
    table = swept.answer.ranking.set_index(["problem", "optimizer"])
    means = []
    for place, problem in enumerate(SMALL["problems"]):
        matrix = np.array(data["ranks"]["ahead"][place], dtype=float)
        assert np.isnan(np.diag(matrix)).all()
        means.append(1 + np.nansum(1 - matrix, axis=1))
        values = [table.loc[(problem, name), "value"] for name in SMALL["optimizers"]]
        assert means[-1].tolist() == [1 + sum(other < value for other in values) for value in values]
    assert np.mean(means, axis=0).tolist() == [table.loc[("all", name), "mean_rank"] for name in SMALL["optimizers"]]


def test_paths_are_told_to_a_part_of_a_pixel(usual):
    swept, data = usual
    (entry,) = data["paths"]
    assert data["problems"][entry["problem"]]["name"] == "rosenbrock" and entry["minimizers"] == [(1.0, 1.0)]
    assert len(entry["z"]) == len(entry["y"]) and len(entry["z"][0]) == len(entry["x"])
    runs = swept.answer.reported_runs[["run_id", "problem", "optimizer", "seed"]]
    curves = swept.answer.curves.merge(runs, on="run_id")
    for line in entry["lines"]:
        name = data["optimizers"][line["optimizer"]]["name"]
        path = curves[(curves["problem"] == "rosenbrock") & (curves["optimizer"] == name)]
        path = path[path["seed"] == path["seed"].min()].sort_values("step")
        count = len(line["step"])
        assert np.cumsum(line["step"]).tolist() == path["step"].tolist()[:count] and count > 1
        for axis, column, (low, high) in (("x", "w_1", entry["across"]), ("y", "w_2", entry["along"])):
            told = low + (high - low) * np.cumsum(line[axis]) / entry["fine"]
            np.testing.assert_allclose(told, path[column][:count], atol=(high - low) / entry["fine"])
        run = swept.results.runs.set_index("run_id").loc[path["run_id"].iloc[0]]
        assert line["batch"] == run["batch_size"] and line["loss"]["step"] == path["step"].tolist()
        np.testing.assert_allclose(line["loss"]["value"], path["train_loss"], rtol=1e-3)


@pytest.mark.slow
def test_a_large_sweep_keeps_what_is_recommended(monkeypatch):
    swept = report_data(Results(**make_tables(**SMALL)))
    monkeypatch.setattr(explorer, "MAX_CURVES", 6)
    monkeypatch.setattr(explorer, "MAX_SETTINGS", 3)
    data = explorer_data(swept)
    assert data["curves"]["recommended"] == [1] * 6 and data["curves"]["left_out"] == 12
    assert not data["rates"]["whole"] and data["rates"]["chosen"].count(0) == len(swept.by_rate)
    monkeypatch.setattr(explorer, "MAX_NUMBERS", 1)
    assert explorer_data(swept)["curves"]["left_out"] == 17


@pytest.mark.slow
def test_what_diverged_or_has_no_minimum_is_null_and_no_name_ends_the_script():
    tables = make_tables(**{**SMALL, "problems": ("saddle </script>",), "optimizers": ("gd",)}, diverge_above=0)
    tables["problems"]["minimum"] = np.nan
    tables["runs"]["suboptimality_final"] = np.nan
    text = json_text(explorer_data(report_data(Results(**tables))))
    assert "<" not in text
    data = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    assert data["problems"][0]["name"] == "saddle </script>" and data["problems"][0]["minimum"] is None
    assert None in data["curves"]["values"][0][0][0] and set(data["rates"]["median"]) == {None}


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_a_landscape_without_a_number_is_a_grid_without_heights():
    tables = make_tables(**SMALL)
    tables["landscapes"] = tables["landscapes"].assign(value=np.nan)
    swept = report_data(Results(**tables))
    (entry,) = explorer_data(swept)["paths"]
    assert {value for row in entry["z"] for value in row} == {None} and entry["lines"]
    assert figures.paths(swept, "rosenbrock").lines


def test_seeds_hold_the_ratios_behind_the_verdicts_and_what_runs_gave(usual):
    swept, data = usual
    table, runs = data["seeds"], swept.answer.reported_runs
    answer = swept.answer
    for place, (problem, optimizer) in enumerate(rows(table, "problem", "optimizer")):
        name, who = data["problems"][problem]["name"], data["optimizers"][optimizer]["name"]
        mine = runs[(runs["problem"] == name) & (runs["optimizer"] == who)]
        wanted = mine["suboptimality_final"].where(mine["status"] == "ok").replace(np.inf, np.nan)
        told = np.array(table["finals"][place], dtype=float)
        np.testing.assert_allclose(np.sort(told), np.sort(wanted), rtol=1e-3)
        leader = answer.leader(name)
        ratio = 1.0 if who == leader else answer.pairs[name, leader, who].ratio
        assert np.exp(np.mean(np.log(table["ratios"][place]))) == pytest.approx(ratio, rel=1e-3)
    assert len(table["problem"]) == 6
