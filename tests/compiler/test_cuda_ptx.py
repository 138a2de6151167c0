"""Every kernel for a GPU becomes PTX for a new card, without one.

Some problems stand for the rest in the README's test command, for an old card, too; CI does them all, and the
steps of a rule of every kind.
"""

import re
import subprocess
from functools import cache

import pytest
from gpu_cases import CATALOGUE, DTYPES, SMALL, TEXTS, record_of
from harness import ONE_OF_EACH_KIND, problem_of
from ptx import ptx

pytestmark = pytest.mark.slow

NEW = "sm_90"
CAPABILITIES = {"sm_75": (7, 5), NEW: (9, 0)}
STRESS = ("delayed(quantized(noisy(moving(rosenbrock))))", "rescaled(nqm(dim=4))")
PROBLEMS = {name: problem_of(SMALL.get(name, name)) for name in (*CATALOGUE.problems, *STRESS)}


def slow_but_for(names, cases):
    """Return the ``cases``; those that are not in ``names`` are marked slow."""
    return [case if case in names else pytest.param(case, marks=pytest.mark.slow) for case in cases]


WHOLE = {*ONE_OF_EACH_KIND, "clip(adam, norm=0.5)"}
"""Rules of every kind."""


@cache
def found():
    from optbench.compiler import cuda

    return cuda.find_parts()


@pytest.fixture
def compiled(request):
    """PTX by architecture of one module of kernels, (name, kernel, signature): of one like others for the new card."""
    if found().toolkit is None:
        pytest.skip("no libnvvm: install a CUDA toolkit, or the test extra on Linux")

    like_others = request.node.get_closest_marker("slow") is not None
    capabilities = {NEW: CAPABILITIES[NEW]} if like_others else CAPABILITIES

    def compiled(kernels):
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
    from optbench.averages import cuda as averages
    from optbench.compiler import cuda_steps

    if found().ptxas is None:
        pytest.skip("no ptxas: install a CUDA toolkit, or the test extra on Linux")
    kernels = [("gather", cuda_steps.gather, cuda_steps.signatures(dtype)["gather"]) for dtype in DTYPES]
    for dtype in DTYPES:
        kernels += averages.kernels(dtype)
    assert_registers_suffice(compiled(kernels), tmp_path)


# All pairs would be two thousand kernels. In float32: every problem's functions, and steps of every form that a kernel
# takes from a problem. In float64: steps of a rule of every kind.
STEPPED = sorted(name for name, problem in PROBLEMS.items() if problem.evaluate is not None)
"""Problems whose value and gradient are not what evaluates them."""
OTHERS = sorted(PROBLEMS.keys() - STEPPED)
ONE_OF_EACH_FORM = ("deep_linear", "least_squares", "phase_retrieval", "quadratic", "rosenbrock", *STRESS)
"""Of the others: single and lanes; with noise or mini-batches; kept in registers or not, with scratch or without; with
gradients that are changed."""


@pytest.mark.ptx
@pytest.mark.parametrize("name", slow_but_for(("least_squares", "quadratic"), sorted(PROBLEMS)))
def test_kernels_of_a_problem(name, compiled):
    from optbench.compiler import cuda_steps
    from optbench.engine.cuda import cohorts

    code = cohorts.Kernels(PROBLEMS[name], record_of("gd"), "float32", 32)
    kinds = ("steps", "evaluate") if name in (*STEPPED, *ONE_OF_EACH_FORM) else ("evaluate",)
    signatures = cuda_steps.signatures("float32")
    compiled([(kind, getattr(code, kind), signatures[kind]) for kind in kinds])


@pytest.mark.ptx
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        *zip(sorted(WHOLE.intersection(TEXTS)), OTHERS, strict=False),
        *(("sam(adam)", "rosenbrock"), ("asam(gd)", "least_squares"), ("adahessian", "quadratic"), ("sophia_h", "mlp")),
        *(("sophia_g", "softmax"), ("sophia_g", "char_transformer")),
    ],
)
def test_steps_of_a_rule(name, problem, compiled):
    """A rule of every kind steps on one of the other problems."""
    from optbench.compiler import cuda_steps
    from optbench.engine.cuda import cohorts

    code = cohorts.Kernels(PROBLEMS[problem], record_of(name), "float64", 32)
    compiled([("steps", code.steps, cuda_steps.signatures("float64")["steps"])])
