"""Files that are kept between processes: where they stand, and that they are whole."""

from optbench.datasets import cache


def test_another_process_may_be_quicker(tmp_path):
    def write(place):
        place.mkdir()
        (place / "mine").write_text("1")
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "theirs").write_text("2")

    cache.write_whole(tmp_path / "set", write, "a test")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["theirs"]


def test_the_cache_is_where_the_user_or_the_desktop_says(monkeypatch, tmp_path):
    monkeypatch.delenv("OPTBENCH_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard says to ignore
    assert cache.cache_folder() == tmp_path / ".cache" / "optbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache.cache_folder() == tmp_path / "c" / "optbench"
    monkeypatch.setenv("OPTBENCH_DATA", "~/d")
    assert cache.cache_folder() == tmp_path / "d"
