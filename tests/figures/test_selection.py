"""Looks over several problems: those of the problems, and no two of a color."""

from staged import plain_table

from optbench.analysis.comparison import ALL
from optbench.figures import data, selection
from optbench.sweeps.results import Results


def test_of_many_optimizers_the_best_keep_the_look_that_they_have_on_a_problem():
    names = [f"rule {place}" for place in range(30)]
    runs = plain_table({name: 1 + place % 7 for place, name in enumerate(names)}, 2, (0.1,), names, ("p", "q"))
    results = data.report_data(Results(runs, None, None))
    styles = selection.select_styles(results, ALL)
    known = [others[name] for others in results.line_styles.values() for name in styles if name in others]
    assert len({style["color"] for style in styles.values()}) == len(styles) == 10
    assert sum(style in known for style in styles.values()) >= 8
    assert selection.select_styles(results, ALL, ["rule 3"]) == {
        "rule 3": selection.select_styles(results, ALL, ["rule 3", "rule 4"])["rule 3"]
    }
