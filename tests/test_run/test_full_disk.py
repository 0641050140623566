"""A disk without room: one line, a failed run, the last good state kept, and the same end once there is room."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from contrastive_lab import report
from contrastive_lab.launch import jobs
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.run.callbacks import LastCheckpoint
from tests.conftest import TINY, Line, only_run
from tests.test_run.test_train import Trained, Typed, metrics, result, weights

RUN = (*TINY, "epochs=3")


def until(call: Callable[..., Any], times: int, then: Callable[[], None]) -> Callable[..., Any]:
    """Do what `call` does, after `then` the `times`-th time."""
    count = 0

    def run(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == times:
            then()
        return call(*arguments, **options)

    return run


def no_room() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


def check_failed(done: Line, folder: Path) -> None:
    assert done.code == 1
    told = done.err.splitlines()[-1]
    assert told.startswith("error: OSError: [Errno 28] No space left on device")
    assert told.endswith(f"; make room, and python train.py resume={folder} goes on")
    assert (result(folder)["status"], "No space left" in str(result(folder)["error"])) == ("failed", True)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir())[0] == "last.ckpt"
    assert not list(folder.rglob("*.partial"))


def check_same_end(folder: Path, whole: Path) -> None:
    assert metrics(folder) == metrics(whole)
    assert all(value.equal(weights(whole)[name]) for name, value in weights(folder).items())


@pytest.mark.long
@pytest.mark.parametrize(("owner", "name", "times"), [(pl.Trainer, "save_checkpoint", 3), (MetricsFile, "save", 9)])
def test_no_room_for_a_checkpoint_or_a_row(
    owner: type, name: str, times: int, tmp_path: Path, line: Typed, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(*RUN, cwd=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, until(getattr(owner, name), times, no_room))
        done = line(*RUN, cwd=tmp_path / "full")
    folder = only_run(tmp_path / "full")
    check_failed(done, folder.relative_to(tmp_path / "full"))
    trained(f"resume={folder.relative_to(tmp_path / 'full')}", cwd=tmp_path / "full")
    check_same_end(folder, only_run(tmp_path / "whole"))


@pytest.mark.long
@pytest.mark.parametrize("times", [2, 3])
def test_a_disk_that_is_full(
    times: int, disk: Path, tmp_path: Path, line: Typed, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(*RUN, cwd=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "save", until(LastCheckpoint.save, times, lambda: fill(disk)))
        done = line(*RUN, cwd=disk)
    folder = only_run(disk)
    check_failed(done, folder.relative_to(disk))
    (disk / "filler").unlink()
    trained(f"resume={folder.relative_to(disk)}", cwd=disk)
    check_same_end(folder, only_run(tmp_path / "whole"))


def test_no_room_for_the_report_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "write_report", lambda folder: no_room())
    told = (
        f"no report (OSError: [Errno 28] No space left on device); python scripts/report.py sweep={tmp_path} writes it"
    )
    assert jobs.report(tmp_path) == [told]
