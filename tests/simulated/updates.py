"""Every rule's grid kernels on given gradients."""

from gpu_cases import PAIRED

from optbench.compiler.cuda import cuda
from optbench.engine.cuda.update import Update


def run():
    return {
        str(k): case.drive(Update, cuda.to_device, lambda array: array.copy_to_host()) for k, case in enumerate(PAIRED)
    }
