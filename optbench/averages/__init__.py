"""Exponentially weighted averages (lecture B): of arrays, of streams, on the GPU, and a file's column to average.

Stands on the compiler alone; the engine does not need it.
"""
