"""Texts -> trees, where Python itself fails for no fault of the text."""

import ast

import pytest

from optbench.contract import syntax


def test_a_thread_that_disturbs_another_costs_a_try(monkeypatch):
    errors = [SystemError("AST constructor recursion depth mismatch")] * 3
    plain = ast.parse

    def disturbed(text):
        if errors:
            raise errors.pop()
        return plain(text)

    monkeypatch.setattr(syntax.ast, "parse", disturbed)
    assert ast.unparse(syntax.parsed("a = 1")) == "a = 1" and not errors


def test_a_wrong_text_is_told_at_once():
    with pytest.raises(SyntaxError):
        syntax.parsed("a = ")
