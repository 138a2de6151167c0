"""The noisy quadratic model."""

import numpy as np

SETTINGS = ["nqm(dim=1)", "nqm(dim=40, decay=2.0, noise=0.1)"]
NOT_ANALYTIC = set()


def nqm(w, decay):
    return (w**2 / np.arange(1, len(w) + 1.0) ** decay).sum() / 2


FORMULAS = {
    "nqm": (nqm, {"decay": 1.0}),
    "nqm(dim=1)": (nqm, {"decay": 1.0}),
    "nqm(dim=40, decay=2.0, noise=0.1)": (nqm, {"decay": 2.0}),
}
