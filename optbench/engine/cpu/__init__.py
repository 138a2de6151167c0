"""Lanes on this machine's cores.

Beside engine/cuda, of which it knows nothing.
"""
