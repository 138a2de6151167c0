"""PyTorch's side of a job, in a process of its own: the loop over steps that one writes, run by run.

All runs would take hours. One run of each optimizer and batch size is made, evaluated as often as JAX does it, and its
time stands for all of the group; the seconds of the whole job are extrapolated from these, and said to be. On two cores
two such processes would each take a half.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(plan: str, out: str) -> None:
    """Write ``seconds.json``: the seconds of the sampled runs, those of the whole job, and how many runs those were."""
    import pandas as pd
    import torch

    from benchmarks.jobs.jax_side import rates_of, samples_of

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    job, arrays = json.loads((Path(plan) / "job.json").read_text()), np.load(Path(plan) / "arrays.npz")
    arrays = {name: arrays[name] for name in arrays.files}
    runs = pd.read_parquet(Path(plan) / "runs.parquet")
    work: Any = _Mlp(arrays) if job["kind"] == "mlp" else _Quadratic(arrays)
    whole, sampled, ends = 0.0, 0.0, []
    for (optimizer, size), part in runs.groupby(["optimizer", "batch_size"]):
        one = part.sort_values("lr", kind="stable").iloc[[len(part) // 2]]  # a rate in the middle, which no run leaves
        samples = samples_of(job, arrays, size, int(one["steps"].iloc[0]))
        place = job["seeds"].index(int(one["seed"].iloc[0]))
        began = time.process_time()
        end = _run(
            work, optimizer, arrays["starts"][place], None if samples is None else samples[place],
            rates_of(one, job["examples"])[0], job["evaluations"][str(size)],
        )  # fmt: skip
        spent = time.process_time() - began
        whole, sampled = whole + spent * len(part), sampled + spent
        ends.append(one.assign(loss_final=end))
    pd.concat(ends).to_parquet(Path(out) / "runs.parquet")
    (Path(out) / "seconds.json").write_text(json.dumps({"sampled": sampled, "whole": whole, "sample": len(ends)}))


class _Mlp:
    def __init__(self, arrays: dict[str, np.ndarray]):
        import torch

        self.parts = [
            (torch.from_numpy(arrays[f"x{name}"]), torch.from_numpy(arrays[f"y{name}"]).long())
            for name in ("", "_validation", "_test")
        ]
        self.x, self.y = self.parts[0]
        self.net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
        self.loss_of = torch.nn.functional.cross_entropy

    def begin(self, start: np.ndarray) -> list[Any]:
        """The parameters at the start point."""
        import torch

        with torch.no_grad():
            at = 0
            for layer in (self.net[0], self.net[2]):
                size = layer.weight.numel()
                block = start[at : at + size].reshape(layer.in_features, layer.out_features)
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(block.T)))
                layer.bias.copy_(torch.from_numpy(start[at + size : at + size + layer.out_features]))
                at += size + layer.out_features
        return list(self.net.parameters())

    def loss(self, sample: Any) -> Any:
        """Of the examples of these numbers, -1 for none; of all of them without any."""
        import torch

        if sample is None:
            return self.loss_of(self.net(self.x), self.y)
        rows = torch.from_numpy(sample[sample >= 0].astype(np.int64))
        return self.loss_of(self.net(self.x[rows]), self.y[rows])

    def report(self) -> float:
        """The training loss; the losses of validation and test rows, and all accuracies, are computed, too."""
        losses = []
        for x, y in self.parts:
            z = self.net(x)
            losses.append(self.loss_of(z, y).item())
            (z.argmax(1) == y).double().mean().item()
        return losses[0]


class _Quadratic:
    def __init__(self, arrays: dict[str, np.ndarray]):
        import torch

        self.hessian, self.minimizer = (torch.from_numpy(arrays[name].copy()) for name in ("hessian", "minimizer"))

    def begin(self, start: np.ndarray) -> list[Any]:
        """The parameter at the start point."""
        import torch

        self.w = torch.from_numpy(start.copy()).requires_grad_()
        return [self.w]

    def loss(self, sample: Any) -> Any:
        """With the step's noise (dim + 1,), the factor last; None without."""
        import torch

        offset = self.w - self.minimizer
        value = 0.5 * offset @ (self.hessian @ offset)
        return value if sample is None else sample[-1] * value + torch.from_numpy(sample[:-1]) @ self.w

    def report(self) -> float:
        """The value."""
        return self.loss(None).item()


def _optimizer(name: str, parameters: list[Any]) -> Any:
    """PyTorch's own, fused where it is; momentum averages, so that its rate is a tenth of the run's."""
    import torch

    if name == "rmsprop":  # eps stands outside the root here: 1e-8 either way
        return torch.optim.RMSprop(parameters, alpha=0.9, eps=1e-8)
    if name == "adam":
        return torch.optim.Adam(parameters, fused=True)
    return torch.optim.SGD(parameters, momentum=0.0 if name == "gd" else 0.9, nesterov=name == "nesterov", fused=True)


def _run(work: Any, optimizer: str, start: np.ndarray, samples: Any, rates: np.ndarray, evaluations: int) -> float:
    """The final training loss of one run."""
    import torch

    rule = _optimizer(optimizer, work.begin(start))
    factor = 0.1 if optimizer in ("momentum", "nesterov") else 1.0
    every, end = len(rates) // evaluations, 0.0
    for step, rate in enumerate(rates):
        rule.param_groups[0]["lr"] = rate * factor
        rule.zero_grad()
        work.loss(None if samples is None else samples[step]).backward()
        rule.step()
        if (step + 1) % every == 0:
            with torch.no_grad():
                end = work.report()
    return end


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main(*sys.argv[1:])
