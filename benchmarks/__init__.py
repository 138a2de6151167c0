"""asv/: the performance history. peers.py: beside PyTorch and JAX. gate.py: whole jobs of two versions.

ladder.py: the difficulty of problems. gpu.py: on a card. same_numbers.py: the numbers of two versions.
"""
