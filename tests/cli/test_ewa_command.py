"""The ewa command: any CSV, several ways to type betas, one line for a mistake."""

import gzip
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from twins import ewa as twin

import optbench
from optbench.figures.averages_and_schedules import thin_out

DAYS = "date,temp,sky\n2020-01-01,40,sun\n2020-01-02,49,rain\n2020-01-03,45,rain\n"
VALUES = np.array([40.0, 49.0, 45.0])


@pytest.fixture
def run(command, tmp_path, monkeypatch):
    """The command in an empty folder with one small file: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    Path("days.csv").write_text(DAYS)
    return partial(command, "ewa")


def cells(out: str) -> dict[str, list[str]]:
    """Return the table: first word of a row -> the others."""
    return {row.split()[0]: row.split()[1:] for row in out.splitlines()}


def written(run, *arguments, file="days.csv"):
    code, _, err = run(file, *arguments, "--out", "averages.csv")
    assert code == 0, err
    return pd.read_csv("averages.csv")


def test_a_heading_that_begins_like_a_formula_is_none_in_csv(run):
    Path("days.csv").write_text(DAYS.replace("temp", "=temp"))
    assert written(run, "--column", "=temp", "--beta", "0.5").columns[-2:].tolist() == ["'=temp", "'=temp_ewa_0.5"]


def test_the_table_and_nothing_else_is_standard_output(run):
    code, out, err = run("days.csv", "--column", "temp", "--beta", "0.5", "0.9")
    assert code == 0 and not err
    assert cells(out) == {
        "uncorrected": ["window", "lag", "2020-01-01", "2020-01-02", "2020-01-03"],
        "temp": ["40", "49", "45"],
        "beta=0.5": ["2", "1", "20", "34.5", "39.75"],
        "beta=0.9": ["10", "9", "4", "8.5", "12.15"],
    }


def test_the_defaults_are_those_of_python_and_of_the_lecture(run):
    assert (
        written(run).iloc[:, -1].tolist() == optbench.ewa(VALUES).tolist() == optbench.ewa(VALUES, 0.9, False).tolist()
    )
    assert float(optbench.EWA().update(40.0)) == optbench.ewa([40.0])[0] == pytest.approx(4.0)


@pytest.mark.parametrize(
    "typed",
    ["--beta 0.5 0.9 0.98 days.csv", "days.csv --beta 0.5 --beta 0.9 --beta 0.98", "--beta 0.5,0.9,0.98 days.csv",
     "--beta=0.5 0.9 0.98 days.csv", "--beta 0.5 days.csv --beta 0.9,0.98", "--beta 0.5 0.9,0.98 0.5 -- days.csv",
     "--beta 0.5 .9 --column temp --beta 98e-2 days.csv", "--betas 0.5 0.9 0.98 days.csv",
     "--beta 0.5 --betas 0.9,0.98 days.csv"],
)  # fmt: skip
def test_betas_in_any_form(run, typed):
    code, out, _ = run(*typed.split())
    assert code == 0 and list(cells(out))[2:] == ["beta=0.5", "beta=0.9", "beta=0.98"]


@pytest.mark.parametrize("typed", ["days.csv --beta", "--beta --column temp days.csv", "days.csv --beta 0.5 -- 0.9"])
def test_what_cannot_be_parsed_is_a_usage_error(run, typed):
    code, out, err = run(*typed.split())
    assert code == 2 and not out and "Error: " in err


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_averages_are_written_in_full(run, corrected, ending):
    flag = ["--bias-correction"] if corrected else []
    code, _, err = run("days.csv", "--beta", "0.5", "0.9", *flag, "--out", f"averages.{ending}")
    assert code == 0 and err.strip() == f"wrote averages.{ending}"
    table = (pd.read_csv if ending == "csv" else pd.read_parquet)(f"averages.{ending}")
    assert list(table) == ["row", "date", "temp", "temp_ewa_0.5", "temp_ewa_0.9"]
    assert table["row"].tolist() == [1, 2, 3] and table["temp"].tolist() == VALUES.tolist()
    assert table["date"].astype(str).tolist() == ["2020-01-01", "2020-01-02", "2020-01-03"]
    for beta in (0.5, 0.9):
        np.testing.assert_allclose(table[f"temp_ewa_{beta}"], twin(VALUES, beta, corrected), rtol=1e-13)


def test_the_picture(run):
    code, out, err = run("days.csv", "--beta", "0", "0.9", "--png", "averages.png")
    assert code == 0 and out and err.strip() == "wrote averages.png"
    assert Path("averages.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "text",
    [DAYS.replace(",", ";"), DAYS.replace(",", "\t"), DAYS.replace(",", "|"), "\ufeff" + DAYS, "\n\n" + DAYS,
     DAYS.replace("\n", "\r\n"), DAYS.replace("2020-01-0", "2020/01/0"), DAYS.removesuffix("\n"),
     'date;temp;sky\n2020-01-01;"40,0";sun\n2020-01-02;49,0;rain\n2020-01-03;45,0;rain\n'],
)  # fmt: skip
def test_dialects(run, text):
    Path("days.csv").write_bytes(text.encode())
    table = written(run)
    assert table["temp"].tolist() == VALUES.tolist() and table["date"].iloc[-1] == "2020-01-03"


def test_numbers_may_turn_real_and_dates_may_end_behind_the_first_block(run):
    """The types are those of the first megabyte; what comes later must not be bent or lost."""
    many = "2020-01-01,40\n" * 100_000
    Path("days.csv").write_text(f"date,temp\n{many}soon,40.5\n")
    table = written(run)
    assert list(table) == ["row", "temp", "temp_ewa_0.9"] and table["temp"].iloc[-1] == 40.5


def test_a_written_file_can_be_averaged_again(run):
    assert run("days.csv", "--out", "averages.csv")[0] == 0
    again = written(run, "--column", "temp_ewa_0.9", file="averages.csv")
    assert list(again) == ["row", "date", "temp_ewa_0.9", "temp_ewa_0.9_ewa_0.9"]


def test_a_compressed_file(run):
    Path("days.csv.gz").write_bytes(gzip.compress(DAYS.encode()))
    assert written(run, file="days.csv.gz")["temp"].tolist() == VALUES.tolist()


def test_without_dates_there_are_rows(run):
    Path("days.csv").write_text("temp\n40\n49\n45\n")
    assert list(written(run)) == ["row", "temp", "temp_ewa_0.9"]
    assert run("days.csv", "--png", "averages.png")[0] == 0


@pytest.mark.parametrize("gap", ["", "NA", "nan", "NULL", "inf", "-inf"])
def test_missing_values_are_refused_or_left_out(run, gap):
    Path("days.csv").write_text(DAYS.replace(",49,", f",{gap},") + f"2020-01-04,{gap},sun\n")
    code, out, err = run("days.csv", "--column", "temp")
    assert code == 2 and not out
    words = "column 'temp' of 'days.csv' has 2 missing values, the first in row 2: --skip-missing leaves such rows out"
    assert err == f"optbench: {words}\n"
    code, out, err = run("days.csv", "--column", "temp", "--skip-missing", "--out", "averages.csv")
    assert code == 0 and "2 rows without a value were left out" in err and cells(out)["temp"] == ["40", "45"]
    table = pd.read_csv("averages.csv")
    assert table["row"].tolist() == [1, 3]
    np.testing.assert_allclose(table["temp_ewa_0.9"], twin(VALUES[[0, 2]], 0.9, False), rtol=1e-13)


def test_thinning_keeps_the_ends_and_every_extreme():
    y = np.random.default_rng(0).standard_normal(100_003)
    y[[10, 99_000]] = 50.0, -50.0
    x, kept = thin_out(np.arange(len(y)), y, bins=100)
    assert len(kept) <= 202 and x[0] == 0 and x[-1] == len(y) - 1 and (np.diff(x) > 0).all()
    assert kept.max() == 50.0 and kept.min() == -50.0
    np.testing.assert_array_equal(kept, y[x])
    x, kept = thin_out(np.arange(150), y[:150], bins=100)
    np.testing.assert_array_equal(kept, y[:150])


def test_the_first_values_are_shown_with_the_variant_for_there_they_differ(run):
    Path("days.csv").write_text("temp\n" + "\n".join(map(str, range(10, 18))) + "\n")
    plain = cells(run("days.csv", "--beta", "0.9")[1])
    assert plain["uncorrected"][2:] == ["1", "2", "...", "7", "8"] and plain["beta=0.9"][2:4] == ["1", "2"]
    right = cells(run("days.csv", "--beta", "0.9", "--bias-correction")[1])
    assert right["beta=0.9"][2] == "10" and "corrected" in right and "uncorrected" not in right


def test_hints_at_the_column_and_at_the_decimal_point(run):
    assert run("days.csv", "--column", "date")[2].endswith("'2020-01-01': not a number; numeric columns: temp\n")
    told = "commas separate betas, and a decimal takes a point: 0.9\n"
    assert run("days.csv", "--beta", "0,9")[2].endswith(told) and not run("days.csv", "--beta", "1.5")[2].endswith(told)


@pytest.mark.parametrize("text", ["year,sales\n2001,3.5\n2002,4.5\n2003,2\n", ",sales\n0,3.5\n1,4.5\n2,2\n"])
def test_a_column_that_counts_rows_is_not_averaged(run, text):
    Path("sales.csv").write_text(text)
    code, out, err = run("sales.csv", "--beta", "0.5")
    assert code == 0 and err.startswith("averaging 'sales', for '") and "counts rows; --column names another" in err
    assert cells(out)["sales"] == ["3.5", "4.5", "2"]
    Path("counted.csv").write_text("day,year,sales\n1,2001,3.5\n2,2002,4.5\n3,2003,2\n")
    assert run("counted.csv")[2] == "averaging 'sales', for 'day' and 'year' count rows; --column names another\n"
    Path("two.csv").write_text("a,b\n1.5,3.5\n2,4.5\n3,2\n")
    code, out, err = run("two.csv")
    assert code == 2 and "the numeric ones are: a, b" in err


def test_a_file_without_a_line_of_names_is_noticed(run):
    file = Path("plain.csv")
    file.write_text("2024-01-01,3.5\n2024-01-02,4.5\n2024-01-03,5.0\n")
    code, _, err = run("plain.csv")
    said = "the first line names the columns, so '3.5' is not averaged: put a line of names above it"
    assert code == 0 and " ".join(err.split()) == said
