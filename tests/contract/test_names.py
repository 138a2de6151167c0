"""Names with parameters: read, written, split and converted."""

import pytest

from optbench.contract.names import canonical, fill_defaults, parse


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


def test_fill_leaves_the_defaults_alone():
    defaults = {"dim": 20, "noise": 0.1}
    assert fill_defaults("problem", "p", {"noise": 1}, defaults) == {"dim": 20, "noise": 1.0}
    assert defaults == {"dim": 20, "noise": 0.1}
