"""Looks over several problems: those of the problems, and no two of a color."""

from staged import plain_table

from optbench.analysis.comparison import ALL
from optbench.figures import data, selection
from optbench.sweeps.results import Results


def test_of_many_optimizers_the_best_keep_the_look_that_they_have_on_a_problem():
    names = [f"rule {place}" for place in range(30)]
    runs = plain_table({name: 1 + place % 7 for place, name in enumerate(names)}, 2, (0.1,), names, ("p", "q"))
    evidence = data.report_data(Results(runs, None, None))
    looks = selection.styles_over(evidence, ALL)
    known = [looks_of[name] for looks_of in evidence.line_styles.values() for name in looks if name in looks_of]
    assert len({look["color"] for look in looks.values()}) == len(looks) == 10
    assert sum(look in known for look in looks.values()) >= 8
    assert selection.styles_over(evidence, ALL, ["rule 3"]) == {
        "rule 3": selection.styles_over(evidence, ALL, ["rule 3", "rule 4"])["rule 3"]
    }
