"""PyTorch in float64."""

import pytest


@pytest.fixture
def torch():
    """PyTorch, whose own state of some optimizers is of the default dtype."""
    import torch

    known = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(known)
