"""Recorded reference runs: (key, their name, their settings, our optimizer, our rate, our hyperparameters, blocks).

Settings that are not named are the library's defaults, which is the point: torch's eps 1e-8 (Adagrad 1e-10), optax's
Adam eps 1e-8 and eps_root 0. Ours are complete. Rows with blocks are on the objective in 10 dimensions; without, on the
one in 5. `lr` in their settings is filled in from ours where it is not stated; [a, b] goes evenly from a to b. Behind
the blocks may stand a number of steps.
"""

SIZES, LABELS = (8, 32), 8
"""The examples of a mini-batch and of an epoch, and the labels of a mini-batch, for rules that ask for them."""
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
ADAHESSIAN = ADAM | {"eps": 1e-4, "weight_decay": 0.0}
MOMO_FIXED = {"beta1": 0.9, "lower_bound": 0.0, "adapt_bound": 0.0, "weight_decay": 0.0}
MOMO_ADAPTED = MOMO_FIXED | {"adapt_bound": 1.0}
SOPHIA_G = {"beta1": 0.965, "beta2": 0.99, "rho": 0.04, "eps": 1e-15, "weight_decay": 0.1}
SOPHIA = {"beta1": 0.965, "beta2": 0.99, "rho": 0.04, "eps": 1e-15, "weight_decay": 0.1, "difference": 0.25}
ADAM_TORCH = ADAM | {"eps_root": 0.0}
ADAM_FREE = ADAM_TORCH | {"eps": 0.0}
LION = {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}
CAUTIOUS = {"floor": 1e-12, "extra": 0.0}
MECHANIC = {"decay_scale": 0.01, "s0": 1e-6, "tuner_eps": 1e-8}
MIXED = [[2, 3], [4]]
MATRICES = [[2, 3], [2, 2]]
MATRICES_AND_VECTOR = [[2, 2], [2, 2], [2]]
MUON = ADAM | {
    "beta1": 0.95, "beta_adam": 0.9, "ns_steps": 5.0, "ns_coefficients": 0.0, "consistent_rms": 0.0, "vector_rate": 1.0,
    "weight_decay": 0.0,
}  # fmt: skip
MOONLIGHT = MUON | {"beta2": 0.95, "consistent_rms": 0.2, "weight_decay": 0.1}
NORMUON = {
    "beta1": 0.95, "beta2": 0.95, "beta_adam": 0.9, "beta2_adam": 0.95, "eps": 1e-10, "ns_steps": 5.0,
    "ns_coefficients": 0.0, "vector_rate": 0.015, "weight_decay": 0.0,
}  # fmt: skip
SCION = {
    "beta1": 0.9, "eps": 1e-8, "ns_steps": 5.0, "ns_coefficients": 0.0, "radius": 1.0, "last_radius": 1024.0,
    "weight_decay": 1.0,
}  # fmt: skip
SOAP = {"beta1": 0.95, "beta2": 0.95, "eps": 1e-8, "every": 10.0, "max_dim": 10000.0, "weight_decay": 0.0}
GRAFTED = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-12, "eps_graft": 1e-8, "every": 10.0, "max_dim": 1024.0,
           "weight_decay": 0.0}  # fmt: skip
CAME = {"beta1": 0.9, "beta2": 0.999, "beta3": 0.9999, "eps1": 1e-30, "eps2": 1e-16, "threshold": 1.0,
        "weight_decay": 0.0}  # fmt: skip
SPLUS = {"beta1": 0.9, "beta2": 0.999, "beta_average": 0.999, "eps": 1e-30, "every": 100.0, "max_dim": 10000.0,
         "vectors": 0.001, "weight_decay": 0.0}  # fmt: skip
KRON = {"beta1": 0.9, "precond_lr": 0.1, "precond_scale": 1.0, "flat_start": 500.0, "anneal": 0.001, "min_prob": 0.03,
        "max_dim": 8192.0, "weight_decay": 0.0}  # fmt: skip
SOAP_MUON = {"beta1": 0.95, "beta2": 0.9, "beta_adam": 0.8, "beta2_adam": 0.99, "eps": 1e-8, "every": 1.0,
             "max_dim": 10000.0, "ns_steps": 12.0, "ns_coefficients": 2.0, "vector_rate": 0.3,
             "weight_decay": 0.0}  # fmt: skip
LAYERS = [[2, 1], [1, 3], [2], [3, 1]]
WIDE_LAYERS = [[1, 2], [2], [2, 2], [2, 1]]
"""Networks: first and hidden layer, vector, last layer; first layer, vector, hidden and last layer."""
POLAR_EXPRESS = [
    [a / 1.01, b / 1.01**3, c / 1.01**5]
    for a, b, c in [
        (8.28721201814563, -23.595886519098837, 17.300387312530933),
        (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
        (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
        (3.3184196573706015, -2.488488024314874, 0.51004894012372),
        (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
        (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
        (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
    ]
]
"""Amsel et al. 2025, as their code prints them, over their margin of 1%; so has heavyball's msign. pytorch_optimizer's
preset is another (8.2373, ...)."""


def ewa_rate(lr, beta):
    """Return the rate that makes v = beta v + g, w -= rate v equal to the moving average m = (1 - beta) v with `lr`."""
    return lr * (1 - beta)


def muon_groups(shapes, lr, ratio, betas=(0.9, 0.95), decay=0.0, eps=1e-8, **muon):
    """Return the groups of Muon in pytorch_optimizer: matrices with these keywords, vectors with Adam's."""
    adam = {"lr": lr * ratio, "betas": list(betas), "eps": eps, "weight_decay": decay, "use_muon": False}
    return [({"use_muon": True, "weight_decay": decay, "eps": eps} | muon) if len(s) > 1 else adam for s in shapes]


def scion_groups(shapes, radius, last_radius, constraint=True):
    """Return the groups of SCION in pytorch_optimizer: its norms for first, hidden and last layers, and for vectors."""
    matrices = [k for k, shape in enumerate(shapes) if len(shape) > 1]
    groups = []
    for k, shape in enumerate(shapes):
        kind, options = (2, {"max_scale": k == matrices[0]}) if len(shape) > 1 else (5, {})
        kind, options = (4, {}) if k == matrices[-1] else (kind, options)
        scale = last_radius if k == matrices[-1] else radius
        groups.append({"norm_type": kind, "norm_kwargs": options, "scale": scale, "constraint": constraint})
    return groups


def sophia(lr, rho, decay=0.1, eps=1e-15, difference=0.25, **more):
    """Return the settings of pytorch_optimizer's SophiaH that take the steps of `sophia_h`: it clips to p, not to 1."""
    rates = [rate / rho for rate in lr] if isinstance(lr, list) else lr / rho
    scaled = {"lr": rates, "p": rho, "eps": eps / rho, "weight_decay": decay * rho, "difference": difference}
    return scaled | {"foreach": False} | more


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
    ("nadamw", "NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.01}, "nadamw", 0.02,
     ADAM | {"momentum_decay": 0.004, "weight_decay": 0.01}, MIXED, 200),
    ("nadamw_decay", "NAdam",
     {"decoupled_weight_decay": True, "weight_decay": 0.5, "momentum_decay": 0.5, "betas": [0.8, 0.95], "eps": 0.01},
     "nadamw", 0.01,
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.01, "momentum_decay": 0.5, "weight_decay": 0.5}, [[5]], 200),
    ("radam", "RAdam", {}, "radam", 0.005, ADAM),
    ("radam_short", "RAdam", {"betas": [0.8, 0.5]}, "radam", 0.005, {"beta1": 0.8, "beta2": 0.5, "eps": 1e-8}),
    ("asgd", "ASGD", {"t0": 0}, "asgd", 0.02, {"lambd": 1e-4, "alpha": 0.75, "t0": 0.0}),
    ("asgd_late", "ASGD", {"t0": 20, "lambd": 0.5, "alpha": 0.6}, "asgd", 0.02,
     {"lambd": 0.5, "alpha": 0.6, "t0": 20.0}),
    ("rprop", "Rprop", {}, "rprop", 0.01, {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}),
    ("rprop_bounds", "Rprop", {"etas": [0.4, 1.5], "step_sizes": [0.01, 0.1]}, "rprop", 0.05,
     {"eta_minus": 0.4, "eta_plus": 1.5, "step_min": 0.01, "step_max": 0.1}),
    # It bounds the norm from below by its eps. Steps in float64: bfloat16 is patched.
    ("moonlight", "Muon", {"groups": [{}, {}], "adjust_lr_fn": "match_rms_adamw"}, "moonlight_muon", 0.02, MOONLIGHT,
     MATRICES, 200),
    ("moonlight_decay", "Muon", {"groups": [{}, {}], "adjust_lr_fn": "match_rms_adamw", "momentum": 0.8, "ns_steps": 3,
                                 "weight_decay": 0.5}, "moonlight_muon", 0.01,
     MOONLIGHT | {"beta1": 0.8, "ns_steps": 3.0, "weight_decay": 0.5}, MATRICES, 200),
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
    # Its momentum has no schedule: 0.96^(t momentum_decay) is 0 here.
    ("nadamw", "nadamw", {"weight_decay": 0.1}, "nadamw", 0.02, ADAM | {"momentum_decay": 1e9, "weight_decay": 0.1},
     MIXED, 200),
    ("nadamw_betas", "nadamw", {"b1": 0.95, "b2": 0.98, "eps": 0.1, "weight_decay": 0.7}, "nadamw", 0.01,
     {"beta1": 0.95, "beta2": 0.98, "eps": 0.1, "momentum_decay": 1e9, "weight_decay": 0.7}, [[5]], 200),
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
    ("dowg", "contrib.dowg", {}, "dowg", 1.0, {"r0": 0.01, "eps": 1e-4}, MIXED, 200),
    ("dowg_start", "contrib.dowg", {"init_estim_sq_dist": 0.25}, "dowg", 1.0, {"r0": 0.5, "eps": 1e-4}, [[5]], 200),
    ("dowg_eps", "contrib.dowg", {"init_estim_sq_dist": 0.0625, "eps": 10.0}, "dowg", 0.05, {"r0": 0.25, "eps": 10.0},
     MATRICES, 200),
    ("dowg_factor", "contrib.dowg", {"init_estim_sq_dist": 1.0, "eps": 1.0}, "dowg", 0.1, {"r0": 1.0, "eps": 1.0},
     MIXED, 200),
    ("muon", "contrib.muon", {}, "muon", 0.01, MUON, MIXED),
    ("muon_decay", "contrib.muon", {"beta": 0.8, "ns_steps": 3, "weight_decay": 0.3, "adam_b1": 0.7}, "muon", 0.01,
     MUON | {"beta1": 0.8, "beta_adam": 0.7, "ns_steps": 3.0, "weight_decay": 0.3}, [[3, 2], [4]]),
    ("muon_rates", "contrib.muon", {"adam_learning_rate": 0.0005, "weight_decay": 0.1}, "muon", 0.005,
     MUON | {"vector_rate": 0.1, "weight_decay": 0.1}, MIXED, 200),
    ("muon_fast_vectors", "contrib.muon", {"adam_learning_rate": 0.02, "beta": 0.9}, "muon", 0.01,
     MUON | {"vector_rate": 2.0, "beta1": 0.9}, MATRICES_AND_VECTOR, 200),
    ("muon_rms", "contrib.muon", {"consistent_rms": 0.2, "weight_decay": 0.1, "eps": 1e-7}, "muon", 0.02,
     MUON | {"consistent_rms": 0.2, "weight_decay": 0.1, "eps": 1e-7}, MIXED, 200),
    ("muon_polar", "contrib.muon",
     {"ns_coeffs": POLAR_EXPRESS[:5], "consistent_rms": 0.3, "adam_learning_rate": 0.01}, "muon", 0.02,
     MUON | {"consistent_rms": 0.3, "ns_coefficients": 1.0, "vector_rate": 0.5}, MATRICES_AND_VECTOR, 200),
    ("muon_polar_long", "contrib.muon", {"ns_coeffs": [*POLAR_EXPRESS, *2 * [[1.875, -1.25, 0.375]]], "ns_steps": 9,
                                         "beta": 0.5}, "muon", 0.001,
     MUON | {"beta1": 0.5, "ns_coefficients": 1.0, "ns_steps": 9.0}, MATRICES, 200),
    ("clip", "clipped adam", {"max_norm": 1.0}, "clip(adam_torch)", 0.02, ADAM_TORCH | {"norm": 1.0}, MIXED),
    ("clip_sgd", "clipped sgd", {"max_norm": 5.0}, "clip(gd)", 0.02, {"norm": 5.0}, MIXED),
    ("lookahead", "lookahead sgd", {"sync_period": 5, "slow_step_size": 0.5}, "lookahead(gd)", 0.02,
     {"k": 5.0, "alpha": 0.5}),
    ("lookahead_adam", "lookahead adam", {"sync_period": 7, "slow_step_size": 0.8}, "lookahead(adam_torch)", 0.05,
     ADAM_TORCH | {"k": 7.0, "alpha": 0.8}),
    ("schedule_free_around", "scheduled adam", {"b1": 0.9}, "schedule_free(adam_torch)", 0.02,
     ADAM_TORCH | {"blend": 0.9}, MIXED, 200),
    ("schedule_free_around_sgd", "scheduled sgd", {"b1": 0.6}, "schedule_free(gd)", 0.02, {"blend": 0.6}, [[5]], 200),
    ("mechanic", "mechanize sgd", {}, "mechanic(gd)", 0.01, MECHANIC, [[5]], 200),
    ("mechanic_adam", "mechanize adam", {"s_init": 1e-3}, "mechanic(adam_torch)", 1.0,
     ADAM_TORCH | MECHANIC | {"s0": 1e-3}, MIXED, 200),
    ("mechanic_decay", "mechanize adam", {"s_init": 1e-4, "weight_decay": 0.3, "eps": 1e-6}, "mechanic(adam_torch)",
     0.5, ADAM_TORCH | {"decay_scale": 0.3, "s0": 1e-4, "tuner_eps": 1e-6}, MIXED, 200),
    ("mechanic_sign", "mechanize sign_sgd", {"s_init": 1e-5, "weight_decay": 0.0}, "mechanic(signsgd)", 0.1,
     MECHANIC | {"s0": 1e-5, "decay_scale": 0.0}, MIXED, 200),
    ("average", "averaged sgd", {"decay": 0.9}, "average(gd)", 0.03, {"beta": 0.9}),
    # It scales the gradient first: c g, of squared length c^2 |g|^2, takes a step of at most lr / c.
    ("sps", "polyak_sgd", polyak(0.035, 0.5), "sps", 0.035, {"c": 0.5, "lower_bound": 0.0, "eps": 1e-8}, [[5]], 200),
    ("sps_short", "polyak_sgd", polyak(0.03, 2.0), "sps", 0.03, {"c": 2.0, "lower_bound": 0.0, "eps": 1e-8}, [[5]],
     200),
    ("sps_bound", "polyak_sgd", polyak(1.0, 0.8, 0.5), "sps", 1.0, {"c": 0.8, "lower_bound": 0.5, "eps": 1e-8}, MIXED,
     200),
    ("sps_eps", "polyak_sgd", polyak(0.03, 3.0, -0.1, 10.0), "sps", 0.03, {"c": 3.0, "lower_bound": -0.1, "eps": 10.0},
     MIXED, 200),
    ("momo", "contrib.momo", {"beta": 0.8, "lower_bound": 0.1}, "momo", 0.02,
     {"beta1": 0.8, "lower_bound": 0.1, "adapt_bound": 0.0, "weight_decay": 0.0}, [[5]], 200),
    ("momo_adam", "contrib.momo_adam", {"b1": 0.8, "b2": 0.95, "lower_bound": 0.1}, "momo_adam", 0.1,
     ADAM | {"beta1": 0.8, "beta2": 0.95, "lower_bound": 0.1, "adapt_bound": 0.0, "weight_decay": 0.0}, [[5]], 200),
]  # fmt: skip
# The authors' own packages.
SCHEDULEFREE = [
    ("wrapper", "ScheduleFreeWrapper SGD", {}, "schedule_free(gd)", 0.03, {"blend": 0.9}, MIXED, 200),
    # Around PyTorch's Adam it fails: Adam takes the wrapper's z for a state that is complete.
    (
        "wrapper_momentum",
        "ScheduleFreeWrapper SGD",
        {"momentum": 0.8, "wrapper.momentum": 0.7},
        "schedule_free(heavy_ball)",
        0.01,
        {"beta1": 0.8, "dampening": 0.0, "blend": 0.7},
        [[5]],
        200,
    ),
    (
        "wrapper_falling",
        "ScheduleFreeWrapper SGD",
        {"momentum": 0.5, "wrapper.momentum": 0.95},
        "schedule_free(heavy_ball)",
        [0.03, 0.001],
        {"beta1": 0.5, "dampening": 0.0, "blend": 0.95},
        MIXED,
        200,
    ),
    ("sgd", "SGDScheduleFree", {"weight_decay": 0.3}, "schedule_free_sgd", 0.03, {"beta1": 0.9, "weight_decay": 0.3}),
    ("adamw", "AdamWScheduleFree", {}, "schedule_free_adamw", 0.05, ADAM | {"weight_decay": 0.0}),
    ("radam", "RAdamScheduleFree", {}, "schedule_free_radam", 0.05, ADAM | {"weight_decay": 0.0}, MIXED, 200),
    (
        "radam_betas",
        "RAdamScheduleFree",
        {"betas": [0.95, 0.98], "weight_decay": 0.3},
        "schedule_free_radam",
        0.02,
        {"beta1": 0.95, "beta2": 0.98, "eps": 1e-8, "weight_decay": 0.3},
        [[5]],
        200,
    ),
    (
        "radam_eps",
        "RAdamScheduleFree",
        {"betas": [0.8, 0.9], "eps": 0.5},
        "schedule_free_radam",
        0.1,
        {"beta1": 0.8, "beta2": 0.9, "eps": 0.5, "weight_decay": 0.0},
        MATRICES,
        200,
    ),
    (
        "radam_falling",
        "RAdamScheduleFree",
        {"betas": [0.9, 0.99], "weight_decay": 0.05},
        "schedule_free_radam",
        [0.1, 0.01],
        {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.05},
        MIXED,
        200,
    ),
]
PRODIGYOPT = [
    ("prodigy", "Prodigy", {"use_bias_correction": True, "d0": 1e-3, "weight_decay": 0.1}, "prodigy", 1.0,
     ADAM | {"d0": 1e-3, "weight_decay": 0.1}, MIXED),
]  # fmt: skip
CAME_PYTORCH = [
    ("came", "CAME", {}, "came", 2e-4, CAME, MIXED, 200),
    ("clip", "CAME", {"betas": [0.8, 0.95, 0.99], "clip_threshold": 0.5, "weight_decay": 0.3}, "came", 0.002,
     CAME | {"beta1": 0.8, "beta2": 0.95, "beta3": 0.99, "threshold": 0.5, "weight_decay": 0.3}, MATRICES, 200),
    ("eps", "CAME", {"betas": [0.95, 0.9, 0.9], "eps": [1e-3, 0.01], "clip_threshold": 2.0}, "came", 0.01,
     CAME | {"beta1": 0.95, "beta2": 0.9, "beta3": 0.9, "eps1": 1e-3, "eps2": 0.01, "threshold": 2.0},
     MATRICES_AND_VECTOR, 200),
    ("decay", "CAME", {"betas": [0.5, 0.99, 0.999], "eps": [1e-8, 1e-4], "weight_decay": 0.1}, "came", 0.001,
     CAME | {"beta1": 0.5, "beta2": 0.99, "beta3": 0.999, "eps1": 1e-8, "eps2": 1e-4, "weight_decay": 0.1},
     [[3, 2], [4]], 200),
]  # fmt: skip
# Meta's, from its repository. Its rate is float32, and so a power of 2 here; matrices are not merged to vectors.
DISTRIBUTED_SHAMPOO = [
    ("adam", "DistributedShampoo", {"precondition_frequency": 100}, "distributed_shampoo", 2**-6,
     GRAFTED | {"every": 100.0}, MATRICES_AND_VECTOR, 200),
    ("often", "DistributedShampoo",
     {"precondition_frequency": 1, "betas": [0.8, 0.99], "epsilon": 0.1, "grafting_epsilon": 0.01},
     "distributed_shampoo", 2**-6,
     GRAFTED | {"beta1": 0.8, "beta2": 0.99, "every": 1.0, "eps": 0.1, "eps_graft": 0.01}, MIXED, 200),
    ("decay", "DistributedShampoo",
     {"precondition_frequency": 7, "betas": [0.5, 0.95], "epsilon": 1e-6, "weight_decay": 0.3},
     "distributed_shampoo", 2**-7,
     GRAFTED | {"beta1": 0.5, "beta2": 0.95, "every": 7.0, "eps": 1e-6, "weight_decay": 0.3}, [[3, 2], [2, 2]], 200),
    ("pieces", "DistributedShampoo", {"precondition_frequency": 3, "max_preconditioner_dim": 2, "epsilon": 1e-3},
     "distributed_shampoo", 2**-7, GRAFTED | {"every": 3.0, "eps": 1e-3, "max_dim": 2.0}, MIXED, 200),
]  # fmt: skip
KRON_TORCH = [
    ("kron", "Kron", {}, "kron", 0.004, KRON, MATRICES_AND_VECTOR, 200),
    ("decay", "Kron", {"b1": 0.5, "precond_lr": 0.3, "precond_init_scale": 0.25, "weight_decay": 0.3}, "kron", 0.005,
     KRON | {"beta1": 0.5, "precond_lr": 0.3, "precond_scale": 0.25, "weight_decay": 0.3}, MIXED, 200),
    ("seldom", "Kron", {"schedule": {"flat_start": 10, "decay": 0.05, "min_prob": 0.15}, "b1": 0.0}, "kron", 0.005,
     KRON | {"beta1": 0.0, "flat_start": 10.0, "anneal": 0.05, "min_prob": 0.15}, [[3, 2], [2, 2]], 200),
    ("one_side", "Kron", {"max_size_triangular": 2, "b1": 0.95, "weight_decay": 0.1}, "kron", [0.02, 0.001],
     KRON | {"beta1": 0.95, "max_dim": 2.0, "weight_decay": 0.1}, MIXED, 200),
]  # fmt: skip
# Matrices alone, which it has as (outputs, inputs). A small eps lets it divide numbers near rounding by their size.
MODDED_NANOGPT = [
    ("soap_muon", "Muon", {}, "soap_muon", 0.003, SOAP_MUON, MATRICES, 200),
    ("seldom", "Muon", {"mu": 0.8, "beta2": 0.95, "every": 5, "eps": 0.01}, "soap_muon", 0.002,
     SOAP_MUON | {"beta1": 0.8, "beta2": 0.95, "every": 5.0, "eps": 0.01}, [[3, 2], [2, 2]], 200),
    ("decay", "Muon", {"mu": 0.9, "beta2": 0.8, "eps": 0.3, "weight_decay": 0.3}, "soap_muon", 0.001,
     SOAP_MUON | {"beta1": 0.9, "beta2": 0.8, "eps": 0.3, "weight_decay": 0.3}, MATRICES, 200),
    ("falling", "Muon", {"mu": 0.5, "beta2": 0.7, "every": 2, "eps": 0.1}, "soap_muon", [0.006, 0.001],
     SOAP_MUON | {"beta1": 0.5, "beta2": 0.7, "every": 2.0, "eps": 0.1}, [[2, 5]], 200),
]  # fmt: skip
DOG = [
    ("dog", "DoG", {"reps_rel": 1e-3}, "dog", 1.0, {"r0_rel": 1e-3, "eps": 1e-8, "gamma": 8.0}, MIXED, 200),
    ("dog_eps", "DoG", {"reps_rel": 0.1, "eps": 100.0, "gamma": 2.0}, "dog", 0.5,
     {"r0_rel": 0.1, "eps": 100.0, "gamma": 2.0}, MIXED, 200),
    ("dog_far", "DoG", {"reps_rel": 0.5, "eps": 1.0, "gamma": 0.0}, "dog", 0.2,
     {"r0_rel": 0.5, "eps": 1.0, "gamma": 0.0}, [[5]], 200),
    ("dog_falling", "DoG", {"reps_rel": 1e-2, "gamma": 20.0}, "dog", [1.0, 0.1],
     {"r0_rel": 1e-2, "eps": 1e-8, "gamma": 20.0}, MATRICES, 200),
    ("l_dog", "LDoG", {"reps_rel": 1e-3}, "l_dog", 1.0, {"r0_rel": 1e-3, "eps": 1e-8, "gamma": 8.0}, MIXED, 200),
    ("l_dog_eps", "LDoG", {"reps_rel": 0.1, "eps": 100.0, "gamma": 2.0}, "l_dog", 0.5,
     {"r0_rel": 0.1, "eps": 100.0, "gamma": 2.0}, MIXED, 200),
    ("l_dog_far", "LDoG", {"reps_rel": 0.5, "eps": 1.0, "gamma": 0.0}, "l_dog", 0.2,
     {"r0_rel": 0.5, "eps": 1.0, "gamma": 0.0}, [[3, 2], [4]], 200),
    ("l_dog_falling", "LDoG", {"reps_rel": 1e-2, "gamma": 20.0}, "l_dog", [1.0, 0.1],
     {"r0_rel": 1e-2, "eps": 1e-8, "gamma": 20.0}, MATRICES, 200),
]  # fmt: skip
# Their matrices are (outputs, inputs), a row a neuron; without decay of biases.
ADAM_MINI = [
    ("adam_mini", "Adam_mini", {}, "adam_mini", 0.02, ADAM | {"weight_decay": 0.0}, MIXED, 200),
    ("adam_mini_betas", "Adam_mini", {"betas": [0.8, 0.95], "eps": 0.1}, "adam_mini", [0.05, 0.001],
     {"beta1": 0.8, "beta2": 0.95, "eps": 0.1, "weight_decay": 0.0}, [[3, 2], [4]], 200),
    ("adam_mini_decay", "Adam_mini", {"betas": [0.9, 0.95], "weight_decay": 0.3}, "adam_mini", 0.01,
     {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.3}, MATRICES, 200),
    ("adam_mini_eps", "Adam_mini", {"betas": [0.95, 0.99], "eps": 2.0, "weight_decay": 0.05}, "adam_mini", 0.1,
     {"beta1": 0.95, "beta2": 0.99, "eps": 2.0, "weight_decay": 0.05}, [[1, 6], [2, 2]], 200),
]  # fmt: skip
DADAPTATION = [
    ("dadapt_adam", "DAdaptAdam", {"d0": 0.05}, "dadapt_adam", 1.0, ADAM | {"d0": 0.05, "weight_decay": 0.0}, MIXED,
     200),
    ("dadapt_adam_decay", "DAdaptAdam", {"d0": 1e-2, "weight_decay": 0.3, "decouple": True, "betas": [0.8, 0.99]},
     "dadapt_adam", 0.3, {"beta1": 0.8, "beta2": 0.99, "eps": 1e-8, "d0": 1e-2, "weight_decay": 0.3}, MIXED, 200),
    ("dadapt_adam_falling", "DAdaptAdam", {"d0": 1e-2, "betas": [0.95, 0.99], "eps": 0.1}, "dadapt_adam", [1.0, 0.01],
     {"beta1": 0.95, "beta2": 0.99, "eps": 0.1, "d0": 1e-2, "weight_decay": 0.0}, [[5]], 200),
]  # fmt: skip
# A collection of other people's optimizers, where neither PyTorch nor optax nor the authors have a package for it.
COLLECTION = [
    ("sam", "SAM SGD", {"SAM.rho": 0.05}, "sam(gd)", 0.01, {"rho": 0.05}, MIXED, 200),
    ("sam_momentum", "SAM SGD", {"SAM.rho": 0.5, "momentum": 0.5}, "sam(heavy_ball)", 0.005,
     {"beta1": 0.5, "dampening": 0.0, "rho": 0.5}, [[5]], 200),
    ("sam_adam", "SAM Adam", {"SAM.rho": 0.2}, "sam(adam_torch)", 0.02, ADAM_TORCH | {"rho": 0.2}, MATRICES, 200),
    ("sam_falling", "SAM Adam", {"SAM.rho": 1.0, "betas": [0.8, 0.95], "eps": 0.1}, "sam(adam_torch)", [0.1, 0.001],
     ADAM_TORCH | {"beta1": 0.8, "beta2": 0.95, "eps": 0.1, "rho": 1.0}, [[5]], 200),
    ("asam", "SAM SGD", {"SAM.rho": 0.5, "SAM.adaptive": True}, "asam(gd)", 0.01, {"rho": 0.5}, MIXED, 200),
    ("asam_momentum", "SAM SGD", {"SAM.rho": 0.1, "SAM.adaptive": True, "momentum": 0.5}, "asam(heavy_ball)", 0.005,
     {"beta1": 0.5, "dampening": 0.0, "rho": 0.1}, [[5]], 200),
    ("asam_adam", "SAM Adam", {"SAM.rho": 0.2, "SAM.adaptive": True}, "asam(adam_torch)", 0.02,
     ADAM_TORCH | {"rho": 0.2}, MATRICES, 200),
    ("asam_falling", "SAM Adam", {"SAM.rho": 1.0, "SAM.adaptive": True, "betas": [0.8, 0.95], "eps": 0.1},
     "asam(adam_torch)", [0.1, 0.001], ADAM_TORCH | {"beta1": 0.8, "beta2": 0.95, "eps": 0.1, "rho": 1.0}, [[5]], 200),
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
    # The scale of its mask is n / (sum + 1).
    ("cautious", "Lion", {"cautious": True}, "cautious(lion)", 0.02, LION | CAUTIOUS | {"extra": 1.0}, MIXED, 200),
    ("cautious_betas", "Lion", {"cautious": True, "betas": [0.6, 0.95]}, "cautious(lion)", 0.005,
     LION | CAUTIOUS | {"beta1": 0.6, "beta2": 0.95, "extra": 1.0}, [[5]], 200),
    ("stable_adamw", "StableAdamW", {"eps": 1e-6}, "stable_adamw", 0.02,
     {"beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "weight_decay": 0.01}, MIXED, 200),
    ("stable_adamw_betas", "StableAdamW", {"betas": [0.8, 0.999], "weight_decay": 0.5}, "stable_adamw", 0.005,
     {"beta1": 0.8, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.5}, [[5]], 200),
    # It decomposes in float32, here in float64. Without a large eps the second step divides numbers near rounding.
    ("soap", "SOAP", {"weight_decay": 0.0}, "soap", 0.005, SOAP, MATRICES_AND_VECTOR, 200),
    ("soap_often", "SOAP", {"betas": [0.9, 0.99], "precondition_frequency": 1, "eps": 0.01}, "soap", 0.01,
     SOAP | {"beta1": 0.9, "beta2": 0.99, "eps": 0.01, "every": 1.0, "weight_decay": 0.01}, MATRICES_AND_VECTOR, 200),
    ("soap_decay", "SOAP", {"betas": [0.8, 0.9], "precondition_frequency": 7, "weight_decay": 0.3, "eps": 1.0}, "soap",
     0.01, SOAP | {"beta1": 0.8, "beta2": 0.9, "every": 7.0, "weight_decay": 0.3, "eps": 1.0}, [[3, 2], [2, 2]], 200),
    ("soap_one_side", "SOAP", {"betas": [0.5, 0.97], "precondition_frequency": 3, "max_precondition_dim": 2}, "soap",
     0.005, SOAP | {"beta1": 0.5, "beta2": 0.97, "every": 3.0, "max_dim": 2.0, "weight_decay": 0.01}, MIXED, 200),
    # Its eigenvectors, too, are of float32, here of float64.
    ("splus", "SPlus", {"weight_decay": 0.0}, "splus", 0.1, SPLUS, MIXED, 200),
    ("splus_decay", "SPlus",
     {"betas": [0.8, 0.95], "inverse_steps": 7, "ema_rate": 0.9, "weight_decay": 0.5, "nonstandard_constant": 0.1},
     "splus", 0.05,
     SPLUS | {"beta1": 0.8, "beta2": 0.95, "every": 7.0, "beta_average": 0.9, "weight_decay": 0.5, "vectors": 0.1},
     MATRICES, 200),
    ("splus_often", "SPlus",
     {"betas": [0.95, 0.9], "inverse_steps": 1, "ema_rate": 0.99, "nonstandard_constant": 0.05, "eps": 1e-3},
     "splus", 0.02,
     SPLUS | {"beta1": 0.95, "beta2": 0.9, "every": 1.0, "beta_average": 0.99, "vectors": 0.05, "eps": 1e-3,
              "weight_decay": 0.01}, MATRICES_AND_VECTOR, 200),
    ("splus_one_side", "SPlus",
     {"betas": [0.5, 0.99], "inverse_steps": 20, "max_dim": 3, "nonstandard_constant": 0.1}, "splus", 0.1,
     SPLUS | {"beta1": 0.5, "beta2": 0.99, "every": 20.0, "max_dim": 3.0, "weight_decay": 0.01, "vectors": 0.1},
     MIXED, 200),
    ("dadapt_adam", "DAdaptAdam", {"d0": 1e-2, "foreach": False}, "dadapt_adam", 0.5,
     ADAM | {"d0": 1e-2, "weight_decay": 0.0}, MATRICES, 200),
    ("dadapt_adam_decay", "DAdaptAdam",
     {"d0": 1e-2, "betas": [0.8, 0.98], "eps": 1.0, "weight_decay": 0.1, "weight_decouple": True, "foreach": False},
     "dadapt_adam", 0.1, {"beta1": 0.8, "beta2": 0.98, "eps": 1.0, "d0": 1e-2, "weight_decay": 0.1}, [[5]], 200),
    # With curvatures by differences, and by the signs of the rule.
    ("adahessian", "AdaHessian", {"eps": 1e-4, "difference": 0.25}, "adahessian", 0.1,
     ADAHESSIAN | {"difference": 0.25}, MIXED, 200),
    ("adahessian_betas", "AdaHessian", {"betas": [0.8, 0.95], "eps": 1.0, "difference": 0.125}, "adahessian", 0.5,
     ADAHESSIAN | {"beta1": 0.8, "beta2": 0.95, "eps": 1.0, "difference": 0.125}, [[5]], 200),
    ("adahessian_decay", "AdaHessian", {"eps": 0.01, "weight_decay": 0.3, "difference": 0.5}, "adahessian", 0.03,
     ADAHESSIAN | {"eps": 0.01, "weight_decay": 0.3, "difference": 0.5}, MATRICES, 200),
    ("adahessian_falling", "AdaHessian", {"betas": [0.95, 0.9], "eps": 1e-4, "difference": 0.25}, "adahessian",
     [0.3, 0.003], ADAHESSIAN | {"beta1": 0.95, "beta2": 0.9, "difference": 0.25}, MATRICES_AND_VECTOR, 200),
    # With curvatures like those of AdaHessian, every tenth step.
    ("sophia_h", "SophiaH", sophia(0.01, 0.04, betas=[0.965, 0.99]), "sophia_h", 0.01, SOPHIA, MIXED, 200),
    ("sophia_h_betas", "SophiaH", sophia(0.05, 2.0, betas=[0.8, 0.9]), "sophia_h", 0.05,
     SOPHIA | {"beta1": 0.8, "beta2": 0.9, "rho": 2.0}, [[5]], 200),
    ("sophia_h_decay", "SophiaH", sophia(0.02, 0.5, 0.7, 0.1, 0.125, betas=[0.9, 0.5]), "sophia_h", 0.02,
     SOPHIA | {"beta1": 0.9, "beta2": 0.5, "rho": 0.5, "weight_decay": 0.7, "eps": 0.1, "difference": 0.125}, MATRICES,
     200),
    ("sophia_h_falling", "SophiaH", sophia([0.1, 0.001], 10.0, 0.0, 1e-3, 0.5, betas=[0.95, 0.8]), "sophia_h",
     [0.1, 0.001], SOPHIA | {"beta1": 0.95, "beta2": 0.8, "rho": 10.0, "weight_decay": 0.0, "eps": 1e-3,
                             "difference": 0.5}, MATRICES_AND_VECTOR, 200),
    # Its eps stands beside the uncorrected sqrt(v): next to nothing here.
    ("laprop", "LaProp", {"foreach": False}, "laprop", 0.02,
     {"beta1": 0.9, "beta2": 0.999, "eps": 1e-15, "weight_decay": 0.0}, MIXED, 200),
    ("laprop_betas", "LaProp", {"foreach": False, "betas": [0.95, 0.8]}, "laprop", 0.005,
     {"beta1": 0.95, "beta2": 0.8, "eps": 1e-15, "weight_decay": 0.0}, [[5]], 200),
    # It has full matrices for vectors, too.
    ("shampoo", "Shampoo", {}, "shampoo", 0.1, {"eps": 1e-6, "every": 1.0}, MATRICES),
    ("shampoo_eps", "Shampoo", {"matrix_eps": 0.5}, "shampoo", 0.3, {"eps": 0.5, "every": 1.0}, MATRICES),
    # Its Newton-Schulz steps in float64: their default is bfloat16.
    ("moonlight", "Muon", {"groups": muon_groups(MIXED, 0.02, 1, decay=0.1), "use_adjusted_lr": True},
     "moonlight_muon", 0.02, MOONLIGHT, MIXED, 200),
    ("moonlight_rates", "Muon", {"groups": muon_groups(MIXED, 0.005, 0.1, (0.8, 0.9), 0.3, 1e-6, momentum=0.9),
                                 "use_adjusted_lr": True}, "moonlight_muon", 0.005,
     MOONLIGHT | {"beta1": 0.9, "beta_adam": 0.8, "beta2": 0.9, "vector_rate": 0.1, "weight_decay": 0.3, "eps": 1e-6},
     MIXED, 200),
    ("moonlight_polar", "Muon",
     {"groups": muon_groups(MATRICES_AND_VECTOR, 0.01, 3, ns_steps=7, ns_coeffs=POLAR_EXPRESS),
      "use_adjusted_lr": True}, "moonlight_muon", 0.01,
     MOONLIGHT | {"ns_coefficients": 1.0, "ns_steps": 7.0, "vector_rate": 3.0, "weight_decay": 0.0},
     MATRICES_AND_VECTOR, 200),
    ("moonlight_convergent", "Muon", {"groups": muon_groups(MIXED, 0.01, 1, decay=1.0, momentum=0.5, ns_steps=10,
                                                            ns_coeffs=[2.0, -1.5, 0.5]), "use_adjusted_lr": True},
     "moonlight_muon", 0.01,
     MOONLIGHT | {"beta1": 0.5, "ns_coefficients": 2.0, "ns_steps": 10.0, "weight_decay": 1.0}, MIXED, 200),
    ("normuon", "NorMuon", {"groups": muon_groups(MIXED, 0.005, 0.015, eps=1e-10)}, "normuon", 0.005, NORMUON, MIXED,
     200),
    ("normuon_decay", "NorMuon", {"groups": muon_groups(MIXED, 0.003, 0.5, (0.8, 0.9), 0.3, 1e-4, momentum=0.9,
                                                        beta2=0.8)}, "normuon", 0.003,
     NORMUON | {"beta1": 0.9, "beta2": 0.8, "beta_adam": 0.8, "beta2_adam": 0.9, "vector_rate": 0.5,
                "weight_decay": 0.3, "eps": 1e-4}, MIXED, 200),
    ("normuon_tall", "NorMuon", {"groups": muon_groups([[3, 2], [4]], 0.002, 2, eps=1e-10, momentum=0.5, beta2=0.5,
                                                       ns_steps=3)}, "normuon", 0.002,
     NORMUON | {"beta1": 0.5, "beta2": 0.5, "ns_steps": 3.0, "vector_rate": 2.0}, [[3, 2], [4]], 200),
    ("normuon_polar", "NorMuon", {"groups": muon_groups(MATRICES_AND_VECTOR, 0.005, 1, decay=0.1, eps=1e-10,
                                                        ns_coeffs=POLAR_EXPRESS)}, "normuon", 0.005,
     NORMUON | {"ns_coefficients": 1.0, "vector_rate": 1.0, "weight_decay": 0.1}, MATRICES_AND_VECTOR, 200),
    ("scion", "SCION", {"groups": scion_groups(LAYERS, 1.0, 1024.0)}, "scion", 0.0005, SCION, LAYERS, 200),
    ("scion_radii", "SCION", {"groups": scion_groups(WIDE_LAYERS, 3.0, 20.0), "momentum": 0.5}, "scion", 0.001,
     SCION | {"beta1": 0.5, "radius": 3.0, "last_radius": 20.0}, WIDE_LAYERS, 200),
    ("scion_free", "SCION", {"groups": scion_groups(LAYERS, 1.0, 2.0, constraint=False), "momentum": 0.05}, "scion",
     0.02, SCION | {"beta1": 0.95, "last_radius": 2.0, "weight_decay": 0.0}, LAYERS, 200),
    ("scion_decay", "SCION", {"groups": scion_groups(WIDE_LAYERS, 2.0, 2.0, constraint=False), "weight_decay": 0.3},
     "scion", 0.002, SCION | {"radius": 2.0, "last_radius": 2.0, "weight_decay": 0.3}, WIDE_LAYERS, 200),
]  # fmt: skip
OPTIMI = [
    ("stable_adamw", "StableAdamW", {}, "stable_adamw", 0.01,
     {"beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "weight_decay": 0.01}, MATRICES, 200),
    ("stable_adamw_eps", "StableAdamW", {"betas": [0.95, 0.98], "eps": 0.1, "weight_decay": 0.3}, "stable_adamw",
     [0.05, 0.001], {"beta1": 0.95, "beta2": 0.98, "eps": 0.1, "weight_decay": 0.3}, MIXED, 200),
]  # fmt: skip
# Its eps is a floor of the root, and not a term beside it: it is next to nothing here, and 0 there.
# eps is 1e-15 there; the second gradient is the first one, as the objective has no labels.
SOPHIA_OPT = [
    ("sophia_g", "SophiaG", {}, "sophia_g", 0.01, SOPHIA_G, MIXED, 200),
    ("sophia_g_betas", "SophiaG", {"betas": [0.8, 0.9], "rho": 1.0}, "sophia_g", 0.05,
     SOPHIA_G | {"beta1": 0.8, "beta2": 0.9, "rho": 1.0}, [[5]], 200),
    ("sophia_g_decay", "SophiaG", {"betas": [0.9, 0.5], "rho": 0.1, "weight_decay": 0.7}, "sophia_g", 0.002,
     SOPHIA_G | {"beta1": 0.9, "beta2": 0.5, "rho": 0.1, "weight_decay": 0.7}, MATRICES, 200),
    ("sophia_g_falling", "SophiaG", {"lr": [0.1, 0.001], "betas": [0.95, 0.8], "rho": 0.1, "weight_decay": 0.0},
     "sophia_g", [0.1, 0.001], SOPHIA_G | {"beta1": 0.95, "beta2": 0.8, "rho": 0.1, "weight_decay": 0.0},
     MATRICES_AND_VECTOR, 200),
]  # fmt: skip
HEAVYBALL = [
    ("cautious", "AdamW", {"caution": True, "betas": [0.9, 0.999], "eps": 1e-30}, "cautious(adam_torch)", 0.02,
     ADAM_FREE | CAUTIOUS, MIXED, 200),
    ("cautious_betas", "AdamW", {"caution": True, "betas": [0.8, 0.95], "eps": 1e-30}, "cautious(adam_torch)", 0.05,
     ADAM_FREE | CAUTIOUS | {"beta1": 0.8, "beta2": 0.95}, [[5]], 200),
    ("cautious_falling", "AdamW", {"caution": True, "betas": [0.95, 0.99], "eps": 1e-30}, "cautious(adam_torch)",
     [0.1, 0.001], ADAM_FREE | CAUTIOUS | {"beta1": 0.95, "beta2": 0.99}, MATRICES, 200),
    ("cautious_decay", "AdamW",
     {"cautious_weight_decay": True, "weight_decay": 0.3, "betas": [0.9, 0.999], "eps": 1e-30},
     "cautious_decay(adam_torch)", 0.02, ADAM_FREE | {"decay": 0.3}, MIXED, 200),
    ("cautious_decay_betas", "AdamW",
     {"cautious_weight_decay": True, "weight_decay": 0.9, "betas": [0.8, 0.98], "eps": 1e-30},
     "cautious_decay(adam_torch)", 0.01, ADAM_FREE | {"beta1": 0.8, "beta2": 0.98, "decay": 0.9}, [[5]], 200),
    ("cautious_decay_rmsprop", "RMSprop",
     {"cautious_weight_decay": True, "weight_decay": 0.1, "betas": [0.0, 0.99], "eps": 1e-30},
     "cautious_decay(adam_torch)", 0.005, ADAM_FREE | {"beta1": 0.0, "beta2": 0.99, "decay": 0.1}, MIXED, 200),
    ("cautious_decay_falling", "AdamW",
     {"cautious_weight_decay": True, "weight_decay": 0.5, "betas": [0.9, 0.99], "eps": 1e-30},
     "cautious_decay(adam_torch)", [0.05, 0.001], ADAM_FREE | {"beta2": 0.99, "decay": 0.5}, MIXED, 200),
    ("corrected_decay", "AdamC", {"weight_decay": 0.3, "betas": [0.9, 0.999], "eps": 1e-30},
     "corrected_decay(adam_torch)", [0.05, 0.002], ADAM_FREE | {"decay": 0.3}, MIXED, 200),
    ("corrected_decay_betas", "AdamC", {"weight_decay": 0.9, "betas": [0.8, 0.98], "eps": 1e-30},
     "corrected_decay(adam_torch)", [0.02, 0.0], ADAM_FREE | {"beta1": 0.8, "beta2": 0.98, "decay": 0.9}, [[5]], 200),
    ("corrected_decay_constant", "AdamC", {"weight_decay": 0.5, "betas": [0.9, 0.99], "eps": 1e-30},
     "corrected_decay(adam_torch)", 0.01, ADAM_FREE | {"beta2": 0.99, "decay": 0.5}, MIXED, 200),
    ("corrected_decay_slow", "AdamC", {"weight_decay": 0.05, "betas": [0.95, 0.99], "eps": 1e-30},
     "corrected_decay(adam_torch)", [0.01, 0.005], ADAM_FREE | {"beta1": 0.95, "beta2": 0.99, "decay": 0.05}, [[5]],
     200),
    # It has no average of the gradient, and no decay inside the step here.
    ("hyperball", "HyperBallAdamW", {"betas": [0.0, 0.99], "eps": 1e-30}, "hyperball(adam_torch)", 0.02,
     ADAM_FREE | {"beta1": 0.0, "beta2": 0.99}, MIXED, 200),
    ("hyperball_betas", "HyperBallAdamW", {"betas": [0.0, 0.9], "eps": 1e-30}, "hyperball(adam_torch)", 0.005,
     ADAM_FREE | {"beta1": 0.0, "beta2": 0.9}, MATRICES, 200),
    ("hyperball_long", "HyperBallAdamW", {"betas": [0.0, 0.999], "eps": 1e-30}, "hyperball(adam_torch)", 0.01,
     ADAM_FREE | {"beta1": 0.0}, [[3, 2], [4]], 200),
    ("hyperball_falling", "HyperBallAdamW", {"betas": [0.0, 0.95], "eps": 1e-30}, "hyperball(adam_torch)",
     [0.02, 0.0], ADAM_FREE | {"beta1": 0.0, "beta2": 0.95}, MATRICES, 200),
    ("laprop_decay", "LaProp", {"betas": [0.9, 0.99], "weight_decay": 0.3, "eps": 1e-30}, "laprop", 0.02,
     {"beta1": 0.9, "beta2": 0.99, "eps": 0.0, "weight_decay": 0.3}, MIXED, 200),
    ("laprop_betas", "LaProp", {"betas": [0.99, 0.7], "weight_decay": 0.05, "eps": 1e-30}, "laprop", 0.005,
     {"beta1": 0.99, "beta2": 0.7, "eps": 0.0, "weight_decay": 0.05}, [[5]], 200),
]  # fmt: skip
# The authors' own class. Polyak's long steps amplify roundings, so there are few of them or a large eps.
SPS = [
    ("sps_smooth", "Sps", {}, "sps_smooth", 1e-12,
     {"c": 0.5, "growth": 2.0, "lower_bound": 0.0, "eps": 1e-8}, [[5]], 200),
    ("sps_slow", "Sps", {"c": 2.0, "gamma": 1.02}, "sps_smooth", 1.0,
     {"c": 2.0, "growth": 1.02, "lower_bound": 0.0, "eps": 1e-8}, MIXED, 200),
    ("sps_short", "Sps", {"c": 1.0, "eps": 1.0}, "sps_smooth", 1.0,
     {"c": 1.0, "growth": 2.0, "lower_bound": 0.0, "eps": 1.0}, MIXED, 200),
    ("sps_falling", "Sps", {"c": 2.0, "gamma": 1.0, "eps": 10.0}, "sps_smooth", 0.02,
     {"c": 2.0, "growth": 1.0, "lower_bound": 0.0, "eps": 10.0}, [[5]], 200),
]  # fmt: skip
# The authors' own package of MoMo.
MOMO = [
    ("momo", "Momo", {}, "momo", 1.0, MOMO_FIXED, [[5]], 200),
    ("momo_capped", "Momo", {"beta": 0.5}, "momo", 0.01, MOMO_FIXED | {"beta1": 0.5}, [[5]], 200),
    ("momo_bound", "Momo", {"lb": 0.5, "weight_decay": 0.1}, "momo", 0.3,
     MOMO_FIXED | {"lower_bound": 0.5, "weight_decay": 0.1}, MIXED, 200),
    ("momo_decay", "Momo", {"lb": -1.0, "beta": 0.8, "weight_decay": 0.5}, "momo", 0.02,
     MOMO_FIXED | {"beta1": 0.8, "lower_bound": -1.0, "weight_decay": 0.5}, MIXED, 200),
    ("momo_adam", "MomoAdam", {}, "momo_adam", 0.01, ADAM | MOMO_FIXED, [[5]], 200),
    ("momo_adam_uncapped", "MomoAdam", {"betas": [0.8, 0.95]}, "momo_adam", 10.0,
     ADAM | MOMO_FIXED | {"beta1": 0.8, "beta2": 0.95}, [[5]], 200),
    ("momo_adam_bound", "MomoAdam", {"lb": 0.5, "weight_decay": 0.1, "eps": 0.5}, "momo_adam", 0.3,
     ADAM | MOMO_FIXED | {"eps": 0.5, "lower_bound": 0.5, "weight_decay": 0.1}, MIXED, 200),
    ("momo_adam_decay", "MomoAdam", {"lb": -1.0, "betas": [0.5, 0.999], "weight_decay": 0.5}, "momo_adam", 0.02,
     ADAM | MOMO_FIXED | {"beta1": 0.5, "lower_bound": -1.0, "weight_decay": 0.5}, MIXED, 200),
    # As the estimate comes near the loss, steps fall below rounding, which then decides when it is put back: MoMo-Adam
    # does so after 140 steps.
    ("momo_adapted", "Momo", {"use_fstar": True}, "momo", 1.0, MOMO_ADAPTED, [[5]], 200),
    ("momo_adapted_decay", "Momo", {"use_fstar": True, "lb": -1.0, "beta": 0.8, "weight_decay": 0.5}, "momo", 0.3,
     MOMO_ADAPTED | {"beta1": 0.8, "lower_bound": -1.0, "weight_decay": 0.5}, MIXED, 200),
    ("momo_adam_adapted", "MomoAdam", {"use_fstar": True, "lb": -1.0, "betas": [0.8, 0.95]}, "momo_adam", 1.0,
     ADAM | MOMO_ADAPTED | {"beta1": 0.8, "beta2": 0.95, "lower_bound": -1.0}, [[5]], 100),
    ("momo_adam_adapted_decay", "MomoAdam", {"use_fstar": True, "lb": -1.0, "weight_decay": 0.1, "eps": 0.5},
     "momo_adam", 0.3, ADAM | MOMO_ADAPTED | {"eps": 0.5, "lower_bound": -1.0, "weight_decay": 0.1}, MIXED, 200),
]  # fmt: skip
# Implementations of the same name that take other steps, or have not been compared yet: (library, module, what differs,
# row as above), for the table of docs/agreement.md. No kernel follows these.
COMPARED = [
    ("torch", "torch.optim", "corrects no bias",
     ("muon", "Muon", {"groups": [{}, {}], "weight_decay": 0.0}, "muon", 0.01, MUON, MATRICES)),
    ("optax", "optax", "weighs the change of the gradient by 1 - beta2, where the paper has beta2",
     ("adan", "adan", {"eps_root": 0.0}, "adan", 0.02,
      {"beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8, "weight_decay": 0.0})),
    ("optax", "optax", "takes the maximum of the corrected average, where the paper corrects the maximum",
     ("amsgrad", "amsgrad", {}, "amsgrad", 0.05, ADAM)),
    ("optax", "optax", "has no schedule of the momentum", ("nadam", "nadam", {}, "nadam", 0.02,
                                                           ADAM | {"momentum_decay": 0.004})),
    ("optax", "optax", "corrects the bias before it adds eps", ("radam", "radam", {}, "radam", 0.005, ADAM)),
    ("optax", "optax", "starts m, too, at the initial value of v",
     ("yogi", "yogi", {}, "yogi", 0.05, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-3, "initial": 1e-6})),
    ("optax", "optax", "has the norm of g + decay w in the denominator, and not the sum of both norms",
     ("lars", "lars", {"weight_decay": 0.5, "trust_coefficient": 0.01}, "lars", 1.0,
      {"beta1": 0.9, "trust": 0.01, "weight_decay": 0.5, "eps": 0.0}, MATRICES)),
    ("optax", "optax", "corrects both biases, where the authors correct none",
     ("dadapt_adam", "contrib.dadapt_adamw", {"estim_lr0": 1e-2}, "dadapt_adam", 1.0,
      ADAM | {"d0": 1e-2, "weight_decay": 0.0}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "scales its mask by n / (agreeing + 1), the paper by n / agreeing",
     ("cautious_default", "Lion", {"cautious": True}, "cautious(lion)", 0.02,
      LION | CAUTIOUS | {"floor": 1e-3}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "adds eps to the uncorrected root",
     ("laprop_eps", "LaProp", {"foreach": False, "eps": 0.01}, "laprop", 0.02,
      {"beta1": 0.9, "beta2": 0.999, "eps": 0.01, "weight_decay": 0.0}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "adds eps to the uncorrected root",
     ("mars_eps", "MARS", {"optimize_1d": True, "weight_decay": 0.1, "eps": 0.01}, "mars", 0.02,
      {"beta1": 0.95, "beta2": 0.99, "gamma": 0.025, "eps": 0.01, "weight_decay": 0.1}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "has a full matrix for a vector, too",
     ("shampoo_vector", "Shampoo", {}, "shampoo", 0.1, {"eps": 1e-6, "every": 1.0}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "after Google's: momentum behind the preconditioner, no bias corrected",
     ("scalable_shampoo", "ScalableShampoo", {"preconditioning_compute_steps": 1}, "distributed_shampoo", 0.01,
      GRAFTED | {"every": 1.0}, MATRICES)),
    ("pytorch_optimizer", "pytorch_optimizer", "",
     ("came", "CAME", {"weight_decay": 0.0, "ams_bound": False}, "came", 0.001, CAME, MATRICES)),
    ("pytorch_optimizer", "pytorch_optimizer", "corrects no bias by default, nor does the authors' prodigyopt",
     ("prodigy", "Prodigy", {"d0": 1e-3}, "prodigy", 1.0, ADAM | {"d0": 1e-3, "weight_decay": 0.0}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "",
     ("prodigy_corrected", "Prodigy", {"d0": 1e-3, "bias_correction": True}, "prodigy", 1.0,
      ADAM | {"d0": 1e-3, "weight_decay": 0.0}, MIXED)),
    ("pytorch_optimizer", "pytorch_optimizer", "",
     ("adopt", "ADOPT", {"betas": [0.9, 0.999]}, "adopt", 0.02, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-6})),
    ("sophia-opt", "sophia_opt", "is for squares: where h < 0 its step goes uphill, and has no limit",
     ("sophia_h", "SophiaG", {"betas": [0.8, 0.9], "rho": 2.0, "weight_decay": 0.1, "difference": 0.25}, "sophia_h",
      0.01, SOPHIA | {"beta1": 0.8, "beta2": 0.9, "rho": 2.0}, MIXED)),
    ("heavyball", "heavyball", "is the adaptive one alone, and goes to w + rho w^2 g, without a norm",
     ("sam", "SAMWrapper SGD", {"SAMWrapper.ball": 0.01, "beta": 0.0}, "sam(gd)", 0.01, {"rho": 0.01}, MIXED)),
    ("heavyball", "heavyball", "goes to w + rho w^2 g, where the paper divides by the norm of w g",
     ("asam", "SAMWrapper SGD", {"SAMWrapper.ball": 0.01, "beta": 0.0}, "asam(gd)", 0.01, {"rho": 0.01}, MIXED)),
    ("heavyball", "heavyball", "lifts eigenvalues near 0 before QR, and leaves the columns of the bases unsorted",
     ("soap", "SOAP", {"betas": [0.95, 0.95], "precondition_frequency": 10}, "soap", 0.005, SOAP, MATRICES)),
    ("heavyball", "heavyball", "eps is a floor of the root, and not a term beside it",
     ("adamw_eps", "AdamW", {"betas": [0.9, 0.999], "eps": 0.01, "weight_decay": 0.0}, "adam_torch", 0.02,
      ADAM_TORCH | {"eps": 0.01}, MIXED)),
    ("heavyball", "heavyball", "corrects both biases, bounds the root by 1e-8, and does not clip",
     ("adopt", "ADOPT", {"betas": [0.9, 0.999]}, "adopt", 0.02, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-6})),
]  # fmt: skip
