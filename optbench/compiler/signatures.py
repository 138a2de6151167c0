"""numba's signatures and the texts of argument lists, from the declarations of contracts.py."""

from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Kind:
    """The kind of a kernel's argument: numbers of one type, in C order along so many axes (0: one number)."""

    number: str
    """A name of numba's, or "real": the kernel's own dtype."""
    axes: int = 0
    written: bool = True
    """True if the array must be writable, whether or not a kernel writes it."""
    layout: str = "C"
    """As numba calls it; "A" takes all."""

    def of(self, dtype: str) -> Any:
        """Return numba's type of the argument; ``dtype``: that of real numbers, "float64" or "float32"."""
        from numba import types

        number = getattr(types, dtype if self.number == "real" else self.number)
        return types.Array(number, self.axes, self.layout, readonly=not self.written) if self.axes else number


def kinds(contract: Any) -> dict[str, Kind]:
    """Return the arguments that a named tuple or a function declares, by name."""
    hints = get_type_hints(getattr(contract, "py_func", contract), include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if name != "return"}


@cache
def signature(contract: Any, dtype: str) -> Any:
    """Return numba's signature for the arguments that a named tuple or a function declares; ``dtype``: of reals."""
    from numba import types

    return types.void(*(kind.of(dtype) for kind in kinds(contract).values()))


def names(contract: Any) -> str:
    """Return the text of a generated kernel's argument list, "w, g, state": the fields of a tuple of contracts.py."""
    return ", ".join(contract._fields)


def call(contract: Any, function: str, **texts: str) -> str:
    """Return the code of a call of ``function``; the code of each argument is that in ``texts``, or its own name."""
    strange = texts.keys() - set(contract._fields)
    assert not strange, f"{contract.__name__} has no {min(strange)}"
    return f"{function}({', '.join(texts.get(name, name) for name in contract._fields)})"
