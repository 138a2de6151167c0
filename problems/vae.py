"""A variational autoencoder: an encoder, a random code, a decoder; one run at a time on BLAS.

The normal numbers of the codes belong to the examples: a row of the data is an example's features, then one draw. So
the loss is a finite sum, whose gradient is exact, and a mini-batch draws examples and noise at once.
"""

from math import exp

import numpy as np
from scipy.special import entr

from optbench import OptbenchError, Problem, datasets, problem
from optbench.kit.layers import ACTIVATIONS, TOGETHER, backward, forward, log_of_product, place_of, scratch, widest
from optbench.kit.learning import data_fields
from optbench.kit.networks import HIDDEN, dense, layer_rows, parameter_blocks, start_of
from optbench.kit.products import product, transpose

# ``layout`` is the number of the encoder's parameters, then the encoder's and the decoder's as of kit/layers.py, of as
# many layers each. ``constants`` is the weight of the divergence. ``work`` holds the transposed rows, (features +
# latent, rows), what the encoder needs, the codes, (latent, rows), and what the decoder needs.


def value_and_gradient(w, g, x, constants, layout, work):
    """Return the mean loss of the batch, and write its gradient to g."""
    rows, width, split, half = x.shape[0], x.shape[1], layout[0], layout.shape[0] // 2
    encoder, decoder = layout[1 : 1 + half], layout[1 + half :]
    latent, layers = width - layout[2 * half], half // 2
    features, share = width - latent, w.dtype.type(1.0 / rows)
    entropy, divergence = losses(w, x, layout, work)
    room = work[width * rows :]
    codes = room[space(encoder, rows) :]
    rest, z = codes[latent * rows :], codes[: latent * rows].reshape(latent, rows)
    end = place_of(layers - 1, decoder, rows)
    backward(w[split:], g[split:], z.T, end, decoder, rest)

    # The error of the decoder's first layer lies where ``backward`` put it; the noise has served.
    units, behind = decoder[layers + 1], rest[end + features * rows :]
    error = behind[layers % 2 * widest(decoder) * rows :][: units * rows].reshape(units, rows)
    slopes = work[features * rows : width * rows].reshape(latent, rows)
    product(w[split : split + latent * units].reshape(latent, units), error, slopes)
    place, beta = place_of(layers - 1, encoder, rows), share * constants[0]
    law = room[place : place + 2 * latent * rows].reshape(2 * latent, rows)
    for k in range(latent):
        mean, spread, slope, code = law[k], law[latent + k], slopes[k], z[k]
        for i in range(rows):
            spread[i] = 0.5 * (slope[i] * (code[i] - mean[i]) + beta * (exp(spread[i]) - 1.0))
            mean[i] = slope[i] + beta * mean[i]
    backward(w[:split], g[:split], work[: features * rows].reshape(features, rows).T, place, encoder, room)
    return share * (entropy + constants[0] * divergence)


def evaluate(w, out, x, constants, layout, work):
    """Write the mean loss, and the cross-entropy in it, to out."""
    entropy, divergence, share = 0.0, 0.0, w.dtype.type(1.0 / x.shape[0])
    for first in range(0, x.shape[0], TOGETHER):
        parts = losses(w, x[first : first + TOGETHER], layout, work)
        entropy += parts[0]
        divergence += parts[1]
    out[0], out[1] = share * (entropy + constants[0] * divergence), share * entropy


def losses(w, x, layout, work):
    """Return the sums over rows of cross-entropy and divergence, and leave in ``work`` what ``backward`` needs."""
    rows, width, split, half = x.shape[0], x.shape[1], layout[0], layout.shape[0] // 2
    encoder, decoder = layout[1 : 1 + half], layout[1 + half :]
    latent = width - layout[2 * half]
    features, room = width - latent, work[width * rows :]
    codes = room[space(encoder, rows) :]
    rest, z = codes[latent * rows :], codes[: latent * rows].reshape(latent, rows)
    given = work[: features * rows].reshape(features, rows)
    transpose(x, work[: width * rows].reshape(width, rows))
    place = forward(w[:split], given.T, encoder, room)
    law = room[place : place + 2 * latent * rows].reshape(2 * latent, rows)
    divergence = draw(law, work[features * rows : width * rows].reshape(latent, rows), z)
    end = forward(w[split:], z.T, decoder, rest)
    made, behind = rest[end : end + features * rows].reshape(features, rows), rest[end + features * rows :]
    return cross_entropy(made, given, behind), divergence


def space(layout, rows):
    """Return the numbers of ``work`` that a network of this layout needs for so many rows: scratch of kit/layers.py."""
    return place_of(layout.shape[0] // 2, layout, rows) + 2 * widest(layout) * rows


def draw(law, noise, z):
    """Write the codes of means and logarithms of variances, (2 latent, rows), to z; return their divergence's sum."""
    latent, divergence = z.shape[0], 0.0
    for k in range(latent):
        mean, spread, own, code, part = law[k], law[latent + k], noise[k], z[k], 0.0
        for i in range(own.shape[0]):
            deviation = exp(0.5 * spread[i])
            code[i] = mean[i] + deviation * own[i]
            part += mean[i] * mean[i] + deviation * deviation - 1.0 - spread[i]
        divergence += 0.5 * part
    return divergence


def cross_entropy(made, given, room):
    """Return the sum of the pixels' cross-entropies, and replace the outputs by the slopes of their mean over rows."""
    rows, loss = made.shape[1], 0.0
    share = made.dtype.type(1.0 / rows)
    for j in range(made.shape[0]):
        row, target, part = made[j], given[j], 0.0
        for i in range(rows):
            score = row[i]
            power = exp(-abs(score))
            part += max(score, 0.0) - target[i] * score
            room[i] = 1.0 + power
            row[i] = share * ((1.0 if score > 0.0 else power) / (1.0 + power) - target[i])
        loss += part + log_of_product(room[:rows], 2.0)
    return loss


@problem(
    source="Kingma & Welling 2014, arXiv 1312.6114 (appendices B and C); as a test of optimizers: TaskSet 2020",
    limits={"activation": HIDDEN, "latent": "[1, 1000]", "draws": "[1, 100]", "beta": "[0, inf)"},
)
def vae(
    data="digits", hidden=(32,), latent=8, beta=1.0, draws=4, activation="tanh", initialization="xavier", seed=0
):  # fmt: skip
    """Mean over examples and draws of H(x, p(z)) + beta KL, z = m(x) + s(x) e: the negative bound of ln p(x), in nats.

    A variational autoencoder, 64-32-8-32-64 on digits: an encoder with the layers ``hidden`` gives the mean m and ln
    s^2 of ``latent`` normal numbers, and a decoder with the same backwards the probabilities p of all pixels, which are
    in [0, 1]. H is the cross-entropy, summed over pixels, and KL the divergence of z from normal numbers of variance 1:
    two losses of different scale, and the second one is 0 where the code is not used. Each example comes with
    ``draws`` of e, drawn once from ``seed``, so an epoch is ``draws`` times as long, and the loss has no other noise
    than that of mini-batches: it is the Monte Carlo estimate with these draws, the same in all runs. Held-out examples
    have their own. Weights fit the draws, too: after 4,000 steps of Adam at the rate 0.003, with 1, 4 and 16 draws, the
    loss is 1.4, 0.2 and 0.04 nats lower on these than on new ones. Parameters (in, out), and a bias (out,), per layer;
    ``initialization`` as for ``mlp``; targets are not used. Metric: reconstruction_loss, the mean of H. The loss is
    bounded below by the pixels' entropy.
    """
    if not hidden:
        raise OptbenchError("problem vae: hidden=() must name at least one width")
    d = datasets.load_for("vae", data, classes=None)
    if min(d.x.min(), d.x_test.min()) < 0 or max(d.x.max(), d.x_test.max()) > 1:
        raise OptbenchError(f"problem vae: data {data!r} has features beyond [0, 1], which are no probabilities")
    features, rng = d.x.shape[1], np.random.default_rng(seed)
    noise = f"each with {draws} draws of {latent} normal numbers; the target is not used"
    fields = data_fields(d) | {"data_text": f"{d.text}; {noise}"}
    for key in ("data", "test", "validation"):
        if fields[key] is not None:
            x, y = (np.repeat(part, draws, axis=0) for part in fields[key])
            fields[key] = np.column_stack([x, rng.standard_normal((len(x), latent))]), y

    def network(*widths):
        """Return the layers of a network whose last one is linear, and its layout."""
        layers = [layer for width in widths[1:-1] for layer in (dense(width), activation)] + [dense(widths[-1])]
        rows = layer_rows("vae", layers, widths[0])
        return rows, (*(ACTIVATIONS.index(row[3]) for row in rows), *widths)

    widths = (features, *hidden, 2 * latent), (latent, *hidden[::-1], features)
    (encoder, first), (decoder, second) = (network(*each) for each in widths)
    sizes = [sum(map(np.prod, parameter_blocks(rows))) for rows in (encoder, decoder)]
    return Problem(
        form="single",
        dim=int(sum(sizes)),
        value_and_gradient=value_and_gradient,
        evaluate=evaluate,
        metrics=("reconstruction_loss",),
        start=start_of("vae", encoder + decoder, initialization),
        minimum=float((entr(d.x) + entr(1 - d.x)).sum(axis=1).mean()),
        minimum_source="lower bound: the entropy of the pixels",
        blocks=parameter_blocks(encoder + decoder),
        constants=(beta,),
        layout=(int(sizes[0]), *first, *second),
        work=lambda rows, runs: rows * (features + 2 * latent) + sum(scratch(rows, each) for each in widths),
        **fields,
    )
