"""Languages: how a finished English text is found in another one, and what happens where it is not."""

import pytest
from markupsafe import Markup

from optbench import OptbenchError
from optbench.wording.languages import ENGLISH, Language, read_language

LATIN = Language(
    "la",
    "Latina",
    {
        "first": {"network": "rete", "next day": "postridie", "and": "&", "the rate": "ratio"},
        "second": {
            "{1} takes {2} steps.": "{2} gradus: {1}.",
            "{1} takes {2} steps. It diverges.": "{1} post {2} gradus divergit.",
            "{1} at {2}": "{2}: {1}",
            "It is {1}.": "Est {1}.",
            "not for {1}": "non: {1}",
            "at {1} of {2}": "{2}/{1}",
            "at {1} of {2} ({3} …)": "{2}/{1} ({3} …)",
            "{1} examples against {2}": "{2}/{1} exempla",
            "It was {1}.": "Erat {1}{2}.",
        },
    },
)


@pytest.mark.parametrize(
    ("english", "text"),
    [
        ("network", "rete"),
        (" next day", " postridie"),
        ("network takes 3 steps.", "3 gradus: rete."),
        ("network takes 3 steps. It diverges.", "rete post 3 gradus divergit."),  # the more letters before the fewer
        ("It is network. It is 2 [1, 3].", "Est rete. Est 2 [1, 3]."),
        ("It is network at 0.5, 2 at 0.9.", "Est 0.5: rete, 0.9: 2."),
        ("network 2% [1, 3], 7", "rete 2% [1, 3], 7"),
        ("not for 20 examples against 5", "non: 5/20 exempla"),  # what begins with words before what begins with a gap
        ("at 3 of 6 (16, 64 …), 9", "6/3 (16, 64 …), 9"),  # a comma in brackets ends no part of a list
        ("It was 2.", "Erat 2{2}."),  # a mistake of the translator is seen, and stops nothing
        ("β = 0.9", "β = 0.9"),
        ("", ""),
        ("network takes some steps.", "network takes some steps."),  # "some" is unknown: all of it stays English
        ("network, others", "network, others"),
    ],
)
def test_a_finished_text_is_found_by_its_english(english, text):
    assert LATIN(english) == text and ENGLISH(english) == english


def test_a_template_fills_gaps_and_escapes_what_is_no_markup():
    assert LATIN.markup("{1} at {2}", Markup("<b>x</b>"), "a<b") == "a&lt;b: <b>x</b>"
    assert ENGLISH.markup("{1} at {2}", 1, 2) == "1 at 2"
    assert LATIN.markup("a {1} that is no gap") == "a {1} that is no gap"


def test_a_language_is_a_file_and_another_one_is_refused(tmp_path):
    (tmp_path / "la.toml").write_text('name = "Latina"\n[first]\n"network" = "rete"\n')
    latin = read_language("la", tmp_path)
    assert (latin.code, latin.name, latin("network")) == ("la", "Latina", "rete")
    assert read_language("en", tmp_path) is ENGLISH
    with pytest.raises(OptbenchError, match="unknown language 'xx': valid names: en, la"):
        read_language("xx", tmp_path)
