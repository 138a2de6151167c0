"""Numbers with units, for people to read."""

_UNITS = {
    "seconds": ((1, "s"), (1e-3, "ms"), (1e-6, "\u00b5s"), (1e-9, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
}


def quantity(value: float, unit: str) -> str:
    """With three digits and a unit of a handy size.

    Example:
        >>> quantity(0.00123, "seconds"), quantity(2.5e8, "bytes"), quantity(0.912, "of a copy")
        ('1.23 ms', '250 MB', '0.912 of a copy')
    """
    for size, name in _UNITS.get(unit, ()):
        if abs(value) >= size:
            return f"{digits(value / size)} {name}"
    return f"{digits(value)} {unit}".strip()


def digits(value: float) -> str:
    """Three of them, or all of a number above a thousand.

    Example:
        >>> digits(0.9123), digits(12.3456), digits(254464.1)
        ('0.912', '12.3', '254,464')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
