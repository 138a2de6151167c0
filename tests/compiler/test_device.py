"""The choice of the device, the search for CUDA, and the messages if a part of it is missing."""

import ctypes
import os
from types import SimpleNamespace

import pytest

from optbench.compiler import cuda, device
from optbench.contract.errors import OptbenchError

NO_DRIVER = "\nCUDA driver library cannot be found.\nIf you are sure that a CUDA driver is installed,\ntry ...\n"
NO_CARD = "Call to cuInit results in CUDA_ERROR_NO_DEVICE (100)"


def raising(*arguments, **named):
    raise RuntimeError("not there")


def total_memory(pointer, number):
    ctypes.cast(pointer, ctypes.POINTER(ctypes.c_size_t))[0] = (number.value + 1) << 30
    return 0


@pytest.fixture
def machine(monkeypatch):
    """machine(...) -> what is found where CUDA has the parts that are given, whatever this machine has."""

    def make(*, driver=None, version=(13, 0), toolkit=True, libdevice=True, compiles=True, cards=("a card",)):
        def device(number, name):
            return SimpleNamespace(id=number, name=name, compute_capability=(9, 0), MULTIPROCESSOR_COUNT=132)

        state = SimpleNamespace(
            is_available=driver is None, initialization_error=driver, get_version=lambda: version,
            lib=SimpleNamespace(cuDeviceTotalMem_v2=total_memory),
        )  # fmt: skip
        nvvm = SimpleNamespace(
            NVVM=(lambda: SimpleNamespace(get_version=lambda: (2, 0))) if toolkit else raising,
            LibDevice=(lambda: None) if libdevice else raising,
        )
        fake = SimpleNamespace(
            __name__="numba.cuda", cudadrv=SimpleNamespace(driver=SimpleNamespace(driver=state), nvvm=nvvm),
            gpus=[device(number, name) for number, name in enumerate(cards)],
            compile_ptx=(lambda *arguments, cc: "") if compiles else raising,
        )  # fmt: skip
        monkeypatch.setattr(cuda, "cuda", fake)
        monkeypatch.setattr(cuda, "SIMULATED", False)
        return cuda.find_parts()

    return make


def test_the_cpu_needs_nothing(monkeypatch):
    monkeypatch.setattr(cuda, "find_parts", raising)
    assert device.choose("cpu") == ("cpu", "")


def test_on_this_machine():
    found = cuda.find_parts()
    assert found.package.startswith("numba")
    if found.missing is None:
        assert device.choose("auto") == device.choose("cuda") == ("cuda", found.cards[0]["name"])
        return
    assert device.choose("auto") == ("cpu", found.missing)
    with pytest.raises(OptbenchError) as caught:
        device.choose("cuda")
    assert str(caught.value) == (
        f"device: cuda cannot run here: {found.missing}; cpu or auto works"
    ) and "\n" not in str(caught.value)


def test_a_machine_that_has_it_all(machine):
    found = machine(cards=("a card", b"another"))
    assert (found.driver, found.missing) == ("13.0", None) and found.toolkit and found.package.startswith("numba")
    card = {"compute_capability": "9.0", "multiprocessors": 132}
    assert found.cards == (
        {"name": "a card", "memory": 1 << 30, **card},
        {"name": "another", "memory": 2 << 30, **card},
    )
    assert device.choose("cuda") == device.choose("auto") == ("cuda", "a card")


@pytest.mark.parametrize(
    ("parts", "words", "others"),
    [
        ({"driver": NO_DRIVER}, ["there is no NVIDIA driver (libcuda)"], ["libnvvm", "pip"]),
        ({"toolkit": False}, ["libnvvm", "pip install -e '.[cuda13]'", "CUDA_HOME"], ["driver"]),
        ({"libdevice": False}, ["libdevice", "pip install -e '.[cuda13]'"], ["driver"]),
        ({"toolkit": False, "version": (12, 8)}, ["libnvvm", "pip install -e '.[cuda12]'"], ["driver"]),
        ({"compiles": False}, ["cannot compile for a card (RuntimeError: not there)", ".[cuda13]"], ["driver"]),
        ({"driver": NO_CARD}, ["the NVIDIA driver sees no card"], ["libnvvm", "there is no"]),
        ({"driver": "Call to cuInit\nfails (999)"}, ["does not start (Call to cuInit fails (999))"], ["libnvvm"]),
    ],
    ids=repr,
)
def test_what_is_missing_has_words_of_its_own(machine, parts, words, others):
    found = machine(**parts)
    assert all(word in found.missing for word in words) and not any(word in found.missing for word in others)
    assert device.choose("auto") == ("cpu", found.missing)
    with pytest.raises(OptbenchError) as caught:
        device.choose("cuda")
    message = str(caught.value)
    assert found.missing in message and "cpu or auto works" in message
    assert "\n" not in message and len(message) < 300


def test_a_package_that_does_not_load_is_told(monkeypatch):
    monkeypatch.setattr(cuda, "cuda", None)
    monkeypatch.setattr(cuda, "_broken", "AttributeError: module 'numpy' has no attribute 'row_stack'")
    found = cuda.find_parts()
    assert found.missing.endswith("has no attribute 'row_stack'): pip install -e '.[cuda13]'")
    assert (found.driver, found.toolkit, found.cards) == (None, None, ())


def test_the_simulator_counts_as_a_card(monkeypatch):
    monkeypatch.setattr(cuda, "SIMULATED", True)
    assert device.choose("cuda") == device.choose("auto") == ("cuda", "numba's simulator")


def toolkit(folder):
    """Return a folder that looks like a toolkit."""
    (folder / "bin").mkdir(parents=True)
    (folder / "nvvm").mkdir()
    program = folder / "bin" / "ptxas"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.mark.skipif(os.name == "nt", reason="programs are found in another way there")
def test_numba_is_told_where_the_toolkit_is(tmp_path, monkeypatch):
    program = toolkit(tmp_path / "cuda-13.0")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "ptxas").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "links"))
    monkeypatch.setenv("CUDA_HOME", "/mine")
    cuda._tell_home()
    assert os.environ["CUDA_HOME"] == "/mine"
    monkeypatch.delenv("CUDA_HOME")
    monkeypatch.delenv("CUDA_PATH", raising=False)
    cuda._tell_home()
    assert os.environ["CUDA_HOME"] == str(tmp_path / "cuda-13.0")
    monkeypatch.setenv("PATH", "")
    assert cuda._ptxas() == str(program)
