"""What jobs side by side print."""

import sys

import pytest

from contrastive_lab.launch.prefix import prefixed


def test_each_whole_line_stands_behind_the_job_s_name(capsys: pytest.CaptureFixture[str]) -> None:
    with prefixed("K=4,seed=0"):
        print("\njob 1 of 2")
        print("half a ", end="")
        assert not sys.stdout.isatty() and "half" not in capsys.readouterr().out
        print("line")
        print("wrong", file=sys.stderr)
        print("no end", end="")
    out, err = capsys.readouterr()
    assert (out, err) == ("[K=4,seed=0] half a line\n[K=4,seed=0] no end\n", "[K=4,seed=0] wrong\n")
    print("without")
    assert capsys.readouterr().out == "without\n"
