"""The folder of a run while it runs; `recorded` as `train` uses it has its tests in test_train.py."""

from pathlib import Path

import pytest

from contrastive_lab.record.result import Result, Status, read_result
from contrastive_lab.run.recorded import recorded, resumed_from


def test_what_is_to_be_done_at_the_end_is_done_of_a_run_that_is_done(tmp_path: Path) -> None:
    told = list[Status]()
    with recorded(
        Result(Status.RUNNING, "detect"), tmp_path, ["detect"], lambda: told.append(read_result(tmp_path).status)
    ):
        assert told == []
    assert told == [Status.DONE]
    assert (tmp_path / "command.txt").read_text().endswith(" detect\n")


def test_a_run_without_a_checkpoint_starts_anew_and_its_metrics_are_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics.csv").write_text("step\n")
    assert resumed_from(tmp_path) is None
    assert capsys.readouterr().out == f"notice: {tmp_path} has no checkpoint; the run starts anew\n"
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.1.csv"]
