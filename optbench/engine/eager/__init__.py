"""Cohorts that are not compiled: other libraries' optimizers, and problems in plain Python.

Lanes, mini-batches and evaluations are those of engine/cpu; only steps are taken here, one lane after the other.
"""
