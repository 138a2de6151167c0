"""SciPy's line-search methods, the full-batch baselines."""

from optbench import Baseline, choice


def _lbfgs(hyperparameters, evaluations):
    """Return the options of SciPy's L-BFGS-B: it ends after so many evaluations, and by no tolerance."""
    budget = {"maxiter": evaluations, "maxfun": evaluations}
    return {"maxcor": int(hyperparameters["memory"]), "ftol": 0.0, "gtol": 0.0} | budget


def _cg(hyperparameters, evaluations):
    """Return the options of SciPy's CG, in the same way."""
    return {"maxiter": evaluations, "gtol": 0.0}


lbfgs = Baseline(
    "lbfgs",
    "L-BFGS-B",
    {"memory": 10.0},
    source="Byrd, Lu, Nocedal & Zhu 1995 (scipy.optimize.minimize, L-BFGS-B)",
    doc="""w = w - a H g: H from the last ``memory`` steps, a by line search.

    Full batch only. A step is one evaluation of value and gradient, those of the line search included; reported is
    the best point so far.""",
    options=_lbfgs,
    limits={"memory": "[1, inf)"},
    search={"memory": choice(3, 5, 10, 20)},
    search_source="Nocedal & Wright 2006, section 7.2: between 3 and 20",
)

cg = Baseline(
    "cg",
    "CG",
    {},
    source="Polak & Ribiere 1969, Nocedal & Wright 2006, p. 120-122 (scipy.optimize.minimize, CG)",
    doc="""p = -g + b p, w = w + a p: nonlinear conjugate gradients, b >= 0 by Polak-Ribiere, a by line search.

    Full batch only. A step is one evaluation of value and gradient, those of the line search included; reported is
    the best point so far.""",
    options=_cg,
    search_source="there is nothing to tune",
)
