"""A disk without room: one line, a failed run, the last good state kept, and the same end once there is room."""

import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from contrastive_lab.launch import jobs
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.run.callbacks import LastCheckpoint
from tests.conftest import TINY, Line, only_run
from tests.sweep_folder import write_sweep
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


def check_goes_on(done: Line, disk: Path, whole: Path, trained: Trained) -> None:
    """The run failed for want of room, and comes to the same end once there is some."""
    folder, whole = only_run(disk), only_run(whole)
    check_failed(done, folder.relative_to(disk))
    (disk / "filler").unlink()
    trained(f"resume={folder.relative_to(disk)}", cwd=disk)
    assert metrics(folder) == metrics(whole)
    assert all(value.equal(weights(whole)[name]) for name, value in weights(folder).items())


@pytest.mark.long
@pytest.mark.parametrize(
    ("owner", "name", "times"),
    [(LastCheckpoint, "save", 2), (LastCheckpoint, "save", 3), (pl.Trainer, "save_checkpoint", 3)],
)
def test_no_room_for_a_checkpoint(
    owner: type,
    name: str,
    times: int,
    disk: Path,
    tmp_path: Path,
    line: Typed,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained(*RUN, cwd=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, until(getattr(owner, name), times, lambda: fill(disk)))
        done = line(*RUN, cwd=disk)
    check_goes_on(done, disk, tmp_path / "whole", trained)


@pytest.mark.long
def test_no_room_for_a_row(
    disk: Path, tmp_path: Path, line: Typed, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of an epoch are more than the block that a file has begun."""
    told, failed, save = (*RUN, "trainer.limit_train_batches=40"), list[OSError](), MetricsFile.save

    def watched(file: MetricsFile) -> None:
        try:
            save(file)
        except OSError as error:
            failed.append(error)
            raise

    trained(*told, cwd=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "save", until(watched, 45, lambda: fill(disk)))
        done = line(*told, cwd=disk)
    assert failed[0].errno == errno.ENOSPC
    check_goes_on(done, disk, tmp_path / "whole", trained)


def test_no_room_for_the_report_of_a_sweep(disk: Path) -> None:
    sweep = write_sweep(disk / "sweep", [({"K": K}, {"linear_top1": 50.0 + K}) for K in (4, 16)])
    fill(disk)
    (told,) = jobs.report(sweep)
    assert told.startswith("no report (OSError: [Errno 28] No space left on device")
    assert told.endswith(f"); python scripts/report.py sweep={sweep} writes it")
    (disk / "filler").unlink()
    assert jobs.report(sweep) == []
    assert (sweep / "report" / "report.html").is_file()
