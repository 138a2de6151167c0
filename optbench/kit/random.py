"""Random numbers of a run for update rules, each computed from a key and a place: no state, the same wherever it runs.

A rule asks for ``normal`` or ``rademacher`` by name. The transform of a matrix asks for ``key``, one whole number a
run, step and block, and draws the number of each place ``i`` by the functions here. The whole numbers of 32 bits go
through a mixing function (hash prospector's of least bias), twice a number; no product exceeds 63 bits.
"""

from math import cos, log, pi, sqrt

SEEDS = 1 << 24
"""Seeds are told apart up to this one, which float32 still holds."""


def uniform(key: int, i: int) -> float:
    """Return a number between 0 and 1, both excluded.

    Args:
        key: of the run, step and block.
        i: the place, a whole number from 0.

    Returns:
        The number.

    Example:
        >>> key = key_of(seed=1, t=1, first=0)
        >>> [round(uniform(key, i), 3) for i in range(3)]
        [0.609, 0.498, 0.818]
    """
    return (_mixed(_place(key, i) ^ (key >> 32)) + 0.5) / 4294967296.0


def normal(key: int, i: int) -> float:
    """Return a number of the normal distribution of mean 0 and variance 1; arguments as of `uniform`."""
    place = _place(key, i)
    radius = sqrt(-2.0 * log(uniform(key, i)))
    return radius * cos(2.0 * pi * (_mixed((place + 0x1E3779B9) & 0xFFFFFFFF ^ (key >> 32)) / 4294967296.0))


def rademacher(key: int, i: int) -> float:
    """Return 1 or -1, each with probability 1/2; arguments as of `uniform`."""
    return 1.0 if _mixed(_place(key, i) ^ (key >> 32)) < 0x80000000 else -1.0


def key_of(seed: int, t: int, first: int) -> int:
    """Return the key of a run, a step and a block.

    Args:
        seed: of the run, from 0 to before SEEDS.
        t: the step, from 1.
        first: the number of the block's first parameter among those of the run; place ``i`` of this block has the same
            number as place ``i + first`` of a block that begins at 0.

    Returns:
        A whole number below 2^62.
    """
    low = _mixed(_mixed(seed + 0x1E3779B9) ^ (t & 0xFFFFFFFF))
    high = _mixed((low + 0x1E3779B9) & 0xFFFFFFFF)
    return ((high & 0x3FFFFFFF) << 32) + ((low + first) & 0xFFFFFFFF)


def _place(key, i):
    """Return the number of a place, mixed once."""
    return _mixed(((key & 0xFFFFFFFF) + i) & 0xFFFFFFFF)


def _mixed(x):
    """Return 32 bits that each depend on all 32 of x."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x735A2D97) & 0xFFFFFFFF
    return x ^ (x >> 15)
