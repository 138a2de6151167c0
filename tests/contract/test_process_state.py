"""Settings of the whole process around calls of foreign code, which may change them."""

import os

import pytest

from optbench.contract.process_state import restored_libraries, restored_process
from optbench.engine.eager.eager_lanes import isolated_libraries


@pytest.mark.parametrize(
    ("own", "inside"),
    [
        (None, "--xla_cpu_multi_thread_eigen=false"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_cpu_multi_thread_eigen=false"),
        ("--xla_cpu_multi_thread_eigen=true", "--xla_cpu_multi_thread_eigen=true"),
    ],
)
@pytest.mark.parametrize("around", [restored_libraries, restored_process, isolated_libraries])
def test_jax_hears_of_one_thread_and_the_environment_is_as_it_was(own, inside, around, monkeypatch):
    if own is None:
        monkeypatch.delenv("XLA_FLAGS", raising=False)
    else:
        monkeypatch.setenv("XLA_FLAGS", own)
    with around():
        with around():
            assert os.environ["XLA_FLAGS"] == inside
        assert os.environ["XLA_FLAGS"] == inside
    assert os.environ.get("XLA_FLAGS") == own


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("around", [restored_process, isolated_libraries])
def test_settings_of_pytorch_are_put_back(around):
    import torch

    with around():
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
    assert torch.get_default_dtype() is torch.float32 and torch.is_grad_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
