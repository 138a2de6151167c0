"""Which cases are among the README's tests, which take five minutes: a kernel takes 0.3 to 10 s to compile."""

import pytest

QUICK = {
    *("adam", "gd", "momentum", "rmsprop", "lamb", "muon", "schedule_free_sgd", "sps", "clip", "average"),
    *("quadratic", "rosenbrock", "saddle", "plateau", "least_squares", "logistic", "mlp", "noisy", "moving"),
}
"""The optimizers, wrappers and problems that every promise is tried with there; all others are slow cases of it."""


def slow(*values):
    """Return a case of a parametrized test that runs in the slow part alone; of a whole test it would make a value."""
    if getattr(values[0], "__name__", "").startswith("test_"):
        raise TypeError(f"{values[0].__name__}: a test that is slow as a whole is marked @pytest.mark.slow")
    return pytest.param(*values, marks=pytest.mark.slow)


def some_quick(cases, quick=QUICK):
    """Return the cases for parametrize: slow ones but where a text, up to its parenthesis, is in ``quick``.

    Of several values in a case, the first one is that text.
    """
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*case) if case[0].split("(")[0] in quick else slow(*case) for case in several]
