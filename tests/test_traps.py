"""Traps of this stack that have caught others; those that belong to one subject are tested there.

W&B runs that leak into the next job, offline resume, step after a resume: test_run/test_offline_runs.py; no key:
test_run/test_train.py. Exact resume, another configuration's checkpoint: test_run/test_resume.py. A positive among the
negatives: test_negatives.py. Jobs of one second: test_launch/test_plan.py.
"""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from packaging.requirements import Requirement

from contrastive_lab.config import CONF
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.run import stored_config
from contrastive_lab.record.tables import read_metrics
from tests.conftest import ROOT, TINY, only_run

Compose = Callable[..., DictConfig]


def test_what_a_launcher_leaves_in_the_environment_is_gone_after_a_job(
    trained: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(self: pl.Trainer, *args: object, **options: object) -> None:
        os.environ.update(MASTER_PORT="1", LOCAL_RANK="7", MASTER_ADDR="there")

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # the command line sets it
    monkeypatch.setenv("MASTER_ADDR", "here")
    before = dict(os.environ)
    monkeypatch.setattr(pl.Trainer, "fit", fit)
    trained(*TINY, "evaluation.epochs=1")
    assert dict(os.environ) == before


def test_no_strategy_spawns_or_forks() -> None:
    options = [OmegaConf.load(path) for path in (CONF / "strategy").glob("*.yaml")]
    strategies = [option.trainer.strategy for option in options]
    assert len(strategies) == 4
    for strategy in strategies:
        found = strategy if isinstance(strategy, str) else strategy.get("start_method", "popen")
        assert found in ("auto", "popen")


@pytest.mark.parametrize("key", ["backbone", "logger", "method"])
def test_a_configuration_calls_no_code_of_others(key: str, compose: Compose, tmp_path: Path) -> None:
    if key == "backbone":  # others take no further keys at all
        with pytest.raises(ConfigError, match=rf"^{key}._target_=os.getcwd: only what conf/ names there is called"):
            compose(f"{key}=timm", f"+{key}._target_=os.getcwd")
    config = compose()
    OmegaConf.update(config, f"{key}._target_", "os.getcwd", force_add=True)
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(config, tmp_path / ".hydra" / "config.yaml")
    with pytest.raises(
        ConfigError, match=rf"config.yaml: {key}._target_=os.getcwd: only what conf/ names there is called"
    ):
        stored_config(tmp_path)


def test_a_stored_configuration_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / ".hydra" / "config.yaml"
    for text, problem in ((None, "cannot be read"), ("a: [", "cannot be read"), ("", "is empty")):
        path.parent.mkdir(exist_ok=True)
        if text is not None:
            path.write_text(text)
        with pytest.raises(ConfigError, match=rf"^.*config.yaml: {problem}[^\n]*$"):
            stored_config(tmp_path)


def test_hydra_and_omegaconf_stay_where_they_work_together() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    allowed = {found.name: found.specifier for found in map(Requirement, needed)}
    assert "1.3.4" in allowed["hydra-core"] and "1.3.3" not in allowed["hydra-core"]  # 1.3.4: a security release
    assert "1.4.0" not in allowed["hydra-core"] and "2.4.0" not in allowed["omegaconf"]


def test_base_and_effective_rate_are_printed_and_logged(trained: Callable[..., str], tmp_path: Path) -> None:
    out = trained(*TINY, "base_lr=0.2", "optim.warmup_epochs=0")
    assert "optimizer  sgd, learning rate 0.2 * 64/256 = 0.05" in out
    lrs = read_metrics(only_run(tmp_path) / "metrics.csv")["lr"]
    assert lrs.max() == pytest.approx(0.05)
