"""Names with parameters: read, written, split and converted."""

import pytest

from optbench.contract.errors import unknown
from optbench.contract.names import canonical, convert, fill_defaults, parse, split_list


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adam", ("adam", {})),
        ("adam()", ("adam", {})),
        ("quadratic(dim=100, condition=1e4)", ("quadratic", {"dim": 100, "condition": 1e4})),
        (
            "f(a=-1.5, b='x, y', c=(1, 2), d=[3], e=True)",
            ("f", {"a": -1.5, "b": "x, y", "c": (1, 2), "d": [3], "e": True}),
        ),
        ("adam(betas=(0.8, 0.9), eps=0)", ("adam", {"beta1": 0.8, "beta2": 0.9, "eps": 0})),
        ("clip(adan(betas=[0.1, 0.2, 0.3]), norm=1)", ("clip", {"": "adan(betas=[0.1, 0.2, 0.3])", "norm": 1})),
        ("logistic(data=digits)", ("logistic", {"data": "digits"})),
        ("logistic(data=gaussian(examples=10, seed=1))", ("logistic", {"data": "gaussian(examples=10, seed=1)"})),
        ("mlp(data=/home/me/a-b.v2.csv, hidden=(4,))", ("mlp", {"data": "/home/me/a-b.v2.csv", "hidden": (4,)})),
        ("mlp(data= ~/d.npz )", ("mlp", {"data": "~/d.npz"})),
        (r"mlp(data=C:\new\d.csv)", ("mlp", {"data": r"C:\new\d.csv"})),
        ("adam(eps=1e-8:1e-2:4, beta1=0.9)", ("adam", {"eps": "1e-8:1e-2:4", "beta1": 0.9})),
        ("adam(beta1=uniform(0, 1))", ("adam", {"beta1": "uniform(0, 1)"})),
        ("mlp(data=file(path=../d.csv, target=y))", ("mlp", {"data": "file(path='../d.csv', target=y)"})),
        ("file(path=a.csv.gz, target=class)", ("file", {"path": "a.csv.gz", "target": "class"})),
        (
            "f(encoding=latin-1, target=größe, sep=;, drop=(id, 'a b', 3))",
            ("f", {"encoding": "latin-1", "target": "größe", "sep": ";", "drop": ("id", "a b", 3)}),
        ),
        ("l(data=file(encoding=utf-8-sig, sep=;))", ("l", {"data": "file(encoding='utf-8-sig', sep=';')"})),
        ("f(a='x=/b, c', d=\"e=f.csv)\")", ("f", {"a": "x=/b, c", "d": "e=f.csv)"})),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("name", "parameters", "text"),
    [
        ("adam", {}, "adam"),
        ("mlp", {"hidden": (32, 16), "activation": "tanh"}, "mlp(hidden=(32, 16), activation='tanh')"),
        ("mlp", {"hidden": (), "data": "a'b\"c, (d"}, None),
        ("f", {"x": 1e-300, "y": 0.1, "z": -0.0}, "f(x=1e-300, y=0.1, z=-0.0)"),
        ("logistic", {"data": "gaussian(examples=10)"}, "logistic(data='gaussian(examples=10)')"),
        ("logistic", {"data": "/b c/it's.csv"}, None),
    ],
)
def test_canonical_text_is_read_back(name, parameters, text):
    made = canonical(name, parameters)
    assert text is None or made == text
    assert parse(made) == (name, parameters)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        ("a, b(x=1, y=2), c", ["a", "b(x=1, y=2)", "c"]),
        ("m(hidden=(8, 4), data=g(n=1, k=[2, 3])),b", ["m(hidden=(8, 4), data=g(n=1, k=[2, 3]))", "b"]),
        ("f(x='a, (b'), g(y=\"it's, so\")", ["f(x='a, (b')", 'g(y="it\'s, so")']),
    ],
)
def test_split_list(text, expected):
    assert split_list(text) == expected


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        (3, 1.0, 3.0), (2.5, 1.0, 2.5), (1e4, 7, 10000), (7, 1, 7), ("a", "b", "a"), (True, False, True),
        (8, (1,), (8,)), (8.0, (1,), (8,)), ([1, 2], (1,), (1, 2)), ((), (1,), ()),
    ],
)  # fmt: skip
def test_convert(value, default, expected):
    made = convert("problem p", "key", value, default)
    assert made == expected and type(made) is type(expected)


def test_fill_leaves_the_defaults_alone():
    defaults = {"dim": 20, "noise": 0.1}
    assert fill_defaults("problem", "p", {"noise": 1}, defaults) == {"dim": 20, "noise": 1.0}
    assert defaults == {"dim": 20, "noise": 0.1}


def test_unknown_names_are_answered_with_the_nearest_or_with_all():
    assert str(unknown("thing", "betta", ["beta", "alpha"])) == "unknown thing 'betta': did you mean 'beta'?"
    assert str(unknown("thing", "adamw", ["Adam", "AdamW"])) == "unknown thing 'adamw': did you mean 'AdamW'?"
    assert str(unknown("thing", "adma", ["adadelta", "adam", "adamax"])) == "unknown thing 'adma': did you mean 'adam'?"
    assert str(unknown("thing", "xyz", ["beta", "alpha"])) == "unknown thing 'xyz': valid names: alpha, beta"
    assert str(unknown("thing", "xyz", [])) == "unknown thing 'xyz': valid names: none"
