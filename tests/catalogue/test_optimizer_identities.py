"""Properties of rules that their papers state: symmetries, special cases, and steps in closed form.

Exact equalities are tested as such: signs and powers of two pass through floating-point arithmetic unchanged.
"""

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, drive_rule
from twins import nesterov_lookahead

BLOCKS = ((2, 3), (4,))
STEPS, DIM = 60, 10

# Every parameter's gradients times its own constant, with eps = 0: the path stays (Kingma & Ba 2015 of Adam;
# the sign rules, trivially). Not: radam and mars, whose first steps are those of the gradient or of its clipped
# norm; adabound, whose bounds are in the gradient's unit; adadelta, which stands still without eps.
DIAGONAL_INVARIANT = {
    "adabelief", "adagrad", "adam", "adam_torch", "adamax", "adamw", "adan", "ademamix", "adopt", "amsgrad", "lion",
    "nadam", "qhadam", "rmsprop", "rmsprop_centered", "rmsprop_momentum", "rmsprop_torch", "rprop",
    "schedule_free_adamw", "signsgd", "signum", "yogi",
}  # fmt: skip
# All gradients times one constant: the path stays (You et al. 2017 and 2020; Ginsburg et al. 2019;
# Mishchenko & Defazio 2024; Jordan et al. 2024; Gupta et al. 2018 with eps = 0).
SCALE_INVARIANT = {"adafactor", "lamb", "lars", "muon", "novograd", "prodigy", "shampoo"}
# All gradients times one constant is the rate times that constant.
LINEAR = {"aggmo", "gd", "heavy_ball", "momentum", "nesterov", "qhm", "schedule_free_sgd"}
OTHERS = {"adabound", "adadelta", "asgd", "mars", "radam"}


def gradients_of(seed=0, steps=STEPS):
    return np.random.default_rng(seed).standard_normal((steps, DIM)) * np.geomspace(0.01, 10, DIM) + 0.1


START = np.random.default_rng(7).standard_normal(DIM)
GRADIENTS = gradients_of()


def path(text, gradients=GRADIENTS, w=START, lr=0.05, reported=False, blocks=BLOCKS, **values):
    """Return the trajectory (steps + 1, dim) of one run; ``lr`` may be one rate a step."""
    record, stated = CATALOGUE.optimizer(text)
    rates = np.broadcast_to(lr, len(lr if callable(gradients) else gradients))[:, None]
    return drive_rule(record, "rows", w[None], gradients, rates, [stated | values], blocks=blocks, reported=reported)[
        :, 0
    ]


def without_eps(name):
    """Return the hyperparameters that are in the gradient's unit, at 0."""
    known = CATALOGUE.optimizers[name].hyperparameters
    return {key: 0.0 for key in known if key in ("eps", "eps_root", "eps1", "initial")}


def test_every_rule_is_in_one_group():
    groups = (DIAGONAL_INVARIANT, SCALE_INVARIANT, LINEAR, OTHERS)
    assert sorted(name for group in groups for name in group) == OPTIMIZERS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_sign_equivariant(name):
    """No rule knows which way is up: the mirrored gradients from the mirrored start give the mirrored path."""
    np.testing.assert_array_equal(path(name, -GRADIENTS, -START), -path(name))


@pytest.mark.parametrize("name", sorted(DIAGONAL_INVARIANT))
def test_invariant_to_the_scale_of_every_gradient(name):
    scale = 2.0 ** np.random.default_rng(1).integers(-20, 20, DIM)
    values = without_eps(name)
    made = path(name, scale * GRADIENTS, **values)
    np.testing.assert_array_equal(made, path(name, **values))
    assert np.isfinite(made).all() and (made[-1] != START).all()


@pytest.mark.parametrize("name", sorted(SCALE_INVARIANT))
@pytest.mark.parametrize("scale", [2.0**-12, 2.0**12])
def test_invariant_to_the_scale_of_all_gradients(name, scale):
    values = without_eps(name) | ({"d0": 1e-3} if name == "prodigy" else {})
    made = path(name, scale * GRADIENTS, **values)
    np.testing.assert_allclose(made, path(name, **values), rtol=1e-9, atol=1e-9)
    assert (made[-1] != START).all()


@pytest.mark.parametrize("name", sorted(LINEAR))
def test_scale_of_the_gradients_is_scale_of_the_rate(name):
    np.testing.assert_array_equal(path(name, 4 * GRADIENTS), path(name, lr=0.2))


@pytest.mark.parametrize("name", ["muon", "shampoo"])
def test_equivariant_to_rotations_of_a_matrix(name):
    """Q W R from the gradients Q G R (Gupta et al. 2018: any basis of the rows and of the columns)."""
    rng, blocks = np.random.default_rng(2), ((4, 3),)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (4, 3))
    start, gradients = rng.standard_normal((4, 3)), rng.standard_normal((20, 4, 3))
    plain = path(name, gradients.reshape(20, 12), start.ravel(), blocks=blocks).reshape(21, 4, 3)
    turned = path(name, (left @ gradients @ right).reshape(20, 12), (left @ start @ right).ravel(), blocks=blocks)
    np.testing.assert_allclose(turned.reshape(21, 4, 3), left @ plain @ right, rtol=1e-8, atol=1e-9)


EXACT = [
    ("qhm(nu=0)", "gd"),
    ("qhm(nu=1, beta1=0.9)", "momentum"),
    ("momentum(beta1=0)", "gd"),
    ("heavy_ball(beta1=0)", "gd"),
    ("signum(beta1=0)", "signsgd"),
    ("lion(beta1=0.9, beta2=0.9)", "signum"),
    ("adam(eps=1e-8, eps_root=0)", "adam_torch"),
    ("asgd(lambd=0)", "gd"),
    ("coupled_decay(gd, decay=0)", "gd"),
]
TO_ROUNDING = [
    ("clip(adam, norm=1e9)", "adam"),
    ("adamw(weight_decay=0)", "adam_torch"),
    ("rmsprop_momentum(beta1=0)", "rmsprop_torch"),
    ("qhm(nu=0.9, beta1=0.9)", "nesterov"),
    ("aggmo(beta1=0.9, beta2=0.9, beta3=0.9)", "heavy_ball"),
    ("qhadam(beta1=0.9, nu1=1, nu2=1)", "adam_torch"),
    ("ademamix(alpha=0)", "adam_torch"),
    ("adan(beta1=0.9, beta2=0, beta3=0.999)", "adam_torch"),
    ("schedule_free_sgd(beta1=0)", "gd"),
    ("coupled_decay(gd, decay=0.3)", "decoupled_decay(gd, decay=0.3)"),
    ("decoupled_decay(adam_torch, decay=0.3)", "adamw(weight_decay=0.3)"),
    ("lookahead(adam, k=1, alpha=1)", "adam"),
    ("lookahead(adam, k=7, alpha=1)", "adam"),
]


@pytest.mark.parametrize(("special", "plain"), EXACT)
def test_special_case_is_exactly_another_rule(special, plain):
    np.testing.assert_array_equal(path(special), path(plain))


@pytest.mark.parametrize(("special", "plain"), TO_ROUNDING)
def test_special_case_is_another_rule(special, plain):
    np.testing.assert_allclose(path(special), path(plain), rtol=1e-12, atol=1e-13)


def test_heavy_ball_is_momentum_at_another_rate():
    """Sutskever et al. 2013: sum against average, lr (1 - beta1)."""
    np.testing.assert_allclose(path("heavy_ball", lr=0.05 * 0.1), path("momentum"), rtol=1e-12, atol=1e-13)


def test_dampened_heavy_ball_is_momentum_but_for_its_first_step():
    """The undampened first gradient adds beta1^t g_1 to m_t."""
    extra = 0.05 * 0.9 * (1 - 0.9 ** np.arange(STEPS + 1)) / 0.1
    made = path("heavy_ball(beta1=0.9, dampening=0.9)")
    np.testing.assert_allclose(made, path("momentum") - extra[:, None] * GRADIENTS[0], rtol=1e-12, atol=1e-12)


def test_nesterov_is_the_original_while_the_rate_is_constant():
    np.testing.assert_allclose(path("nesterov"), nesterov_lookahead(START, GRADIENTS, 0.05), rtol=1e-12, atol=1e-13)


def test_adam_without_momentum_and_correction_is_rmsprop():
    """The correction of v is a factor of the rate."""
    rates = 0.05 * np.sqrt(1 - 0.99 ** np.arange(1, STEPS + 1))
    adam = path("adam(beta1=0, beta2=0.99, eps_root=0)")
    np.testing.assert_allclose(path("rmsprop(beta2=0.99, eps_root=0)", lr=rates), adam, rtol=1e-12, atol=1e-13)


def test_adamax_of_equal_gradients_steps_by_the_rate():
    made = path("adamax(eps=0)", np.tile(GRADIENTS[0], (5, 1)))
    np.testing.assert_allclose(np.diff(made, axis=0), np.tile(-0.05 * np.sign(GRADIENTS[0]), (5, 1)), rtol=1e-12)


def test_amsgrad_steps_no_further_than_adam():
    """v_max >= v with the same m (Reddi et al. 2018); and equal while gradients grow."""
    ams, adam = (np.abs(np.diff(path(name), axis=0)) for name in ("amsgrad(beta2=0.9)", "adam_torch(beta2=0.9)"))
    assert (ams <= adam * (1 + 1e-9)).all() and (ams < 0.99 * adam).any()
    growing = np.geomspace(1, 10, STEPS)[:, None] * np.ones(DIM)
    np.testing.assert_array_equal(path("amsgrad", growing), path("adam_torch", growing))


def test_adabelief_trusts_a_constant_gradient():
    """(g - m)^2 = beta1^2t g^2 while m is uncorrected: steps outgrow Adam's lr (Zhuang et al. 2020)."""
    made = np.abs(np.diff(path("adabelief", np.ones((STEPS, DIM))), axis=0))
    m = 1 - 0.9 ** np.arange(1, STEPS + 1)
    s = [sum(0.001 * 0.999 ** (t - k) * (1 - m[k]) ** 2 for k in range(t + 1)) for t in range(STEPS)]
    expected = 0.05 / np.sqrt(s / (1 - 0.999 ** np.arange(1, STEPS + 1)))
    np.testing.assert_allclose(made[:, 0], expected, rtol=1e-6)


def test_adabound_ends_as_momentum_at_its_final_rate():
    """At gamma = inf both bounds are final_lr (Luo et al. 2019)."""
    made = path("adabound(gamma=1e30, final_lr=0.02)")
    np.testing.assert_allclose(made, path("momentum", lr=0.02), rtol=1e-12, atol=1e-13)


def test_radam_starts_as_momentum():
    """rho is at most 5 for the first 5 steps with beta2 = 0.999 (Liu et al. 2020): m / (1 - beta1^t) alone."""
    made, m = path("radam"), np.zeros(DIM)
    for t in range(1, 6):
        m = 0.9 * m + 0.1 * GRADIENTS[t - 1]
        np.testing.assert_allclose(made[t - 1] - made[t], 0.05 * m / (1 - 0.9**t), rtol=1e-9, atol=1e-12)
    m = 0.9 * m + 0.1 * GRADIENTS[5]
    assert (np.abs(made[5] - made[6] - 0.05 * m / (1 - 0.9**6)) > 1e-6).any()


def test_adopt_does_not_move_at_its_first_step():
    made = path("adopt")
    np.testing.assert_array_equal(made[1], made[0])
    assert (made[2] != made[1]).all()


def test_rprop_of_one_sign_grows_by_eta_plus():
    """From the rate on, 1.2 times a step, up to the largest size."""
    made = np.abs(np.diff(path("rprop(step_max=0.5)", np.ones((STEPS, DIM))), axis=0))
    expected = np.minimum(0.05 * 1.2 ** np.arange(STEPS), 0.5)
    np.testing.assert_allclose(made, np.tile(expected[:, None], DIM), rtol=1e-9)


def test_averages_report_the_mean_of_their_iterates():
    """At a constant rate. Schedule-Free averages z (here with beta1 = 0, gd), ASGD w from its second iterate on."""
    gd, counts = path("gd"), np.arange(1, STEPS + 1)[:, None]
    seen = path("schedule_free_sgd(beta1=0)", reported=True)
    np.testing.assert_allclose(seen[1:], np.cumsum(gd[1:], axis=0) / counts, rtol=1e-12, atol=1e-13)
    seen = path("asgd(lambd=0)", reported=True)
    np.testing.assert_allclose(seen[2:], np.cumsum(gd[2:], axis=0) / counts[:-1], rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(path("average(adam, beta=0)", reported=True), path("adam"))


def test_averages_go_the_way_of_the_rule_that_they_watch():
    np.testing.assert_array_equal(path("average(adam)"), path("adam"))


def lengths(made):
    """Return the length of every step in every block, (steps, blocks)."""
    return norms(np.diff(made, axis=0))


def norms(rows):
    return np.array([[np.linalg.norm(row[:6]), np.linalg.norm(row[6:])] for row in rows])


def test_trust_ratios_step_in_proportion_to_the_parameters():
    """You et al. 2017 and 2020: lr |w| a block, whatever the gradient."""
    made = path("lamb")
    np.testing.assert_allclose(lengths(made), 0.05 * norms(made[:-1]), rtol=1e-12)
    made = path("lars(beta1=0, trust=0.3)")
    np.testing.assert_allclose(lengths(made), 0.05 * 0.3 * norms(made[:-1]), rtol=1e-12)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_a_block_at_zero_still_moves(name):
    made = path(name, w=np.zeros(DIM))
    assert np.isfinite(made).all() and (made[1] != 0).all()


def test_novograd_of_blocks_of_one_scales_each_coordinate():
    """A block of one number is a coordinate: the first step is lr sign(g)."""
    made = path("novograd(eps=0)", blocks=((1,),) * DIM)
    np.testing.assert_allclose(made[1] - made[0], -0.05 * np.sign(GRADIENTS[0]), rtol=1e-12)


def test_clip_bounds_the_norm_over_all_blocks():
    made = np.linalg.norm(np.diff(path("clip(gd, norm=2)"), axis=0), axis=1)
    np.testing.assert_allclose(made, 0.05 * np.minimum(np.linalg.norm(GRADIENTS, axis=1), 2), rtol=1e-9)


def test_mars_without_correction_is_adamw_on_clipped_gradients():
    clipped = GRADIENTS.copy()
    for block in (slice(0, 6), slice(6, 10)):
        clipped[:, block] /= np.maximum(1, np.linalg.norm(GRADIENTS[:, block], axis=1))[:, None]
    made = path("mars(gamma=0, beta1=0.9, beta2=0.999)")
    np.testing.assert_allclose(made, path("adamw(weight_decay=0)", clipped), rtol=1e-10, atol=1e-12)


def test_prodigy_finds_the_distance_on_the_absolute_value():
    """f(w) = |w| from w = D: the estimate grows from 1e-6 to at most D, and w comes near 0 without any rate chosen."""
    for distance in (0.1, 10.0, 1000.0):
        made = path("prodigy", lambda _, w: np.sign(w), np.array([distance]), lr=np.ones(400), blocks=((1,),))
        assert abs(made[-1, 0]) < 0.2 * distance and made.max() <= distance * 1.0001


def step_of(name, gradient, **values):
    shape = gradient.shape
    made = path(name, gradient.reshape(1, -1), np.zeros(gradient.size), lr=1.0, blocks=(shape,), **values)
    return -made[1].reshape(shape)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_matrix_rules_step_along_the_orthogonal_factor(shape):
    """G = U S V': the first step of Shampoo is U V' (Gupta et al. 2018: L = U S^2 U'), that of Muon nearly."""
    gradient = np.random.default_rng(3).standard_normal(shape)
    u, _, v = np.linalg.svd(gradient, full_matrices=False)
    np.testing.assert_allclose(step_of("shampoo", gradient, eps=1e-13), u @ v, atol=1e-5)
    along = u.T @ step_of("muon", gradient) @ v.T / max(1, shape[1] / shape[0]) ** 0.5
    np.testing.assert_allclose(along, np.diag(np.diag(along)), atol=1e-10)  # the same singular vectors
    assert (np.diag(along) > 0.6).all() and (np.diag(along) < 1.3).all()


def test_shampoo_of_vectors_is_adagrad_with_eps_in_the_root():
    made, s = path("shampoo(eps=0.1)", blocks=((DIM,),)), np.cumsum(GRADIENTS**2, axis=0)
    expected = START - 0.05 * np.cumsum(GRADIENTS / np.sqrt(s + 0.1), axis=0)
    np.testing.assert_allclose(made[1:], expected, rtol=1e-12, atol=1e-13)


def test_adafactor_is_exact_where_the_squares_have_rank_one():
    """Shazeer & Stern 2018: then r c' / mean(r) is g^2, and the first step the sign."""
    outer = np.outer([1.0, -2.0, 4.0], [3.0, -0.5])
    made = step_of("adafactor", outer, eps2=0.5)
    np.testing.assert_allclose(made, 0.5 * np.sign(outer), rtol=1e-12)


def test_lookahead_goes_half_of_the_way_of_k_steps():
    made, base = path("lookahead(gd, k=5, alpha=0.5)"), path("gd")
    np.testing.assert_allclose(made[5] - START, 0.5 * (base[5] - START), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(made[:5], base[:5])
    seen = path("lookahead(gd, k=5, alpha=0.5)", reported=True)
    np.testing.assert_array_equal(seen[[0, 1, 4]], np.tile(START, (3, 1)))
    np.testing.assert_array_equal(seen[5::5], made[5::5])


def test_nadam_without_its_schedule_is_optaxs():
    """With a large momentum_decay mu_t is beta1: m looks one step ahead with the corrections of Adam, as in optax."""
    w, m, v, beta1, beta2 = START.copy(), np.zeros(DIM), np.zeros(DIM), 0.9, 0.999
    for t, g in enumerate(GRADIENTS, 1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        ahead = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        w = w - 0.05 * ahead / (np.sqrt(v / (1 - beta2**t)) + 1e-8)
    np.testing.assert_allclose(path("nadam", momentum_decay=1e6)[-1], w, rtol=1e-12)
    assert np.abs(path("nadam")[-1] - w).max() > 0.01
