"""The roles of parameter blocks in a network, which an update rule may ask for as ``role``.

A rule compares ``role`` with the numbers below: ``lr if role == LAST else 0.1 * lr``. A problem names them by the words
of ROLES; where it does not, they follow from the order of the blocks.
"""

from collections.abc import Sequence

VECTOR, HIDDEN, FIRST, LAST, EMBEDDING = range(5)
ROLES = ("vector", "hidden", "first", "last", "embedding")
"""The words, in the order of the numbers."""


def find_roles(shapes: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Return the role of each block of a network whose blocks stand in the order of its layers.

    A block of one side is a vector, whatever it holds: a bias, a gain, or all parameters of a problem without blocks.
    Of the others the last one is the last layer, the first one the first, and those between them are hidden. A single
    matrix is a last layer: that of a linear model. No shape tells an embedding, so that a problem has to name it.

    Args:
        shapes: those of the blocks.

    Returns:
        A word of ROLES for each.

    Example:
        >>> find_roles([(64, 32), (32,), (32, 32), (32,), (32, 10), (10,)])
        ('first', 'vector', 'hidden', 'vector', 'last', 'vector')
        >>> find_roles([(64, 10)])
        ('last',)
    """
    matrices = [k for k, shape in enumerate(shapes) if len(shape) > 1]
    roles = dict.fromkeys(matrices, "hidden")
    for k, role in zip((matrices[:1], matrices[-1:]), ("first", "last"), strict=True):
        roles |= dict.fromkeys(k, role)
    return tuple(roles.get(k, "vector") for k in range(len(shapes)))
