"""``optbench show NAME --as LIBRARY`` prints code and nothing else."""

import pytest

import optbench


def test_it_prints_what_the_function_gives(command):
    arguments = ["show", "momentum(beta1=0.8)", "--as", "torch", "--lr", "0.1", "--schedule", "cosine"]
    code, out, err = command(*arguments, "--batch-size", "full", "--epochs", "3")
    expected = optbench.training_code(
        "momentum", "torch", lr=0.1, schedule="cosine", batch_size="full", epochs=3, beta1=0.8
    )
    assert code == 0 and not err and out == expected
    compile(out, "<code>", "exec")


def test_the_code_trains_on_the_users_table(run, tmp_path):
    rows = "".join(f"{i},{'small' if i < 10 else 'large'}\n" for i in range(20) if i != 5)
    (tmp_path / "mine.csv").write_text(f"size,kind\n{rows}", encoding="utf-8")
    code, out, _ = run("show", "adam_torch", "--as", "torch", "--problem", "mlp(data=mine.csv)")
    assert code == 0 and "pd.read_csv('mine.csv'" in out and "torch.nn.Linear(1, 32)" in out
    code, out, err = run("show", "adam_torch", "--as", "torch", "--problem", "rosenbrock")
    assert code == 2 and not out and "rosenbrock is no network of dense layers on a table" in err


def test_show_tells_what_equals_it_elsewhere(run):
    code, out, err = run("show", "momentum")
    assert code == 0 and not err and "in torch SGD(lr=lr * (1 - beta1), momentum=beta1)" in out
    assert "in keras SGD(" in out and "if constant # Keras multiplies" in out
    assert "inside; adam_torch(eps=0.0001) is the nearest that it has" in " ".join(run("show", "adam")[1].split())


@pytest.mark.parametrize(("text", "name"), [("AdamW", "adamw"), ("ADAMW(beta1=0.8)", "adamw(beta1=0.8)")])
def test_another_spelling_of_one_name_is_followed(run, text, name):
    code, out, err = run("show", text, "--as", "torch")
    assert code == 0 and not err and out.split() == optbench.training_code(name).split()


def test_what_a_loop_does_is_no_name_of_the_library(run):
    code, out, _ = run("show", "clip(adam_torch)")
    assert code == 0 and "clipped(" not in out and "with a loop around it: --as torch" in " ".join(out.split())
    assert "in optax chain(clip_by_global_norm" in " ".join(out.split())


@pytest.mark.parametrize("kind", ["optimizers", "eager"])
def test_the_list_says_where_others_are(run, kind):
    code, out, err = run("list", kind)
    assert code == 0 and not err and "More: any of PyTorch's, torch:AdamW" in out
    assert run("list", "eager", "--json")[1].strip() == "[]"


def test_the_kernel_of_an_optimizer_is_printed(command):
    code, out, err = command("show", "clip(adam)", "--kernel")
    compile(out, "<kernel>", "exec")
    assert code == 0 and not err
    assert "\n\n\ndef update(w, g, state, scalars, powers, blocks, t, first, last):\n" in out
