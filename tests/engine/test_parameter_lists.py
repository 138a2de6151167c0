"""The arrays that a stepper accepts: unusual memory layouts work, others are refused in one line that names them."""

import pickle

import numpy as np
import pytest

from optbench import OptbenchError, stepper

ONES = np.ones((2, 3))


def readonly(array):
    array.flags.writeable = False
    return array


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


X = np.ones(3)
BAD = [
    ([], "stepper: w is empty: there is nothing to step"),
    ({"a": X}, "stepper: w is a mapping: give a list, list(w.values()), and its gradients in that order"),
    (3.0, "stepper: w=3.0 must be an array, or a list of arrays"),
    ("weights", "stepper: w='weights' must be an array, or a list"),
    ([1.0, 2.0], "stepper: w[0]=1.0 must be a NumPy array or a CPU tensor"),
    ([X, None], "stepper: w[1]=None must be a NumPy array or a CPU tensor"),
    ([("bias", X)], "stepper: w[0] is a pair of a name and an array: give the array alone"),
    ([np.ones(3, int)], "stepper: w[0] is int64: it must be float32 or float64"),
    ([np.ones(3, ">f8")], "stepper: w[0] is >f8: it must be float32 or float64"),
    ([np.ones(3, np.float16)], "stepper: w[0] is float16: it must be"),
    ([X, np.ones(3, np.float32)], "stepper: w[1] is float32, and w[0] float64: all must be of one dtype"),
    ([readonly(np.ones(3))], "stepper: w[0] is read-only"),
    ([X, X], "stepper: w[0] and w[1] share memory: each parameter is to be given once"),
    ([np.ones(1), X[1:], X[:2]], "stepper: w[1] and w[2] share memory"),
    ([X, X[::2]], "stepper: w[0] and w[1] share memory"),
    ([np.lib.stride_tricks.as_strided(np.ones(4), (3, 2), (8, 8))], "stepper: w[0] has elements that share memory"),
    ([np.ma.masked_array([1.0, 2.0], [True, False])], "stepper: w[0] is a masked array"),
    (Tensor(X), "stepper: w is one Tensor: put it in a list, [w], as one parameter block"),
    ([Tensor(X, device=2)], "stepper: w[0] does not lie in the CPU's memory: move it there, as by .cpu()"),
    ([Tensor(X, layout="torch.sparse_csr")], "stepper: w[0] is sparse: give it dense"),
    ([Tensor(np.ones(3, int))], "stepper: w[0] is int64"),
]


@pytest.mark.parametrize(("w", "line"), BAD, ids=[line[:50] for _, line in BAD])
def test_parameters_that_do_not_serve_are_refused_in_one_line(w, line):
    with pytest.raises(OptbenchError) as caught:
        stepper("gd", w, lr=0.1)
    assert line in str(caught.value) and "\n" not in str(caught.value)


GRADIENTS = [
    (X, "stepper: g must hold a gradient, or None, for each of the 2 arrays of w, and is one ndarray"),
    ([X], "stepper: g must hold a gradient, or None, for each of the 2 arrays of w, and holds 1"),
    (None, "stepper: g: None must be a list"),
    ({"a": X}, "stepper: g: {'a': array([1., 1., 1.])} must be a list"),
    ([X, ONES.T], "stepper: g[1] is float64 of the shape (3, 2), and its array float64 of the shape (2, 3)"),
    ([X, np.ones((2, 3), np.float32)], "stepper: g[1] is float32 of the shape (2, 3), and its array float64"),
    ([np.ones(3, int), ONES], "stepper: g[0] is int64 of the shape (3,), and its array float64"),
    ([[1.0, 1.0, 1.0], ONES], "stepper: g[0]=[1.0, 1.0, 1.0] must be a NumPy array or a CPU tensor"),
    ([Tensor(X, device=2), ONES], "stepper: g[0] does not lie in the CPU's memory"),
    ([Tensor(X, layout="torch.sparse_coo"), ONES], "stepper: g[0] is sparse"),
]


@pytest.mark.parametrize(("g", "line"), GRADIENTS, ids=[line[:60] for _, line in GRADIENTS])
def test_gradients_that_do_not_fit_are_refused_and_change_nothing(g, line):
    w = [np.ones(3), np.ones((2, 3))]
    gd = stepper("gd", w, lr=0.1)
    with pytest.raises(OptbenchError) as caught:
        gd.step(g)
    assert line in str(caught.value) and "\n" not in str(caught.value)
    assert gd.steps == 0 and (w[0] == 1).all() and (w[1] == 1).all()


def test_options_that_do_not_go_with_a_list():
    for options, line in [
        ({"blocks": [(3,)]}, "stepper: blocks= are those of one array; in a list each array is a block of its shape"),
        ({"threads": 2}, "stepper: threads: 0.19 took it out: each array is stepped by one thread"),
        (
            {"device": "cuda"},
            "stepper: device: 0.19 took it out: it takes arrays in the CPU's memory",
        ),
    ]:
        with pytest.raises(OptbenchError) as caught:
            stepper("gd", [np.ones(3)], lr=0.1, **options)
        assert line in str(caught.value)
