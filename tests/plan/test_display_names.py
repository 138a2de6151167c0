"""Labels of problems and optimizers: who has which, and that either is taken where a name is asked for."""

import json

import pytest
from staged import answer_of, with_parts

import optbench
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import make_spec, parse_spec
from optbench.report import write_report
from optbench.wording.labels import list_optimizers
from optbench.wording.summary import summarize

PLAIN = {
    "problems": ["rosenbrock", "quadratic(dim=3)"], "optimizers": ["adam(beta1=0.8)", "gd", "clip(gd)"],
    "learning_rates": [1e-3, 1e-2], "steps": 30, "seeds": 4,
}  # fmt: skip
HOSTILE = "</script><b> & 100% $x_1$ \\end{table} =1+1"
LABELED = PLAIN | {
    "labels": {"quadratic(dim=3)": "Bowl", "adam(beta1=0.8)": "Ours", "clip(gd)": HOSTILE},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return the folders of one sweep without and with labels."""
    root = tmp_path_factory.mktemp("labels")
    for name, spec in (("plain", PLAIN), ("labeled", LABELED)):
        optbench.sweep(spec, out=root / name)
    return root / "plain", root / "labeled"


def test_labels_change_no_stored_table_and_no_id(folders):
    plain, labeled = ((folder / "runs.parquet").read_bytes() for folder in folders)
    assert plain == labeled
    assert (folders[0] / "curves.parquet").read_bytes() == (folders[1] / "curves.parquet").read_bytes()


def test_results_take_other_labels_and_give_the_names_back(folders):
    results = optbench.load(folders[1])
    renamed = results.labeled({"Ours": "gd 2", "Bowl": "quadratic(dim=3)", "clip": "Clipped"})
    assert renamed.labels == {"adam": "gd 2", "clip(gd)": "Clipped"}
    assert results.labels == {"adam": "Ours", "quadratic(dim=3)": "Bowl", "clip(gd)": HOSTILE}
    back = renamed.labeled({"adam": "adam", "clip(gd)": "clip(gd)"})
    assert back.labels == {}
    swapped = back.labeled({"adam": "gd", "gd": "adam"})
    assert [swapped.label_of(name) for name in ("adam", "gd", "clip(gd)")] == ["gd", "adam", "clip(gd)"]


@pytest.mark.slow
def test_a_label_that_is_the_name_of_another_is_read_as_the_label(folders):
    names = {"adam": "adam", "clip(gd)": "clip(gd)", "rosenbrock": "rosenbrock"}
    results = optbench.load(folders[1]).labeled(names)
    swapped = results.labeled({"adam": "gd", "gd": "adam"})
    was = optbench.compare(results, pair=("adam", "clip(gd)"), judge_by="loss").table.iloc[0]
    row = optbench.compare(swapped, pair=("gd", "clip(gd)"), judge_by="loss").table.iloc[0]
    assert (row["a"], row["ratio"]) == ("adam", was["ratio"])
    for name, real in (("gd", "adam"), ("adam", "gd")):
        assert swapped.best("rosenbrock", optimizer=name).lr == results.best("rosenbrock", optimizer=real).lr
        assert list_optimizers([name], ["gd", "adam"], swapped.labels) == [real]


@pytest.mark.slow
def test_the_page_and_latex_have_labels_escaped(folders):
    page = write_report(folders[1], static=True, tables=["tex"])
    text = page.read_text(encoding="utf-8")
    assert "Ours" in text
    assert "</script><b>" not in text
    assert r"\textbackslash{}end\{table\}" in (page.parent / "tables" / "ranking.tex").read_text()


def test_figures_take_a_name_or_its_label(folders):
    results = optbench.load(folders[1])
    drawn = [results.plot.curves(problem=name, optimizers=who).get_legend_handles_labels()[1]
             for name, who in (("Bowl", ["Ours"]), ("quadratic(dim=3)", ["adam"]))]  # fmt: skip
    assert drawn[0] == drawn[1]
    assert drawn[0][0] == "Ours"


@pytest.mark.slow
def test_folders_with_other_labels_are_compared_by_the_names_behind_them(folders):
    table = optbench.compare(*folders).table
    assert list(table["a"].unique()) == ["adam", "gd", "clip(gd)", "all"]
    assert (table.loc[table["problem"] != "all", "identical"] == 1).all()
    pair = optbench.compare(folders[1], pair=("adam", "gd")).table
    assert set(pair["a"]) == {"adam"}


def test_a_spec_keeps_its_labels_and_drops_those_of_what_is_replaced():
    spec = make_spec(LABELED)
    assert parse_spec(spec.to_toml()) == spec
    assert spec.optimizers == ("adam(beta1=0.8)", "gd", "clip(gd)")
    assert make_spec(LABELED, {"optimizers": "gd"}).labels == {"quadratic(dim=3)": "Bowl"}
    assert make_spec(LABELED, {"problems": "rosenbrock", "optimizers": ["clip(gd)"]}).labels == {"clip(gd)": HOSTILE}
    assert make_spec(LABELED, {"labels": {"gd": "GD"}}).labels["gd"] == "GD"


def test_colors_are_checked_and_kept_by_name(folders):
    results = optbench.load(folders[1]).labeled(colors={"Ours": "tab:red", "gd": "#123456"})
    assert results.colors == results.labeled({"adam": "Mine"}).colors == {"adam": "#d62728", "gd": "#123456"}


@pytest.mark.parametrize("labels", [{"gd": 3}, {"gd": "a\nb"}, {"gd": "x", "adam": "x"}, ["gd"]])
def test_forged_labels_in_a_folder_are_refused(folders, tmp_path, labels):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folders[0].iterdir():
        if file.is_file() and file.name != "manifest.json":
            (copy / file.name).write_bytes(file.read_bytes())
    facts = json.loads((copy / "provenance.json").read_text())
    (copy / "provenance.json").write_text(json.dumps(facts | {"labels": labels}))
    with pytest.raises(OptbenchError, match=r"provenance.json.*run the sweep again"):
        optbench.load(copy)


@pytest.mark.slow
def test_given_hyperparameters_stand_in_settings_and_are_known_to_a_comparison():
    spec = {"problems": ["rosenbrock"], "optimizers": "clip(adam( beta1=0.5), norm=2), gd", "seeds": 3, "steps": 5}
    results = optbench.sweep(spec, learning_rates=[0.01], progress=False)
    answer = answer_of(results.runs, results.tuning_seeds, "loss", given=results.given)
    assert answer.leader("rosenbrock") == "clip(adam)"
    assert " clip(adam, beta1=0.5, norm=2)  0.01" in "\n".join(summarize(answer))
    labeled = summarize(with_parts(answer, labels={"clip(adam)": "Ours"}))
    assert " Ours(beta1=0.5, norm=2)  0.01" in "\n".join(labeled)
    table = optbench.compare(results, pair=("gd", "clip(adam(beta1=0.5), norm=2)")).table
    assert table["b"].tolist() == ["clip(adam)"]
    with pytest.raises(OptbenchError, match="unknown optimizer"):
        optbench.compare(results, pair=("gd", "clip(adam(beta1=0.6), norm=2)"))


@pytest.mark.slow
def test_given_hyperparameters_of_another_library_are_known_to_a_comparison():
    pytest.importorskip("torch")
    given = "torch:SGD(nesterov=True, momentum=0.9)"
    spec = {"problems": ["rosenbrock"], "optimizers": [given, "gd"], "seeds": 3, "steps": 5}
    results = optbench.sweep(spec, learning_rates=[0.001], workers=1, progress=False)
    assert optbench.compare(results, pair=("gd", given)).table["b"].tolist() == ["torch:SGD(nesterov=True)"]
