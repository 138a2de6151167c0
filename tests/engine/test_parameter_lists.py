"""The arrays that a stepper accepts: unusual memory layouts work, others are refused in one line that names them."""

import pickle

import numpy as np
import pytest

from optbench import OptbenchError, stepper

ONES = np.ones((2, 3))


def unaligned(size):
    return np.zeros(8 * size + 1, np.uint8)[1:].view(float)


class Tensor:
    """A stand-in for another library's tensor on the CPU: it can be detached, and supports DLPack."""

    def __init__(self, array, device=1, layout="strided", grad=True):
        self.array, self.device, self.layout, self.grad = array, device, layout, grad
        self.dtype, self.shape = f"torch.{array.dtype}", array.shape

    def detach(self):
        return Tensor(self.array, self.device, self.layout, grad=False)

    def data_ptr(self):
        return self.array.ctypes.data

    def clone(self):
        return Tensor(self.array.copy(), self.device, self.layout, grad=False)

    def __dlpack__(self, **asked):
        assert not self.grad, "a leaf that needs a gradient speaks no DLPack"
        return self.array.__dlpack__(**asked)

    def __dlpack_device__(self):
        return self.device, 0


SHARED = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="before 2.1 NumPy saw what DLPack gave it as read-only"
)


@SHARED
def test_tensors_share_their_memory():
    w, g = Tensor(np.zeros((2, 2), np.float32)), Tensor(np.ones((2, 2), np.float32))
    average = stepper("average(gd, beta=0)", [w], lr=0.5)
    average.step([g])
    assert (w.array == -0.5).all()
    (reported,) = average.reported
    assert isinstance(reported, Tensor) and (reported.array == -0.5).all() and reported.array is not w.array


@SHARED
def test_a_tensor_that_has_moved_is_refused():
    w = Tensor(np.zeros(3))
    gd = stepper("gd", [w], lr=0.5)
    w.array = np.zeros(3)
    with pytest.raises(OptbenchError, match=r"w\[0\] has moved"):
        gd.step([np.ones(3)])
    assert gd.steps == 0


ODD = {
    "transposed": lambda: np.ones((3, 2)).T,
    "every other one": lambda: np.ones((4, 3))[::2],
    "backwards": lambda: np.ones((2, 3))[::-1],
    "Fortran's order": lambda: np.ones((2, 3), order="F"),
    "off the grid": lambda: unaligned(6).reshape(2, 3),
    "of a subclass": lambda: np.ones((2, 3)).view(type("Mine", (np.ndarray,), {})),
}


@pytest.mark.parametrize("kind", ODD)
def test_arrays_that_lie_oddly_are_stepped_in_place_and_may_be_gradients(kind):
    w, g, plain = ODD[kind](), ODD[kind](), np.ones((2, 3))
    w[...], g[...] = ONES, np.arange(6.0).reshape(2, 3)
    odd, usual = stepper("adam", [w], lr=0.1), stepper("adam", [plain], lr=0.1)
    for _ in range(2):
        odd.step([g])
        usual.step([np.arange(6.0).reshape(2, 3)])
        assert np.array_equal(w, plain)
        w *= 2  # what the user does to it in between counts
        plain *= 2


def test_the_memory_of_a_parameter_may_be_a_gradient_and_parameters_may_interlace():
    memory = np.arange(1.0, 7.0)
    w = [memory[::2], memory[1::2]]
    stepper("gd", w, lr=0.5).step([w[1], w[0]])  # each sees the other as it was
    np.testing.assert_allclose(memory, [0, 1.5, 1, 2.5, 2, 3.5])
    whole = [np.ones(4), np.full(4, 2.0)]
    stepper("gd", whole, lr=0.5).step(whole[::-1])
    assert whole[0].tolist() == [0.0] * 4 and whole[1].tolist() == [1.5] * 4


def test_numbers_without_axes_and_arrays_without_numbers():
    w = [np.array(2.0), np.zeros((0, 3))]
    rule = stepper("lamb", w, lr=0.1)
    rule.step([w[0] * 1.0, np.zeros((0, 3))])  # NumPy's product of an array without axes is a number
    assert w[0] < 2 and rule.reported[1].shape == (0, 3)
    rule.load_state_dict(rule.state_dict())
    nothing = stepper("muon", [np.zeros(0)], lr=0.1)
    nothing.step([np.zeros(0)])
    nothing.load_state_dict(pickle.loads(pickle.dumps(nothing.state_dict())))
    assert nothing.steps == 1


@pytest.mark.parametrize("g", [[np.ones(3)], [np.ones(3), ONES.T], [np.ones(3), Tensor(ONES, device=2)]], ids=range(3))
def test_gradients_that_are_refused_change_nothing(g):
    w = [np.ones(3), np.ones((2, 3))]
    gd = stepper("gd", w, lr=0.1)
    with pytest.raises(OptbenchError):
        gd.step(g)
    assert gd.steps == 0 and (w[0] == 1).all() and (w[1] == 1).all()
