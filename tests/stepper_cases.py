"""Steps on a list of arrays, one of them without a gradient now and then; for this machine's cores and for a card."""

from dataclasses import dataclass, replace

import numpy as np
from by_role import by_role
from noisy import noisy
from reference.optimizer_rows import LABELS, SIZES

BY_NAME = dict(zip(("batch_size", "examples"), SIZES, strict=True))
"""What a stepper gives to rules that ask for it."""
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
    count: int = COUNT
    scale: int = 1
    """By which the first axis of an array is longer."""

    def drive(self, put=np.array, get=np.asarray, **device) -> dict[str, np.ndarray]:
        """Return the arrays and the reported ones in the end, and the points of all second gradients.

        ``put``, ``get``: to where they are stepped, and back.
        """
        import optbench

        rng, shapes = np.random.default_rng(6), [(self.scale * s[0], *s[1:]) if s else s for s in SHAPES]
        w = [put(np.asarray(rng.standard_normal(shape)).astype(self.dtype)) for shape in shapes]
        optimizer = {"by_role": by_role, "noisy": noisy}.get(self.text, self.text)
        device |= BY_NAME
        rule = optbench.stepper(optimizer, w, lr=0.05, **device)
        points = []
        for t in range(self.count):
            g = [put(np.asarray(rng.standard_normal(shape)).astype(self.dtype)) for shape in shapes]
            if self.resumed and t == 3:
                state = rule.state_dict()
                rule = optbench.stepper(optimizer, w, lr=1.0, **device)
                rule.load_state_dict(state)
            g = [None if k in STAYS.get(t, ()) else x for k, x in enumerate(g)]
            second = {"ahead": take_second(rule, g, put, get, points), "labels": LABELS} if rule.needs_second else {}
            rule.step(g, lr=0.05 / (t + 1), loss=0.1 * (t + 1), **second)
        found = {"w": flat(map(get, w)), "reported": flat(map(get, rule.reported))}
        return found | ({"points": flat(points)} if points else {})


def take_second(rule, g, put, get, points):
    """Return the gradients at the points where the rule's next step wants them, of g - point; append these points."""
    found = [get(x) for x in rule.look(g)]
    points += found
    return [None if x is None else put(get(x) - point) for x, point in zip(g, found, strict=True)]


def step_rows(text, dtype, put=np.array, get=np.asarray, **device) -> np.ndarray:
    """Return the points of the second gradients of three runs of one array, and the array in the end."""
    import optbench

    rng, points = np.random.default_rng(7), []
    w = put(rng.standard_normal((3, 11)).astype(dtype))
    rule = optbench.stepper(text, w, lr=0.05, blocks=[(2, 3), (5,)], seed=1, **device)
    for _ in range(12):
        g = rng.standard_normal((3, 11)).astype(dtype)
        ahead = None
        if rule.needs_second:
            points.append(get(rule.look(put(g))))
            ahead = put(g - points[-1])
        rule.step(put(g), ahead=ahead)
    return np.array([*points, get(w)])


ROWS = [("sam(lamb)", "float64"), ("asam(gd)", "float32"), ("adahessian", "float64"), ("sophia_h", "float64")]
"""Rules with second gradients, and dtypes."""


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
LOOKS = (
    ListSteps("sam(adam)"), ListSteps("sam(adam)", "float32"), ListSteps("asam(momentum)"),
    ListSteps("sam(lamb)"), ListSteps("adahessian"), ListSteps("sophia_h", count=13),
    ListSteps("lookahead(sophia_h)", count=13),
)  # fmt: skip
LISTS += [*LOOKS, replace(LOOKS[0], resumed=True), replace(LOOKS[-1], resumed=True)]
LISTS += [
    ListSteps(text, resumed=True)
    for text in ("adamw", "novograd", "prodigy", "momo", "clip(schedule_free_sgd, norm=0.5)")
]
