"""Whole jobs of ``peers.py --jobs``: sweeps from the start of a process to tables on disk, beside JAX and PyTorch."""
