"""Fingerprints of objects: a change of what a function computes is seen, whatever it hides in, and nothing else is.

Each case is a source with MARK in one or two places; `f` is what is asked about.
"""

import os
import subprocess
import sys

import pytest

from optbench.contract.fingerprints import Unknown, fingerprint

HEAD = "import functools, types\nimport numpy as np\n"
BODY = "def f(w):\n    return g(w)\n"
CHANGED = {
    "lambda_on_one_line": "f = {1: lambda w: w @ w, 2: lambda w: 7 + w @ w}[MARK]",
    "constant": "def f(w):\n    return MARK * w",
    "constant_of_another_type": "f = eval('lambda w: w + ' + ('1', '1.0')[MARK - 1])",
    "inner_function": "def f(w):\n    def g(v):\n        return MARK * v\n    return g(w)",
    "operator": "f = eval('lambda w: w ' + '+-'[MARK - 1] + ' w')",
    "name_of_a_method": "f = eval('lambda w: w.' + ('min', 'max')[MARK - 1] + '()')",
    "default": "def f(w, a=MARK):\n    return a * w",
    "default_of_a_keyword": "def f(w, *, a=MARK):\n    return a * w",
    "closure": "def make(a):\n    return lambda w: a * w\nf = make(MARK)",
    "global": "A = MARK\ndef f(w):\n    return A * w",
    "global_of_an_inner_function": "A = MARK\ndef f(w):\n    return sum(A * x for x in w)",
    "array": "A = np.ones(3) * MARK\ndef f(w):\n    return A @ w",
    "array_of_objects": "A = np.array([MARK, None])\ndef f(w):\n    return A[0] * w",
    "dictionary": "A = {'a': MARK}\ndef f(w):\n    return A['a'] * w",
    "order_of_a_dictionary": "A = dict([('a', 1), ('b', 2)][::3 - 2 * MARK])\ndef f(w):\n"
    "    return next(iter(A.values())) * w",
    "set": "A = {('a', MARK)}\ndef f(w):\n    return len(A) * w",
    "helper": f"def g(w):\n    return MARK * w\n{BODY}",
    "helper_of_a_helper": f"def h(w):\n    return MARK * w\ndef g(w):\n    return h(w)\n{BODY}",
    "lru_cache": f"@functools.lru_cache\ndef g(w):\n    return MARK * w\n{BODY}",
    "lru_cache_itself": "@functools.lru_cache\ndef f(w):\n    return MARK * w",
    "wraps": f"def h(w):\n    return MARK * w\n@functools.wraps(h)\ndef g(w):\n    return h(w)\n{BODY}",
    "around_a_function_of_numpy": f"A = MARK\n@functools.wraps(np.mean)\ndef g(w):\n    return A * w\n{BODY}",
    "partial": "def g(a, w):\n    return a * w\nf = functools.partial(g, MARK)",
    "function_of_a_partial": "def g(a, w):\n    return MARK * a * w\nf = functools.partial(g, 1)",
    "vectorize": f"g = np.vectorize(lambda x: MARK * x)\n{BODY}",
    "numba": f"import numba\n@numba.njit\ndef g(w):\n    return MARK * w\n{BODY}",
    "attribute_of_a_function": f"def g(w):\n    return g.a * w\ng.a = MARK\n{BODY}",
    "attribute_of_the_function": "def f(w):\n    return f.a * w\nf.a = MARK",
    "method": "class A:\n    def g(self, w):\n        return MARK * w\nf = A().g",
    "call": "class A:\n    def __call__(self, w):\n        return MARK * w\nf = A()",
    "state": "class A:\n    def __call__(self, w):\n        return self.a * w\nf = A()\nf.a = MARK",
    "slots": "class A:\n    __slots__ = ('a',)\n    def __call__(self, w):\n        return self.a * w\n"
    "f = A()\nf.a = MARK",
    "slots_of_a_base": "class B:\n    __slots__ = ('__a',)\n    def s(self, a):\n        self.__a = a\nclass A(B):\n"
    "    __slots__ = ()\n    def __call__(self, w):\n        return w\nf = A()\nf.s(MARK)",
    "class_attribute": "class A:\n    a = MARK\n    def __call__(self, w):\n        return self.a * w\nf = A()",
    "base_class": "class B:\n    def g(self, w):\n        return MARK * w\nclass A(B):\n    def __call__(self, w):\n"
    "        return self.g(w)\nf = A()",
    "attribute_of_a_base": "class B:\n    a = MARK\nclass A(B):\n    def __call__(self, w):\n"
    "        return self.a * w\nf = A()",
    "metaclass": "class M(type):\n    def a(cls):\n        return MARK\nclass A(metaclass=M):\n"
    "    def __call__(self, w):\n"
    "        return type(self).a() * w\nf = A()",
    "property": "class A:\n    @property\n    def a(self):\n        return MARK\n    def __call__(self, w):\n"
    "        return self.a * w\nf = A()",
    "static_method": "class A:\n    @staticmethod\n    def a():\n        return MARK\n    def __call__(self, w):\n"
    "        return self.a() * w\nf = A()",
    "list_of_ones_own": "class A(list):\n    pass\nA1 = A([MARK])\ndef f(w):\n    return A1[0] * w",
    "number_of_ones_own": "class A(float):\n    pass\nA1 = A(MARK)\ndef f(w):\n    return A1 * w",
    "not_pickled": "class A:\n    def __init__(self):\n        self.a = MARK\n    def __reduce__(self):\n"
    "        raise TypeError\n"
    "    def __call__(self, w):\n        return self.a * w\nf = A()",
    "left_out_of_the_pickle": "class A:\n    def __getstate__(self):\n        return {}\n    def __call__(self, w):\n"
    "        return self.a * w\nf = A()\nf.a = MARK",
    "value_of_a_module": "g = types.ModuleType('own_helpers')\ng.a = MARK\ndef f(w):\n    return g.a * w",
    "function_of_a_module": "g = types.ModuleType('own_helpers')\nexec('def h(w):\\n    return MARK * w', vars(g))\n"
    "def f(w):\n    return g.h(w)",
    "cycle": "def g(w, n):\n    return MARK if n == 0 else h(w, n - 1)\ndef h(w, n):\n    return g(w, n)\n"
    "def f(w):\n    return h(w, 3)",
    "generator_of_numbers": "A = np.random.default_rng(MARK)\ndef f(w):\n    return A.normal() * w",
    "table": "import pandas\nA = pandas.DataFrame({'x': [1, MARK], 'y': ['a', 'b']})\ndef f(w):\n"
    "    return A['x'].sum() * w",
}  # fmt: skip
SAME = {
    "comment": "def f(w):\n    return 2 * w  # MARK",
    "place_in_the_file": "A = 0\n" + "MARK\n" * 3 + "def f(w):\n    return 2 * w",
    "line": "f = eval('\\n' * MARK + 'lambda w: 2 * w')",
    "what_it_does_not_use": "B = MARK\ndef g(w):\n    return B\ndef f(w):\n    return 2 * w",
    "variable_with_the_name_of_an_attribute": "sum = MARK\ndef f(w):\n    return w.sum()\n",
    "file": "f = eval(compile('lambda w: 2 * w', f'file_MARK', 'eval'))",
    "address": "A = [object(), *range(MARK)][0]\ndef f(w):\n    return A and w",
    "equal_objects": "a = (1, 2)\nA = [a, a] if MARK == 1 else [(1, 2), tuple([1, 2])]\ndef f(w):\n"
    "    return A[0][0] * w",
    "cache_of_vectorize": f"g = np.vectorize(lambda x: 2 * x, otypes=[float])\ng([1.0] * MARK)\n{BODY}",
    "filled_lru_cache": f"@functools.lru_cache\ndef g(w):\n    return 2 * w\nfor i in range(MARK):\n    g(i)\n{BODY}",
    "lock": "import threading\nA = threading.Lock()\ndef f(w):\n    with A:\n        return 2 * w",
    "answers_every_attribute": "class A:\n    def __getattr__(self, name):\n        return self\nA1 = A()\n"
    "def f(w):\n    return A1.x and w",
}  # fmt: skip
UNKNOWN = {
    "generator": "A = (i for i in range(3))\ndef f(w):\n    return next(A) * w",
    "ufunc_of_ones_own": f"g = np.frompyfunc(lambda x: 2 * x, 1, 1)\n{BODY}",
    "weak_reference": "import weakref\nclass B:\n    pass\nb = B()\nA = weakref.ref(b)\ndef f(w):\n"
    "    return A() and w",
    "eval": "def f(w):\n    return eval('2 * w')",
    "reads_a_file": "def f(w):\n    return float(open('a').read()) * w",
    "unknown_module": "def f(w):\n    import surely_not_there\n    return surely_not_there.a * w",
    "deep": "A = []\nfor i in range(9999):\n    A = [A]\ndef f(w):\n    return A and w",
    "raises": "class M(dict):\n    def __reduce_ex__(self, n):\n        raise RuntimeError\nA = M()\n"
    "def f(w):\n    return A and w",
}  # fmt: skip


def made(source, mark=1):
    """Return the ``f`` of a source with a mark."""
    scope = {"__name__": "own"}
    exec(compile(HEAD + source.replace("MARK", str(mark)), f"own_{mark}.py", "exec"), scope)
    return scope["f"]


@pytest.mark.parametrize("source", CHANGED.values(), ids=CHANGED)
def test_a_change_is_seen(source):
    found = [fingerprint(made(source, mark)) for mark in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("source", SAME.values(), ids=SAME)
def test_what_computes_the_same_is_the_same(source):
    assert fingerprint(made(source, 1)) == fingerprint(made(source, 2))


@pytest.mark.parametrize("source", UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_looked_into_is_unknown(source):
    with pytest.raises(Unknown):
        fingerprint(made(source))


def test_another_process_finds_the_same():
    """Neither addresses nor the order of sets, which differs from process to process, count."""
    code = "from tests.contract.test_fingerprints import *\n"
    code += "print(*(fingerprint(made(each)) for each in (*CHANGED.values(), *SAME.values())), sep='\\n')\n"
    code += 'print(fingerprint(made(\'A = {"a", "b", "c", (1, "d")}\\ndef f(w):\\n    return w in {"e", "g"} or A\')))'
    found = set()
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        found.add(ran.stdout)
    assert len(found) == 1 and len(ran.stdout.split()) == len(CHANGED) + len(SAME) + 1


def test_a_function_under_jit_of_jax():
    jax = pytest.importorskip("jax")
    found = [fingerprint(jax.jit(made("f = lambda w: MARK * w", mark))) for mark in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.torch
def test_a_network_of_pytorch():
    source = """
import torch
class f(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(self.layer.weight, MARK)
        torch.nn.init.zeros_(self.layer.bias)
f = f()
"""
    found = [fingerprint(made(source, mark)) for mark in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
