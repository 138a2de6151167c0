"""Properties of rules that their papers state: symmetries, special cases, and steps in closed form.

Exact equalities are tested as such: signs and powers of two pass through floating-point arithmetic unchanged.
"""

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, drive_rule

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
OTHERS = {"adabound", "adadelta", "asgd", "mars", "momo", "momo_adam", "radam", "sps"}


def gradients_of(seed=0, steps=STEPS):
    return np.random.default_rng(seed).standard_normal((steps, DIM)) * np.geomspace(0.01, 10, DIM) + 0.1


START = np.random.default_rng(7).standard_normal(DIM)
GRADIENTS = gradients_of()


def path(text, gradients=GRADIENTS, w=START, lr=0.05, reported=False, blocks=BLOCKS, losses=None, **values):
    """Return the trajectory (steps + 1, dim) of one run; ``lr`` may be one rate a step, ``losses`` as there."""
    record, stated = CATALOGUE.optimizer(text)
    rates = np.broadcast_to(lr, len(lr if callable(gradients) else gradients))[:, None]
    return drive_rule(
        record, "rows", w[None], gradients, rates, [stated | values], blocks=blocks, reported=reported, losses=losses
    )[:, 0]


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


FAR, AT_THE_BOUND = np.full(STEPS, 1e9)[:, None], np.full(STEPS, -3.0)[:, None]


@pytest.mark.parametrize(("special", "plain"), [("sps", "gd"), ("momo(beta1=0)", "gd"), ("momo_adam", "adam_torch")])
def test_far_above_the_lower_bound_the_rate_is_the_largest(special, plain):
    np.testing.assert_allclose(path(special, losses=FAR), path(plain), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["sps(lower_bound=-3)", "momo(beta1=0, lower_bound=-3)"])
def test_at_the_lower_bound_nothing_moves(name):
    np.testing.assert_array_equal(path(name, losses=AT_THE_BOUND), np.broadcast_to(START, (STEPS + 1, DIM)))


def test_without_averages_momo_is_sps():
    np.testing.assert_allclose(path("momo(beta1=0)"), path("sps(c=1, eps=0)"), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["sps(eps=0)", "momo(beta1=0)"])
def test_polyaks_step_halves_the_way_to_the_minimum_of_a_ball(name):
    """f(w) = |w|^2 / 2 + 7, with its lower bound (Polyak 1987): along g = w a step of (f - 7) / |w|^2 = 1/2."""
    record, value = CATALOGUE.optimizer(name)[0].name, {"lower_bound": 7.0}
    value |= {"c": 1.0} if record == "sps" else {}
    losses = lambda _, w: 7 + 0.5 * (w**2).sum(axis=1)  # noqa: E731
    made = path(name, lambda _, w: w, lr=np.full(9, 100.0), losses=losses, **value)
    np.testing.assert_allclose(made, START * 0.5 ** np.arange(10)[:, None], rtol=1e-9)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_a_block_at_zero_still_moves(name):
    made = path(name, w=np.zeros(DIM))
    assert np.isfinite(made).all() and (made[1] != 0).all()


def test_prodigy_finds_the_distance_on_the_absolute_value():
    """f(w) = |w| from w = D: the estimate grows from 1e-6 to at most D, and w comes near 0 without any rate chosen."""
    for distance in (0.1, 10.0, 1000.0):
        made = path("prodigy", lambda _, w: np.sign(w), np.array([distance]), lr=np.ones(400), blocks=((1,),))
        assert abs(made[-1, 0]) < 0.2 * distance and made.max() <= distance * 1.0001
