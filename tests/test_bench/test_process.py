import sys
from pathlib import Path

import pytest

from contrastive_lab.bench import process
from contrastive_lab.bench.process import check_line, ended, first_step
from contrastive_lab.errors import ConfigError, RunError

WRITES = """
import sys, time
from pathlib import Path
run = Path(next(word for word in sys.argv if word.startswith("hydra.run.dir=")).partition("=")[2])
(run / "checkpoints").mkdir(parents=True)
(run / "checkpoints" / "last.ckpt").touch()
time.sleep(600)
"""


def test_a_process_is_timed_to_its_end(tmp_path: Path) -> None:
    seconds = ended([sys.executable, "-c", "import time; time.sleep(0.2); open('here', 'w')"], tmp_path)
    assert 0.2 <= seconds < 60 and (tmp_path / "here").exists()


def test_a_process_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^-c raise SystemExit.*: no such thing$"):
        ended([sys.executable, "-c", "raise SystemExit('first\\nno such thing')"], tmp_path)


def test_a_training_is_timed_to_the_checkpoint_of_its_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would sleep on for 10 minutes."""
    monkeypatch.setattr(process, "OURS", [sys.executable, "-c", WRITES])
    assert first_step(["K=4"], tmp_path) < 60


def test_a_training_that_ends_before_its_first_step_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "OURS", [sys.executable, "-c", "pass"])
    with pytest.raises(RunError, match="ended before its first step"):
        first_step(["K=4"], tmp_path)


def test_a_line_is_checked_without_a_process() -> None:
    check_line(["K=4"])
    with pytest.raises(ConfigError, match=r"^foo: no such key"):
        check_line(["foo=1"])
