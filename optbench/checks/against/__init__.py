"""Two optimizers side by side, as black boxes: whether they take the same steps, and which convention differs.

Knows the engine's steps of a rule and of another library's optimizer, no sweep and no report; diagnosis needs no names.
"""
