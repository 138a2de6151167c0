"""asv benchmarks of optbench, and peers.py: side by side with PyTorch and JAX in one run."""
