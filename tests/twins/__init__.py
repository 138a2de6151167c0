"""Naive NumPy twins of the optimizers, the wrappers and the moving average.

Each twin is written from its paper or from the lecture, in the plainest NumPy that states it, and never imports
optbench: a twin that shared code with the engine would share its mistakes. Twins are slow on purpose. Powers are
`beta**t`, not running products; every state is a fresh array. How they are called stands in `twins.drive`.

The defaults are stated here a second time on purpose: a changed default in the package must show in a test.
"""

from twins import adam_family, adaptive, averaging, descent, matrices, norms
from twins.moving_average import ewa
from twins.wrappers import WRAPPERS

TWINS = {}
for _group in (descent, adaptive, adam_family, averaging, norms, matrices):
    TWINS |= _group.TWINS
__all__ = ["TWINS", "WRAPPERS", "ewa"]
