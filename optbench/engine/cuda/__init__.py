"""Lanes on a GPU; imported only where one was asked for.

Beside engine/cpu, of which it knows nothing.
"""
