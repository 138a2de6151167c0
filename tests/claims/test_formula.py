"""Formulas as MathML: what is drawn, and what is refused."""

from xml.etree import ElementTree

import pytest

from optbench import lecture
from optbench.claims.formula import to_mathml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v_t", "<msub><mi>v</mi><mi>t</mi></msub>"),
        ("β_1^t", "<msubsup><mi>β</mi><mn>1</mn><mi>t</mi></msubsup>"),
        ("x^2_i", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        (r"\sqrt{S + ε}", "<msqrt><mrow><mi>S</mi><mo>+</mo><mi>ε</mi></mrow></msqrt>"),
        ("(1)", '<mo stretchy="false">(</mo><mn>1</mn><mo stretchy="false">)</mo>'),
        ("0.95 < 1", "<mn>0.95</mn><mo>&lt;</mo><mn>1</mn>"),
        (r"\{8\}", '<mo stretchy="false">{</mo><mn>8</mn><mo stretchy="false">}</mo>'),
        (r"\hat{m}_t", '<msub><mover><mi>m</mi><mo stretchy="false">^</mo></mover><mi>t</mi></msub>'),
    ],
)
def test_tex_as_mathml(text, expected):
    assert to_mathml(text) == f"<math>{expected}</math>"


@pytest.mark.parametrize("text", [r"\alpha", "{a", "a}", "a_", r"\frac{1}"])
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(ValueError, match="brace|early|not known"):
        to_mathml(text)


def test_every_formula_of_the_lecture_is_whole():
    formulas = [formula for claim in lecture.claims() for formula in claim.formulas]
    assert len(formulas) > 20
    for formula in formulas:
        ElementTree.fromstring(to_mathml(formula))
