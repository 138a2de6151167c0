"""Steps on a list of arrays, one of them without a gradient now and then; for this machine's cores and for a card."""

from dataclasses import dataclass

import numpy as np
from by_role import by_role
from noisy import noisy
from reference.optimizer_rows import SIZES

SHAPES = ((2, 3), (), (4,), (0, 2), (2, 1, 2))
STAYS = {0: (4,), 2: (1, 2), 3: (0, 1, 2, 3, 4)}
"""The indices of the arrays that have no gradient, by step."""
COUNT = 5


@dataclass(frozen=True)
class ListSteps:
    """Some steps of a rule on a list, with a break in the middle where ``resumed``."""

    text: str
    dtype: str = "float64"
    resumed: bool = False
    scale: int = 1
    """By which the first axis of an array is longer."""

    def drive(self, put=np.array, get=np.asarray, **device) -> dict[str, np.ndarray]:
        """Return the arrays and the reported ones in the end; ``put``, ``get``: to where they are stepped, and back."""
        import optbench

        rng, shapes = np.random.default_rng(6), [(self.scale * s[0], *s[1:]) if s else s for s in SHAPES]
        w = [put(np.asarray(rng.standard_normal(shape)).astype(self.dtype)) for shape in shapes]
        optimizer = {"by_role": by_role, "noisy": noisy}.get(self.text, self.text)
        device |= dict(zip(("batch_size", "examples", "labels"), SIZES, strict=True))
        rule = optbench.stepper(optimizer, w, lr=0.05, **device)
        for t in range(COUNT):
            g = [put(np.asarray(rng.standard_normal(shape)).astype(self.dtype)) for shape in shapes]
            if self.resumed and t == 3:
                state = rule.state_dict()
                rule = optbench.stepper(optimizer, w, lr=1.0, **device)
                rule.load_state_dict(state)
            rule.step(
                [None if k in STAYS.get(t, ()) else x for k, x in enumerate(g)], lr=0.05 / (t + 1), loss=0.1 * (t + 1)
            )
        return {"w": flat(map(get, w)), "reported": flat(map(get, rule.reported))}


def flat(arrays) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])


KINDS = (
    "gd",
    "by_role",
    "noisy",
    "adamw",
    "lamb",
    "mars",
    "novograd",
    "nadam",
    "prodigy",
    "momo",
    "sps_smooth",
    "schedule_free_adamw",
)
"""One of what a kernel may have to do beside its elements."""
WRAPPED = (
    "clip(adam, norm=0.5)", "clip(lamb, norm=0.5)", "average(clip(gd))", "clip(schedule_free_sgd, norm=0.5)",
    "cautious(prodigy)",
)  # fmt: skip
LISTS = [ListSteps(text, dtype) for text in (*KINDS, *WRAPPED) for dtype in ("float64", "float32")]
LISTS += [
    ListSteps(text, resumed=True)
    for text in ("adamw", "novograd", "prodigy", "momo", "clip(schedule_free_sgd, norm=0.5)")
]
