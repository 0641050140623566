"""Runs of an older version: `about:` and `method.share` in config.yaml, and hashes of that spelling."""

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from contrastive_lab.config.identity import comparable, identity
from contrastive_lab.record.run import stored_config
from contrastive_lab.report import write_report
from tests.conftest import ROOT, Line, command

STORED = ROOT / "tests" / "stored_runs"


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[str, str], Path]:
    """Copy a stored folder to one below tmp_path."""
    return lambda name, to: Path(shutil.copytree(STORED / name, tmp_path / to))


def _result(folder: Path) -> dict[str, object]:
    values: dict[str, object] = json.loads((folder / "result.json").read_text())
    return values


def test_old_spellings_are_read_as_new_ones() -> None:
    old = OmegaConf.load(STORED / "done" / ".hydra" / "config.yaml")
    new = stored_config(STORED / "done")
    assert "about" in old and "share" in old.method
    assert "about" not in new and "share" not in new.method
    assert new.method_info == old.about and new.method.negatives_per == old.method.share
    OmegaConf.to_container(new, resolve=True)  # no value is taken from a key that is gone


@pytest.mark.parametrize("name", ["done", "interrupted"])
def test_a_checkpoint_has_the_identity_of_its_configuration(name: str) -> None:
    checkpoint = torch.load(STORED / name / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    told = identity(stored_config(STORED / name))
    assert comparable(checkpoint["config"]) == told
    assert comparable({**checkpoint["config"], "tau": 9.0}) != told


def test_an_interrupted_run_goes_on_to_its_end(stored: Callable[[str, str], Path], line: Callable[..., Line]) -> None:
    folder = stored("interrupted", "run")
    done = line(f"resume={folder}")
    assert done.code == 0, done.err
    assert _result(folder)["status"] == "done"
    found, uninterrupted = (
        pd.read_csv(path) for path in (folder / "metrics.csv", STORED / "interrupted_finished_metrics.csv")
    )
    shared = [name for name in uninterrupted if name in found]
    pd.testing.assert_frame_equal(found[shared], uninterrupted[shared], rtol=1e-3, atol=1e-3)


def test_a_checkpoint_of_another_configuration_is_not_resumed(
    stored: Callable[[str, str], Path], line: Callable[..., Line]
) -> None:
    folder = stored("interrupted", "run")
    path = folder / ".hydra" / "config.yaml"
    path.write_text(path.read_text().replace("K: 5", "K: 6"))
    done = line(f"resume={folder}")
    assert done.code == 1
    assert done.err.endswith("error: the checkpoint is of another configuration: K: 6, not 5\n")


@pytest.mark.long
def test_a_run_that_is_done_is_evaluated(stored: Callable[[str, str], Path]) -> None:
    folder = stored("done", "run")
    done = command("scripts/evaluate.py", "run=run", "evaluation=knn", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert "knn on h:" in done.stdout
    (scores,) = (json.loads(path.read_text()) for path in folder.glob("evaluation_knn_*.json"))
    assert scores["top1"] == pytest.approx(_result(folder)["knn_top1"], abs=0.5)


@pytest.mark.long
def test_the_report_of_a_sweep_is_written_again(stored: Callable[[str, str], Path]) -> None:
    folder = stored("sweep", "outputs/sweeps/stored")
    write_report(folder)
    rows = pd.read_csv(folder / "report" / "runs.csv")
    assert sorted(rows["K"]) == [4, 6]
    assert set(rows["status"]) == {"done"}


@pytest.mark.long
@pytest.mark.usefixtures("no_report")
def test_the_jobs_of_a_sweep_count_as_done(stored: Callable[[str, str], Path], line: Callable[..., Line]) -> None:
    folder = stored("sweep", "outputs/sweeps/stored")
    before = {path: path.read_bytes() for path in folder.glob("K=*/result.json")}
    told = shlex.split(json.loads((folder / "sweep.json").read_text())["command"])[2:]
    done = line(*told)
    assert done.code == 0, done.err
    assert done.out.count("done before") == 2
    assert {path: path.read_bytes() for path in folder.glob("K=*/result.json")} == before
    path = next(folder.glob("K=4*/.hydra/config.yaml"))
    path.write_text(path.read_text().replace("tau: 0.2", "tau: 0.3"))
    other = line(*told)
    assert other.code == 2
    assert "holds another run (tau: 0.3, not 0.2); choose another sweep=<name>" in other.err
