from pathlib import Path

import pytest
from contrastive_lab.record.sweep import read_sweep

from contrastive_lab.errors import ConfigError
from tests.sweep_folder import seeds, write_run, write_sweep


def test_a_folder_without_a_plan_is_read_by_what_its_runs_were_told(tmp_path: Path) -> None:
    for place, K, alpha in (("a", 4, "null"), ("b", 16, "256.0")):
        write_run(tmp_path / place, {"K": K, "linear_top1": 80.0, "seed": 0})
        hydra = tmp_path / place / ".hydra"
        hydra.mkdir()
        about = "method_info: {id: simo, pool: batch, views: 2, key_encoder: true}"
        (hydra / "config.yaml").write_text(f"K: {K}\nalpha: {alpha}\nseed: 0\ntau: 0.2\nbatch_size: 64\n{about}\n")
        (hydra / "overrides.yaml").write_text(f"- K={K}\n" + ("- alpha=256\n" if K == 16 else ""))
        (tmp_path / place / "command.txt").write_text(f"python train.py K={K}\n")
    sweep = read_sweep(tmp_path)
    assert sweep.varied == ["K", "alpha"]  # tau was told to none
    assert sweep.asked[sweep.told].to_dict("records") == [{"K": 4, "alpha": None}, {"K": 16, "alpha": 256.0}]
    assert sweep.commands == ["python train.py K=4", "python train.py K=16"]
    assert list(read_sweep(tmp_path / "a").results.index) == ["."]


def test_a_folder_without_runs_is_refused_in_one_line(tmp_path: Path) -> None:
    for folder, reason in ((tmp_path / "none", "no such folder"), (tmp_path, "neither a sweep.json")):
        with pytest.raises(ConfigError, match=reason):
            read_sweep(folder)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(ConfigError, match=r"sweep\.json cannot be read"):
        read_sweep(tmp_path)


def test_a_damaged_result_is_a_failure_of_that_run_alone(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4), *seeds([81], K=8)])
    (folder / "K=8,seed=0" / "result.json").write_text('{"status": "do')
    assert list(read_sweep(folder).results["status"]) == ["done", "failed"]
