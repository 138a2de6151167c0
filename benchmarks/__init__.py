"""asv/: the performance history. peers.py: beside PyTorch and JAX. gpu.py: on a card. same_numbers.py: two versions."""
