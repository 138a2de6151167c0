"""Kernels for a GPU become PTX for a new card, and some for the oldest one, without any.

A problem of every form stands for the others, and a rule of every kind: the simulator has the numbers of all.
"""

import re
import subprocess
from functools import cache

import pytest
from gpu_cases import DTYPES, SMALL, record_of
from harness import problem_of
from ptx import ptx

pytestmark = pytest.mark.slow

OLDEST, NEW = {"sm_75": (7, 5)}, {"sm_90": (9, 0)}
STRESS = ("delayed(quantized(noisy(moving(rosenbrock))))", "rescaled(nqm(dim=4))")


@cache
def found():
    from optbench.compiler import cuda

    return cuda.find_parts()


@pytest.fixture
def compiled():
    """PTX by architecture of one module of kernels, (name, kernel, signature)."""
    if found().toolkit is None:
        pytest.skip("no libnvvm: install a CUDA toolkit, or the test extra on Linux")

    def compiled(kernels, capabilities=NEW):
        pairs = [(kernel, signature) for _, kernel, signature in kernels]
        texts = dict(zip(capabilities, ptx(pairs, *capabilities.values()), strict=True))
        for architecture, text in texts.items():
            assert f".target {architecture}" in text
            entries = re.findall(r"^\.visible \.entry (\w+)", text, flags=re.M)
            for name, kernel, _ in kernels:
                assert any(kernel.py_func.__name__ in entry for entry in entries), f"no {name} for {architecture}"
            assert len(entries) == len(kernels)
            assert ".extern .func" not in text  # which nothing would link
        return texts

    return compiled


def assert_registers_suffice(texts, folder):
    """Check in the output of ptxas that no function keeps numbers in memory for lack of registers."""
    for architecture, text in texts.items():
        file = folder / f"{architecture}.ptx"
        file.write_text(text)
        command = [found().ptxas, "-v", f"-arch={architecture}", str(file), "-o", str(folder / "kernel.cubin")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said = dict(re.findall(r"Function properties for (\w+)\n\s*(.*)", done.stderr))
        assert len(re.findall("Compiling entry function", done.stderr)) == text.count(".visible .entry") <= len(said)
        for function, properties in said.items():
            assert "0 bytes spill stores, 0 bytes spill loads" in properties, f"{function} on {architecture}"


@pytest.mark.ptxas
def test_the_assembler_takes_what_is_not_a_rules(compiled, tmp_path):
    from optbench.averages import cuda_averages as averages
    from optbench.compiler import cuda_steps

    if found().ptxas is None:
        pytest.skip("no ptxas: install a CUDA toolkit, or the test extra on Linux")
    kernels = [("gather", cuda_steps.gather, cuda_steps.signatures(dtype)["gather"]) for dtype in DTYPES]
    for dtype in DTYPES:
        kernels += averages.kernels(dtype)
    assert_registers_suffice(compiled(kernels, OLDEST | NEW), tmp_path)


# In float32: problems of every form. In float64: steps of a rule of every kind.
ONE_OF_EACH_FORM = ("deep_linear", "least_squares", "phase_retrieval", "quadratic", "rosenbrock", *STRESS, "mlp",
                    "char_transformer", "convolution", "rnn_xor", "pinn", "vae")  # fmt: skip
"""Single and lanes; with noise or mini-batches; kept in registers or not, with scratch or without; with gradients that
are changed; every kind of network."""


@pytest.mark.ptx
@pytest.mark.parametrize("name", ONE_OF_EACH_FORM)
def test_kernels_of_a_problem(name, compiled):
    from optbench.compiler import cuda_steps
    from optbench.engine.cuda import cohorts

    code = cohorts.Kernels(problem_of(SMALL.get(name, name)), record_of("gd"), "float32", 32)
    signatures = cuda_steps.signatures("float32", code.shape.stages)
    capabilities = OLDEST if name in ("least_squares", "quadratic") else NEW
    compiled([(kind, getattr(code, kind), signatures[kind]) for kind in ("steps", "evaluate")], capabilities)


@pytest.mark.ptx
@pytest.mark.parametrize(
    ("name", "problem"),
    [("adam", "rosenbrock"), ("novograd", "quadratic"), ("prodigy", "saddle"), ("schedule_free_adamw", "beale"),
     ("clip(adam, norm=0.5)", "least_squares"), ("sam(adam)", "rosenbrock"), ("sophia_g", "softmax")],
)  # fmt: skip
def test_steps_of_a_rule(name, problem, compiled):
    """A rule of every kind steps on one of the other problems."""
    from optbench.compiler import cuda_steps
    from optbench.engine.cuda import cohorts

    code = cohorts.Kernels(problem_of(problem), record_of(name), "float64", 32)
    compiled([("steps", code.steps, cuda_steps.signatures("float64", code.shape.stages)["steps"])])
