"""Keywords of `optbench.sweep`: every key of a spec is one, which Tab, help and type checkers see."""

import inspect

from IPython.core.completer import IPCompleter, provisionalcompleter

import optbench
from optbench.cli.sweep_options import KEY_OPTIONS
from optbench.plan.keywords import Keywords
from optbench.plan.spec import Spec
from optbench.plan.spec_files import ABLATE, DATA_KEYS

KEYS = {*Spec.model_fields, *DATA_KEYS, ABLATE, "lr"} - {"given"}  # which take_records writes


def test_every_key_of_a_spec_is_a_keyword():
    assert {*Keywords.__annotations__} == KEYS >= {each.key for each in KEY_OPTIONS}
    shown = inspect.signature(optbench.sweep).parameters
    assert {*shown} > KEYS and not any(each.kind is each.VAR_KEYWORD for each in shown.values())


def test_tab_offers_the_keywords():
    text, completer = "optbench.sweep(data=table, ta", IPCompleter(namespace={"optbench": optbench}, use_jedi=False)
    with provisionalcompleter():
        assert [each.text for each in completer.completions(text, len(text))] == ["target="]
