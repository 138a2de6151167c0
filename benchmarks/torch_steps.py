"""What a training step of PyTorch takes: a fixed part, that of a layer, of a weight, and of a weight and an example.

``python benchmarks/torch_steps.py`` trains networks of several sizes at several batch sizes with AdamW on one core, and
prints the numbers of `optbench/analysis/decisions.py`, with the ratio of what they say to what was measured.
"""

import itertools
import time

import numpy as np
from scipy.optimize import nnls

SHAPES = ((30, 2), (30, 16, 2), (64, 32, 10), (30, 64, 64, 2), (784, 64, 10), (784, 256, 256, 10))
SIZES = (1, 4, 16, 64, 256, 1024)
REPEATS, STEPS = 12, 20


def measure_step(shape, size):
    """Return the seconds of a step of a network, the fastest of some repeats: forward, backward, AdamW."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [each for pair in itertools.pairwise(shape) for each in (torch.nn.Linear(*pair), torch.nn.Tanh())]
    model = torch.nn.Sequential(*layers[:-1])
    loss_of, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, y = torch.randn(4096, shape[0]), torch.randint(shape[-1], (4096,))
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.thread_time()
        for step in range(STEPS):
            chosen = torch.arange(step, step + size) % 4096
            optimizer.zero_grad()
            loss_of(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
        best = min(best, (time.thread_time() - begin) / STEPS)
    return best


def main():
    """Measure, fit, and print."""
    cases = list(itertools.product(SHAPES, SIZES))
    seconds = np.array([measure_step(*case) for case in cases])
    weights = np.array([sum(a * b for a, b in itertools.pairwise(shape)) for shape, _ in cases])
    layers = np.array([len(shape) - 1 for shape, _ in cases])
    parts = np.stack([np.ones(len(cases)), layers, weights, weights * [size for _, size in cases]], 1)
    found, _ = nnls(parts / seconds[:, None], np.ones(len(cases)))  # relative errors
    print("step {:.3g} s, layer {:.3g} s, weight {:.3g} s, weight and example {:.3g} s".format(*found))
    for (shape, size), measured, said in zip(cases, seconds, parts @ found, strict=True):
        name = "-".join(map(str, shape))
        print(f"{name:16} batch {size:5,}: {measured * 1e6:8.0f} us, said {said / measured:.2f} times")


if __name__ == "__main__":
    main()
