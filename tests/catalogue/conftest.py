"""The command line in the process of a test."""

import pytest


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """run(*arguments) -> (exit code, standard output, standard error), in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command
