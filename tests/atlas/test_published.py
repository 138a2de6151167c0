"""Published orders: the numbers are of optimizers that there are, and correlations are those of scipy."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from optbench.atlas import published
from optbench.atlas.kinds import order_by_kind
from optbench.catalogue import loader
from optbench.wording.published_texts import describe_published, headline_published


def planted(problems):
    """A ranking with these ratios: problem -> optimizer -> ratio."""
    rows = [{"problem": problem, "optimizer": name, "ratio": ratio}
            for problem, ratios in problems.items() for name, ratio in ratios.items()]  # fmt: skip
    rows += [{"problem": "all", "optimizer": name, "ratio": np.nan} for name in {row["optimizer"] for row in rows}]
    return pd.DataFrame(rows)


def ratios_like(values, better):
    """Ratios in the order of published values."""
    order = sorted(values, key=values.get, reverse=better == "higher")
    return {name: float(place) for place, name in enumerate(order, 1)}


def test_an_order_is_by_the_geometric_mean_over_a_kind():
    orders = order_by_kind(planted({
        "quadratic": {"gd": 1.0, "adam": 4.0, "lion": np.nan},
        "quadratic(condition=1e4)": {"gd": 9.0, "adam": 1.0, "lion": 2.0},
        "mlp": {"gd": 8.0, "adam": 1.0, "lion": 1.0},
        "of_mine": {"gd": 1.0, "adam": 1.0, "lion": 1.0},
    }))  # fmt: skip
    assert list(orders.columns) == ["quadratics", "networks", "all"]
    assert list(orders.index) == ["adam", "lion", "gd"]
    np.testing.assert_allclose(orders.loc["gd"], [3, 8, 72**0.25])
    np.testing.assert_allclose(orders.loc["lion", "quadratics"], 8**0.5)  # a failure counts as the worst ratio, 4


def test_published_numbers_name_optimizers_and_their_place():
    known = set(loader.load().optimizers)
    for each in published.read():
        assert set(each.values) <= known
        assert each.better in ("lower", "higher") and each.url.startswith("https://") and each.where and each.citation
        assert len(each.values) >= published.FEWEST or each.source == "AlgoPerf 0.5"


@pytest.mark.parametrize("shift", [0, 1, 3])
def test_correlations_are_those_of_scipy(shift):
    for each in published.read():
        ratios = ratios_like(each.values, each.better)
        names = list(ratios)
        moved = dict(zip(names, np.roll([*ratios.values()], shift), strict=True))
        table = published.correlate(planted({"mlp": moved, "quadratic": dict.fromkeys(names, 1.0)}))
        rows = table[table["source"] == each.source].set_index("kind")
        sign = 1 if each.better == "lower" else -1
        wanted = spearmanr([sign * each.values[name] for name in names], [moved[name] for name in names]).statistic
        assert rows.loc["networks", "rho"] == pytest.approx(wanted)
        assert rows.loc["networks", "names"] == len(names)
        assert np.isnan(rows.loc["quadratics", "rho"])  # all are equal there
        has_interval = len(names) >= published.FEWEST
        assert rows.loc["networks", ["low", "high", "p"]].notna().all() == has_interval
        if has_interval:
            assert -1 < rows.loc["networks", "low"] < wanted + 1e-9 and rows.loc["networks", "high"] < 1


def test_p_is_that_of_all_orders():
    x, y = np.arange(5.0), np.array([0.0, 2, 1, 3, 4])
    every = [spearmanr(x, each).statistic for each in itertools.permutations(y)]
    share = np.mean(np.abs(every) >= spearmanr(x, y).statistic - 1e-9)
    assert published._correlate(x, y)["p"] == pytest.approx(share)


def test_texts_say_what_was_found():
    most = max(published.read(), key=lambda each: len(each.values))
    ratios = ratios_like(most.values, most.better)
    names, places = list(ratios), [*ratios.values()]
    backwards = dict(zip(names, places[::-1], strict=True))
    clearer = {name: place**3 for name, place in ratios.items()}
    table = published.correlate(planted({"mlp": clearer, "beale": backwards, "bigram": ratios}))
    table = table[table["source"] == most.source]
    shown = headline_published(table)
    assert shown.startswith(f"The order is shown to agree with {most.source} (on networks, 1.00 [")
    assert "on tokens" in shown and "classical" not in shown
    (said,) = describe_published(table)
    assert said.startswith(f"{most.source}, {len(names)} optimizers in common: ")
    assert "; most on networks, 1.00 [" in said and "; least on classical, -1.00 [" in said
    one_of_many = table.assign(p=0.02)  # one interval of four lies above 0, which is no news
    one_of_many.loc[one_of_many["kind"] != "networks", ["low", "high"]] = [-0.5, 0.5]
    said = headline_published(one_of_many)
    assert said.startswith("The order is not shown to agree with a published one (1 compared)")
    assert ": 1 of 4 intervals lies above 0, none below; " in said
    none = published.correlate(planted({"mlp": {"gd": 1.0, "rprop": 2.0}}))
    assert "too few" in describe_published(none)[0] and "No published order" in headline_published(none)
