"""PTX of kernels without a card, by numba's inside: numba itself asks the card for its compute capability."""

from contextlib import contextmanager
from types import SimpleNamespace

from optbench.compiler.cuda import cuda


@contextmanager
def lowering_for(capability):
    """Compile for a card that is not there, but for libnvvm's part; give a list of the libraries meanwhile.

    From the libraries, PTX for any card is had later, of many kernels in one module.
    """
    from numba.cuda import dispatcher
    from numba.cuda.codegen import CUDACodeLibrary

    device, text, asked = dispatcher.get_current_device, CUDACodeLibrary.get_asm_str, []

    def ask(library, *arguments, **options):
        asked.append(library)
        return ""

    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    CUDACodeLibrary.get_asm_str = ask
    try:
        yield asked
    finally:
        dispatcher.get_current_device, CUDACodeLibrary.get_asm_str = device, text


def ptx(kernels, *capabilities) -> list[str]:
    """Return the PTX of one module of all ``kernels``, pairs (kernel, signature), for each compute capability.

    capabilities: such as (9, 0). It takes libnvvm but no card; numba lowers the kernels only once.
    """
    with lowering_for(capabilities[0]) as libraries:
        for compiled, signature in kernels:
            cuda.compile_ptx(compiled.py_func, signature, cc=capabilities[0], device=False)
    last = libraries[-1]
    last._llvm_strs = list(dict.fromkeys(text for library in libraries for text in library.llvm_strs))
    return [last.get_asm_str(cc=capability) for capability in capabilities]
