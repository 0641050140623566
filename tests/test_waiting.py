"""What is shown while a command works, and how one process waits for another."""

import fcntl
import io
import os
import sys
from pathlib import Path

import pytest

from contrastive_lab import waiting
from contrastive_lab.waiting import alone, counted, progress_shown, removed_on_error


class Clock:
    """A time that goes on by some seconds each time it is read."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def monotonic(self) -> float:
        self.now += self.seconds
        return self.now


def test_nothing_is_shown_unless_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "time", Clock(100))
    assert [*counted("abc", "step", 3)] == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_off_a_terminal_a_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "time", Clock(6))  # a look after each item: 6 seconds an item
    with progress_shown():
        assert [*counted(range(21), "probe, epoch", 21)] == [*range(21)]
    told = capsys.readouterr().err.splitlines()
    assert told == [  # after 10 s, then each 60 s
        "probe, epoch 2 of 21, about 114 s left",
        "probe, epoch 12 of 21, about 54 s left",
    ]


def test_what_is_quick_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown():
        assert len([*counted(range(1000), "step", 1000)]) == 1000
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_there_is_a_bar_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(waiting, "DELAY", 0)
    with progress_shown():
        assert [*counted("ab", "knn, batch", 2)] == ["a", "b"]
    assert "knn, batch: " in screen.getvalue() and "/2" in screen.getvalue()
    assert screen.getvalue().endswith("\r")  # the bar is taken away


def test_one_process_at_a_time_works_alone_in_a_folder_and_leaves_nothing_there(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    with alone(tmp_path), pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_written_whole_is_taken_away(tmp_path: Path) -> None:
    for name in ("file", "folder", "nothing"):
        with pytest.raises(OSError, match="full"), removed_on_error(tmp_path / name):
            if name == "folder":
                (tmp_path / name).mkdir()
            if name != "nothing":
                ((tmp_path / name / "part") if name == "folder" else tmp_path / name).touch()
            raise OSError("full")
        assert list(tmp_path.iterdir()) == []
