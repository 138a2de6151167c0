"""What a user has beside what is tuned, and variants side by side: the runs that they make, and no others."""

import pandas as pd
import pytest

import optbench
from optbench.analysis import best_configurations
from optbench.analysis.answer import ask
from optbench.catalogue.loader import base_name, load
from optbench.cli.sweep_json import make_answer
from optbench.figures.data import report_data
from optbench.plan.spec_files import make_spec
from optbench.report.explorer import ExplorerData, short
from optbench.run.session import plan
from optbench.store.rows import describe_failures
from optbench.wording.comparisons import describe_sides
from optbench.wording.headlines import headline

DATA = "logistic(data=gaussian(examples=60, features=3, classes=2), l2=0.1)"
BOTH = ["gd", "momentum"]
SPEC = {"problems": [DATA], "optimizers": BOTH, "batch_sizes": [16, "full"], "schedules": "constant",
        "lr": "1e-2:1:3", "epochs": 4, "blocks": 3, "widen": 2, "final": 4, "report": 20}  # fmt: skip
HAVE = "momentum(beta1=0.8), lr=0.1, batch 4, cosine"
YOURS, HALF, MOST = "variant(momentum(beta1=0.8))", "variant(momentum(beta1=0.5))", "variant(momentum(beta1=0.9))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("incumbents")
    optbench.sweep(SPEC, have=HAVE, optimizers=BOTH, ablate="momentum(beta1=0.5|0.9)", out=folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return optbench.load(folder)


def test_an_incumbent_runs_with_its_setting_alone_in_every_stage(results):
    runs = results.runs[results.runs["optimizer"] == YOURS]
    setting = runs[["lr", "batch_size", "schedule", "beta1"]].drop_duplicates()
    assert setting.values.tolist() == [[0.1, 4, "cosine(final=0.0)", 0.8]]
    assert {*runs["stage"]} == {"screen", "race", "holdout", "final", "report"}


def test_it_stands_at_its_rate_and_is_no_level_line(results):
    """It has a rate, and what it gives at others is not known."""
    parts = ExplorerData(report_data(results))
    table = pd.DataFrame({key: parts.rates()[key] for key in ("optimizer", "rate", "level", "chosen", "median")}).query(
        "optimizer == @parts.optimizers.index(@YOURS)"
    )
    assert set(table["rate"]) == {0.1} and not table["level"].any()
    reports = parts.data.answer.reported_runs.query("optimizer == @YOURS")
    wanted = best_configurations(reports, [], choose_by="loss")["median"]
    assert table.loc[table["chosen"] == 1, "median"].tolist() == short(wanted)


def test_it_takes_the_steps_of_its_optimizer(results):
    run = results.runs[results.runs["optimizer"] == YOURS].iloc[0]
    setting = {"lr": 0.1, "batch_size": 4, "schedule": "cosine", "epochs": 4, "seed": int(run["seed"])}
    alone = optbench.minimize(DATA, optimizer="momentum(beta1=0.8)", **setting)
    assert run["loss_final"] == pytest.approx(alone.fun, rel=1e-12)


def test_its_code_and_its_setting_are_those_of_its_rule(results):
    best = results.best(optimizer="yours: momentum(beta1=0.8)")
    assert (best.optimizer, best.hyperparameters) == ("momentum", {"beta1": 0.8})
    assert "torch.optim.SGD(parameters, lr=0.1 * (1 - 0.8), momentum=0.8)" in best.code()
    assert best.code().startswith("# momentum with beta1=0.8") and "variant" not in best.code()


def test_programs_get_the_names_that_texts_have(results):
    made = make_answer(results.ask(), None)
    names = {*made["ranking"]["optimizer"], *made["verdicts"]["a"], *made["verdicts"]["b"]}
    assert names == {*made["recommended"]["optimizer"]}
    assert names == {*BOTH, "momentum(beta1=0.5)", "momentum(beta1=0.9)", "yours: momentum(beta1=0.8)"}


def test_messages_have_the_names_that_texts_have(results):
    for ask_for in (lambda: results.best(optimizer="xyz"), lambda: optbench.compare(results, pair=("gd", "xyz"))):
        with pytest.raises(optbench.OptbenchError, match=r"valid names: .*, yours: momentum\(beta1=0.8\)") as error:
            ask_for()
        assert "variant(" not in str(error.value)


def test_the_only_one_is_yours_in_a_comparison(results):
    short, long = (optbench.compare(results, pair=(name, "gd")).table for name in ("yours", YOURS))
    assert short.equals(long)


def test_runs_that_failed_are_yours(results):
    failed = results.runs[results.runs["optimizer"] == YOURS].assign(status="failed", failure="no memory")
    (pair,) = describe_failures(failed, results.labels)
    assert pair.endswith(") with yours: momentum(beta1=0.8)")


def test_the_name_of_what_a_variant_is_of():
    assert base_name("variant(clip(adam(beta1=0.8), norm=2))") == "clip(adam)"
    assert base_name("variant(torch:SGD(nesterov=True))") == "torch:SGD(nesterov=True)"
    assert base_name("adam(beta1=0.8)") == "adam(beta1=0.8)"


def test_batch_sizes_and_schedules_are_those_of_what_is_tuned(results):
    for of in ("batch_size", "schedule"):
        assert not {"4", "cosine(final=0.0)"} & {*ask(results, of=of).ranking[of]}


def test_tuning_is_no_unfair_advantage_over_it(results):
    rows = results.verdicts()
    mine = rows[(rows["a"] == YOURS) | (rows["b"] == YOURS)]
    assert (mine["trials"] == 1).all() and "wins" in {*mine["verdict"]} | {*mine["verdict"].replace("loses", "wins")}
    found = optbench.compare(results, pair=(YOURS, "gd"))
    assert (found.table["trials_a"][0], found.table["verdict"][0]) == (1, "wins")
    assert "unequal trials" not in " ".join(describe_sides(found.labeled()))


def test_a_pair_is_compared_with_the_luck_of_the_search_that_the_answer_has(results):
    """Before it is adjusted for other comparisons, the p-value of a pair is that of the answer."""
    known = results.verdicts().set_index(["a", "b"])["p"]
    for pair in ((HALF, MOST), ("gd", HALF)):
        assert optbench.compare(results, pair=pair).table["p"][0] == pytest.approx(known[tuple(sorted(pair))], rel=1e-9)


def test_the_ratio_of_a_pair_is_a_bound_where_the_answer_says_so():
    """The best rates of some lie beyond the range; with the sides exchanged "at least" is "at most"."""
    results = optbench.sweep(
        problems=["quadratic"], optimizers=["gd", "adam", "momentum"], learning_rates="log_uniform(0.01, 0.1)",
        trials=4, seeds=4, steps=100, batch_sizes=[16],
    )  # fmt: skip
    known = results.verdicts().set_index(["a", "b"])["bound"]
    turned = {"at least": "at most", "at most": "at least", "about": "about", "": ""}
    assert {*known} >= {"at least", "at most"}
    for a, b in known.index:
        assert optbench.compare(results, pair=(a, b)).table["bound"][0] == known[a, b]
        assert optbench.compare(results, pair=(b, a)).table["bound"][0] == turned[known[a, b]]


def test_variants_are_tuned_each_by_itself(results):
    runs = results.runs
    tried = {name: part for name, part in runs[runs["stage"] == "screen"].groupby("optimizer")}
    assert {*tried[HALF]["beta1"]} == {0.5} and {*tried[MOST]["beta1"]} == {0.9}
    assert len(tried[HALF]) == len(tried[MOST]) == len(tried["gd"])
    assert results.label_of(HALF) == "momentum(beta1=0.5)" and results.label_of(YOURS) == "yours: momentum(beta1=0.8)"


def test_the_others_are_screened_as_they_are_without_them(results):
    plain = optbench.sweep(SPEC, blocks=2, final=1, report=1, workers=1).runs
    screened = [{*each.loc[each["stage"] == "screen", "run_id"]} for each in (plain, results.runs)]
    assert screened[0] and screened[0] < screened[1]


def test_a_folder_with_both_resumes_and_runs_again_from_its_settings(folder, results):
    again = optbench.sweep(folder / "spec.toml", out=folder, workers=1)
    assert again.runs["run_id"].tolist() == results.runs["run_id"].tolist()
    chosen = optbench.sweep(folder / "chosen.toml", seeds=2, workers=1)
    assert len(chosen.runs["optimizer"].unique()) == 5
    assert chosen.label_of(next(name for name in chosen.runs["optimizer"] if "0.8" in name)).startswith("yours")


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("adam, lr=0.1", (0.1, "full", "constant", None)),
        ("adam, cosine, b32, lr = 1e-3", (0.001, 32, "cosine", None)),
        ("adam, epochs 5, lr=1", (1.0, "full", "constant", 5.0)),
        ("adam, lr=1, 0.5 epochs, cosine", (1.0, "full", "cosine", 0.5)),
        ("adam, batch_size 8, learning_rate=2, inverse(decay_rate=0.1)", (2.0, 8, "inverse(decay_rate=0.1)", None)),
        ("adam, full, lr=1", (1.0, "full", "constant", None)),
        ("adam, batch=full, lr=1", (1.0, "full", "constant", None)),
    ],
)
def test_settings_as_they_are_typed(text, setting):
    from optbench.plan.incumbents import _read_setting

    assert _read_setting(text, [part.strip() for part in text.split(",")][1:], ["full"]) == setting


def test_runs_of_a_length_of_their_own(tmp_path):
    """The schedule spans it, chosen.toml repeats it, and the answer says it."""
    have = "momentum, lr=0.1, batch 4, cosine, epochs 9"
    changes = {"judge_by": "loss", "blocks": 2, "final": 1, "report": 4, "widen": 0}
    found = optbench.sweep(SPEC, **changes, optimizers="gd", have=have, out=tmp_path, workers=1)
    lengths = found.runs.groupby("optimizer")["epochs"].agg(["min", "max"])
    assert lengths.loc["gd"].tolist() == [4, 4] and lengths.loc["variant(momentum)"].tolist() == [9, 9]
    run = found.runs[found.runs["optimizer"] == "variant(momentum)"].iloc[0]
    setting = {"lr": 0.1, "batch_size": 4, "schedule": "cosine", "epochs": 9, "seed": int(run["seed"])}
    assert run["loss_final"] == pytest.approx(optbench.minimize(DATA, optimizer="momentum", **setting).fun, rel=1e-12)
    assert headline(found.ask()).endswith(
        "; what you have runs 9 epochs, the others 4 (--epochs 9: all of them as long)"
    )
    again = optbench.sweep(tmp_path / "chosen.toml", seeds=1, workers=1).runs
    assert dict(zip(again["optimizer"], again["epochs"], strict=True)) == {"gd": 4, "variant(momentum)": 9}


def plan_of(**changes):
    return plan(make_spec(SPEC, changes), load())


@pytest.mark.parametrize(("sizes", "size"), [([16], 16), (["full"], "full")])
def test_a_batch_size_that_is_not_named_is_the_only_one(sizes, size):
    found = plan_of(have="adam, lr=0.1", batch_sizes=sizes)
    (mine,) = {each.cohort.batch_size for each in found.series if "adam" in each.cohort.optimizer.name}
    assert mine == (found.problems[0].examples if size == "full" else size)


def test_a_batch_size_is_asked_for_where_there_are_several():
    with pytest.raises(optbench.OptbenchError, match="lacks its batch size: add batch 32, or batch full"):
        plan_of(have="adam, lr=0.1")


@pytest.mark.parametrize(
    ("have", "in_torch"),
    [
        ("adam_torch(beta2=0.99), lr=0.001", "torch.optim.Adam(lr=0.001, betas=(0.9, 0.99), eps=1e-08)"),
        ("momentum, lr=0.01", "torch.optim.SGD(lr=0.001, momentum=0.9)"),
        (
            "clip(nesterov), lr=0.1",
            "torch.optim.SGD(lr=0.01, momentum=0.9, nesterov=True), and lines of the training loop",
        ),
        ("adam, lr=0.1", "The nearest that it has is adam_torch(eps=0.0001)."),
    ],
)
def test_a_line_says_what_was_understood(have, in_torch):
    (note,) = plan_of(have=f"{have}, batch 4, cosine").notes
    assert note.startswith(
        f"what you have: {have}, batch 4, cosine(final=0.0), as many epochs as the others: "
    ) and note.endswith(in_torch)


@pytest.mark.parametrize(
    ("have", "meant"),
    [
        (
            "SGD(lr=0.01, momentum=0.9), batch 4",
            "heavy_ball, lr=0.01, batch 4, constant, as many epochs",
        ),
        (
            "AdamW(eps=1e-6), b4, lr=0.01",
            "adamw(eps=1e-06), lr=0.01, batch 4, constant, as many epochs",
        ),
        ("SGD(momentum=0.9, nesterov=True), b4, lr=0.01", "nesterov, lr=0.1, batch 4"),
    ],
)
def test_what_you_have_as_pytorch_writes_it(have, meant):
    assert plan_of(have=have).notes[0].startswith(f"what you have: {meant}")


def test_a_sweep_of_pytorchs_words_resumes_from_its_folder(tmp_path):
    spec = {"problems": [DATA], "optimizers": "gd", "lr": [0.1], "epochs": 1, "have": "torch.optim.SGD(lr=0.01), b16"}
    first = optbench.sweep(spec, out=tmp_path, workers=1)
    again = optbench.sweep(tmp_path / "spec.toml", out=tmp_path, workers=1)
    assert again.runs["run_id"].tolist() == first.runs["run_id"].tolist()
    assert "variant(gd)" in {*again.runs["optimizer"]}


def test_no_batch_size_is_asked_for_where_all_are_the_same():
    with pytest.warns(UserWarning, match="every batch is the same"):
        found = optbench.sweep(
            problems=[(lambda w: w @ w, [1.0, 2.0])], optimizers="gd", have="momentum, lr=0.1",
            batch_sizes=[4, "full"], lr=[0.1], seeds=1, steps=2, workers=1,
        )  # fmt: skip
    assert set(found.runs["batch_size"]) == {1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"have": "adam"}, "have: 'adam' lacks its learning rate"),
        ({"have": "adam, lr=fast"}, "have: lr='fast' must be a number"),
        ({"have": "adam, lr=1, epochs many"}, "have: epochs='many' must be a number"),
        ({"have": "adam, lr=1, epochs 0"}, "epochs: a budget of 0"),
        ({"have": "adam, lr=1, epochs 9"}, "runs of several lengths are compared at their end"),
        ({"have": "adam, lr=-1"}, "have: lr=-1.0 must be a positive"),
        ({"have": "adam, lr=1, cosine, inverse"}, "has two of what may be its schedule"),
        ({"have": "adam, lr=1, b0"}, "have: batch 0"),
        ({"have": "adm, lr=1"}, "did you mean 'adam'"),
        ({"have": "adam, lr=1, bach 256, cosine"}, "have: unknown word 'bach': did you mean 'batch'?"),
        ({"have": "adam, lr=1, epoch=5"}, "have: unknown word 'epoch': did you mean 'epochs'?"),
        ({"have": "adam, learning_rat=1"}, "have: unknown word 'learning_rat': did you mean 'learning_rate'?"),
        ({"have": "adam, lr=1, cosin"}, "did you mean 'cosine'"),
        ({"have": "Adam(lr=1), lr=2"}, "has two of what may be its lr"),
        ({"have": "Adam(lr=1, maximize=True)"}, "have: Adam(maximize=True) has no equal here"),
        ({"have": "Adam(betas=(0.9, 0.99))"}, "have: 'Adam(betas=(0.9, 0.99))' lacks its learning rate"),
        ({"have": "Adam lr 0.001"}, "have: 'Adam lr 0.001' is no optimizer, rate and batch between commas"),
        ({"have": "lr=0.001, adam"}, "between commas: write 'adam_torch, lr=0.001, batch 256, cosine'"),
        ({"have": "lbfgs, lr=1"}, "lbfgs is SciPy's"),
        ({"have": ["adam, lr=1", "adam, lr=2"]}, "have names adam twice"),
        ({"have": 3}, "have"),
        ({"ablate": "adam"}, "ablate: 'adam' has no values to compare: write 'adam(beta1=0.5|0.9)'"),
        ({"ablate": "adam(beta7=1|2)"}, "unknown parameter of optimizer adam 'beta7'"),
    ],
)
def test_what_is_refused(changes, said):
    with pytest.raises(optbench.OptbenchError) as error:
        optbench.sweep({**SPEC, "problems": ["rosenbrock"], "batch_sizes": 16}, **changes)
    assert said in str(error.value) and "\n" not in str(error.value)
