"""Lanes on a GPU; imported only where one is asked for.

Beside engine/cpu, of which it knows nothing.
"""
