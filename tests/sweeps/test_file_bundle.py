"""Plug-ins and data on their way to another machine: the same content, under names that stay, wherever it ends up."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from optbench import datasets
from optbench.contract.errors import OptbenchError
from optbench.datasets.copies import use_copies
from optbench.sweeps.run import file_bundle


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the folder in which received files are kept."""
    monkeypatch.setenv("OPTBENCH_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "received"


@pytest.fixture
def sent(tmp_path, cache):
    """(bundle, digests by name) of a plug-in, a table, arrays and the folder of Fashion-MNIST; the files are gone."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "rules.py").write_text("# nothing\n")
    rows = "".join(f"{i / 2},{i * i % 7},{i % 2}\n" for i in range(20))
    (home / "measured.csv").write_text("a,b,ill\n" + rows)
    np.savez(home / "arrays.npz", x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    for part, count in (("train", 8), ("t10k", 5)):
        for kind, shape in (("images-idx3", (count, 2, 2)), ("labels-idx1", (count,))):
            head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
            data = head + bytes(i % 10 for i in range(int(np.prod(shape))))
            (home / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(data))
    names = [str(home / "measured.csv"), str(home / "arrays.npz"), f"fashion_mnist(path='{home}')"]
    names.append(f"file(path='{home}/measured.csv', target='b', drop=('ill',), positive='4')")
    digests = {name: datasets.load(name).digest for name in names}
    bundle = pickle.loads(pickle.dumps(file_bundle.pack([str(home / "rules.py")], ["", *digests.values()])))
    home.rename(tmp_path / "away")
    return bundle, digests


def test_sets_are_read_from_copies_under_their_names(sent, cache):
    bundle, digests = sent
    home = Path(next(iter(digests))).parent
    files, places = bundle.unpack()
    assert [file.read_text() for file in files] == ["# nothing\n"] and cache in files[0].parents
    with use_copies(places):
        for name, digest in digests.items():
            again = datasets.load(name)
            asked = str(home / "measured.csv") if name.startswith("file(") else name
            assert (again.name, again.digest) == (asked, digest)
    with pytest.raises(OptbenchError, match="no such file"):
        datasets.load(next(iter(digests)))
    assert bundle.unpack() == (files, places)


def test_a_copy_that_was_changed_is_written_again(sent):
    bundle, _ = sent
    (file,), _ = bundle.unpack()
    file.write_text("# something else\n")
    assert bundle.unpack()[0] == [file] and file.read_text() == "# nothing\n"


def test_files_of_the_same_content_are_used_where_they_stand(sent, tmp_path, cache):
    bundle, _ = sent
    (tmp_path / "away").rename(tmp_path / "home")
    files, places = bundle.unpack()
    assert files == [tmp_path / "home" / "rules.py"] and not cache.exists()
    assert places[str(tmp_path / "home")] == tmp_path / "home"


def test_a_cache_that_cannot_be_written_is_done_without(sent, cache):
    bundle, _ = sent
    cache.parent.write_text("no folder")
    files, _ = bundle.unpack()
    assert files[0].read_text() == "# nothing\n" and files[0].name == "rules.py"


def test_a_file_that_has_gone_is_named(tmp_path):
    with pytest.raises(OptbenchError, match="cannot read .*gone.py': No such file"):
        file_bundle.pack([str(tmp_path / "gone.py")], [])
