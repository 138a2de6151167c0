"""The helpers that files of optimizers and problems may import: scalar functions, layers, networks, linear models.

Plain functions, which the compiler takes apart; imports datasets and the contract only.
"""
