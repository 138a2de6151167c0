"""Every rule's grid kernels on given gradients."""

from gpu_cases import ORDERS, PAIRED, Constant

from optbench.compiler.cuda import cuda
from optbench.engine.cuda.stepper import Update


def run():
    cases = {str(k): case for k, case in enumerate(PAIRED)} | {order: Constant(order) for order in ORDERS}
    return {
        name: case.drive(Update, cuda.to_device, lambda array: array.copy_to_host()) for name, case in cases.items()
    }
