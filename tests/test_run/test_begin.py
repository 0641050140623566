"""What a run leaves before its first step."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import embedded
from contrastive_lab.dataset.labelled import with_labels
from contrastive_lab.run.begin import begin


def test_only_a_share_of_the_labels_is_written_down(
    tmp_path: Path, compose: Callable[..., DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    config, whole = compose("method=finetune", "labels=0.01"), embedded()
    begin(config, resolve(config), whole, tmp_path)
    assert not [*tmp_path.iterdir()] and f"folder     {tmp_path}" in capsys.readouterr().out
    begin(config, resolve(config), with_labels(whole, 0.01, seed=3), tmp_path, short=True)
    rows = [*csv.DictReader((tmp_path / "labelled.csv").read_text().splitlines())]
    labels = whole.train.labels
    assert len(rows) == 50 and all(int(row["label"]) == labels[int(row["image"])] for row in rows)
    assert "folder" not in capsys.readouterr().out
