"""Aliases: names in the field, in PyTorch, optax and Keras, and the names in this catalogue that they mean.

An alias leads to every name that it may mean, each with a remark that distinguishes it; or to none, with a reason.
``sgd(momentum)`` is an alias that is typed with that parameter.
"""

import re
from collections.abc import Iterable, Mapping

from optbench import datasets
from optbench.contract.errors import OptbenchError, refuse_name, unknown

_SGD = {"gd": "PyTorch's SGD", "heavy_ball": "PyTorch's SGD with momentum, here beta1"}
_MOMENTUM = {"heavy_ball": "a sum of gradients, as in PyTorch's SGD", "momentum": "an average, as in the lecture"}
_NESTEROV = {"nesterov": "on an average of gradients: PyTorch's SGD(nesterov=True) at the rate lr / (1 - beta1)"}
_ADAM = {"adam": "eps inside the root, as in the lecture", "adam_torch": "eps outside, as in the paper and PyTorch"}
_RMSPROP = {"rmsprop": "eps inside the root, as in the lecture", "rmsprop_torch": "PyTorch's eps and alpha"}
_DECAY = {"coupled_decay": "added to the gradient, as in PyTorch's SGD and Adam", "decoupled_decay": "as in AdamW"}
_CYCLE = {"triangular": "CyclicLR's modes triangular and triangular2", "exp_range": "its mode exp_range"}
_STEPS = {"step": "a drop each fraction of the run", "staircase": "a drop each so many epochs or steps"}
_WARMUP = {"warmup(cosine)": ""}

# Letters and digits alone, in lower case; several words, several keys.
_LEADS: dict[str, Mapping[str, str]] = {
    "sgd stochasticgradientdescent vanillasgd minibatchsgd": _SGD,
    "gradientdescent steepestdescent": {"gd": ""},
    "sgd(momentum)": {"heavy_ball": "PyTorch's momentum is beta1 here"},
    "sgdm sgdmomentum momentumsgd classicalmomentum": _MOMENTUM,
    "polyak polyakmomentum": _MOMENTUM | {"average": "Polyak's averaging of the iterates"},
    "polyakstep polyakstepsize polyaksgd stochasticpolyakstepsize spsmax": {"sps": ""},
    "momostar": {"momo(adapt_bound=1)": "with an estimate of the lower bound"},
    "smoothsps spssmoothiter": {"sps_smooth": ""},
    "nag nesterovmomentum nesterovacceleratedgradient acceleratedgradient sgd(nesterov)": _NESTEROV,
    "sgdw": {"decoupled_decay(heavy_ball)": "with momentum", "decoupled_decay(gd)": "without"},
    "adam": _ADAM,
    "adam(amsgrad)": {"amsgrad": ""},
    "rmsprop": _RMSPROP,
    "rmsprop(centered)": {"rmsprop_centered": ""},
    "rmsprop(momentum)": {"rmsprop_momentum": ""},
    "resilientbackprop resilientpropagation irprop": {"rprop": ""},
    "adamnesterov nesterovadam": {"nadam": ""},
    "cadamw cautiousadamw": {"decoupled_decay(cautious(adam_torch))": "as in the paper"},
    "cautiousadam": {"cautious(adam_torch)": ""},
    "clion cautiouslion": {"cautious(lion)": "with extra=1 the authors' scale"},
    "cwd cautiousweightdecay": {"cautious_decay": ""},
    "adamc": {"corrected_decay(adam_torch)": ""},
    "adamh hyperballadam hyperballadamw": {"hyperball(adam_torch)": "matrices keep their norm"},
    "muonh": {"hyperball(muon)": ""},
    "distanceovergradients layerwisedog": {"dog": "over all parameters", "l_dog": "by parameter block"},
    "rectifiedadam": {"radam": ""},
    "ranger": {"lookahead(radam)": ""},
    "schedulefree adamwschedulefree": {"schedule_free_adamw": "", "schedule_free_sgd": ""},
    "sgdschedulefree": {"schedule_free_sgd": ""},
    "radamschedulefree schedulefreeradam": {"schedule_free_radam": ""},
    "averagedsgd averagedstochasticgradientdescent": {"asgd": "", "average(gd)": "an exponentially weighted average"},
    "dadaptation dadapt": {"dadapt_adam": "", "prodigy": "its successor"},
    "dmuon moonlight": {"moonlight_muon": "the scale of Adam's steps, with decay"},
    "polarexpress": {"muon(ns_coefficients=1)": "its Newton-Schulz coefficients"},
    "muon2 muonsq": {"muon_squared": ""},
    "scionlight unconstrainedscion": {"scion": "the constrained one; weight_decay=0 is the other"},
    "dshampoo scalableshampoo": {"distributed_shampoo": "Meta's, with Adam grafting"},
    "eigenbasisadam eigenvaluecorrectedshampoo": {"soap": "Adam in Shampoo's eigenbases"},
    "sophia": {"sophia_h": "Hutchinson's estimate of the curvature", "sophia_g": "that of labels drawn from the model"},
    "muonsoap": {"soap_muon": ""},
    "psgd psgdkron kronpsgd": {"kron": "PSGD's preconditioner of Kronecker factors"},
    "lbfgsb bfgs quasinewton": {"lbfgs": "SciPy's, with a line search, on the full batch"},
    "conjugategradient conjugategradients nonlinearcg": {"cg": "SciPy's, on the full batch"},
    "clipgradnorm clipbyglobalnorm gradientclipping gradclip clipnorm": {"clip": "by the norm over all parameters"},
    "weightdecay l2 l2regularization addecayedweights": _DECAY,
    "ema swa polyakaveraging iterateaveraging weightaveraging averagedmodel": {"average": "of the iterates"},
    "cosineannealing cosineannealinglr cosinedecay halfcosine": {"cosine": ""},
    "warmupcosine cosinewarmup cosinewithwarmup warmupcosinedecayschedule linearwarmupcosine": _WARMUP,
    "sgdr cosineannealingwarmrestarts cosinedecayrestarts warmrestarts": {"cosine_restarts": ""},
    "onecyclelr superconvergence": {"one_cycle": ""},
    "cycliclr clr cyclical": _CYCLE,
    "steplr stepdecay": _STEPS,
    "multisteplr piecewiseconstant piecewiseconstantdecay piecewiseconstantschedule": {
        "multi_step": "",
        "table": "any factors",
    },
    "exponentiallr exponentialdecay": {"exponential": ""},
    "linearlr lineardecay linearschedule": {"linear": ""},
    "polynomiallr polynomialdecay poly": {"polynomial": ""},
    "inversetimedecay timedecay": {"inverse": ""},
    "noam rsqrt transformer": {"inverse_sqrt": ""},
    "wsd trapezoidal": {"warmup_stable_decay": ""},
    "linearwarmup gradualwarmup": {"warmup": ""},
    "fixed none noschedule": {"constant": ""},
    "constantlr": {"table": "PyTorch's is a smaller factor at first, then 1"},
    "banana": {"rosenbrock": ""},
    "moregarbowhillstrom minpack": {"mgh": "31 functions", "rosenbrock": "", "beale": "", "powell_singular": ""},
    "physicsinformed poisson1d pde": {"pinn": "Poisson's equation"},
    "sphere": {"quadratic(condition=1)": ""},
    "logisticregression logreg": {"logistic": "two classes", "softmax": "several"},
    "linearregression ols": {"least_squares": ""},
    "ridgeregression": {"ridge": ""},
    "svm hinge": {"squared_hinge": "a linear machine"},
    "neuralnetwork nn network perceptron": {"mlp": ""},
    "cnn convnet": {"convolution": ""},
    "variationalautoencoder betavae elbo": {"vae": ""},
}
_CURVATURE = (
    "no rule here has second derivatives; lbfgs (SciPy's, on the full batch) estimates them, adahessian and sophia_h "
    "their diagonal"
)
_NONE = {
    "lambdalr multiplicativelr sequentiallr chainedscheduler": (
        "schedule",
        "a formula of your own is a plug-in, a function under @schedule; table takes any factors",
    ),
    "plateau reducelronplateau reduceonplateau": (
        "schedule",
        "none here watches the loss, for a factor depends on the step alone; step, staircase and multi_step drop, too",
    ),
    "newton kfac gaussnewton naturalgradient": ("optimizer", _CURVATURE),
    "ftrl": ("optimizer", "there is none here; adagrad is what it comes from"),
    "sparseadam": ("optimizer", "no gradient here is sparse; adam_torch is the same rule on dense ones"),
}


def _split_words(table: Mapping) -> dict:
    """Return a table whose keys are single words: an entry for each word of each key."""
    return {word: value for words, value in table.items() for word in words.split()}


LEADS, NONE = _split_words(_LEADS), _split_words(_NONE)


def resolve_alias(text: str, known: Iterable[str]) -> dict[str, str]:
    """Return the names among ``known`` that ``text`` may mean, with a remark each: an alias, or another spelling.

    Args:
        text: a name as others write it, with parameters or without.
        known: the names that there are.

    Returns:
        What to show or to type, by name or by name with parameters; nothing for a word that is not known.

    Example:
        >>> resolve_alias("SGD(nesterov=True, momentum=0.9)", ["gd", "nesterov"])
        {'nesterov': "on an average of gradients: PyTorch's SGD(nesterov=True) at the rate lr / (1 - beta1)"}
    """
    known = set(known)
    word, _, inside = text.partition("(")
    word = _normalize(word)
    keys = [f"{word}({key})" for key in ("nesterov", "momentum", "centered", "amsgrad") if f"{key}=" in inside]
    for key in (*keys, word):
        if leads := {name: remark for name, remark in LEADS.get(key, {}).items() if name.partition("(")[0] in known}:
            return leads
    return {name: "" for name in sorted(known) if word and _normalize(name) == word}


def write_sentence(leads: Mapping[str, str]) -> str:
    """Return aliases as a sentence: ``gd (PyTorch's SGD), or heavy_ball (...)``.

    leads: name -> remark, as `resolve_alias` returns it.
    """
    return ", or ".join(f"{name} ({remark})" if remark else name for name, remark in leads.items())


def unknown_name(kind: str, name: str, known: Iterable[str], another: str = "") -> OptbenchError:
    """Return the error for a name of ``kind`` that is not among ``known``, with its meaning as an alias or the nearest.

    Args:
        kind: such as "optimizer", or "name" for one of any kind.
        name: as it was typed.
        known: the names that there are.
        another: the kind that does have this name.

    Returns:
        The error, for the caller to raise.
    """
    known = list(known)
    word = _normalize(name.partition("(")[0])
    if word in NONE and kind in (NONE[word][0], "name"):
        return refuse_name(kind, name, NONE[word][1])
    if kind == "problem" and name in datasets.NAMES:
        hint = f"there is a data set of that name; 'optbench show {name}' says which problems learn from it"
        return refuse_name(kind, name, hint)
    if another:
        article = "an" if another[0] in "aeiou" else "a"
        return refuse_name(kind, name, f"there is {article} {another.replace('_', ' ')} of that name")
    leads = resolve_alias(name, known)
    if len(leads) == 1 and not any(leads.values()):
        return refuse_name(kind, name, f"did you mean {next(iter(leads))!r}?")
    if leads:
        return refuse_name(kind, name, f"did you mean {write_sentence(leads)}?")
    return unknown(kind, name, known, shown_by="optbench list")


def _normalize(text: str) -> str:
    """Return the letters and digits of a text in lower case, to compare spellings such as RMSprop and rms_prop."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
