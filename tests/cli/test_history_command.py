"""`report --asv`: where its page is, and what a folder that is none costs."""

import json


def test_the_history_is_written_beside_the_results(run, tmp_path):
    results = tmp_path / "reports" / "asv" / "results"
    (results / "here").mkdir(parents=True)
    (results / "benchmarks.json").write_text('{"a.B.time_c": {"unit": "seconds", "version": "1"}}')
    content = {"commit_hash": "a" * 40, "env_name": "py", "date": 1, "result_columns": ["result", "params", "version"]}
    (results / "here" / "a.json").write_text(json.dumps(content | {"results": {"a.B.time_c": [[0.25], [], "1"]}}))
    page = results.parent / "history.html"
    code, out, err = run("report", "--asv")
    assert (code, err) == (0, "") and out == f"performance history: {page}" and "250 ms" in page.read_text()
    page.unlink()
    assert run("report", "--asv", results, "--out", "reports")[0] == 0
    assert run("report", "--asv", results, "--out", "mine.html")[0] == 0
    assert (
        not page.exists()
        and (tmp_path / "reports" / "history.html").read_text() == (tmp_path / "mine.html").read_text()
    )
    assert run("report", "--asv", results, results)[0] == 2
    assert "--tables" in run("report", "--asv", results, "--tables", "csv")[2]
    code, out, err = run("report", "--asv", "nowhere")
    assert code == 2 and out == "" and err.startswith("optbench: no folder 'nowhere': --asv takes")
