"""``optbench show NAME --as LIBRARY`` prints code and nothing else."""

import pytest

import optbench
from optbench.cli import app


def test_it_prints_what_the_function_gives(capsys, monkeypatch):
    arguments = ["optbench", "show", "momentum(beta1=0.8)", "--as", "torch", "--lr", "0.1", "--schedule", "cosine"]
    monkeypatch.setattr("sys.argv", [*arguments, "--batch-size", "full", "--epochs", "3"])
    with pytest.raises(SystemExit) as end:
        app.main()
    out, err = capsys.readouterr()
    expected = optbench.training_code(
        "momentum", "torch", lr=0.1, schedule="cosine", batch_size="full", epochs=3, beta1=0.8
    )
    assert not end.value.code and not err and out == expected
    compile(out, "<code>", "exec")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["adam", "--as", "tensorflow"], "unknown library 'tensorflow'"),
        (["adam", "--as", "torhc"], "unknown library 'torhc': did you mean 'torch'?"),
        (["adm", "--as", "torch"], "unknown optimizer 'adm': did you mean 'adam'?"),
        (["adam", "--lr", "0.1"], "--lr is for code: say in which library, --as torch, optax, keras"),
        (["cosine", "--as", "torch"], "cosine is a schedule; its schedule is an option: --schedule cosine"),
        (["rosenbrock", "--as", "optax"], "--as wants an optimizer, and rosenbrock is a problem"),
        (["clip", "--as", "torch"], "clip goes around another optimizer: write clip(adam)"),
        (["adam", "--as", "keras", "--batch-size", "half"], "batch_size: 'half' must be"),
        (["adam", "--as", "keras", "--json"], "give one of them"),
        (["adam(beta=1)", "--as", "keras"], "unknown parameter of optimizer adam 'beta'"),
    ],
)
def test_wrong_words_end_in_one_line(run, arguments, words):
    code, out, err = run("show", *arguments)
    assert code == 2 and not out and words in err and err.startswith("optbench: ")


def test_show_tells_what_equals_it_elsewhere(run):
    code, out, err = run("show", "momentum")
    assert code == 0 and not err and "in torch SGD(lr=lr * (1 - beta1), momentum=beta1)" in out
    assert "in keras SGD(" in out and "if constant # Keras multiplies" in out
