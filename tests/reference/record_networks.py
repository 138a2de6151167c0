"""Record what PyTorch's automatic differentiation says of networks: values and gradients, in networks.npz.

    python tests/reference/record_networks.py

Each network is built from torch.nn's own layers; only the order of its parameters in one vector is ours. Nothing of
optbench is imported.
"""

import itertools
import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
ROWS = 9

# (text of our problem, kind, sizes or channels, settings)
NETWORKS = [
    ("mlp(hidden=(7, 5), activation=tanh)", "dense", (64, 7, 5, 10), {"activation": "tanh"}),
    ("deep_narrow(depth=5, width=4)", "dense", (64, 4, 4, 4, 4, 4, 10), {"activation": "sigmoid"}),
    ("autoencoder", "autoencoder", (64, 32, 16, 8, 16, 32, 64), {"activation": "sigmoid", "output": "sigmoid"}),
    ("autoencoder(hidden=(9,), activation=tanh, output=linear)", "autoencoder", (64, 9, 64), {"activation": "tanh"}),
    ("autoencoder(hidden=(12, 3), activation=relu)", "autoencoder", (64, 12, 3, 12, 64),
     {"activation": "relu", "output": "sigmoid"}),
    ("convolution", "convolution", (1, 8, 16), {"activation": "tanh", "stride": 2}),
    ("convolution(channels=(4, 3), activation=relu)", "convolution", (1, 4, 3), {"activation": "relu", "stride": 2}),
    ("convolution(channels=(3, 2), stride=1, activation=tanh)", "convolution", (1, 3, 2),
     {"activation": "tanh", "stride": 1}),
    ("convolution(channels=(2, 3, 4, 5), activation=sigmoid)", "convolution", (1, 2, 3, 4, 5),
     {"activation": "sigmoid", "stride": 2}),
    ("char_transformer(size=8, heads=2, context=9, hidden=12, vocabulary=15)", "transformer", (8, 2, 9, 12, 15), {}),
    ("rnn_add(length=9, units=11, examples=90)", "rnn_add", (9, 11), {}),
    ("rnn_xor(length=12, units=6, examples=90)", "rnn_xor", (12, 6), {}),
]  # fmt: skip


def dense(sizes, activation, output=None):
    layers = []
    for wide, tall in itertools.pairwise(sizes):
        layers += [nn.Linear(wide, tall), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1], *([ACTIVATIONS[output]()] if output else []))


def convolution(channels, activation, stride):
    layers, side = [nn.Unflatten(1, (1, 8, 8))], 8
    for wide, tall in itertools.pairwise(channels):
        layers += [nn.Conv2d(wide, tall, 3, stride, padding=1), ACTIVATIONS[activation]()]
        side = (side + stride - 1) // stride
    return nn.Sequential(*layers, ChannelsLast(), nn.Flatten(), nn.Linear(side * side * channels[-1], 10))


class ChannelsLast(nn.Module):
    def forward(self, images):
        return images.permute(0, 2, 3, 1)


class Transformer(nn.Module):
    """torch.nn's layer of a transformer, between embeddings and a last layer; the biases that we lack stay 0."""

    def __init__(self, size, heads, context, hidden, vocabulary):
        super().__init__()
        self.letters, self.places = nn.Embedding(vocabulary, size), nn.Embedding(context, size)
        self.layer = nn.TransformerEncoderLayer(size, heads, hidden, dropout=0.0, norm_first=True, batch_first=True)
        self.norm, self.last = nn.LayerNorm(size), nn.Linear(size, vocabulary, bias=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(context, dtype=torch.get_default_dtype())

    def forward(self, x):
        made = self.layer(self.letters(x) + self.places.weight, src_mask=self.mask)
        return self.last(self.norm(made)).transpose(1, 2)

    def ours(self, part):
        """Return what ``part`` makes of all parameters, in our order, the queries', keys' and values' apart."""
        layer, pair = self.layer, lambda norm: [part(norm.weight), part(norm.bias)]
        dense = [part(layer.linear1.weight).T, part(layer.linear1.bias)]
        dense += [part(layer.linear2.weight).T, part(layer.linear2.bias)]
        together = [each.T for each in part(layer.self_attn.in_proj_weight).chunk(3)]
        embeddings = [part(self.letters.weight), part(self.places.weight)]
        attention = [*together, part(layer.self_attn.out_proj.weight).T]
        last = [*pair(self.norm), part(self.last.weight).T]
        everything = [*embeddings, *pair(layer.norm1), *attention, *pair(layer.norm2), *dense, *last]
        return np.concatenate([each.detach().reshape(-1).numpy() for each in everything])


def transformer(*sizes):
    """Return (network, value, letters and those behind them) of random letters and weights."""
    network = Transformer(*sizes)
    x, y = torch.randint(0, sizes[4], (ROWS, sizes[2])), torch.randint(0, sizes[4], (ROWS,))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            lacking = name.endswith(("in_proj_bias", "out_proj.bias"))
            parameter.copy_((not lacking) * 0.5 * torch.randn(parameter.shape))
    following = torch.cat([x[:, 1:], y[:, None]], dim=1)
    return network, nn.functional.cross_entropy(network(x), following), x, y


class Recurrent(nn.Module):
    """torch.nn's recurrent layer, and a linear one behind its last state; one of its two biases stays 0."""

    def __init__(self, units):
        super().__init__()
        self.layer, self.last = nn.RNN(2, units, batch_first=True), nn.Linear(units, 1)

    def forward(self, x):
        values_and_marks = x.reshape(len(x), 2, -1).transpose(1, 2)
        return self.last(self.layer(values_and_marks)[0][:, -1])[:, 0]

    def ours(self, part):
        """Return what ``part`` makes of all parameters, in our order."""
        layer = self.layer
        weights = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, self.last.weight, self.last.bias]
        return np.concatenate([ours(part(each)) for each in weights])


def recurrent(loss, length, units):
    """Return (network, value, sequences, targets) of random sequences and weights, with the loss of torch.nn."""
    network, x, y = Recurrent(units), torch.rand(ROWS, 2 * length), torch.randint(0, 2, (ROWS,)).double()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_((not name.endswith("bias_hh_l0")) * 0.5 * torch.randn(parameter.shape))
    return network, loss(network(x), y), x, y


WITH_DATA = {
    "transformer": transformer,
    "rnn_add": partial(recurrent, nn.functional.mse_loss),
    "rnn_xor": partial(recurrent, nn.functional.binary_cross_entropy_with_logits),
}
"""Networks that come with examples of their own."""


def ours(parameter):
    """Return a parameter or its gradient in our order: weights (in, out), filters (row, column, channel in, out)."""
    return parameter.detach().permute(*{1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[parameter.ndim]).reshape(-1).numpy()


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    x, y = torch.rand(ROWS, 64), torch.randint(0, 10, (ROWS,))
    arrays, index = {"x": x.numpy(), "y": y.numpy().astype(float)}, []
    for number, (text, kind, sizes, settings) in enumerate(NETWORKS):
        if kind in WITH_DATA:
            network, loss, *examples = WITH_DATA[kind](*sizes)
            loss.backward()
            for part, numbers in zip(("x", "y"), examples, strict=True):
                arrays[f"{number}.{part}"] = numbers.numpy().astype(float)
            arrays[f"{number}.w"] = network.ours(lambda parameter: parameter)
            arrays[f"{number}.gradient"] = network.ours(lambda parameter: parameter.grad)
            arrays[f"{number}.value"] = loss.detach().numpy()
            index.append(text)
            continue
        network = convolution(sizes, **settings) if kind == "convolution" else dense(sizes, **settings)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape))
        made = network(x)
        loss = nn.functional.mse_loss(made, x) if kind == "autoencoder" else nn.functional.cross_entropy(made, y)
        loss.backward()
        arrays[f"{number}.w"] = np.concatenate([ours(parameter) for parameter in network.parameters()])
        arrays[f"{number}.gradient"] = np.concatenate([ours(parameter.grad) for parameter in network.parameters()])
        arrays[f"{number}.value"] = loss.detach().numpy()
        index.append(text)
    arrays["index"] = np.array(json.dumps(index))
    arrays["torch"] = np.array(torch.__version__)
    np.savez_compressed(HERE / "networks.npz", **arrays)
    print(f"{len(index)} networks recorded in {HERE / 'networks.npz'}")


if __name__ == "__main__":
    main()
