"""Lanes on the CPU.

Beside engine/cuda, of which it knows nothing.
"""
