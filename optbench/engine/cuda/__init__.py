"""Lanes on a GPU; imported only if one is asked for.

Beside engine/cpu, of which it knows nothing.
"""
