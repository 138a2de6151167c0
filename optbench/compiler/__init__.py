"""Source of rules and problems -> kernels, for this machine's cores and for CUDA.

Functions of the contract in, compiled functions out; it allocates no array and runs no step.
"""
