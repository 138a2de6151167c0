"""Numbers, settings and schedules as short texts."""

import re

from optbench.wording import labels


def test_file_names_are_safe_and_all_different():
    problems = ["a(b=1.0)", "A b=1.0", "a b 1.0", "../../etc/passwd", "", "函数", "x" * 200]
    names = labels.file_names(problems)
    assert names["a(b=1.0)"] == "a-b-1.0" and len(set(names.values())) == len(problems)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,70}", name) for name in names.values())
