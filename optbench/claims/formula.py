r"""Formulas as MathML, which browsers draw without a script, from a small part of TeX.

Letters and numbers, ``_`` and ``^``, braces, ``\frac{a}{b}``, ``\sqrt{a}``, ``\hat{a}``, and ``\{`` and ``\}`` for
braces that are seen; any other character is an operator.
"""

import re
from html import escape

_TOKEN = re.compile(r"\\[a-z]+|\\[{}]|\d+(?:\.\d+)?|\S")
_ARGUMENTS = {r"\frac": ("mfrac", 2), r"\sqrt": ("msqrt", 1)}


def to_mathml(text: str) -> str:
    r"""Return a formula as a math element. Raises ValueError for what it does not know.

    >>> to_mathml(r"\frac{v_t}{2}")
    '<math><mfrac><msub><mi>v</mi><mi>t</mi></msub><mn>2</mn></mfrac></math>'
    """
    tokens = _TOKEN.findall(text)[::-1]
    made = _row(tokens)
    if tokens:
        raise ValueError(f"a brace is closed that was not opened: {text!r}")
    return f"<math>{''.join(made)}</math>"


def _row(tokens: list[str]) -> list[str]:
    """Return the elements up to a closing brace or the end; tokens: in reverse, taken away as they are read."""
    made = []
    while tokens and tokens[-1] != "}":
        base, marks = _atom(tokens), {}
        while tokens and tokens[-1] in ("_", "^"):
            mark = tokens.pop()
            marks[mark] = _atom(tokens)
        kind = {"_": "sub", "^": "sup", "_^": "subsup"}.get("".join(sorted(marks, reverse=True)), "")
        parts = "".join([base, *(marks[mark] for mark in ("_", "^") if mark in marks)])
        made.append(f"<m{kind}>{parts}</m{kind}>" if kind else base)
    return made


def _atom(tokens: list[str]) -> str:
    """Return the next element: a letter, a number, an operator, a group, a fraction or a root."""
    if not tokens:
        raise ValueError("the formula ends too early")
    token = tokens.pop()
    if token in _ARGUMENTS:
        tag, count = _ARGUMENTS[token]
        return f"<{tag}>{''.join(_atom(tokens) for _ in range(count))}</{tag}>"
    if token == r"\hat":
        return f'<mover>{_atom(tokens)}<mo stretchy="false">^</mo></mover>'
    if token == "{":
        row = _row(tokens)
        if not tokens:
            raise ValueError("a brace is not closed")
        tokens.pop()
        return row[0] if len(row) == 1 else f"<mrow>{''.join(row)}</mrow>"
    if token.startswith("\\") and token[1:] not in ("{", "}"):
        raise ValueError(f"{token} is not known")
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    sign = escape(token.removeprefix("\\").replace("-", "−"))
    if sign in "()[]{}":  # as high as the letters, not as what stands above and below them
        return f'<mo stretchy="false">{sign}</mo>'
    return f"<mi>{sign}</mi>" if token.isalpha() else f"<mo>{sign}</mo>"
