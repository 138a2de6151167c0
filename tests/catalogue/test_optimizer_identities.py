"""Properties of rules that their papers state: symmetries, special cases, and steps in closed form.

Exact equalities are tested as such: signs and powers of two pass through floating-point arithmetic unchanged.
"""

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, drive_rule
from quick import slow, some_quick

BLOCKS = ((2, 3), (4,))
STEPS, DIM = 60, 10

# Every parameter's gradients times its own constant, with eps = 0: the path stays (Kingma & Ba 2015 of Adam;
# the sign rules, trivially). Not: radam and mars, whose first steps are those of the gradient or of its clipped
# norm; adabound, whose bounds are in the gradient's unit; adadelta, which stands still without eps.
DIAGONAL_INVARIANT = {
    "adabelief", "adagrad", "adam", "adam_torch", "adamax", "adamw", "adan", "ademamix", "adopt", "amsgrad", "laprop",
    "lion", "nadam", "nadamw", "qhadam", "rmsprop", "rmsprop_centered", "rmsprop_momentum", "rmsprop_torch", "rprop",
    "schedule_free_adamw", "schedule_free_radam", "signsgd", "signum", "stable_adamw", "yogi",
}  # fmt: skip
# All gradients times one constant: the path stays (You et al. 2017 and 2020; Ginsburg et al. 2019;
# Mishchenko & Defazio 2024; Jordan et al. 2024; Gupta et al. 2018 with eps = 0; Vyas et al. 2024 likewise; Ivgi et
# al. 2023; Khaled et al. 2023).
SCALE_INVARIANT = {
    "adafactor", "adam_mini", "came", "dadapt_adam", "distributed_shampoo", "dog", "dowg", "l_dog", "lamb", "lars",
    "moonlight_muon", "muon", "muon_squared", "normuon", "novograd", "prodigy", "scion", "shampoo", "soap", "soap_muon",
    "splus",
}  # fmt: skip
# All gradients times one constant is the rate times that constant.
LINEAR = {"aggmo", "gd", "heavy_ball", "momentum", "nesterov", "qhm", "schedule_free_sgd"}
OTHERS = {
    "adabound",
    "adadelta",
    "adahessian",
    "asgd",
    "kron",
    "mars",
    "momo",
    "momo_adam",
    "radam",
    "sophia_g",
    "sophia_h",
    "sps",
    "sps_smooth",
}


def gradients_of(seed=0, steps=STEPS):
    return np.random.default_rng(seed).standard_normal((steps, DIM)) * np.geomspace(0.01, 10, DIM) + 0.1


START = np.random.default_rng(7).standard_normal(DIM)
GRADIENTS = gradients_of()


def path(text, gradients=GRADIENTS, w=START, lr=0.05, reported=False, blocks=BLOCKS, roles=(), losses=None, **values):
    """Return the trajectory (steps + 1, dim) of one run; ``lr`` may be one rate a step, ``losses`` as there."""
    record, stated = CATALOGUE.optimizer(text)
    rates = np.broadcast_to(lr, len(lr if callable(gradients) else gradients))[:, None]
    shown = {"blocks": blocks, "reported": reported, "roles": roles, "losses": losses}
    return drive_rule(record, "rows", w[None], gradients, rates, [stated | values], **shown)[:, 0]


def without_eps(name):
    """Return the hyperparameters that are in the gradient's unit, at 0."""
    known = CATALOGUE.optimizers[name].hyperparameters
    return {key: 0.0 for key in known if key in ("eps", "eps_root", "eps1", "eps_graft", "initial")}


def test_every_rule_is_in_one_group():
    groups = (DIAGONAL_INVARIANT, SCALE_INVARIANT, LINEAR, OTHERS)
    assert sorted(name for group in groups for name in group) == OPTIMIZERS


@pytest.mark.parametrize("name", some_quick(sorted({*OPTIMIZERS} - {"kron"})))
def test_sign_equivariant(name):
    """No rule knows which way is up: the mirrored gradients from the mirrored start give the mirrored path.

    A random direction is not mirrored, so that roundings differ. kron adds one to the gradient.
    """
    rounding = 1e-9 if CATALOGUE.optimizers[name].is_random else 0
    np.testing.assert_allclose(path(name, -GRADIENTS, -START), -path(name), rtol=rounding)


@pytest.mark.parametrize("name", some_quick(sorted(DIAGONAL_INVARIANT)))
def test_invariant_to_the_scale_of_every_gradient(name):
    scale = 2.0 ** np.random.default_rng(1).integers(-20, 20, DIM)
    values = without_eps(name)
    made = path(name, scale * GRADIENTS, **values)
    np.testing.assert_array_equal(made, path(name, **values))
    assert np.isfinite(made).all() and (made[-1] != START).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SCALE_INVARIANT))
@pytest.mark.parametrize("scale", [2.0**-12, 2.0**12])
def test_invariant_to_the_scale_of_all_gradients(name, scale):
    values = without_eps(name) | ({"d0": 1e-3} if name == "prodigy" else {})
    made = path(name, scale * GRADIENTS, **values)
    np.testing.assert_allclose(made, path(name, **values), rtol=1e-9, atol=1e-9)
    assert (made[-1] != START).all()


@pytest.mark.parametrize("name", some_quick(sorted(LINEAR)))
def test_scale_of_the_gradients_is_scale_of_the_rate(name):
    np.testing.assert_array_equal(path(name, 4 * GRADIENTS), path(name, lr=0.2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moonlight_muon", "muon", "shampoo", "soap", "soap_muon"])
def test_equivariant_to_rotations_of_a_matrix(name):
    """Q W R from the gradients Q G R (Gupta et al. 2018: any basis of the rows and of the columns)."""
    rng, blocks = np.random.default_rng(2), ((4, 3),)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (4, 3))
    start, gradients = rng.standard_normal((4, 3)), rng.standard_normal((20, 4, 3))
    plain = path(name, gradients.reshape(20, 12), start.ravel(), blocks=blocks).reshape(21, 4, 3)
    turned = path(name, (left @ gradients @ right).reshape(20, 12), (left @ start @ right).ravel(), blocks=blocks)
    np.testing.assert_allclose(turned.reshape(21, 4, 3), left @ plain @ right, rtol=1e-8, atol=1e-9)


@pytest.mark.slow
def test_hyperball_keeps_the_norm_of_a_matrix_whatever_the_gradients_scale():
    made = path("hyperball(heavy_ball)")
    np.testing.assert_allclose(np.linalg.norm(made[:, :6], axis=1), np.linalg.norm(START[:6]), rtol=1e-12)
    np.testing.assert_array_equal(made[:, 6:], path("heavy_ball")[:, 6:])  # the vector
    np.testing.assert_allclose(made[:, :6], path("hyperball(heavy_ball)", 8 * GRADIENTS)[:, :6], rtol=1e-9)
    turned = 1 - np.sum(made[1:, :6] * made[:-1, :6], axis=1) / np.sum(START[:6] ** 2)
    assert (turned < 1 - np.sqrt(1 - 0.05**2) + 1e-12).all() and turned.max() > 1e-3  # an angle of arcsin(lr)


EXACT = [
    ("qhm(nu=0)", "gd"),
    ("qhm(nu=1, beta1=0.9)", "momentum"),
    ("momentum(beta1=0)", "gd"),
    ("heavy_ball(beta1=0)", "gd"),
    ("signum(beta1=0)", "signsgd"),
    ("lion(beta1=0.9, beta2=0.9)", "signum"),
    ("adam(eps=1e-8, eps_root=0)", "adam_torch"),
    ("asgd(lambd=0)", "gd"),
    ("splus(max_dim=1, vectors=1)", "signum"),
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
    (
        "moonlight_muon(beta1=0, beta_adam=0, weight_decay=0, eps=0)",
        "muon(beta1=0, beta_adam=0, beta2=0.95, consistent_rms=0.2, eps=0)",
    ),
    ("distributed_shampoo(every=1000)", "adam_torch"),
    ("lookahead(adam, k=1, alpha=1)", "adam"),
    ("decoupled_decay(nadam, decay=0.3)", "nadamw(weight_decay=0.3)"),
    ("nadamw(weight_decay=0)", "nadam"),
    ("stable_adamw(beta1=0.9, beta2=0, eps=1e-8)", "adamw(beta2=0)"),
    ("cautious_decay(adam, decay=0)", "adam"),
    ("corrected_decay(adam, decay=0.3)", "decoupled_decay(adam, decay=0.3)"),
    ("cautious(gd)", "gd"),
    ("sam(adam, rho=0)", "adam"),
    ("asam(clip(momentum, norm=1), rho=0)", "clip(momentum, norm=1)"),
    ("schedule_free(gd)", "schedule_free_sgd"),
    ("schedule_free(adam_torch(beta1=0), blend=0.8)", "schedule_free_adamw(beta1=0.8)"),
    ("laprop(beta1=0, eps=1e-8)", "adam_torch(beta1=0)"),
    ("laprop(weight_decay=0.3, beta1=0, eps=1e-8)", "adamw(weight_decay=0.3, beta1=0)"),
    ("lookahead(adam, k=7, alpha=1)", "adam"),
    ("sophia_h(rho=0, weight_decay=0)", "signum(beta1=0.965)"),
]


@pytest.mark.parametrize(("special", "plain"), some_quick(EXACT))
def test_special_case_is_exactly_another_rule(special, plain):
    np.testing.assert_array_equal(path(special), path(plain))


@pytest.mark.parametrize(("special", "plain"), some_quick(TO_ROUNDING))
def test_special_case_is_another_rule(special, plain):
    np.testing.assert_allclose(path(special), path(plain), rtol=1e-12, atol=1e-13)


ADAM_FOR_VECTORS = {
    "moonlight_muon": "adamw(beta2=0.95, weight_decay=0.1)",
    "muon": "",
    "muon_squared": "adamw(beta1=0.8, beta2=0.95, eps=1e-10, weight_decay=0)",
    "normuon": "adamw(beta2=0.95, eps=1e-10, weight_decay=0)",
    "soap_muon": "adamw(beta1=0.8, beta2=0.99, eps=1e-8, weight_decay=0)",
}


@pytest.mark.parametrize(("name", "adam"), some_quick(ADAM_FOR_VECTORS.items()))
def test_muon_takes_another_step_at_another_rate_for_vectors_and_embeddings(name, adam):
    slow = path(f"{name}(vector_rate=0.3)", blocks=((DIM,),))
    np.testing.assert_array_equal(path(f"{name}(vector_rate=0.3)", blocks=((5, 2),), roles=("embedding",)), slow)
    np.testing.assert_allclose(slow, path(f"{name}(vector_rate=1)", lr=0.3 * 0.05, blocks=((DIM,),)), rtol=1e-13)
    matrices = [path(f"{name}(vector_rate={rate})", blocks=((5, 2),)) for rate in (0.3, 1)]
    np.testing.assert_array_equal(*matrices)
    if adam:
        np.testing.assert_allclose(slow, path(adam, lr=0.3 * 0.05), rtol=1e-12, atol=1e-13)


def test_scion_has_a_norm_for_each_role():
    """Signs in the last layer; the root mean square of a vector, and of each row of an embedding."""
    np.testing.assert_allclose(
        path("scion(weight_decay=0, last_radius=2)", blocks=((2, 5),)), path("signum(beta1=0.9)"), rtol=1e-13
    )
    rows = path("scion", blocks=((2,),) * 5)
    np.testing.assert_array_equal(path("scion", blocks=((5, 2),), roles=("embedding",)), rows)
    by_hand, m = [START], np.zeros(DIM)
    for g in GRADIENTS:
        m = 0.9 * m + 0.1 * g
        by_hand.append(0.95 * by_hand[-1] - 0.05 * 3.0 * m / (np.sqrt(np.mean(m**2)) + 1e-8))
    np.testing.assert_allclose(path("scion(radius=3)", blocks=((DIM,),)), by_hand, rtol=1e-12, atol=1e-13)
    first, hidden = (path("scion(weight_decay=0)", blocks=((5, 2),), roles=(role,)) for role in ("first", "hidden"))
    np.testing.assert_allclose((hidden - START)[1], (first - START)[1] * (2 / 5) ** 0.5, rtol=1e-12)


@pytest.mark.slow
def test_kron_whitens_the_gradients_of_a_matrix():
    """Its fits converge to a root of the inverse covariance (Li 2015), here a product of rows and columns."""
    rng, basis = np.random.default_rng(0), lambda n: np.linalg.qr(rng.standard_normal((n, n)))[0]
    left, right = basis(4) * [1, 0.1, 3, 10] @ basis(4), basis(3) * [1, 0.2, 5] @ basis(3)
    gradients = (left @ rng.standard_normal((1500, 4, 3)) @ right).reshape(1500, 12)
    made = path("kron(beta1=0, flat_start=1e6)", gradients, np.zeros(12), lr=np.ones(1500), blocks=((4, 3),))
    spread = [np.linalg.eigvalsh(np.cov(steps[750:].T)) for steps in (gradients, np.diff(made, axis=0))]
    assert spread[0][-1] > 1e6 * spread[0][0]
    assert (spread[1] > 0.5).all() and (spread[1] < 1.2).all()


def test_cautious_leaves_a_parameter_without_a_gradient_and_does_not_count_it():
    """Of its momentum's step. Liang et al. 2024: the mask is 1 where u g > 0, and scales by n / its sum."""
    gradients = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, -4.0]])
    made = path("cautious(momentum(beta1=0.5))", gradients, np.zeros(3), lr=np.full(2, 0.1), blocks=((3,),))
    expected = -0.1 * np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5 + 1.5 * 0.75, 0.5 - 1.5 * 1.75]])
    np.testing.assert_allclose(made, expected, rtol=1e-12)


@pytest.mark.slow
def test_soap_without_bases_is_adam_after_the_step_that_makes_them():
    values = {"beta1": 0.9, "beta2": 0.999, "eps": 0.0}
    soap = path("soap(max_dim=1)", **values)
    np.testing.assert_array_equal(soap[0], soap[1])
    np.testing.assert_allclose(soap[1:], path("adam_torch", GRADIENTS[1:], **values), rtol=1e-12, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [((10,),), ((1, 6), (4,)), ((6, 1), (1, 4))])
def test_adam_mini_is_adam_where_a_neuron_has_one_weight_and_on_vectors(blocks):
    expected = path("adamw(weight_decay=0.3)")
    np.testing.assert_allclose(path("adam_mini(weight_decay=0.3)", blocks=blocks), expected, rtol=1e-12, atol=1e-13)


def test_l_dog_is_dog_on_every_block():
    alone = [
        path("dog", GRADIENTS[:, at], START[at], blocks=((size,),)) for at, size in ((slice(6), 6), (slice(6, 10), 4))
    ]
    np.testing.assert_allclose(path("l_dog"), np.concatenate(alone, axis=1), rtol=1e-12, atol=1e-13)


FAR, AT_THE_BOUND = np.full(STEPS, 1e9)[:, None], np.full(STEPS, -3.0)[:, None]


@pytest.mark.parametrize(
    ("special", "plain"),
    [("sps", "gd"), ("sps_smooth(growth=1)", "gd"), slow("momo(beta1=0)", "gd"), slow("momo_adam", "adam_torch")],
)
def test_far_above_the_lower_bound_the_rate_is_the_largest(special, plain):
    np.testing.assert_allclose(path(special, losses=FAR), path(plain), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["sps(lower_bound=-3)", slow("momo(beta1=0, lower_bound=-3)")])
def test_at_the_lower_bound_nothing_moves(name):
    np.testing.assert_array_equal(path(name, losses=AT_THE_BOUND), np.broadcast_to(START, (STEPS + 1, DIM)))


def test_an_estimated_bound_is_put_back_where_the_lines_lie_below_it():
    """By hand, after the authors' code, with k = 2: the second step's lines are at 0.8 - 1 + 1 / 2, its bound 0.5."""
    text = "momo(beta1=0, adapt_bound=1, lower_bound=-10, weight_decay=1)"
    made = path(text, np.ones((2, 1)), np.full(1, 3.0), lr=1.0, blocks=((1,),), losses=np.array([[1.0], [0.8]]))
    np.testing.assert_allclose(made[:, 0], [3, 1, 0.35], rtol=1e-12)


def test_without_averages_momo_is_sps():
    np.testing.assert_allclose(path("momo(beta1=0)"), path("sps(c=1, eps=0)"), rtol=1e-9, atol=1e-11)


def test_without_its_limit_sps_smooth_is_sps():
    np.testing.assert_array_equal(path("sps_smooth(growth=1e200)"), path("sps", lr=1e9))


def test_steps_of_sps_smooth_grow_by_the_share_of_an_epoch_from_the_last_that_moved():
    """8 examples of 32: by 2^(1/4). A schedule scales what has grown."""
    rates, t = 0.05 / np.sqrt(np.arange(1, STEPS + 1)), np.arange(1, STEPS + 1)
    grown = path("gd", lr=rates * 2 ** (t / 4))
    np.testing.assert_allclose(path("sps_smooth", lr=rates, losses=FAR), grown, rtol=1e-12, atol=1e-13)
    low, losses, by_hand = 20, FAR.copy(), 0.05 * 2 ** (t / 4)
    losses[low] = 0.5 * (GRADIENTS[low] ** 2).sum() * 1e-3
    by_hand[low:] = 1e-3 * 2 ** ((t[low:] - t[low]) / 4)
    for zero, loss in ((30, 0.0), (31, -1.0)):
        losses[zero], by_hand[zero] = loss, 0
        by_hand[zero + 1 :] /= 2**0.25
    np.testing.assert_allclose(path("sps_smooth(eps=0)", losses=losses), path("gd", lr=by_hand), rtol=1e-12, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["sps(c=1, lower_bound=7, eps=0)", "sps_smooth(c=1, lower_bound=7, eps=0)", "momo(beta1=0, lower_bound=7)"]
)
def test_polyaks_step_halves_the_way_to_the_minimum_of_a_ball(name):
    """f(w) = |w|^2 / 2 + 7, with its lower bound (Polyak 1987): along g = w a step of (f - 7) / |w|^2 = 1/2."""
    losses = lambda _, w: 7 + 0.5 * (w**2).sum(axis=1)  # noqa: E731
    made = path(name, lambda _, w: w, lr=np.full(9, 100.0), losses=losses)
    np.testing.assert_allclose(made, START * 0.5 ** np.arange(10)[:, None], rtol=1e-9)


@pytest.mark.parametrize("name", ["lars", slow("lamb")])
def test_a_block_at_zero_still_moves(name):
    made = path(name, w=np.zeros(DIM))
    assert np.isfinite(made).all() and (made[1] != 0).all()


@pytest.mark.parametrize("name", ["dog", slow("dowg"), slow("prodigy")])
def test_the_distance_is_found_on_the_absolute_value(name):
    """f(w) = |w| from w = D: the estimate grows from 1e-6 to at most D, and w comes near 0 without any rate chosen."""
    for distance in (0.1, 10.0, 1000.0):
        made = path(name, lambda _, w: np.sign(w), np.array([distance]), lr=np.ones(400), blocks=((1,),))
        assert abs(made[-1, 0]) < 0.2 * distance and made.max() <= distance * 1.0001
