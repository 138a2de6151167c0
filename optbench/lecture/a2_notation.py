"""A2: the activation that a^[3]{8}(7) names, and that a run has the same one."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

import optbench
from optbench.claims import drawing
from optbench.claims.claim import Budget, Claim, Measured, Verdict, estimate_text, exact, fresh_seeds
from optbench.claims.criterion import Identity

BATCH_SIZE, RATE = 64, 0.1
LAYER, BATCH, EXAMPLE = 3, 8, 7


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `activations`, those of one example in all layers, and `losses`, the costs of some mini-batches.

    `losses` has the cost in a run, and the cost that follows from traced activations.
    """
    return {"activations": _trace_layers(), "losses": _trace_losses(fresh_seeds(1 if budget.quick else 4))}


@cache
def _build_network() -> optbench.Problem:
    """Return the network on digits with three hidden layers."""
    return optbench.problems()["mlp"].build({"data": "digits", "hidden": (16, 12, 8)})


def _targets() -> np.ndarray:
    """Return the classes of the network's training examples, (examples,)."""
    data = _build_network().data
    assert data is not None
    return np.asarray(data[1])


def _weights_before(batch: int, seed: int = 0) -> np.ndarray | None:
    """Return the weights (dim,) of a run of gradient descent before a mini-batch; None, the start, for number 1."""
    if batch == 1:
        return None
    return optbench.minimize(_build_network(), "gd", steps=batch - 1, lr=RATE, batch_size=BATCH_SIZE, seed=seed).w


def _trace_layers() -> pd.DataFrame:
    """Return the activations of the named example in every layer: layer, unit, activation, a row a unit."""
    w, parts = _weights_before(BATCH), []
    for layer in range(5):
        a = optbench.trace(
            _build_network(), layer=layer, batch=BATCH, example=EXAMPLE, batch_size=BATCH_SIZE, w=w, seed=0
        )
        parts.append(pd.DataFrame({"layer": layer, "unit": np.arange(1, len(a) + 1), "activation": a}))
    return pd.concat(parts, ignore_index=True)


def _trace_losses(seeds: Iterable[int]) -> pd.DataFrame:
    """Return the cost of some mini-batches: seed, batch, and the cost of a `run` and from `traced` activations."""
    costs = []
    for seed in seeds:
        for batch in (1, BATCH, 30):  # the last of these lies in the second epoch
            rows = optbench.mini_batches(_build_network(), batch_size=BATCH_SIZE, seed=seed, steps=batch)[batch - 1]
            w, y = _weights_before(batch, seed), _targets()[rows]
            chances = [
                optbench.trace(
                    _build_network(), layer=4, batch=batch, example=i, batch_size=BATCH_SIZE, w=w, seed=seed
                )[int(k)]
                for i, k in enumerate(y, start=1)
            ]
            run = optbench.minimize(_build_network(), "gd", lr=RATE, steps=batch, batch_size=BATCH_SIZE, seed=seed)
            cost = float(run.curve["batch_loss"].iloc[-1])
            costs.append({"seed": seed, "batch": batch, "run": cost, "traced": float(-np.mean(np.log(chances)))})
    return pd.DataFrame(costs)


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the largest relative difference between a run's mini-batch cost and the traced one."""
    losses, activations = tables["losses"], tables["activations"]
    worst = exact((losses["traced"] / losses["run"] - 1).abs().max())
    named = activations.loc[activations["layer"] == LAYER, "activation"]
    return Measured(
        cells={"all": worst},
        effect=worst,
        measure="relative difference between a run's mini-batch cost and the one from traced activations, over "
        f"{len(losses)} mini-batches",
        answer=f"A run's mini-batch cost differs from that of traced activations by {estimate_text(worst)} of itself "
        "at most.",
        detail=f"a^[{LAYER}]{{{BATCH}}}({EXAMPLE}) has {len(named)} units, {named.min():.3f} to {named.max():.3f}.",
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the activations of the named example, layer by layer."""
    layers = dict(iter(tables["activations"].groupby("layer")["activation"]))
    title = f"Example {EXAMPLE} of mini-batch {BATCH} on its way through the network"
    figure, grid = drawing.new_figure(
        (0.9, 2.3), 1, len(layers), margins=(0.2, 0.2, 0.7, 0.5), gap=(0.4, 0), title=title,
        width_ratios=[3, 1, 1, 1, 1],
    )  # fmt: skip
    words = ("the example x", "layer 1", "layer 2", "layer 3", "layer 4:\nprobabilities")
    for (layer, values), ax in zip(layers.items(), grid[0], strict=True):
        image = values.to_numpy().reshape(8, 8) if layer == 0 else values.to_numpy()[:, None]
        sns.heatmap(
            image, ax=ax, cmap="Blues" if layer else "Greys", cbar=False, annot=layer > 0, fmt=".2f", square=not layer,
            annot_kws={"fontsize": 5.5}, xticklabels=False, yticklabels=False,
        )  # fmt: skip
        color = "#b03a00" if layer == LAYER else drawing.GRAY
        name = rf"$a^{{[{layer}]\{{{BATCH}\}}({EXAMPLE})}}$"
        ax.set_title(name, fontsize=drawing.PANEL_TITLE, color=color, parse_math=True)
        ax.spines[:].set(visible=True, edgecolor=color, linewidth=2.2 if layer == LAYER else 0.8)
        ax.set_xlabel(f"{words[layer]}\n{len(values)} units" if layer < 4 else words[layer])
        ax.grid(False)
    return figure


CLAIMS = (
    Claim(
        id="A2",
        sentence="The activation of the 3rd layer on the 7th example of the 8th mini-batch is a^[3]{8}(7).",
        formulas=(r"a^{[3]\{8\}(7)}",),
        experiment=experiment,
        criterion=Identity(
            what="the largest relative difference between the cost of a mini-batch from the traced activations of its "
            "examples and the cost that the run itself saw",
            limit=1e-12,
            because="the same sums of at most 64 terms in another order, through four layers, lose about four of 16 "
            "digits at worst; another example, mini-batch or layer changes the first digit",
        ),
        measure=measure,
        figure=draw,
        caption="What optbench.trace gives for every layer: the handwritten digit that is example 7 of mini-batch 8 "
        "(64 examples each), the activations of three hidden layers (ReLU) at the weights that the run has there, and "
        "the probabilities of the ten digits. Framed: the activation that the notation names.",
    ),
)
