"""Settings as code that takes the same steps: scripts of PyTorch, and the optimizer's lines in optax and Keras.

Records in, text out. None of these libraries is needed for it, and nothing is compiled or run.
"""
