"""The JAX sides of ``peers.py``: one jitted ``lax.scan`` over the steps, the runs side by side.

Three peers come out of it. "JAX" is the program that JAX's documentation teaches: ``jax.grad`` of one run's loss,
scanned, and ``jax.vmap`` over the lanes. "JAX tuned" is the fastest of that and of what an expert would try next:
gradients by hand, other layouts (``jax_tuned.py``). All take the best of several unroll factors; the choice is
made by timing in the setup. Those two do a little less than the others: nothing reads the loss value, so that XLA
leaves it out, while PyTorch computes it at every step, and optbench does too (it looks for divergence). "JAX watching"
does that as well, for the kinds of the catalogue: ``jax.value_and_grad``, the largest loss of every run kept, in both
layouts.

Nothing is donated: every call begins at the same start weights, which a donated buffer would lose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.sides import jax_tuned
from benchmarks.sides.cases import Case, Side
from benchmarks.sides.jax_variants import Variant, split_layers, split_shapes


def sides(case: Case) -> list[Side]:
    """The peers "JAX", "JAX tuned" and "JAX watching" of a case; the first two are the same where that is fastest."""
    if case.kind not in ("rosenbrock", "logistic", "mlp", "catalogue"):
        return []
    import jax

    jax.config.update("jax_enable_x64", True)
    # Longer unrolling was tried and made every one of these slower, and to compile for seconds.
    factors = (1, 4) if case.kind == "rosenbrock" else (1,) if case.own and case.own.shapes else (1, 2)
    plain = _fastest([_side(case, variant, unroll) for variant in plain_variants(case) for unroll in factors])
    if case.name == "rosenbrock-gd":
        factors = (1, 4, 16)
    others = [_side(case, variant, unroll) for variant in jax_tuned.variants(case) for unroll in factors]
    sides = [plain, replace(_fastest([plain, *others]), peer="JAX tuned")]
    watching = [_side(case, variant, unroll) for variant in jax_tuned.watching(case) for unroll in factors]
    return sides + ([replace(_fastest(watching), peer="JAX watching")] if watching else [])


def _fastest(candidates: list[Side]) -> Side:
    """The candidate with the smallest of five times, taken in turns after a first call that compiles."""
    if len(candidates) == 1:
        return candidates[0]
    best = [float("inf")] * len(candidates)
    for attempt in range(6):
        for i, candidate in enumerate(candidates):
            began = time.perf_counter()
            candidate.run()
            if attempt:
                best[i] = min(best[i], time.perf_counter() - began)
    return candidates[int(np.argmin(best))]


def _side(case: Case, variant: Variant, unroll: int) -> Side:
    import jax
    import jax.numpy as jnp

    weights = np.tile(case.start, (case.lanes, 1))
    parameters = jax.tree.map(jnp.asarray, variant.pack(weights))
    lr = jnp.asarray(case.lr) if variant.rates is None else jax.tree.map(jnp.asarray, variant.rates(case.lr))
    one_run = variant.mapped and case.lanes == 1
    if one_run:
        parameters, lr = jax.tree.map(lambda a: a[0], (parameters, lr))
    batches = None if case.batches is None else case.batches.astype(np.int32)
    data = tuple(None if a is None else jnp.asarray(a) for a in (case.x, case.y, batches))
    train = _trainer(case, variant, unroll)
    if variant.mapped and not one_run:
        train = jax.vmap(train, (0, 0, None))
    compiled = jax.jit(train).lower(parameters, lr, data).compile()

    def run() -> Any:
        return jax.block_until_ready(compiled(parameters, lr, data))

    def to_numpy(result: Any) -> np.ndarray:
        arrays = jax.tree.map(np.asarray, result[0])
        return variant.unpack(jax.tree.map(lambda a: a[None], arrays) if one_run else arrays)

    return Side("JAX", run, case.steps, to_numpy, f"{variant.name}, unroll {unroll}")


def _trainer(case: Case, variant: Variant, unroll: int) -> Callable[..., Any]:
    """(parameters, rates, data) -> final parameters and largest loss, in one scan; of one run, or of all if the variant
    is so. The loss is none where the variant does not watch it."""
    import jax
    import jax.numpy as jnp

    hyper = case.hyper

    def gradient(parameters: Any, top: Any, data: Any, batch: Any) -> tuple[Any, Any]:
        examples = () if batch is None else (a.at[batch].get(mode="promise_in_bounds") for a in data[:2])
        found = variant.gradient(parameters, *examples)
        return (found[1], jnp.maximum(top, found[0])) if variant.watched else (found, top)

    def train(parameters: Any, lr: Any, data: Any) -> Any:
        rates = lr if variant.rates is not None else jax.tree.map(lambda _: lr, parameters)

        def gd(carry: Any, batch: Any) -> Any:
            w, top = carry
            g, top = gradient(w, top, data, batch)
            return (jax.tree.map(lambda w, g, lr: w - lr * g, w, g, rates), top), None

        def adam(carry: Any, batch: Any) -> Any:
            w, top, m, v, beta1_t, beta2_t = carry
            beta1, beta2, eps, eps_root = (hyper[name] for name in ("beta1", "beta2", "eps", "eps_root"))
            g, top = gradient(w, top, data, batch)
            beta1_t, beta2_t = beta1_t * beta1, beta2_t * beta2
            m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, g)
            v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, g)

            def update(w: Any, m: Any, v: Any, lr: Any) -> Any:
                return w - lr * (m / (1 - beta1_t)) / (jnp.sqrt(v / (1 - beta2_t) + eps_root) + eps)

            return (jax.tree.map(update, w, m, v, rates), top, m, v, beta1_t, beta2_t), None

        zeros, one = jax.tree.map(jnp.zeros_like, parameters), jnp.ones((), case.dtype)
        lanes = () if variant.mapped else (case.lanes,)
        top = jnp.full(lanes, -jnp.inf, case.dtype) if variant.watched else None
        step, state = (gd, ()) if case.optimizer == "gd" else (adam, (zeros, zeros, one, one))
        return jax.lax.scan(step, (parameters, top, *state), data[2], case.steps, unroll=unroll)[0][:2]

    return train


def plain_variants(case: Case) -> list[Variant]:
    """``jax.grad`` of one run's loss."""
    import jax
    import jax.numpy as jnp

    def rosenbrock(w: Any) -> Any:
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2

    def logistic(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return jnp.mean(jax.nn.softplus(z) - y * z)

    def mlp(parameters: Any, x: Any, y: Any) -> Any:
        between = getattr(jax.nn, case.activation)
        for w, b in parameters[:-1]:
            x = between(x @ w + b)
        w, b = parameters[-1]
        z = x @ w + b
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.sum(z * jax.nn.one_hot(y, case.layers[-1], dtype=z.dtype), 1))

    own = jax_tuned.loss_of(case)
    loss = {"rosenbrock": rosenbrock, "logistic": logistic, "mlp": mlp, "catalogue": own}[case.kind]
    pack, unpack = split_layers(case.layers) if case.kind == "mlp" else (np.asarray, np.asarray)
    if case.own and case.own.shapes:
        pack, unpack = split_shapes(case.own.shapes)
    return [Variant("grad" if case.lanes == 1 else "vmap of grad", pack, unpack, jax.grad(loss))]
