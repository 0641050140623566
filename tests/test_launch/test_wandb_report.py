"""A sweep's report on W&B, and the yaml of a W&B sweep."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import wandb
import yaml
from matplotlib.figure import Figure
from omegaconf import DictConfig
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from contrastive_lab.launch.wandb_report import log_report
from contrastive_lab.report.tables import write_tables
from contrastive_lab.report.verdict import verdict
from tests.conftest import ROOT
from tests.sweep_folder import grid_of, seeds, write_sweep
from tests.wandb_files import QUIET, offline_runs

SWEEPS = sorted((ROOT / "conf" / "wandb").glob("*.yaml"))
TABLE = "name,K,linear_top1,error\nsimo-K4-a256-s0,4,71.5,\nsimo-K8-a256-s0,8,,stopped\n"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep of two jobs with its report, of which the second job has not started."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    jobs = [{"folder": f"K={K}", "name": f"simo-K{K}-a256-s0", "overrides": [f"K={K}"]} for K in (4, 8)]
    facts = {"name": "fig4-laptop", "command": "python train.py -m K=4,8", "scale": "laptop", "jobs": jobs}
    (tmp_path / "sweep.json").write_text(json.dumps(facts))
    (tmp_path / "K=4" / ".hydra").mkdir(parents=True)
    logger = {"name": "wandb", "project": "mine", "entity": None, "media": True}
    (tmp_path / "K=4" / ".hydra" / "config.yaml").write_text(yaml.safe_dump({"logger": logger}))
    (tmp_path / "report" / "figures").mkdir(parents=True)
    (tmp_path / "report" / "runs.csv").write_text(TABLE)
    (tmp_path / "report" / "table.csv").write_text("K,linear_top1_mean,linear_top1_low\n4,71.5,70.1\n8,,\n")
    (tmp_path / "report" / "verdict.txt").write_text("K = 4 is enough.\n")
    for name in ("accuracy", "gradient_norm"):
        Figure(figsize=(2, 1)).savefig(tmp_path / "report" / "figures" / f"{name}.png", dpi=50)
    return tmp_path


def test_a_report_is_one_run_with_all_figures_and_a_table_of_all_runs(sweep: Path) -> None:
    log_report(sweep)
    assert wandb.run is None
    (run,) = offline_runs(sweep)
    assert (run.run.display_name, run.run.run_group, run.run.job_type) == (
        "fig4-laptop-report",
        "fig4-laptop",
        "report",
    )
    assert (run.run.project, run.exit_code, run.summary["jobs"]) == ("mine", 0, 2)
    assert run.config["command"] == "python train.py -m K=4,8"
    (row,) = run.history
    for name in ("accuracy", "gradient_norm"):
        picture = row[f"figures/{name}"]
        assert (picture["width"], picture["height"]) == (100, 50)
        assert (run.files / picture["path"]).is_file()
    assert run.summary["verdict"] == "K = 4 is enough.\n"
    settings = json.loads((run.files / row["settings"]["path"]).read_text())
    assert settings["data"] == [[4, 71.5, 70.1], [8, None, None]]
    table = json.loads((run.files / row["runs"]["path"]).read_text())
    assert table["columns"] == ["name", "K", "linear_top1", "error"]
    assert table["data"] == [["simo-K4-a256-s0", 4, 71.5, None], ["simo-K8-a256-s0", 8, None, "stopped"]]


def test_the_sentences_and_intervals_are_those_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    jobs = [*seeds([48.1, 47.1, 49.0], K=16), *seeds([48.0, 47.1, 49.0], K=255)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    (grid.sweep.folder / "report").mkdir()
    write_tables(grid, grid.sweep.folder / "report")
    (grid.sweep.folder / "report" / "verdict.txt").write_text("\n".join(verdict(grid)))
    log_report(grid.sweep.folder)
    (run,) = offline_runs(grid.sweep.folder)
    assert (
        "K = 16 is enough: within 0.5 points of K = 255 (tests at 5 %), +0.03 points (95 % interval"
        in run.summary["verdict"]
    )
    table = json.loads((run.files / run.history[0]["settings"]["path"]).read_text())
    first = dict(zip(table["columns"], table["data"][0], strict=True))
    assert (first["linear_top1_interval"], first["linear_top1_difference_to"]) == ("t over seeds", "K = 255")
    assert first["linear_top1_high"] - first["linear_top1_mean"] == pytest.approx(
        4.302653 * 0.950438 / 3**0.5, rel=1e-4
    )
    assert first["linear_top1_difference_mean"] == pytest.approx(0.1 / 3)
    table = json.loads((run.files / run.history[0]["comparisons"]["path"]).read_text())
    told = {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["data"]}
    assert list(told) == ["slope per doubling of K", "K = 16 less K = 255"]
    gap = told["K = 16 less K = 255"]
    assert (gap["told"], gap["high"] - gap["mean"]) == (
        "the same",
        pytest.approx(4.302653 * 0.057735 / 3**0.5, rel=1e-4),
    )
    assert told["slope per doubling of K"]["more_seeds_difference"] >= 1


def test_a_report_written_again_goes_to_the_same_run(sweep: Path) -> None:
    (sweep / "wandb_run_id.txt").write_text("abcd1234\n")
    log_report(sweep)
    (run,) = offline_runs(sweep)
    assert run.run.run_id == "abcd1234" and run.run.resume


def test_a_sweep_without_a_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no report/runs.csv in it; python scripts/report.py sweep=.* writes"):
        log_report(tmp_path)


def test_the_line_that_syncs_takes_the_runs_and_their_report(tmp_path: Path) -> None:
    (pattern,) = re.findall(r"^    wandb sync (\S+)", (ROOT / "docs" / "wandb.md").read_text(), re.MULTILINE)
    places = {f"outputs/sweeps/first-look/{place}/offline-run-1" for place in ("wandb", "K=4/wandb", "K=16/wandb")}
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    done = subprocess.run(["bash", "-c", f"echo {pattern}"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} == places


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_wandb_sweep_starts_jobs_that_this_command_line_takes(path: Path, compose: Callable[..., DictConfig]) -> None:
    asked = yaml.safe_load(path.read_text())
    front = ["${env}", "${interpreter}", "-m", "contrastive_lab", "train", "${args_no_hyphens}"]
    assert asked["command"][: len(front)] == front  # of a checkout, and of a program that is installed
    grid = {name: values["values"] for name, values in asked["parameters"].items()}
    for changed, value in [(name, value) for name, values in grid.items() for value in values]:
        # What W&B's agent makes of the values that its server sends, in place of ${args_no_hyphens}.
        sent = {name: {"value": values[0]} for name, values in grid.items()} | {changed: {"value": value}}
        line = [*create_sweep_command_args({"args": sent})["args_no_hyphens"], *asked["command"][len(front) :]]
        config = compose(*line)
        assert config.logger.name == "wandb"
        assert config[changed] == (None if value == "null" else value), line
    assert {"K", "alpha"} <= grid.keys()
