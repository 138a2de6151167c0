"""Texts -> trees, where Python itself fails for no fault of the text."""

import ast

from optbench.contract import source_code


def test_a_thread_that_disturbs_another_costs_a_try(monkeypatch):
    errors = [SystemError("AST constructor recursion depth mismatch")] * 3
    plain = ast.parse

    def disturbed(text):
        if errors:
            raise errors.pop()
        return plain(text)

    monkeypatch.setattr(source_code.ast, "parse", disturbed)
    assert ast.unparse(source_code.parse_source("a = 1")) == "a = 1" and not errors
