"""C4: what the classifier sees and learns, and verdicts that turn with its errors."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import QUICK, judged

from optbench.lecture import c4_quiz


def test_features_of_simple_paths():
    t = np.arange(25.0)
    straight, zigzag = np.column_stack([t, 0 * t]), np.column_stack([0.0 * t, (-1.0) ** t])
    assert c4_quiz.path_features(straight) == (1.0, 0.0, 0.0)
    assert c4_quiz.path_features(zigzag) == (-1.0, 1.0, 0.0)
    faster = np.column_stack([t**2, 0 * t])
    assert c4_quiz.path_features(faster) == (1.0, 0.0, pytest.approx(np.log(47)))


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [((0.0, 0.0), "holds"), ((0.7, 0.7), "does not hold"), ((0.0, 0.7), "depends"), ((0.0, 0.5), "undecided")],
)
def test_the_quiz_is_judged_by_unseen_paths(wrong, expected):
    rows = []
    for band, share in zip(c4_quiz.RATES, wrong, strict=True):
        for place in range(100):
            guess = "small beta" if place < 100 * share else "GD"
            rows.append({"use": "test", "band": band, "kind": "GD", "guess": guess})
        rows += [{"use": "train", "band": band, "kind": "GD", "guess": "large beta"}] * 50
    found = judged("C4", paths=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, pytest.approx(1 - np.mean(wrong)))


def test_the_classifier_learns_from_the_training_rows_alone():
    rng = np.random.default_rng(0)
    kinds = rng.choice(list(c4_quiz.KINDS), 200)
    place = np.array([list(c4_quiz.KINDS).index(kind) for kind in kinds], float)
    paths = pd.DataFrame({name: place + 0.1 * rng.standard_normal(200) for name in c4_quiz.FEATURES})
    paths = paths.assign(kind=kinds, use=["train", "test"] * 100)
    assert (c4_quiz.classify(paths).query("use == 'test'").eval("kind == guess")).mean() == 1.0
    shuffled = paths.assign(kind=np.where(paths["use"] == "train", rng.permutation(kinds), kinds))
    assert (c4_quiz.classify(shuffled).query("use == 'test'").eval("kind == guess")).mean() < 0.6


def test_the_quiz_is_played_on_bowls_that_the_classifier_has_not_seen():
    paths = c4_quiz.experiment(QUICK)["paths"]
    train, test = (set(paths.loc[paths["use"] == use, "bowl"]) for use in ("train", "test"))
    assert train and test and not train & test
    assert (paths.groupby(["bowl", "rate"])["kind"].nunique() == 3).all()
