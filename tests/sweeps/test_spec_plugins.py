"""Files that optimizers name themselves become plug-ins of the spec; no library is needed to read that."""

import tomllib

import pytest

import optbench
from optbench.sweeps.spec import find_differences, make_spec, read_spec

BASE = {"problems": ["rosenbrock"], "batch_sizes": ["full"], "learning_rates": [0.1], "seeds": 3, "steps": 5}


@pytest.mark.parametrize(
    ("text", "name", "files"),
    [
        ("torch:Mine(file=mine.py)", "torch:Mine", ["mine.py"]),
        ("torch:Mine(file='my own/mine.py', beta=[0.8, 0.9])", "torch:Mine(beta=[0.8, 0.9])", ["my own/mine.py"]),
        ("optax:mine(b1=0.5, file=~/mine.py)", "optax:mine(b1=0.5)", ["~/mine.py"]),
        ("torch:Mine(file=../mine.py, nesterov=True)", "torch:Mine(nesterov=True)", ["../mine.py"]),
        ("torch:Mine(eps=1e-8:1e-2:3, file=mine.py)", "torch:Mine(eps='1e-8:1e-2:3')", ["mine.py"]),
        ("torch:Mine(beta=0.8)", "torch:Mine(beta=0.8)", []),
        ("adam(beta1=0.8)", "adam(beta1=0.8)", []),
    ],
)
def test_a_file_leaves_the_name_for_the_plugins(text, name, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    places = {"mine.py": tmp_path, "my own/mine.py": tmp_path, "../mine.py": tmp_path, "~/mine.py": None}
    expected = [
        str(tmp_path / "home/mine.py") if places[file] is None else str((tmp_path / file).resolve()) for file in files
    ]
    for optimizers in (text, [text]):
        spec = make_spec({**BASE, "optimizers": optimizers}, {})
        assert (list(spec.optimizers), list(spec.plugins)) == ([name], expected)
        again = make_spec(tomllib.loads(spec.to_toml()))
        assert not find_differences(spec, again)  # what the folder keeps says the same


def test_whole_settings_and_plugins_that_are_there_already(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = {"problem": "rosenbrock", "optimizer": "torch:Mine(file=mine.py, beta=0.5)", "lr": 0.1}
    raw = {"problems": ["rosenbrock"], "chosen": [entry], "plugins": ["other.py", "mine.py"], "seeds": 2, "steps": 5}
    spec = make_spec(raw, {})
    assert spec.chosen[0].optimizer == "torch:Mine(beta=0.5)"
    assert spec.plugins == (str(tmp_path / "other.py"), str(tmp_path / "mine.py"))


def test_a_file_of_a_spec_stands_beside_it_and_one_of_a_flag_where_the_command_was_given(tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "specs" / "mine.toml"
    file.write_text(
        'problems = ["rosenbrock"]\noptimizers = ["torch:Mine(file=mine.py)", "adam"]\nbatch_sizes = ["full"]\n'
        "learning_rates = [0.1]\nseeds = 2\nsteps = 5\n"
    )
    assert read_spec(file).plugins == (str(tmp_path / "specs" / "mine.py"),)
    changed = read_spec(file, {"optimizers": "torch:Mine(file=mine.py)"})
    assert changed.plugins == (str(tmp_path / "mine.py"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("torch:Mine(file=3)", "torch:Mine: file=3 must be one path"),
        ("torch:Mine(file=['a.py', 'b.py'])", "must be one path"),
        ("torch:Mine(file='')", "file: '' is no path"),
    ],
)
def test_what_is_no_file_is_refused(text, told):
    with pytest.raises(optbench.OptbenchError) as error:
        make_spec({**BASE, "optimizers": [text]}, {})
    assert told in str(error.value)


def test_files_in_what_is_no_list_of_texts_are_left_to_the_checks_of_the_spec():
    for optimizers in (3, [3], [["torch:Mine(file=mine.py)"]], {"file": 1}):
        with pytest.raises(optbench.OptbenchError):
            make_spec({**BASE, "optimizers": optimizers}, {})
