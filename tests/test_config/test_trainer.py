import inspect
from typing import Any

import pytest
import pytorch_lightning as pl
from omegaconf import OmegaConf

from contrastive_lab.config.model import problems
from contrastive_lab.config.names import OWNED
from contrastive_lab.config.trainer import Trainer
from tests.conftest import ROOT

VALUES = {k: v for k, v in OmegaConf.load(ROOT / "conf" / "trainer" / "default.yaml").items() if k != "_target_"}


def test_the_settings_are_the_arguments_of_lightnings_trainer() -> None:
    arguments = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self"}
    owned = {key.removeprefix("trainer.") for key in OWNED if key.startswith("trainer.")}
    assert owned <= arguments
    assert VALUES.keys() == Trainer.model_fields.keys() == arguments - owned


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_time", "00:12:00", "days:hours:minutes:seconds, e.g. 00:12:00:00"),
        ("max_time", 4, "days:hours:minutes:seconds, e.g. 00:12:00:00"),
        ("max_time", "soon", "days:hours:minutes:seconds, e.g. 00:12:00:00"),
        ("limit_train_batches", 1.5, "a number of batches, 0 or more, or a share of them from 0.0 to 1.0"),
        ("limit_train_batches", -1, "a number of batches, 0 or more, or a share of them from 0.0 to 1.0"),
        ("limit_val_batches", "x", "a number or null"),
        ("max_steps", -2, "-1 or more"),
        ("min_steps", -1, "0 or more"),
        ("min_epochs", "x", "a whole number or null"),
        ("fast_dev_run", -1, "0 or more"),
        ("check_val_every_n_epoch", 0, "1 or more"),
        ("reload_dataloaders_every_n_epochs", -1, "0 or more"),
        ("gradient_clip_val", -1, "0 or more"),
        ("benchmark", "x", "true or false or null"),
        ("deterministic", "x", "true or false or one of warn or null"),
        ("plugins", "x", "set key by key or a list or null"),
        ("enable_progress_bar", 3, "true or false or null"),
    ],
)
def test_a_wrong_value_is_one_line(key: str, value: Any, message: str) -> None:
    assert [*problems(Trainer, VALUES | {key: value}).values()] == [f"{key}={value}: must be {message}"]


@pytest.mark.parametrize("key", ["profiler", "gradient_clip_algorithm"])
def test_a_wrong_choice_is_one_line(key: str) -> None:
    (line,) = problems(Trainer, VALUES | {key: "x"}).values()
    assert line.startswith(f"{key}=x: choose one of ")


@pytest.mark.parametrize(
    "right",
    [
        {"max_time": "00:12:00:00", "limit_train_batches": 1.0, "limit_val_batches": 0, "fast_dev_run": 2},
        {"limit_train_batches": 0.5, "deterministic": "warn", "profiler": "simple", "gradient_clip_val": 1.0},
        {
            "plugins": {"_target_": "pytorch_lightning.plugins.TorchSyncBatchNorm"},
            "max_time": None,
            "fast_dev_run": True,
        },
    ],
)
def test_what_lightning_takes_is_taken(right: dict[str, Any]) -> None:
    assert problems(Trainer, VALUES | right) == {}
    pl.Trainer(accelerator="cpu", logger=False, **{k: v for k, v in right.items() if k != "plugins"})
