"""Settings as code of PyTorch, optax and Keras that takes the same steps: a template for each library.

Records in, text out. None of these libraries is needed for it, and nothing is compiled or run.
"""
