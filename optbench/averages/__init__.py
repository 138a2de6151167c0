"""Exponentially weighted averages (lecture B): of arrays, of streams, on the GPU, and of a column of a file.

Depends on the compiler alone; the engine does not need it.
"""
