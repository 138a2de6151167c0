"""optbench.stepper on lists of arrays on a card, and what it says of arrays that do not serve."""

import numpy as np
from stepper_cases import LISTS, ROWS, step_rows

import optbench
from optbench.compiler.cuda import cuda


class Foreign:
    """Another library's array, of which the simulator knows nothing: what leads to numba's is put in its place."""

    def __init__(self, array, read_only=False):
        self.array, self.address = array, (array.ctypes.data, read_only)

    @property
    def __cuda_array_interface__(self):
        return {"data": self.address, "shape": self.array.shape, "typestr": "<f8", "version": 3}


class Tensor(Foreign):
    """A tensor, which a result has to be where w is one."""

    def __init__(self, values):
        super().__init__(values if hasattr(values, "copy_to_host") else cuda.to_device(np.array(values)))
        self.shape, self.dtype = self.array.shape, f"torch.{self.array.dtype}"

    def detach(self):
        return self

    def clone(self):
        return Tensor(self.array.copy_to_host())


cuda.as_cuda_array = lambda foreign: foreign.array


def run():
    found = {}
    for k, case in enumerate(LISTS):
        for name, array in case.drive(cuda.to_device, lambda array: array.copy_to_host(), device="cuda").items():
            found[f"{k} {name}"] = array
    for text, dtype in ROWS:
        found[f"{text} of rows"] = step_rows(text, dtype, cuda.to_device, lambda x: x.copy_to_host(), device="cuda")
    w = [cuda.to_device(np.ones((2, 3)))]
    adam = optbench.stepper("adam", w, lr=0.1, device="cuda")
    adam.step([w[0]])  # its own memory as the gradient
    foreign = cuda.to_device(np.ones(2))
    optbench.stepper("adam", [Foreign(foreign)], lr=0.1, device="cuda").step([Foreign(cuda.to_device(np.ones(2)))])
    one, rows = cuda.to_device(np.ones(3)), cuda.to_device(np.ones((2, 3)))
    averages = [optbench.stepper("average(gd, beta=0.5)", x, lr=0.5, device="cuda") for x in (one, rows)]
    for average, x in zip(averages, (one, rows), strict=True):
        for _ in range(2):
            average.step(cuda.to_device(np.ones(x.shape)))
    found |= {"own": w[0].copy_to_host(), "foreign": foreign.copy_to_host()}
    found |= {"one": one.copy_to_host(), "rows": rows.copy_to_host()}
    found |= {"averages": np.array([average.reported.copy_to_host().ravel()[0] for average in averages])}
    return found | tensors() | {"errors": np.array(list(errors()))}


def tensors():
    """Return the points and weights of a step of two tensors by name, without a gradient of a third, and of one."""
    named = {"a": Tensor([3.0]), "b": Tensor([[4.0]]), "c": Tensor([9.0])}
    alone = Tensor(np.array([3, 4], np.float32))
    found = {}
    for label, w in (("named", named), ("alone", alone)):
        rule = optbench.stepper("sam(gd, rho=1)", w, lr=0.1, device="cuda")
        g = w | {"c": None} if w is named else w
        point = rule.look(g)
        rule.step(g, ahead=point | {"c": None} if w is named else point)
        for name, x in (("point", point), ("w", w)):
            parts = list(x.values()) if w is named else [x]
            assert all(type(part) is Tensor for part in parts)
            found[f"{label} {name}"] = np.concatenate([part.array.copy_to_host().ravel() for part in parts])
    return found


def errors():
    good = cuda.to_device(np.ones(3))
    bad = [
        np.ones(3),
        [np.ones(3)],
        [good, good],
        [good, cuda.to_device(np.ones(3, np.float32))],
        [cuda.to_device(np.ones(3, int))],
        [cuda.to_device(np.ones((3, 2)).T)],
        [cuda.to_device(np.ones((2, 2)))[:, :1]],
        cuda.to_device(np.ones((2, 2, 2))),
        [],
    ]
    for w in bad:
        yield message(lambda w=w: optbench.stepper("gd", w, lr=0.1, device="cuda"))
    gd = optbench.stepper("gd", [good], lr=0.1, device="cuda")
    for g in ([np.ones(3)], [cuda.to_device(np.ones(2))], good, [None, None]):
        yield message(lambda g=g: gd.step(g))
    yield message(lambda: optbench.stepper("muon", [good], lr=0.1, device="cuda"))
    yield message(lambda: optbench.stepper("gd", [Foreign(good, True)], lr=0.1, device="cuda"))


def message(call) -> str:
    try:
        call()
    except optbench.OptbenchError as error:
        return str(error)
    return "no error"
