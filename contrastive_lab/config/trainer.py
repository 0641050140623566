"""Settings of what Lightning gets: the arguments of its Trainer, devices and loggers."""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from contrastive_lab.config.model import Settings


def _duration(text: Any) -> str:
    if not (isinstance(text, str) and re.fullmatch(r"\d+(:\d+){3}", text)):
        raise ValueError("days:hours:minutes:seconds, e.g. 00:12:00:00")
    return text


def _batches(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= (math.inf if isinstance(value, int) else 1):
        raise ValueError("a number of batches, 0 or more, or a share of them from 0.0 to 1.0")
    return value


Duration = Annotated[str, BeforeValidator(_duration)]
Batches = Annotated[int | float | None, AfterValidator(_batches)]


class Strategy(Settings):
    """Devices."""

    name: str = Field(description="of its yaml")
    accelerator: Literal["auto", "cpu", "gpu"] = Field(description="gpu means CUDA")
    devices: int = Field(ge=1, description="processes on this machine")
    compile: bool = Field(False, description="torch.compile for training passes and views; half a minute or more")
    trainer: dict[str, Any] = Field(description="what Lightning's Trainer is told of them")


class Trainer(Settings):
    """The arguments of Lightning's Trainer."""

    num_nodes: int = Field(ge=1, description="machines")
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed"] = Field(description="of the numbers")
    log_every_n_steps: int = Field(ge=1, description="how often metrics.csv gets a row")
    max_steps: int | None = Field(ge=-1, description="fewer steps than the epochs have; -1: no limit")
    min_steps: int | None = Field(ge=0, description="as in Lightning")
    min_epochs: int | None = Field(ge=0, description="as in Lightning")
    max_time: Duration | None = Field(description="when to stop, as days:hours:minutes:seconds")
    limit_train_batches: Batches = Field(description="steps of an epoch, or a share of them")
    limit_val_batches: Batches = Field(description="no effect: a run has no validation loop")
    limit_test_batches: Batches = Field(description="no effect")
    limit_predict_batches: Batches = Field(description="no effect")
    fast_dev_run: bool | Annotated[int, Field(ge=0)] | None = Field(description="one step, or some, to try all")
    overfit_batches: Batches = Field(description="must stay 0; limit_train_batches takes part of an epoch")
    val_check_interval: Batches = Field(description="no effect")
    num_sanity_val_steps: int | None = Field(ge=-1, description="no effect")
    check_val_every_n_epoch: int | None = Field(ge=1, description="no effect")
    gradient_clip_val: float | None = Field(ge=0, description="longest gradient, or greatest entry of it")
    gradient_clip_algorithm: Literal["norm", "value"] | None = Field(description="which of the two")
    deterministic: bool | Literal["warn"] | None = Field(description="deterministic algorithms of torch")
    benchmark: bool | None = Field(description="that of cuDNN")
    profiler: Literal["simple", "advanced", "pytorch"] | dict[str, Any] | None = Field(description="as in Lightning")
    plugins: dict[str, Any] | list[dict[str, Any]] | None = Field(description="as in Lightning")
    model_registry: str | None = Field(description="as in Lightning")
    enable_checkpointing: bool | None = Field(description="false: no checkpoints, so that no run goes on")
    enable_progress_bar: bool | None = Field(description="a bar while it trains")
    enable_model_summary: bool | None = Field(description="a table of the layers")
    inference_mode: bool | None = Field(description="as in Lightning")
    detect_anomaly: bool | None = Field(description="torch's detection of NaN in gradients")
    accumulate_grad_batches: int | None = Field(description="must stay 1")
    use_distributed_sampler: bool | None = Field(description="must stay false")
    barebones: bool | None = Field(description="must stay false")
    reload_dataloaders_every_n_epochs: int | None = Field(ge=0, description="as in Lightning")
    enable_autolog_hparams: bool | None = Field(description="as in Lightning")


class Csv(Settings):
    """Metrics go to metrics.csv alone."""

    name: str = Field(description="of its yaml")


Tensorboard = Csv


class Wandb(Settings):
    """Metrics go to Weights & Biases too; what has a default here a yaml may leave out."""

    name: str = Field(description="of its yaml")
    project: str | None = Field(description="of W&B")
    entity: str | None = Field(description="of W&B; null: that of your account, or WANDB_ENTITY")
    media: bool = Field(description="a sheet of views at the start, a map of the features at the end")
    artifacts: bool = Field(False, description="the exported backbone, and of a sweep the report, are kept there, too")
    run_name: str | None = Field(None, description="of W&B, also as logger.name; null: method, K, alpha and seed")
    group: str | None = Field(None, description="of W&B; null: the sweep's name")
    job_type: str | None = Field(None, description="of W&B; null: pretrain")
    tags: list[str] | None = Field(None, description="of W&B; null: method, data set, scale and loss")
    notes: str | None = Field(None, description="of W&B")
    mode: Literal["online", "offline", "disabled"] | None = Field(None, description="of W&B; null: WANDB_MODE")


class Logger(Settings):
    """Where metrics go beside metrics.csv, of an option of your own in conf/logger/."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="of its yaml")
