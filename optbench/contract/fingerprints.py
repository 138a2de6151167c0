"""Whether objects of Python compute the same as in a former run: their fingerprints, the same in every process.

Of code the bytecode counts, with its constants and the values of the names that it uses; of what an installed package
has, its name and version. What cannot be looked into makes the whole unknown.
"""

import ast
import copyreg
import dis
import functools
import hashlib
import importlib
import importlib.metadata
import sys
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from optbench.contract.errors import in_one_line

_TEXTS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
"""Types whose repr says all."""
_HIDING = {"eval", "exec", "globals", "open", "__import__"}
"""Functions that read what no name in the code shows."""
_OF_CLASSES = {
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__orig_bases__", "__parameters__",
    "__type_params__", "_abc_impl",
}  # fmt: skip
"""Attributes of classes that compute nothing."""


_HELD: dict[type, tuple[str, ...]] = {
    types.CellType: ("cell_contents",),
    MethodType: ("__func__", "__self__"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
}
"""Attributes that an object consists of, by its type."""


class Unknown(Exception):
    """Raised for what a fingerprint cannot tell apart from another; its text says what it is."""


def fingerprint(value: Any) -> str:
    """Return the sha256 of all that the numbers which an object computes depend on; raise `Unknown` if it has more."""
    try:
        return _Walker(is_strict=True).digest(value).hex()
    except RecursionError:
        raise Unknown("what is nested too deeply") from None


def functions_in(value: Any) -> list[FunctionType]:
    """Return the functions of the user's in an object, as far as it can be looked into."""
    walker = _Walker(is_strict=False)
    with suppress(RecursionError):
        walker.digest(value)
    return walker.functions


class _Walker:
    """Digests of objects, each made of the digests of what it holds."""

    def __init__(self, is_strict: bool):
        """Begin without any object. is_strict: whether what is unknown raises `Unknown`, or is passed over."""
        self.functions: list[FunctionType] = []
        self._is_strict = is_strict
        self._done: dict[int, tuple[Any, bytes]] = {}  # with the objects, for ids are used again
        self._open: dict[int, int] = {}

    def digest(self, value: Any) -> bytes:
        """Return the digest of an object. Raises `Unknown`."""
        if type(value) in _TEXTS:
            return _join([type(value).__name__.encode(), repr(value).encode("utf-8", "backslashreplace")])
        if id(value) in self._done:
            return self._done[id(value)][1]
        if id(value) in self._open:  # a cycle: how far up it leads
            return _join([b"cycle", str(len(self._open) - self._open[id(value)]).encode()])
        self._open[id(value)] = len(self._open)
        try:
            found = _join(each if isinstance(each, bytes) else self.digest(each.value) for each in self._parts(value))
        except RecursionError:
            raise
        except Exception as error:  # objects of the user's may raise anything where they are looked into
            if self._is_strict:
                raise error if isinstance(error, Unknown) else Unknown(f"what raises {in_one_line(error)}") from None
            found = b""
        finally:
            del self._open[id(value)]
        self._done[id(value)] = value, found
        return found

    def _parts(self, value: Any) -> Iterator["bytes | _Of"]:
        """Yield what an object is made of: texts as they are, objects in `_Of`."""
        kind = type(value)
        yield f"{kind.__module__}.{kind.__qualname__}".encode()
        if kind is CodeType:
            yield from _parts_of_code(value)
        elif (name := _installed_name(value)) is not None:
            yield name.encode()
        elif kind is FunctionType:
            if not _is_installed_package(_top(value.__globals__.get("__name__"))):
                self.functions.append(value)
            yield from _parts_of_function(value)
        elif issubclass(kind, type):
            yield from map(_Of, value.__bases__)
            yield _Of(kind)
            own = {key: each for key, each in vars(value).items() if key not in _OF_CLASSES}
            yield from _parts_of_names({key: each for key, each in own.items() if not _is_slot(each)})
        elif issubclass(kind, ModuleType):
            yield value.__name__.encode()
            yield from _parts_of_names({key: each for key, each in vars(value).items() if not key.startswith("__")})
        elif kind in (list, tuple):
            yield from map(_Of, value)
        elif kind in (dict, types.MappingProxyType):  # in their order, which loops over them see
            yield from map(_Of, (each for item in value.items() for each in item))
        elif kind in (set, frozenset):
            yield from sorted(map(self.digest, value))
        elif kind in (np.ndarray, np.memmap) or issubclass(kind, np.generic):
            yield from _parts_of_array(value)
        elif issubclass(kind, PurePath):
            yield str(value).encode()
        elif kind in _HELD:
            with suppress(ValueError):  # a cell that is not yet filled
                yield from map(_Of, [getattr(value, name) for name in _HELD[kind]])
        elif kind.__module__ == "_thread" and kind.__qualname__ in ("lock", "RLock"):
            pass  # it computes nothing
        elif _is_installed_package(_top(kind.__module__)):
            yield from _parts_of_installed(value)
        else:
            yield from _parts_of_instance(value)


class _Of:
    """An object whose digest is part of another's."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        """Take the object."""
        self.value = value


def _join(parts: Iterable[bytes]) -> bytes:
    """Return the sha256 of several texts, whose ends count."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.digest()


def _parts_of_names(values: dict[str, Any]) -> Iterator[bytes | _Of]:
    """Yield names in alphabetical order, and what they stand for."""
    for name in sorted(values, key=str):
        yield str(name).encode()
        yield _Of(values[name])


def _parts_of_code(code: CodeType) -> Iterator[bytes | _Of]:
    """Yield what a code object does, without its name, file and lines."""
    yield code.co_code
    yield code.co_exceptiontable
    numbers = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield from map(_Of, (*numbers, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_consts))


def _parts_of_function(function: FunctionType) -> Iterator[bytes | _Of]:
    """Yield the code of a function, and the values that it takes from elsewhere."""
    code, scope = function.__code__, function.__globals__
    yield from map(_Of, (code, function.__defaults__, function.__kwdefaults__, function.__closure__))
    # A syntax tree is what the code was made of, or is kept for where no source is: see `source_code.keep_trees`.
    yield from _parts_of_names({key: each for key, each in vars(function).items() if not isinstance(each, ast.AST)})
    if _is_installed_package(home := _top(scope.get("__name__"))):  # its names are those of the package
        yield _version_of(home).encode()
        return
    names, modules = _names_in(code)
    yield from _parts_of_names({name: scope[name] for name in names if name in scope})
    if hidden := sorted(_HIDING & names - scope.keys()):
        raise Unknown(f"{hidden[0]}()")
    for name in sorted(modules):
        try:
            yield _Of(importlib.import_module(name))
        except Exception:  # of a file that does not run, or a name that is relative
            raise Unknown(f"the module {name!r}") from None


def _names_in(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the names that a code object, and those in it, look up outside, and the modules that they import."""
    names, modules = set(), set()
    for each in dis.get_instructions(code):
        if each.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")):
            names.add(each.argval)
        elif each.opname == "IMPORT_NAME":
            modules.add(each.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            more = _names_in(constant)
            names |= more[0]
            modules |= more[1]
    return names, modules


def _parts_of_array(value: Any) -> Iterator[bytes | _Of]:
    """Yield type, shape and numbers of an array of NumPy."""
    yield f"{value.dtype.descr if value.dtype.names else value.dtype.str} {value.shape}".encode()
    if value.dtype.kind in "OV":  # objects, and records, which may have gaps
        yield _Of(value.tolist())
    else:
        yield value.tobytes()


def _parts_of_installed(value: Any) -> Iterator[bytes | _Of]:
    """Yield what an object of an installed type holds: what it goes around, or what its pickle would be made of."""
    kind, top = type(value), _top(type(value).__module__)
    yield _version_of(top).encode()
    if top == "optbench" and is_dataclass(kind):  # a record: not its caches
        yield from (_Of(getattr(value, each.name)) for each in fields(value) if each.name not in ("kept", "origins"))
    elif isinstance(value, np.vectorize):
        yield from _parts_of_names({key: each for key, each in vars(value).items() if key != "_ufunc"})  # a cache
    elif isinstance(value, np.random.Generator):
        yield _Of(value.bit_generator.state)
    elif "py_func" in getattr(value, "__dict__", {}):  # compiled by numba
        yield from map(_Of, (value.py_func, value.targetoptions))
    elif "__wrapped__" in getattr(value, "__dict__", {}):
        yield _Of(value.__wrapped__)
        if top == "functools":
            yield from _parts_of_names(vars(value))
    elif hasattr(kind, "detach") and hasattr(kind, "numpy"):  # a tensor
        yield _Of(value.detach().cpu().numpy())
    elif hasattr(kind, "to_numpy"):
        dtypes = np.asarray(getattr(value, "dtypes", None), dtype=object).tolist()
        index = getattr(getattr(value, "index", None), "values", None)
        yield from map(_Of, (list(getattr(value, "columns", ())), dtypes, index, value.to_numpy()))
    else:
        yield from _parts_of_pickle(value)


def _parts_of_instance(value: Any) -> Iterator[bytes | _Of]:
    """Yield class and attributes of an object of a class of the user's, without a call of its methods."""
    kind = type(value)
    yield _Of(kind)
    with suppress(AttributeError):  # it has slots alone
        yield from _parts_of_names(object.__getattribute__(value, "__dict__"))
    for base in kind.__mro__:
        for name, slot in sorted(vars(base).items()):
            if _is_slot(slot) and not _is_installed_package(_top(base.__module__)):
                with suppress(AttributeError):  # not yet set
                    yield from (name.encode(), _Of(slot.__get__(value, kind)))
    slots = sum(_is_slot(each) for base in kind.__mro__ for each in vars(base).values())
    is_larger = kind.__basicsize__ > object.__basicsize__ + 8 * (slots + 2)  # two for dictionary and weak references
    if is_larger or any(each is not object and _is_installed_package(_top(each.__module__)) for each in kind.__mro__):
        yield from _parts_of_pickle(value)  # the items of a list, or what is written in C, say


def _parts_of_pickle(value: Any) -> Iterator[bytes | _Of]:
    """Yield what an object would be pickled as. Raises `Unknown` if it cannot be."""
    kind, found = type(value), None
    with suppress(Exception):  # objects refuse in many ways
        reduce = copyreg.dispatch_table.get(kind)
        found = reduce(value) if reduce else value.__reduce_ex__(4)
    if isinstance(found, tuple):
        for each in found:
            yield _Of(list(each) if isinstance(each, Iterator) else each)
        return
    for home in (kind.__module__, _top(kind.__module__), "scipy.special"):  # a name, such as that of a ufunc
        if isinstance(found, str) and getattr(sys.modules.get(home), found, None) is value:
            yield f"{home}.{found}".encode()
            return
    raise Unknown(f"an object of the type {kind.__qualname__}")


def _is_slot(value: Any) -> bool:
    """Return True for a member of a class that ``__slots__`` has made."""
    return isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)


def _installed_name(value: Any) -> str | None:
    """Return the name and version of what can be imported from an installed package; None of anything else."""
    if isinstance(value, ModuleType):
        top = _top(value.__name__)
        return f"{value.__name__} {_version_of(top)}" if _is_installed_package(top) else None
    if not (isinstance(value, type | FunctionType) or _is_installed_package(_top(type(value).__module__))):
        return None
    home, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not (isinstance(home, str) and isinstance(name, str) and _is_installed_package(_top(home))):
        return None
    found: Any = sys.modules.get(home)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{home}.{name} {_version_of(_top(home))}" if found is value else None


def _top(module: Any) -> str:
    """Return the package of a module's name; "" for what is no name, such as that of a namespace made by exec."""
    return module.partition(".")[0] if isinstance(module, str) else ""


@functools.cache
def _version_of(package: str) -> str:
    """Return the version of an installed package; of Python's own library that of Python."""
    if package in sys.stdlib_module_names or package == "builtins":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    found = getattr(sys.modules.get(package), "__version__", None)
    with suppress(importlib.metadata.PackageNotFoundError):
        return found if isinstance(found, str) else importlib.metadata.version(package)
    return ""


@functools.cache
def _is_installed_package(name: str) -> bool:
    """Return True for a package of Python's own library, this one, and one that an installer has put where it is."""
    if (name in sys.stdlib_module_names and name != "__main__") or name in ("builtins", "optbench"):
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return False
    home = Path(file).parent.parent if Path(file).name == "__init__.py" else Path(file).parent
    return bool({"site-packages", "dist-packages"} & set(home.parts)) or any(home.glob(f"{name}-*.dist-info"))
