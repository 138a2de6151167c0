"""Networks: perceptrons on more data, deep and narrow ones, autoencoders, convolutions; large logistic regression."""

import itertools

import numpy as np

SMALL = "data=teacher(examples=60, features=9, classes=3)"
SETTINGS = [
    "mlp(data=breast_cancer, hidden=(4,))", "mlp(data=spirals(examples=100), hidden=(5, 5), activation=tanh)",
    "mlp(data=spirals(examples=90, arms=3, turns=0.5), hidden=(6,))", f"mlp({SMALL}, hidden=(4,))",
    "mlp(data=diabetes, hidden=(4,), activation=tanh)",
    "deep_narrow(depth=3, width=4, activation=tanh)", "deep_narrow(data=spirals(examples=100), depth=9, width=3)",
    "autoencoder(hidden=(5,), activation=tanh, output=linear)",
    f"autoencoder({SMALL}, hidden=(6, 2), activation=relu, output=linear)",
    "convolution(channels=(3, 2), initialization=he)",
    f"convolution({SMALL}, channels=(3, 4), stride=1, activation=sigmoid)",
    f"scale_invariant_mlp({SMALL}, hidden=(5, 4), activation=tanh)",
    "grokking(modulus=9, share=0.6, width=5, activation=tanh, initialization=xavier, seed=1)",
    "vae(hidden=(7, 5), latent=2, draws=1, beta=3.0, activation=sigmoid)",
]  # fmt: skip
NOT_ANALYTIC = set()

# Each works on complex numbers; a sigmoid written with tanh does not overflow.
ACTIVATIONS = {
    "relu": lambda z: np.where(np.real(z) > 0, z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 0.5 + 0.5 * np.tanh(z / 2),
    "linear": lambda z: z,
}


def layers(w, shapes):
    """[(weights, bias), ...]"""
    parts, at = [], 0
    for wide, tall in shapes:
        parts.append((w[at : at + wide * tall].reshape(wide, tall), w[at + wide * tall : at + (wide + 1) * tall]))
        at += (wide + 1) * tall
    assert at == len(w)
    return parts


def dense(w, x, sizes, activation, output="linear"):
    parts = layers(w, list(itertools.pairwise(sizes)))
    for k, (weights, bias) in enumerate(parts):
        x = ACTIVATIONS[activation if k < len(parts) - 1 else output](x @ weights + bias)
    return x


def cross_entropy(scores, y):
    scores = scores - np.real(scores).max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y.astype(int)])


def perceptron(w, x, y, sizes, activation):
    return cross_entropy(dense(w, x, sizes, activation), y)


def normalized(w, x, y, sizes, activation):
    """With layer normalization in place of biases."""
    for wide, tall in itertools.pairwise(sizes[:-1]):
        weights, gains, shifts, w = np.split(w, np.cumsum([wide * tall, tall, tall]))
        a = x @ weights.reshape(wide, tall)
        a = a - a.mean(axis=1, keepdims=True)
        x = ACTIVATIONS[activation](gains * a / np.sqrt((a**2).mean(axis=1, keepdims=True) + 1e-5) + shifts)
    weights, bias = np.split(w, [sizes[-2] * sizes[-1]])
    return cross_entropy(x @ weights.reshape(sizes[-2:]) + bias, y)


def regression(w, x, y, sizes, activation):
    return np.mean((dense(w, x, sizes, activation)[:, 0] - y) ** 2)


def autoencoder(w, x, y, sizes, activation, output):
    return np.mean((dense(w, x, sizes, activation, output) - x) ** 2)


def vae(w, x, y, hidden, activation, beta):
    """Of features and a draw: Bernoulli's cross-entropy, and the divergence from normal numbers in closed form."""
    pixels, noise = x[:, :64], x[:, 64:]
    latent = noise.shape[1]
    sizes = (64, *hidden, 2 * latent), (latent, *hidden[::-1], 64)
    split = sum((wide + 1) * tall for wide, tall in zip(sizes[0][:-1], sizes[0][1:], strict=True))
    mean, logarithm = np.split(dense(w[:split], pixels, sizes[0], activation), 2, axis=1)
    scores = dense(w[split:], mean + np.exp(logarithm / 2) * noise, sizes[1], activation)
    sign = np.where(np.real(scores) > 0, 1, -1)
    entropy = np.where(sign > 0, scores, 0) - pixels * scores + np.log(1 + np.exp(-sign * scores))
    divergence = (mean**2 + np.exp(logarithm) - 1 - logarithm) / 2
    return np.mean(entropy.sum(axis=1) + beta * divergence.sum(axis=1))


def convolution(w, x, y, channels, stride, activation, classes):
    """Filter by filter and pixel by pixel of the patch, as a sum of shifted images."""
    side = int(len(x[0]) ** 0.5)
    sides = [side]
    for _ in channels[1:]:
        sides.append(len(range(0, sides[-1], stride)))
    shapes = [(9 * wide, tall) for wide, tall in itertools.pairwise(channels)]
    *filters, (last, last_bias) = layers(w, [*shapes, (sides[-1] ** 2 * channels[-1], classes)])
    image = x.reshape(-1, side, side, 1)
    for (weights, bias), wide in zip(filters, channels[:-1], strict=True):
        side = image.shape[1]
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
        kernel = weights.reshape(3, 3, wide, -1)
        total = sum(
            padded[:, i : i + side : stride, j : j + side : stride] @ kernel[i, j] for i in range(3) for j in range(3)
        )
        image = ACTIVATIONS[activation](total + bias)
    return cross_entropy(image.reshape(len(x), -1) @ last + last_bias, y)


_CODE = (64, 32, 16, 8, 16, 32, 64)
FORMULAS = {
    "mlp": (perceptron, {"sizes": (64, 32, 10), "activation": "relu"}),
    "mlp(data=breast_cancer, hidden=(4,))": (perceptron, {"sizes": (30, 4, 2), "activation": "relu"}),
    "mlp(data=spirals(examples=100), hidden=(5, 5), activation=tanh)": (
        perceptron, {"sizes": (2, 5, 5, 2), "activation": "tanh"}),
    "mlp(data=diabetes, hidden=(4,), activation=tanh)": (regression, {"sizes": (10, 4, 1), "activation": "tanh"}),
    "scale_invariant_mlp": (normalized, {"sizes": (64, 32, 10), "activation": "relu"}),
    f"scale_invariant_mlp({SMALL}, hidden=(5, 4), activation=tanh)": (
        normalized, {"sizes": (9, 5, 4, 3), "activation": "tanh"}),
    "grokking": (perceptron, {"sizes": (62, 128, 31), "activation": "relu"}),
    "grokking(modulus=9, share=0.6, width=5, activation=tanh, initialization=xavier, seed=1)": (
        perceptron, {"sizes": (18, 5, 9), "activation": "tanh"}),
    "deep_narrow": (perceptron, {"sizes": (64, 8, 8, 8, 8, 8, 8, 10), "activation": "sigmoid"}),
    "deep_narrow(depth=3, width=4, activation=tanh)": (perceptron, {"sizes": (64, 4, 4, 4, 10), "activation": "tanh"}),
    "autoencoder": (autoencoder, {"sizes": _CODE, "activation": "sigmoid", "output": "sigmoid"}),
    "autoencoder(hidden=(5,), activation=tanh, output=linear)": (
        autoencoder, {"sizes": (64, 5, 64), "activation": "tanh", "output": "linear"}),
    f"autoencoder({SMALL}, hidden=(6, 2), activation=relu, output=linear)": (
        autoencoder, {"sizes": (9, 6, 2, 6, 9), "activation": "relu", "output": "linear"}),
    "vae": (vae, {"hidden": (32,), "activation": "tanh", "beta": 1.0}),
    "vae(hidden=(7, 5), latent=2, draws=1, beta=3.0, activation=sigmoid)": (
        vae, {"hidden": (7, 5), "activation": "sigmoid", "beta": 3.0}),
    "convolution": (convolution, {"channels": (1, 8, 16), "stride": 2, "activation": "tanh", "classes": 10}),
    "convolution(activation=relu)": (
        convolution, {"channels": (1, 8, 16), "stride": 2, "activation": "relu", "classes": 10}),
    "convolution(channels=(3, 2), initialization=he)": (
        convolution, {"channels": (1, 3, 2), "stride": 2, "activation": "tanh", "classes": 10}),
    f"convolution({SMALL}, channels=(3, 4), stride=1, activation=sigmoid)": (
        convolution, {"channels": (1, 3, 4), "stride": 1, "activation": "sigmoid", "classes": 3}),
}  # fmt: skip
