"""Recorded reference runs: (key, their name, their settings, our optimizer, our rate, our hyperparameters, blocks).

Settings that are not named are the library's defaults, which is the point: torch's eps 1e-8 (Adagrad 1e-10), optax's
Adam eps 1e-8 and eps_root 0. Ours are complete. Rows with blocks are on the objective in 10 dimensions; without, on the
one in 5. `lr` in their settings is filled in from ours where it is not stated.
"""

ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
ADAM_TORCH = ADAM | {"eps_root": 0.0}
MIXED = [[2, 3], [4]]
MATRICES = [[2, 3], [2, 2]]
LINE = [[5]]


def ewa_rate(lr, beta):
    """Return the rate that makes v = beta v + g, w -= rate v equal to the moving average m = (1 - beta) v with `lr`."""
    return lr * (1 - beta)


def polyak(lr, c, lower_bound=0.0, eps=1e-8):
    """Return the settings of optax' polyak_sgd that take the steps of `sps`."""
    return {"learning_rate": lr / c, "scaling": c, "f_min": lower_bound, "eps": eps * c, "variant": "sps+"}


TORCH = [
    ("gd", "SGD", {}, "gd", 0.02, {}),
    # dampening 0 (torch's default) is v = beta v + g: the change of variables is exact, also at the first step.
    ("momentum", "SGD", {"lr": ewa_rate(0.1, 0.9), "momentum": 0.9}, "momentum", 0.1, {"beta1": 0.9}),
    ("momentum_0.5", "SGD", {"lr": ewa_rate(0.03, 0.5), "momentum": 0.5}, "momentum", 0.03, {"beta1": 0.5}),
    ("nesterov", "SGD", {"lr": ewa_rate(0.1, 0.9), "momentum": 0.9, "nesterov": True}, "nesterov", 0.1, {"beta1": 0.9}),
    ("heavy_ball", "SGD", {"momentum": 0.9}, "heavy_ball", 0.01, {"beta1": 0.9, "dampening": 0.0}),
    ("heavy_ball_dampened", "SGD", {"momentum": 0.8, "dampening": 0.5}, "heavy_ball", 0.02,
     {"beta1": 0.8, "dampening": 0.5}),
    ("coupled_decay", "SGD", {"weight_decay": 0.5}, "coupled_decay(gd)", 0.02, {"decay": 0.5}),
    ("coupled_decay_adam", "Adam", {"weight_decay": 0.5}, "coupled_decay(adam_torch)", 0.02,
     ADAM_TORCH | {"decay": 0.5}),
    ("decoupled_decay", "AdamW", {"weight_decay": 0.5}, "decoupled_decay(adam_torch)", 0.02,
     ADAM_TORCH | {"decay": 0.5}),
    ("adagrad", "Adagrad", {}, "adagrad", 0.3, {"eps": 1e-10}),
    ("adadelta", "Adadelta", {}, "adadelta", 1.0, {"beta2": 0.9, "eps": 1e-6}),
    ("adadelta_eps", "Adadelta", {"rho": 0.95, "eps": 1e-3}, "adadelta", 0.5, {"beta2": 0.95, "eps": 1e-3}),
    ("rmsprop", "RMSprop", {}, "rmsprop_torch", 0.01, {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0}),
    ("rmsprop_eps", "RMSprop", {"alpha": 0.9, "eps": 0.5}, "rmsprop_torch", 0.02,
     {"beta2": 0.9, "eps": 0.5, "eps_root": 0.0}),
    ("rmsprop_centered", "RMSprop", {"centered": True}, "rmsprop_centered", 0.01, {"beta2": 0.99, "eps": 1e-8}),
    ("rmsprop_momentum", "RMSprop", {"momentum": 0.9}, "rmsprop_momentum", 0.002,
     {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8}),
    ("adam", "Adam", {}, "adam_torch", 0.02, ADAM_TORCH),
    ("adam_eps", "Adam", {"betas": [0.8, 0.95], "eps": 0.5}, "adam_torch", 0.05,
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.5, "eps_root": 0.0}),
    ("adamw", "AdamW", {}, "adamw", 0.02, ADAM | {"weight_decay": 0.01}),
    ("adamw_decay", "AdamW", {"weight_decay": 0.7, "betas": [0.8, 0.95]}, "adamw", 0.05,
     {"beta1": 0.8, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.7}),
    ("amsgrad", "Adam", {"amsgrad": True}, "amsgrad", 0.05, ADAM),
    ("adamax", "Adamax", {}, "adamax", 0.05, ADAM),
    ("nadam", "NAdam", {}, "nadam", 0.02, ADAM | {"momentum_decay": 0.004}),
    ("nadam_decay", "NAdam", {"momentum_decay": 0.5, "betas": [0.8, 0.95]}, "nadam", 0.02,
     {"beta1": 0.8, "beta2": 0.95, "eps": 1e-8, "momentum_decay": 0.5}),
    ("radam", "RAdam", {}, "radam", 0.005, ADAM),
    ("radam_short", "RAdam", {"betas": [0.8, 0.5]}, "radam", 0.005, {"beta1": 0.8, "beta2": 0.5, "eps": 1e-8}),
    ("asgd", "ASGD", {"t0": 0}, "asgd", 0.02, {"lambd": 1e-4, "alpha": 0.75, "t0": 0.0}),
    ("asgd_late", "ASGD", {"t0": 20, "lambd": 0.5, "alpha": 0.6}, "asgd", 0.02,
     {"lambd": 0.5, "alpha": 0.6, "t0": 20.0}),
    ("rprop", "Rprop", {}, "rprop", 0.01, {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}),
    ("rprop_bounds", "Rprop", {"etas": [0.4, 1.5], "step_sizes": [0.01, 0.1]}, "rprop", 0.05,
     {"eta_minus": 0.4, "eta_plus": 1.5, "step_min": 0.01, "step_max": 0.1}),
    ("adafactor", "Adafactor", {"eps": [1e-15, 1e-3]}, "adafactor", 0.05,
     {"beta2_decay": 0.8, "eps1": 1e-15, "eps2": 1e-3, "threshold": 1.0, "weight_decay": 0.0}, MIXED),
    ("adafactor_decay", "Adafactor", {"eps": [1e-15, 1.0], "beta2_decay": -0.6, "d": 1.5, "weight_decay": 0.5},
     "adafactor", 0.3, {"beta2_decay": 0.6, "eps1": 1e-15, "eps2": 1.0, "threshold": 1.5, "weight_decay": 0.5}, MIXED),
]  # fmt: skip
OPTAX = [
    ("gd", "sgd", {}, "gd", 0.02, {}),
    ("momentum", "sgd", {"learning_rate": ewa_rate(0.1, 0.9), "momentum": 0.9}, "momentum", 0.1, {"beta1": 0.9}),
    # ema without debiasing is the moving average itself: no change of variables.
    ("momentum_ema", "ema", {"decay": 0.9, "debias": False}, "momentum", 0.1, {"beta1": 0.9}),
    ("nesterov", "sgd", {"learning_rate": ewa_rate(0.1, 0.9), "momentum": 0.9, "nesterov": True}, "nesterov", 0.1,
     {"beta1": 0.9}),
    ("signsgd", "sign_sgd", {}, "signsgd", 0.02, {}),
    ("signum", "signum", {"beta": 0.9}, "signum", 0.02, {"beta1": 0.9}),
    ("lion", "lion", {"weight_decay": 0.0}, "lion", 0.02, {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}),
    ("lion_decay", "lion", {"b1": 0.8, "weight_decay": 0.5}, "lion", 0.01,
     {"beta1": 0.8, "beta2": 0.99, "weight_decay": 0.5}),
    # optax puts AdaGrad's eps inside the root and starts the sum at 0.1; with both at 0 the rules coincide (no gradient
    # is exactly 0 here, where optax would give 0 and ours 0 / 0).
    ("adagrad", "adagrad", {"initial_accumulator_value": 0.0, "eps": 0.0}, "adagrad", 0.3, {"eps": 0.0}),
    ("adadelta", "adadelta", {"rho": 0.9, "eps": 1e-3}, "adadelta", 0.2, {"beta2": 0.9, "eps": 1e-3}),
    # optax's default, eps_in_sqrt=True with decay 0.9 and the average from 0, is the lecture's RMSProp. The rate is low
    # because from 0.007 on it soon reaches the minimum and hops about it chaotically: a change of 1e-13 in the start
    # becomes 1e-3 there, and no two implementations can agree.
    ("rmsprop", "rmsprop", {}, "rmsprop", 0.004, {"beta2": 0.9, "eps": 0.0, "eps_root": 1e-8}),
    ("rmsprop_eps", "rmsprop", {"decay": 0.95, "eps": 0.5}, "rmsprop", 0.02,
     {"beta2": 0.95, "eps": 0.0, "eps_root": 0.5}),
    ("rmsprop_outside", "rmsprop", {"decay": 0.99, "eps_in_sqrt": False}, "rmsprop_torch", 0.01,
     {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0}),
    ("rmsprop_centered", "rmsprop", {"decay": 0.99, "eps_in_sqrt": False, "centered": True}, "rmsprop_centered", 0.01,
     {"beta2": 0.99, "eps": 1e-8}),
    ("adam", "adam", {}, "adam_torch", 0.02, ADAM_TORCH),
    # eps only inside the root, on the corrected average: the lecture's Adam.
    ("adam_lecture", "adam", {"eps": 0.0, "eps_root": 1e-8}, "adam", 0.02,
     {"beta1": 0.9, "beta2": 0.999, "eps": 0.0, "eps_root": 1e-8}),
    ("adam_eps", "adam", {"b1": 0.8, "b2": 0.95, "eps": 0.25, "eps_root": 0.5}, "adam", 0.05,
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.25, "eps_root": 0.5}),
    ("adamw", "adamw", {"weight_decay": 0.5}, "adamw", 0.02, ADAM | {"weight_decay": 0.5}),
    ("adamax", "adamax", {}, "adamax", 0.05, ADAM),
    ("adabelief", "adabelief", {}, "adabelief", 0.01, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-16, "eps_root": 1e-16}),
    ("adabelief_eps", "adabelief", {"b1": 0.8, "b2": 0.95, "eps": 0.1, "eps_root": 0.01}, "adabelief", 0.05,
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.1, "eps_root": 0.01}),
    # optax starts m at the same value as v: they agree from 0 only.
    ("yogi", "scale_by_yogi", {"eps": 1e-3, "initial_accumulator_value": 0.0}, "yogi", 0.05,
     {"beta1": 0.9, "beta2": 0.999, "eps": 1e-3, "initial": 0.0}),
    ("adopt", "contrib.adopt", {"b2": 0.999}, "adopt", 0.02, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-6}),
    ("adopt_eps", "contrib.adopt", {"b1": 0.5, "b2": 0.9, "eps": 5.0}, "adopt", 0.1,
     {"beta1": 0.5, "beta2": 0.9, "eps": 5.0}),
    ("ademamix", "contrib.ademamix", {}, "ademamix", 0.02, ADAM | {"beta3": 0.9999, "alpha": 5.0}),
    ("ademamix_fast", "contrib.ademamix", {"b3": 0.95, "alpha": 2.0}, "ademamix", 0.005,
     ADAM | {"beta3": 0.95, "alpha": 2.0}),
    ("schedule_free_sgd", "contrib.schedule_free_sgd", {}, "schedule_free_sgd", 0.03,
     {"beta1": 0.9, "weight_decay": 0.0}),
    ("schedule_free_adamw", "contrib.schedule_free_adamw", {"weight_decay": 0.3}, "schedule_free_adamw", 0.05,
     ADAM | {"weight_decay": 0.3}),
    ("lars", "lars", {}, "lars", 1.0, {"beta1": 0.9, "trust": 1e-3, "weight_decay": 0.0, "eps": 0.0}, MIXED),
    ("lars_eps", "lars", {"trust_coefficient": 0.05, "eps": 0.5, "momentum": 0.5}, "lars", 0.5,
     {"beta1": 0.5, "trust": 0.05, "weight_decay": 0.0, "eps": 0.5}, MIXED),
    ("lamb", "lamb", {"weight_decay": 0.3}, "lamb", 0.01, ADAM | {"eps": 1e-6, "weight_decay": 0.3}, MIXED),
    ("novograd", "novograd", {"b1": 0.9, "b2": 0.98, "eps": 1e-8, "weight_decay": 0.2}, "novograd", 0.005,
     {"beta1": 0.9, "beta2": 0.98, "eps": 1e-8, "weight_decay": 0.2}, MIXED),
    ("prodigy", "contrib.prodigy", {"estim_lr0": 1e-3}, "prodigy", 1.0, ADAM | {"d0": 1e-3, "weight_decay": 0.0},
     MIXED),
    ("prodigy_decay", "contrib.prodigy", {"estim_lr0": 1e-2, "weight_decay": 0.3, "betas": [0.8, 0.95]}, "prodigy", 0.1,
     {"beta1": 0.8, "beta2": 0.95, "eps": 1e-8, "d0": 1e-2, "weight_decay": 0.3}, MIXED),
    ("muon", "contrib.muon", {}, "muon", 0.01,
     ADAM | {"beta1": 0.95, "beta_adam": 0.9, "ns_steps": 5.0, "weight_decay": 0.0}, MIXED),
    ("muon_decay", "contrib.muon", {"beta": 0.8, "ns_steps": 3, "weight_decay": 0.3, "adam_b1": 0.7}, "muon", 0.01,
     ADAM | {"beta1": 0.8, "beta_adam": 0.7, "ns_steps": 3.0, "weight_decay": 0.3}, [[3, 2], [4]]),
    ("clip", "clipped adam", {"max_norm": 1.0}, "clip(adam_torch)", 0.02, ADAM_TORCH | {"norm": 1.0}, MIXED),
    ("clip_sgd", "clipped sgd", {"max_norm": 5.0}, "clip(gd)", 0.02, {"norm": 5.0}, MIXED),
    ("lookahead", "lookahead sgd", {"sync_period": 5, "slow_step_size": 0.5}, "lookahead(gd)", 0.02,
     {"k": 5.0, "alpha": 0.5}),
    ("lookahead_adam", "lookahead adam", {"sync_period": 7, "slow_step_size": 0.8}, "lookahead(adam_torch)", 0.05,
     ADAM_TORCH | {"k": 7.0, "alpha": 0.8}),
    ("average", "averaged sgd", {"decay": 0.9}, "average(gd)", 0.03, {"beta": 0.9}),
    # It scales the gradient first: c g, of squared length c^2 |g|^2, takes a step of at most lr / c.
    ("sps", "polyak_sgd", polyak(0.035, 0.5), "sps", 0.035, {"c": 0.5, "lower_bound": 0.0, "eps": 1e-8}, LINE, 200),
    ("sps_short", "polyak_sgd", polyak(0.03, 2.0), "sps", 0.03, {"c": 2.0, "lower_bound": 0.0, "eps": 1e-8}, LINE, 200),
    ("sps_bound", "polyak_sgd", polyak(1.0, 0.8, 0.5), "sps", 1.0, {"c": 0.8, "lower_bound": 0.5, "eps": 1e-8}, MIXED,
     200),
    ("sps_eps", "polyak_sgd", polyak(0.03, 3.0, -0.1, 10.0), "sps", 0.03, {"c": 3.0, "lower_bound": -0.1, "eps": 10.0},
     MIXED, 200),
    ("momo", "contrib.momo", {"beta": 0.8, "lower_bound": 0.1}, "momo", 0.02,
     {"beta1": 0.8, "lower_bound": 0.1, "weight_decay": 0.0}, LINE, 200),
    ("momo_adam", "contrib.momo_adam", {"b1": 0.8, "b2": 0.95, "lower_bound": 0.1}, "momo_adam", 0.1,
     ADAM | {"beta1": 0.8, "beta2": 0.95, "lower_bound": 0.1, "weight_decay": 0.0}, LINE, 200),
]  # fmt: skip
# The authors' own packages.
SCHEDULEFREE = [
    ("sgd", "SGDScheduleFree", {"weight_decay": 0.3}, "schedule_free_sgd", 0.03, {"beta1": 0.9, "weight_decay": 0.3}),
    ("adamw", "AdamWScheduleFree", {}, "schedule_free_adamw", 0.05, ADAM | {"weight_decay": 0.0}),
]
PRODIGYOPT = [
    ("prodigy", "Prodigy", {"use_bias_correction": True, "d0": 1e-3, "weight_decay": 0.1}, "prodigy", 1.0,
     ADAM | {"d0": 1e-3, "weight_decay": 0.1}, MIXED),
]  # fmt: skip
# A collection of other people's optimizers, where neither PyTorch nor optax nor the authors have a package for it.
COLLECTION = [
    ("qhm", "QHM", {"momentum": 0.999, "nu": 0.7}, "qhm", 0.03, {"beta1": 0.999, "nu": 0.7}),
    ("qhm_0.9", "QHM", {"momentum": 0.9, "nu": 0.95}, "qhm", 0.1, {"beta1": 0.9, "nu": 0.95}),
    ("aggmo", "AggMo", {"betas": [0.0, 0.9, 0.99]}, "aggmo", 0.005, {"beta1": 0.0, "beta2": 0.9, "beta3": 0.99}),
    ("qhadam", "QHAdam", {"betas": [0.995, 0.999], "nus": [0.7, 1.0]}, "qhadam", 0.02,
     {"beta1": 0.995, "beta2": 0.999, "nu1": 0.7, "nu2": 1.0, "eps": 1e-8}),
    ("qhadam_both", "QHAdam", {"betas": [0.9, 0.95], "nus": [0.8, 0.6]}, "qhadam", 0.01,
     {"beta1": 0.9, "beta2": 0.95, "nu1": 0.8, "nu2": 0.6, "eps": 1e-8}),
    ("adabound", "AdaBound", {"final_lr": 0.01, "gamma": 0.05}, "adabound", 0.01,
     ADAM | {"final_lr": 0.01, "gamma": 0.05}),
    ("adan", "Adan", {}, "adan", 0.02, {"beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8, "weight_decay": 0.0}),
    ("adan_decay", "Adan", {"betas": [0.9, 0.8, 0.95], "weight_decay": 0.5}, "adan", 0.02,
     {"beta1": 0.9, "beta2": 0.8, "beta3": 0.95, "eps": 1e-8, "weight_decay": 0.5}),
    # Its eps stands beside the uncorrected sqrt(v + 1e-15), the authors' beside the corrected sqrt(v).
    ("mars", "MARS", {"optimize_1d": True, "weight_decay": 0.1, "eps": 0.0}, "mars", 0.02,
     {"beta1": 0.95, "beta2": 0.99, "gamma": 0.025, "eps": 0.0, "weight_decay": 0.1}, MIXED),
    # Its trust ratio is for matrices only.
    ("lars", "LARS", {"trust_coefficient": 0.01, "weight_decay": 0.5, "momentum": 0.9}, "lars", 1.0,
     {"beta1": 0.9, "trust": 0.01, "weight_decay": 0.5, "eps": 0.0}, MATRICES),
    # It has full matrices for vectors, too.
    ("shampoo", "Shampoo", {}, "shampoo", 0.1, {"eps": 1e-6, "every": 1.0}, MATRICES),
    ("shampoo_eps", "Shampoo", {"matrix_eps": 0.5}, "shampoo", 0.3, {"eps": 0.5, "every": 1.0}, MATRICES),
]  # fmt: skip
# The authors' own package of MoMo.
MOMO = [
    ("momo", "Momo", {}, "momo", 1.0, {"beta1": 0.9, "lower_bound": 0.0, "weight_decay": 0.0}, LINE, 200),
    ("momo_capped", "Momo", {"beta": 0.5}, "momo", 0.01, {"beta1": 0.5, "lower_bound": 0.0, "weight_decay": 0.0}, LINE,
     200),
    ("momo_bound", "Momo", {"lb": 0.5, "weight_decay": 0.1}, "momo", 0.3,
     {"beta1": 0.9, "lower_bound": 0.5, "weight_decay": 0.1}, MIXED, 200),
    ("momo_decay", "Momo", {"lb": -1.0, "beta": 0.8, "weight_decay": 0.5}, "momo", 0.02,
     {"beta1": 0.8, "lower_bound": -1.0, "weight_decay": 0.5}, MIXED, 200),
    ("momo_adam", "MomoAdam", {}, "momo_adam", 0.01, ADAM | {"lower_bound": 0.0, "weight_decay": 0.0}, LINE, 200),
    ("momo_adam_uncapped", "MomoAdam", {"betas": [0.8, 0.95]}, "momo_adam", 10.0,
     ADAM | {"beta1": 0.8, "beta2": 0.95, "lower_bound": 0.0, "weight_decay": 0.0}, LINE, 200),
    ("momo_adam_bound", "MomoAdam", {"lb": 0.5, "weight_decay": 0.1, "eps": 0.5}, "momo_adam", 0.3,
     ADAM | {"eps": 0.5, "lower_bound": 0.5, "weight_decay": 0.1}, MIXED, 200),
    ("momo_adam_decay", "MomoAdam", {"lb": -1.0, "betas": [0.5, 0.999], "weight_decay": 0.5}, "momo_adam", 0.02,
     ADAM | {"beta1": 0.5, "lower_bound": -1.0, "weight_decay": 0.5}, MIXED, 200),
]  # fmt: skip
