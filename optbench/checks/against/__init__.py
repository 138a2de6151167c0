"""Comparison of two optimizers as black boxes: whether they take the same steps, and which convention differs.

It steps rules and other libraries' optimizers with the engine, and knows no sweep and no report.
"""
