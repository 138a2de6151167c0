"""Cohorts with what is not compiled: other libraries' optimizers, and problems that are plain Python.

The lanes, their mini-batches and evaluations are the CPU part's; only a step is taken here, one lane after the other.
"""
