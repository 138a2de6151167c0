"""asv/: the performance history. peers.py: beside PyTorch and JAX. growth.py: large sweeps. gpu.py: on a card.

same_numbers.py: two versions.
"""
