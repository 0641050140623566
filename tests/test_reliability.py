"""The counts of docs/reliability.md are those of the tests that there are."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.reliability import FULL, SUBJECTS


def rows(text: str) -> list[str]:
    """The lines of the table of subjects."""
    _, _, table = text.partition("| what | count | command |\n|---|---|---|\n")
    return table.partition("\n\n")[0].strip().splitlines()


@pytest.mark.long
def test_the_table_in_docs_is_what_the_command_prints() -> None:
    line = [sys.executable, "-m", "tests.reliability", "--collect-only"]
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, **FULL}, capture_output=True, text=True, check=True)
    assert len(rows(done.stdout)) == len(SUBJECTS), done.stdout
    assert rows((ROOT / "docs" / "reliability.md").read_text()) == rows(done.stdout)


def test_the_makefile_asks_for_the_full_counts() -> None:
    told = " ".join(f"{name}={count}" for name, count in FULL.items())
    assert f"\t{told} $(BIN)/python -m tests.reliability\n" in (ROOT / "Makefile").read_text()
