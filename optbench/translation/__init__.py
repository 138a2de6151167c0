"""How a setting is said in PyTorch, optax and Keras: code that a person pastes, and that takes the same steps.

Records in, text out. None of these libraries is needed for it, and nothing is compiled or run.
"""
