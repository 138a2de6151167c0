"""The version, where every floor can read it: results carry it."""

__version__ = "0.27.0"
